"""What identifies a radiograph's picture in 1,152 bytes: a small picture of its edges.

The pixels become ranks, so that no gamma or window matters; a band-pass keeps ribs, clavicles,
vessels and the outlines of the heart; each place is divided by its own contrast, so that neither
does equalisation. 48 x 48 places of four bits are left.
"""

import base64
import binascii
from collections.abc import Sequence

import cv2
import numpy as np

from cxrkit.errors import InputRefused

SIDE = 48  # places of a fingerprint, both sides
BYTES = SIDE * SIDE // 2
_FINE = 2 * SIDE  # pixels of the square that the picture is squashed to first
_INNER, _OUTER = 1.2, 6.0  # pixels of that square: sigmas of the band-pass
_AROUND = 8.0  # sigma of what is "its own contrast"
_FLAT = 0.02  # in ranks from 0 to 1: contrast below which there is nothing to see
_STEP = 0.35  # local deviations between two of the 15 values


def of(pixels: np.ndarray) -> bytes:
    """The fingerprint of a (H, W) uint8 radiograph, `BYTES` long.

    It depends on the pixels alone; for one file read them as `radiograph.read` does with one
    `smallest`, of 200 or more.
    """
    square = cv2.resize(pixels, (_FINE, _FINE), interpolation=cv2.INTER_AREA)
    ranks = np.bincount(square.ravel(), minlength=256).cumsum().astype(np.float32)
    picture = (ranks / ranks[-1])[square]
    band = _smooth(picture, _INNER) - _smooth(picture, _OUTER)
    band /= np.sqrt(_smooth(band * band, _AROUND)) + _FLAT
    places = cv2.resize(band, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    values = np.clip(np.rint(places / _STEP), -7, 7).astype(np.int8) + 8
    flat = values.astype(np.uint8).reshape(-1, 2)
    return bytes(flat[:, 0] << 4 | flat[:, 1])


def pictures(fingerprints: np.ndarray) -> np.ndarray:
    """(N, BYTES) uint8 as (N, SIDE, SIDE) float32 pictures, values from -7 to 7."""
    values = np.empty((*fingerprints.shape, 2), np.float32)
    values[..., 0] = fingerprints >> 4
    values[..., 1] = fingerprints & 15
    return values.reshape(-1, SIDE, SIDE) - 8


def as_text(fingerprint: bytes) -> str:
    """As it stands in records.parquet: base64."""
    return base64.b64encode(fingerprint).decode()


def from_texts(texts: Sequence[str], path: str) -> np.ndarray:
    """Many of them as (N, BYTES) uint8; `path` is named where one is none.

    Raises:
        InputRefused: E103, a text that is no fingerprint.
    """
    out = np.empty((len(texts), BYTES), np.uint8)
    for row, text in enumerate(texts):
        try:
            data = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            data = b""
        if len(data) != BYTES:
            raise InputRefused(
                "E103", path, f"row {row + 1} of column fingerprint holds none",
                f"{BYTES} bytes as base64", "build the dataset again",
            )  # fmt: skip
        out[row] = np.frombuffer(data, np.uint8)
    return out


def _smooth(picture: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
