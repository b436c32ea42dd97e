"""The fingerprints of all images of some sources, from a dataset's table or from the files."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import dataset, segmentation, sources
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import processes, radiograph
from cxrkit.quality import fingerprint, unread
from cxrkit.quality.unread import Unread
from cxrkit.sources import Source

COLUMN = "fingerprint"  # of records.parquet
IMAGE = ("archive", "image_id", "patient_id", "source", "image")  # what names an image
_CHUNK = 16  # images that a process reads at a time

Progress = Callable[[str, int, int], None]  # what is being done, images done, and how many


@dataclass(frozen=True)
class Prints:
    """The images that can be compared, in the order of their names whatever the sources' order.

    `images` has the columns `IMAGE`, `path` (of the radiograph; empty where only a dataset knows
    it) and `sha256` (of its file); `fingerprints` is (N, BYTES) uint8, row by row the same images.
    """

    images: pl.DataFrame
    fingerprints: np.ndarray
    unread: tuple[Unread, ...]


def gather(texts: Sequence[str], workers: int, progress: Progress) -> Prints:
    """The images of the sources, see `sources.read`.

    Raises:
        InputRefused: as `sources.read_all`; E101, not one image can be read; E103, a dataset has
            no fingerprints.
    """
    tables, marks, left = [], [], list[Unread]()
    for source in sources.read_all(texts):
        if source.built is None:
            table, found, bad = _read(source, workers, progress)
            left += bad
        else:
            table, found = _of_dataset(source, source.built)
        tables.append(table)
        marks.append(found)
    images, fingerprints = pl.concat(tables), np.concatenate(marks)
    if images.is_empty():
        raise InputRefused(
            "E101", ", ".join(texts), f"none of {len(left)} images can be read",
            "radiographs", f"look at the first: {left[0].message}",
        )  # fmt: skip
    images = images.with_columns(number=pl.int_range(pl.len())).sort(IMAGE)
    order = images["number"].to_numpy()
    left.sort(key=lambda one: (one.source, one.image))
    return Prints(images.drop("number"), fingerprints[order], tuple(left))


def pixel_digests(
    paths: Sequence[str], workers: int, progress: Callable[[int, int], None]
) -> dict[str, str]:
    """SHA-256 of size and pixels of whole radiographs by path; one that is gone is left out."""
    chunks = ([*paths[at : at + _CHUNK]] for at in range(0, len(paths), _CHUNK))
    found: dict[str, str] = {}
    for part in processes.each(_pixels, chunks, lambda path: {path: ""}, workers):
        found |= part
        progress(len(found), len(paths))
    return {path: digest for path, digest in found.items() if digest}


def _pixels(paths: Sequence[str]) -> dict[str, str]:
    return {path: _digest(Path(path)) for path in paths}


def _digest(path: Path) -> str:
    try:
        pixels = radiograph.read(path).pixels
    except ItemFault:
        return ""
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


def _of_dataset(source: Source, built: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    if COLUMN not in built.columns:
        raise InputRefused(
            "E103", f"{source.name}/{dataset.RECORDS}", f"no column {COLUMN}",
            "one of the present version", "build the dataset again, or give its archive",
        )  # fmt: skip
    name = f"{source.name}/{dataset.RECORDS}"
    table = built.select(
        "archive", "image_id", "patient_id", pl.lit(source.name).alias("source"), "image",
        pl.lit("").alias("path"), pl.col("source_sha256").alias("sha256"),
    )  # fmt: skip
    return table, fingerprint.from_texts(built[COLUMN].to_list(), name)


_Read = list[tuple[int, str, bytes, ItemFault | None]]  # row, SHA-256, fingerprint, or the fault


def _read(
    source: Source, workers: int, progress: Progress
) -> tuple[pl.DataFrame, np.ndarray, list[Unread]]:
    rows = list(source.table.select("image_id", "image", "fault").iter_rows())
    numbered = [(row, image) for row, (_, image, fault) in enumerate(rows) if not fault]
    left = [unread.of_row(source.name, *row) for row in rows if row[-1]]
    found: _Read = []
    chunks = (numbered[at : at + _CHUNK] for at in range(0, len(numbered), _CHUNK))
    for part in processes.each(partial(_marked, source.root), chunks, _died, workers):
        found += part
        progress("reading", len(left) + len(found), len(rows))
    found.sort(key=lambda one: one[0])
    facts = source.table.select("archive", "image_id", "patient_id", "image")
    good = [one for one in found if one[2]]
    table = facts[[row for row, *_ in good]].select(
        "archive", "image_id", "patient_id", pl.lit(source.name).alias("source"), "image",
        pl.Series("path", [str(source.root / rows[row][1]) for row, *_ in good], pl.String),
        pl.Series("sha256", [digest for _, digest, *_ in good], pl.String),
    )  # fmt: skip
    marks = np.frombuffer(b"".join(mark for _, _, mark, _ in good), np.uint8)
    left += [
        unread.of(source.name, rows[row][0], rows[row][1], "read", fault)
        for row, _, _, fault in found
        if fault is not None
    ]
    return table, marks.reshape(-1, fingerprint.BYTES), left


def _marked(root: Path, chunk: Sequence[tuple[int, str]]) -> _Read:
    return [_mark(root, row, image) for row, image in chunk]


def _mark(root: Path, row: int, image: str) -> tuple[int, str, bytes, ItemFault | None]:
    try:
        data = radiograph.file_bytes(root / image)
        pixels = radiograph.decode(data, image, segmentation.SIZE).pixels
    except Exception as error:  # one file must never stop the others
        fault = error if isinstance(error, ItemFault) else _foreign(error, image)
        return row, "", b"", fault
    return row, hashlib.sha256(data).hexdigest(), fingerprint.of(pixels), None


def _foreign(error: Exception, image: str) -> ItemFault:
    if isinstance(error, MemoryError):
        return ItemFault("E302", image, "memory ran out", "an image that fits", "use fewer workers")
    return ItemFault("E399", image, type(error).__name__, "a radiograph", "report it")


def _died(item: tuple[int, str]) -> _Read:
    row, image = item
    fault = ItemFault(
        "E301", image, "the process that read it died", "an image", "leave the file out"
    )
    return [(row, "", b"", fault)]
