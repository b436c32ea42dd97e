"""A finished segmentation run as a folder: ONNX files, weights, measured scores, card and page."""

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from cxrkit.models import onnx_files, weights_file
from cxrkit.segmentation import ENGINES, PRECISIONS, SIZE, Recipe, Segmenter, load, preprocess
from cxrkit.terms import SPLITS
from cxrkit.training import learnt, left_out, loop, model_card, segmentation_page
from cxrkit.training.cases import Case, OfPatient, read, read_for_test, split_hash
from cxrkit.training.evaluation import Score, evaluate, evaluate_copies, summary
from cxrkit.training.published import Copy
from cxrkit.training.segmentation import Settings

CALIBRATION = 128  # training images that set the scales of the 8-bit file
LEAK = (
    "LEAKING, as published: copies were dealt to train, validate and test one by one, so copies of "
    "one radiograph stand on both sides, and one output learnt masks of both conventions"
)


@dataclass(frozen=True)
class Run:
    """What was trained: cases with their splits, the recipe, the copies of a leaking one."""

    cases: Sequence[Case]
    recipe_name: str
    settings: Settings
    recipe: loop.Recipe
    copies: Sequence[Copy] | None = None


def write(
    net: nn.Module, run: Run, rows: Sequence[loop.Row], out: Path, pictures: bool = False,
    unusable: Sequence[str] = (),
) -> dict[str, Any]:  # fmt: skip
    """Write model.onnx, model-int8.onnx, weights, the CSV files, card and report.html.

    The scores are measured on the "test" cases by the written files, as `cxr build` uses them.
    Returns the card. `rows` is the log of the training.
    """
    weights_file.write(out, net, run.settings.architecture, asdict(run.settings))
    float32 = onnx_files.segmentation(net, SIZE)
    int8 = onnx_files.int8(float32, _calibration(run.cases))
    files = {}
    for precision, data in (("int8", int8), ("float32", float32)):
        name = "model.onnx" if precision == "float32" else f"model-{precision}.onnx"
        (out / name).write_bytes(data)
        files[precision] = {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
    left_out.write(out, unusable)
    card = (
        _card(net, run)
        | {"left_out": len(unusable), "files": files}
        | learnt.write(out, _learnt(run))
    )
    model_card.write(out, card)  # `load` checks the files against it
    scores = {precision: _scores(run, out, precision) for precision in PRECISIONS}
    card["scores"] = {precision: summary(found) for precision, found in scores.items()}
    if run.copies is not None:
        card["leaking_scores"] = _leaking(run, out)
    model_card.write(out, card)
    _write_split(out / "split.csv", run)
    _write_scores(out / "test.csv", scores)
    segmentation_page.write(out, card, scores["int8"], rows, pictures)
    return card


def _learnt(run: Run) -> list[OfPatient]:
    """The cases that were learnt from; of a leaking run those of which a copy was."""
    if run.copies is None:
        return learnt.seen(run.cases)
    return [copy.case for copy in run.copies if copy.split != "test"]


def _card(net: nn.Module, run: Run) -> dict[str, Any]:
    leaking = run.copies is not None
    how = LEAK if leaking else "whole patients, per archive, before any augmentation"
    return {
        "task": "segmentation",
        "title": f"Lungs on frontal chest radiographs, {run.settings.architecture}",
        "architecture": run.settings.architecture,
        "settings": asdict(run.settings),
        "parameters": sum(p.numel() for p in net.parameters()),
        "outputs": list(run.settings.outputs),
        "input": {
            "shape": [1, 1, SIZE, SIZE],
            "range": [0.0, 1.0],
            "polarity": "air dark",
            "resize": "linear, aspect ratio not kept",
            "contrast": "CLAHE, clip limit 2, 8 x 8 tiles, after the resize",
        },
        "output": "probability of lung, float32 in 0-1; threshold and cleaning under recipe",
        "recipe": asdict(Recipe()),
        "training": {
            "recipe": run.recipe_name,
            **asdict(run.recipe),
            "loss": "BCE + (1 - Dice), per image",
            **({"copies": len(run.copies or ())} if leaking else {}),
        },
        "data": data(run.cases),
        "split": how,
        "split_sha256": split_hash(run.cases),
        "intervals": "95 %, bootstrap over patients",
    }


def data(cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What a card says of each archive of the cases, sorted by its name."""
    return [_data(name, cases) for name in sorted({c.archive for c in cases})]


def _data(name: str, cases: Sequence[Case]) -> dict[str, Any]:
    own = [c for c in cases if c.archive == name]
    images = {split: sum(c.split == split for c in own) for split in SPLITS}
    entry = model_card.data(name, images, len({c.patient_id for c in own}))
    return entry | {"mask_convention": sorted({c.convention for c in own})}


def _calibration(cases: Sequence[Case]) -> Iterator[np.ndarray]:
    """Model inputs of training images, evenly spread over the archives."""
    training = [c for c in cases if c.split == "train"]
    step = max(1, len(training) // CALIBRATION)
    for case in training[::step]:
        yield preprocess(read_for_test(case)[0])


def _scores(run: Run, weights: Path, precision: str) -> list[Score]:
    test = [c for c in run.cases if c.split == "test"]
    return evaluate(test, segmenters(weights, run.settings, precision), Recipe())


def segmenters(weights: Path, settings: Settings, precision: str) -> dict[str, Segmenter]:
    """The network in a weights folder behind each of its outputs, by the output's name."""
    return {name: load(name, ENGINES[0], precision, weights) for name in settings.outputs}


def _leaking(run: Run, weights: Path) -> dict[str, Any]:
    """The scores that the published recipe gives itself: on its own test copies."""
    test = [c for c in run.copies or () if c.split == "test"]
    pairs = {(c.case.archive, c.case.image_id): read(c.case) for c in test}
    segmenter = load("mixed", ENGINES[0], "float32", weights)
    return summary(evaluate_copies(test, pairs, segmenter, Recipe(), run.recipe.seed))


def _write_split(path: Path, run: Run) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        header = ["archive", "image_id", "patient_id", "mask_convention", "split"]
        writer.writerow(header if run.copies is None else [*header, "copy"])
        for c in run.cases:
            if run.copies is None or c.split != "train":
                writer.writerow([c.archive, c.image_id, c.patient_id, c.convention, c.split])
        for copy in run.copies or ():
            c = copy.case
            row = [c.archive, c.image_id, c.patient_id, c.convention, copy.split, copy.number]
            writer.writerow(row)


def _write_scores(path: Path, scores: Mapping[str, Sequence[Score]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        first = True
        for precision, found in scores.items():
            for s in found:
                row = {
                    "precision": precision,
                    "archive": s.case.archive,
                    "image_id": s.case.image_id,
                    "mask_convention": s.case.convention,
                    **{name: f"{value:.4f}" for name, value in s.figures().items()},
                }
                if first:
                    writer.writerow(row)
                    first = False
                writer.writerow(row.values())
