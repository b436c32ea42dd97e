"""Report models made by hand, for tests of what uses them: a drawn image is all they need."""

import hashlib
import io
import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from cxrkit.models import onnx_files
from cxrkit.models.classifier import classifier
from cxrkit.report_writing import bank
from cxrkit.report_writing.bank import Bank, Entry
from cxrkit.segmentation import SIZE

OBSERVATIONS = ("No Finding", "Edema", "Pleural Effusion", "Cardiomegaly")


def says(**states: int) -> tuple[tuple[str, int], ...]:
    """An entry's key; Pleural_Effusion=1 is present."""
    return bank.key({name.replace("_", " "): value for name, value in states.items()})


BANK = Bank(
    (
        Entry("There is pulmonary edema.", says(Edema=1), 5, 1),
        Entry("There is no pulmonary edema.", says(Edema=0), 5, 1),
        Entry("Possible edema.", says(Edema=-1), 2, 2),
        Entry("Pleural effusion.", says(Pleural_Effusion=1), 1, 9),
        Entry("There is a pleural effusion.", says(Pleural_Effusion=1), 7, 1),
        Entry("No pleural effusion.", says(Pleural_Effusion=0), 4, 4),
        Entry("No edema or effusion.", says(Edema=0, Pleural_Effusion=0), 3, 3),
        Entry("The heart is enlarged.", says(Cardiomegaly=1), 4, 4),
        Entry("The heart size is normal.", says(Cardiomegaly=0), 4, 4),
        Entry(
            "The lungs are clear without effusion.", says(Pleural_Effusion=0), 9, 9,
            ("Lung Opacity", "Consolidation", "Pneumonia", "Edema", "Atelectasis", "Lung Lesion"),
        ),
    ),
    "No acute cardiopulmonary process.",
)  # fmt: skip


def write_classifier(folder: Path, kind: str = "image") -> Path:
    """The folder of a classifier with random weights."""
    torch.manual_seed(3)
    inputs = 2 if kind == "both" else 1
    net = classifier("small", inputs, len(OBSERVATIONS), 4).eval()
    head = io.BytesIO()
    np.save(head, net.head.weight.detach().numpy())
    data = {"model.onnx": onnx_files.classifier(net, SIZE, inputs), "head.npy": head.getvalue()}
    card = {
        "task": "classification",
        "observations": list(OBSERVATIONS),
        "input": {"kind": kind},
        "mask_convention": "excluded",
        "calibration": {
            o: {"shift": 0.0, "temperature": 1.0, "threshold": 0.5} for o in OBSERVATIONS
        },
        "files": {"float32": entry("model.onnx", data["model.onnx"]),
                  "head": entry("head.npy", data["head.npy"])},
    }  # fmt: skip
    folder.mkdir(parents=True)
    for name, content in data.items():
        (folder / name).write_bytes(content)
    (folder / "card.json").write_text(json.dumps(card))
    return folder


def write_model(out: Path, kind: str, files: dict[str, bytes], **facts: Any) -> Path:
    """The folder of a report model of these files, each under its name in the card."""
    out.mkdir(parents=True, exist_ok=True)
    named = {name: (name, data) for name, data in files.items()}
    if kind != "constant":
        own = write_classifier(out / "classifier")
        for name, path in (("classifier", "model.onnx"), ("classifier_head", "head.npy"),
                           ("classifier_card", "card.json")):  # fmt: skip
            named[name] = (f"classifier/{path}", (own / path).read_bytes())
    for path, data in named.values():
        (out / path).write_bytes(data)
    listed = {name: entry(path, data) for name, (path, data) in named.items()}
    card = {"task": "report", "model": kind, "files": listed, **facts}
    (out / "card.json").write_text(json.dumps(card))
    return out


def write_sentences(out: Path, present: float = 0.5) -> Path:
    """A model that says an observation from a probability on and denies all others."""
    threshold = {"present": present, "uncertain": present, "denied": 1.0, "denied_again": -1.0}
    thresholds = dict.fromkeys(OBSERVATIONS[1:], threshold)
    return write_model(out, "sentences", {"bank": bank.write(BANK).encode()}, thresholds=thresholds)


def entry(path: str, data: bytes) -> dict[str, str]:
    """A file as a card names it."""
    return {"file": path, "sha256": hashlib.sha256(data).hexdigest()}


def write_radiograph(path: Path, seed: int = 0) -> Path:
    """A picture of noise on a gradient."""
    rng = np.random.default_rng(seed)
    pixels = np.linspace(20, 200, 250)[None] + rng.normal(0, 9, (260, 250))
    cv2.imwrite(str(path), np.clip(pixels, 0, 255).astype(np.uint8))
    return path
