"""How much tissue lies in the beam of a lateral radiograph? Maps in mm, summed along x.

The patient faces left in the picture: the scene's x runs from front to back (x = -z of `body`).
"""

import cv2
import numpy as np

from cxrkit.phantom.body import Body, Floats, Grid, cavity_half_width, curve, dome
from cxrkit.phantom.frontal import LUNG_DENSITY
from cxrkit.phantom.scene import Scene, ellipse, halve, refine, texture
from cxrkit.phantom.skeleton import UP, Cloud, merge, project, ribs, spine, sternum, tube
from cxrkit.phantom.subject import Subject
from cxrkit.phantom.vessels import trees


def scene(body: Body, grid: Grid, subject: Subject, grain: np.random.Generator) -> Scene:
    """The lateral scene of a body; `grain` draws the fine texture of one exposure."""
    person = np.random.default_rng([subject.seed, 2])
    coarse = halve(grid)
    water = refine(_soft_tissue(body, coarse) - _gas(body, coarse, person), grid)
    lung = _lung_air(body, grid)
    inside = np.clip(lung / (0.5 * body.chest), 0, 1)
    tree = trees(body, grid.step, person)
    blood = project(-tree.points[:, 2], tree.points[:, 1], tree.mass, grid, 0.5) * inside
    fine = 1.4 * texture(grid, 3.0, grain) + 2.0 * texture(grid, 9, person)
    fine = (fine + 3.0 * texture(grid, 30, person)) * np.float32(body.chest / 140)
    water += 0.8 * blood + fine * (0.3 + 0.7 * inside) - (1 - LUNG_DENSITY) * lung
    cloud = merge(
        [
            ribs(body, grid.step, person),
            spine(body, grid.step),
            sternum(body, grid.step),
            _raised_arms(body, grid.step),
        ]
    )
    bone = project(-cloud.points[:, 2], cloud.points[:, 1], cloud.mass, grid, 0.55)
    t, u = grid.y / body.height, grid.x / body.inner_depth
    return Scene(
        body=body,
        grid=grid,
        water=np.maximum(water, 0),
        bone=bone,
        metal=np.zeros(grid.shape, np.float32),
        lung=lung,
        zones=(
            ((np.abs(t - 0.55) < 0.3) & (np.abs(u - 0.25) < 0.2)).astype(np.float32),
            ((np.abs(t - 1.3) < 0.12) & (np.abs(u) < 0.5)).astype(np.float32),
        ),
    )


def _front(body: Body, y: Floats, inside: bool) -> Floats:
    """x of the front of the chest (negative), of the cavity or of the skin, mm."""
    h, z = body.height, body.inner_depth
    knots = [(-0.3, 0.05), (0.0, 0.2), (0.12, 0.5), (0.3, 0.84), (0.6, 0.98), (1.0, 0.94)]
    inner = curve(y, [(t * h, -v * z) for t, v in [*knots, (1.5, 0.85)]], 0.06 * h)
    if inside:
        return inner
    skin = [(-1.0, 0.30), (-0.5, 0.26), (-0.25, 0.30), (-0.02, 0.62), (0.2, 1.0), (0.45, 1.15)]
    skin += [(0.9, 1.2), (1.3, 1.22), (2.0, 1.28)]
    outer = curve(y, [(t * h, -v * z) for t, v in skin], 0.05 * h)
    belly = np.clip((body.depth - 84) / 58, 0, 1) * 0.45 * z
    outer = outer - belly * np.clip((y / h - 0.2) / 1.2, 0, 1).astype(np.float32)
    if body.breast > 0:
        bump = np.exp(-(((y - 0.75 * h) / (0.22 * h)) ** 2)).astype(np.float32)
        outer = outer - np.float32(0.9 * body.breast) * bump
    return np.asarray(outer)


def _back(body: Body, y: Floats, inside: bool) -> Floats:
    """x of the back of the chest (positive), of the cavity or of the skin, mm."""
    h, z = body.height, body.inner_depth
    knots = [(-0.3, 0.5), (0.0, 0.62), (0.2, 0.86), (0.5, 1.0), (0.9, 0.99), (1.3, 0.85)]
    inner = curve(y, [(t * h, v * z) for t, v in [*knots, (1.7, 0.7)]], 0.06 * h)
    if inside:
        return inner
    skin = [(-1.0, 0.9), (-0.5, 0.98), (-0.2, 1.2), (0.2, 1.45), (0.6, 1.48), (1.3, 1.32)]
    thick = 0.3 * max(body.wall - 13, 0)
    return curve(y, [(t * h, v * z + thick) for t, v in [*skin, (2.0, 1.3)]], 0.06 * h)


def _across(x: Floats, front: Floats, back: Floats) -> Floats:
    """-1 at the front border, +1 at the back border."""
    return np.asarray((2 * x - front - back) / np.maximum(back - front, 1), np.float32)


def _soft_tissue(body: Body, grid: Grid) -> Floats:
    """Trunk, neck, raised arms and breasts, mm of water."""
    h, w = body.height, body.chest
    u = _across(grid.x, _front(body, grid.y, False), _back(body, grid.y, False))
    trunk = cavity_half_width(body, np.maximum(grid.y, 0.3 * h)) + body.wall
    knots = [
        (-1.0 * h, body.neck),
        (-0.3 * h, 1.05 * body.neck),
        (-0.05 * h, 1.3 * w),
        (0.3 * h, 3 * w),
    ]
    half = np.minimum(trunk, curve(grid.y, knots, 0.06 * h))
    total = 2 * half * ellipse(u) ** 0.75
    # Upper arms lifted over the head: a broad soft band from the shoulder up and forward.
    head, hand = _arm(body)
    along = (hand - head) / np.hypot(*(hand - head))
    dx, dy = grid.x - np.float32(head[0]), grid.y - np.float32(head[1])
    off = np.abs(dx * np.float32(along[1]) - dy * np.float32(along[0]))
    t = dx * np.float32(along[0]) + dy * np.float32(along[1])
    radius = np.float32(0.36 * w + 0.5 * max(body.wall - 13, 0))
    cap = np.clip(1 + t / (1.5 * radius), 0, 1)
    arms = 2.0 * radius * ellipse(off / radius) * np.sqrt(cap)
    return np.asarray(np.hypot(total, arms) + 0.25 * np.minimum(total, arms), np.float32)


def _arm(body: Body) -> tuple[Floats, Floats]:
    """(x, y) of the shoulder and of the raised elbow, mm."""
    head = np.array([0.05 * body.inner_depth, 0.04 * body.height])
    return head, head + np.array([-0.75 * body.chest, -1.1 * body.height])


def _raised_arms(body: Body, step: float) -> Cloud:
    """Both humeri and the borders of the scapulae."""
    head, hand = _arm(body)
    w, h, z = body.chest, body.height, body.inner_depth
    clouds = []
    for side in (-1, 1):
        t = np.linspace(0, 1, 40)[:, None]
        flat = head + (hand - head) * t + np.array([0.05 * w * side, 0.03 * h * side])
        path = np.stack([np.full(40, side * 1.2 * w), flat[:, 1], -flat[:, 0]], 1)
        half = w * (0.08 + 0.07 * np.exp(-((t[:, 0] / 0.1) ** 2)))
        clouds.append(tube(path, half, half, (1.0, 0.0, 0.0), 1.3 * step, 1.2 * w / 140, 0.1))
        y = np.array([0.02, 0.2, 0.42, 0.58]) * h
        depth = np.array([-0.35, -0.75, -0.95, -0.8]) * z - 0.07 * z * side
        edge = np.stack([np.full(4, side * 0.9 * w), y, depth], 1)
        clouds.append(tube(edge, 0.02 * w, 0.05 * w, UP, step, 0.7 * w / 140, 0.2))
    return merge(clouds)


def _lung_air(body: Body, grid: Grid) -> Floats:
    """Both lungs along the beam, mm: round heart, vessels and spine, over two diaphragms."""
    h, w, z = body.height, body.chest, body.inner_depth
    front, back = _front(body, grid.y, True), _back(body, grid.y, True)
    u = _across(grid.x, front, back)
    room = 2 * cavity_half_width(body, grid.y) * ellipse(u) ** 0.7
    room = room * np.sqrt(np.clip(grid.y / (0.25 * h), 0, 1))
    free = np.clip(room - _mediastinum(body, grid), 0.16 * room, None)
    out = np.zeros(grid.shape, np.float32)
    for side in (-1, 1):
        peak = float(dome(body, np.array([0.45 * side * w]), side)[0])
        a = (grid.x + 0.25 * z) / z
        floor = peak + h * (0.30 * np.clip(a, 0, 1.3) ** 2.2 + 0.12 * np.clip(-a, 0, 1) ** 2)
        below = np.clip((grid.y - floor) / (0.3 * h), 0, None)
        above = np.clip((floor - grid.y) / grid.step + 0.5, 0, 1)
        rest = 0.35 * np.clip(1 - 1.3 * np.sqrt(below), 0, 1)
        out += 0.5 * free * np.maximum(above, rest)
    out *= np.clip((1 - np.abs(u)) / 0.03, 0, 1)
    return cv2.GaussianBlur(out, (0, 0), max(0.5 / grid.step, 0.5))


def _mediastinum(body: Body, grid: Grid) -> Floats:
    """Heart, great vessels, trachea's surroundings and spine along the beam, mm."""
    h, w, z = body.height, body.chest, body.inner_depth
    size = (body.heart_left + body.heart_right) / w
    lean = grid.x + 0.42 * (grid.y - 0.78 * h)
    heart_u = (lean + 0.30 * z) / (0.58 * z * size)
    heart_v = (grid.y - 0.80 * h) / (0.34 * h * size**0.5)
    heart = 0.95 * w * size * ellipse(np.sqrt(heart_u**2 + heart_v**2))
    knots = [(-0.2 * h, 0.2), (0.1 * h, 0.3), (0.3 * h, 0.42), (0.55 * h, 0.42), (0.7 * h, 0.3)]
    half = z * curve(grid.y, knots, 0.06 * h)
    upper = (
        0.5
        * w
        * ellipse((grid.x + 0.05 * z) / half)
        * np.clip((0.75 * h - grid.y) / (0.2 * h), 0, 1)
    )
    arch = 0.3 * w * ellipse(np.hypot(grid.x - 0.12 * z, grid.y - 0.27 * h) / (0.3 * z))
    aorta = 0.16 * w * ellipse((grid.x - 0.5 * z) / (0.16 * z)) * (grid.y > 0.25 * h)
    spine_part = 0.24 * w * ellipse((grid.x - 0.66 * z) / (0.26 * z))
    rise = np.clip((0.2 * h - grid.y) / (0.2 * h), 0, 1) * 0.6 * w
    return np.asarray(np.maximum(heart, upper + arch) + aorta + spine_part + rise, np.float32)


def _gas(body: Body, grid: Grid, rng: np.random.Generator) -> Floats:
    """Trachea, the left upper bronchus seen on end, and the stomach's bubble, mm of air."""
    h, w, z = body.height, body.chest, body.inner_depth
    path = curve(grid.y, [(-1.0 * h, -0.15 * z), (-0.1 * h, 0.0), (0.4 * h, 0.16 * z)], 0.08 * h)
    inside = np.clip((0.42 * h - grid.y) / (0.03 * h), 0, 1)
    out = 0.13 * w * ellipse((grid.x - path) / (0.062 * w)) * inside
    out = out + 0.2 * w * ellipse(np.hypot(grid.x - 0.14 * z, grid.y - 0.47 * h) / (0.04 * w))
    top = h + body.dome_drop + float(rng.uniform(0.08, 0.13)) * h
    u = (grid.x - float(rng.uniform(-0.2, 0.4)) * z) / (float(rng.uniform(0.25, 0.5)) * z)
    v = (grid.y - top) / (float(rng.uniform(0.04, 0.09)) * h)
    out = out + 0.3 * w * np.sqrt(np.clip(1 - u * u - v * v, 0, 1))
    return np.asarray(out, np.float32)
