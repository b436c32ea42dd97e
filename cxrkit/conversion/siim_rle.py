"""SIIM-ACR pneumothorax from PNG masks to the competition's table of run lengths.

The way back from `siim-png`: the union of an image's outlines is one row, "-1" where there is no
pneumothorax. An image of the competition that has one row gives this row again, character by
character; of several rows it gives the row of their union.

Each image makes one file, `train-rle/<ImageId>.csv`, that holds its row, and a file with the header
comes before them in the order of the names. One behind the other they are the table:

    cat train-rle/*.csv > train-rle.csv

The header and the values begin with a blank behind the comma, as published.
"""

from pathlib import Path

import polars as pl

from cxrkit import archives
from cxrkit.archives import Archive
from cxrkit.errors import ItemFault
from cxrkit.imaging import runlength
from cxrkit.records import Record

ARCHIVES: tuple[str, ...] = ("siim-acr",)

_HEADER = "ImageId, EncodedPixels\n"
# A hyphen sorts before a dot and before digits, so the header comes before every UID.
_HEADER_FILE = "train-rle/0-header.csv"


def paths(table: pl.DataFrame) -> list[str]:
    """`train-rle/<ImageId>.csv` of each record."""
    return ("train-rle/" + table["image_id"] + ".csv").to_list()


def convert(archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
    """The row of the image.

    Raises:
        ItemFault: E231, no row of the image's table gives its ImageId; and as the archive's `mask`.
    """
    if not record.labels:
        raise ItemFault(
            "E231",
            record.image,
            "the image has no row, so neither its ImageId nor its mask is known",
            "an image that the tables list",
            "leave it out",
        )
    mask, _ = archives.read_mask(archive, root, record)
    return {path: f"{record.image_id}, {runlength.encode(mask, 'siim')}\n".encode()}


def tables(table: pl.DataFrame, paths: list[str], converted: list[bool]) -> dict[str, bytes]:
    """The header of the table, which comes before the rows in the order of the names."""
    return {_HEADER_FILE: _HEADER.encode()}
