"""What lies between tube and detector: maps of what the beam crosses, before the exposure."""

from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.phantom.body import Body, Floats, Grid, lung_cover


@dataclass(frozen=True)
class Scene:
    """One body in one view. Maps are (H, W) float32 on `grid`, mm along the beam.

    Findings are added to the maps in place.
    """

    body: Body
    grid: Grid
    water: Floats
    bone: Floats  # mm of compact bone
    metal: Floats
    lung: Floats  # mm of lung, already taken out of `water`
    zones: tuple[Floats, Floats]  # covers 0-1 that set the exposure: open lung, mediastinum


def ellipse(u: Floats) -> Floats:
    """sqrt(1 - u^2), 0 outside |u| = 1: the thickness of a round body across its half-width."""
    return np.asarray(np.sqrt(np.clip(1 - u * u, 0, None)))


def texture(grid: Grid, size: float, rng: np.random.Generator) -> Floats:
    """Smooth noise of unit deviation whose blobs measure about `size` mm, (H, W) float32."""
    rows, columns = grid.shape
    cell = max(size / 2.5 / grid.step, 1.0)
    small: Floats = rng.standard_normal(
        (int(rows / cell) + 4, int(columns / cell) + 4), dtype=np.float32
    )
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 0.8))
    small /= small.std()
    return np.asarray(cv2.resize(small, (columns, rows), interpolation=cv2.INTER_CUBIC))


def whole_lung(scene: Scene, side: int) -> Floats:
    """(H, W) float32 in 0-1: one lung's outline, up to the spine. `side` is -1 right, +1 left."""
    return lung_cover(scene.body, scene.grid, side, True)


def changed(change: Floats, limit: float) -> Floats:
    """1 where the change passes `limit` mm, with a soft edge half as wide."""
    return np.asarray(np.clip((change - limit) / limit + 0.5, 0, 1), np.float32)


def halve(grid: Grid) -> Grid:
    """The grid with every second row and column, for smooth things."""
    return Grid(grid.x[:, ::2], grid.y[::2], 2 * grid.step)


def refine(smooth: Floats, grid: Grid) -> Floats:
    """A map on `halve(grid)` brought to `grid`."""
    rows, columns = grid.shape
    u = np.broadcast_to(np.arange(columns, dtype=np.float32) / 2, (rows, columns))
    v = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None] / 2, (rows, columns))
    return np.asarray(
        cv2.remap(
            smooth,
            np.ascontiguousarray(u),
            np.ascontiguousarray(v),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )
