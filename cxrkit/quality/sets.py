"""The sets that a leak is looked for between: whole sources, or the parts of a split.

A split is the archive's own, a dataset's, or files: a table of ids with a column `split` or `fold`
(what `cxr split` writes, MIMIC-CXR's split table, split.csv of a training), or lists of file names
such as ChestX-ray14's train_val_list.txt and test_list.txt, each a set.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import tables
from cxrkit.errors import InputRefused

_IDS = ("image_id", "dicom_id", "Image Index", "ImageID", "v7_image_id")  # the first that is there
_SPLITS = ("split", "fold")
_NAMES = {
    "training": "train", "train_val": "train", "trainval": "train", "val": "validate",
    "valid": "validate", "validation": "validate", "dev": "validate", "testing": "test",
}  # fmt: skip
_ORDER = ("train", "validate", "test")  # what is learnt from stands before what tests it
_SUFFIX = r"\.(?:png|jpe?g|tiff?|dcm|dicom)$"
REST = "the rest"  # of the images, where one list names one set


@dataclass(frozen=True)
class Sets:
    """Rows of `groups.images` by the name of their set, in order: the later one is tested on."""

    rows: Mapping[str, np.ndarray]
    notes: tuple[str, ...] = ()  # what was left out, in words


def of_sources(found: pl.DataFrame, names: Sequence[str]) -> Sets:
    """A set for each source, in the order of their names as the user gave them.

    Raises:
        InputRefused: E101, one has no sound row.
    """
    of = {n: found.filter(pl.col("source") == n)["row"].to_numpy() for n in names}
    if empty := [name for name, rows in of.items() if not rows.size]:
        raise InputRefused("E101", empty[0], "no sound row", "one image or more", "see cxr records")
    return Sets(of)


def of_column(found: pl.DataFrame, column: str) -> Sets:
    """A set for each value of the column `split` or `published`; images without one are left out.

    Raises:
        InputRefused: E109, there are not two sets.
    """
    return _sets(found.select("row", pl.col(column).alias("split")), found.height)


def of_files(found: pl.DataFrame, paths: Sequence[Path]) -> Sets:
    """A set for each split that the files name.

    Raises:
        InputRefused: E102, a file is missing; E103, it is no table or list of ids; E109, it names
            none of the images, one name means several of them, or there are not two sets.
    """
    parts, strange, listed = [], 0, 0
    for path in paths:
        frame = _read(path)
        known = _rows(found, frame, path)
        strange += frame.height - known.height
        listed += known.height
        parts.append(known)
    both = pl.concat(parts)
    if len(paths) == 1 and both["split"].n_unique() == 1 and both["row"].n_unique() < found.height:
        others = found.filter(~pl.col("row").is_in(both["row"].implode()))
        both = pl.concat([both, others.select("row", pl.lit(REST).alias("split"))])
    made = _sets(both, found.height)
    if strange:
        note = f"{strange} of {strange + listed} rows of the split name none of the images"
        made = Sets(made.rows, (*made.notes, note))
    return made


def tested(sets: Sets) -> Sets:
    """The set "test" alone where there is one, else all: what a model must not have learnt from."""
    return Sets({"test": sets.rows["test"]}) if "test" in sets.rows else sets


def _sets(listed: pl.DataFrame, total: int) -> Sets:
    named = listed.filter(pl.col("split") != "").with_columns(pl.col("split").replace(_NAMES))
    names = sorted(named["split"].unique(), key=_place)
    if len(names) < 2:
        raise InputRefused(
            "E109", "the split", f"the sets {', '.join(names)}" if names else "no set",
            "two or more", "give --split FILE, or two sources",
        )  # fmt: skip
    bare = total - named["row"].n_unique()
    notes = (f"{bare} of {total} images are in no set",) if bare else ()
    of = {n: np.unique(named.filter(pl.col("split") == n)["row"].to_numpy()) for n in names}
    return Sets(of, notes)


def _place(name: str) -> tuple[int, int, str]:
    """REST before the list it is the rest of; train, validate, test; folds by their number."""
    place = -1 if name == REST else _ORDER.index(name) if name in _ORDER else len(_ORDER)
    return place, int(name) if name.isdecimal() else 0, name


def _read(path: Path) -> pl.DataFrame:
    """`id`, `split` and, where the file has it, `archive`."""
    if path.suffix == ".txt":
        lines = tables.lines(path.parent, path.name, "id")
        return lines.select("id", pl.lit(re.sub(r"_?list$", "", path.stem)).alias("split"))
    frame = tables.read(path.parent, path.name, ())
    found = [next((c for c in names if c in frame.columns), "") for names in (_IDS, _SPLITS)]
    if not all(found):
        raise InputRefused(
            "E103", str(path), f"the columns {', '.join(c for c in frame.columns if c[0] != '#')}",
            f"an id ({', '.join(_IDS)}) and split or fold",
            "name the columns so, or give a .txt list",
        )  # fmt: skip
    extra = [pl.col("archive")] if "archive" in frame.columns else []
    return frame.select(pl.col(found[0]).alias("id"), pl.col(found[1]).alias("split"), *extra)


def _rows(found: pl.DataFrame, named: pl.DataFrame, path: Path) -> pl.DataFrame:
    """`row` and `split` of the named images: by their id, their path, or the name of their file."""
    stem = pl.col("image").str.extract(r"([^/]+)$").str.replace(_SUFFIX, "")
    on = ["archive", "id"] if "archive" in named.columns else ["id"]
    wanted = named.with_columns(pl.col("id").alias("said"))
    plain = wanted.with_columns(
        pl.col("id").str.extract(r"([^/]+)$").str.replace(_SUFFIX, "").alias("id")
    )
    ways = (
        (wanted, pl.col("image_id")), (wanted, pl.col("image")),
        (plain, pl.col("image_id")), (plain, stem),
    )  # fmt: skip
    parts: list[pl.DataFrame] = []
    left = wanted.with_row_index("line")
    for asked, key in ways:
        here = asked.with_row_index("line").join(left, on="line", how="semi")
        hits = here.join(found.select("row", "archive", key.alias("id")), on=on)
        if hits["line"].is_duplicated().any():
            raise InputRefused(
                "E109", str(path), f"{hits['line'].is_duplicated().sum()} images for one name",
                "one image for each", "name images by image_id, see cxr records",
            )  # fmt: skip
        parts.append(hits.select("row", "split"))
        left = left.join(hits, on="line", how="anti")
    known = pl.concat(parts)
    if known.is_empty():
        raise InputRefused(
            "E109", str(path), f"none of its {named.height} rows names an image of the source",
            f"ids such as {found['image_id'][0]}", "give the split of this source",
        )  # fmt: skip
    return known
