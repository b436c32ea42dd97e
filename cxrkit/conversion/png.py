"""Any radiograph to an 8-bit gray PNG, read as cxrkit reads it for everything else.

The standard reading of docs/reading.md at full size: modality LUT, VOI LUT or window, polarity,
depth. Air is dark. Nothing else is done to the picture.
"""

from pathlib import Path

import polars as pl

from cxrkit.archives import Archive
from cxrkit.conversion import files
from cxrkit.conversion import paths as names
from cxrkit.imaging import radiograph
from cxrkit.records import Record

ARCHIVES: tuple[str, ...] = ()


def paths(table: pl.DataFrame) -> list[str]:
    """The record's own path with .png."""
    return names.renamed(table, ".png")


def convert(archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
    """The PNG file.

    Raises:
        ItemFault: as `radiograph.decode`.
    """
    data = radiograph.file_bytes(root / record.image)
    return {path: files.png(radiograph.decode(data, record.image).pixels)}


def tables(table: pl.DataFrame, paths: list[str], converted: list[bool]) -> dict[str, bytes]:
    """None: conversion.csv says all."""
    return {}
