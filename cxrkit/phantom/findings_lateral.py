"""Findings as a lateral view shows them; x runs to the back.

Each function adds one finding to a scene's maps in place and gives its cover, (H, W) float32 in
0-1.
"""

import cv2
import numpy as np

from cxrkit.phantom.body import Floats
from cxrkit.phantom.devices import wire
from cxrkit.phantom.findings_lungs import ball, cloud, nodule_radius
from cxrkit.phantom.scene import Scene, changed, texture
from cxrkit.phantom.subject import Subject


def effusion(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Fluid in the posterior sulcus; x runs to the back."""
    body, grid = scene.body, scene.grid
    level = body.height * (1.15 - 0.45 * subject.extent)
    surface = level - 0.15 * body.height * np.clip(grid.x / body.inner_depth, 0, 1) ** 3
    fluid = 0.5 * scene.lung * np.clip((grid.y - surface) / (0.1 * body.height), 0, 1)
    fluid = np.asarray(fluid * np.clip(0.6 + grid.x / body.inner_depth, 0, 1), np.float32)
    scene.water[...] += fluid
    return changed(fluid, 2.0)


def consolidation(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """One dense cloud, at the height that the frontal view shows."""
    body, grid = scene.body, scene.grid
    rng.uniform(0.40, 0.68)  # the patch lies at the height that the frontal view shows
    y0 = body.height * float(rng.uniform(0.32, 0.85))
    x0 = body.inner_depth * float(rng.uniform(-0.3, 0.6))
    patch = cloud(grid, x0, y0, body.chest * (0.15 + 0.2 * subject.extent), rng)
    filled = patch * scene.lung * 0.28
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def nodule(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A ball of soft tissue."""
    body = scene.body
    rng.uniform(0.38, 0.72)
    y0 = body.height * float(rng.uniform(0.25, 0.8))
    radius = nodule_radius(subject.extent) * body.chest / 140
    return ball(scene, body.inner_depth * float(rng.uniform(-0.6, 0.5)), y0, radius, rng)


def edema(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Haze about the hila."""
    body, grid = scene.body, scene.grid
    u, v = grid.x / (0.7 * body.inner_depth), (grid.y - 0.58 * body.height) / (0.45 * body.height)
    haze = np.exp(-(u * u + v * v)) * np.clip(1 + 0.4 * texture(grid, 5, rng), 0, 3)
    haze = np.asarray(haze * scene.lung * (0.07 + 0.16 * subject.extent), np.float32)
    scene.water[...] += haze
    return changed(cv2.GaussianBlur(haze, (0, 0), 4 / grid.step), 3.0 * body.chest / 140)


def tube(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """An endotracheal tube."""
    body = scene.body
    tip = float(rng.uniform(0.14, 0.24)) * body.height
    z = body.inner_depth
    path = [
        (-0.22 * z, -1.0 * body.height),
        (-0.1 * z, -0.35 * body.height),
        (0.03 * z, 0.0),
        (0.1 * z, tip),
    ]
    return wire(scene, [path], 0.032 * body.chest, 0.009 * body.chest, 0.4)


def pneumonia(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Several small clouds, one below the other."""
    body, grid = scene.body, scene.grid
    patches = np.zeros(grid.shape, np.float32)
    for level in np.linspace(0.24, 0.84, 4 + int(1.99 * subject.extent)):
        x0 = body.inner_depth * float(rng.uniform(-0.4, 0.6))
        radius = body.chest * (0.10 + 0.05 * subject.extent) * float(rng.uniform(0.8, 1.2))
        patches = np.maximum(patches, cloud(grid, x0, body.height * float(level), radius, rng))
    filled = patches * scene.lung * 0.25
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def opacity(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """One large hazy patch."""
    body = scene.body
    rng.uniform(0.42, 0.62)  # the patch lies at the height that the frontal view shows
    y0 = body.height * float(rng.uniform(0.3, 0.8))
    x0 = body.inner_depth * float(rng.uniform(-0.3, 0.5))
    radius = body.chest * (0.30 + 0.14 * subject.extent)
    filled = cloud(scene.grid, x0, y0, radius, rng) * scene.lung * (0.1 + 0.06 * subject.extent)
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)


def atelectasis(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Bands over the back of the diaphragm."""
    body, grid = scene.body, scene.grid
    bands = np.zeros(grid.shape, np.float32)
    thick = body.chest * (0.022 + 0.014 * subject.extent)
    count = 2 + int(2.99 * subject.extent)
    for level in np.linspace(0.95, 0.95 - 0.11 * count, count):
        along = (grid.x - body.inner_depth * float(rng.uniform(0.1, 0.4))) / (0.22 * body.chest)
        across = (grid.y - body.height * level) / thick
        bands = np.maximum(bands, np.exp(-(along**4) - across**4))
    filled = np.asarray(bands * scene.lung * 0.22, np.float32)
    scene.water[...] += filled
    return changed(filled, 4.0 * body.chest / 140)
