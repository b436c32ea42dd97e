"""A finished training run as a weights folder: ONNX files, measured scores and the card."""

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cxrkit import archives
from cxrkit.models import onnx_files
from cxrkit.models.sa_unet import SAUNet
from cxrkit.segmentation import ENGINES, PRECISIONS, SIZE, Recipe, load, preprocess
from cxrkit.terms import MASK_CONVENTIONS, SPLITS
from cxrkit.training.cases import Case, read_for_test, split_hash
from cxrkit.training.evaluation import Score, evaluate, summary
from cxrkit.training.segmentation import Training

CALIBRATION = 128  # training images that set the scales of the 8-bit file


def write(net: SAUNet, cases: Sequence[Case], training: Training, out: Path) -> dict[str, object]:
    """Write sa_unet.onnx, sa_unet-int8.onnx, split.csv, test.csv and card.json; return the card.

    The scores are measured on the "test" cases by the written files, as `cxr build` uses them.
    """
    float32 = onnx_files.float32(net, SIZE)
    int8 = onnx_files.int8(float32, _calibration(cases))
    files = {}
    for precision, data in (("int8", int8), ("float32", float32)):
        name = "sa_unet.onnx" if precision == "float32" else f"sa_unet-{precision}.onnx"
        (out / name).write_bytes(data)
        files[precision] = {"file": name, "sha256": hashlib.sha256(data).hexdigest()}
    card = _card(net, cases, training) | {"files": files}
    _write_json(out / "card.json", card)
    scores = {precision: _scores(cases, out, precision) for precision in PRECISIONS}
    card["scores"] = {precision: summary(found) for precision, found in scores.items()}
    _write_json(out / "card.json", card)
    _write_split(out / "split.csv", cases)
    _write_scores(out / "test.csv", scores)
    return card


def _card(net: SAUNet, cases: Sequence[Case], training: Training) -> dict[str, object]:
    return {
        "title": "Lungs on frontal chest radiographs, SA-UNet with one output per convention",
        "network": "SA-UNet (arXiv:2004.03696), one input and two output channels",
        "parameters": sum(p.numel() for p in net.parameters()),
        "outputs": list(MASK_CONVENTIONS),
        "input": {
            "shape": [1, 1, SIZE, SIZE],
            "range": [0.0, 1.0],
            "polarity": "air dark",
            "resize": "linear, aspect ratio not kept",
            "contrast": "CLAHE, clip limit 2, 8 x 8 tiles, after the resize",
        },
        "output": "probability of lung, float32 in 0-1; threshold and cleaning under recipe",
        "recipe": asdict(Recipe()),
        "training": asdict(training) | {"loss": "BCE + (1 - Dice)", "optimiser": "AdamW"},
        "data": [_data(name, cases) for name in sorted({c.archive for c in cases})],
        "split": "whole patients, per archive, before any augmentation",
        "split_sha256": split_hash(cases),
        "intervals": "95 %, bootstrap over patients",
    }


def _data(name: str, cases: Sequence[Case]) -> dict[str, object]:
    facts = archives.load(name).CARD
    own = [c for c in cases if c.archive == name]
    return {
        "archive": name,
        "title": facts.title,
        "terms": facts.terms,
        "citation": facts.citation,
        "mask_convention": sorted({c.convention for c in own}),
        **{split: sum(c.split == split for c in own) for split in SPLITS},
        "patients": len({c.patient_id for c in own}),
    }


def _calibration(cases: Sequence[Case]) -> Iterator[np.ndarray]:
    """Model inputs of training images, evenly spread over the archives."""
    training = [c for c in cases if c.split == "train"]
    step = max(1, len(training) // CALIBRATION)
    for case in training[::step]:
        yield preprocess(read_for_test(case)[0])


def _scores(cases: Sequence[Case], weights: Path, precision: str) -> list[Score]:
    test = [c for c in cases if c.split == "test"]
    segmenters = {
        convention: load(convention, ENGINES[0], precision, weights)
        for convention in sorted({c.convention for c in test})
    }
    return evaluate(test, segmenters, Recipe())


def _write_split(path: Path, cases: Sequence[Case]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["archive", "image_id", "patient_id", "mask_convention", "split"])
        for c in cases:
            writer.writerow([c.archive, c.image_id, c.patient_id, c.convention, c.split])


def _write_scores(path: Path, scores: Mapping[str, Sequence[Score]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(
            ["precision", "archive", "image_id", "mask_convention", "dice", "iou",
             "hausdorff95_pixels", "surface_distance_pixels"]
        )  # fmt: skip
        for precision, found in scores.items():
            for s in found:
                numbers = (s.dice, s.iou, s.hausdorff95, s.surface_distance)
                writer.writerow(
                    [precision, s.case.archive, s.case.image_id, s.case.convention]
                    + [f"{x:.4f}" for x in numbers]
                )


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
