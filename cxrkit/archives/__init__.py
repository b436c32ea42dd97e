"""One module per published archive; this folder is the registry.

A module has `CARD`, `LAYOUT` and either `records(root)`, where the archive is a tree of files, or
`table(root)` and the same `records`, where it is tables. What only some have: `report`, `mask`,
`annotations`. Use `table`, `read_mask` and `annotations` below, which know the difference.
"""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, cast

import numpy as np
import polars as pl

from cxrkit import records as rows
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS, LicenceClass, PublishedConvention


@dataclass(frozen=True)
class Card:
    """The facts of an archive that its files do not hold."""

    title: str
    homepage: str
    licence: LicenceClass
    terms: str
    citation: str  # BibTeX
    blank_view_is_frontal: bool  # whether an image without a published view is taken as frontal
    authors: str = ""  # of the release, with their institutions
    published_on: str = ""  # YYYY, YYYY-MM or YYYY-MM-DD
    article: str = ""  # DOI or address of the paper
    tasks: tuple[
        str, ...
    ] = ()  # "classification", "segmentation", "detection", "report generation"
    patients: str = ""  # where `patient_id` comes from, or that patients are unknown
    observations: tuple[str, ...] = OBSERVATIONS  # names that `labels` can have; () is any
    labels_belong_to: Literal["image", "study", "patient", ""] = ""
    mask_of: Literal["lungs", "pneumothorax", ""] = ""
    mask_convention: PublishedConvention | None = None  # of the archive's own lung masks
    reader_rule: str = ""  # how several readers' labels became one: "majority", ...
    claims: tuple[Claim, ...] = ()
    absent: int = 0  # files that the release names and does not hold
    contains: tuple[str, ...] = ()  # archives that are in this one, whole or in part
    part_of: tuple[str, ...] = ()  # archives that this one is taken from
    reads: tuple[tuple[str, str], ...] = ()  # (field of Record, where it comes from)
    traps: tuple[str, ...] = ()  # what goes wrong for those who do not know


class Archive(Protocol):
    """What every adapter module offers."""

    CARD: Card
    LAYOUT: str

    def records(self, root: Path) -> Iterator[Record]:
        """Every image in sorted order of its path, touching no pixels."""
        ...


# What readers marked on images: one row per statement or region. Boxes are in pixels of the image,
# null where a row is about the whole image; `rle` is text in the dialect that the adapter names.
ANNOTATIONS = {
    "image_id": pl.String,
    "reader": pl.String,
    "observation": pl.String,
    "value": pl.Int8,  # 1 present, 0 absent, -1 uncertain
    "x_min": pl.Float64,
    "y_min": pl.Float64,
    "x_max": pl.Float64,
    "y_max": pl.Float64,
    "rle": pl.String,
}


def names() -> list[str]:
    """The adapters, spelled as on the command line (`mimic-cxr-jpg`), sorted."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__))


def load(name: str) -> Archive:
    """The adapter of that name.

    Raises:
        InputRefused: E101, no adapter of that name.
    """
    if name not in names():
        raise InputRefused("E101", name, "no such archive", ", ".join(names()), "use one of these")
    return cast(Archive, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))


def name_of(archive: Archive) -> str:
    """The adapter's name as on the command line."""
    return str(getattr(archive, "__name__", "")).rsplit(".", 1)[-1].replace("_", "-")


def table(archive: Archive, root: Path) -> pl.DataFrame:
    """All records of the archive as one table, see `records.frame`; at least one.

    Raises:
        InputRefused: E101, there is not one image; and as the adapter's `records`.
    """
    if hasattr(archive, "table"):
        found = cast(pl.DataFrame, archive.table(root))
    else:
        found = rows.frame(archive.records(root), archive.CARD.observations)
    if found.is_empty():
        raise no_image(archive, root)
    return found


def no_image(archive: Archive, root: Path) -> InputRefused:
    """The refusal of an archive that lists nothing: a wrong folder, a table without rows."""
    return InputRefused(
        "E101", str(root), "not one image is listed", archive.LAYOUT,
        "give the folder that holds the archive, with whole tables",
    )  # fmt: skip


def annotations(archive: Archive, root: Path) -> pl.DataFrame | None:
    """What readers marked, with the columns `ANNOTATIONS`; None where the archive has no such.

    Raises:
        InputRefused: as the adapter's `annotations`.
    """
    return archive.annotations(root) if hasattr(archive, "annotations") else None


def read_mask(archive: Archive, root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The archive's own mask of `CARD.mask_of` and the pixels to ignore, two (H, W) bool arrays.

    Only for a record whose `mask` is not empty.

    Raises:
        ItemFault: E231 or E232 for a bad mask, and as `radiograph.read`.
    """
    if hasattr(archive, "mask"):
        return cast(tuple[np.ndarray, np.ndarray], archive.mask(root, record))
    values = getattr(archive, "MASK_VALUES", {"lung": (255,)})
    return masks.read_mask(root / record.mask, **values)
