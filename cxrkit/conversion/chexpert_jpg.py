"""DICOM to JPEG as the authors of CheXpert made their images.

Steps, in order (stanfordmlgroup/chexpert-labeler#11): the stored values, without modality LUT, VOI
LUT and window; times 255 / maximum, rounded and held to 0-255, the minimum not subtracted;
MONOCHROME1 turned over; equalised over the whole image; JPEG of OpenCV's default quality, 95. A
negative stored value counts as its absolute value, as in the function that they used.
"""

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit.archives import Archive
from cxrkit.conversion import equalised
from cxrkit.conversion import paths as names
from cxrkit.errors import ItemFault
from cxrkit.records import Record

ARCHIVES: tuple[str, ...] = ()


def paths(table: pl.DataFrame) -> list[str]:
    """The record's own path with .jpg."""
    return names.renamed(table, ".jpg")


def convert(archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
    """The JPEG file.

    Raises:
        ItemFault: E213 no DICOM file, not one plane of gray, or no value above 0; E216 constant,
            before or after the step to 8 bits; as `read_dicom`.
    """
    return {path: equalised.jpeg(root, record, eight_bits)}


def tables(table: pl.DataFrame, paths: list[str], converted: list[bool]) -> dict[str, bytes]:
    """None: conversion.csv says all."""
    return {}


def eight_bits(stored: np.ndarray) -> np.ndarray:
    """(H, W) stored values as uint8: 0 stays 0, the maximum becomes 255.

    Raises:
        ItemFault: E213, no value is above 0.
    """
    highest = int(stored.max())
    if highest <= 0:
        raise ItemFault(
            "E213",
            "",
            "no stored value is above 0",
            "values above 0, which this recipe divides by",
            "use the recipe mimic-jpg",
        )
    return np.asarray(cv2.convertScaleAbs(stored, alpha=255.0 / highest))
