"""One run of `cxr train finding`: splits, training, decision, measured scores, card and page."""

import csv
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from cxrkit import archives, finding_masks
from cxrkit.errors import InputRefused
from cxrkit.finding_masks import Decision, Finder
from cxrkit.imaging import radiograph
from cxrkit.models import architectures, onnx_files, weights_file
from cxrkit.segmentation import PRECISIONS, preprocess
from cxrkit.terms import SPLITS
from cxrkit.training import (
    checkpoint,
    distributed,
    finding_cases,
    finding_page,
    finding_scores,
    finding_segmentation,
    learnt,
    left_out,
    mask_scores,
    model_card,
    pixel_store,
)
from cxrkit.training.cases import assign_splits, split_hash
from cxrkit.training.finding_cases import FINDING, FindingCase, Gathered, Stored
from cxrkit.training.finding_scores import FindingScore
from cxrkit.training.finding_segmentation import Settings
from cxrkit.training.loop import Event, Recipe, Row

WHOLE_PATIENTS = "whole patients, per archive, before any augmentation"
RADIOGRAPHS = "radiographs"  # below OUT while it trains
CALIBRATION = 128  # training images that set the scales of the 8-bit file
ONNX = {"float32": "model.onnx", "int8": "model-int8.onnx"}
COLUMNS = ("precision", "archive", "image_id", "patient_id", "drawn_pixels", "found_pixels",
           "challenge_dice", "probability")  # fmt: skip


@dataclass(frozen=True)
class Run:
    """What was trained."""

    stored: Stored
    unknown: int  # radiographs with neither label nor mask
    settings: Settings
    recipe: Recipe
    rows: Sequence[Row]  # of the log


@dataclass(frozen=True)
class Shares:
    """How much of each archive is held back, in whole patients."""

    validate: float
    test: float


def run(
    sources: Sequence[tuple[str, Path]], settings: Settings, recipe: Recipe, shares: Shares,
    out: Path, device: str, report: Callable[[Event], None], workers: int = 1,
    pictures: bool = False, reading: Callable[[int, int], None] = lambda done, of: None,
) -> dict[str, Any]:  # fmt: skip
    """Train on the archives and write the run's folder; its card, empty in all but one process.

    Args:
        sources: (archive, its folder), once or more.
        settings: network and draws.
        recipe: how it is trained.
        shares: of the split.
        out: the run's folder; given again it is resumed.
        device: "cpu" or "cuda".
        report: called after each step and epoch.
        workers: threads that read radiographs.
        pictures: show radiographs of archives under an agreement in report.html too.
        reading: called with the radiographs read and their number.

    Raises:
        InputRefused: E101, an archive without masks of a finding; E107, an option; E108 and E109,
            a split from which nothing can be learnt or measured; and as `loop.train`.
    """
    finding_segmentation.require_size(settings.size)
    architectures.segmentation(settings.architecture, 1, settings.width, settings.keep)
    gathered = [finding_cases.gather(archive, root) for archive, root in sources]
    cases = assign_splits(
        (case for g in gathered for case in g.cases), shares.validate, shares.test, recipe.seed
    )
    finding_cases.require_learnable(cases)
    side = finding_cases.stored_side(settings.size)
    first, folder = distributed.is_first(), out / RADIOGRAPHS
    stored = finding_cases.store(cases, folder, side, workers, reading)
    try:
        finding_cases.require_learnable(stored.cases)
    except InputRefused:
        if first:
            pixel_store.remove(folder)
        raise
    stored = replace(
        stored, left_out=(*(x for g in gathered for x in g.left_out), *stored.left_out)
    )
    left_out.say(stored.left_out)
    net, rows = finding_segmentation.train(stored, settings, recipe, out, device, report)
    if not first:
        return {}
    card = write(net, Run(stored, _unknown(gathered), settings, recipe, rows), out, pictures)
    pixel_store.remove(folder)
    return card


def write(net: nn.Module, run: Run, out: Path, pictures: bool = False) -> dict[str, Any]:
    """Write ONNX files, weights, the CSV files, card and report.html.

    The decision is chosen on the validation images and the scores are measured on the test images,
    both by the written files and at the radiographs' own size. Returns the card.
    """
    weights_file.write(out, net, run.settings.architecture, asdict(run.settings))
    finders, files = {}, {}
    for precision, data in _networks(net, run).items():
        checkpoint.replace(out / ONNX[precision], data)
        sha256 = hashlib.sha256(data).hexdigest()
        files[precision] = {"file": ONNX[precision], "sha256": sha256}
        finders[precision] = finding_masks.finder(
            data, FINDING, run.settings.size, Decision(0.5, 0.0)
        )
    decisions, scores = {}, {}
    for precision, finder in finders.items():
        decision, reached = choose(run.stored, finder)
        finders[precision] = replace(finder, decision=decision)
        decisions[precision] = asdict(decision) | {"challenge_dice_validate": round(reached, 4)}
        scores[precision] = [score(c, finders[precision]) for c in _of_split(run, "test")]
    card = _card(net, run) | {
        "decision": decisions,
        "files": files,
        "scores": {
            precision: {
                archive: decisions[precision] | entry
                for archive, entry in finding_scores.summary(found).items()
            }
            for precision, found in scores.items()
        },
    }
    card |= learnt.write(out, learnt.seen(run.stored.cases))
    _write_csv(out / "split.csv", ("archive", "image_id", "patient_id", FINDING, "split"), (
        (c.archive, c.image_id, c.patient_id, int(c.positive), c.split) for c in run.stored.cases
    ))  # fmt: skip
    _write_csv(out / "test.csv", COLUMNS, _rows(scores))
    left_out.write(out, run.stored.left_out)
    finding_page.write(out, card, run.rows, scores["float32"], finders["float32"], pictures)
    model_card.write(out, card)
    return card


def choose(stored: Stored, finder: Finder) -> tuple[Decision, float]:
    """The decision with the best challenge score on the validation images, and that score."""
    return finding_scores.choose(
        finding_scores.dice_of_decisions(*_measured(case, finder))
        for case in stored.cases
        if case.split == "validate"
    )


def score(case: FindingCase, finder: Finder) -> FindingScore:
    """How well the finding of one image is found, as `cxr predict finding` finds it."""
    picture = radiograph.read(case.image, smallest=finder.size)
    found, drawn = finding_masks.find(picture, finder), finding_cases.read_mask(case)
    return FindingScore(
        case,
        drawn=int(drawn.sum()),
        found=int(found.mask.sum()),
        dice=mask_scores.siim_dice(found.mask, drawn),
        probability=found.probability,
    )


def text(card: dict[str, Any]) -> str:
    """The test scores of a card, a line per file and archive."""
    lines = []
    for precision, by_archive in card["scores"].items():
        for archive, s in by_archive.items():
            low, high = s["challenge_dice_95_interval"]
            lines.append(
                f"{precision:8} {archive:12} {s['images']:5} images, {s['positive']} with {FINDING}"
                f"  challenge Dice {s['challenge_dice']:.4f} [{low:.4f}, {high:.4f}]"
                f" (always empty {s['challenge_dice_if_always_empty']:.4f})"
                f"  Dice of positives {s['dice_of_positives']:.4f}  AUROC {s['auroc']:.4f}"
            )
    return "\n".join(lines)


def _measured(case: FindingCase, finder: Finder) -> tuple[np.ndarray, np.ndarray]:
    """Probability, float32, and drawn mask, bool, both at the radiograph's own size."""
    drawn = finding_cases.read_mask(case)
    pixels = radiograph.read(case.image, smallest=finder.size).pixels
    probability = finding_masks.probability_map(pixels, finder)
    return finding_masks.enlarged(probability, *drawn.shape), drawn


def _networks(net: nn.Module, run: Run) -> dict[str, bytes]:
    float32 = onnx_files.segmentation(net, run.settings.size)
    made = {"float32": float32, "int8": onnx_files.int8(float32, _calibration(run))}
    return {precision: made[precision] for precision in PRECISIONS}


def _calibration(run: Run) -> Iterator[np.ndarray]:
    """Model inputs of training images, evenly spread; half of them have the finding."""
    places = run.stored.places("train")
    for wanted in (True, False):
        own = [k for k in places if run.stored.cases[k].positive is wanted]
        for k in own[:: max(1, 2 * len(own) // CALIBRATION)]:
            yield preprocess(finding_masks.squash(run.stored.pair(k)[0], run.settings.size))


def _card(net: nn.Module, run: Run) -> dict[str, Any]:
    size = run.settings.size
    return {
        "task": finding_masks.TASK,
        "title": f"{FINDING.capitalize()} on chest radiographs, {run.settings.architecture}",
        "finding": FINDING,
        "architecture": run.settings.architecture,
        "settings": asdict(run.settings),
        "parameters": sum(p.numel() for p in net.parameters()),
        f"with_{FINDING}": {s: sum(c.positive for c in _of_split(run, s)) for s in SPLITS},
        "left_out": len(run.stored.left_out),
        "without_label_or_mask": run.unknown,
        "input": {
            "shape": [1, 1, size, size],
            "range": [0.0, 1.0],
            "polarity": "air dark",
            "resize": "area mean, aspect ratio not kept",
            "contrast": "CLAHE, clip limit 2, 8 x 8 tiles, after the resize",
        },
        "output": f"probability of {FINDING} for each pixel, enlarged to the radiograph's own size "
        "and cut at the threshold; parts below the smallest share of the image are dropped",
        "training": asdict(run.recipe) | {
            "loss": "BCE, and 1 - Dice where the mask has pixels, per image",
            "draws": "every image once an epoch; those that are short again, up to positive_share",
        },
        "data": [_data(name, run) for name in sorted({c.archive for c in run.stored.cases})],
        "split": "; ".join([WHOLE_PATIENTS, *_strangers(run)]),
        "split_sha256": split_hash(run.stored.cases),
        "intervals": "95 %, bootstrap over patients",
        "limits": [
            "Scores hold for the share of sick in the archives named here: with fewer, the "
            "challenge's score rises for a network that finds nothing.",
            "Threshold and smallest part are the best of a grid on the validation images.",
        ],
    }  # fmt: skip


def _data(name: str, run: Run) -> dict[str, Any]:
    own = [c for c in run.stored.cases if c.archive == name]
    images = {split: sum(c.split == split for c in own) for split in SPLITS}
    return model_card.data(name, images, len({c.patient_id for c in own}))


def _strangers(run: Run) -> list[str]:
    """A line for each archive that does not say whose an image is."""
    names = sorted({c.archive for c in run.stored.cases if not c.record.patient_id})
    return [
        f"patients of {name} are {archives.load(name).CARD.patients}; each image counts as a "
        "patient of its own, so a patient can be on both sides"
        for name in names
    ]


def _of_split(run: Run, split: str) -> list[FindingCase]:
    return [c for c in run.stored.cases if c.split == split]


def _unknown(gathered: Sequence[Gathered]) -> int:
    return sum(g.unknown for g in gathered)


def _rows(scores: dict[str, list[FindingScore]]) -> Iterator[tuple[object, ...]]:
    for precision, found in scores.items():
        for s in found:
            yield (precision, s.case.archive, s.case.image_id, s.case.patient_id, s.drawn, s.found,
                   f"{s.dice:.4f}", f"{s.probability:.4f}")  # fmt: skip


def _write_csv(path: Path, header: Sequence[str], rows: Iterator[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
