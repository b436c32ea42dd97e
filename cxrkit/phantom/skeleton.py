"""Where is bone? The skeleton as a cloud of weighted points in space, summed along the beam.

Each bone is a shell of cortex around marrow. Points carry mass in mm^3 of compact bone, so that a
projection gives mm of compact bone in each pixel, and a rib seen along its length at the chest wall
brightens by itself. Points lie in golden-section spirals: even, and without random numbers.
Axes as in `body`.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.phantom.body import Body, Floats, Grid, bow, cavity_half_width

CORTEX = 1.15  # mm, thickness of a rib's cortex, with what the beam's obliquity adds
MARROW = 0.26  # compact-bone equivalent of trabecular bone with marrow
GOLDEN = 0.6180339887498949
UP = (0.0, 1.0, 0.0)
FRONT = (0.0, 0.0, 1.0)


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
    margin = 2  # cells around the raster that catch what falls outside
    corner = (margin + 0.5) * grid.step
    column: Floats = (u - np.float32(grid.x[0, 0] - corner)) * np.float32(1 / grid.step)
    row: Floats = (v - np.float32(grid.y[0, 0] - corner)) * np.float32(1 / grid.step)
    column = np.clip(column, 0, columns + 2 * margin - 1)
    row = np.clip(row, 0, rows + 2 * margin - 1)
    wide = columns + 2 * margin
    flat = row.astype(np.int32) * wide + column.astype(np.int32)
    total = np.bincount(flat, mass, (rows + 2 * margin) * wide).reshape(-1, wide)
    area = (total[margin:-margin, margin:-margin] / grid.step**2).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(area, (0, 0), max(blur / grid.step, 0.85)))


def tube(
    path: Floats,
    height: Floats | float,
    width: Floats | float,
    up: tuple[float, float, float],
    step: float,
    cortex: float = CORTEX,
    marrow: float = MARROW,
) -> Cloud:
    """A bone of elliptical cross-section along a line in space.

    Args:
        path: (K, 3) the centre line, mm.
        height: half axis along `up`, mm, one or (K,).
        width: half axis along the other direction, mm, one or (K,).
        up: roughly the direction of the half axis `height`.
        step: distance between points, mm.
        cortex: thickness of the shell, mm.
        marrow: compact-bone equivalent of the inside, 0-1.
    """
    pieces = np.linalg.norm(np.diff(path, axis=0), axis=1)
    length = np.concatenate([[0], np.cumsum(pieces)])
    count = max(int(length[-1] / (0.8 * step)), 2)
    order: Floats = np.arange(count, dtype=np.float64)
    at = (order + 0.5 * ((order * 0.7549) % 1)) / count * length[-1]
    centre = np.stack([np.interp(at, length, path[:, k]) for k in range(3)], 1)
    high = np.interp(at, length, np.broadcast_to(height, length.shape)).astype(np.float32)
    wide = np.interp(at, length, np.broadcast_to(width, length.shape)).astype(np.float32)
    upward, across = _frame(path, length, at, up)
    ring = max(int(2 * np.pi * float(high.mean()) / (1.25 * step)), 12)
    inner = ring // 2
    angle: Floats = np.arange(ring) / ring + ((order * GOLDEN) % 1)[:, None]
    inside = np.arange(inner) * GOLDEN + ((order * 0.8191) % 1)[:, None]
    radius: Floats = np.sqrt((np.arange(inner) + 0.5) / inner).astype(np.float32)
    angle = np.concatenate([angle, inside], 1).astype(np.float32) * np.float32(2 * np.pi)
    radius = np.concatenate([np.ones(ring, np.float32), radius])
    a = radius * np.sin(angle) * high[:, None]
    b = radius * np.cos(angle) * wide[:, None]
    points = [
        (centre[:, k, None].astype(np.float32) + a * upward[:, k, None] + b * across[:, k, None])
        for k in range(3)
    ]
    spacing = length[-1] / count
    mass = np.empty((count, ring + inner), np.float32)
    mass[:, :ring] = (np.pi * (high + wide) * cortex * spacing / ring)[:, None]
    mass[:, ring:] = (np.pi * high * wide * marrow * spacing / inner)[:, None]
    return Cloud(np.stack([p.ravel() for p in points], 1), mass.ravel())


def _frame(
    path: Floats, length: Floats, at: Floats, up: tuple[float, float, float]
) -> tuple[Floats, Floats]:
    """Two unit vectors across the line at each position: near `up`, and square to it."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-6
    across = np.cross(along, np.array(up))
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-6
    upward = np.cross(across, along)
    pair = [
        np.stack([np.interp(at, length, d[:, k]) for k in range(3)], 1).astype(np.float32)
        for d in (upward, across)
    ]
    return pair[0], pair[1]


def vertebra_level(body: Body, number: float) -> float:
    """Height y of the middle of a vertebral body, mm; 1 is T1, 0 is C7, 13 is L1."""
    t = (number - 1) / 11
    return float(body.height * (-0.005 + 1.03 * t + 0.13 * t * t))


RIB_FALL = ([1, 2, 3, 5, 7, 9, 10, 11, 12], [0.34, 0.62, 0.83, 1, 1.08, 1.05, 0.95, 0.7, 0.5])
RIB_END = (
    [1, 2, 4, 6, 7, 8, 9, 10, 11, 12],
    [2.7, 2.62, 2.56, 2.48, 2.4, 2.28, 2.1, 1.9, 1.35, 0.9],
)


def rib_path(body: Body, number: int, side: int, widths: tuple[Floats, Floats]) -> Floats:
    """(90, 3) centre line of a rib from its neck to its front end, mm.

    `widths` are heights y and the half width of the cavity there.
    """
    fall, end = np.interp(number, *RIB_FALL), np.interp(number, *RIB_END)
    t = np.linspace(0, 1, 90)
    theta = 0.16 + (end - 0.16) * t
    arch = 1.2 if number < 7 else 0.75
    hump = -0.035 * body.height * np.sin(np.pi * np.clip(t / 0.42, 0, 1)) * arch
    y = vertebra_level(body, number - 0.25) + body.slope * fall * t**1.2 + hump
    half = np.interp(y, *widths) + 0.02 * body.chest
    apical = np.clip((y + 0.02 * body.height) / (0.35 * body.height), 0.3, 1) ** 0.45
    z = -np.cos(theta) * body.inner_depth * apical
    z -= 0.12 * body.inner_depth * np.exp(-(((t - 0.16) / 0.12) ** 2))
    x = side * half * np.sin(theta) ** 0.92
    return np.stack([x + bow(body, y) * np.exp(-4 * t), y, z], 1)


def ribs(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """The twelve pairs of ribs."""
    clouds = []
    heights = np.linspace(-0.3, 2.2, 200) * body.height
    widths = (heights, cavity_half_width(body, heights))
    size = body.chest * (0.0445 if not body.child else 0.046)
    for number in range(1, 13):
        for side in (-1, 1):
            path = rib_path(body, number, side, widths)
            path[:, 1] += rng.normal(0, 0.006 * body.height)
            t = np.linspace(0, 1, len(path))
            wobble = 1 + 0.05 * np.sin(2 * np.pi * (t * rng.uniform(1, 2.5) + rng.random()))
            high = size * (1.1 if number == 1 else 1.0) * (0.86 + 0.26 * t) * wobble
            high = high * (0.8 if number > 10 else 1.0)
            bone = tube(path, high, 0.45 * high, UP, step, CORTEX * body.chest / 140)
            # The front of a rib is flatter and ends in cartilage.
            share = np.linspace(0, 1, len(bone.mass), dtype=np.float32)
            fade = np.interp(share, [0, 0.45, 0.7, 0.93, 1], [1, 1, 0.62, 0.5, 0.1])
            fade *= 0.7 if number == 1 else 1.0
            clouds.append(Cloud(bone.points, bone.mass * fade.astype(np.float32)))
    return merge(clouds)


def line(knots: list[tuple[float, float, float]], count: int = 50) -> Floats:
    """(count, 3) a rounded line through about the knots."""
    points = np.array(knots, np.float64)
    t = np.linspace(0, len(points) - 1, count)
    path = np.stack([np.interp(t, np.arange(len(points)), points[:, k]) for k in range(3)], 1)
    width = max(count // (2 * len(points)), 1)
    kernel = np.hanning(2 * width + 3)[1:-1]
    kernel /= kernel.sum()
    padded = np.pad(path, ((width, width), (0, 0)), mode="reflect", reflect_type="odd")
    return np.stack([np.convolve(padded[:, k], kernel, "valid") for k in range(3)], 1)


def spine(body: Body, step: float) -> Cloud:
    """Vertebrae C4 to L4: bodies with end plates, pedicles, spinous and transverse processes."""
    model = _vertebra(1.3 * step * 140 / body.chest)
    scale = body.chest / 140
    points, masses = [], []
    for number in range(-3, 17):
        y = vertebra_level(body, number)
        tall = vertebra_level(body, number + 0.5) - vertebra_level(body, number - 0.5)
        share = float(np.interp(number, [-3, 1, 4, 12, 16], [0.085, 0.108, 0.10, 0.135, 0.165]))
        half = body.chest * share
        high = 0.5 * tall * (0.7 if body.child else 0.79)
        aside = float(bow(body, np.array([y]))[0])
        middle = np.array([aside, y, -0.62 * body.inner_depth], np.float32)
        points.append(model.points * np.array([half, high, half], np.float32) + middle)
        area = half * high / (16 * 9.5)
        masses.append(np.asarray(model.mass * np.float32(0.62 * area * scale)))
    return Cloud(np.concatenate(points), np.concatenate(masses))


def _vertebra(step: float) -> Cloud:
    """A thoracic vertebra about its middle, in units of half width, half height, half width."""
    half, high, deep = 16.0, 9.5, 14.5
    count = int(2600 / step)
    seat = np.arange(count)
    radius = np.sqrt((seat + 0.5) / count)
    angle, level = seat * GOLDEN % 1 * 2 * np.pi, (seat * 0.7549 % 1) * 2 - 1
    waist = 1 - 0.09 * (1 - level**2)
    cos, sin = half * np.cos(angle), deep * np.sin(angle)
    lean = 0.14 * radius * sin  # end plates are seen obliquely except near the central beam
    plate = np.stack([radius * cos, np.sign(level) * high + lean, radius * sin], 1)
    wall = np.stack([waist * cos, high * level, waist * sin], 1)
    inside = np.stack([radius * waist * cos, high * level, radius * sin], 1)
    clouds = [
        _even(plate, 2 * np.pi * half * deep * 0.7),
        _even(wall, 2 * np.pi * half * 2 * high * 0.5),
        _even(inside, 2 * np.pi * half * deep * high * 0.15),
    ]
    ring = np.linspace(0, 2 * np.pi, 24)
    for side in (-1, 1):
        oval = np.stack([0.17 * half * np.cos(ring), 0.36 * high * np.sin(ring), 0 * ring], 1)
        centre = np.array([side * 0.7 * half, -0.25 * high, -1.2 * deep])
        clouds.append(tube(centre + oval, 3.5, 1.6, FRONT, step, 0.45, 0.12))
        root = [side * 0.8 * half, -0.2 * high, -1.5 * deep]
        tip = [side * 1.9 * half, -0.45 * high, -1.9 * deep]
        clouds.append(tube(np.array([root, tip]), 2.3, 1.7, UP, step, 0.5))
    t = np.linspace(0, 1, 16)
    spike = np.stack([0 * t, (0.1 + 1.3 * t) * high, -(1.8 + t) * deep], 1)
    thick = 3.3 * (0.7 + 0.6 * t)
    clouds.append(tube(spike, thick, 0.6 * thick, (1.0, 0.0, 0.0), step, 0.6))
    whole = merge(clouds)
    return Cloud(whole.points / np.array([half, high, half], np.float32), whole.mass)


def _even(points: Floats, volume: float) -> Cloud:
    share = np.full(len(points), volume / len(points), np.float32)
    return Cloud(points.astype(np.float32), share)


def sternum(body: Body, step: float) -> Cloud:
    """The breastbone: manubrium and body as one flat plate with a rim."""
    h, w, z = body.height, body.chest, 0.98 * body.inner_depth
    y = np.linspace(0.12, 0.85, 60)
    half = w * np.interp(y, [0.12, 0.2, 0.3, 0.5, 0.8, 0.85], [0.2, 0.17, 0.10, 0.12, 0.13, 0.06])
    path = np.stack([0 * y, y * h, z - 0.12 * body.inner_depth * np.cos(y * 3)], 1)
    return tube(path, half, 0.045 * w, (1.0, 0.0, 0.0), step, 0.45 * w / 140, 0.14)
