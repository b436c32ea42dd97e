"""How much tissue lies in the beam of a frontal radiograph? Maps in mm, summed along z."""

import cv2
import numpy as np

from cxrkit.phantom import body as shape
from cxrkit.phantom.body import Body, Floats, Grid, curve
from cxrkit.phantom.girdle import arm_axis, girdle
from cxrkit.phantom.scene import Scene, ellipse, halve, refine, texture
from cxrkit.phantom.skeleton import merge, project, ribs, spine, sternum
from cxrkit.phantom.subject import Subject
from cxrkit.phantom.vessels import trees

LUNG_DENSITY = 0.26  # of water, inspired


def scene(body: Body, grid: Grid, subject: Subject, grain: np.random.Generator) -> Scene:
    """The frontal scene of a body; `grain` draws the fine texture of one exposure."""
    person = np.random.default_rng([subject.seed, 2])
    coarse = halve(grid)
    solid = soft_tissue(body, coarse) - airway(body, coarse)
    water = refine(solid - bowel_gas(body, coarse, person), grid)
    lung = lung_air(body, grid)
    inside = np.clip(lung / (0.3 * body.inner_depth), 0, 1)
    blood = vessels(body, grid, person) * np.clip(lung / (0.95 * body.inner_depth), 0, 1) ** 1.3
    fine = 1.2 * texture(grid, 3.0, grain) + 1.6 * texture(grid, 9, person)
    fine = (fine + 2.4 * texture(grid, 30, person)) * np.float32(body.chest / 140)
    water += (blood + fine * (0.3 + 0.7 * inside)) - (1 - LUNG_DENSITY) * lung
    cloud = merge(
        [
            ribs(body, grid.step, person),
            girdle(body, grid.step, person),
            spine(body, grid.step),
            sternum(body, grid.step),
        ]
    )
    bone = project(turn(cloud.points, body), cloud.points[:, 1], cloud.mass, grid, 0.5)
    open_lung = shape.lung_cover(body, grid, -1, False) * (grid.x < -0.5 * body.chest)
    middle = (np.abs(grid.x) < 0.1 * body.chest) & (np.abs(grid.y / body.height - 0.7) < 0.4)
    return Scene(
        body=body,
        grid=grid,
        water=np.maximum(water, 0),
        bone=bone,
        metal=np.zeros(grid.shape, np.float32),
        lung=lung,
        zones=(open_lung.astype(np.float32), middle.astype(np.float32)),
    )


def soft_tissue(body: Body, grid: Grid) -> Floats:
    """Trunk, neck, arms and breasts without their air, mm of water, (H, W) float32."""
    w, h = body.chest, body.height
    side = np.abs(grid.x)
    outer = shape.cavity_half_width(body, np.maximum(grid.y, 0.3 * h)) + body.wall
    fold = np.exp(-(((grid.y - 0.36 * h) / (0.2 * h)) ** 2))
    outer = outer + 0.13 * w * fold
    outer = outer * np.clip((grid.y + 0.25 * h) / (0.35 * h), 0.02, 1) ** 0.5
    flank = body.depth * np.interp(grid.y, [0, 0.4 * h, h, 2 * h], [0.8, 0.95, 1.0, 1.02]).astype(
        np.float32
    )
    trunk = 2 * flank * ellipse(side / outer) ** 0.75
    fat = 0.35 * body.wall
    trunk -= 0.16 * (trunk - 2 * (flank - fat) * ellipse(side / np.maximum(outer - fat, 1)))
    upper = _shoulders(body, grid)
    arms = np.zeros(grid.shape, np.float32)
    for s in (-1, 1):
        arms += _arm(body, grid, s)
    fade = np.clip((grid.y + 0.06 * h) / (0.3 * h), 0, 1)
    total = np.hypot(trunk * fade, arms) + 0
    total = (total**3 + upper**3) ** (1 / 3)
    total += _muscles(body, grid)
    if body.breast > 0:
        total += _breasts(body, grid)
    return np.asarray(total, np.float32)


def _shoulders(body: Body, grid: Grid) -> Floats:
    """Neck and the slope to the shoulders, mm."""
    w, h = body.chest, body.height
    lift = -0.10 * h * (body.shoulder - 0.5)
    n = body.neck
    knots = [(-1.2 * h, 1.05 * n), (-0.5 * h, n), (-0.32 * h, 1.05 * n), (-0.22 * h, 1.35 * n)]
    knots += [(-0.13 * h + 0.7 * lift, 0.95 * w), (-0.07 * h + lift, 1.28 * w)]
    knots += [
        (0.0 + lift, 1.48 * w),
        (0.12 * h + lift, 1.58 * w),
        (0.3 * h, 1.55 * w),
        (0.42 * h, 1.45 * w),
    ]
    half = curve(grid.y, knots, 0.035 * h) + 0.3 * (body.wall - 20)
    deep = curve(
        grid.y,
        [(-0.6 * h, 0.46), (-0.25 * h, 0.48), (0, 0.62), (0.3 * h, 0.8), (0.42 * h, 0.8)],
        0.05 * h,
    )
    fade = np.clip((0.46 * h - grid.y) / (0.34 * h), 0, 1)
    return np.asarray(2 * deep * body.depth * ellipse(np.abs(grid.x) / half) * fade, np.float32)


def _arm(body: Body, grid: Grid, side: int) -> Floats:
    head, elbow = arm_axis(body, side)
    along = (elbow - head)[:2]
    length = float(np.hypot(*along))
    along = along / length
    dx, dy = grid.x - np.float32(head[0]), grid.y - np.float32(head[1])
    t = dx * np.float32(along[0]) + dy * np.float32(along[1])
    off = dx * np.float32(along[1]) - dy * np.float32(along[0])
    radius = (0.37 * body.chest + 0.35 * (body.wall - 20)) * np.interp(
        t / length, [-0.2, 0.3, 1], [1, 0.92, 0.8]
    )
    cap = np.clip(1 + t / (0.9 * radius), 0, 1)
    return np.asarray(2.0 * radius * ellipse(off / radius) * np.sqrt(cap), np.float32)


def _muscles(body: Body, grid: Grid) -> Floats:
    """Pectoral muscles and the folds of the armpit: soft wedges over the upper outer lung."""
    w, h = body.chest, body.height
    u = (np.abs(grid.x) - 0.78 * w) / (0.42 * w)
    v = (grid.y - 0.30 * h) / (0.36 * h)
    bulge = np.clip(1 - u * u - v * v, 0, 1)
    return np.asarray((0.05 + 0.04 * (not body.female)) * 1.6 * body.depth * bulge**1.3, np.float32)


def _breasts(body: Body, grid: Grid) -> Floats:
    """Both breasts: a sharp lower fold, and a slow rise from above and from the midline."""
    w, h = body.chest, body.height
    out = np.zeros(grid.shape, np.float32)
    radius = (0.36 + 0.0024 * body.breast) * w
    middle = (0.80 + 0.002 * body.breast) * h
    v = (grid.y - middle) / (radius * np.where(grid.y < middle, 1.7, 0.86))
    for s in (-1, 1):
        u = (s * grid.x - (0.60 + 0.0022 * body.breast) * w) / radius
        inward = np.clip(-u, 0, 1)
        round_off = np.clip(1 - u * u - v * v, 0, 1) ** np.where(v < 0, 0.9, 0.5)
        out += body.breast * round_off * (1 - inward**1.5)
    return out


def cavity(body: Body, grid: Grid) -> Floats:
    """Front-to-back room inside the ribs, mm."""
    half = shape.cavity_half_width(body, grid.y)
    t = np.clip((grid.y + 0.06 * body.height) / (0.75 * body.height), 0, 1)
    deep = body.inner_depth * (0.34 + 0.66 * np.sqrt(t))
    return np.asarray(2 * deep * ellipse(grid.x / half) ** 0.85, np.float32)


def mediastinum(body: Body, grid: Grid) -> Floats:
    """Heart, great vessels and what lies between the lungs, mm."""
    right = shape.mediastinum_edge(body, grid.y, -1)
    left = shape.mediastinum_edge(body, grid.y, 1)
    middle, half = (left - right) / 2, (left + right) / 2
    h = body.height
    knots = [
        (-0.3 * h, 0.5),
        (0.1 * h, 0.62),
        (0.3 * h, 0.75),
        (0.5 * h, 0.95),
        (0.75 * h, 1.25),
        (1.2 * h, 1.25),
    ]
    deep = curve(grid.y, knots, 0.06 * h) * body.inner_depth
    column = 0.3 * body.inner_depth * np.exp(-((grid.x / (0.3 * body.chest)) ** 2))
    return np.asarray(deep * ellipse((grid.x - middle) / half) ** 0.8 + column, np.float32)


def lung_air(body: Body, grid: Grid) -> Floats:
    """Front-to-back thickness of lung, mm: round the heart, above and behind the diaphragm."""
    room = cavity(body, grid)
    middle = mediastinum(body, grid)
    h, w = body.height, body.chest
    total = np.zeros(grid.shape, np.float32)
    ramp = w * curve(grid.y, [(0.4 * h, 0.08), (0.7 * h, 0.24)], 0.08 * h)
    apical = np.sqrt(np.clip(grid.y / (0.16 * h), 0, 1))
    for side in (-1, 1):
        part = shape.half(grid, side)
        x = side * grid.x[:, part]
        lateral = shape.lung_lateral(body, grid.y, side)
        medial = shape.lung_medial(body, grid.y, side, with_heart=True)
        inner = np.clip((x - medial) / ramp + 0.15, 0, 1)
        span = np.clip((lateral - x) / (0.035 * w) + 0.1, 0, 1)
        space = room[:, part]
        lung = np.maximum(space - middle[:, part], 0.08 * space) * inner * span * apical
        below = np.clip((grid.y - shape.dome(body, grid.x[:, part], side)) / h, 0, None)
        lung *= np.clip(1 - 1.12 * np.sqrt(below / 0.28), 0, 1) * np.where(below > 0, 0.62, 1)
        total[:, part] = lung
    return cv2.GaussianBlur(total, (0, 0), max(0.5 / grid.step, 0.5))


def airway(body: Body, grid: Grid) -> Floats:
    """Trachea and main bronchi, mm of air."""
    w, h = body.chest, body.height
    carina = np.array([0.02 * w + shape._shift(body, 0.0), 0.36 * h])
    tubes = [
        (np.array([0.0, -1.0 * h]), np.array([0.0, -0.1 * h]), 0.062 * w),
        (np.array([0.0, -0.1 * h]), carina, 0.062 * w),
        (carina, np.array([-0.21 * w, 0.50 * h]), 0.05 * w),
        (carina, np.array([0.27 * w, 0.49 * h]), 0.042 * w),
    ]
    out = np.zeros(grid.shape, np.float32)
    near = np.flatnonzero(np.abs(grid.x[0]) < 0.4 * w)
    part = slice(int(near[0]), int(near[-1]) + 1)
    x = grid.x[:, part]
    for a, b, radius in tubes:
        length = float(np.hypot(*(b - a)))
        along = ((b - a) / length).tolist()
        dx, dy = x - np.float32(a[0]), grid.y - np.float32(a[1])
        t = np.clip(dx * along[0] + dy * along[1], 0, length)
        far = cv2.magnitude(dx - t * along[0], dy - t * along[1])
        out[:, part] = np.maximum(out[:, part], 2 * radius * ellipse(far / radius))
    return cv2.GaussianBlur(out, (0, 0), 0.9 / grid.step)


def bowel_gas(body: Body, grid: Grid, rng: np.random.Generator) -> Floats:
    """The stomach's bubble under the left dome and loops of colon, mm of air."""
    w, h = body.chest, body.height
    out = np.zeros(grid.shape, np.float32)
    top = h + body.dome_drop + rng.uniform(0.035, 0.07) * h
    wide, tall = rng.uniform(0.12, 0.30) * w, rng.uniform(0.03, 0.11) * h
    u = (grid.x - rng.uniform(0.40, 0.58) * w) / wide
    v = (grid.y - (top + tall)) / np.where(grid.y < top + tall, tall, tall * rng.uniform(0.2, 1.0))
    out += rng.uniform(25, 60) * (w / 140) * np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    for _ in range(int(rng.integers(0, 9))):
        x0, y0 = rng.uniform(-0.75, 0.85) * w, rng.uniform(1.3, 2.0) * h
        if x0 < 0:
            y0 += 0.3 * h
        r = rng.uniform(0.05, 0.11) * w
        u, v = (grid.x - x0) / (r * rng.uniform(1, 1.7)), (grid.y - y0) / r
        out += rng.uniform(8, 26) * (w / 140) * np.clip(1 - u * u - v * v, 0, 1) ** 0.7
    return out


def vessels(body: Body, grid: Grid, rng: np.random.Generator) -> Floats:
    """Blood in the lungs' vessels, mm."""
    cloud = trees(body, grid.step, rng)
    return project(turn(cloud.points, body), cloud.points[:, 1], cloud.mass, grid, 0.45)


def turn(points: Floats, body: Body) -> Floats:
    """x (N,) after rotation about the long axis, as the beam of a frontal view sees it."""
    c, s = np.float32(np.cos(body.turn)), np.float32(np.sin(body.turn))
    return np.asarray(points[:, 0] * c - points[:, 2] * s)
