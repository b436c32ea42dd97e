"""What is measured of a lung mask, alone and on its radiograph, before anything is judged."""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.quality.shape import Shapes

_SMOOTHED = 5  # pixels: a contour this much smoother is what a jagged one is compared with
_RING = 9  # pixels: diameter of the ellipse that makes the rings inside and outside the outline
_NEAR = 2.0  # pixels from the outline where the image's edge is looked for
_EDGE = 0.04  # deviations of the image per pixel, outwards across the outline, that make an edge


@dataclass(frozen=True)
class Measures:
    """One mask on the 224 x 224 grid. Lengths are in pixels of that grid, shares 0-1.

    Where the mask is empty all but `area` is 0, and `shape` and `residual` are infinite.
    """

    area: float  # share of the image
    right: float  # share of the image that the patient's right lung covers, at smaller x
    left: float
    imbalance: float  # the larger lung's area over the smaller one's; infinite where one is absent
    parts: int  # connected components
    extra: float  # share of the mask outside its two largest components
    holes: float  # share of the mask that would be added by filling it
    border: float  # share of the outline that lies on the image's border
    jagged: float  # length of the outline over that of the smoothed mask's, 1 is smooth
    outline: float  # length of the outline over the root of the area
    bottoms: float  # difference of the two lungs' lowest rows, share of the image's height
    tops: float  # and of their highest ones
    contrast: float  # just outside minus just inside, in deviations of the image; air is dark
    edge: float  # share of the outline along which the image brightens outwards
    bright: float  # share of the mask among the brightest 30 % of the image
    shape: float  # root mean square of the mask's coordinates in the shape model, 1 is usual
    residual: float  # mean absolute difference from the nearest mask that the model can draw


def measure(squashed: np.ndarray, right: np.ndarray, left: np.ndarray, shapes: Shapes) -> Measures:
    """The measures of two lungs, (224, 224) bool, on their (224, 224) uint8 radiograph."""
    mask = right | left
    if not mask.any():
        return Measures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, math.inf, math.inf)
    white = mask.astype(np.uint8)
    first, second = sorted((int(right.sum()), int(left.sum())))
    parts, extra = _parts(white)
    length = _length(white)
    shape, residual = shapes.distance(mask)
    contrast, edge, bright = _against(squashed, white)
    return Measures(
        area=float(mask.mean()),
        right=float(right.mean()),
        left=float(left.mean()),
        imbalance=second / first if first else math.inf,
        parts=parts,
        extra=extra,
        holes=_holes(white),
        border=_border(white) / max(length, 1),
        jagged=length / max(_length(_smooth(white)), 1),
        outline=length / math.sqrt(mask.sum()),
        bottoms=_apart(right, left, -1),
        tops=_apart(right, left, 0),
        contrast=contrast,
        edge=edge,
        bright=bright,
        shape=shape,
        residual=residual,
    )


def _parts(white: np.ndarray) -> tuple[int, float]:
    count, _, stats, _ = cv2.connectedComponentsWithStats(white)
    areas = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1]
    return count - 1, float(areas[2:].sum() / areas.sum())


def _contours(white: np.ndarray) -> list[np.ndarray]:
    found, _ = cv2.findContours(white, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return list(found)


def _length(white: np.ndarray) -> float:
    return float(sum(cv2.arcLength(c, True) for c in _contours(white)))


def _smooth(white: np.ndarray) -> np.ndarray:
    blurred: np.ndarray = cv2.GaussianBlur(white * 255, (0, 0), _SMOOTHED / 2)
    return (blurred > 127).astype(np.uint8)


def _holes(white: np.ndarray) -> float:
    filled = np.zeros_like(white)
    cv2.drawContours(filled, _contours(white), -1, 1, cv2.FILLED)
    return int(filled.sum()) / int(white.sum()) - 1


def _border(white: np.ndarray) -> int:
    return int(white[[0, -1]].sum() + white[1:-1, [0, -1]].sum())


def _apart(right: np.ndarray, left: np.ndarray, end: int) -> float:
    """How far apart the lungs' first (0) or last (-1) rows are; 0 where one is absent."""
    if not (right.any() and left.any()):
        return 0.0
    rows = [int(np.flatnonzero(lung.any(axis=1))[end]) for lung in (right, left)]
    return abs(rows[0] - rows[1]) / len(right)


def _against(squashed: np.ndarray, white: np.ndarray) -> tuple[float, float, float]:
    """Contrast across the outline, the share of it that is an edge, the share that is bright."""
    smooth = cv2.GaussianBlur(squashed.astype(np.float32), (0, 0), 1.5)
    deviation = float(smooth.std()) + 1e-3  # a blank image has no edge anywhere
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_RING, _RING))
    inside = (white - cv2.erode(white, kernel)) > 0
    outside = (cv2.dilate(white, kernel) - white) > 0
    share = float((squashed > _level(squashed, 0.7))[white > 0].mean())
    if not (inside.any() and outside.any()):
        return 0.0, 0.0, share
    contrast = float(smooth[outside].mean() - smooth[inside].mean()) / deviation
    away = _to_zero(1 - white) - _to_zero(white)
    near = np.abs(away) < _NEAR
    slope, normal = ([_gradient(plane, axis)[near] for axis in (0, 1)] for plane in (smooth, away))
    across = slope[0] * normal[0] + slope[1] * normal[1]
    across /= np.hypot(*normal) + 1e-3
    return contrast, float((across / deviation > _EDGE).mean()), share


def _level(squashed: np.ndarray, share: float) -> int:
    """The gray level that so large a share of the image's pixels does not pass."""
    counts = np.bincount(squashed.ravel(), minlength=256)
    return int(np.searchsorted(counts.cumsum(), share * squashed.size))


def _to_zero(white: np.ndarray) -> np.ndarray:
    """The distance of each pixel to the next one that is 0, in pixels."""
    found: np.ndarray = cv2.distanceTransform(white, cv2.DIST_L2, 5)
    return found


def _gradient(plane: np.ndarray, axis: int) -> np.ndarray:
    """Change per pixel along x (0) or y (1)."""
    along: np.ndarray = cv2.Sobel(plane, cv2.CV_32F, 1 - axis, axis, scale=1 / 8)
    return along
