"""What fills the lungs: consolidation, pneumonia, haze, atelectasis, nodule, edema; frontal views.

Each function adds one finding to a scene's maps in place and gives its cover, (H, W) float32 in
0-1. Looks follow the Fleischner Society's glossary (Hansell 2008, doi:10.1148/radiol.2462070712);
sizes and densities were set by eye.
"""

import cv2
import numpy as np

from cxrkit.phantom.body import Floats, Grid
from cxrkit.phantom.scene import Scene, changed, ellipse, texture, whole_lung
from cxrkit.phantom.subject import Subject


def consolidation(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Filled air spaces: a cloudy patch with a soft, irregular border."""
    body, grid, side = scene.body, scene.grid, subject.sign
    x0 = side * body.chest * float(rng.uniform(0.40, 0.68))
    y0 = body.height * float(rng.uniform(0.32, 0.85))
    patch = cloud(grid, x0, y0, body.chest * (0.15 + 0.22 * subject.extent), rng)
    filled = patch * whole_lung(scene, side) * scene.lung * (0.35 + 0.3 * subject.extent)
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def pneumonia(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Patchy consolidation: several small clouds one below the other in one lung."""
    body, grid, side = scene.body, scene.grid, subject.sign
    count = 4 + int(1.99 * subject.extent)
    patches = np.zeros(grid.shape, np.float32)
    for level in np.linspace(0.24, 0.84, count):
        x0 = side * body.chest * float(rng.uniform(0.36, 0.74))
        y0 = body.height * float(level + rng.uniform(-0.05, 0.05))
        radius = body.chest * (0.12 + 0.05 * subject.extent) * float(rng.uniform(0.75, 1.25))
        patches = np.maximum(patches, cloud(grid, x0, y0, radius, rng))
    filled = patches * whole_lung(scene, side) * scene.lung * (0.24 + 0.2 * subject.extent)
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def opacity(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Ground glass: one large hazy patch through which vessels are still seen."""
    body, side = scene.body, subject.sign
    x0 = side * body.chest * float(rng.uniform(0.42, 0.62))
    y0 = body.height * float(rng.uniform(0.3, 0.8))
    radius = body.chest * (0.30 + 0.14 * subject.extent)
    filled = cloud(scene.grid, x0, y0, radius, rng) * whole_lung(scene, side)
    filled *= scene.lung * (0.13 + 0.08 * subject.extent)
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def atelectasis(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Plate-like atelectasis: two to four bands of airless lung, nearly level, over a dome."""
    body, grid, side = scene.body, scene.grid, subject.sign
    bands = np.zeros(grid.shape, np.float32)
    count = 2 + int(2.99 * subject.extent)
    for level in np.linspace(0.9, 0.9 - 0.11 * count, count):
        x0 = side * body.chest * float(rng.uniform(0.45, 0.62))
        y0 = body.height * float(level + rng.uniform(-0.02, 0.02))
        length = body.chest * float(rng.uniform(0.16, 0.32))
        thick = body.chest * (0.022 + 0.014 * subject.extent)
        along = (grid.x - x0) / length
        bent = y0 + body.height * (float(rng.normal(0, 0.045)) * along + 0.02 * along**2)
        bands = np.maximum(bands, np.exp(-(along**4) - ((grid.y - bent) / thick) ** 4))
    filled = bands * whole_lung(scene, side) * scene.lung * 0.28
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def cloud(grid: Grid, x0: float, y0: float, radius: float, rng: np.random.Generator) -> Floats:
    """0-1, a ragged blob about (x0, y0)."""
    ragged = 0.22 * texture(grid, 0.7 * radius, rng) + 0.07 * texture(grid, 0.25 * radius, rng)
    away = np.hypot(grid.x - x0, (grid.y - y0) * 1.15) / radius
    return np.asarray(np.clip(1.15 - away + ragged * (away < 1.4), 0, 1), np.float32)


def nodule(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A ball of soft tissue, 15 to 40 mm across, a little uneven: a nodule or a mass."""
    body, side = scene.body, subject.sign
    radius = nodule_radius(subject.extent) * body.chest / 140
    x0 = side * body.chest * float(rng.uniform(0.38, 0.72))
    y0 = body.height * float(rng.uniform(0.25, 0.8))
    return ball(scene, x0, y0, radius, rng)


def nodule_radius(extent: float) -> float:
    """Half the breadth of a nodule in a chest of average size, mm."""
    return 7 + 13 * extent


def ball(scene: Scene, x0: float, y0: float, radius: float, rng: np.random.Generator) -> Floats:
    """Add a ball of soft tissue about (x0, y0) mm, a little uneven; its cover."""
    grid = scene.grid
    dx, dy = grid.x - x0, grid.y - y0
    angle = np.arctan2(dy, dx)
    bumps = (
        1
        + 0.07 * np.sin(3 * angle + rng.random() * 6)
        + 0.05 * np.sin(5 * angle + rng.random() * 6)
    )
    away = (np.hypot(dx, dy) / (radius * bumps)).astype(np.float32)
    ball = 2.2 * radius * ellipse(away)
    scene.water[...] += cv2.GaussianBlur(ball, (0, 0), 0.7 / grid.step)
    return np.asarray(np.clip((1 - away) * radius / grid.step + 0.5, 0, 1), np.float32)


def edema(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Water in the lungs about the hila: hazy, streaky, on both sides."""
    body, grid = scene.body, scene.grid
    haze = np.zeros(grid.shape, np.float32)
    for side in (-1, 1):
        u = (side * grid.x - 0.36 * body.chest) / (0.46 * body.chest)
        v = (grid.y - 0.58 * body.height) / (0.48 * body.height)
        haze += np.exp(-(u * u + v * v)) * whole_lung(scene, side)
    grain = 1 + 0.32 * texture(grid, 16, rng) + 0.18 * texture(grid, 5, rng)
    haze *= np.clip(grain, 0, 3) * scene.lung * (0.08 + 0.22 * subject.extent)
    scene.water[...] += haze
    return changed(cv2.GaussianBlur(haze, (0, 0), 4 / grid.step), 3.0 * body.chest / 140)
