"""What is wrong with heart, mediastinum and ribs; seen frontally.

Each function gives a finding's cover, (H, W) float32 in 0-1. A large heart and a wide mediastinum
are part of the body already, so that the lungs make room for them: only their masks are made here.
"""

from dataclasses import replace

import cv2
import numpy as np

from cxrkit.phantom import body as shape
from cxrkit.phantom.body import Floats, cavity_half_width
from cxrkit.phantom.scene import Scene, whole_lung
from cxrkit.phantom.skeleton import rib_path
from cxrkit.phantom.subject import Subject


def cardiomegaly(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """The outline of the heart, from the hila to the diaphragm."""
    body, grid = scene.body, scene.grid
    right = -shape.mediastinum_edge(body, grid.y, -1)
    left = shape.mediastinum_edge(body, grid.y, 1)
    floor = np.minimum(shape.dome(body, grid.x, -1), shape.dome(body, grid.x, 1) + 0 * grid.x)
    inside = (grid.x > right) & (grid.x < left)
    inside &= (grid.y > 0.46 * body.height) & (grid.y < floor)
    return inside.astype(np.float32)


def mediastinum(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """The strips on both sides by which the upper mediastinum is wider than in health."""
    body, grid = scene.body, scene.grid
    healthy = replace(body, widening=0.0)
    inside = np.zeros(grid.shape, bool)
    for side in (-1, 1):
        x = side * grid.x
        inside |= (x > shape.mediastinum_edge(healthy, grid.y, side)) & (
            x < shape.mediastinum_edge(body, grid.y, side)
        )
    inside &= (grid.y > 0.04 * body.height) & (grid.y < 0.5 * body.height)
    return inside.astype(np.float32)


def fracture(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Two to four neighbouring ribs broken at the side, and blood between wall and pleura."""
    body, side = scene.body, subject.sign
    heights = np.linspace(-0.3, 2.2, 200) * body.height
    widths = (heights, cavity_half_width(body, heights))
    first = int(rng.integers(3, 7))
    breaks = []
    for number in range(first, first + 2 + int(2.99 * subject.extent)):
        at = rib_path(body, number, side, widths)[int(rng.integers(28, 37))]
        breaks.append((float(at[0]), float(at[1])))
    covers = [_break(scene, at, subject) for at in breaks]
    middle = float(np.mean([y for _, y in breaks]))
    return np.asarray(np.max([*covers, _haematoma(scene, middle, subject)], axis=0))


def _haematoma(scene: Scene, y0: float, subject: Subject) -> Floats:
    """A lens of blood that bulges from the chest wall about the height `y0` mm; its cover."""
    body, grid, side = scene.body, scene.grid, subject.sign
    tall = body.height * (0.17 + 0.08 * subject.extent)
    deep = body.chest * (0.11 + 0.09 * subject.extent)
    bulge = deep * np.clip(1 - ((grid.y - y0) / tall) ** 2, 0, 1)
    inward = shape.lung_lateral(body, grid.y, side) - side * grid.x
    lens = np.clip((bulge - inward) / (2 * grid.step) + 0.5, 0, 1) * (bulge > 0)
    lens = lens * whole_lung(scene, side)
    scene.water[...] += lens * (10.0 * body.chest / 140 + 0.3 * scene.lung)
    return np.asarray(lens, np.float32)


def _break(scene: Scene, at: tuple[float, float], subject: Subject) -> Floats:
    """One rib broken at (x, y) mm; where the bone has moved."""
    body, grid = scene.body, scene.grid
    radius = body.chest * (0.085 + 0.03 * subject.extent)
    away = np.hypot(grid.x - at[0], grid.y - at[1]).astype(np.float32)
    cover = np.clip((radius - away) / grid.step + 0.5, 0, 1)
    slip = np.float32(body.chest * (0.075 + 0.03 * subject.extent) / grid.step)
    rows, columns = grid.shape
    u = np.broadcast_to(np.arange(columns, dtype=np.float32), (rows, columns))
    v = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None], (rows, columns))
    beyond = subject.sign * (grid.x - np.float32(at[0]))
    shift = slip * (beyond > 0) * np.clip(1.6 * (1 - away / radius), 0, 1)
    moved = cv2.remap(scene.bone, u.copy(), (v - shift).astype(np.float32), cv2.INTER_LINEAR)
    gap = np.exp(-((beyond / (0.024 * body.chest)) ** 2)) * np.clip(2 * (1 - away / radius), 0, 1)
    scene.bone[...] = scene.bone * (1 - cover) + cover * moved * (1 - 0.9 * gap)
    return np.asarray(cover, np.float32)
