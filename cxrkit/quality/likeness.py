"""Whether two fingerprints show one radiograph: laid over each other, their fine detail must agree.

All chests have their large outlines in common, so after the fit only what is finer than a rib
counts. Most pairs end at the first look, a cross-correlation of halved pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from cxrkit.quality import alignment, fingerprint
from cxrkit.quality.fingerprint import SIDE

# Chosen on V7 (docs/duplicates.md): follow-ups of one patient in one pose reach 0.82, other
# patients 0.55; 98 of 100 crops, resizes and brightness shifts are above 0.85.
NEAR = 0.83

_HALF = SIDE // 2
_REACH = 3  # places of a halved picture that the first look moves it by
_STRETCHES = (0.0, -0.1, 0.1)  # and stretches it by
_GLIMPSE, _LOOK = 0.33, 0.52  # correlations below which a pair is dropped: unstretched, and best
_COARSE = 0.7  # the same, of the fine detail of fitted halves: other patients are below
_STEPS = 3, 2  # of the fit of halves, and of the whole
_BLOCK = 64  # pairs at a time: they stay in the cache


@dataclass(frozen=True)
class Compared:
    """Of pairs, (N,): 0 to 1, 0 where it was dropped early; and how the second was changed."""

    similarity: np.ndarray
    mirrored: np.ndarray
    inverted: np.ndarray

    def columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All three."""
        return self.similarity, self.mirrored, self.inverted


def together(parts: Sequence[Compared]) -> Compared:
    """One after the other."""
    nothing = Compared(np.zeros(0, np.float32), np.zeros(0, bool), np.zeros(0, bool))
    columns = [part.columns() for part in (nothing, *parts)]
    return Compared(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def outlines(fingerprints: np.ndarray) -> np.ndarray:
    """(N, SIDE / 2, SIDE / 2) int8: what the first look at a pair needs of each."""
    out = np.empty((len(fingerprints), _HALF, _HALF), np.int8)
    for at in range(0, len(fingerprints), _BLOCK):
        part = slice(at, at + _BLOCK)
        out[part] = _outline(_halved(fingerprint.pictures(fingerprints[part])))
    return out


def compare(
    fingerprints: np.ndarray,
    outlined: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    mirrored: np.ndarray,
) -> Compared:
    """Pairs of fingerprints, the second as it is or mirrored.

    Args:
        fingerprints: (N, BYTES) uint8.
        outlined: their `outlines`.
        first: (P,) indices.
        second: (P,) indices.
        mirrored: (P,) bool.
    """
    signed = np.zeros(len(first), np.float32)
    for at in range(0, len(first), _BLOCK):
        part = slice(at, at + _BLOCK)
        i, j, turned = first[part], second[part], mirrored[part]
        seen = outlined[j]
        seen[turned] = seen[turned][:, :, ::-1]
        best, _ = _moved(outlined[i], seen)
        rows = np.flatnonzero(best >= _GLIMPSE)
        if len(rows):
            others = fingerprint.pictures(fingerprints[j[rows]])
            others[turned[rows]] = others[turned[rows]][:, :, ::-1]
            signed[at + rows] = _fitted(fingerprint.pictures(fingerprints[i[rows]]), others)
    return Compared(np.abs(signed), mirrored, signed < 0)


def _fitted(fixed: np.ndarray, moving: np.ndarray) -> np.ndarray:
    """(N,) float32 from -1 to 1: the correlation of fine detail; 0 where a look is enough."""
    out = np.zeros(len(fixed), np.float32)
    place, best = _starts(fixed, moving)
    left = np.flatnonzero(best >= _LOOK)
    if not len(left):
        return out
    halves = _halved(fixed[left]), _halved(moving[left])
    place, _ = alignment.fit(*halves, place[left], _STEPS[0])
    good = np.abs(alignment.detail(*halves, place)) >= _COARSE
    left, place = left[good], place[good]
    if len(left):
        place, _ = alignment.fit(fixed[left], moving[left], place, _STEPS[1])
        out[left] = alignment.detail(fixed[left], moving[left], place)
    return out


def _starts(fixed: np.ndarray, moving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of the stretches and moves that are tried the best, (N, 4), and its absolute correlation."""
    outline = _outline(_halved(fixed))
    place = np.zeros((len(fixed), 4), np.float32)
    best = np.full(len(fixed), -1, np.float32)
    for stretch in _STRETCHES:
        matrix = _stretching(stretch)
        value, moves = _moved(outline, _outline(matrix @ moving @ matrix.T))
        better = value > best
        best[better] = value[better]
        place[better] = np.float32(stretch)
        place[better, 1::2] = moves[better] * (1 + stretch) * 2 / (_HALF - 1)
    return place, best


@cache
def _stretching(stretch: float) -> np.ndarray:
    """(SIDE / 2, SIDE): stretch along one axis, and halve."""
    place = np.array([[stretch, 0, 0, 0]], np.float32)
    columns = alignment.view(np.eye(SIDE, dtype=np.float32)[None], place)[0]
    return np.asarray(columns.T.reshape(_HALF, 2, SIDE).mean(1), np.float32)


def _moved(fixed: np.ndarray, moving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest absolute correlation within `_REACH`, (N,), and the moves across and down."""
    spectra = [np.fft.rfft2(o.astype(np.float32)) for o in (fixed, moving)]
    field = np.fft.irfft2(np.conj(spectra[0]) * spectra[1], s=(_HALF, _HALF))
    near = np.arange(-_REACH, _REACH + 1)
    field = np.abs(field[:, near][:, :, near]).reshape(len(fixed), -1)
    at = field.argmax(1)
    squares = [np.square(o, dtype=np.float32).sum((1, 2)) for o in (fixed, moving)]
    value = field[np.arange(len(field)), at] / (np.sqrt(squares[0] * squares[1]) + 1e-6)
    return value, np.stack([near[at % len(near)], near[at // len(near)]], 1)


def _outline(halves: np.ndarray) -> np.ndarray:
    """Fine detail, fading towards the edges, as int8."""
    taper = np.sqrt(np.hanning(_HALF + 2)[1:-1]).astype(np.float32)
    fine = alignment.fine(halves)
    fine = (fine - fine.mean((1, 2), keepdims=True)) * np.outer(taper, taper)
    largest = np.abs(fine).max((1, 2), keepdims=True) + 1e-6
    return np.asarray(np.rint(fine * (127 / largest)), np.int8)


def _halved(pictures: np.ndarray) -> np.ndarray:
    return np.asarray(pictures.reshape(-1, _HALF, 2, _HALF, 2).mean((2, 4)))
