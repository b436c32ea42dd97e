"""How usual the shape of a lung mask is: a linear model of drawn masks (Cootes 1995).

T. F. Cootes et al., Active shape models, CVIU 61(1), 1995, doi:10.1006/cviu.1995.1004; here the
variables are the pixels of a mask brought to one box, so that no landmarks are needed.
"""

from dataclasses import dataclass

import cv2
import numpy as np

SIDE = 24  # pixels of the box that every mask is brought to


@dataclass(frozen=True)
class Shapes:
    """The masks of one convention: their mean, and the directions in which they differ most."""

    mean: np.ndarray  # (SIDE * SIDE,) float32 in 0-1
    directions: np.ndarray  # (N, SIDE * SIDE) float32, orthonormal
    deviations: np.ndarray  # (N,) float32, of the drawn masks along each

    def distance(self, mask: np.ndarray) -> tuple[float, float]:
        """How far a (H, W) bool mask, not empty, is from the drawn ones, whatever its place.

        First the root mean square of its coordinates in deviations, about 1 for a drawn mask; then
        the mean absolute difference, 0-1, from the nearest mask in the span of the directions.
        """
        box = boxed(mask) - self.mean
        coordinates = self.directions @ box
        rest = box - coordinates @ self.directions
        usual = float(np.sqrt(np.mean((coordinates / self.deviations) ** 2)))
        return usual, float(np.abs(rest).mean())


def boxed(mask: np.ndarray) -> np.ndarray:
    """The mask's bounding box at SIDE x SIDE, area-averaged: (SIDE * SIDE,) float32 in 0-1."""
    rows, columns = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
    box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float32)
    small: np.ndarray = cv2.resize(box, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return small.ravel()


def fit(masks: list[np.ndarray], directions: int) -> Shapes:
    """The model of drawn masks, each also mirrored: a heart on the right is no bad mask."""
    listed = [boxed(m) for m in (*masks, *(m[:, ::-1] for m in masks))]
    table = np.array(listed, np.float64)
    mean = table.mean(axis=0)
    _, lengths, axes = np.linalg.svd(table - mean, full_matrices=False)
    deviations = lengths[:directions] / np.sqrt(len(table))
    return Shapes(
        mean.astype(np.float32),
        axes[:directions].astype(np.float32),
        deviations.astype(np.float32),
    )
