"""DICOM to JPEG as MIMIC-CXR-JPG was made from MIMIC-CXR.

Steps, in order (MIT-LCP/mimic-cxr#16, and the release's page, doi:10.13026/jsn5-t979): the stored
values, without modality LUT, VOI LUT and window; minus their minimum, divided by their maximum,
times 255, cut off to whole numbers; MONOCHROME1 turned over; equalised over the whole image; JPEG
of quality 95. A radiograph with the identifiers of MIMIC-CXR gets its path in that release.
"""

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit.archives import Archive
from cxrkit.conversion import equalised
from cxrkit.conversion import paths as names
from cxrkit.pipeline import identifiers
from cxrkit.records import Record

ARCHIVES: tuple[str, ...] = ()


def paths(table: pl.DataFrame) -> list[str]:
    """files/p10/p10000032/s50414267/<image>.jpg for MIMIC's identifiers, else as the archive."""
    own = names.renamed(table, ".jpg")
    ids = table.select("patient_id", "study_id", "image_id").iter_rows()
    released = [
        f"files/p{patient[:2]}/p{patient}/s{study}/{image}.jpg"
        if identifiers.are_mimic(Record("", image, "", patient, study))
        else path
        for path, (patient, study, image) in zip(own, ids, strict=True)
    ]
    return names.distinct(released, table["image"].to_list())


def convert(archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
    """The JPEG file.

    Raises:
        ItemFault: E213 no DICOM file, or not one plane of gray; E216 constant; as `read_dicom`.
    """
    return {path: equalised.jpeg(root, record, eight_bits)}


def tables(table: pl.DataFrame, paths: list[str], converted: list[bool]) -> dict[str, bytes]:
    """None: conversion.csv says all."""
    return {}


def eight_bits(stored: np.ndarray) -> np.ndarray:
    """(H, W) stored values that are not all the same, as uint8: minimum 0, maximum 255."""
    # One entry for each bit pattern, in float64 as the published procedure, at a tenth of the time.
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    patterns = np.arange(2 ** (8 * stored.dtype.itemsize)).astype(unsigned).view(stored.dtype)
    low, high = int(stored.min()), int(stored.max())
    shares = (patterns.astype(np.int64) - low).clip(0, high - low) / (high - low)
    return np.asarray(cv2.LUT(stored.view(unsigned), (shares * 255).astype(np.uint8)))
