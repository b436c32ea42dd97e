"""What a report is written from: a classifier's probabilities and its feature map."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from cxrkit import segmentation
from cxrkit.classification import Classifier, channels, probability
from cxrkit.segmentation import Recipe


@dataclass(frozen=True)
class Seen:
    """One radiograph as a classifier sees it.

    `probabilities` of presence by observation, 0-1; `features` (F, h, w) float32, its last map.
    Without a classifier there are neither.
    """

    probabilities: Mapping[str, float]
    features: np.ndarray

    @property
    def pooled(self) -> np.ndarray:
        """(F,) float64: the mean over all places, by which images are compared."""
        return np.asarray(self.features.mean(axis=(1, 2), dtype=np.float64))

    @property
    def places(self) -> np.ndarray:
        """(S, F) float32: the features of each place, row by row, S = h w."""
        flat: np.ndarray = self.features.reshape(len(self.features), -1).T
        return np.ascontiguousarray(flat)


def direction(pooled: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """(..., F) features as (..., F) float32 of length 1, seen from the centre of the training ones.

    The features are not negative: without their mean taken away all of them look alike.
    """
    apart = pooled - centre
    length = np.linalg.norm(apart, axis=-1, keepdims=True)
    return np.asarray(apart / np.where(length > 0, length, 1), np.float32)


NOTHING = Seen({}, np.zeros((0, 0, 0), np.float32))


def look(squashed: np.ndarray, lungs: np.ndarray | None, classifier: Classifier) -> Seen:
    """What the classifier sees.

    Args:
        squashed: (224, 224) uint8 radiograph, air dark.
        lungs: its lung mask, (224, 224) bool, in the classifier's convention; may be None for a
            network on the image alone.
        classifier: from `classification.load`.

    Raises:
        InputRefused: E107, no lungs are given and the network sees them.
    """
    logits, features = classifier.infer(channels(squashed, lungs, classifier.input))
    known = {
        name: probability(float(logit), c)
        for name, logit, c in zip(
            classifier.observations, logits, classifier.calibration, strict=True
        )
    }
    return Seen(known, features)


def looking(classifier: Classifier | None) -> Callable[[np.ndarray], Seen]:
    """A function from (H, W) uint8 pixels, air dark, to what the classifier sees.

    Where the network looks at the lungs, the shipped one finds them: it may raise ItemFault E240.
    """
    if classifier is None:
        return lambda pixels: NOTHING
    found = classifier
    if found.input == "image":
        return lambda pixels: look(segmentation.squash(pixels), None, found)
    segmenter = segmentation.load(found.mask_convention)

    def see(pixels: np.ndarray) -> Seen:
        squashed = segmentation.squash(pixels)
        return look(squashed, segmentation.segment(squashed, segmenter, Recipe()).mask, found)

    return see
