"""An archive on disk in, a lung-segmented dataset on disk out: the straight line.

Survey the archive, compute its images block by block, write the tables, seal. Every step can be cut
off at any instant: the same command, run again, goes on and ends in the same bytes.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cxrkit import archives, segmentation
from cxrkit.archives import Archive
from cxrkit.errors import InputRefused, IntegrityFailure, ResourceExhausted
from cxrkit.pipeline import (
    assemble,
    durable,
    interrupt,
    journal,
    lock,
    plan,
    provenance,
    quarantine,
    seal,
    space,
    workers,
)
from cxrkit.pipeline.block import Result, Setting
from cxrkit.pipeline.journal import Commit, Journal
from cxrkit.pipeline.plan import Plan
from cxrkit.pipeline.progress import State
from cxrkit.pipeline.workers import Worker
from cxrkit.terms import MaskConvention

MISSING_IN_A_ROW = 50  # files: more are no accident, the disk with the archive is gone


@dataclass(frozen=True)
class Options:
    """What a user chooses. `workers` and `max_quarantine` leave no trace in the dataset."""

    convention: MaskConvention = "excluded"
    engine: str = "auto"
    seed: int = 0  # of the split
    workers: int = 1
    precision: str = "int8"
    weights: Path = segmentation.WEIGHTS
    max_quarantine: str = ""  # a number or a share such as "2%"; "" is 5 % and at least 50


@dataclass(frozen=True)
class Summary:
    """What became of every record: inputs = built + all of quarantined + all of skipped.

    `status` is "built", "already-built" or "interrupted"; an interrupted run counts what is done.
    """

    status: str
    out: Path
    inputs: int
    built: int
    quarantined: Mapping[str, int]  # by code
    skipped: Mapping[str, int]  # by rule
    exit_code: int


@dataclass(frozen=True)
class _Job:
    """One run: what to build, and whom to tell."""

    archive: Archive
    setting: Setting
    options: Options
    survey: Plan
    most: int  # items that may be quarantined
    say: Callable[[str], None]
    update: Callable[[State], None]


def build(
    archive: str,
    root: Path,
    out: Path,
    options: Options,
    say: Callable[[str], None],
    update: Callable[[State], None],
) -> Summary:
    """Write the dataset of the archive at `root` to `out`, or go on with one that was begun.

    `say` gets a line for the user, `update` the state after each block.

    Raises:
        InputRefused: E101 to E107, E207, E304: archive, options or output refused.
        IntegrityFailure: E501 to E504, what was written before is damaged.
        ResourceExhausted: E202, the archive is gone; E601, the disk is full; both can be resumed.
        Locked: E801, another run writes `out`.
    """
    adapter, root, out = archives.load(archive), root.resolve(), out.resolve()
    _require_engine(options.engine)
    _require_apart(root, out)
    _require_ours(out)
    survey = plan.survey(adapter, root)
    most = quarantine.limit(options.max_quarantine, survey.selected)
    setting = Setting(
        archive, root, out, options.convention, options.engine, segmentation.Recipe(),
        survey.reports, options.precision, options.weights.resolve(),
    )  # fmt: skip
    job = _Job(adapter, setting, options, survey, most, say, update)
    if (run := seal.run_of(out)) is not None:
        return _already_built(job, run)
    amount = space.needed(survey.selected, survey.folders, survey.reports, out)
    say(f"{survey.selected} of {survey.records} images; about {amount / 1e6:,.0f} MB in {out}")
    space.require_writable(out)
    with lock.held(out / "runs" / "lock") as left, interrupt.watched() as stopped:
        if left:
            say(f"taking over from a run that died: {left}")
        try:
            return _built(job, stopped)
        except ResourceExhausted as error:
            raise _with_amount(error, out, amount) from error
        finally:
            with contextlib.suppress(ResourceExhausted):
                durable.remove(out / "runs" / "tmp")


def _built(job: _Job, stopped: Callable[[], int]) -> Summary:
    """What `build` does under the lock."""
    out, survey = job.setting.out, job.survey
    durable.remove(out / "runs" / "tmp")  # nothing there is named in the journal
    durable.make_folder(out / "runs" / "tmp")
    durable.make_folder(out / "runs" / "blocks")
    before = journal.read(out)
    header = provenance.choices(job.setting, survey, job.options.seed)
    if before is not None:  # refused before the workers load anything, where that can be told
        journal.require_same(out, {name: before.header.get(name) for name in header}, header)
    with workers.started(job.setting, _crew_size(job)) as crew:
        header |= provenance.tools(crew[0].facts, job.setting)
        if before is None:
            before = journal.create(out, header)
        journal.require_same(out, before.header, header)
        journal.cut_tail(out, before)
        commits = _sound(out, before, job.say)
        _require_room(job, sum(sum(c.outcomes.values()) for c in commits.values()))
        commits = _computed(job, crew, before.crc, commits, stopped)
    if status := stopped():
        return _summary("interrupted", job, _outcomes(commits), status)
    return _finished(job, header, commits)


def _computed(
    job: _Job,
    crew: list[Worker],
    crc: int,
    commits: dict[int, Commit],
    stopped: Callable[[], int],
) -> dict[int, Commit]:
    """The commits of all blocks, or of those done when the run is stopped.

    Blocks that end in missing files wait until a file is found again: if none is, the archive's
    disk is gone, and they must not count as done.
    """
    pending = (
        b
        for b in plan.blocks(job.archive, job.setting.root, job.survey, job.options.seed)
        if b.index not in commits
    )
    counts, waiting, missing = _outcomes(commits), list[Result](), 0
    before = counts.total()
    for result in workers.results(crew, job.setting, pending, stopped):
        waiting.append(result)
        missing = _missing_in_a_row(missing, result, job.setting.root)
        if missing:
            continue
        crc = _commit(job.setting.out, crc, waiting, commits, counts)
        _require_usable(job, counts)
        done, bad = counts.total(), sum(_with("quarantined", counts).values())
        job.update(State(done, job.survey.selected, before, bad))
    if not stopped():
        _commit(job.setting.out, crc, waiting, commits, counts)
        _require_usable(job, counts)
    return commits


def _commit(
    out: Path, crc: int, waiting: list[Result], commits: dict[int, Commit], counts: Counter[str]
) -> int:
    """Add the blocks that wait to the journal; gives its CRC."""
    for result in waiting:
        commit = Commit(result.sha256, dict(sorted(Counter(result.outcomes).items())))
        crc = journal.add(out, crc, result.index, commit)
        commits[result.index] = commit
        counts.update(commit.outcomes)
    waiting.clear()
    return crc


def _missing_in_a_row(missing: int, result: Result, root: Path) -> int:
    """How many files in a row are missing at the end of the block.

    Raises:
        ResourceExhausted: E202, more than MISSING_IN_A_ROW.
    """
    for outcome in result.outcomes:
        missing = missing + 1 if outcome == "quarantined E202" else 0
        if missing > MISSING_IN_A_ROW:
            raise plan.gone(root, f"{missing} files in a row are missing")
    return missing


def _finished(job: _Job, header: Mapping[str, Any], commits: Mapping[int, Commit]) -> Summary:
    """Tables, sums, and the end of what only a resume needs."""
    out = job.setting.out

    def lines() -> Iterator[list[assemble.Line]]:
        return (assemble.rows(out, index, commits[index].sha256) for index in sorted(commits))

    counts = assemble.write_tables(out, lines)
    summary = _summary("built", job, counts, 0)
    _require_conserved(summary, out)
    totals = {name: asdict(summary)[name] for name in ("inputs", "built", "quarantined", "skipped")}
    splits = _with("split", counts)
    run = provenance.run(header, job.archive.CARD, job.survey, totals, splits)
    seal.write(out, run, lines)
    durable.remove(out / "runs" / "blocks")
    return summary


def _already_built(job: _Job, run: Mapping[str, Any]) -> Summary:
    """The summary of a dataset that is whole, after a look at whether all its files are there."""
    out = job.setting.out
    chosen = provenance.choices(job.setting, job.survey, job.options.seed)
    then = provenance.choices_of(run)
    journal.require_same(out, {name: then[name] for name in chosen}, chosen)
    seal.require_files(out)
    for left in ("blocks", "tmp"):  # by a kill after the seal
        durable.remove(out / "runs" / left)
    counts = run["counts"]
    code = 3 if counts["quarantined"] else 0
    return Summary(
        "already-built", out, counts["inputs"], counts["built"], counts["quarantined"],
        counts["skipped"], code,
    )  # fmt: skip


def _summary(status: str, job: _Job, counts: Counter[str], code: int) -> Summary:
    quarantined = _with("quarantined", counts)
    skipped = Counter(job.survey.skipped) + Counter(_with("skipped", counts))
    return Summary(
        status, job.setting.out, job.survey.records, counts["built"], quarantined,
        dict(sorted(skipped.items())), code or (3 if quarantined else 0),
    )  # fmt: skip


def _outcomes(commits: Mapping[int, Commit]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for commit in commits.values():
        counts.update(commit.outcomes)
    return counts


def _with(outcome: str, counts: Mapping[str, int]) -> dict[str, int]:
    """The counts behind "quarantined CODE" or "skipped RULE", by code or rule."""
    start = f"{outcome} "
    return {k.removeprefix(start): n for k, n in sorted(counts.items()) if k.startswith(start)}


def _crew_size(job: _Job) -> int:
    return max(1, min(job.options.workers, -(-job.survey.selected // plan.BLOCK)))


def _sound(out: Path, before: Journal, say: Callable[[str], None]) -> dict[int, Commit]:
    """The commits whose files are still all there; the others are made anew."""
    commits = {i: c for i, c in before.commits.items() if _is_there(out, i, c)}
    if lost := len(before.commits) - len(commits):
        say(f"{lost} blocks were done but files of them are gone: they are made anew")
    return commits


def _is_there(out: Path, index: int, commit: Commit) -> bool:
    try:
        lines = assemble.rows(out, index, commit.sha256)
        built = (line["row"] for line in lines if line["outcome"] == "built")
        files = (file for row in built for file in assemble.outputs(row))
        return all((out / path).stat().st_size == size for path, _, size in files)
    except (IntegrityFailure, OSError):
        return False


def _require_engine(engine: str) -> None:
    known = ("auto", *segmentation.ENGINES)
    if engine not in known:
        raise InputRefused("E107", "--engine", engine, ", ".join(known), "use one of these")


def _require_apart(root: Path, out: Path) -> None:
    if root == out or root in out.parents or out in root.parents:
        raise InputRefused(
            "E107", str(out), f"lies in or around the archive {root}", "two separate folders",
            "choose another OUT",
        )  # fmt: skip


def _require_ours(out: Path) -> None:
    """Check that `out` is new, empty, or a dataset that was begun or is whole."""
    if not out.exists() or journal.path_of(out).is_file() or seal.run_of(out) is not None:
        return
    # A run that died before its journal leaves nothing but these.
    begun = {"runs"} | {f"runs/{name}" for name in ("lock", "tmp", "blocks", "probe")}
    found = [out / "runs", *out.iterdir(), *((out / "runs").glob("*"))] if out.is_dir() else [out]
    strange = [p for p in found if p.exists() and p.relative_to(out).as_posix() not in begun]
    if strange:
        raise InputRefused(
            "E105", str(out), f"holds {strange[0].name or out.name}", "a new or empty folder",
            "choose another OUT",
        )  # fmt: skip


def _require_room(job: _Job, done: int) -> None:
    share = 1 - done / max(1, job.survey.selected)
    survey, out = job.survey, job.setting.out
    amount = space.needed(survey.selected, survey.folders, survey.reports, out)
    space.require(int(amount * share), out)


def _with_amount(error: ResourceExhausted, out: Path, amount: int) -> ResourceExhausted:
    """The same failure, saying how much more room the whole dataset needs, where that is it."""
    if error.code != "E601":
        return error
    used = sum(p.stat().st_blocks * 512 for p in out.rglob("*") if p.is_file())
    more = max(amount - used, 0) / 1e6
    return ResourceExhausted(
        error.code, error.path, error.observed, f"about {more:,.0f} MB more in {out}", error.remedy
    )


def _require_usable(job: _Job, counts: Counter[str]) -> None:
    bad = _with("quarantined", counts)
    if sum(bad.values()) > job.most:
        raise quarantine.too_many(bad, job.most)


def _require_conserved(summary: Summary, out: Path) -> None:
    gone = sum((*summary.quarantined.values(), *summary.skipped.values()))
    if summary.inputs != summary.built + gone:
        raise IntegrityFailure(
            "E504", str(out), f"{summary.built} built and {gone} left out",
            f"{summary.inputs} inputs", "report it; nothing was sealed",
        )  # fmt: skip
