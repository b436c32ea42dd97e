"""What was put into the patient: tubes, lines and implants; seen frontally.

Each function adds one device to a scene's maps in place and gives its cover, (H, W) float32 in
0-1. Courses are those of radiology textbooks; opacities were set by eye.
"""

import cv2
import numpy as np

from cxrkit.phantom.body import Floats
from cxrkit.phantom.scene import Scene, ellipse
from cxrkit.phantom.subject import Subject

Path = list[tuple[float, float]]  # knots (x, y), mm


def tube(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """An endotracheal tube that ends above the carina, with its opaque stripe."""
    body = scene.body
    w, h = body.chest, body.height
    tip = float(rng.uniform(0.14, 0.24)) * h
    bent = float(rng.normal(0, 0.03)) * w
    path = [(0.02 * w + bent, -1.0 * h), (0.01 * w + bent, -0.35 * h), (0.0, 0.0), (0.012 * w, tip)]
    wide = wire(scene, [path], 0.032 * w, 0.009 * w, 0.3)
    stripe = [(x + 0.02 * w, y) for x, y in path]
    return np.asarray(np.maximum(wide, wire(scene, [stripe], 0.008 * w, 0.008 * w, 2.2)))


def line(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A central venous catheter: under the clavicle, into the superior vena cava."""
    body, side = scene.body, subject.sign
    w, h = body.chest, body.height
    start = (side * float(rng.uniform(0.75, 0.95)) * w, float(rng.uniform(0.16, 0.28)) * h)
    path = [
        start,
        (side * 0.62 * w, 0.10 * h),
        (side * 0.35 * w, 0.075 * h),
        (side * 0.12 * w, 0.14 * h),
    ]
    path += [
        (-0.10 * w, 0.24 * h),
        (-0.14 * w, 0.36 * h),
        (-0.15 * w, float(rng.uniform(0.48, 0.6)) * h),
    ]
    return wire(scene, [path], 0.0105 * w, 0.0105 * w, 1.3)


def nasogastric(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A feeding tube: down the oesophagus, through the diaphragm, into the stomach."""
    w, h = scene.body.chest, scene.body.height
    bent = float(rng.normal(0, 0.02)) * w
    path = [(0.03 * w + bent, -1.0 * h), (0.03 * w + bent, -0.3 * h), (0.0, 0.1 * h)]
    path += [(0.03 * w, 0.5 * h), (0.09 * w + bent, 0.85 * h), (0.24 * w, 1.1 * h)]
    path += [(float(rng.uniform(0.35, 0.5)) * w, float(rng.uniform(1.18, 1.32)) * h)]
    return wire(scene, [path], 0.015 * w, 0.015 * w, 1.1)


def drain(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A chest tube: in at the flank, up along the chest wall to the apex; its opaque stripe."""
    w, h = scene.body.chest, scene.body.height
    side = subject.sign
    path = [(1.18 * w, 0.92 * h), (1.0 * w, float(rng.uniform(0.68, 0.8)) * h)]
    path += [(0.8 * w, 0.55 * h), (0.66 * w, 0.36 * h)]
    path += [(float(rng.uniform(0.46, 0.58)) * w, float(rng.uniform(0.12, 0.2)) * h)]
    here = [(side * x, y) for x, y in path]
    wide = wire(scene, [here], 0.034 * w, 0.009 * w, 0.35)
    stripe = [(x + 0.018 * w, y) for x, y in here]
    return np.asarray(np.maximum(wide, wire(scene, [stripe], 0.009 * w, 0.009 * w, 2.2)))


def pacemaker(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A generator below the clavicle and two leads, to the right atrium and ventricle."""
    w, h, side = scene.body.chest, scene.body.height, subject.sign
    x0, y0 = side * float(rng.uniform(0.66, 0.8)) * w, float(rng.uniform(0.14, 0.24)) * h
    vein = [(x0, y0), (side * 0.5 * w, 0.06 * h), (side * 0.2 * w, 0.1 * h), (-0.12 * w, 0.26 * h)]
    atrium = [*vein, (-0.15 * w, 0.5 * h), (-0.2 * w, 0.72 * h), (-0.08 * w, 0.68 * h)]
    ventricle = [*vein, (-0.14 * w, 0.52 * h), (-0.06 * w, 0.86 * h)]
    ventricle += [(float(rng.uniform(0.3, 0.42)) * w, 0.95 * h)]
    leads = wire(scene, [atrium, ventricle], 0.009 * w, 0.009 * w, 1.6)
    return np.asarray(np.maximum(leads, _can(scene, x0, y0, 0.165 * w, 0.145 * w, 3, 5.0)))


def port(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A port below the clavicle with its catheter into the superior vena cava."""
    w, h, side = scene.body.chest, scene.body.height, subject.sign
    x0, y0 = side * float(rng.uniform(0.5, 0.68)) * w, float(rng.uniform(0.24, 0.34)) * h
    path = [(x0, y0), (side * 0.46 * w, 0.1 * h), (side * 0.28 * w, 0.05 * h)]
    path += [(side * 0.1 * w, 0.14 * h), (-0.12 * w, 0.26 * h), (-0.15 * w, 0.52 * h)]
    catheter = wire(scene, [path], 0.0105 * w, 0.0105 * w, 1.3)
    return np.asarray(np.maximum(catheter, _can(scene, x0, y0, 0.095 * w, 0.095 * w, 2, 3.5)))


def wires(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Five to six wire loops that close the breastbone after an operation."""
    w, h = scene.body.chest, scene.body.height
    loops = []
    for level in np.linspace(0.2, 0.76, int(rng.integers(5, 7))):
        x0, y0 = float(rng.normal(0, 0.01)) * w, h * float(level)
        wide, tall = w * float(rng.uniform(0.07, 0.1)), h * float(rng.uniform(0.018, 0.03))
        turn = np.linspace(0, 2 * np.pi, 9) + float(rng.uniform(0, 0.6))
        loops.append([(x0 + wide * float(np.cos(a)), y0 + tall * float(np.sin(a))) for a in turn])
    return wire(scene, loops, 0.0075 * w, 0.0075 * w, 3.0)


def _can(
    scene: Scene, x0: float, y0: float, wide: float, tall: float, square: int, metal: float
) -> Floats:
    """A flat box about (x0, y0), half axes and `metal` in mm; its cover.

    `square`: 2 is an ellipse, more has corners.
    """
    grid = scene.grid
    away = (np.abs(grid.x - x0) / wide) ** square + (np.abs(grid.y - y0) / tall) ** square
    cover = np.clip((1 - away ** (1 / square)) * tall / grid.step + 0.5, 0, 1).astype(np.float32)
    scene.metal[...] += metal * cover
    return np.asarray(cover)


def wire(scene: Scene, paths: list[Path], radius: float, wall: float, metal: float) -> Floats:
    """Tubes or wires along (x, y) knots, mm; adds `metal` mm for each mm of wall. Their cover."""
    grid = scene.grid
    corner = np.array([grid.x[0, 0], grid.y[0, 0]])
    canvas = np.full(grid.shape, 255, np.uint8)
    for path in paths:
        pixel = (_rounded(path) - corner) / grid.step
        cv2.polylines(canvas, [np.rint(pixel * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    away = cv2.distanceTransform(canvas, cv2.DIST_L2, 5) * np.float32(grid.step)
    outer, inner = (
        ellipse(away / radius) * radius,
        ellipse(away / max(radius - wall, 1e-3)) * (radius - wall),
    )
    chord = np.asarray(outer - inner, np.float32)
    scene.metal[...] += metal * cv2.GaussianBlur(chord, (0, 0), max(0.4 / grid.step, 0.5))
    return np.asarray(np.clip((radius - away) / grid.step + 0.5, 0, 1), np.float32)


def _rounded(path: Path) -> Floats:
    """(N, 2) points of a line through about the knots, mm."""
    knots = np.array(path, np.float64)
    t = np.linspace(0, len(knots) - 1, 40 * len(knots))
    line = np.stack([np.interp(t, np.arange(len(knots)), knots[:, k]) for k in range(2)], 1)
    kernel = np.hanning(43)[1:-1] / np.hanning(43).sum()
    padded = np.pad(line, ((20, 20), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(2)], 1)
