"""How one picture lies over another: moved and stretched along both axes, and how well it fits.

Gauss-Newton steps that raise the correlation (Evangelidis and Psarakis 2008,
doi:10.1109/TPAMI.2008.113), with four parameters instead of their six: a crop, a border and a
resize change nothing else. Many pairs are fitted at once.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

_FURTHEST = 0.35  # of half a side: how far a picture is stretched or moved
_LONGEST = 0.1  # of half a side: one step
_DAMPING = 1e-3  # of the trace of the normal matrix
_MARGIN = 0.15  # of half a side: so near to an edge of either picture, the other side of it shows
_LEAST = 0.3  # of the places: with fewer in both pictures nothing is known


def fit(
    fixed: np.ndarray, moving: np.ndarray, start: np.ndarray, steps: int
) -> tuple[np.ndarray, np.ndarray]:
    """The best place of each moving picture over its fixed one, and the correlation there.

    Args:
        fixed: (N, S, S) float32.
        moving: (N, S, S) float32.
        start: (N, 4) float32: stretch and shift across, stretch and shift down, in half sides. A
            point u from -1 to 1 of the fixed picture is at (1 + stretch) u + shift of the other.
        steps: of the search.

    Returns:
        (N, 4) float32 as `start`, and (N,) float32 from -1 to 1: the correlation over the places
        that both have; of an inverted copy it is near -1.
    """
    place, best = start.copy(), start.copy()
    found = np.zeros(len(fixed), np.float32)
    for step in range(steps + 1):
        laid = _view(moving, place)
        target, seen = _centred(fixed, laid.inside), _centred(laid.picture, laid.inside)
        norms = _norm(target), _norm(seen)
        value = (target * seen).sum((1, 2)) / (norms[0] * norms[1])
        value[laid.inside.mean((1, 2)) < _LEAST] = 0
        better = np.abs(value) > np.abs(found)
        found[better], best[better] = value[better], place[better]
        if step < steps:
            turned = np.where(value < 0, -1, 1) * norms[1] / norms[0]
            residual = target * turned[:, None, None] - seen
            place = place + _step(laid, seen / norms[1][:, None, None], residual)
            place = np.clip(place, -_FURTHEST, _FURTHEST).astype(np.float32)
    return best, found


def view(moving: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(N, S, S): the moving pictures as they lie over the fixed ones at `place`; 0 outside."""
    return _view(moving, place).picture


def detail(fixed: np.ndarray, moving: np.ndarray, place: np.ndarray) -> np.ndarray:
    """(N,) float32 from -1 to 1: the correlation of what is fine in both, at `place`."""
    seen = _view(moving, place)
    pair = [_centred(fine(p), seen.inside) for p in (fixed, seen.picture)]
    value = (pair[0] * pair[1]).sum((1, 2)) / (_norm(pair[0]) * _norm(pair[1]))
    return np.asarray(np.where(seen.inside.mean((1, 2)) < _LEAST, 0, value), np.float32)


def fine(pictures: np.ndarray) -> np.ndarray:
    """(N, S, S) less a Gaussian mean of sigma one place."""
    return np.asarray(pictures - smoothed(pictures))


def smoothed(pictures: np.ndarray) -> np.ndarray:
    """(N, S, S) after a Gaussian mean of sigma one place."""
    smooth = _smoothing(pictures.shape[1])
    return np.asarray(smooth @ pictures @ smooth.T)


@cache
def _smoothing(side: int) -> np.ndarray:
    """(S, S): the mean along one axis; at an edge, of the places that are there."""
    places = np.arange(side)
    weights = np.exp(-((places[:, None] - places) ** 2) / 2)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


@dataclass(frozen=True)
class _View:
    """Moving pictures as they lie over the fixed ones, (N, S, S) each."""

    picture: np.ndarray
    inside: np.ndarray  # float32, 1 where the moving picture has something
    across: np.ndarray  # slopes, per half side
    down: np.ndarray


def _view(moving: np.ndarray, place: np.ndarray) -> _View:
    """Along each axis alone a move is a product with a matrix of few entries."""
    side = moving.shape[1]
    columns, column_slopes, has_column = _weights(place[:, 0:1], place[:, 1:2], side)
    rows, row_slopes, has_row = _weights(place[:, 2:3], place[:, 3:4], side)
    half = moving @ columns
    rows, row_slopes = rows.transpose(0, 2, 1), row_slopes.transpose(0, 2, 1)
    inside = (has_row[:, :, None] & has_column[:, None, :]).astype(np.float32)
    return _View(rows @ half, inside, rows @ (moving @ column_slopes), row_slopes @ half)


def _weights(
    stretch: np.ndarray, shift: np.ndarray, side: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Linear interpolation as (N, S, S) matrices [from, to], their slopes, and (N, S) bool."""
    centre = (side - 1) / 2
    points = np.linspace(-1, 1, side, dtype=np.float32)
    position = (((1 + stretch) * points + shift) * centre + centre).astype(np.float32)
    distance = position[:, None, :] - np.arange(side, dtype=np.float32)[None, :, None]
    # Over a whole place: on a place itself the slope of linear interpolation is not defined.
    ahead, behind = _hat(distance + np.float32(0.5)), _hat(distance - np.float32(0.5))
    slopes = (ahead - behind) * np.float32(centre)
    reach = np.float32(1 - _MARGIN)
    inside = (np.abs(position - centre) <= reach * centre) & (np.abs(points) <= reach)
    return _hat(distance), slopes, inside


def _hat(distance: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(0, 1 - np.abs(distance)))


def _centred(pictures: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Without their mean over `inside`, and 0 elsewhere."""
    count = np.maximum(inside.sum((1, 2), keepdims=True), 1)
    mean = (pictures * inside).sum((1, 2), keepdims=True) / count
    return np.asarray((pictures - mean) * inside)


def _norm(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((pictures * pictures).sum((1, 2))) + np.float32(1e-3))


def _step(laid: _View, seen: np.ndarray, residual: np.ndarray) -> np.ndarray:
    """(N, 4): where the residual falls fastest, less what brightness and contrast explain."""
    number, side = seen.shape[:2]
    points = np.linspace(-1, 1, side, dtype=np.float32)
    slopes = [laid.across * points, laid.across, laid.down * points[:, None], laid.down]
    slopes = [_centred(slope, laid.inside) for slope in slopes]
    flat = np.stack(slopes, 1).reshape(number, 4, -1)
    seen = seen.reshape(number, 1, -1)
    flat -= (flat * seen).sum(2, keepdims=True) * seen
    normal = flat @ flat.transpose(0, 2, 1)
    damping = _DAMPING * np.trace(normal, axis1=1, axis2=2) + np.float32(1e-6)
    normal += damping[:, None, None] * np.eye(4, dtype=np.float32)
    step = np.linalg.solve(normal, flat @ residual.reshape(number, -1, 1))[:, :, 0]
    return np.asarray(np.clip(step, -_LONGEST, _LONGEST))
