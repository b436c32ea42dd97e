"""The straight line of `cxr build` and `cxr convert`: an archive on disk in, files and tables out.

Compute the items block by block, write the tables, seal. Every step can be cut off at any instant:
the same command, run again, goes on and ends in the same bytes.
"""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrkit import outputs
from cxrkit.errors import CxrkitError, InputRefused, IntegrityFailure, ResourceExhausted
from cxrkit.pipeline import (
    block,
    durable,
    interrupt,
    journal,
    lock,
    plan,
    quarantine,
    seal,
    space,
    workers,
)
from cxrkit.pipeline.block import Line, Result
from cxrkit.pipeline.journal import Commit, Journal
from cxrkit.pipeline.progress import State
from cxrkit.pipeline.summary import Summary
from cxrkit.pipeline.work import Work
from cxrkit.pipeline.workers import Worker

MISSING_IN_A_ROW = 50  # files: more are no accident, the disk with the archive is gone


@dataclass(frozen=True)
class _Job:
    """One run: what to make, with how many processes, and whom to tell."""

    work: Work
    workers: int
    most: int  # items that may be quarantined
    say: Callable[[str], None]
    update: Callable[[State], None]

    @property
    def out(self) -> Path:
        return self.work.setting.out


def run(
    work: Work,
    count: int,
    max_quarantine: str,
    say: Callable[[str], None],
    update: Callable[[State], None],
) -> Summary:
    """Make everything in `count` processes, or go on with what was begun.

    `say` gets a line for the user, `update` the state after each block.

    Raises:
        InputRefused: E104 to E107, E207, E304: options or output refused.
        IntegrityFailure: E501 to E504, what was written before is damaged.
        ResourceExhausted: E202, the archive is gone; E601, the disk is full; both can be resumed.
        Locked: E801, another run writes the output.
    """
    job = _Job(work, count, quarantine.limit(max_quarantine, work.selected), say, update)
    if (finished := seal.run_of(job.out)) is not None:
        return _already_done(job, finished)
    say(_announced(job))
    space.require_writable(job.out)
    try:
        with lock.held(job.out / "runs" / "lock") as left, interrupt.watched() as stopped:
            if left:
                say(f"taking over from a run that died: {left}")
            try:
                return _done(job, stopped)
            finally:
                with contextlib.suppress(CxrkitError):
                    durable.remove(job.out / "runs" / "tmp")
    except ResourceExhausted as error:
        raise _resumable(error, job) from error


def require_apart(root: Path, out: Path) -> None:
    """Check that neither folder lies in the other.

    Raises:
        InputRefused: E107, one does.
    """
    if root == out or root in out.parents or out in root.parents:
        raise InputRefused(
            "E107", str(out), f"lies in or around the archive {root}", "two separate folders",
            "choose another OUT",
        )  # fmt: skip


def require_file(out: Path, option: str, *read: Path) -> None:
    """Check that a file can be at `out`: told before hours of work, not after.

    Args:
        out: the file to be written.
        option: what the message calls it, such as OUT.
        read: the files and folders that are only read, whether they are there or not.

    Raises:
        InputRefused: E107, it has no folder, is no file, is or lies in what is read, or cannot be
            written.
        ResourceExhausted: as `outputs.writing`.
    """
    with outputs.writing(out):
        if not out.parent.is_dir():
            observed = "there is no such folder"
        elif out.exists() and not out.is_file():
            observed = "it is a folder" if out.is_dir() else "it is a device or a pipe"
        elif out.resolve() in {place.resolve() for place in read}:
            observed = "it is a file that is only read"
        elif any(out.resolve().is_relative_to(place.resolve()) for place in read):
            observed = "it lies in a folder that is only read"
        else:
            outputs.probe(out.parent)
            return
    expected = "a file apart from what is read" if read else "a file"
    raise InputRefused("E107", str(out), observed, expected, f"give {option} another place")


def require_ours(out: Path) -> None:
    """Check that `out` is new, empty, or an output that was begun or is whole.

    Raises:
        InputRefused: E105, it holds something else.
    """
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


def files_of(work: Work, lines: Iterable[Line]) -> Iterator[tuple[str, str, int]]:
    """Path, SHA-256 and bytes of the files of all items of a block."""
    for line in lines:
        if line["outcome"] == work.outcome:
            yield from work.files(line["row"])


def _announced(job: _Job) -> str:
    images = f"{job.work.selected} of {job.work.listed} images"
    amount = job.work.needed()
    return f"{images}; about {amount / 1e6:,.0f} MB in {job.out}" if amount else images


def _done(job: _Job, stopped: Callable[[], int]) -> Summary:
    """What `run` does under the lock."""
    out, work = job.out, job.work
    durable.remove(out / "runs" / "tmp")  # nothing there is named in the journal
    durable.make_folder(out / "runs" / "tmp")
    durable.make_folder(out / "runs" / "blocks")
    before = journal.read(out)
    header = work.choices()
    if before is not None:  # refused before the workers load anything, where that can be told
        _require_same(out, before.header, header)
    with workers.started(work.setting, _crew_size(job)) as crew:
        header |= work.tools(crew[0].facts)
        if before is None:
            before = journal.create(out, header)
        journal.require_same(out, before.header, header)
        journal.cut_tail(out, before)
        commits = _sound(job, before)
        _require_room(job, _outcomes(commits).total())
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
    pending = (b for b in job.work.blocks() if b.index not in commits)
    counts, waiting, missing = _outcomes(commits), list[Result](), 0
    before = counts.total()
    for result in workers.results(crew, job.work.setting, pending, stopped):
        waiting.append(result)
        missing = _missing_in_a_row(missing, result, job.work.setting.root)
        if missing:
            continue
        crc = _commit(job.out, crc, waiting, commits, counts)
        _require_usable(job, counts)
        done, bad = counts.total(), sum(_with("quarantined", counts).values())
        job.update(State(done, job.work.selected, before, bad))
    if not stopped():
        _commit(job.out, crc, waiting, commits, counts)
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
    out, work = job.out, job.work

    def lines() -> Iterator[list[Line]]:
        return (block.rows(out, index, commits[index].sha256) for index in sorted(commits))

    counts, tables = work.write_tables(lines)
    summary = _summary(work.outcome, job, counts, 0)
    _require_conserved(summary)
    sums = ([(path, sha256) for path, sha256, _ in files_of(work, group)] for group in lines())
    seal.write(out, work.run(header, summary, counts), tables, sums)
    durable.remove(out / "runs" / "blocks")
    return summary


def _already_done(job: _Job, finished: Mapping[str, Any]) -> Summary:
    """The summary of an output that is whole, after a look at its files, see `seal`."""
    work, out = job.work, job.out
    _require_same(out, work.choices_of(finished), work.choices())
    seal.require_files(out)
    for left in ("blocks", "tmp"):  # by a kill after the seal
        durable.remove(out / "runs" / left)
    counts = finished["counts"]
    return Summary(
        f"already-{work.outcome}", out, counts["inputs"], counts[work.outcome],
        counts["quarantined"], counts["skipped"], 3 if counts["quarantined"] else 0,
    )  # fmt: skip


def _require_same(out: Path, then: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """As `journal.require_same`, for what is known now; another command has other choices."""
    before, command = then.get("command", "build"), now.get("command", "build")
    journal.require_same(out, {"command": before}, {"command": command})
    journal.require_same(out, {name: then.get(name) for name in now}, now)


def _summary(status: str, job: _Job, counts: Counter[str], code: int) -> Summary:
    work, quarantined = job.work, _with("quarantined", counts)
    skipped = Counter(work.skipped) + Counter(_with("skipped", counts))
    return Summary(
        status, job.out, work.listed, counts[work.outcome], quarantined,
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
    return max(1, min(job.workers, -(-job.work.selected // block.BLOCK)))


def _sound(job: _Job, before: Journal) -> dict[int, Commit]:
    """The commits whose files are still all there; the others are made anew."""
    commits = {i: c for i, c in before.commits.items() if _is_there(job, i, c)}
    if lost := len(before.commits) - len(commits):
        job.say(f"{lost} blocks were done but files of them are gone: they are made anew")
    return commits


def _is_there(job: _Job, index: int, commit: Commit) -> bool:
    try:
        lines = block.rows(job.out, index, commit.sha256)
        return all(
            (job.out / path).stat().st_size == size for path, _, size in files_of(job.work, lines)
        )
    except (IntegrityFailure, OSError):
        return False


def _require_room(job: _Job, done: int) -> None:
    share = 1 - done / max(1, job.work.selected)
    space.require(int(job.work.needed() * share), job.out)


def _resumable(error: ResourceExhausted, job: _Job) -> ResourceExhausted:
    """The same failure, saying that the run goes on, and how much more room the whole needs."""
    if error.code not in ("E601", "E602"):
        return error
    expected, amount = error.expected, job.work.needed()
    if error.code == "E601" and amount:
        used = sum(p.stat().st_blocks * 512 for p in job.out.rglob("*") if p.is_file())
        expected = f"about {max(amount - used, 0) / 1e6:,.0f} MB more in {job.out}"
    remedy = f"{error.remedy}; with the same OUT it goes on where it stopped"
    return ResourceExhausted(error.code, error.path, error.observed, expected, remedy)


def _require_usable(job: _Job, counts: Counter[str]) -> None:
    bad = _with("quarantined", counts)
    if sum(bad.values()) > job.most:
        raise quarantine.too_many(bad, job.most)


def _require_conserved(summary: Summary) -> None:
    gone = sum((*summary.quarantined.values(), *summary.skipped.values()))
    if summary.inputs != summary.done + gone:
        raise IntegrityFailure(
            "E504", str(summary.out), f"{summary.done} {summary.status} and {gone} left out",
            f"{summary.inputs} inputs", "report it; nothing was sealed",
        )  # fmt: skip
