"""Lung masks spoilt in stated ways, so that the true Dice of a bad mask is known exactly."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

Damage = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def shifted(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moved by 4 to 40 pixels: the mask of another size of the image."""
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(4, 40)
    return _warped(mask, np.eye(2), length * np.array([np.cos(angle), np.sin(angle)]))


def turned(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned by 4 to 40 degrees."""
    a = np.deg2rad(rng.uniform(4, 40)) * rng.choice([-1, 1])
    return _warped(mask, np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]), np.zeros(2))


def scaled(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Larger or smaller by up to 35 %, in x and y apart: a wrong aspect ratio."""
    return _warped(mask, np.diag(np.exp(rng.uniform(-0.35, 0.35, 2))), np.zeros(2))


def grown(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two to fourteen pixels wider all round."""
    return _true(cv2.dilate(mask.astype(np.uint8), _disc(int(rng.integers(2, 15)))))


def shrunk(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two to twelve pixels narrower all round."""
    return _true(cv2.erode(mask.astype(np.uint8), _disc(int(rng.integers(2, 13)))))


def cut(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Without what lies beyond a line: a lost base, apex or side."""
    angle = rng.uniform(0, 2 * np.pi)
    along = np.add.outer(np.arange(len(mask)) * np.sin(angle), np.arange(len(mask)) * np.cos(angle))
    limit = np.quantile(along[mask], rng.uniform(0.45, 0.97))
    return np.asarray(mask & (along < limit))


def one_lung(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One side of the middle only."""
    columns = np.flatnonzero(mask.any(axis=0))
    middle = (columns[0] + columns[-1]) // 2
    left = np.arange(mask.shape[1]) < middle
    return np.asarray(mask & (left if rng.random() < 0.5 else ~left))


def holed(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Without one to four blobs: opacities that were left out."""
    return np.asarray(mask & ~_blobs(mask, rng, inside=True))


def spilt(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With one to four blobs: gas, air beside the patient."""
    return np.asarray(mask | _blobs(mask, rng, inside=False))


def ragged(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With an outline that wanders by several pixels."""
    noise = rng.normal(0, 1, (rng.integers(10, 40),) * 2).astype(np.float32)
    field = cv2.resize(noise, mask.shape[::-1], interpolation=cv2.INTER_CUBIC)
    inside = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, 5)
    outside = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, 5)
    return _true(inside - outside + rng.uniform(2, 9) * field)


def joined(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """With the mediastinum between the lungs, from one row down to another."""
    rows = np.flatnonzero(mask.any(axis=1))
    first, last = sorted(rng.integers(rows[0], rows[-1] + 1, 2))
    filled = mask.copy()
    for row in range(first, last + 1):
        columns = np.flatnonzero(mask[row])
        if len(columns):
            filled[row, columns[0] : columns[-1] + 1] = True
    return filled


DAMAGES: tuple[Damage, ...] = (
    shifted, turned, scaled, grown, shrunk, cut, one_lung, holed, spilt, ragged, joined,
)  # fmt: skip


def damaged(mask: np.ndarray, others: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """The (H, W) bool mask spoilt in one way, or one of `others`: the mask of another patient.

    Where nothing would be left, the mask itself.
    """
    way = int(rng.integers(len(DAMAGES) + 2))
    if way < len(DAMAGES):
        spoilt = DAMAGES[way](mask, rng)
    else:
        spoilt = others[int(rng.integers(len(others)))]
    return np.asarray(spoilt if spoilt.any() else mask, bool)


def _true(values: np.ndarray) -> np.ndarray:
    """Where the values are above 0, bool."""
    return np.asarray(values > 0)


def _disc(radius: int) -> np.ndarray:
    kernel: np.ndarray = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1,) * 2)
    return kernel


def _warped(mask: np.ndarray, linear: np.ndarray, shift: np.ndarray) -> np.ndarray:
    """The mask under a linear map about its centroid and a shift, (x, y)."""
    centre = np.argwhere(mask).mean(axis=0)[::-1]
    matrix = np.hstack([linear, (centre + shift - linear @ centre)[:, None]])
    return _true(cv2.warpAffine(mask.astype(np.uint8), matrix, mask.shape[::-1], flags=0))


def _blobs(mask: np.ndarray, rng: np.random.Generator, inside: bool) -> np.ndarray:
    """Ellipses whose centres lie on the mask, or within 30 pixels of it."""
    near = mask if inside else _true(cv2.dilate(mask.astype(np.uint8), _disc(30))) & ~mask
    places = np.argwhere(near)
    canvas = np.zeros(mask.shape, np.uint8)
    for _ in range(int(rng.integers(1, 5)) if len(places) else 0):
        row, column = places[rng.integers(len(places))]
        radii = rng.integers(5, 34, 2)
        cv2.ellipse(
            canvas, (int(column), int(row)), (int(radii[0]), int(radii[1])),
            float(rng.uniform(0, 180)), 0, 360, 1, -1,
        )  # fmt: skip
    return _true(canvas)
