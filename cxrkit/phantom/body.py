"""What shape is the chest? Sizes in mm and the outlines of lungs, heart and diaphragm.

Axes: x to the patient's left (to the right in the picture), y down, z to the front. y = 0 is the
level of the lung apex, x = 0 the midline. Proportions were set by eye against anatomy atlases'
frontal radiographs; they are no measurement of anybody.
"""

import math
from dataclasses import dataclass

import numpy as np

from cxrkit.phantom.subject import Subject

Floats = np.ndarray


@dataclass(frozen=True)
class Body:
    """The sizes of one person in one position, in mm unless said otherwise."""

    child: bool
    female: bool
    chest: float  # half of the inner width of the rib cage
    height: float  # lung apex to the right dome
    wall: float  # soft tissue outside the ribs at the flank
    depth: float  # half of the outer front-to-back thickness
    inner_depth: float  # half of the front-to-back thickness inside the ribs
    heart_left: float  # midline to the left heart border
    heart_right: float  # midline to the right heart border
    knob: float  # midline to the aortic knob
    slope: float  # fall of a middle rib from spine to front end
    breast: float  # thickness, 0 where there is none
    turn: float  # rotation about the long axis, radians; positive brings the left side forward
    dome_drop: float  # right dome to left dome
    angle_depth: float  # right dome to the costophrenic angle
    shoulder: float  # rise of the shoulders, 1 is arms at the side
    abduction: float  # how far the elbow swings out
    thymus: float  # extra half-width of a young child's upper mediastinum
    curve: float  # sideways bow of the spine
    neck: float  # half-width
    widening: float  # extra half-width of an upper mediastinum that is too wide, else 0


def measure(subject: Subject, pose: np.random.Generator) -> Body:
    """The sizes of a subject. What is the person's comes from the subject's seed, what changes
    from picture to picture (rotation, shoulders, arms) from `pose`.
    """
    person = np.random.default_rng([subject.seed, 1])
    child, ap = subject.age == "child", subject.view == "AP"
    female = subject.sex == "F" and not child
    size = subject.stature * (1.0 if child else 0.97 if female else 1.03)
    g = subject.girth

    def vary(value: float, share: float) -> float:
        return value * (1 + share * float(np.clip(person.normal(), -2.2, 2.2)))

    w = vary(128 if child else 138, 0.04) * size
    breath = (0.86 + 0.18 * subject.inspiration) * (0.93 if ap else 1.0)
    h = vary(1.30 if child else 1.66, 0.05) * w * breath
    # The heart lies nearer the tube in an AP view and is drawn larger.
    ratio = vary(0.52 if child else 0.465, 0.06) * (1.1 if ap and not child else 1.0)
    if "cardiomegaly" in subject.findings:
        ratio *= 1.25 + 0.2 * subject.extent
    ratio = min(ratio, 0.76)
    leftward = float(np.clip(person.normal(0.69, 0.03), 0.62, 0.75))
    return Body(
        child=child,
        female=female,
        chest=w,
        height=h,
        wall=(9 + 8 * g if child else 13 + 42 * g**1.5) * size,
        depth=(84 + 58 * g) * size,
        inner_depth=0.60 * w,
        heart_left=2 * w * ratio * leftward,
        heart_right=2 * w * ratio * (1 - leftward),
        knob=vary(0.205 if child else 0.265, 0.03 if child else 0.12) * w,
        slope=vary(0.26 if child else 0.36, 0.10) * h * (0.92 if ap else 1.05),
        breast=vary(26 + 34 * g, 0.3) * size if female else 0.0,
        turn=float(pose.normal(0, 0.05 if ap else 0.03)) + math.radians(subject.rotation),
        dome_drop=vary(0.05, 0.4) * h,
        angle_depth=vary(0.225 if not child else 0.2, 0.15) * h * (0.7 + 0.4 * subject.inspiration),
        shoulder=float(np.clip(pose.normal(0.75 if ap else 0.3, 0.15), 0, 1)),
        abduction=float(np.clip(pose.normal(0.22 if ap else 0.6, 0.15), 0.06, 1.1)),
        thymus=max(float(person.normal(0.05, 0.06)), 0.0) * w if child else 0.0,
        curve=float(person.normal(0, 0.018)) * w,
        neck=(vary(0.40, 0.07) + 0.08 * g) * w,
        # Healthy is about 50 mm in all; above 80 mm it is called wide.
        widening=(0.13 + 0.11 * subject.extent) * w if "mediastinum" in subject.findings else 0.0,
    )


@dataclass(frozen=True)
class Grid:
    """A regular raster: `x` (1, W) and `y` (H, 1) in mm, float32; `step` is mm per pixel."""

    x: Floats
    y: Floats
    step: float

    @property
    def shape(self) -> tuple[int, int]:
        """(H, W)."""
        return self.y.shape[0], self.x.shape[1]


def curve(at: Floats, knots: list[tuple[float, float]], blur: float) -> Floats:
    """A smooth line through about `knots` (position, value), read at `at`; float32, shape of `at`.

    `blur` is the standard deviation, in the unit of the positions, of the rounding of corners.
    """
    where, value = np.array(knots, np.float64).T
    step = blur / 6
    dense = np.arange(where[0] - 4 * blur, where[-1] + 4 * blur, step)
    kernel = np.exp(-0.5 * (np.arange(-18, 19) / 6) ** 2)
    smooth = np.convolve(np.pad(np.interp(dense, where, value), 18, mode="edge"), kernel, "valid")
    return np.asarray(np.interp(at, dense, smooth / kernel.sum()), np.float32)


def cavity_half_width(body: Body, y: Floats) -> Floats:
    """Midline to the inner side of the ribs at the height `y`, mm."""
    adult = [(-0.3, 0.16), (-0.1, 0.30), (0.0, 0.44), (0.06, 0.56), (0.12, 0.65), (0.22, 0.77)]
    adult += [(0.35, 0.875), (0.5, 0.945), (0.7, 0.985), (0.9, 1.0), (1.2, 1.0), (1.6, 0.96)]
    child = [(-0.3, 0.2), (-0.1, 0.34), (0.0, 0.48), (0.07, 0.60), (0.15, 0.71), (0.27, 0.82)]
    child += [(0.42, 0.9), (0.6, 0.96), (0.8, 1.0), (1.0, 1.02), (1.3, 1.0), (1.7, 0.95)]
    knots = [(t * body.height, v * body.chest) for t, v in (child if body.child else adult)]
    return curve(y, [*knots, (2.6 * body.height, 0.93 * body.chest)], 0.045 * body.height)


def lung_lateral(body: Body, y: Floats, side: int) -> Floats:
    """Midline to the outer border of the lung, mm; falls to the apex at y = 0."""
    wall = cavity_half_width(body, y) - 1.0
    apex, radius = _apex(body, side)
    rise = np.sqrt(np.clip(1 - (1 - np.clip(y / radius, 0, 1)) ** 2, 0, 1))
    reach = np.where(y < radius, apex + (wall - apex) * rise, wall)
    return np.asarray(np.minimum(reach, wall), np.float32)


def lung_medial(body: Body, y: Floats, side: int, with_heart: bool) -> Floats:
    """Midline to the inner border of the lung, mm: the heart's border, or the spine's."""
    border = mediastinum_edge(body, y, side)
    if with_heart:
        border = np.minimum(border, spine_edge(body, y, side))
    apex, radius = _apex(body, side)
    rise = np.sqrt(np.clip(1 - (1 - np.clip(y / (0.8 * radius), 0, 1)) ** 2, 0, 1))
    return np.asarray(apex - (apex - border) * rise, np.float32)


def _apex(body: Body, side: int) -> tuple[float, float]:
    return 0.345 * body.chest + side * _shift(body, -0.25), 0.15 * body.height


def _shift(body: Body, z_fraction: float) -> float:
    """How far a structure at a depth (fraction of the inner half-depth) moves with the turn, mm."""
    return -float(np.sin(body.turn)) * z_fraction * body.inner_depth


def spine_edge(body: Body, y: Floats, side: int) -> Floats:
    """Midline to the edge of the vertebral column, where lung behind the heart begins, mm."""
    half = (0.145 if not body.child else 0.17) * body.chest
    knots = [(0.0, half * 1.1), (0.4 * body.height, half), (1.1 * body.height, half * 1.12)]
    return np.asarray(curve(y, knots, 0.2 * body.height) + side * np.float32(_shift(body, -0.45)))


def mediastinum_edge(body: Body, y: Floats, side: int) -> Floats:
    """Midline to the visible border of mediastinum and heart, mm. `side` is -1 right, +1 left."""
    t, w = body.height, body.chest
    thymus = body.thymus
    if side < 0:
        upper = 0.165 * w
        knots = [(-0.3 * t, upper * 0.9), (0.0, upper * 0.95), (0.16 * t, upper + thymus * 0.8)]
        knots += [(0.3 * t, upper * 1.08 + thymus), (0.42 * t, upper * 1.2 + thymus * 0.5)]
        knots += [(0.52 * t, upper * 1.3), (0.62 * t, 0.8 * body.heart_right)]
        knots += [(0.76 * t, body.heart_right), (0.9 * t, 0.95 * body.heart_right)]
        knots += [(1.02 * t, 0.78 * body.heart_right), (1.3 * t, 0.6 * body.heart_right)]
        edge = curve(y, knots, 0.035 * t) + _widened(body, y)
        return np.asarray(edge - np.float32(_shift(body, 0.35)))
    upper, knob, left = 0.165 * w, body.knob, body.heart_left
    knots = [(-0.3 * t, upper * 0.9), (0.0, upper), (0.13 * t, upper + thymus * 0.6)]
    knots += [(0.185 * t, 0.8 * knob + thymus), (0.225 * t, 1.08 * knob + thymus)]
    knots += [(0.275 * t, 1.12 * knob + thymus), (0.325 * t, 0.92 * knob + thymus)]
    knots += [(0.37 * t, 0.225 * w + thymus), (0.42 * t, 0.275 * w), (0.48 * t, 0.30 * w)]
    knots += [(0.56 * t, 0.60 * left), (0.68 * t, 0.80 * left), (0.82 * t, 0.95 * left)]
    knots += [(0.93 * t, left), (1.04 * t, 0.95 * left), (1.15 * t, 0.72 * left)]
    edge = curve(y, [*knots, (1.4 * t, 0.5 * left)], 0.024 * t) + _widened(body, y)
    return np.asarray(edge + np.float32(_shift(body, 0.35)))


def _widened(body: Body, y: Floats) -> Floats:
    """How much further out the mediastinum reaches on each side than in health, mm."""
    knots = [(-0.3, 0.5), (0.02, 0.8), (0.14, 1.0), (0.32, 1.0), (0.46, 0.4), (0.58, 0.0)]
    return body.widening * curve(y, [(v * body.height, k) for v, k in knots], 0.04 * body.height)


def dome(body: Body, x: Floats, side: int) -> Floats:
    """The height y of the diaphragm's upper outline at `x` on one side, mm."""
    peak = body.height + (body.dome_drop if side > 0 else 0.0)
    centre = (0.43 if side < 0 else 0.48) * body.chest
    away = side * x - centre
    lateral = np.clip(away / (body.chest - centre), 0, 1.15)
    medial = np.clip(-away / centre, 0, 1)
    fall = body.angle_depth * (0.5 * lateral**2.0 + 0.5 * lateral**5.0)
    return np.asarray(peak + fall + 0.13 * body.chest * medial**1.8, np.float32)


def half(grid: Grid, side: int) -> slice:
    """The grid's columns on one side of the midline: -1 the patient's right, +1 the left."""
    middle = int(np.searchsorted(grid.x[0], 0.0))
    return slice(0, middle) if side < 0 else slice(middle, None)


def lung_cover(body: Body, grid: Grid, side: int, with_heart: bool) -> Floats:
    """(H, W) float32 in 0-1: how much of each pixel one lung's outline covers."""
    out = np.zeros(grid.shape, np.float32)
    part = half(grid, side)
    x = side * grid.x[:, part]
    lateral = lung_lateral(body, grid.y, side) / grid.step + np.float32(0.5)
    medial = lung_medial(body, grid.y, side, with_heart) / grid.step - np.float32(0.5)
    floor = dome(body, grid.x[:, part], side)
    x = x / grid.step
    cover = np.minimum(lateral - x, x - medial)
    cover = np.minimum(cover, (floor - grid.y) / grid.step + np.float32(0.5))
    out[:, part] = np.clip(cover, 0, 1) * (grid.y > 0)
    return out


def bow(body: Body, y: Floats) -> Floats:
    """The spine's midline at the height `y`, mm from x = 0."""
    shape = np.sin(np.clip(y / (1.4 * body.height), -0.3, 1.3) * np.pi)
    return np.asarray(body.curve * shape + _shift(body, -0.55), np.float32)
