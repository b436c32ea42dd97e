"""How good a mask is against the drawn one, per image and lung, and the means of many images.

Scores of masks that hold the lung behind the heart are never averaged with those that do not, nor
those of one archive with another's: the difference would be the drawers', not the network's.
"""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, isfinite
from statistics import fmean
from typing import Any

import numpy as np
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_distance import compute_average_surface_distance

from cxrkit.segmentation import tell_apart
from cxrkit.training import card_tables
from cxrkit.training.card_tables import Table
from cxrkit.training.patient_bootstrap import Estimate, estimate, resample


@dataclass(frozen=True)
class Agreement:
    """Two masks compared; distances in pixels, infinite where only one mask is empty."""

    dice: float
    iou: float
    recall: float  # share of the drawn mask that was found
    precision: float  # share of the found mask that was drawn
    hausdorff95: float
    surface_distance: float


@dataclass(frozen=True)
class LungScore:
    """A lung mask against the drawn one: both lungs, and the patient's right and left one."""

    whole: Agreement
    right: Agreement
    left: Agreement


@dataclass(frozen=True)
class ImageScore:
    """One image's mask against the drawn one, with what its mean must not be mixed with."""

    archive: str
    convention: str  # of the drawn lung mask, "" where the masks are not lungs
    patient_id: str  # "" is not known
    parts: Mapping[str, Agreement]  # by name: "whole", and "right" and "left" of lungs


NAMES = tuple(Agreement.__dataclass_fields__)
_EQUAL, _ONE_EMPTY = Agreement(1, 1, 1, 1, 0, 0), Agreement(0, 0, 0, 0, inf, inf)


def measure(found: np.ndarray, drawn: np.ndarray) -> Agreement:
    """Two (H, W) bool masks compared.

    Two empty masks agree: 1, distances 0. One empty mask: 0, distances infinite. The distances are
    the 95 % Hausdorff distance, the larger of both directions, and the mean symmetric one.
    """
    overlap, a, b = int((found & drawn).sum()), int(found.sum()), int(drawn.sum())
    if a + b == 0:
        return _EQUAL
    if a == 0 or b == 0:
        return _ONE_EMPTY
    with warnings.catch_warnings():
        # MONAI 1.6 passes an argument to itself that it has deprecated.
        warnings.simplefilter("ignore", FutureWarning)
        distances = _distances(found, drawn)
    return Agreement(
        2 * overlap / (a + b), overlap / (a + b - overlap), overlap / b, overlap / a, *distances
    )


def _distances(found: np.ndarray, drawn: np.ndarray) -> tuple[float, float]:
    """95 % Hausdorff distance and mean symmetric surface distance of masks that are not empty."""
    first, second = (torch.from_numpy(m[None, None].astype(np.float32)) for m in (found, drawn))
    hausdorff = compute_hausdorff_distance(first, second, include_background=True, percentile=95)
    surface = compute_average_surface_distance(
        first, second, include_background=True, symmetric=True
    )
    return hausdorff.item(), surface.item()


def siim_dice(found: np.ndarray, drawn: np.ndarray) -> float:
    """Dice coefficient of two (H, W) bool masks as the SIIM-ACR challenge of 2019 scored an image.

    Two empty masks: 1. One empty mask: 0. The challenge's score is the mean over all images, most
    of which have no pneumothorax.
    """
    total = int(found.sum()) + int(drawn.sum())
    return 1.0 if total == 0 else 2 * int((found & drawn).sum()) / total


def lungs(found: np.ndarray, drawn: np.ndarray) -> LungScore:
    """Both lungs and each of them compared; sides are told apart in each mask by itself."""
    sides = zip(tell_apart(found), tell_apart(drawn), strict=True)
    right, left = (measure(*pair) for pair in sides)
    return LungScore(measure(found, drawn), right, left)


def interval(values: Sequence[float], patients: Sequence[str]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean of per-image values, resampling patients.

    Args:
        values: at least one; none infinite.
        patients: of each value; "" is not known, and one of its own.
    """
    low, high = np.percentile(_resampled_means(values, patients), [2.5, 97.5])
    return float(low), float(high)


def summary(scores: Sequence[ImageScore]) -> list[dict[str, Any]]:
    """Means with intervals for a card: an entry for each archive, convention and part.

    Distances are means over the images in which both masks have pixels, or none has; how many are
    left is counted as `no_distance`.
    """
    groups: dict[tuple[str, str], list[ImageScore]] = {}
    for score in scores:
        groups.setdefault((score.archive, score.convention), []).append(score)
    entries = []
    for (archive, convention), group in sorted(groups.items()):
        head = {"archive": archive} | ({"mask_convention": convention} if convention else {})
        for part in dict.fromkeys(name for s in group for name in s.parts):
            own = [(s.patient_id, s.parts[part]) for s in group if part in s.parts]
            entries.append(head | {"part": part} | _means(own))
    return entries


def table(scores: Sequence[ImageScore], title: str = "Masks") -> Table:
    """The summary as a table with a row for each archive, convention and part."""
    return card_tables.of(title, summary(scores))


def _means(scores: Sequence[tuple[str, Agreement]]) -> dict[str, Any]:
    patients = [patient for patient, _ in scores]
    entry: dict[str, Any] = {
        "images": len(scores),
        "patients": len({p or f"image {i}" for i, p in enumerate(patients)}),
    }
    for name in NAMES:
        pairs = [(getattr(found, name), patient) for patient, found in scores]
        finite = [(value, patient) for value, patient in pairs if isfinite(value)]
        entry |= _mean(*zip(*finite, strict=True)).as_dict(name) if finite else {name: None}
    entry["dice_lowest"] = round(min(found.dice for _, found in scores), 4)
    entry["no_distance"] = sum(not isfinite(found.hausdorff95) for _, found in scores)
    return entry


def _mean(values: Sequence[float], patients: Sequence[str]) -> Estimate:
    return estimate(fmean(values), _resampled_means(values, patients))


def _resampled_means(values: Sequence[float], patients: Sequence[str]) -> np.ndarray:
    columns = np.stack([np.asarray(values, np.float64), np.ones(len(values))], axis=1)
    sums = resample(patients).totals(np.arange(len(values)), columns)
    means: np.ndarray = sums[:, 0] / sums[:, 1]
    return means
