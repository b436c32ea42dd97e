"""Whether a probability means what it says, and the one number that corrects it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BINS = 15  # of the calibration error, as Guo 2017 (arXiv:1706.04599)
COLDEST, HOTTEST = 0.01, 100.0  # temperatures that are searched
_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True)
class Point:
    """One bin of a reliability plot."""

    probability: float  # mean of its images
    share: float  # of its images that are positive
    images: int


@dataclass(frozen=True)
class Calibration:
    """Errors of the probabilities of one observation; 0 is best."""

    ece: float  # bins of equal width
    ece_adaptive: float  # bins of equal numbers of images
    brier: float
    points: tuple[Point, ...]  # of the bins of equal width that are not empty

    def as_dict(self) -> dict[str, object]:
        """For a card, rounded to four digits."""
        points = [[round(p.probability, 4), round(p.share, 4), p.images] for p in self.points]
        return {
            "ece": round(self.ece, 4),
            "ece_adaptive": round(self.ece_adaptive, 4),
            "brier": round(self.brier, 4),
            "reliability": points,
        }


def calibration(probability: np.ndarray, truth: np.ndarray) -> Calibration:
    """The errors of (n,) probabilities in 0-1 with their truth, each 0 or 1.

    Expected calibration error: the mean over images of the distance between the share of positives
    and the mean probability of the image's bin (Naeini 2015, doi:10.1609/aaai.v29i1.9602). Brier
    score: the mean squared distance of probability and truth.
    """
    even = points(probability, truth, np.linspace(0, 1, BINS + 1))
    # Equal probabilities share a bin, so that the order of the images does not matter.
    quantiles = np.unique(np.quantile(probability, np.linspace(0, 1, BINS + 1)))
    adaptive = points(probability, truth, quantiles)
    brier = float(np.mean((probability - truth) ** 2))
    return Calibration(_error(even), _error(adaptive), brier, even)


def points(probability: np.ndarray, truth: np.ndarray, edges: np.ndarray) -> tuple[Point, ...]:
    """The bins that hold images; a bin is above its lower edge and up to its upper one."""
    place = np.clip(np.searchsorted(edges, probability, side="left"), 1, None)
    bins = [place == number for number in np.unique(place)]
    return tuple(
        Point(float(probability[b].mean()), float(truth[b].mean()), int(b.sum())) for b in bins
    )


def temperature(logits: np.ndarray, truth: np.ndarray) -> float:
    """The number that logits are divided by so that they fit the truth best (Guo 2017).

    It does not change the ranking. Fit it on validation images. The cross entropy has one minimum
    in it, found by golden section; logits that separate the classes give the lowest one searched.

    Args:
        logits: of any shape.
        truth: of the same shape, 1, 0 or NaN where it is not known.
    """
    known = ~np.isnan(truth)
    found, true = logits[known].astype(np.float64), truth[known]
    low, high = float(np.log(COLDEST)), float(np.log(HOTTEST))
    while high - low > 1e-7:
        inner = (high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        first, second = (_cross_entropy(found / np.exp(x), true) for x in inner)
        low, high = (low, inner[1]) if first <= second else (inner[0], high)
    return float(np.exp((low + high) / 2))


def _cross_entropy(logits: np.ndarray, truth: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, logits) - truth * logits))


def _error(bins: Sequence[Point]) -> float:
    images = sum(p.images for p in bins)
    return sum(p.images * abs(p.share - p.probability) for p in bins) / images
