"""How good lung masks are against drawn ones: per image, then with intervals over patients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import torch
from monai.metrics.hausdorff_distance import compute_hausdorff_distance
from monai.metrics.surface_distance import compute_average_surface_distance

from cxrkit.errors import ItemFault
from cxrkit.segmentation import Recipe, Segmenter, segment
from cxrkit.terms import MaskConvention
from cxrkit.training.cases import Case, read_for_test

RESAMPLES = 2000


@dataclass(frozen=True)
class Score:
    """One image's mask against the drawn one at 224 x 224; distances in pixels of that grid."""

    case: Case
    dice: float
    iou: float
    hausdorff95: float
    surface_distance: float


def evaluate(
    cases: Iterable[Case], segmenters: Mapping[MaskConvention, Segmenter], recipe: Recipe
) -> list[Score]:
    """The score of each case, by the steps of `cxr build`; a mask not found scores 0.

    Args:
        cases: with drawn masks; each is scored by the segmenter of its own convention.
        segmenters: one per convention.
        recipe: threshold and cleaning.
    """
    scores = []
    for case in cases:
        squashed, lung, ignore = read_for_test(case)
        try:
            found = segment(squashed, segmenters[case.convention], recipe).mask
        except ItemFault:
            found = np.zeros_like(lung)
        scores.append(Score(case, *measure(found & ~ignore, lung & ~ignore)))
    return scores


def measure(found: np.ndarray, drawn: np.ndarray) -> tuple[float, float, float, float]:
    """Dice, IoU, 95 % Hausdorff distance and mean symmetric surface distance of (H, W) bool masks.

    Two empty masks agree: 1, 1, 0, 0. One empty mask: 0, 0, infinity, infinity.
    """
    overlap = int((found & drawn).sum())
    total = int(found.sum()) + int(drawn.sum())
    if total == 0:
        return 1.0, 1.0, 0.0, 0.0
    if not found.any() or not drawn.any():
        return 0.0, 0.0, float("inf"), float("inf")
    a, b = (torch.from_numpy(m[None, None].astype(np.float32)) for m in (found, drawn))
    hausdorff = compute_hausdorff_distance(a, b, include_background=True, percentile=95)
    surface = compute_average_surface_distance(a, b, include_background=True, symmetric=True)
    return 2 * overlap / total, overlap / (total - overlap), hausdorff.item(), surface.item()


def summary(scores: Sequence[Score]) -> dict[str, dict[str, object]]:
    """Per archive: images, patients, mean and lowest Dice, the interval, the other means."""
    by_archive: dict[str, list[Score]] = {}
    for score in scores:
        by_archive.setdefault(score.case.archive, []).append(score)
    return {
        name: {
            "mask_convention": group[0].case.convention,
            "images": len(group),
            "patients": len({s.case.patient_id for s in group}),
            "dice": round(fmean(s.dice for s in group), 4),
            "dice_95_interval": [round(x, 4) for x in interval(group)],
            "dice_lowest": round(min(s.dice for s in group), 4),
            "iou": round(fmean(s.iou for s in group), 4),
            "hausdorff95_pixels": round(fmean(s.hausdorff95 for s in group), 2),
            "surface_distance_pixels": round(fmean(s.surface_distance for s in group), 2),
        }
        for name, group in sorted(by_archive.items())
    }


def interval(scores: Sequence[Score]) -> tuple[float, float]:
    """The 95 % bootstrap interval of the mean Dice, resampling patients (percentile method)."""
    patients: dict[str, list[float]] = {}
    for score in scores:
        patients.setdefault(score.case.patient_id, []).append(score.dice)
    totals = np.array([sum(p) for p in patients.values()])
    counts = np.array([len(p) for p in patients.values()])
    picks = np.random.default_rng(0).integers(0, len(totals), (RESAMPLES, len(totals)))
    means = totals[picks].sum(axis=1) / counts[picks].sum(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)
