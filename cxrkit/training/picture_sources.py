"""What pictures are made of: held radiographs, phantoms of both views, scenes that are no chest."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from cxrkit.imaging import radiograph
from cxrkit.phantom.anatomy import FINDINGS, Subject, draw_subject, render
from cxrkit.quality import picture_grays
from cxrkit.training import picture_scenes
from cxrkit.training.samples import Sample

STORED = 160  # pixels, both sides, of a picture in memory: zooming in to 96 stays sharp
PHANTOM = 208  # pixels of the longer side at which phantoms are rendered for training

Kind = Literal["frontal", "lateral", "other"]


@dataclass(frozen=True)
class Source:
    """One picture in memory, upright, unmirrored, air dark."""

    group: str  # an archive, "phantom" or "scene"; groups of one kind are drawn equally often
    kind: Kind
    picture: np.ndarray  # (160, 160) uint8, without its frame, aspect ratio not kept


def radiographs(samples: Sequence[Sample]) -> list[Source]:
    """The frontal radiographs of the samples."""
    return [
        Source(s.archive, "frontal", stored(radiograph.read(s.image, smallest=STORED).pixels))
        for s in samples
        if s.image
    ]


def phantoms(
    count: int, seed: int, stream: int, progress: Callable[[int], None] = lambda done: None
) -> list[Source]:
    """`count` phantoms, three in ten of them lateral, three in ten children.

    Args:
        count: how many.
        seed: of all of them.
        stream: another number, other phantoms: one for training, one for validation.
        progress: called with the number of finished ones.
    """
    made = []
    for number in range(count):
        rng = np.random.default_rng([seed, stream, number])
        subject = draw_patient(rng, lateral=number % 10 < 3)
        long, short = PHANTOM, round(PHANTOM * rng.uniform(0.78, 1))
        rows, columns = (long, short) if rng.random() < 0.5 else (short, long)
        film = render(subject, rows, columns, rng).radiograph
        kind: Kind = "lateral" if subject.view == "LATERAL" else "frontal"
        made.append(Source("phantom", kind, stored(film)))
        progress(number + 1)
    return made


def draw_patient(rng: np.random.Generator, lateral: bool) -> Subject:
    """A sick or healthy adult or child in one view."""
    subject = draw_subject(rng)
    child = bool(rng.random() < 0.3)
    stature = float(rng.uniform(0.5, 0.8)) if child else max(0.88, subject.stature)
    view = "LATERAL" if lateral else "AP" if child or rng.random() < 0.4 else "PA"
    sick = rng.random() < 0.6
    chosen = tuple(name for name in FINDINGS if sick and rng.random() < 0.2)
    return replace(
        subject,
        age="child" if child else "adult",
        stature=stature,
        view=view,
        rotation=float(rng.normal(0, 3)),
        findings=chosen,
        side="right" if rng.random() < 0.5 else "left",
        extent=float(rng.uniform(0, 1)),
    )


def scenes(count: int, seed: int, stream: int) -> list[Source]:
    """`count` pictures that are no chest radiograph; arguments as of `phantoms`."""
    made = []
    for number in range(count):
        rng = np.random.default_rng([seed, stream, number])
        made.append(Source("scene", "other", picture_scenes.draw(STORED, rng)))
    return made


def stored(pixels: np.ndarray) -> np.ndarray:
    """The (160, 160) uint8 squash of a (H, W) uint8 picture without its frame."""
    pixels = picture_grays.working(pixels)
    shown = pixels[picture_grays.field(pixels)]
    return np.asarray(cv2.resize(shown, (STORED, STORED), interpolation=cv2.INTER_AREA))
