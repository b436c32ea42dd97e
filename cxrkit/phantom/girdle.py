"""Where are the shoulder's bones? Clavicles, scapulae and upper arms as clouds of points."""

import math

import numpy as np

from cxrkit.phantom.body import Body, Floats
from cxrkit.phantom.skeleton import FRONT, GOLDEN, UP, Cloud, line, merge, tube


def girdle(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """Clavicles, scapulae and upper arms of both sides."""
    sides = []
    for side in (-1, 1):
        sides += [_clavicle(body, side, step, rng), _scapula(body, side, step)]
        sides.append(_humerus(body, side, step))
    return merge(sides)


def shoulder_lift(body: Body) -> float:
    """How far the shoulders stand above their resting height, mm, negative is up."""
    return -0.10 * body.height * (body.shoulder - 0.5)


def _clavicle(body: Body, side: int, step: float, rng: np.random.Generator) -> Cloud:
    w, h, z = body.chest, body.height, body.inner_depth
    jut = rng.normal(0, 0.008, 4) * w
    lift = shoulder_lift(body)
    path = line(
        [
            (0.11 * w * side, 0.15 * h + jut[0], 0.75 * z),
            (0.26 * w * side, 0.125 * h, 0.82 * z),
            (0.50 * w * side, 0.072 * h + 0.6 * lift + jut[1], 0.6 * z),
            (0.86 * w * side, 0.012 * h + lift + jut[2], 0.1 * z),
            (1.14 * w * side, 0.025 * h + lift + jut[3], -0.05 * z),
        ]
    )
    t = np.abs(np.linspace(-1, 1, len(path)))
    thick = 0.043 * w * (1.0 + 0.55 * t**3) * np.sqrt(np.clip((1.01 - t) / 0.1, 0.03, 1))
    return tube(path, thick, 0.9 * thick, UP, step, 1.5 * w / 140, 0.3)


# Rims of the scapula as (x / chest, y / height) of its right-angled corner points, half thickness
# (of chest), depth (of inner depth) and cortex (mm): medial border, lateral border, upper border,
# spine and acromion, coracoid, the two rims of the glenoid.
Rim = tuple[list[tuple[float, float]], float, float, float]
SCAPULA: list[Rim] = [
    ([(0.82, 0.07), (0.745, 0.20), (0.775, 0.42), (0.86, 0.61)], 0.016, 0.0, 0.55),
    ([(0.86, 0.61), (0.93, 0.50), (1.03, 0.32), (1.12, 0.18)], 0.034, 0.0, 0.9),
    ([(0.82, 0.07), (0.9, 0.05), (1.02, 0.075), (1.1, 0.12)], 0.016, 0.0, 0.5),
    ([(0.76, 0.19), (0.92, 0.125), (1.12, 0.015), (1.27, -0.015), (1.34, 0.03)], 0.04, -0.2, 0.9),
    ([(1.05, 0.11), (1.08, 0.06), (1.13, 0.055), (1.17, 0.085)], 0.04, 0.4, 0.9),
    ([(1.15, 0.075), (1.19, 0.12), (1.18, 0.17), (1.13, 0.195)], 0.024, 0.2, 0.9),
    ([(1.13, 0.07), (1.115, 0.12), (1.13, 0.19)], 0.022, 0.0, 0.9),
]
BLADE = np.array([(0.775, 0.10), (0.85, 0.59), (1.12, 0.14)])


def _scapula(body: Body, side: int, step: float) -> Cloud:
    w, h, z = body.chest, body.height, body.inner_depth
    out = 0.13 * w * (0.85 - body.shoulder)  # arms brought forward clear it off the lung
    shift = np.array([side * out, shoulder_lift(body), -0.6 * z])
    clouds = []
    for points, half, depth, cortex in SCAPULA:
        path = line([(side * a * w, b * h, depth * z) for a, b in points]) + shift
        clouds.append(tube(path, half * w, half * w, FRONT, step, cortex * w / 140, 0.16))
    count = int(24000 / step**1.5)
    a, b = np.arange(count) / count, np.arange(count) * GOLDEN % 1
    swap = a + b > 1
    a, b = np.where(swap, 1 - a, a), np.where(swap, 1 - b, b)
    at = BLADE[0] + a[:, None] * (BLADE[1] - BLADE[0]) + b[:, None] * (BLADE[2] - BLADE[0])
    points = np.stack([side * at[:, 0] * w, at[:, 1] * h, np.zeros(count)], 1) + shift
    mass = np.full(count, 1.5 * 0.065 * w * h * (w / 140) / count, np.float32)
    clouds.append(Cloud(points.astype(np.float32), mass))
    return merge(clouds)


def arm_axis(body: Body, side: int) -> tuple[Floats, Floats]:
    """The shoulder's centre and the elbow, (3,) each, mm."""
    y = 0.14 * body.height + shoulder_lift(body)
    head = np.array([side * 1.35 * body.chest, y, -0.3 * body.inner_depth])
    away = np.array([side * math.sin(body.abduction), math.cos(body.abduction), 0.1])
    return head, head + 1.35 * body.height * away


def _humerus(body: Body, side: int, step: float) -> Cloud:
    head, elbow = arm_axis(body, side)
    w = body.chest
    t = np.linspace(0, 1, 80)
    half = w * (0.085 + 0.075 * np.exp(-((t / 0.085) ** 2)))
    cap = np.clip(1 - ((0.045 - t) / 0.047) ** 2, 0.01, 1)
    half = np.where(t < 0.045, half * np.sqrt(cap), half)
    start = head - 0.08 * (elbow - head) - np.array([side * 0.02 * w, 0, 0])
    path = start + (elbow - start) * t[:, None]
    return tube(path, half, half, FRONT, step, 1.6 * w / 140, 0.11)
