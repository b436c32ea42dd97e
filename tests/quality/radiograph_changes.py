"""What happens to a radiograph on its way through other people's archives."""

from collections.abc import Callable

import cv2
import numpy as np

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def re_encoded(pixels: np.ndarray, quality: int) -> np.ndarray:
    """As JPEG of that quality, and decoded."""
    data = cv2.imencode(".jpg", pixels, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE))


def resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    """Smaller by the mean of areas, or larger."""
    way = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=way))


def shifted(pixels: np.ndarray, contrast: float, brightness: float) -> np.ndarray:
    """Linear, cut off at 0 and 255."""
    return np.clip(pixels.astype(np.float32) * contrast + brightness, 0, 255).astype(np.uint8)


def bent(pixels: np.ndarray, gamma: float) -> np.ndarray:
    """By a gamma."""
    return np.rint(255 * (pixels / 255) ** gamma).astype(np.uint8)


def cropped(pixels: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Less that share of the rows and of the columns, cut off at random sides."""
    rows, columns = pixels.shape
    height, width = round(rows * (1 - share)), round(columns * (1 - share))
    y, x = rng.integers(rows - height + 1), rng.integers(columns - width + 1)
    return pixels[y : y + height, x : x + width]


def framed(pixels: np.ndarray, share: float, value: int) -> np.ndarray:
    """With a border of that share of each side."""
    y, x = (round(side * share) for side in pixels.shape)
    return np.asarray(cv2.copyMakeBorder(pixels, y, y, x, x, cv2.BORDER_CONSTANT, value=value))


def equalised(pixels: np.ndarray) -> np.ndarray:
    """CLAHE of 2.0 on 8 x 8 tiles."""
    return np.asarray(cv2.createCLAHE(2.0, (8, 8)).apply(pixels))


CHANGES: dict[str, Change] = {
    "exact": lambda p, r: p,
    "JPEG 90": lambda p, r: re_encoded(p, 90),
    "JPEG 50": lambda p, r: re_encoded(p, 50),
    "JPEG 20": lambda p, r: re_encoded(p, 20),
    "resized to 224 x 224": lambda p, r: np.asarray(cv2.resize(p, (224, 224))),
    "half the size": lambda p, r: resized(p, 0.5),
    "1.5 times the size": lambda p, r: resized(p, 1.5),
    "brighter by 40": lambda p, r: shifted(p, 1, 40),
    "darker by 40": lambda p, r: shifted(p, 1, -40),
    "contrast x 0.6": lambda p, r: shifted(p, 0.6, 50),
    "contrast x 1.4": lambda p, r: shifted(p, 1.4, -50),
    "gamma 0.5": lambda p, r: bent(p, 0.5),
    "gamma 2": lambda p, r: bent(p, 2),
    "histogram equalised": lambda p, r: np.asarray(cv2.equalizeHist(p)),
    "CLAHE": lambda p, r: equalised(p),
    "mirrored": lambda p, r: p[:, ::-1],
    "inverted": lambda p, r: 255 - p,
    "cropped 5 %": lambda p, r: cropped(p, 0.05, r),
    "cropped 10 %": lambda p, r: cropped(p, 0.1, r),
    "cropped 15 %": lambda p, r: cropped(p, 0.15, r),
    "black border 3 %": lambda p, r: framed(p, 0.03, 0),
    "white border 3 %": lambda p, r: framed(p, 0.03, 255),
    "mirrored, half, JPEG 60": lambda p, r: re_encoded(resized(p[:, ::-1], 0.5), 60),
    "cropped 5 %, brighter, JPEG 50": lambda p, r: re_encoded(
        shifted(cropped(p, 0.05, r), 1, 30), 50
    ),
    "inverted, cropped 5 %": lambda p, r: 255 - cropped(p, 0.05, r),
    "turned by 2 degrees": lambda p, r: np.asarray(
        cv2.warpAffine(
            p, cv2.getRotationMatrix2D((p.shape[1] / 2, p.shape[0] / 2), 2, 1), p.shape[::-1]
        )
    ),
}
