"""Whether a label can be told from the border of the image alone.

Where sick and healthy were examined in other places, on other machines, the frame of the image
betrays the source (Zech 2018, doi:10.1371/journal.pmed.1002683; DeGrave 2021,
doi:10.1038/s42256-021-00338-7), and a network that looks accurate may have learnt no disease. The
probe sees what no reader would use: the outer border, squashed as the network sees it, and the
size of the file. It is a logistic regression, so it finds less than a network might: silence is no
proof, an alarm is a reason to doubt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import expit  # type: ignore[import-untyped]

from cxrkit.training.samples import Sample

BLOCKS, RING = 25, 2  # the image as 25 x 25 means, of which the outer 2 are 8 % of each side
PENALTIES = (100.0, 10.0, 1.0, 0.1)  # of the squared weights; chosen on the validation images
# A lower end of the interval above the first is an alarm, and an AUROC this close to the network's.
ALARM, NEAR = 0.6, 0.05


@dataclass(frozen=True)
class Probe:
    """A fitted probe: `score` is its logit."""

    mean: np.ndarray
    spread: np.ndarray
    weights: np.ndarray  # the last one is the constant

    def score(self, seen: np.ndarray) -> np.ndarray:
        """The (N,) float64 logits of (N, F) features."""
        scaled = (seen - self.mean) / self.spread
        logits: np.ndarray = scaled @ self.weights[:-1] + self.weights[-1]
        return logits


def features(pixels: Iterable[np.ndarray], samples: Sequence[Sample]) -> np.ndarray:
    """What the probe sees, (N, 371) float64: the border's means and spreads, the file's size.

    Args:
        pixels: (2, 224, 224) uint8 each, of which the first plane is looked at.
        samples: of those planes, with rows and columns of their files.
    """
    ring = np.ones((BLOCKS, BLOCKS), bool)
    ring[RING:-RING, RING:-RING] = False
    rows = []
    for planes, sample in zip(pixels, samples, strict=True):
        image = planes[0].astype(np.float32)
        mean = cv2.resize(image, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
        square = cv2.resize(image**2, (BLOCKS, BLOCKS), interpolation=cv2.INTER_AREA)
        spread = np.sqrt(np.maximum(square - mean**2, 0))
        height, width = float(sample.rows or 1), float(sample.columns or 1)
        size = [np.log(height), np.log(width), np.log(height / width)]
        rows.append(np.concatenate([mean[ring], spread[ring], size]))
    return np.array(rows, np.float64).reshape(len(rows), 2 * int(ring.sum()) + 3)


def fit(seen: np.ndarray, labels: np.ndarray, penalty: float) -> Probe:
    """A logistic regression with a quadratic penalty.

    Args:
        seen: (N, F) features.
        labels: (N,) 0 and 1, both there.
        penalty: of the squared weights of scaled features, against the sum of the losses.
    """
    mean, spread = seen.mean(0), seen.std(0)
    spread = np.where(spread > 1e-6, spread, np.inf)  # what never changes says nothing
    scaled = (seen - mean) / spread

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        logits = scaled @ weights[:-1] + weights[-1]
        away = expit(logits) - labels
        value = np.logaddexp(0, logits).sum() - labels @ logits
        value += penalty / 2 * weights[:-1] @ weights[:-1]
        slope = np.append(scaled.T @ away + penalty * weights[:-1], away.sum())
        return float(value), slope

    found = minimize(loss, np.zeros(seen.shape[1] + 1), jac=True, method="L-BFGS-B")
    return Probe(mean, spread, found.x)


def choose(seen: np.ndarray, labels: np.ndarray, train: np.ndarray, validate: np.ndarray) -> Probe:
    """The probe whose penalty suits the validation images best.

    Args:
        seen: (N, F) features.
        labels: (N,) 0, 1, or not a number: such images are not looked at.
        train: (N,) bool.
        validate: (N,) bool.
    """
    known = np.isfinite(labels)
    learnt, held = known & train, known & validate
    best: tuple[float, Probe] | None = None
    for penalty in PENALTIES:
        probe = fit(seen[learnt], labels[learnt].astype(np.float64), penalty)
        logits, truth = probe.score(seen[held]), labels[held]
        loss = float((np.logaddexp(0, logits) - truth * logits).mean())
        if best is None or loss < best[0]:
            best = loss, probe
    assert best is not None  # PENALTIES is not empty
    return best[1]


def alarm(name: str, area: float, low: float, network: float) -> str:
    """One line where the border predicts the label, else empty.

    Args:
        name: the observation.
        area: the probe's AUROC on the test images.
        low: the lower end of its 95 % interval.
        network: the network's AUROC on the same images.
    """
    near = low > 0.5 and area >= network - NEAR
    if low <= ALARM and not near:
        return ""
    return (
        f"{name}: the border of the image alone predicts it (AUROC {area:.3f}, lower end of the "
        f"interval {low:.3f}; the network {network:.3f}): the source of an image, not the lung, "
        "may be what is recognised"
    )
