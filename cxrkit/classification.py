"""Observations on radiographs: their probabilities, and which pixels speak for them.

Runs the ONNX file that `cxr train classification` writes; torch is not needed.
"""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import cv2
import numpy as np

from cxrkit import model_folder
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks
from cxrkit.imaging.contrast import clahe
from cxrkit.segmentation import SIZE, squash
from cxrkit.terms import MaskConvention

# What a network sees: the radiograph, the lungs with all else black, or the radiograph and, as a
# second channel, its lung mask.
Input = Literal["image", "lungs", "both"]
INPUTS: tuple[Input, ...] = get_args(Input)
TASK = "classification"


@dataclass(frozen=True)
class Calibration:
    """From a logit to a probability, and from which probability on an observation is present."""

    shift: float  # what the loss added to the logit, since it weighted the images that have it
    temperature: float  # fitted on the validation images
    threshold: float  # chosen on the validation images


@dataclass(frozen=True)
class Classifier:
    """A loaded network.

    `infer` maps (C, 224, 224) float32 in 0-1 to logits (K,) and the last feature map (F, h, w);
    the logits are `head` (K, F) times the map's mean, and a bias.
    """

    observations: tuple[str, ...]
    calibration: tuple[Calibration, ...]  # of each observation
    input: Input
    mask_convention: MaskConvention
    head: np.ndarray
    weights_sha256: str
    infer: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Findings:
    """What a classifier says of one radiograph, by observation."""

    probability: Mapping[str, float]
    positive: Mapping[str, bool]  # at the operating point
    attribution: Mapping[str, np.ndarray]  # (224, 224) float32, 0 and more


def channels(squashed: np.ndarray, lungs: np.ndarray | None, kind: Input) -> np.ndarray:
    """A network's input, (1 or 2, 224, 224) float32 in 0-1.

    The lungs are cut out before the contrast is enhanced, so that nothing outside them has a say.

    Args:
        squashed: (224, 224) uint8 radiograph, air dark.
        lungs: (224, 224) bool; may be None for "image".
        kind: what the network sees.

    Raises:
        InputRefused: E107, no lungs are given and the network sees them.
    """
    if kind == "image":
        planes = [clahe(squashed)]
    elif lungs is None:
        raise InputRefused(
            "E107", "mask", "none is given", f"the lung mask, for a network on {kind}",
            "segment the radiograph first",
        )  # fmt: skip
    elif kind == "lungs":
        planes = [np.where(lungs, clahe(np.where(lungs, squashed, 0).astype(np.uint8)), 0)]
    else:
        planes = [clahe(squashed), lungs.astype(np.uint8) * 255]
    return np.stack(planes).astype(np.float32) / 255


def classify(pixels: np.ndarray, mask: np.ndarray | None, classifier: Classifier) -> Findings:
    """The observations on one radiograph.

    Args:
        pixels: (H, W) uint8, air dark.
        mask: its lungs, bool of any size, in the classifier's convention; not looked at where the
            network sees the whole image alone.
        classifier: from `load`.

    Raises:
        InputRefused: E107, no mask is given and the network sees the lungs.
    """
    lungs = None if mask is None else masks.resize_mask(mask, SIZE, SIZE)
    logits, features = classifier.infer(channels(squash(pixels), lungs, classifier.input))
    found = {
        name: (probability(float(logit), c), c.threshold)
        for name, logit, c in zip(
            classifier.observations, logits, classifier.calibration, strict=True
        )
    }
    return Findings(
        {name: p for name, (p, _) in found.items()},
        {name: p >= threshold for name, (p, threshold) in found.items()},
        dict(zip(classifier.observations, activation(features, classifier.head), strict=True)),
    )


def probability(logit: float, calibration: Calibration) -> float:
    """The calibrated probability of a logit, 0-1."""
    scaled = (logit - calibration.shift) / calibration.temperature
    # The half of the sigmoid that cannot overflow.
    small = float(np.exp(-abs(scaled)))
    return 1 / (1 + small) if scaled >= 0 else small / (1 + small)


def activation(features: np.ndarray, head: np.ndarray) -> np.ndarray:
    """Where each observation is seen, (K, 224, 224) float32: the positive part of the class maps.

    Class activation mapping (Zhou 2016, arXiv:1512.04150); where a network ends in a mean and a
    linear layer it is Grad-CAM (Selvaraju 2017, arXiv:1610.02391, section 3).

    Args:
        features: (F, h, w) float32, the last feature map.
        head: (K, F) float32, the linear layer.
    """
    maps = np.maximum(np.tensordot(head, features, 1) / features[0].size, 0).astype(np.float32)
    return np.stack([cv2.resize(m, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR) for m in maps])


def share_inside(attribution: np.ndarray, lungs: np.ndarray) -> float | None:
    """The share of the attribution that lies in the lungs, 0-1; None where there is none at all."""
    total = float(attribution.sum(dtype=np.float64))
    return float(attribution[lungs].sum(dtype=np.float64)) / total if total > 0 else None


def load(folder: Path) -> Classifier:
    """The network of a finished `cxr train classification`, on one thread.

    Raises:
        InputRefused: E102, there is no model; E505, a pickle; E506, it is one for another task.
        IntegrityFailure: E501, its card is damaged; E503, its files are not those of the card.
    """
    card = model_folder.card(folder, TASK)
    try:
        files = [model_folder.file(folder, card["files"][n], TASK) for n in ("float32", "head")]
        return of_card(card, *files)
    except (KeyError, TypeError) as error:
        raise model_folder.damaged(folder, "it lacks what a model's card has") from error


def of_card(card: Mapping[str, Any], model: bytes, head: bytes) -> Classifier:
    """The network of a card, its ONNX file and its linear layer as .npy."""
    names = tuple(card["observations"])
    return Classifier(
        names,
        tuple(Calibration(**card["calibration"][name]) for name in names),
        card["input"]["kind"],
        card["mask_convention"],
        np.load(io.BytesIO(head), allow_pickle=False),
        hashlib.sha256(model).hexdigest(),
        onnxruntime(model),
    )


def onnxruntime(data: bytes) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function from an input to logits and the last map, see `Classifier`, on one thread."""
    session = model_folder.session(data, ["logits", "features"])

    def run(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, features = session({"image": image[None]})
        return logits[0], features[0]

    return run
