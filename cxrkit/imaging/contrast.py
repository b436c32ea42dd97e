"""Contrast as the segmentation network sees it."""

import cv2
import numpy as np

# CXLSeg 1.0.0 (doi:10.13026/9cy4-f535), published code: clip limit 2.0 on 8 x 8 tiles.
CLIP_LIMIT = 2.0
TILES = (8, 8)


def clahe(pixels: np.ndarray) -> np.ndarray:
    """Contrast-limited adaptive histogram equalisation of (H, W) uint8, same shape and type."""
    equaliser = cv2.createCLAHE(clipLimit=CLIP_LIMIT, tileGridSize=TILES)
    return np.asarray(equaliser.apply(pixels))
