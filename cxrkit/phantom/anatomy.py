"""A chest radiograph out of a seed: who is imaged, the picture, and the truth about it."""

import math
from dataclasses import dataclass, replace

import cv2
import numpy as np

from cxrkit.phantom import exposure, frontal
from cxrkit.phantom.body import Body, Floats, Grid, lung_cover
from cxrkit.phantom.skeleton import girdle, merge, project, ribs, spine, sternum

FINDINGS: tuple[str, ...] = (
    "effusion",
    "pneumothorax",
    "consolidation",
    "cardiomegaly",
    "nodule",
    "edema",
    "fracture",
    "tube",
    "line",
)


@dataclass(frozen=True)
class Subject:
    """Who is imaged and how; the same `seed` is the same person in every view."""

    age: str = "adult"
    sex: str = "F"
    view: str = "PA"
    girth: float = 0.4
    stature: float = 1.0
    inspiration: float = 0.8
    findings: tuple[str, ...] = ()
    side: str = "right"
    extent: float = 0.5
    rotation: float = 0.0
    seed: int = 0


@dataclass(frozen=True)
class Phantom:
    radiograph: Floats
    right_lung: Floats
    left_lung: Floats
    right_lung_with_heart: Floats
    left_lung_with_heart: Floats
    findings: dict[str, Floats]


def draw_subject(rng: np.random.Generator) -> Subject:
    child = rng.random() < 0.12
    return Subject(
        age="child" if child else "adult",
        sex=str(rng.choice(["F", "M"])),
        view="AP" if child or rng.random() < 0.4 else "PA",
        girth=float(np.clip(rng.beta(2, 2.6), 0, 1)),
        stature=float(rng.normal(1.0, 0.05)) if not child else float(rng.uniform(0.5, 0.8)),
        inspiration=float(np.clip(rng.normal(0.75, 0.2), 0, 1)),
        seed=int(rng.integers(2**31)),
    )


def measure(subject: Subject, rng: np.random.Generator) -> Body:
    person = np.random.default_rng([subject.seed, 1])
    child = subject.age == "child"
    size = subject.stature * (
        1.03 if subject.sex == "M" and not child else 0.97 if not child else 1
    )
    ap = subject.view == "AP"

    def vary(value: float, share: float) -> float:
        return float(value * (1 + np.clip(person.normal(0, share), -2.2 * share, 2.2 * share)))

    w = vary(138 if not child else 128, 0.04) * size
    h = (
        vary((1.66 if not child else 1.38), 0.05)
        * w
        * (0.86 + 0.18 * subject.inspiration)
        * (0.93 if ap else 1.0)
    )
    g = subject.girth
    big = 1.13 if ap else 1.0
    ctr = vary(0.47 if not child else 0.52, 0.06) * big
    if "cardiomegaly" in subject.findings:
        ctr *= 1.28 + 0.14 * subject.extent
    left_share = float(np.clip(person.normal(0.69, 0.035), 0.6, 0.76))
    female = subject.sex == "F" and not child
    return Body(
        child=child,
        female=female,
        chest=w,
        height=h,
        wall=(13 + 40 * g**1.5) * size,
        depth=(88 + 55 * g) * size,
        inner_depth=0.60 * w,
        heart_left=2 * w * ctr * left_share,
        heart_right=2 * w * ctr * (1 - left_share),
        knob=vary(0.275 if not child else 0.21, 0.14) * w,
        slope=vary(0.40 if not child else 0.27, 0.12) * h * (1.08 if not ap else 0.9),
        breast=vary(26 + 34 * g, 0.3) * size if female else 0.0,
        turn=float(rng.normal(0, 0.035 if not ap else 0.06)) + math.radians(subject.rotation),
        dome_drop=vary(0.055 * h, 0.45),
        angle_depth=vary(0.225 * h, 0.15) * (0.7 + 0.4 * subject.inspiration),
        shoulder=float(np.clip(rng.normal(0.3 if not ap else 0.75, 0.15), 0, 1)),
        abduction=float(np.clip(rng.normal(0.62 if not ap else 0.2, 0.16), 0.05, 1.1)),
        thymus=0.0 if not child else float(max(person.normal(0.06, 0.06), 0) * w),
        curve=float(person.normal(0, 0.025) * w),
        neck=(vary(0.40, 0.07) + 0.08 * g) * w,
    )


def render(subject: Subject, rows: int, columns: int, rng: np.random.Generator) -> Phantom:
    pose, film_rng, noise, texture, warp = rng.spawn(5)
    body = measure(subject, pose)
    film = exposure.draw_film(subject.view == "AP", film_rng)
    # field of view: columns across
    scale = body.chest / 138
    fov_h = float(pose.uniform(1.62, 1.95)) * body.height
    fov_w = fov_h * columns / rows
    min_w = float(pose.uniform(2.3, 2.6)) * body.chest
    if fov_w < min_w:
        fov_h *= min_w / fov_w
        fov_w = min_w
    longest = max(rows, columns)
    inner = min(longest, 1024)
    step = max(fov_h, fov_w) / inner
    h, w = round(fov_h / step), round(fov_w / step)
    top = -float(pose.uniform(0.16, 0.28)) * (fov_h - 0.0 * body.height) * 0.8
    pad = 24 * scale
    gx = np.arange(-fov_w / 2 - pad, fov_w / 2 + pad, step, dtype=np.float32)[None]
    gy = np.arange(top - pad, top + fov_h + pad, step, dtype=np.float32)[:, None]
    grid = Grid(gx, gy, step)
    water, bone = _frontal(body, grid, subject, texture)
    covers = [lung_cover(body, grid, s, heart) for heart in (False, True) for s in (-1, 1)]
    mapx, mapy = _warp(grid, h, w, pad, warp, pose)
    move = lambda m: cv2.remap(m, mapx, mapy, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    quanta = exposure.signal(move(water), move(bone), np.zeros((h, w), np.float32), step, film)
    picture = exposure.develop(quanta, film, rows, columns, fov_w / columns, noise)
    picture = exposure.shutter(picture, film)
    masks = [
        cv2.resize(move(c), (columns, rows), interpolation=cv2.INTER_LINEAR) > 0.5 for c in covers
    ]
    return Phantom(picture, masks[0], masks[1], masks[2], masks[3], {})


def _frontal(body: Body, grid: Grid, subject: Subject, rng: np.random.Generator):
    person = np.random.default_rng([subject.seed, 2])
    water = frontal.soft_tissue(body, grid)
    lung = frontal.lung_air(body, grid)
    lungness = np.clip(lung / (0.3 * body.inner_depth), 0, 1)
    blood = frontal.vessels(body, grid, person) * lungness
    fine = (
        frontal.texture(grid, 3.2, rng) * 1.3
        + frontal.texture(grid, 9, rng) * 1.6
        + frontal.texture(grid, 30, rng) * 2
    )
    water = water - (1 - frontal.LUNG_DENSITY) * lung + blood + fine * (0.25 + lungness)
    water -= frontal.airway(body, grid)
    water -= frontal.bowel_gas(body, grid, person)
    cloud = merge(
        [
            ribs(body, grid.step, person),
            girdle(body, grid.step, person),
            spine(body, grid.step, person),
            sternum(body, grid.step, person),
        ]
    )
    flat = frontal._turn(cloud.points, body)
    bone = project(flat[:, 0], flat[:, 1], cloud.mass, grid, 0.5)
    return np.maximum(water, 0), bone


def _warp(grid: Grid, h: int, w: int, pad: float, rng, pose):
    tilt = float(np.radians(pose.normal(0, 1.1)))
    shift = pose.normal(0, 5, 2).tolist()
    yy, xx = np.mgrid[0:h, 0:w].astype(np.float32)
    cx, cy = w / 2, h / 2
    c, s = math.cos(tilt), math.sin(tilt)
    u = (xx - cx) * c - (yy - cy) * s + cx + (pad + shift[0]) / grid.step
    v = (xx - cx) * s + (yy - cy) * c + cy + (pad + shift[1]) / grid.step
    for target in (u, v):
        field = rng.standard_normal((6, 6), dtype=np.float32)
        target += cv2.resize(field, (w, h), interpolation=cv2.INTER_CUBIC) * (4.0 / grid.step)
    return u, v
