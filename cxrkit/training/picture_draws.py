"""One training picture: sources turned, inverted, mirrored, put beside each other, exposed anew."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from cxrkit.quality.picture_kind import KINDS, SIZE
from cxrkit.training import picture_scenes
from cxrkit.training.augment import exposure
from cxrkit.training.picture_sources import Source

UNKNOWN = -1  # a label that a picture does not have: nothing is learnt from it
# Shares of the kinds among the draws.
SHARES = {"frontal": 0.58, "lateral": 0.1, "collage": 0.14, "other": 0.18}
UPRIGHT, INVERTED, MIRRORED, SHUFFLED = 0.7, 0.25, 0.5, 0.12  # shares within a kind
# Rows and columns of a collage; side by side most often.
LAYOUTS = ((1, 2), (1, 2), (1, 2), (1, 2), (2, 1), (2, 1), (1, 3), (3, 1), (2, 2), (2, 3))

Rng = np.random.Generator
Sources = Mapping[str, Mapping[str, Sequence[Source]]]  # by kind, then by group


@dataclass(frozen=True)
class Drawn:
    """A picture and what is true of it, `UNKNOWN` where nothing is."""

    picture: np.ndarray  # (96, 96) uint8
    kind: int  # place in `KINDS`
    turn: int  # quarter turns clockwise, 0-3
    inverted: int  # 0 or 1
    mirrored: int  # 0 or 1


def by_kind(sources: Sequence[Source]) -> Sources:
    """The sources by kind and group, as `draw` takes them."""
    out: dict[str, dict[str, list[Source]]] = {}
    for source in sources:
        out.setdefault(source.kind, {}).setdefault(source.group, []).append(source)
    return out


def draw(sources: Sources, rng: Rng) -> Drawn:
    """One picture of a kind drawn by `SHARES`."""
    kind = str(rng.choice(list(SHARES), p=list(SHARES.values())))
    if kind == "frontal":
        return frontal(_pick(sources, kind, rng), rng)
    if kind == "lateral":
        return _lateral(_pick(sources, kind, rng), rng)
    if kind == "collage":
        return _collage(sources, rng)
    picture = _pick(sources, kind, rng)
    if rng.random() < SHUFFLED:
        picture = picture_scenes.shuffled(_pick(sources, "frontal", rng), rng)
    picture = np.rot90(picture, int(rng.integers(4)))
    picture = _inverted(_exposed(_warped(picture, rng), rng), int(rng.random() < 0.5))
    return Drawn(picture, KINDS.index(kind), UNKNOWN, UNKNOWN, UNKNOWN)


def frontal(picture: np.ndarray, rng: Rng) -> Drawn:
    """A frontal radiograph, perhaps sicker, lettered, mirrored, turned and inverted."""
    if rng.random() < 0.25:
        picture = _blobs(picture, rng)
    mirrored = int(rng.random() < MIRRORED)
    picture = picture[:, ::-1] if mirrored else picture
    if rng.random() < 0.4:  # after the mirror: letters must not tell the side by their place
        picture = _lettered(picture, rng)
    turn = 0 if rng.random() < UPRIGHT else int(rng.integers(1, 4))
    inverted = int(rng.random() < INVERTED)
    picture = _exposed(_warped(np.rot90(picture, -turn), rng), rng)
    known = UNKNOWN if turn else mirrored
    return Drawn(_inverted(picture, inverted), KINDS.index("frontal"), turn, inverted, known)


def _lateral(picture: np.ndarray, rng: Rng) -> Drawn:
    if rng.random() < 0.2:
        picture = _blobs(picture, rng)
    picture = picture[:, ::-1] if rng.random() < 0.5 else picture
    turn = 0 if rng.random() < UPRIGHT else int(rng.integers(1, 4))
    inverted = int(rng.random() < INVERTED)
    picture = _exposed(_warped(np.rot90(picture, -turn), rng), rng)
    return Drawn(_inverted(picture, inverted), KINDS.index("lateral"), turn, inverted, UNKNOWN)


def _collage(sources: Sources, rng: Rng) -> Drawn:
    """Two to six pictures in one, cut at about equal parts, with or without gaps."""
    across, down = LAYOUTS[int(rng.integers(len(LAYOUTS)))][::-1]
    size = 2 * SIZE
    ground = float(rng.choice([0, 255, rng.uniform(0, 255)], p=[0.6, 0.25, 0.15]))
    canvas = np.full((size, size), ground, np.float32)
    gap = int(rng.uniform(0, 0.035) * size) if rng.random() < 0.6 else 0
    ys, xs = _cuts(down, size, rng), _cuts(across, size, rng)
    alike = rng.random() < 0.5
    for top, bottom in pairwise(ys):
        for left, right in pairwise(xs):
            kind = str(rng.choice(["frontal", "lateral", "other"], p=[0.62, 0.33, 0.05]))
            panel = _pick(sources, kind, rng)
            panel = panel[:, ::-1] if rng.random() < 0.3 else panel
            panel = panel if alike else exposure(panel.astype(np.float32), rng)
            shape = (right - left - gap, bottom - top - gap)
            canvas[top : bottom - gap, left : right - gap] = cv2.resize(
                panel, shape, interpolation=cv2.INTER_AREA
            )
    turned = np.rot90(canvas, int(rng.integers(4))) if rng.random() < 0.15 else canvas
    warped = _warped(turned, rng, steady=True)
    picture = _inverted(_exposed(warped, rng), int(rng.random() < 0.15))
    return Drawn(picture, KINDS.index("collage"), UNKNOWN, UNKNOWN, UNKNOWN)


def _cuts(parts: int, size: int, rng: Rng) -> list[int]:
    """Where `parts` panels begin and end; the widest has at most four times the narrowest."""
    widths = np.exp(rng.uniform(-0.7, 0.7, parts))
    ends = np.cumsum(widths) / widths.sum()
    return [0, *(round(float(share) * size) for share in ends)]


def _pick(sources: Sources, kind: str, rng: Rng) -> np.ndarray:
    groups = sources[kind]
    group = groups[sorted(groups)[int(rng.integers(len(groups)))]]
    return group[int(rng.integers(len(group)))].picture


def _warped(picture: np.ndarray, rng: Rng, steady: bool = False) -> np.ndarray:
    """(96, 96) float32: tilted by some degrees, zoomed, stretched, shifted, perhaps framed."""
    tilt = rng.normal(0, 4) if rng.random() < 0.85 else rng.uniform(-18, 18)
    zoom, aspect = np.exp(rng.normal(0, 0.12)), np.exp(rng.normal(0, 0.08))
    shift = rng.normal(0, 0.045, 2)
    if steady:
        tilt, zoom, aspect, shift = tilt / 5, np.exp(rng.normal(-0.02, 0.05)), 1.0, shift / 3
    a = np.radians(tilt)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    linear = turn @ np.diag([zoom * aspect, zoom / aspect]) * (SIZE / len(picture))
    centre = np.full(2, len(picture) / 2)
    offset = np.full(2, SIZE / 2) + shift * SIZE - linear @ centre
    filled = cv2.BORDER_CONSTANT if rng.random() < 0.7 else cv2.BORDER_REPLICATE
    fill = float(rng.choice([0.0, 255.0, rng.uniform(0, 255)], p=[0.7, 0.15, 0.15]))
    blurred = cv2.blur(np.ascontiguousarray(picture, np.float32), (2, 2))  # the size halves
    return np.asarray(
        cv2.warpAffine(
            blurred, np.hstack([linear, offset[:, None]]), (SIZE, SIZE),
            flags=cv2.INTER_LINEAR, borderMode=filled, borderValue=fill,
        )
    )  # fmt: skip


def _exposed(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Another machine's grays, (96, 96) uint8: a window, a gamma, then `augment.exposure`."""
    values = np.clip(picture, 0, 255) / 255
    if rng.random() < 0.25:
        low, high = rng.uniform(-0.05, 0.25), rng.uniform(0.75, 1.05)
        values = np.clip((values - low) / (high - low), 0, 1)
    values = 255 * values ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.12:
        values = cv2.GaussianBlur(values, (0, 0), float(rng.uniform(0.5, 1.5)))
    return exposure(values, rng)


def _inverted(picture: np.ndarray, inverted: int) -> np.ndarray:
    return 255 - picture if inverted else picture


def _blobs(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Up to four soft bright or dark patches: opacities, effusions, gas, devices."""
    size = len(picture)
    out = picture.astype(np.float32)
    for _ in range(int(rng.integers(1, 5))):
        cover = np.zeros((size, size), np.float32)
        centre = rng.integers(0, size, 2).tolist()
        radii = (1 + rng.integers(2, size // 4, 2)).tolist()
        cv2.ellipse(cover, centre, radii, float(rng.uniform(0, 180)), 0, 360, 1.0, -1)
        soft = cv2.GaussianBlur(cover, (0, 0), float(rng.uniform(1, 8)))
        bright = rng.random() < 0.75
        level = np.percentile(picture[::4, ::4], 90 if bright else 10)
        change = np.maximum(level - out, 0) if bright else np.minimum(level - out, 0)
        out += change * soft * float(rng.uniform(0.3, 1))
    return np.asarray(np.clip(out, 0, 255)).astype(np.uint8)


def _lettered(picture: np.ndarray, rng: Rng) -> np.ndarray:
    """Letters near the edges, on either side, bright or dark."""
    size = len(picture)
    out = np.ascontiguousarray(picture)
    if out is picture:
        out = out.copy()
    for _ in range(int(rng.integers(1, 4))):
        text = "".join(rng.choice(list("LRAPMXTE12"), int(rng.choice([1, 1, 1, 2, 6]))))
        x = rng.uniform(0, 0.2) if rng.random() < 0.5 else rng.uniform(0.75, 0.95)
        y = rng.uniform(0.04, 0.95)
        cv2.putText(
            out, text, (int(x * size), int(y * size)), int(rng.choice([0, 2])),
            float(rng.uniform(0.2, 0.5)), 255 if rng.random() < 0.85 else 0, 1, cv2.LINE_AA,
        )  # fmt: skip
    return out
