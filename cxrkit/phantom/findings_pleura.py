"""What lies between lung and chest wall: fluid, air, thickening with plaques; seen frontally.

Each function adds one finding to a scene's maps in place and gives its cover, (H, W) float32 in
0-1.
"""

import cv2
import numpy as np

from cxrkit.phantom import body as shape
from cxrkit.phantom.body import Floats, cavity_half_width
from cxrkit.phantom.scene import Scene, changed, texture, whole_lung
from cxrkit.phantom.subject import Subject


def effusion(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Fluid over the diaphragm whose upper edge climbs along the chest wall (the meniscus)."""
    body, grid, side = scene.body, scene.grid, subject.sign
    across = side * grid.x / cavity_half_width(body, grid.y)
    level = body.height * (1.12 - 0.5 * subject.extent + float(rng.normal(0, 0.02)))
    surface = level - 0.16 * body.height * np.clip(across, 0, 1) ** 4
    depth = np.clip((grid.y - surface) / (0.16 * body.height) + 0.15, 0, 1)
    inside = ((side * grid.x > 0) & (grid.y > surface)).astype(np.float32)
    fluid = scene.lung * depth * inside * 0.72
    fluid = cv2.GaussianBlur(fluid, (0, 0), 1.5 / grid.step)
    scene.water[...] += fluid
    return changed(fluid, 2.0)


def pneumothorax(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Air between chest wall and lung: no vessels, darker, bounded by a thin white line."""
    body, grid, side = scene.body, scene.grid, subject.sign
    gap = body.chest * (0.08 + 0.38 * subject.extent)
    drop = 0.14 + 0.3 * subject.extent
    lateral = shape.lung_lateral(body, grid.y - drop * body.height * 0.6, side)
    reach = (lateral - gap * np.clip(1.25 - 0.75 * grid.y / body.height, 0.2, 1)).astype(np.float32)
    reach += np.float32(0.012 * body.chest) * np.sin(
        grid.y * np.float32(9 / body.height) + rng.random() * 6
    ).astype(np.float32)
    beyond = np.clip((side * grid.x - reach) / grid.step + 0.5, 0, 1)
    free = whole_lung(scene, side) * np.maximum(beyond, (grid.y < 0.6 * drop * body.height))
    shrunk = np.clip(free, 0, 1)
    edge = cv2.GaussianBlur(shrunk, (0, 0), 0.6 / grid.step)
    pleura = np.abs(cv2.Sobel(edge, cv2.CV_32F, 1, 0)) + np.abs(cv2.Sobel(edge, cv2.CV_32F, 0, 1))
    inner = np.clip(1 - _rim(scene, side), 0, 1)
    smooth = cv2.GaussianBlur(scene.water, (0, 0), 3.0 / grid.step)
    taken = np.minimum(0.20 * scene.lung + 1.0, 0.8 * scene.water)
    scene.water[...] += shrunk * (0.7 * (smooth - scene.water) - taken) + 3.5 * pleura * inner
    return np.asarray(shrunk)


def _rim(scene: Scene, side: int) -> Floats:
    """1 near the lung's own outline, where no pleural line is drawn."""
    cover = whole_lung(scene, side)
    width = max(int(3.0 / scene.grid.step), 1)
    return cover - cv2.erode(cover, np.ones((2 * width + 1,) * 2, np.uint8))


def pleura(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Old pleural disease: a thick rind with an apical cap, and calcified plaques before it."""
    body, grid, side = scene.body, scene.grid, subject.sign
    knots = [(0.0, 1.6), (0.1, 1.3), (0.2, 0.6), (0.4, 0.7), (0.6, 1.0), (0.8, 0.8), (0.95, 0.3)]
    thick = body.chest * (0.075 + 0.05 * subject.extent)
    wavy = 1 + 0.25 * np.sin(grid.y * np.float32(14 / body.height) + rng.random() * 6)
    depth = thick * wavy * shape.curve(grid.y, [(t * body.height, v) for t, v in knots], 8.0)
    inward = shape.lung_lateral(body, grid.y, side) - side * grid.x
    rind = np.clip((depth - inward) / (2 * grid.step) + 0.5, 0, 1) * whole_lung(scene, side)
    scene.water[...] += rind * (16.0 * body.chest / 140 + 0.35 * scene.lung)
    plaques = np.zeros(grid.shape, np.float32)
    for level in np.linspace(0.32, 0.8, 3 + int(1.99 * subject.extent)):
        x0 = side * body.chest * float(rng.uniform(0.5, 0.8))
        y0 = body.height * float(level + rng.uniform(-0.05, 0.05))
        wide, tall = (body.chest * float(rng.uniform(*r)) for r in ((0.07, 0.13), (0.045, 0.08)))
        away = np.hypot((grid.x - x0) / wide, (grid.y - y0) / tall)
        ragged = 0.3 * texture(grid, 6, rng)
        plaques = np.maximum(plaques, np.clip(3 * (1 - away + ragged * (away < 1.6)), 0, 1))
    plaques *= whole_lung(scene, side)
    scene.bone[...] += (5.0 + 3.0 * subject.extent) * plaques
    return np.asarray(np.maximum(rind, plaques), np.float32)
