"""Masks of a finding on radiographs, at the radiograph's own size: probability, decision, parts.

Runs the ONNX files that `cxr train finding` writes; torch is not needed. A finding, unlike a lung,
is absent from most radiographs, so an empty mask is an answer and not a fault.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit import model_folder, segmentation
from cxrkit.errors import GateFailed, InputRefused
from cxrkit.imaging import runlength
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.segmentation import PRECISIONS

TASK = "finding"


@dataclass(frozen=True)
class Decision:
    """How a probability map becomes a mask; both numbers are chosen on validation images."""

    threshold: float  # pixels above it
    smallest_share: float  # a part smaller than this share of the image is dropped, 0-1


@dataclass(frozen=True)
class Box:
    """A part of a mask, in pixels of the image: columns x_min to x_max - 1, rows likewise."""

    x_min: int
    y_min: int
    x_max: int
    y_max: int
    probability: float  # the largest of the part's pixels


@dataclass(frozen=True)
class Finder:
    """A loaded network: `infer` maps (size, size) float32 in 0-1 to a map of the same kind."""

    finding: str
    size: int  # pixels, both sides
    decision: Decision
    weights_sha256: str
    infer: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Found:
    """What is found on one radiograph."""

    mask: np.ndarray  # (rows, columns) bool, of the radiograph's own size
    boxes: tuple[Box, ...]  # one for each part, from the left, then from the top
    probability: float  # the largest of all pixels

    @property
    def rle(self) -> str:
        """The mask as in the SIIM-ACR challenge: gaps and lengths down columns, -1 if empty."""
        return runlength.encode(self.mask, "siim")


def squash(pixels: np.ndarray, size: int) -> np.ndarray:
    """The (size, size) uint8 image of a (H, W) uint8 radiograph: area mean, aspect not kept.

    A pneumothorax shows by a line one or two pixels wide, which linear interpolation would skip.
    """
    side = (size, size)
    return np.asarray(cv2.resize(pixels, side, interpolation=cv2.INTER_AREA))


def find(picture: Radiograph, finder: Finder) -> Found:
    """What the network finds on a radiograph that was read with `smallest` = `finder.size`.

    Raises:
        GateFailed: E901, a probability is not a number.
    """
    probability = probability_map(picture.pixels, finder)
    large = enlarged(probability, picture.rows, picture.columns)
    mask = decide(large, finder.decision)
    return Found(mask, boxes(mask, large), float(probability.max()))


def probability_map(pixels: np.ndarray, finder: Finder) -> np.ndarray:
    """The (size, size) float32 probabilities in 0-1 of a (H, W) uint8 radiograph.

    Raises:
        GateFailed: E901, one is not a number.
    """
    probability = finder.infer(segmentation.preprocess(squash(pixels, finder.size)))
    if not np.isfinite(probability).all():
        raise GateFailed(
            "E901", "the network", "a probability is not a number", "numbers from 0 to 1",
            "train it again with a lower --learning-rate",
        )  # fmt: skip
    return probability


def enlarged(probability: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """The map at another size, (rows, columns) float32, linear between the pixels."""
    side = (columns, rows)
    return np.asarray(cv2.resize(probability, side, interpolation=cv2.INTER_LINEAR))


def decide(probability: np.ndarray, decision: Decision) -> np.ndarray:
    """The mask of a (H, W) float32 map, bool: its parts above the threshold that are not specks."""
    above = (probability > decision.threshold).astype(np.uint8)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(above)
    kept = stats[:, cv2.CC_STAT_AREA] >= decision.smallest_share * above.size
    kept[0] = False  # the background
    mask: np.ndarray = kept[labels]
    return mask


def boxes(mask: np.ndarray, probability: np.ndarray) -> tuple[Box, ...]:
    """The parts of a (H, W) bool mask, which touch by sides or corners, and their probabilities.

    Args:
        mask: (H, W) bool.
        probability: (H, W) float32.
    """
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    found = []
    for part in range(1, count):
        x, y, width, height = (int(n) for n in stats[part, :4])
        inside = np.s_[y : y + height, x : x + width]
        largest = float(probability[inside][labels[inside] == part].max())
        found.append(Box(x, y, x + width, y + height, largest))
    return tuple(sorted(found, key=lambda b: (b.x_min, b.y_min, b.x_max, b.y_max)))


def load(folder: Path, precision: str = "float32") -> Finder:
    """The network of a finished `cxr train finding`, on one thread.

    Args:
        folder: its OUT.
        precision: float32, or int8: faster, each with its own decision.

    Raises:
        InputRefused: E102, there is no model; E107, no such precision; E506, it is one for another
            task.
        IntegrityFailure: E501, its card is damaged; E503, its files are not those of the card.
    """
    if precision not in PRECISIONS:
        wanted = " or ".join(PRECISIONS)
        raise InputRefused("E107", "--precision", precision, wanted, "use one of these")
    card = model_folder.card(folder, TASK)
    try:
        data = model_folder.file(folder, card["files"][precision], TASK)
        decision = card["decision"][precision]
        chosen = Decision(float(decision["threshold"]), float(decision["smallest_share"]))
        finding, size = str(card["finding"]), int(card["input"]["shape"][-1])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise model_folder.damaged(folder, "it lacks what a model's card has") from error
    return finder(data, finding, size, chosen)


def finder(data: bytes, finding: str, size: int, decision: Decision) -> Finder:
    """The network in an ONNX file, `image` and `probability` (1, 1, size, size), on one thread."""
    run = model_folder.session(data, ["probability"])

    def infer(image: np.ndarray) -> np.ndarray:
        probability: np.ndarray = run({"image": image[None, None]})[0][0, 0]
        return probability

    return Finder(finding, size, decision, hashlib.sha256(data).hexdigest(), infer)
