"""A finished classifier as a folder: ONNX file, weights, scores, test rows, card and page.

card.json is written last but for the page: a folder that has it can be used.
"""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit import classification
from cxrkit.classification import TASK
from cxrkit.models import onnx_files, weights_file
from cxrkit.models.classifier import WIDTHS, Classifier
from cxrkit.pipeline import durable
from cxrkit.segmentation import SIZE, weights_sha256
from cxrkit.terms import SPLITS
from cxrkit.training import classification_page, learnt, left_out, model_card
from cxrkit.training import classification_results as results
from cxrkit.training.cases import split_hash
from cxrkit.training.classification import HEAVIEST, Choice, Data, positive_weights
from cxrkit.training.classification_results import Results
from cxrkit.training.classification_scores import Rule
from cxrkit.training.loop import Recipe, Row

MODEL, HEAD = "model.onnx", "head.npy"


@dataclass(frozen=True)
class Run:
    """What was trained on what, and how its operating point is chosen."""

    data: Data
    choice: Choice
    recipe: Recipe
    rule: Rule = "youden"
    target: float = 0.9  # the least sensitivity of the other rule


def write(
    net: Classifier, run: Run, rows: Sequence[Row], out: Path, pictures: bool = False
) -> tuple[dict[str, Any], Results]:
    """Write the folder; its card, and what the test images gave.

    The scores are those of the written ONNX file on the "test" samples; nothing is chosen on them.

    Args:
        net: as trained.
        run: what it was trained on.
        rows: of the log.
        out: the run's folder.
        pictures: show radiographs under an agreement on the page too.
    """
    choice = run.choice
    inputs = 2 if choice.input == "both" else 1
    settings = {
        "inputs": inputs,
        "outputs": len(choice.names),
        "width": choice.width or WIDTHS[choice.architecture],
    }
    weights_file.write(out, net, choice.architecture, settings)
    model = onnx_files.classifier(net, SIZE, inputs)
    head = _npy(net.head.weight.detach().float().cpu().numpy())
    durable.write(out / MODEL, model)
    durable.write(out / HEAD, head)
    files = {"float32": _entry(MODEL, model), "head": _entry(HEAD, head)}
    weights = positive_weights(run.data.taught[run.data.places("train")])
    infer = classification.onnxruntime(model)
    decisions = results.decide(run.data, choice, weights, infer, run.rule, run.target)
    card = _card(net, run, settings, weights) | {"files": files}
    card |= learnt.write(out, learnt.seen(run.data.samples))
    card["calibration"] = {
        name: asdict(d.calibration) for name, d in zip(choice.names, decisions, strict=True)
    }
    classifier = classification.of_card(card, model, head)
    found = results.measure(run.data, classifier, choice)
    card |= results.as_card(found, decisions, choice.names)
    _write_split(out / "split.csv", run.data)
    _write_test(out / "test.csv", run, found)
    left_out.write(out, run.data.left_out)
    model_card.write(out, card)
    classification_page.write(out, card, run.data, choice, classifier, found, rows, pictures)
    return card, found


def _card(
    net: Classifier, run: Run, settings: dict[str, int], weights: np.ndarray
) -> dict[str, Any]:
    choice, data = run.choice, run.data
    lungs = {"image": "not seen", "lungs": "all else is black", "both": "the second channel"}
    return {
        "task": TASK,
        "title": f"{', '.join(choice.names)} on frontal chest radiographs, {choice.architecture}",
        "architecture": choice.architecture,
        "settings": settings,
        "parameters": sum(p.numel() for p in net.parameters()),
        "observations": list(choice.names),
        "input": {
            "kind": choice.input,
            "shape": [1, settings["inputs"], SIZE, SIZE],
            "range": [0.0, 1.0],
            "polarity": "air dark",
            "resize": "linear, aspect ratio not kept",
            "contrast": "CLAHE, clip limit 2, 8 x 8 tiles, after the resize and the cut of lungs",
            "lungs": lungs[choice.input],
        },
        "mask_convention": data.mask_convention,
        "segmenter_sha256": weights_sha256(),
        "output": "logits; (logit - shift) / temperature gives the probability's logit",
        "labels": {
            "from": {o.name: _words(o) for o in choice.observations},
            "uncertain": f"{choice.uncertain} in training; never scored",
            "not_mentioned": choice.not_mentioned,
        },
        "training": {
            **asdict(run.recipe),
            **({"started_from_weights": choice.start} if choice.start else {}),
            "loss": "binary cross-entropy, mean over an image's known observations",
            "positive_weights": {
                name: round(float(w), 4) for name, w in zip(choice.names, weights, strict=True)
            },
            "positive_weights_rule": f"absent / present in train, 1/{HEAVIEST:g} to {HEAVIEST:g}",
            "augmentation": "turn, zoom, shear, shift; gamma, contrast, blur, noise; "
            + (
                "mirrored half the time"
                if choice.mirror
                else "never mirrored: the heart has a side"
            ),
        },
        "data": [_data(name, data) for name in sorted({s.archive for s in data.samples})],
        "split": "whole patients, before any augmentation",
        "split_sha256": split_hash(data.samples),
        "left_out": len(data.left_out),
        "without_a_label": data.unlabelled,
        "intervals": "95 %, bootstrap over patients",
    }


def _words(observation: Any) -> str:
    o = observation
    return f"{o.column}: {o.one} 1, {o.zero} 0" if o.column else "the source's label"


def _data(name: str, data: Data) -> dict[str, object]:
    own = [s for s in data.samples if s.archive == name]
    images = {split: sum(s.split == split for s in own) for split in SPLITS}
    return model_card.data(name, images, len({s.patient_id for s in own}))


def _entry(name: str, data: bytes) -> dict[str, str]:
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest()}


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _write_split(path: Path, data: Data) -> None:
    header = ("archive", "image_id", "patient_id", "split")
    _write(path, header, ((s.archive, s.image_id, s.patient_id, s.split) for s in data.samples))


def _write_test(path: Path, run: Run, found: Results) -> None:
    """One row per test image; an unknown truth and a share of nothing are blank."""
    names = run.choice.names
    header = ["archive", "image_id", "patient_id", "view", "sex", "age", "lungs_of_area"]
    for name in names:
        header += [name, f"{name} probability", f"{name} inside_lungs"]
    rows = []
    for n, place in enumerate(run.data.places("test")):
        s = run.data.samples[place]
        row: list[object] = [s.archive, s.image_id, s.patient_id, s.view, s.sex]
        row += ["" if s.age is None else s.age, f"{found.lungs[n]:.4f}"]
        for k in range(len(names)):
            truth, inside = found.predictions.truth[n, k], found.inside[n, k]
            row += ["" if np.isnan(truth) else int(truth)]
            row += [f"{found.predictions.probability[n, k]:.6f}"]
            row += ["" if np.isnan(inside) else f"{inside:.4f}"]
        rows.append(row)
    _write(path, header, rows)


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    durable.write(path, text.getvalue().encode("utf-8"))
