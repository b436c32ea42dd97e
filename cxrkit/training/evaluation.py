"""How good lung masks are against drawn ones: per image, then with intervals over patients."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.segmentation import SIZE, Recipe, Segmenter, segment
from cxrkit.training import mask_scores
from cxrkit.training.augment import generator, moved
from cxrkit.training.cases import Case, Pair, read_for_test
from cxrkit.training.mask_scores import LungScore
from cxrkit.training.published import Copy


@dataclass(frozen=True)
class Score:
    """One image's mask against the drawn one at 224 x 224; distances in pixels of that grid."""

    case: Case
    lungs: LungScore
    found: np.ndarray  # (224, 224) bool, the mask

    def figures(self) -> dict[str, float]:
        """The numbers by name, as in test.csv."""
        whole = self.lungs.whole
        return {
            "dice": whole.dice,
            "iou": whole.iou,
            "recall": whole.recall,
            "precision": whole.precision,
            "hausdorff95_pixels": whole.hausdorff95,
            "surface_distance_pixels": whole.surface_distance,
            "dice_right": self.lungs.right.dice,
            "dice_left": self.lungs.left.dice,
        }


def evaluate(
    cases: Iterable[Case], segmenters: Mapping[str, Segmenter], recipe: Recipe
) -> list[Score]:
    """The score of each case, by the steps of `cxr build`; a mask not found scores 0.

    Args:
        cases: with drawn masks; each is scored by the segmenter of its own convention, or by that
            of a network with one output for all.
        segmenters: one per output.
        recipe: threshold and cleaning.
    """
    scores = []
    for case in cases:
        segmenter = segmenters.get(case.convention) or segmenters["mixed"]
        scores.append(_score(case, *read_for_test(case), segmenter, recipe))
    return scores


def evaluate_copies(
    copies: Iterable[Copy],
    pairs: Mapping[tuple[str, str], Pair],
    segmenter: Segmenter,
    recipe: Recipe,
    seed: int,
) -> list[Score]:
    """The same for changed copies, as the published recipe tests itself."""
    scores = []
    for copy in copies:
        pair = pairs[copy.case.archive, copy.case.image_id]
        rng = generator(seed, 0, copy.number, copy.case.image_id)
        image, lung, ignore = moved(pair.image, pair.lung, pair.ignore, SIZE, rng)
        scores.append(_score(copy.case, image, lung > 0.5, ignore > 0.5, segmenter, recipe))
    return scores


def _score(
    case: Case, image: np.ndarray, lung: np.ndarray, ignore: np.ndarray,
    segmenter: Segmenter, recipe: Recipe,
) -> Score:  # fmt: skip
    try:
        found = segment(image, segmenter, recipe).mask
    except ItemFault:
        found = np.zeros_like(lung)
    found = found & ~ignore
    return Score(case, mask_scores.lungs(found, lung & ~ignore), found)


def summary(scores: Sequence[Score]) -> dict[str, dict[str, Any]]:
    """Per archive: images, patients, the means, their intervals and the lowest Dice.

    Distances are averaged over the images in which both masks hold something.
    """
    by_archive: dict[str, list[Score]] = {}
    for score in scores:
        by_archive.setdefault(score.case.archive, []).append(score)
    return {name: _summary(group) for name, group in sorted(by_archive.items())}


def _summary(group: Sequence[Score]) -> dict[str, Any]:
    patients = [s.case.patient_id for s in group]
    out: dict[str, Any] = {
        "mask_convention": group[0].case.convention,
        "images": len(group),
        "patients": len(set(patients)),
    }
    rows = [s.figures() for s in group]
    for name in rows[0]:
        digits = 2 if name.endswith("pixels") else 4
        values = [(row[name], p) for row, p in zip(rows, patients, strict=True)]
        values = [(value, p) for value, p in values if np.isfinite(value)]
        if not values:
            out |= {name: None, f"{name}_95_interval": None}
            continue
        low, high = mask_scores.interval([v for v, _ in values], [p for _, p in values])
        out[name] = round(fmean(v for v, _ in values), digits)
        out[f"{name}_95_interval"] = [round(low, digits), round(high, digits)]
    out["dice_lowest"] = round(min(row["dice"] for row in rows), 4)
    return out
