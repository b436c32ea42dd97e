"""What changes when something is wrong? Findings added to a scene, each with its exact mask.

A finding adds or takes away millimetres in the beam; its mask is where. Where a finding lies comes
from the subject's seed, so that all views of a study agree.
"""

import cv2
import numpy as np

from cxrkit.phantom import body as shape
from cxrkit.phantom.body import Floats, Grid, cavity_half_width
from cxrkit.phantom.scene import Scene, ellipse, texture
from cxrkit.phantom.skeleton import rib_path
from cxrkit.phantom.subject import FINDINGS, Subject

LATERAL_SHOWS = ("effusion", "consolidation", "nodule", "edema", "tube")


def add(name: str, scene: Scene, subject: Subject) -> Floats:
    """Add one finding to the scene's maps in place; its cover, (H, W) float32 in 0-1.

    Cardiomegaly is part of the body already: only its mask, the heart's outline, is made here. A
    finding that a lateral view does not show changes nothing there and has an empty mask.
    """
    rng = np.random.default_rng([subject.seed, 100 + FINDINGS.index(name)])
    if subject.view == "LATERAL":
        if name not in LATERAL_SHOWS:
            return np.zeros(scene.grid.shape, np.float32)
        return _LATERAL[name](scene, subject, rng)
    return _FRONTAL[name](scene, subject, rng)


def _sign(subject: Subject) -> int:
    return -1 if subject.side == "right" else 1


def _lung(scene: Scene, side: int) -> Floats:
    return shape.lung_cover(scene.body, scene.grid, side, True)


def _effusion(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Fluid over the diaphragm whose upper edge climbs along the chest wall (the meniscus)."""
    body, grid, side = scene.body, scene.grid, _sign(subject)
    across = side * grid.x / cavity_half_width(body, grid.y)
    level = body.height * (1.12 - 0.5 * subject.extent + float(rng.normal(0, 0.02)))
    surface = level - 0.16 * body.height * np.clip(across, 0, 1) ** 4
    depth = np.clip((grid.y - surface) / (0.16 * body.height) + 0.15, 0, 1)
    inside = ((side * grid.x > 0) & (grid.y > surface)).astype(np.float32)
    fluid = scene.lung * depth * inside * 0.72
    fluid = cv2.GaussianBlur(fluid, (0, 0), 1.5 / grid.step)
    scene.water[...] += fluid
    return _where(fluid, 2.0)


def _pneumothorax(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Air between chest wall and lung: no vessels, darker, bounded by a thin white line."""
    body, grid, side = scene.body, scene.grid, _sign(subject)
    gap = body.chest * (0.08 + 0.38 * subject.extent)
    drop = 0.14 + 0.3 * subject.extent
    lateral = shape.lung_lateral(body, grid.y - drop * body.height * 0.6, side)
    reach = (lateral - gap * np.clip(1.25 - 0.75 * grid.y / body.height, 0.2, 1)).astype(np.float32)
    reach += np.float32(0.012 * body.chest) * np.sin(
        grid.y * np.float32(9 / body.height) + rng.random() * 6
    ).astype(np.float32)
    beyond = np.clip((side * grid.x - reach) / grid.step + 0.5, 0, 1)
    free = _lung(scene, side) * np.maximum(beyond, (grid.y < 0.6 * drop * body.height))
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
    cover = _lung(scene, side)
    width = max(int(3.0 / scene.grid.step), 1)
    return cover - cv2.erode(cover, np.ones((2 * width + 1,) * 2, np.uint8))


def _consolidation(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Filled air spaces: a cloudy patch with a soft, irregular border."""
    body, grid, side = scene.body, scene.grid, _sign(subject)
    x0 = side * body.chest * float(rng.uniform(0.40, 0.68))
    y0 = body.height * float(rng.uniform(0.32, 0.85))
    cloud = _cloud(grid, x0, y0, body.chest * (0.15 + 0.22 * subject.extent), rng)
    filled = cloud * _lung(scene, side) * scene.lung * (0.35 + 0.3 * subject.extent)
    scene.water[...] += filled
    return _where(filled, 4.0 * body.chest / 140)


def _cloud(grid: Grid, x0: float, y0: float, radius: float, rng: np.random.Generator) -> Floats:
    """0-1, a ragged blob about (x0, y0)."""
    ragged = 0.22 * texture(grid, 0.7 * radius, rng) + 0.07 * texture(grid, 0.25 * radius, rng)
    away = np.hypot(grid.x - x0, (grid.y - y0) * 1.15) / radius
    return np.asarray(np.clip(1.15 - away + ragged * (away < 1.4), 0, 1), np.float32)


def _cardiomegaly(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    body, grid = scene.body, scene.grid
    right = -shape.mediastinum_edge(body, grid.y, -1)
    left = shape.mediastinum_edge(body, grid.y, 1)
    floor = np.minimum(shape.dome(body, grid.x, -1), shape.dome(body, grid.x, 1) + 0 * grid.x)
    inside = (grid.x > right) & (grid.x < left)
    inside &= (grid.y > 0.46 * body.height) & (grid.y < floor)
    return inside.astype(np.float32)


def _nodule(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A ball of soft tissue, 8 to 30 mm across, a little uneven."""
    body, side = scene.body, _sign(subject)
    radius = (4 + 11 * subject.extent) * body.chest / 140
    x0 = side * body.chest * float(rng.uniform(0.38, 0.72))
    y0 = body.height * float(rng.uniform(0.25, 0.8))
    return _ball(scene, x0, y0, radius, rng)


def _ball(scene: Scene, x0: float, y0: float, radius: float, rng: np.random.Generator) -> Floats:
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


def _edema(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Water in the lungs about the hila: hazy, streaky, on both sides."""
    body, grid = scene.body, scene.grid
    haze = np.zeros(grid.shape, np.float32)
    for side in (-1, 1):
        u = (side * grid.x - 0.36 * body.chest) / (0.46 * body.chest)
        v = (grid.y - 0.58 * body.height) / (0.48 * body.height)
        haze += np.exp(-(u * u + v * v)) * _lung(scene, side)
    grain = 1 + 0.32 * texture(grid, 16, rng) + 0.18 * texture(grid, 5, rng)
    haze *= np.clip(grain, 0, 3) * scene.lung * (0.08 + 0.22 * subject.extent)
    scene.water[...] += haze
    return _where(cv2.GaussianBlur(haze, (0, 0), 4 / grid.step), 3.0 * body.chest / 140)


def _fracture(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A rib broken at its side: a gap, and ends that no longer meet."""
    body, grid, side = scene.body, scene.grid, _sign(subject)
    heights = np.linspace(-0.3, 2.2, 200) * body.height
    widths = (heights, cavity_half_width(body, heights))
    path = rib_path(body, int(rng.integers(5, 9)), side, widths)
    at = path[int(rng.integers(30, 40))]
    radius = body.chest * (0.07 + 0.04 * subject.extent)
    away = np.hypot(grid.x - at[0], grid.y - at[1]).astype(np.float32)
    cover = np.clip((radius - away) / grid.step + 0.5, 0, 1)
    slip = np.float32(body.chest * (0.05 + 0.035 * subject.extent) / grid.step)
    rows, columns = grid.shape
    u = np.broadcast_to(np.arange(columns, dtype=np.float32), (rows, columns))
    v = np.broadcast_to(np.arange(rows, dtype=np.float32)[:, None], (rows, columns))
    beyond = side * (grid.x - np.float32(at[0]))
    shift = slip * (beyond > 0) * np.clip(1.6 * (1 - away / radius), 0, 1)
    moved = cv2.remap(scene.bone, u.copy(), (v - shift).astype(np.float32), cv2.INTER_LINEAR)
    gap = np.exp(-((beyond / (0.013 * body.chest)) ** 2)) * np.clip(2 * (1 - away / radius), 0, 1)
    scene.bone[...] = scene.bone * (1 - cover) + cover * moved * (1 - 0.85 * gap)
    return np.asarray(cover, np.float32)


def _wire(
    scene: Scene, path: list[tuple[float, float]], radius: float, wall: float, metal: float
) -> Floats:
    """A tube or wire along (x, y) knots, mm; adds `metal` mm in its wall. Its cover."""
    grid = scene.grid
    knots = np.array(path, np.float64)
    t = np.linspace(0, len(knots) - 1, 40 * len(knots))
    line = np.stack([np.interp(t, np.arange(len(knots)), knots[:, k]) for k in range(2)], 1)
    kernel = np.hanning(43)[1:-1] / np.hanning(43).sum()
    padded = np.pad(line, ((20, 20), (0, 0)), mode="reflect", reflect_type="odd")
    line = np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(2)], 1)
    pixel = (line - np.array([grid.x[0, 0], grid.y[0, 0]])) / grid.step
    canvas = np.full(grid.shape, 255, np.uint8)
    cv2.polylines(canvas, [np.rint(pixel * 16).astype(np.int32)], False, 0, 1, cv2.LINE_8, 4)
    away = cv2.distanceTransform(canvas, cv2.DIST_L2, 5) * np.float32(grid.step)
    outer, inner = (
        ellipse(away / radius) * radius,
        ellipse(away / max(radius - wall, 1e-3)) * (radius - wall),
    )
    chord = np.asarray(outer - inner, np.float32)
    scene.metal[...] += metal * cv2.GaussianBlur(chord, (0, 0), max(0.4 / grid.step, 0.5))
    return np.asarray(np.clip((radius - away) / grid.step + 0.5, 0, 1), np.float32)


def _tube(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """An endotracheal tube that ends above the carina, with its opaque stripe."""
    body = scene.body
    w, h = body.chest, body.height
    tip = float(rng.uniform(0.14, 0.24)) * h
    bent = float(rng.normal(0, 0.03)) * w
    path = [(0.02 * w + bent, -1.0 * h), (0.01 * w + bent, -0.35 * h), (0.0, 0.0), (0.012 * w, tip)]
    wide = _wire(scene, path, 0.032 * w, 0.009 * w, 0.3)
    stripe = [(x + 0.02 * w, y) for x, y in path]
    return np.asarray(np.maximum(wide, _wire(scene, stripe, 0.008 * w, 0.008 * w, 2.2)))


def _line(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """A central venous catheter: under the clavicle, into the superior vena cava."""
    body, side = scene.body, _sign(subject)
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
    return _wire(scene, path, 0.0105 * w, 0.0105 * w, 1.3)


def _where(change: Floats, limit: float) -> Floats:
    """1 where the change passes `limit` mm, with a soft edge half as wide."""
    return np.asarray(np.clip((change - limit) / limit + 0.5, 0, 1), np.float32)


def _lateral_effusion(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    """Fluid in the posterior sulcus; x runs to the back."""
    body, grid = scene.body, scene.grid
    level = body.height * (1.15 - 0.45 * subject.extent)
    surface = level - 0.15 * body.height * np.clip(grid.x / body.inner_depth, 0, 1) ** 3
    fluid = 0.5 * scene.lung * np.clip((grid.y - surface) / (0.1 * body.height), 0, 1)
    fluid = np.asarray(fluid * np.clip(0.6 + grid.x / body.inner_depth, 0, 1), np.float32)
    scene.water[...] += fluid
    return _where(fluid, 2.0)


def _lateral_consolidation(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    body, grid = scene.body, scene.grid
    rng.uniform(0.40, 0.68)  # the patch lies at the height that the frontal view shows
    y0 = body.height * float(rng.uniform(0.32, 0.85))
    x0 = body.inner_depth * float(rng.uniform(-0.3, 0.6))
    cloud = _cloud(grid, x0, y0, body.chest * (0.15 + 0.2 * subject.extent), rng)
    filled = cloud * scene.lung * 0.28
    scene.water[...] += filled
    return _where(filled, 4.0 * body.chest / 140)


def _lateral_nodule(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    body = scene.body
    rng.uniform(0.38, 0.72)
    y0 = body.height * float(rng.uniform(0.25, 0.8))
    radius = (4 + 11 * subject.extent) * body.chest / 140
    return _ball(scene, body.inner_depth * float(rng.uniform(-0.6, 0.5)), y0, radius, rng)


def _lateral_edema(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    body, grid = scene.body, scene.grid
    u, v = grid.x / (0.7 * body.inner_depth), (grid.y - 0.58 * body.height) / (0.45 * body.height)
    haze = np.exp(-(u * u + v * v)) * np.clip(1 + 0.4 * texture(grid, 5, rng), 0, 3)
    haze = np.asarray(haze * scene.lung * (0.07 + 0.16 * subject.extent), np.float32)
    scene.water[...] += haze
    return _where(cv2.GaussianBlur(haze, (0, 0), 4 / grid.step), 3.0 * body.chest / 140)


def _lateral_tube(scene: Scene, subject: Subject, rng: np.random.Generator) -> Floats:
    body = scene.body
    tip = float(rng.uniform(0.14, 0.24)) * body.height
    z = body.inner_depth
    path = [
        (-0.22 * z, -1.0 * body.height),
        (-0.1 * z, -0.35 * body.height),
        (0.03 * z, 0.0),
        (0.1 * z, tip),
    ]
    return _wire(scene, path, 0.032 * body.chest, 0.009 * body.chest, 0.4)


_FRONTAL = {
    "effusion": _effusion,
    "pneumothorax": _pneumothorax,
    "consolidation": _consolidation,
    "cardiomegaly": _cardiomegaly,
    "nodule": _nodule,
    "edema": _edema,
    "fracture": _fracture,
    "tube": _tube,
    "line": _line,
}
_LATERAL = {
    "effusion": _lateral_effusion,
    "consolidation": _lateral_consolidation,
    "nodule": _lateral_nodule,
    "edema": _lateral_edema,
    "tube": _lateral_tube,
}
