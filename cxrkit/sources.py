"""What `duplicates`, `split`, `leakage` and `quality` are given: archives and datasets as tables.

A source is ARCHIVE:ROOT, the folder of a dataset that `cxr build` wrote, or any other folder of
radiographs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cxrkit import archives, dataset, records
from cxrkit.dataset import RECORDS, SUMS
from cxrkit.errors import InputRefused
from cxrkit.records import LABEL
from cxrkit.terms import OBSERVATIONS

# Of a dataset: what its records table is made of, and what is asked of it beside.
_FACTS = [name for name in records.FIELDS if name not in ("archive", "image", "fault")]
_BUILT = (
    "archive", "segmented", *_FACTS, *OBSERVATIONS, "labels", "extra", "image", "published_split",
    "source_sha256", "mask_sha256", "mask_convention", *dataset.QUALITY, "fingerprint",
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Images of one archive or dataset."""

    name: str  # as the user wrote it
    root: Path  # what `image` in `table` is relative to
    table: pl.DataFrame  # a records table, see `records.frame`, sorted by image
    # Of a dataset columns of its records.parquet, row by row the images of `table`; one that was
    # built by an earlier version may lack those of `dataset.LATER`.
    built: pl.DataFrame | None = None


def place(text: str) -> Path:
    """The file or folder that is read where a source is given, whether it is there or not."""
    archive, colon, root = text.partition(":")
    named = bool(colon) and archive in archives.names() and not Path(text).exists()
    return Path(root if named else text)


def read_all(texts: Sequence[str]) -> list[Source]:
    """Several sources, none of which is another one by another name.

    Raises:
        InputRefused: E107, a source is given twice, or a folder is that of an archive given too;
            and as `read`.
        IntegrityFailure: as `read`.
    """
    seen: list[tuple[str, Path, str]] = []
    for text in texts:
        archive, colon, root = text.partition(":")
        named = bool(colon) and archive in archives.names() and not Path(text).is_dir()
        name, place = (archive, Path(root)) if named else ("", Path(text))
        for other, where, first in seen:
            if place.resolve() == where and (name == other or not name or not other):
                raise InputRefused(
                    "E107", text, f"it is given twice, first as {first}", "each source once",
                    "leave one out",
                )  # fmt: skip
        seen.append((name, place.resolve(), text))
    return [read(text) for text in texts]


def read(text: str) -> Source:
    """The images of a source. Of a dataset, `image` is the lung-segmented file below its folder.

    Raises:
        InputRefused: E101, there is no such source, it holds no image or is no whole dataset; and
            as the adapter's `records`.
        IntegrityFailure: E501, the records.parquet of a dataset is damaged.
    """
    folder = Path(text)
    if (folder / RECORDS).is_file():
        return _dataset(text, folder)
    archive, colon, root = text.partition(":")
    if colon and archive in archives.names():
        return Source(text, Path(root), archives.table(archives.load(archive), Path(root)))
    if folder.is_dir():
        return Source(text, folder, archives.table(archives.load("folder"), folder))
    raise InputRefused(
        "E101", text, "no dataset, no ARCHIVE:ROOT and no folder",
        f"a folder with {RECORDS}, or one of {', '.join(archives.names())} and its folder",
        "check the path",
    )  # fmt: skip


def _dataset(text: str, folder: Path) -> Source:
    if not (folder / SUMS).is_file():
        raise InputRefused(
            "E101", text, "no whole dataset", f"a folder with {SUMS}", "run cxr build to its end"
        )
    built = dataset.read(folder, _BUILT).sort("segmented")
    if built.is_empty():
        raise InputRefused(
            "E101", text, "the dataset holds no image", "one or more",
            "see its quarantine.csv for the reasons",
        )  # fmt: skip
    return Source(text, folder, _table(built, OBSERVATIONS), built)


def _table(built: pl.DataFrame, observations: Sequence[str]) -> pl.DataFrame:
    """The records of a dataset: the 14 observations, and the archive's labels by their names."""
    own = [json.loads(text) for text in built["labels"]]
    names = sorted({name for found in own for name in found}.difference(observations))
    table = built.select(
        pl.col("segmented").alias("image"),
        *_FACTS,
        *(pl.col(name).alias(LABEL + name) for name in observations),
    ).with_columns(
        pl.Series(LABEL + name, [found.get(name) for found in own], pl.Int8) for name in names
    )
    return records.completed(table, built["archive"][0], observations)
