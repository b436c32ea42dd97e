"""A chest radiograph out of a seed: the picture, and the truth about it.

The body is summed along the beam into three maps (mm of water, of compact bone, of metal), findings
are added to them, and `exposure` turns them into a film. Everything is computed on a scene in mm at
a modest raster and moved to the detector by one smooth warp, which maps and masks share.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.phantom import exposure, findings, frontal, lateral
from cxrkit.phantom.body import Body, Floats, Grid, lung_cover, measure
from cxrkit.phantom.subject import FINDINGS, Subject, draw_subject

__all__ = ["FINDINGS", "Phantom", "Subject", "draw_subject", "render"]

SCENE_PIXELS = 832  # of the scene's longer side at most; film grain is added at full size


@dataclass(frozen=True)
class Phantom:
    """A radiograph and the truth about it; all arrays are (H, W).

    The lungs are the patient's: the right one lies at smaller x. They follow the outlines of the
    healthy body whatever the findings hide, as readers infer them. In a LATERAL view the lungs lie
    over each other and all four masks are empty; so is the mask of a finding that it cannot show.
    """

    radiograph: Floats  # uint8, air dark
    right_lung: Floats  # bool, up to the borders of heart and mediastinum
    left_lung: Floats
    right_lung_with_heart: Floats  # bool, up to the spine: with the lung behind the heart
    left_lung_with_heart: Floats
    findings: dict[str, Floats]  # bool, by name: where the finding changes the picture


def render(subject: Subject, rows: int, columns: int, rng: np.random.Generator) -> Phantom:
    """The radiograph of a subject with its exact masks, (rows, columns) each.

    `rng` gives position, exposure and noise; the same generator with and without a finding gives
    the same picture elsewhere.
    """
    pose, exposing, noise, grain, bending = rng.spawn(5)
    body = measure(subject, pose)
    film = exposure.draw_film(subject.view == "AP", exposing)
    grid, field = _frame(body, subject.view, rows, columns, pose)
    build = lateral.scene if subject.view == "LATERAL" else frontal.scene
    scene = build(body, grid, subject, grain)
    warp = _warp(body, grid, field, pose, bending)
    covers = [_move(cover, warp) for cover in _lungs(body, grid, subject.view)]
    zones = [_move(_byte(zone), warp) > 127 for zone in scene.zones]
    step = field[1] / warp[0].shape[1]

    def expose() -> tuple[Floats, Floats]:
        inside = exposure.absorbed(scene.water, scene.bone, scene.metal)
        quanta = exposure.signal(_move(inside, warp), step, film)
        return quanta, exposure.density(quanta, film)

    quanta, dense = expose()
    levels = exposure.read_out(dense, *zones)
    marks = {name: findings.add(name, scene, subject) for name in subject.findings}
    if marks:
        quanta, dense = expose()
    picture = exposure.develop(
        dense, quanta, levels, film, (rows, columns), field[1] / columns, noise
    )
    right, left, right_heart, left_heart = (_enlarge(c, rows, columns) for c in covers)
    return Phantom(
        exposure.shutter(picture, film),
        right,
        left,
        right_heart,
        left_heart,
        {n: _enlarge(_move(_byte(m), warp), rows, columns) for n, m in marks.items()},
    )


def _frame(
    body: Body, view: str, rows: int, columns: int, pose: np.random.Generator
) -> tuple[Grid, tuple[float, float]]:
    """The scene's raster, and the (height, width) in mm of the detector's field in its middle."""
    high = float(pose.uniform(1.52, 1.8)) * body.height
    need = body.chest * float(
        pose.uniform(2.25, 2.55) if view != "LATERAL" else pose.uniform(2.0, 2.3)
    )
    if body.child:
        high *= 1.12
    high = max(high, need * rows / columns)
    wide = high * columns / rows
    step = max(high, wide) / min(max(rows, columns), SCENE_PIXELS)
    pad = 0.18 * body.chest
    top = -float(pose.uniform(0.45, 0.62)) * (high - 1.25 * body.height) - pad
    across = np.arange(-wide / 2 - pad, wide / 2 + pad, step, dtype=np.float32)[None]
    down = np.arange(top, top + high + 2 * pad, step, dtype=np.float32)[:, None]
    return Grid(across, down, step), (high, wide)


def _warp(
    body: Body,
    grid: Grid,
    field: tuple[float, float],
    pose: np.random.Generator,
    bending: np.random.Generator,
) -> tuple[Floats, Floats]:
    """Where each pixel of the field lies in the scene, (h, w) maps as `cv2.remap` takes them.

    A tilt, a shift and a slow irregular bend: no body is as symmetric as its formulas.
    """
    h, w = (round(length / grid.step) for length in field)
    tilt = math.radians(float(pose.normal(0, 1.2)))
    shift = [float(pose.normal(0, 0.035 * body.chest)) for _ in range(2)]
    x = np.arange(w, dtype=np.float32)[None] - w / 2
    y = np.arange(h, dtype=np.float32)[:, None] - h / 2
    c, s = math.cos(tilt), math.sin(tilt)
    u = x * c - y * s + (grid.shape[1] / 2 + shift[0] / grid.step)
    v = x * s + y * c + (grid.shape[0] / 2 + shift[1] / grid.step)
    for target in (u, v):
        knots = bending.standard_normal((7, 7), dtype=np.float32)
        bend = cv2.resize(knots, (w, h), interpolation=cv2.INTER_CUBIC)
        target += bend * np.float32(0.024 * body.chest / grid.step)
    coarse, fine = cv2.convertMaps(u.astype(np.float32), v.astype(np.float32), cv2.CV_16SC2)
    return np.asarray(coarse), np.asarray(fine)


def _move(scene_map: Floats, warp: tuple[Floats, Floats]) -> Floats:
    return np.asarray(
        cv2.remap(scene_map, *warp, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )


def _byte(cover: Floats) -> Floats:
    return np.asarray(cover * 255 + 0.5).astype(np.uint8)


def _enlarge(cover: Floats, rows: int, columns: int) -> Floats:
    return np.asarray(cv2.resize(cover, (columns, rows), interpolation=cv2.INTER_LINEAR) > 127)


def _lungs(body: Body, grid: Grid, view: str) -> list[Floats]:
    """Covers of the right and left lung without, then with, the heart region."""
    if view == "LATERAL":
        return [np.zeros(grid.shape, np.uint8)] * 4
    kinds = ((side, heart) for heart in (False, True) for side in (-1, 1))
    return [_byte(lung_cover(body, grid, side, heart)) for side, heart in kinds]
