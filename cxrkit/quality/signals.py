"""What hints at how good a lung mask is, where nobody drew the lungs: one row of numbers.

All come from the one pass of the network that made the mask, or could have made it, and from the
mask's measures; see docs/decisions/0014 for what further passes add.
"""

import numpy as np

from cxrkit.quality.measures import Measures
from cxrkit.segmentation import Recipe, clean

_FAR = 10.0  # where a ratio has no limit or a shape none: beyond every drawn mask
_RATIO = 4.0  # natural logarithm of the lungs' areas' ratio, at most

NAMES = (
    "expected",  # Dice with the lungs that the probabilities expect
    "found",  # share of the expected lungs that the mask holds
    "meant",  # share of the mask that the network expects to be lung
    "agreement",  # Dice with the network's own mask
    "certain",  # mean of |2p - 1| in the mask
    "weaker",  # mean of p in the less certain lung
    "unsure_outside",  # sum of 1 - |2p - 1| outside, over the mask's area
    "unsure_edge",  # that sum everywhere, over the outline's length
    "wider",  # change of the mask's area if p > .25 were lung
    "narrower",  # and if only p > .75 were
    "unsure_apex",  # sum of 1 - |2p - 1| in the top fifth of the lungs' height, over the area
    "unsure_middle",
    "unsure_base",  # the lowest three tenths and below
    "area", "imbalance", "jagged", "outline", "bottoms", "tops", "contrast", "edge", "bright",
    "shape", "residual",
)  # fmt: skip


def signals(
    right: np.ndarray, left: np.ndarray, probability: np.ndarray, of: Measures
) -> np.ndarray:
    """The signals by the order of NAMES, (24,) float32.

    Args:
        right: (224, 224) bool, the patient's right lung, at smaller x.
        left: the same of the left one; only one of them may be empty.
        probability: (224, 224) float32 in 0-1, of the network's output for the mask's convention.
        of: the mask's measures.
    """
    p, mask = probability, right | left
    area = float(mask.sum())
    inside = float(p[mask].sum(dtype=np.float64))
    total = float(p.sum(dtype=np.float64))
    own = clean(p > 0.5, Recipe())
    unsure = 1 - np.abs(2 * p - 1)
    rows = np.flatnonzero(mask.any(axis=1))
    height = (np.arange(len(mask)) - rows[0]) / max(rows[-1] - rows[0], 1)
    by_row = unsure.sum(axis=1, dtype=np.float64) / area
    means = [float(p[lung].mean()) for lung in (right, left) if lung.any()]
    length = of.outline * np.sqrt(area)
    values = (
        2 * inside / (total + area),
        inside / total if total > 0 else 0.0,
        inside / area,
        2 * float((mask & own).sum()) / (area + float(own.sum())),
        float((1 - unsure[mask]).mean()),
        min(means),
        float(unsure[~mask].sum(dtype=np.float64)) / area,
        float(unsure.sum(dtype=np.float64)) / max(length, 1),
        (float((p > 0.25).sum()) - area) / area,
        (area - float((p > 0.75).sum())) / area,
        float(by_row[height < 0.2].sum()),
        float(by_row[(height >= 0.2) & (height < 0.7)].sum()),
        float(by_row[height >= 0.7].sum()),
        of.area,
        min(float(np.log(of.imbalance)), _RATIO),
        *(of.jagged, of.outline, of.bottoms, of.tops, of.contrast, of.edge, of.bright),
        min(of.shape, _FAR),
        of.residual,
    )
    return np.array(values, np.float32)
