"""Lungs drawn with ellipses, and radiographs that show them."""

from functools import cache

import cv2
import numpy as np

from cxrkit.quality import shape
from cxrkit.quality.measures import Measures, measure
from cxrkit.quality.shape import Shapes

SIZE = 224


def ellipse(x: float, y: float, wide: float, high: float, angle: float = 0) -> np.ndarray:
    """One lung, (224, 224) bool: centre and half axes in pixels."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    centre, axes = (round(x), round(y)), (round(wide), round(high))
    cv2.ellipse(canvas, centre, axes, angle, 0, 360, 1, -1)
    return canvas > 0


def lungs(rng: np.random.Generator | None = None) -> tuple[np.ndarray, np.ndarray]:
    """A right and a left lung; with a generator a little different each time."""
    jitter = np.zeros((2, 5)) if rng is None else rng.normal(0, 1, (2, 5))
    first, second = ((68, 112, 28, 62, 4), (156, 114, 26, 60, -4))
    spread = np.array([2, 3, 2, 4, 2])
    return ellipse(*(first + spread * jitter[0])), ellipse(*(second + spread * jitter[1]))


def picture(mask: np.ndarray, contrast: float = 90) -> np.ndarray:
    """A radiograph whose lungs are dark where the mask is, with soft edges and a gentle ramp."""
    body = np.add.outer(np.linspace(0, 20, SIZE), np.linspace(0, 10, SIZE)) + 150
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2)
    return np.clip(body - contrast * soft, 0, 255).astype(np.uint8)


@cache
def shapes(count: int = 60) -> Shapes:
    """A shape model of drawn lungs."""
    rng = np.random.default_rng(3)
    return shape.fit([np.logical_or(*lungs(rng)) for _ in range(count)], 8)


def measured(
    right: np.ndarray, left: np.ndarray, image: np.ndarray | None = None, of: Shapes | None = None
) -> Measures:
    """The measures of two lungs, by default on a radiograph that shows exactly them."""
    image = picture(right | left) if image is None else image
    return measure(image, right, left, shapes() if of is None else of)
