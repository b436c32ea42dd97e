"""How well a finding is segmented and detected, as the SIIM-ACR challenge of 2019 scored it.

The challenge's score of an image is the Dice coefficient of its masks, 1 where both are empty and 0
where one is. Most images have no pneumothorax, so empty masks everywhere reach the share of those
images: that floor stands beside every score.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from cxrkit.finding_masks import Decision
from cxrkit.training import ranking
from cxrkit.training.finding_cases import FindingCase
from cxrkit.training.patient_bootstrap import Estimate, Resamples, estimate, resample

# What is tried on the validation images. Of SIIM-ACR's outlined pneumothoraces the smallest has
# 55 pixels of 1024 x 1024, 0.005 %, half have less than 0.82 %: a part of 1 % is never a speck.
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))
SMALLEST_SHARES = (0.0, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01)


@dataclass(frozen=True)
class FindingScore:
    """One image's mask against the drawn one, at the image's own size."""

    case: FindingCase
    drawn: int  # pixels
    found: int  # pixels
    dice: float  # as the challenge scores it
    probability: float  # the largest of all pixels


def dice_of_decisions(probability: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The challenge's score of an image under each decision, (thresholds, smallest shares) float64.

    Args:
        probability: (H, W) float32 in 0-1.
        drawn: (H, W) bool.
    """
    total = int(drawn.sum())
    scores = np.empty((len(THRESHOLDS), len(SMALLEST_SHARES)))
    limits = np.array(SMALLEST_SHARES)[:, None] * drawn.size
    for row, threshold in zip(scores, THRESHOLDS, strict=True):
        above = (probability > threshold).astype(np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(above)
        areas = stats[1:, cv2.CC_STAT_AREA]
        overlaps = np.bincount(labels[drawn], minlength=count)[1:]
        kept = areas >= limits  # (smallest shares, parts)
        both = total + (kept * areas).sum(1)
        row[:] = np.where(both == 0, 1.0, 2 * (kept * overlaps).sum(1) / np.maximum(both, 1))
    return scores


def choose(scores: Iterable[np.ndarray]) -> tuple[Decision, float]:
    """The decision with the best mean score, and that mean.

    Of equals the one with the lowest threshold and then the smallest parts: it finds most.

    Args:
        scores: of `dice_of_decisions`, one of each validation image; at least one.
    """
    total, images = np.zeros((len(THRESHOLDS), len(SMALLEST_SHARES))), 0
    for found in scores:
        total += found
        images += 1
    row, column = np.unravel_index(int(total.argmax()), total.shape)
    decision = Decision(THRESHOLDS[int(row)], SMALLEST_SHARES[int(column)])
    return decision, float(total.max() / images)


def summary(scores: Sequence[FindingScore]) -> dict[str, dict[str, Any]]:
    """The scores of a card by archive, with intervals over patients; None is not defined."""
    by_archive: dict[str, list[FindingScore]] = {}
    for score in scores:
        by_archive.setdefault(score.case.archive, []).append(score)
    return {name: _summary(group) for name, group in sorted(by_archive.items())}


def _summary(group: Sequence[FindingScore]) -> dict[str, Any]:
    drawn = resample([s.case.patient_id for s in group])
    positive = np.array([s.drawn > 0 for s in group])
    found = np.array([s.found > 0 for s in group])
    dice = np.array([s.dice for s in group])
    everywhere = np.ones(len(group), bool)
    entry: dict[str, Any] = {
        "images": len(group), "patients": drawn.patients, "positive": int(positive.sum())
    }  # fmt: skip
    for name, values, images in (
        ("challenge_dice", dice, everywhere),
        ("challenge_dice_if_always_empty", ~positive, everywhere),
        ("dice_of_positives", dice, positive),
        ("sensitivity", found, positive),
        ("specificity", ~found, ~positive),
    ):
        entry |= _mean(values, np.flatnonzero(images), drawn).as_dict(name)
    probability = np.array([s.probability for s in group])
    return entry | _auroc(probability, positive, drawn).as_dict("auroc")


def _mean(values: np.ndarray, images: np.ndarray, drawn: Resamples) -> Estimate:
    """The mean of the values of these images, and its interval."""
    if not len(images):
        return estimate(float("nan"), np.zeros(0))
    own = values[images].astype(np.float64)
    sums = drawn.totals(images, np.stack([own, np.ones_like(own)], axis=1))
    means = np.divide(sums[:, 0], sums[:, 1], out=np.full(len(sums), np.nan), where=sums[:, 1] > 0)
    return estimate(float(own.mean()), means)


def _auroc(probability: np.ndarray, positive: np.ndarray, drawn: Resamples) -> Estimate:
    """How well the largest probability tells images with the finding from those without."""
    if not 0 < positive.sum() < len(positive):
        return estimate(float("nan"), np.zeros(0))
    truth = positive.astype(np.int64)
    areas = ranking.resampled_areas(probability, truth, np.arange(len(truth)), drawn)
    return estimate(ranking.auroc(probability, truth), areas[:, 0])
