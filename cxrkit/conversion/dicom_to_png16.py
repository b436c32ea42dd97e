"""DICOM to 16-bit gray PNG without loss: every stored value at its full bit depth, air dark.

No modality LUT, VOI LUT or window is applied, and nothing is scaled: a value of 12 bits fills 0 to
4095 of 65,535, so that two files of one device stay comparable. Signed values are moved up by half
their range, since PNG has no sign. MONOCHROME1 is turned over within its bits. BitsStored,
PixelRepresentation and PhotometricInterpretation are text chunks of the file, with which
docs/converting.md gives the DICOM values back; nothing else of the DICOM file is kept.
"""

import struct
import zlib
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit.archives import Archive
from cxrkit.conversion import files, stored_pixels
from cxrkit.conversion import paths as names
from cxrkit.imaging.dicom import Stored
from cxrkit.records import Record

ARCHIVES: tuple[str, ...] = ()
_IHDR_END = 33  # PNG signature, then a chunk of 13 bytes with length, name and CRC


def paths(table: pl.DataFrame) -> list[str]:
    """The record's own path with .png."""
    return names.renamed(table, ".png")


def convert(archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
    """The PNG file.

    Raises:
        ItemFault: as `stored_pixels.read`.
    """
    stored = stored_pixels.read(root, record)
    signed = stored.values.dtype.kind == "i"
    png = files.png(shown(stored))
    chunks = _text("BitsStored", str(stored.bits))
    chunks += _text("PixelRepresentation", str(int(signed)))
    chunks += _text("PhotometricInterpretation", stored.photometric_interpretation)
    return {path: png[:_IHDR_END] + chunks + png[_IHDR_END:]}


def tables(table: pl.DataFrame, paths: list[str], converted: list[bool]) -> dict[str, bytes]:
    """None: conversion.csv says all."""
    return {}


def shown(stored: Stored) -> np.ndarray:
    """(H, W) uint16 with air dark, 0 to 2^bits - 1."""
    half = 2 ** (stored.bits - 1) if stored.values.dtype.kind == "i" else 0
    values = stored.values.astype(np.int32) + half
    if stored.photometric_interpretation == "MONOCHROME1":
        values = 2**stored.bits - 1 - values
    return values.astype(np.uint16)


def _text(keyword: str, text: str) -> bytes:
    """A tEXt chunk (PNG, third edition, 11.3.3.2)."""
    body = b"tEXt" + keyword.encode("latin-1") + b"\0" + text.encode("latin-1")
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
