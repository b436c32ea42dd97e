"""How well a probability ranks images with an observation above those without: AUROC and AUPRC.

Every number is a function of how often each image counts, so that a set of images and all its
resamples go through the same arithmetic.
"""

from dataclasses import dataclass

import numpy as np

from cxrkit.training.patient_bootstrap import Resamples


@dataclass(frozen=True)
class Ranking:
    """Images from the highest probability down; a tier is a run of equal probabilities.

    Only tiers that hold a positive image matter to either area.
    """

    order: np.ndarray  # (n,) places of the images, highest probability first
    positives: np.ndarray  # places in `order` of the positive images
    tiers: np.ndarray  # places in `positives` where a tier begins
    starts: np.ndarray  # place in `order` where each such tier begins
    ends: np.ndarray  # place in `order` after its last image


def rank(probability: np.ndarray, truth: np.ndarray) -> Ranking:
    """The ranking of (n,) probabilities with their truth, each 0 or 1."""
    order = np.argsort(-probability, kind="stable")
    sorted_probability = -probability[order]
    positives = np.flatnonzero(truth[order] == 1)
    values = sorted_probability[positives]
    tiers = np.flatnonzero(np.diff(values, prepend=-np.inf) != 0)
    starts = np.searchsorted(sorted_probability, values[tiers], side="left")
    ends = np.searchsorted(sorted_probability, values[tiers], side="right")
    return Ranking(order, positives, tiers, starts, ends)


def auroc(probability: np.ndarray, truth: np.ndarray) -> float:
    """Area under the ROC curve: how often a positive image ranks above a negative one.

    A tie counts one half (midranks, Hanley & McNeil 1982, doi:10.1148/radiology.143.1.7063747).
    NaN where one of the classes is missing.
    """
    return float(_once(probability, truth)[0])


def auprc(probability: np.ndarray, truth: np.ndarray) -> float:
    """Average precision: the sum of precision times the step in recall, one step per threshold.

    Nothing is interpolated between the steps (Davis & Goadrich 2006,
    doi:10.1145/1143844.1143874). NaN where one of the classes is missing.
    """
    return float(_once(probability, truth)[1])


def resampled_areas(
    probability: np.ndarray, truth: np.ndarray, images: np.ndarray, resamples: Resamples
) -> np.ndarray:
    """AUROC and AUPRC of each resample, (resamples, 2); NaN where it lacks a class.

    Args:
        probability: (n,), of the images.
        truth: (n,), 0 or 1.
        images: (n,) their places among all images that were resampled.
        resamples: of those.
    """
    ranking = rank(probability, truth)
    parts = [_areas(weights, ranking) for weights in resamples.weights(images[ranking.order])]
    return np.concatenate(parts)


def roc(probability: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ROC curve: false positive rate and sensitivity, from (0, 0) to (1, 1)."""
    found, above = _steps(probability, truth)
    return (
        np.append(0.0, (above - found) / (len(truth) - found[-1])),
        np.append(0.0, found / found[-1]),
    )


def precision_recall(probability: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The precision-recall curve: recall and precision of each threshold, the highest first."""
    found, above = _steps(probability, truth)
    return found / found[-1], found / above


def _steps(probability: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positive images, and all images, at or above each distinct probability, the highest first."""
    order = np.argsort(-probability, kind="stable")
    last = np.flatnonzero(np.diff(probability[order], append=-np.inf) != 0)
    return np.cumsum(truth[order])[last], last + 1.0


def _once(probability: np.ndarray, truth: np.ndarray) -> np.ndarray:
    areas: np.ndarray = _areas(np.ones((1, len(truth)), np.uint16), rank(probability, truth))[0]
    return areas


def _areas(weights: np.ndarray, ranking: Ranking) -> np.ndarray:
    """(resamples, 2) of (resamples, n) counts of the images in the ranking's order."""
    total = weights.sum(axis=1, dtype=np.int64)[:, None]
    if not len(ranking.positives):
        return np.full((len(weights), 2), np.nan)
    reached = np.cumsum(weights, axis=1, dtype=np.int32)
    above = np.where(ranking.starts > 0, reached[:, ranking.starts - 1], 0).astype(np.float64)
    upto = reached[:, ranking.ends - 1].astype(np.float64)
    drawn = weights[:, ranking.positives].astype(np.float64)
    positive = np.add.reduceat(drawn, ranking.tiers, axis=1)
    found = np.cumsum(positive, axis=1)  # whole numbers: exact
    positives = found[:, -1:]
    negatives = total - positives
    tied = upto - above - positive
    below = negatives - (upto - found)
    with np.errstate(invalid="ignore", divide="ignore"):
        roc = (positive * (2 * below + tied)).sum(axis=1) / (2 * positives * negatives)[:, 0]
        precision = np.where(upto > 0, found / upto, 0)
        recall = positive / positives
        average = np.where(negatives[:, 0] > 0, (recall * precision).sum(axis=1), np.nan)
    return np.stack([roc, average], axis=1)
