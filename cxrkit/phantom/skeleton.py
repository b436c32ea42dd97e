"""Where is bone? The skeleton as a cloud of weighted points in space, summed along the beam.

Each bone is a shell of cortex around marrow. Points carry mass in mm^3 of compact bone, so that a
projection gives mm of compact bone in each pixel, and a rib seen along its length at the chest wall
brightens by itself. Axes as in `body`.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.phantom.body import Body, Floats, Grid, bow, cavity_half_width

CORTEX = 0.85  # mm, thickness of a rib's cortex
MARROW = 0.16  # compact-bone equivalent of trabecular bone with marrow


@dataclass(frozen=True)
class Cloud:
    """`points` (N, 3) mm and `mass` (N,) mm^3 of compact bone, float32."""

    points: Floats
    mass: Floats


def merge(clouds: list[Cloud]) -> Cloud:
    """All points of the clouds in one."""
    return Cloud(
        np.concatenate([c.points for c in clouds]), np.concatenate([c.mass for c in clouds])
    )


def project(u: Floats, v: Floats, mass: Floats, grid: Grid, blur: float) -> Floats:
    """Mass per area on the grid, (H, W) float32: mm along the beam for a cloud in mm^3.

    `u` (N,) runs along `grid.x`, `v` (N,) along `grid.y`, mm; `blur` is in mm.
    """
    rows, columns = grid.shape
    column = np.rint((u - grid.x[0, 0]) / grid.step).astype(np.int32)
    row = np.rint((v - grid.y[0, 0]) / grid.step).astype(np.int32)
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    flat = row[inside] * columns + column[inside]
    total = np.bincount(flat, mass[inside], rows * columns).reshape(rows, columns)
    total = (total / grid.step**2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(total, (0, 0), max(blur / grid.step, 0.55)))


def tube(
    path: Floats,
    height: Floats,
    width: Floats,
    up: Floats,
    step: float,
    rng: np.random.Generator,
    cortex: float = CORTEX,
    marrow: float = MARROW,
) -> Cloud:
    """A bone of elliptical cross-section along a line in space.

    Args:
        path: (K, 3) the centre line, mm.
        height: (K,) half axis along `up`, mm.
        width: (K,) half axis along the other direction, mm.
        up: (3,) roughly the direction of the half axis `height`.
        step: distance between points, mm.
        rng: jitters the points, so that no pattern of rings shows.
        cortex: thickness of the shell, mm.
        marrow: compact-bone equivalent of the inside, 0-1.
    """
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    count = max(int(length[-1] / step), 2)
    at = (np.arange(count) + rng.random(count)) / count * length[-1]
    centre = np.stack([np.interp(at, length, path[:, k]) for k in range(3)], 1)
    high, wide = np.interp(at, length, height)[:, None], np.interp(at, length, width)[:, None]
    along = np.gradient(centre, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-6
    across = np.cross(along, up)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    upward = np.cross(across, along)
    ring = max(int(2 * math.pi * float(high.mean()) / (1.25 * step)), 14)
    angle = np.arange(ring) * (2 * math.pi / ring)
    angle = angle + rng.random((count, 1)) * 2 * math.pi
    scale = np.concatenate(
        [np.ones((count, ring)), np.sqrt(rng.random((count, ring // 2)))], 1
    ) * np.ones((count, 1))
    angle = np.concatenate([angle, rng.random((count, ring // 2)) * 2 * math.pi], 1)
    offset = (scale * np.sin(angle) * high)[..., None] * upward[:, None]
    offset += (scale * np.cos(angle) * wide)[..., None] * across[:, None]
    spacing = length[-1] / count
    girth = np.pi * (high + wide)
    shell = np.broadcast_to(girth * cortex * spacing / ring, (count, ring))
    fill = np.pi * high * wide * marrow * spacing / (ring // 2)
    mass = np.concatenate([shell, np.broadcast_to(fill, (count, ring // 2))], 1)
    points = centre[:, None] + offset
    return Cloud(points.reshape(-1, 3).astype(np.float32), mass.reshape(-1).astype(np.float32))


def vertebra_level(body: Body, number: float) -> float:
    """Height y of the middle of a vertebral body, mm; 1 is T1, 0 is C7, 13 is L1."""
    t = (number - 1) / 11
    return float(body.height * (-0.005 + 1.03 * t + 0.13 * t * t))


def rib_path(body: Body, number: int, side: int) -> Floats:
    """(120, 3) centre line of a rib from its neck to its front end, mm."""
    fall = np.interp(
        number, [1, 2, 3, 5, 7, 9, 10, 11, 12], [0.34, 0.62, 0.83, 1, 1.05, 1, 0.9, 0.6, 0.4]
    )
    end = np.interp(
        number,
        [1, 2, 4, 6, 7, 8, 9, 10, 11, 12],
        [2.7, 2.62, 2.56, 2.45, 2.35, 2.2, 2.0, 1.8, 1.3, 0.85],
    )
    t = np.linspace(0, 1, 120)
    theta = 0.16 + (end - 0.16) * t
    hump = (
        -0.035 * body.height * np.sin(np.pi * np.clip(t / 0.4, 0, 1)) * (1.2 if number < 7 else 0.6)
    )
    y = vertebra_level(body, number - 0.25) + body.slope * fall * t**1.2 + hump
    half = cavity_half_width(body, y).astype(np.float64) + 0.028 * body.chest
    apical = np.clip((y + 0.02 * body.height) / (0.35 * body.height), 0.3, 1) ** 0.45
    z = -np.cos(theta) * body.inner_depth * apical
    z -= 0.12 * body.inner_depth * np.exp(-(((t - 0.16) / 0.12) ** 2))
    x = side * half * np.sin(theta) ** 0.92
    return np.stack([x + bow(body, y) * np.exp(-4 * t), y, z], 1)


def ribs(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """The twelve pairs of ribs."""
    clouds = []
    size = 0.043 * body.chest * (1.0 if not body.child else 1.18)
    for number in range(1, 13):
        for side in (-1, 1):
            path = rib_path(body, number, side)
            path[:, 1] += rng.normal(0, 0.008 * body.height)
            t = np.linspace(0, 1, len(path))
            wobble = 1 + 0.06 * np.sin(2 * np.pi * (t * rng.uniform(1, 2.5) + rng.random()))
            broad = (1.45 if number == 1 else 1.0) * (0.86 + 0.28 * t) * wobble
            high = size * broad * (0.8 if number > 10 else 1.0)
            up = np.array([0.0, 1.0, 0.0])
            clouds.append(tube(path, high, 0.55 * high, up, step, rng, CORTEX * body.chest / 140))
    return merge(clouds)


def _smooth(knots: list[tuple[float, float, float]], count: int = 60) -> Floats:
    """(count, 3) a rounded line through about the knots."""
    points = np.array(knots, np.float64)
    t = np.linspace(0, len(points) - 1, count)
    line = np.stack([np.interp(t, np.arange(len(points)), points[:, k]) for k in range(3)], 1)
    width = max(count // (2 * len(points)), 1)
    kernel = np.hanning(2 * width + 3)[1:-1]
    kernel /= kernel.sum()
    padded = np.pad(line, ((width, width), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(3)], 1)


def girdle(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """Clavicles, scapulae and upper arms."""
    clouds = []
    w, h = body.chest, body.height
    lift = -0.10 * h * (body.shoulder - 0.5)
    for side in (-1, 1):
        jut = rng.normal(0, 0.008, 6) * w
        inner = (0.12 * w * side, 0.135 * h + jut[0], 0.75 * body.inner_depth)
        middle = (0.48 * w * side, 0.075 * h + 0.7 * lift + jut[1], 0.6 * body.inner_depth)
        outer = (0.86 * w * side, 0.005 * h + lift + jut[2], 0.1 * body.inner_depth)
        tip = (1.13 * w * side, 0.03 * h + lift + jut[3], -0.05 * body.inner_depth)
        path = _smooth(
            [inner, (0.26 * w * side, 0.13 * h, 0.8 * body.inner_depth), middle, outer, tip]
        )
        t = np.linspace(0, 1, len(path))
        thick = 0.044 * w * (1.0 + 0.45 * (np.abs(t - 0.5) * 2) ** 3)
        clouds.append(
            tube(path, thick, thick * 0.9, np.array([0.0, 1, 0]), step, rng, 1.2 * w / 140)
        )
        clouds.append(_scapula(body, side, lift, step, rng))
        clouds.append(_humerus(body, side, lift, step, rng))
    return merge(clouds)


def _scapula(body: Body, side: int, lift: float, step: float, rng: np.random.Generator) -> Cloud:
    w, h, z = body.chest, body.height, -0.6 * body.inner_depth
    out = (0.10 if body.shoulder < 0.5 else 0.0) * w  # arms forward bring it clear of the lung
    shift = np.array([side * out, lift, 0.0])

    def place(points: list[tuple[float, float]], depth: float = 0.0) -> Floats:
        return _smooth([(side * a * w, b * h, z + depth) for a, b in points]) + shift

    flat = np.array([0.0, 0, 1.0])

    def rim(
        points: list[tuple[float, float]], half: float, depth: float = 0.0, cortex: float = 0.7
    ) -> Cloud:
        path = place(points, depth * body.inner_depth)
        return tube(
            path, np.full(60, half * w), np.full(60, half * w), flat, step, rng, cortex * w / 140
        )

    clouds = [
        rim([(0.80, 0.08), (0.735, 0.20), (0.77, 0.42), (0.86, 0.60)], 0.014),
        rim([(0.86, 0.60), (0.93, 0.50), (1.03, 0.32), (1.13, 0.17)], 0.03, 0.0, 0.9),
        rim([(0.80, 0.08), (0.9, 0.045), (1.02, 0.07), (1.12, 0.12)], 0.013),
        rim(
            [(0.75, 0.20), (0.92, 0.125), (1.12, 0.02), (1.27, -0.005), (1.33, 0.03)],
            0.034,
            -0.2,
            0.9,
        ),
        rim([(1.07, 0.10), (1.10, 0.055), (1.15, 0.06), (1.18, 0.085)], 0.034, 0.4, 0.9),
        rim([(1.15, 0.075), (1.185, 0.12), (1.175, 0.17), (1.14, 0.185)], 0.024, 0.2, 1.0),
        rim([(1.13, 0.07), (1.12, 0.12), (1.13, 0.185)], 0.02, 0.0, 1.0),
    ]
    blade = rng.random((int(26000 / step**1.5), 2))
    a, b = blade[:, 0], blade[:, 1]
    swap = a + b > 1
    a, b = np.where(swap, 1 - a, a), np.where(swap, 1 - b, b)
    corner = np.array([(0.77, 0.10), (0.85, 0.58), (1.12, 0.14)])
    xy = corner[0] + a[:, None] * (corner[1] - corner[0]) + b[:, None] * (corner[2] - corner[0])
    points = np.stack([side * xy[:, 0] * w, xy[:, 1] * h, np.full(len(a), z)], 1) + shift
    area = 0.5 * 0.12 * w * h
    mass = np.full(len(a), 1.1 * area * (w / 140) / len(a))
    clouds.append(Cloud(points.astype(np.float32), mass.astype(np.float32)))
    return merge(clouds)


def arm_axis(body: Body, side: int) -> tuple[Floats, Floats]:
    """The shoulder's centre and the elbow, (3,) each, mm."""
    lift = -0.10 * body.height * (body.shoulder - 0.5)
    head = np.array(
        [side * 1.335 * body.chest, 0.135 * body.height + lift, -0.3 * body.inner_depth]
    )
    away = np.array([side * math.sin(body.abduction), math.cos(body.abduction), 0.1])
    return head, head + 1.35 * body.height * away


def _humerus(body: Body, side: int, lift: float, step: float, rng: np.random.Generator) -> Cloud:
    head, elbow = arm_axis(body, side)
    w = body.chest
    t = np.linspace(0, 1, 80)
    path = head + (elbow - head) * t[:, None]
    half = w * (0.085 + 0.085 * np.exp(-(((t - 0.02) / 0.07) ** 2)))
    cap = np.clip(1 - ((0.05 - t) / 0.052) ** 2, 0.02, 1)
    half = np.where(t < 0.05, half * np.sqrt(cap), half)
    start = head - 0.06 * (elbow - head)
    path = start + (elbow - start) * t[:, None]
    shaft = tube(path, half, half, np.array([0.0, 0, 1]), step, rng, 1.5 * w / 140, 0.10)
    ball = rng.normal(size=(int(6000 / step), 3))
    ball /= np.linalg.norm(ball, axis=1, keepdims=True)
    centre = head + np.array([-side * 0.035 * w, -0.01 * w, 0])
    mass = np.full(len(ball), 4 * np.pi * (0.155 * w) ** 2 * 0.8 * (w / 140) / len(ball))
    sphere = Cloud((centre + 0.155 * w * ball).astype(np.float32), mass.astype(np.float32))
    return merge([shaft, sphere])


def spine(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """Vertebrae C4 to L4: bodies with end plates, pedicles, spinous and transverse processes."""
    clouds = []
    for number in range(-3, 17):
        y = vertebra_level(body, number)
        tall = vertebra_level(body, number + 0.5) - vertebra_level(body, number - 0.5)
        clouds.append(_vertebra(body, number, y, tall, step, rng))
    return merge(clouds)


def _vertebra(
    body: Body, number: int, y: float, tall: float, step: float, rng: np.random.Generator
) -> Cloud:
    w = body.chest
    half = w * float(np.interp(number, [-3, 1, 4, 12, 16], [0.085, 0.105, 0.095, 0.13, 0.16]))
    deep = 0.85 * half
    high = 0.5 * tall * 0.80
    z = -0.62 * body.inner_depth
    count = int(9000 / step)
    u = rng.random((count, 3)) * 2 - 1
    waist = 1 - 0.10 * (1 - u[:, 1] ** 2)
    disc = np.sqrt(rng.random(count))
    angle = rng.random(count) * 2 * np.pi
    plate = np.stack(
        [half * disc * np.cos(angle), np.sign(u[:, 1]) * high, deep * disc * np.sin(angle)], 1
    )
    wall = np.stack([half * waist * np.cos(angle), high * u[:, 1], deep * waist * np.sin(angle)], 1)
    inside = np.stack(
        [half * disc * waist * np.cos(angle), high * u[:, 1], deep * disc * np.sin(angle)], 1
    )
    volume = 2 * np.pi * half * deep * high
    scale = w / 140
    clouds = [
        _even(plate, 2 * np.pi * half * deep * 1.0 * scale),
        _even(wall, 2 * np.pi * half * 2 * high * 0.55 * scale),
        _even(inside, volume * 0.17),
    ]
    up = np.array([0.0, 0, 1])
    ring = np.linspace(0, 2 * np.pi, 40)
    for side in (-1, 1):
        centre = np.array([side * 0.66 * half, -0.25 * high, -1.2 * deep])
        oval = np.stack([0.2 * half * np.cos(ring), 0.42 * high * np.sin(ring), 0 * ring], 1)
        thin = np.full(40, 0.012 * w)
        clouds.append(tube(centre + oval, thin, thin * 3, up, step, rng, 0.8 * scale, 0.3))
        if number > -1:
            length = float(np.interp(number, [1, 9, 12, 16], [1.5, 1.1, 0.7, 1.2])) * half
            ends = np.array(
                [
                    [side * 0.8 * half, -0.2 * high, -1.5 * deep],
                    [side * (0.8 * half + length), -0.45 * high, -1.9 * deep],
                ]
            )
            thick = np.full(2, 0.28 * high)
            clouds.append(
                tube(ends, thick, thick * 0.7, np.array([0.0, 1, 0]), step, rng, 0.7 * scale)
            )
    t = np.linspace(0, 1, 20)
    tip = np.stack(
        [0 * t + rng.normal(0, 0.01 * w), (0.1 + 1.35 * t) * high, -(1.8 + 1.0 * t) * deep], 1
    )
    thick = 0.028 * w * (0.7 + 0.6 * t)
    clouds.append(tube(tip, thick, thick * 0.6, np.array([1.0, 0, 0]), step, rng, 0.9 * scale))
    whole = merge(clouds)
    middle = np.array([float(bow(body, np.float32(y))), y, z], np.float32)
    return Cloud(whole.points + middle, whole.mass)


def _even(points: Floats, volume: float) -> Cloud:
    return Cloud(points.astype(np.float32), np.full(len(points), volume / len(points), np.float32))


def sternum(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """The breastbone: manubrium and body as one flat plate with a rim."""
    h, w, z = body.height, body.chest, 0.98 * body.inner_depth
    y = np.linspace(0.12, 0.85, 60)
    half = w * np.interp(y, [0.12, 0.2, 0.3, 0.5, 0.8, 0.85], [0.2, 0.17, 0.10, 0.12, 0.13, 0.06])
    path = np.stack([0 * y, y * h, z - 0.12 * body.inner_depth * np.cos(y * 3)], 1)
    return tube(
        path, half, np.full(60, 0.045 * w), np.array([1.0, 0, 0]), step, rng, 0.6 * w / 140, 0.18
    )
