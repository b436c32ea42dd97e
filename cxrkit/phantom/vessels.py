"""Where is blood in the lungs? Arteries and veins as branching trees of points.

A branch gives two, one of them stronger, with the cube of the parent's radius shared among them
(Murray's law), until they are thinner than what a radiograph shows.
"""

import numpy as np

from cxrkit.phantom.body import Body, Floats, dome, lung_lateral
from cxrkit.phantom.skeleton import Cloud

GENERATIONS = 11


def trees(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """Vessels of both lungs; the mass is mm^3 of blood."""
    starts, ends, radii = [], [], []
    for side in (-1, 1):
        for root in _roots(body, side):
            a, b, r = _grow(body, side, root, rng)
            starts.append(a)
            ends.append(b)
            radii.append(r)
    return _fill(np.concatenate(starts), np.concatenate(ends), np.concatenate(radii), step, rng)


Root = tuple[tuple[float, float, float], tuple[float, float, float], float]


def _roots(body: Body, side: int) -> list[Root]:
    """First segments: (start, direction, radius). The left hilum lies a little higher."""
    w, h = body.chest, body.height
    x = 0.23 * w if side < 0 else 0.26 * w
    y = (0.50 if side < 0 else 0.455) * h
    r = 0.052 * w
    aim = [
        ((x, y), (0.35, 1.0, -0.15), 1.0),  # descending artery
        ((x, y - 0.05 * h), (0.55, -0.9, 0.1), 0.72),  # upper lobe
        ((x, y - 0.06 * h), (0.2, -1.0, -0.4), 0.55),
        ((x + 0.04 * w, y + 0.02 * h), (1.0, 0.25, 0.5), 0.55),  # middle lobe or lingula
        ((x + 0.03 * w, y - 0.01 * h), (1.0, -0.35, -0.3), 0.5),
        ((x * 0.6, y + 0.12 * h), (0.9, 0.45, -0.3), 0.66),  # lower veins, flatter
        ((x * 0.7, y + 0.10 * h), (0.7, 0.8, 0.4), 0.5),
        ((x * 0.9, y), (0.8, -0.7, 0.3), 0.5),
    ]
    return [((side * p[0], p[1], 0.0), (side * d[0], d[1], d[2]), r * f) for p, d, f in aim]


def _grow(
    body: Body, side: int, root: Root, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    start = np.array([root[0]])
    heading = np.array([root[1]])
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    radius = np.array([root[2]])
    scale = body.chest / 140
    a, b, r = [], [], []
    for _ in range(GENERATIONS):
        for _ in range(2):  # a segment in two pieces that bend a little
            length = (
                (5.2 * np.sqrt(radius / scale) + 4.5) * scale * rng.uniform(0.6, 1.3, len(radius))
            )
            bend = rng.normal(0, 0.16, heading.shape)
            heading = heading + bend
            heading /= np.linalg.norm(heading, axis=1, keepdims=True)
            end = start + heading * (length * 0.62)[:, None]
            a.append(start)
            b.append(end)
            r.append(radius)
            start = end
        keep = _inside(body, start, side) & (radius > 0.22 * scale)
        start, heading, radius = start[keep], heading[keep], radius[keep]
        if len(radius) == 0:
            break
        share = rng.uniform(0.5, 0.82, len(radius))
        turn = rng.normal(0, 1, heading.shape)
        turn -= (turn * heading).sum(1, keepdims=True) * heading
        turn /= np.linalg.norm(turn, axis=1, keepdims=True)
        tilt = rng.uniform(0.35, 0.8, (len(radius), 1))
        strong = heading + turn * tilt * (1 - share)[:, None]
        weak = heading - turn * tilt * (0.55 + share)[:, None]
        start = np.concatenate([start, start])
        heading = np.concatenate([strong, weak])
        heading /= np.linalg.norm(heading, axis=1, keepdims=True)
        radius = np.concatenate([radius * np.cbrt(share), radius * np.cbrt(1 - share)])
    return np.concatenate(a), np.concatenate(b), np.concatenate(r)


def _inside(body: Body, at: Floats, side: int) -> Floats:
    """Which points lie in the lung, with a margin that stays free of visible vessels."""
    x, y = side * at[:, 0], at[:, 1]
    limit = lung_lateral(body, y, side) - 0.05 * body.chest
    lowest = dome(body, at[:, 0], side) + 0.12 * body.height
    return (
        (x > 0) & (x < limit) & (y > 3) & (y < lowest) & (np.abs(at[:, 2]) < 0.9 * body.inner_depth)
    )


def _fill(a: Floats, b: Floats, r: Floats, step: float, rng: np.random.Generator) -> Cloud:
    length = np.linalg.norm(b - a, axis=1)
    count = np.ceil((length / (0.8 * step)) * (1 + 1.5 * r / step)).astype(int)
    which = np.repeat(np.arange(len(r)), count)
    t = rng.random(len(which))[:, None]
    along = (b - a) / (length[:, None] + 1e-6)
    side = np.cross(along, np.array([0.3, 0.2, 1.0]))
    side /= np.linalg.norm(side, axis=1, keepdims=True) + 1e-6
    other = np.cross(along, side)
    disc = np.sqrt(rng.random(len(which))) * r[which]
    angle = rng.random(len(which)) * 2 * np.pi
    points = a[which] + t * (b - a)[which]
    points += (disc * np.cos(angle))[:, None] * side[which]
    points += (disc * np.sin(angle))[:, None] * other[which]
    mass = (np.pi * r**2 * length / count)[which]
    return Cloud(points.astype(np.float32), mass.astype(np.float32))
