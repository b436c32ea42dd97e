"""Where is blood in the lungs? Arteries and veins as branching trees of points.

A branch gives two, one of them stronger, with the cube of the parent's radius shared among them
(Murray's law), until they are thinner than what a radiograph shows.
"""

import numpy as np

from cxrkit.phantom.body import Body, Floats, cavity_half_width, dome
from cxrkit.phantom.skeleton import Cloud

GENERATIONS = 10


def trees(body: Body, step: float, rng: np.random.Generator) -> Cloud:
    """Vessels of both lungs; the mass is mm^3 of blood."""
    roots = [root for side in (-1, 1) for root in _roots(body, side)]
    start, heading, radius = (np.array([root[k] for root in roots]) for k in range(3))
    heading /= np.linalg.norm(heading, axis=1, keepdims=True)
    side = np.sign(start[:, 0])
    return _fill(*_grow(body, start, heading, radius, side, rng), step)


Root = tuple[tuple[float, float, float], tuple[float, float, float], float]


def _roots(body: Body, side: int) -> list[Root]:
    """First segments: (start, direction, radius). The left hilum lies a little higher."""
    w, h = body.chest, body.height
    x = 0.23 * w if side < 0 else 0.26 * w
    y = (0.50 if side < 0 else 0.455) * h
    r = 0.047 * w
    aim = [
        ((x, y), (0.35, 1.0, -0.15), 1.0),  # descending artery
        ((x, y - 0.05 * h), (0.55, -0.9, 0.1), 0.58),  # upper lobe
        ((x, y - 0.06 * h), (0.25, -1.0, -0.4), 0.42),
        ((x + 0.04 * w, y + 0.02 * h), (1.0, 0.25, 0.5), 0.55),  # middle lobe or lingula
        ((x + 0.03 * w, y - 0.01 * h), (1.0, -0.35, -0.3), 0.5),
        ((x * 0.6, y + 0.12 * h), (0.9, 0.45, -0.3), 0.66),  # lower veins, flatter
        ((x * 0.7, y + 0.10 * h), (0.7, 0.8, 0.4), 0.5),
        ((x * 0.9, y), (0.8, -0.7, 0.3), 0.4),
    ]
    return [((side * p[0], p[1], 0.0), (side * d[0], d[1], d[2]), r * f) for p, d, f in aim]


def _grow(
    body: Body,
    start: Floats,
    heading: Floats,
    radius: Floats,
    side: Floats,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, Floats]:
    """Starts (N, 3), ends (N, 3) and radii (N,) of all pieces of the trees, mm."""
    scale = body.chest / 140
    a, b, r = [], [], []
    for _ in range(GENERATIONS):
        for _ in range(2):  # a branch in two pieces that bend a little
            length = 5.2 * np.sqrt(radius / scale) + 4.5
            length = 0.62 * scale * length * rng.uniform(0.6, 1.3, len(radius))
            heading = _unit(heading + rng.normal(0, 0.15, heading.shape))
            end = start + heading * length[:, None]
            a.append(start)
            b.append(end)
            r.append(radius)
            start = end
        keep = _inside(body, start, side) & (radius > 0.32 * scale)
        start, heading, radius, side = start[keep], heading[keep], radius[keep], side[keep]
        share = rng.uniform(0.5, 0.82, len(radius))
        turn = rng.normal(0, 1, heading.shape)
        turn = _unit(turn - (turn * heading).sum(1, keepdims=True) * heading)
        turn *= rng.uniform(0.35, 0.8, (len(radius), 1))
        strong = _unit(heading + turn * (1 - share)[:, None])
        weak = _unit(heading - turn * (0.55 + share)[:, None])
        start, side = np.concatenate([start, start]), np.concatenate([side, side])
        heading = np.concatenate([strong, weak])
        radius = np.concatenate([radius * np.cbrt(share), radius * np.cbrt(1 - share)])
    return np.concatenate(a), np.concatenate(b), np.concatenate(r)


def _unit(vectors: Floats) -> Floats:
    return np.asarray(vectors / (np.sqrt((vectors**2).sum(1, keepdims=True)) + 1e-9))


def _inside(body: Body, at: Floats, side: Floats) -> Floats:
    """Which points lie in the lung, with a margin that stays free of visible vessels."""
    x, y = side * at[:, 0], at[:, 1]
    limit = cavity_half_width(body, y) - 0.06 * body.chest
    limit = limit * np.sqrt(np.clip(y / (0.2 * body.height), 0, 1))
    floor = np.where(side < 0, dome(body, at[:, 0], -1), dome(body, at[:, 0], 1))
    deep = np.abs(at[:, 2]) < 0.9 * body.inner_depth
    return np.asarray((x > 0) & (x < limit) & (y < floor + 0.12 * body.height) & deep)


def _fill(a: Floats, b: Floats, r: Floats, step: float) -> Cloud:
    """Points that fill the branches evenly: golden-section spirals along each."""
    a, b, r = a.astype(np.float32), b.astype(np.float32), r.astype(np.float32)
    along = b - a
    length = np.linalg.norm(along, axis=1)
    # About one point per pixel in a vessel as thin as a pixel, and more where discs overlap.
    count = np.ceil((length / step) * (0.55 + 0.8 * (r / step) ** 2)).astype(np.int32)
    which = np.repeat(np.arange(len(r)), count)
    seat = np.arange(len(which)) - np.repeat(np.cumsum(count) - count, count)
    t = ((seat + 0.5) / count[which]).astype(np.float32)
    square = np.stack([along[:, 1], -along[:, 0], 0 * length], 1)
    square /= np.linalg.norm(square, axis=1, keepdims=True) + np.float32(1e-6)
    deep = np.cross(along / (length[:, None] + np.float32(1e-6)), square)
    turn = seat.astype(np.float32) * np.float32(2.399963)
    disc = np.sqrt((seat * 0.7549 % 1).astype(np.float32)) * r[which]
    u, v = disc * np.cos(turn), disc * np.sin(turn)
    points = np.empty((len(which), 3), np.float32)
    for k in range(3):
        points[:, k] = a[which, k] + t * along[which, k] + u * square[which, k] + v * deep[which, k]
    return Cloud(points, (np.float32(np.pi) * r**2 * length / count)[which].astype(np.float32))
