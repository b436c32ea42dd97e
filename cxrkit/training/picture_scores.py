"""How many changed pictures the checks find, and how many good ones they flag.

Measured as `cxr build` uses them: on pictures as they are read, by `quality.pictures.flags`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np

from cxrkit.imaging import radiograph
from cxrkit.phantom.anatomy import render
from cxrkit.quality import pictures
from cxrkit.quality.picture_kind import Network
from cxrkit.training import picture_scenes
from cxrkit.training.picture_sources import draw_patient
from cxrkit.training.samples import Sample

READ = 224  # pixels: what `cxr build` asks of the shorter side at least
UNSEEN = 33  # stream of the phantoms and scenes that are measured on
Rng = np.random.Generator

# What is done to an upright frontal radiograph, and the flag that must follow.
CHANGES: dict[str, tuple[str, Callable[[np.ndarray], np.ndarray]]] = {
    "inverted": ("inverted", lambda p: 255 - p),
    "rotated by 90": ("rotated", lambda p: np.rot90(p, -1)),
    "rotated by 180": ("rotated", lambda p: np.rot90(p, 2)),
    "rotated by 270": ("rotated", lambda p: np.rot90(p, 1)),
    "mirrored": ("mirrored", lambda p: p[:, ::-1]),
}


def radiographs(samples: Sequence[Sample]) -> list[np.ndarray]:
    """The radiographs of the samples as a build reads them."""
    return [radiograph.read(s.image, smallest=READ).pixels for s in samples if s.image]


def phantoms(count: int, seed: int, lateral: bool, sides: tuple[int, int]) -> Iterator[np.ndarray]:
    """Phantoms that no training has seen, read as a build reads them.

    Args:
        count: how many.
        seed: of all of them.
        lateral: the view.
        sides: the range of the longer side in pixels.
    """
    for number in range(count):
        rng = np.random.default_rng([seed, UNSEEN, int(lateral), number])
        subject = draw_patient(rng, lateral)
        long = int(rng.integers(sides[0], sides[1] + 1))
        short = round(long * rng.uniform(0.75, 1))
        rows, columns = (long, short) if rng.random() < 0.5 else (short, long)
        film = render(subject, rows, columns, rng).radiograph
        data = cv2.imencode(".png", film)[1].tobytes()
        yield radiograph.decode(data, "phantom", READ).pixels


def blanks(count: int, seed: int) -> Iterator[np.ndarray]:
    """Even pictures with the noise and the slight slope of a detector that saw no patient."""
    for number in range(count):
        rng = np.random.default_rng([seed, UNSEEN, 2, number])
        rows, columns = rng.integers(224, 448, 2).tolist()
        slope = np.linspace(0, rng.uniform(-12, 12), columns)[None]
        even = rng.uniform(0, 255) + slope + rng.normal(0, rng.uniform(0, 25), (rows, columns))
        yield np.asarray(np.clip(even, 0, 255)).astype(np.uint8)


def scenes(count: int, seed: int) -> Iterator[np.ndarray]:
    """Pictures that are no chest and that no training has seen."""
    for number in range(count):
        yield picture_scenes.draw(320, np.random.default_rng([seed, UNSEEN, 3, number]))


def beside(one: np.ndarray, other: np.ndarray, rng: Rng) -> np.ndarray:
    """Two pictures in one, side by side or on top of each other, at one scale, perhaps a gap."""
    gap = int(rng.integers(0, 12))
    if rng.random() < 0.3:
        return np.ascontiguousarray(beside_at(one.T, other.T, gap).T)
    return beside_at(one, other, gap)


def beside_at(one: np.ndarray, other: np.ndarray, gap: int) -> np.ndarray:
    """Two pictures side by side at the height of the first, `gap` black pixels between them."""
    wide = max(1, round(other.shape[1] * one.shape[0] / other.shape[0]))
    scaled = cv2.resize(other, (wide, one.shape[0]), interpolation=cv2.INTER_AREA)
    return np.hstack([one, np.zeros((one.shape[0], gap), np.uint8), scaled])


def false_flags(good: Iterable[np.ndarray], network: Network) -> dict[str, Any]:
    """How many upright frontal radiographs there are, how many are flagged, and as what."""
    found = [pictures.flags(picture, network) for picture in good]
    names = Counter(flag.name for flags in found for flag in flags)
    return {
        "images": len(found),
        "flagged": sum(bool(flags) for flags in found),
        "flags": {name: names[name] for name in pictures.CHECKS if names[name]},
    }


def recall_of_changes(
    good: Sequence[np.ndarray], partners: Sequence[np.ndarray], network: Network, seed: int
) -> dict[str, float]:
    """The share of changed frontal radiographs with the flag that must follow.

    A collage is made of each with one of the `partners`.
    """
    rng = np.random.default_rng([seed, UNSEEN, 4])
    found = {
        name: share(flag, (np.ascontiguousarray(change(p)) for p in good), network)
        for name, (flag, change) in CHANGES.items()
    }
    pairs = (beside(p, partners[int(rng.integers(len(partners)))], rng) for p in good)
    return found | {"collage": share("collage", pairs, network)}


def share(name: str, changed: Iterable[np.ndarray], network: Network) -> float:
    """The share of pictures that are given the flag of this name."""
    hits = [any(f.name == name for f in pictures.flags(p, network)) for p in changed]
    return round(float(np.mean(hits)), 4)
