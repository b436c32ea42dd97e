"""Stored DICOM values as an equalised JPEG: what the recipes of MIMIC-CXR-JPG and CheXpert share.

Neither applies a modality LUT, a VOI LUT or a window. Both turn MONOCHROME1 over before they
equalise, which is not the same as after.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from cxrkit.conversion import files, stored_pixels
from cxrkit.records import Record


def jpeg(root: Path, record: Record, to_eight_bits: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """The JPEG file of a DICOM file; `to_eight_bits` brings (H, W) stored values to uint8.

    Raises:
        ItemFault: as `stored_pixels.read`, and E216 where the steps to 8 bits leave one level.
    """
    stored = stored_pixels.read(root, record)
    pixels = to_eight_bits(stored.values)
    stored_pixels.require_content(pixels, record.image)
    return files.jpeg(equalised(pixels, stored.photometric_interpretation))


def equalised(pixels: np.ndarray, photometric_interpretation: str) -> np.ndarray:
    """(H, W) uint8, MONOCHROME1 turned over, then with a flat histogram.

    OpenCV's equalisation leaves the n pixels of the lowest level that occurs out of its sum: level
    v becomes 255 / (N - n) times the number of pixels above the lowest level and up to v, rounded.
    """
    if photometric_interpretation == "MONOCHROME1":
        pixels = cv2.bitwise_not(pixels)
    return np.asarray(cv2.equalizeHist(pixels))
