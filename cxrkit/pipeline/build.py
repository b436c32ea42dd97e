"""A build: an archive on disk in, a lung-segmented dataset on disk out."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrkit import archives, segmentation
from cxrkit.archives import Archive
from cxrkit.errors import InputRefused
from cxrkit.pipeline import assemble, plan, provenance, run, space
from cxrkit.pipeline.block import Block, Line, Lines, Setting
from cxrkit.pipeline.plan import Plan
from cxrkit.pipeline.progress import State
from cxrkit.pipeline.segmented import Segmentation
from cxrkit.pipeline.summary import Summary
from cxrkit.quality import estimate
from cxrkit.terms import MaskConvention


@dataclass(frozen=True)
class Options:
    """What a user chooses. `workers` and `max_quarantine` leave no trace in the dataset."""

    convention: MaskConvention = "excluded"
    engine: str = "auto"
    seed: int = 0  # of the split
    workers: int = 1
    precision: str = "int8"
    weights: Path = segmentation.WEIGHTS
    min_quality: float | None = None  # estimated Dice below which a mask is quarantined
    max_quarantine: str = ""  # a number or a share such as "2%"; "" is 5 % and at least 50


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
    run.require_apart(root, out)
    run.require_ours(out)
    survey = plan.survey(adapter, root)
    task = Segmentation(
        options.convention, options.engine, segmentation.Recipe(), survey.reports,
        options.precision, options.weights.resolve(), options.min_quality,
    )  # fmt: skip
    _require_estimate(task)
    work = _Build(adapter, Setting(archive, root, out, task), task, survey, options.seed)
    return run.run(work, options.workers, options.max_quarantine, say, update)


@dataclass(frozen=True)
class _Build:
    """The work of a build, see work.py."""

    archive: Archive
    setting: Setting
    task: Segmentation
    survey: Plan
    seed: int
    outcome = "built"

    @property
    def listed(self) -> int:
        return self.survey.records

    @property
    def selected(self) -> int:
        return self.survey.selected

    @property
    def skipped(self) -> Mapping[str, int]:
        return self.survey.skipped

    def needed(self) -> int:
        survey = self.survey
        return space.needed(survey.selected, survey.folders, survey.reports, self.setting.out)

    def choices(self) -> dict[str, Any]:
        return provenance.choices(self.setting.archive, self.task, self.survey, self.seed)

    def choices_of(self, run: Mapping[str, Any]) -> dict[str, Any]:
        return provenance.choices_of(run)

    def tools(self, facts: Mapping[str, str]) -> dict[str, Any]:
        return provenance.tools(facts, self.task)

    def blocks(self) -> Iterator[Block]:
        return plan.blocks(self.archive, self.setting.root, self.survey, self.seed)

    def files(self, row: Line) -> Iterator[tuple[str, str, int]]:
        return assemble.outputs(row)

    def write_tables(self, lines: Lines) -> tuple[Counter[str], tuple[str, ...]]:
        return assemble.write_tables(self.setting.out, lines), assemble.TABLES

    def run(
        self, header: Mapping[str, Any], summary: Summary, counts: Mapping[str, int]
    ) -> dict[str, Any]:
        totals = {
            "inputs": summary.inputs,
            "built": summary.done,
            "quarantined": summary.quarantined,
            "skipped": summary.skipped,
        }
        splits, proof = _with("split ", counts), _with("proof ", counts)
        return provenance.run(header, self.archive.CARD, self.survey, totals, splits, proof)


def _with(start: str, counts: Mapping[str, int]) -> dict[str, int]:
    """The counts whose name begins so, without that."""
    return {k.removeprefix(start): n for k, n in sorted(counts.items()) if k.startswith(start)}


def _require_estimate(task: Segmentation) -> None:
    """A limit for the estimated Dice needs a network that the calibration is for."""
    if task.min_quality is None:
        return
    known = segmentation.weights_sha256(task.weights, task.precision) in estimate.load().networks
    if not known:
        raise InputRefused(
            "E107", "--min-quality", "weights that the estimated Dice is not calibrated for",
            "the shipped network", "leave --min-quality or --weights away",
        )  # fmt: skip


def _require_engine(engine: str) -> None:
    known = ("auto", *segmentation.ENGINES)
    if engine not in known:
        raise InputRefused("E107", "--engine", engine, ", ".join(known), "use one of these")
