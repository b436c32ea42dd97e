"""A finished report model as a folder: its files, test reports, scores, card and page.

card.json is written last but for the page: a folder that has it can be used.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cxrkit import archives
from cxrkit.pipeline import durable
from cxrkit.report_writing import writers
from cxrkit.report_writing.report import Report
from cxrkit.report_writing.seen import Seen
from cxrkit.report_writing.writers import Kind
from cxrkit.reports import labeler
from cxrkit.terms import OBSERVATIONS, SPLITS
from cxrkit.training import card_tables, learnt, model_card, report_scores, run_page
from cxrkit.training.cases import split_hash
from cxrkit.training.loop import Row
from cxrkit.training.report_scores import Written
from cxrkit.training.report_targets import Target
from cxrkit.training.samples import Sample

Look = Callable[[Sequence[Target]], Iterator[Seen]]
Left = Sequence[tuple[Sample, str]]
TITLES = {
    "constant": "One normal report for every frontal chest radiograph",
    "nearest": "The report of the most similar frontal chest radiograph",
    "sentences": "Reports of frontal chest radiographs from observations and a bank of sentences",
    "decoder": "Reports of frontal chest radiographs, written word by word",
}
SPLIT = "whole patients, before anything is learnt or counted"
NO_PLACES = (
    "Sides, sizes and places are not written: the classifier does not know them.",
    "What was said of an observation is what the labeler reads; other statements are not checked.",
)


@dataclass(frozen=True)
class Model:
    """What was trained: files by their name in the card, with path and content."""

    kind: Kind
    files: Mapping[str, tuple[str, bytes]]
    facts: Mapping[str, Any] = field(default_factory=dict)  # what only its card has
    training: Mapping[str, Any] = field(default_factory=dict)
    rows: Sequence[Row] = ()  # of the log
    holds_reports: bool = True  # sentences of training reports lie in the folder


def write(
    model: Model, targets: Sequence[Target], left: Left, look: Look, out: Path
) -> dict[str, Any]:
    """Write the folder; its card.

    The scores are those of the written files on the test images; nothing is chosen on them.

    Args:
        model: as trained.
        targets: all images with a report that could be read, with their splits.
        left: the images that were left out, and why.
        look: what the model's classifier sees of targets.
        out: the run's folder.
    """
    durable.make_folder(out)
    for path, data in model.files.values():
        durable.make_folder((out / path).parent)
        durable.write(out / path, data)
    card = _card(model, targets, left)
    files = {name: data for name, (_, data) in model.files.items()}
    test = [t for t in targets if t.sample.split == "test"]
    every = [
        report_scores.judge(name, reports, test)
        for name, reports in _reports(card, files, look(test)).items()
    ]
    card["scores"] = report_scores.as_card(every, test)
    card |= learnt.write(out, learnt.seen(t.sample for t in targets))
    _write_split(out / "split.csv", targets)
    _write_test(out / "test.csv", test, every[0])
    _write_left_out(out / "left_out.csv", left)
    model_card.write(out, card)
    run_page.write(out, _page(card, model.rows, every[0].name))
    return card


def _reports(
    card: Mapping[str, Any], files: Mapping[str, bytes], seen: Iterable[Seen]
) -> dict[str, list[Report]]:
    """The test reports of the model, and for a decoder those of greedy search beside them."""
    ways = {str(card["model"]): writers.of_card(card, files)}
    if card["model"] == "decoder" and card["beam"] > 1:
        ways["decoder, greedy"] = writers.of_card(card, files, 1)
    reports: dict[str, list[Report]] = {name: [] for name in ways}
    for one in seen:
        for name, writer in ways.items():
            reports[name].append(writer.write(one))
    return reports


def _card(model: Model, targets: Sequence[Target], left: Left) -> dict[str, Any]:
    reasons = [why for _, why in left]
    names = sorted({t.sample.archive for t in targets})
    return {
        "task": writers.TASK,
        "title": TITLES[model.kind],
        "architecture": model.kind,
        "model": model.kind,
        **model.facts,
        "output": "findings and impression; for each sentence the observations behind it",
        "training": dict(model.training),
        "reference": "findings and impression of the report; labels as the labeler reads them",
        "left_out": {why: reasons.count(why) for why in sorted(set(reasons))},
        "data": [_data(name, targets) for name in names],
        "split": SPLIT,
        "split_sha256": split_hash([t.sample for t in targets]),
        "intervals": "95 %, bootstrap over patients, of micro label F1",
        "files": {
            name: {"file": path, "sha256": hashlib.sha256(data).hexdigest()}
            for name, (path, data) in model.files.items()
        },
        "limits": [*(_derived(name) for name in names if model.holds_reports), *NO_PLACES],
    }


def _derived(name: str) -> str:
    """That the folder holds text of an archive, and under which terms."""
    facts = archives.load(name).CARD
    text = f"The folder holds sentences of the reports of {facts.title}: it is derived data"
    if facts.licence in ("credentialed", "registered"):
        return f"{text} under the same agreement, and so is test.csv. {facts.terms}"
    return f"{text}, and so is test.csv; its terms hold: {facts.terms}"


def _data(name: str, targets: Sequence[Target]) -> dict[str, object]:
    own = [t.sample for t in targets if t.sample.archive == name]
    images = {split: sum(s.split == split for s in own) for split in SPLITS}
    return model_card.data(name, images, len({s.patient_id for s in own}))


def _page(card: Mapping[str, Any], rows: Sequence[Row], name: str) -> run_page.Page:
    """The page: scores alone. It shows no picture and no report, whatever the archive's terms."""
    found = card["scores"]["reports"]
    key = [
        (f"label F1 of {what}", card_tables.shown(found[what]["label_f1_micro"]))
        for what in (name, "constant report")
    ]
    return run_page.Page(card["title"], card, rows, key=key)


def _write_split(path: Path, targets: Sequence[Target]) -> None:
    header = ("archive", "image_id", "patient_id", "split")
    every = [t.sample for t in targets]
    _write(path, header, ((s.archive, s.image_id, s.patient_id, s.split) for s in every))


def _write_test(path: Path, targets: Sequence[Target], written: Written) -> None:
    """One row per test image: what was written, and the states of it and of the reference."""
    header = ["archive", "image_id", "patient_id", "findings", "impression"]
    for o in OBSERVATIONS:
        header += [o, f"{o} written"]
    rows = []
    for target, report in zip(targets, written.reports, strict=True):
        s, said = target.sample, labeler.label(report.text)
        row: list[object] = [s.archive, s.image_id, s.patient_id, *report.sections]
        for o in OBSERVATIONS:
            row += [target.labels.get(o, ""), said.get(o, "")]
        rows.append(row)
    _write(path, header, rows)


def _write_left_out(path: Path, left: Left) -> None:
    """The images without a usable report and why; no file where there is none."""
    path.unlink(missing_ok=True)
    if left:
        rows = sorted((s.archive, s.image_id, why) for s, why in left)
        _write(path, ("archive", "image_id", "reason"), rows)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    durable.write(path, text.getvalue().encode("utf-8"))
