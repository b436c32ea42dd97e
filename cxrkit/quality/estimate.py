"""The Dice that a lung mask would have, had somebody drawn the lungs, with an interval.

Boosted regression trees (Friedman 2001, doi:10.1214/aos/1013203451) turn the signals into a number;
what they were off by, on masks of patients that they did not learn from, gives the interval and
the chances (split conformal prediction, Mondrian: by convention and by the number itself; Vovk
2005, doi:10.1007/b106715, chapter 4). How it was calibrated: docs/quality.md.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cxrkit import model_folder
from cxrkit.quality.shape import Shapes
from cxrkit.terms import MASK_CONVENTIONS, MaskConvention

TASK = "quality"
CALIBRATION = Path(__file__).parents[1] / "models" / "weights_quality"
GOOD = 0.9  # a Dice from which a mask serves: two people who draw the same lungs agree at .95
READERS = 0.95  # what a person who draws a mask again can reach
GROUPS = ("doubtful", "good")  # estimates below GOOD, and the others
_SOFTENED = 0.01  # added to 1 - Dice before its logarithm, which a perfect mask would not have
_COVERAGE = 0.90


@dataclass(frozen=True)
class Trees:
    """Complete binary trees of one depth, their nodes level by level from the root."""

    start: float
    feature: np.ndarray  # (T, 2^depth - 1) int16, of the inner nodes
    threshold: np.ndarray  # the same shape, float32: greater goes to the second child
    value: np.ndarray  # (T, 2^depth) float32, of the leaves

    def sums(self, row: np.ndarray) -> float:
        """The start and the leaves of all trees that a (F,) float32 row falls into, added up."""
        trees = np.arange(len(self.value))
        node = np.zeros(len(self.value), np.int64)
        inner = self.feature.shape[1]
        while node[0] < inner:  # all trees are equally deep
            greater = row[self.feature[trees, node]] > self.threshold[trees, node]
            node = 2 * node + 1 + greater
        return self.start + float(self.value[trees, node - inner].sum(dtype=np.float64))


@dataclass(frozen=True)
class Calibration:
    """Everything that an estimate needs, as numbers."""

    networks: tuple[str, ...]  # SHA-256 of the weights files that it was made and tested for
    shapes: Mapping[MaskConvention, Shapes]
    trees: Trees
    # By convention and group: (99,) float64, the percentiles of truth minus number, see `number`.
    errors: Mapping[tuple[MaskConvention, str], np.ndarray]


@dataclass(frozen=True)
class Estimate:
    """What is expected of a mask; all 0-1."""

    dice: float
    low: float  # 90 % of masks lie between low and high
    high: float
    risk: float  # chance of a Dice below GOOD
    gain: float  # expected gain of Dice if a person draws it again: mean of READERS - Dice, or 0


NOTHING = Estimate(0.0, 0.0, 0.0, 1.0, READERS)  # of an empty mask


def estimate(row: np.ndarray, convention: MaskConvention, by: Calibration) -> Estimate:
    """The estimate from the signals of a mask, (len(signals.NAMES),) float32."""
    excluded = np.float32(convention == "excluded")
    found = by.trees.sums(np.append(row, excluded).astype(np.float32))
    middle = dice_of(found)
    errors = by.errors[convention, group(middle)]
    possible = dice_of(found + errors)
    below, above = (1 - _COVERAGE) / 2, (1 + _COVERAGE) / 2
    ends = [possible[round(100 * share) - 1] for share in (below, above)]
    return Estimate(
        dice=float(middle),
        low=float(min(ends)),
        high=float(max(ends)),
        risk=float((possible < GOOD).mean()),
        gain=float(np.maximum(READERS - possible, 0).mean()),
    )


def number(dice: np.ndarray) -> np.ndarray:
    """What the trees learn of a Dice: its distance from 1 as a logarithm, float64."""
    logarithm: np.ndarray = np.log(1 - np.asarray(dice, np.float64) + _SOFTENED)
    return logarithm


def dice_of(number: float | np.ndarray) -> np.ndarray:
    """The Dice that a number stands for, kept in 0-1."""
    return np.clip(1 + _SOFTENED - np.exp(number), 0, 1)


def group(dice: float | np.ndarray) -> str:
    """Whose errors an estimate shares."""
    return GROUPS[int(dice >= GOOD)]


@lru_cache(maxsize=2)
def load(folder: Path = CALIBRATION) -> Calibration:
    """The calibration in a folder, by default the shipped one.

    Raises: as `model_folder.card` and `model_folder.file`.
    """
    card = model_folder.card(folder, TASK)
    try:
        data = model_folder.file(folder, card["files"]["numbers"], TASK)
        return _read(data, tuple(card["networks"]))
    except (KeyError, TypeError, ValueError) as error:
        raise model_folder.damaged(folder, "it lacks what a calibration has") from error


def _read(data: bytes, networks: tuple[str, ...]) -> Calibration:
    import io

    table = np.load(io.BytesIO(data), allow_pickle=False)
    shapes = {
        c: Shapes(*(table[f"{c}_{name}"] for name in ("mean", "directions", "deviations")))
        for c in MASK_CONVENTIONS
    }
    trees = Trees(float(table["start"]), table["feature"], table["threshold"], table["value"])
    errors = {(c, g): table[f"{c}_{g}"] for c in MASK_CONVENTIONS for g in GROUPS}
    return Calibration(networks, shapes, trees, errors)
