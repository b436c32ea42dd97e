"""Samples and planes that are drawn, for tests of the classifier: the label is a bright disc."""

from pathlib import Path

import cv2
import numpy as np

from cxrkit.classification import Input
from cxrkit.training.classification import Choice, Data
from cxrkit.training.samples import Sample
from cxrkit.training.targets import Observation

SPLITS = ("train", "train", "train", "validate", "test")


def sample(number: int, labels: dict[str, int], split: str = "", **facts: object) -> Sample:
    """A sample without a file; its patient is its number unless told otherwise."""
    given = {
        "archive": "guangzhou", "image_id": f"i{number:03}", "patient_id": f"p{number:03}",
        "view": "PA", "sex": "FM"[number % 2], "age": 20.0 + number % 50, "split": split,
        "labels": labels, "report": "", "image": Path(f"i{number:03}.png"), "lungs": None,
        "mask": None, "rows": 300, "columns": 280,
    }  # fmt: skip
    return Sample(**(given | facts))  # type: ignore[arg-type]


def planes(ill: bool, rng: np.random.Generator) -> np.ndarray:
    """(2, 224, 224) uint8: two dark lungs on gray, in one of them a bright disc where ill."""
    lungs = np.zeros((224, 224), np.uint8)
    for x in (70, 154):
        cv2.ellipse(lungs, (x, 112), (32, 70), 0, 0, 360, 255, -1)
    image = np.where(lungs > 0, 70, 170) + rng.normal(0, 5, (224, 224))
    if ill:
        place = (int(rng.choice([70, 154])), int(rng.integers(90, 140)))
        cv2.circle(image, place, 22, 210.0, -1)
    return np.stack([np.clip(image, 0, 255).astype(np.uint8), lungs])


def choice(kind: Input = "image", **changes: object) -> Choice:
    """A choice for the smallest network."""
    given: dict[str, object] = {"observations": (Observation("Disc"),), "input": kind, "width": 4}
    return Choice(**(given | changes))  # type: ignore[arg-type]


def data(count: int = 40, seed: int = 0, mark: bool = False) -> Data:
    """Drawn samples, half of them ill, in all splits.

    Args:
        count: how many.
        seed: of the pixels.
        mark: a white corner on the images that are ill.
    """
    rng = np.random.default_rng(seed)
    ill = [bool(k // len(SPLITS) % 2) for k in range(count)]
    pixels = np.stack([planes(x, rng) for x in ill])
    if mark:
        pixels[np.array(ill), 0, 2:14, 2:40] = 255
    samples = tuple(sample(k, {"Disc": int(x)}, SPLITS[k % len(SPLITS)]) for k, x in enumerate(ill))
    labels = np.array(ill, np.float32)[:, None]
    return Data(samples, pixels, np.arange(count), labels, labels.copy(), (), 0, "excluded")
