"""The table of a dataset that `cxr build` wrote: its columns, and how it is read again."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cxrkit.errors import IntegrityFailure
from cxrkit.terms import OBSERVATIONS

RECORDS = "records.parquet"
SUMS = "SHA256SUMS.txt"  # written last: a dataset that has it is whole

QUALITY = (
    "estimated_dice", "dice_low", "dice_high", "dice_risk", "dice_gain", "verdict", "quality_flags",
)  # fmt: skip
# Groups of columns that a dataset built by an earlier version may lack, a whole group at a time.
LATER = (QUALITY, ("fingerprint",))

_TEXT, _SIZE = pl.String(), pl.Int64()
# What each is: docs/dataset.md.
SCHEMA: dict[str, pl.DataType] = {
    **dict.fromkeys(
        ("archive", "image_id", "patient_id", "study_id", "dataset_image_id", "dataset_patient_id",
         "dataset_study_id", "image", "segmented", "mask_jpeg", "mask", "archive_mask", "view",
         "split", "published_split", "sex"), _TEXT),
    "age": pl.Float64(), "rows": pl.Int32(), "columns": pl.Int32(),
    **dict.fromkeys(OBSERVATIONS, pl.Int8()),
    **dict.fromkeys(("labels_from", "negbio", "negbio_from", "labels"), _TEXT),
    "mask_rle": _TEXT, "mask_convention": _TEXT,
    **dict.fromkeys(("lung_share", "right_share", "left_share", "certainty"), pl.Float64()),
    **dict.fromkeys(
        ("estimated_dice", "dice_low", "dice_high", "dice_risk", "dice_gain"), pl.Float64()),
    **dict.fromkeys(("verdict", "quality_flags", "flags", "trace", "kind", "fingerprint"), _TEXT),
    "source_bytes": _SIZE, "source_sha256": _TEXT,
    "segmented_bytes": _SIZE, "segmented_sha256": _TEXT,
    "mask_jpeg_bytes": _SIZE, "mask_jpeg_sha256": _TEXT,
    "mask_bytes": _SIZE, "mask_sha256": _TEXT,
    "report": _TEXT, "extra": _TEXT,
}  # fmt: skip
_JSON = ("labels", "quality_flags", "extra")  # objects that are read again


def read(folder: Path, columns: Sequence[str]) -> pl.DataFrame:
    """Those columns of the records.parquet in `folder`, one row per image, as they were written.

    Args:
        folder: of the dataset.
        columns: names in SCHEMA. A group of LATER that the file has nothing of is left out.

    Raises:
        IntegrityFailure: E501, the file cannot be read, lacks a column, or one is not as built.
    """
    path = folder / RECORDS
    try:
        # No pattern: a folder may be called data[1].
        stored = pl.scan_parquet(path, glob=False)
        types = stored.collect_schema()
        earlier = {name for group in LATER if types.keys().isdisjoint(group) for name in group}
        asked = [name for name in columns if name not in earlier]
        _require_columns(path, asked, types)
        table = stored.select(asked).collect()
    except OSError as error:
        raise _damaged(path, f"it cannot be read: {os.strerror(error.errno or 0)}") from error
    # Of some damages polars panics, which is no Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise _damaged(path, "it is no Parquet file, or a truncated or altered one") from error
    for name in set(_JSON).intersection(asked):
        _require_objects(path, table[name])
    return table


def _require_columns(path: Path, asked: Sequence[str], types: pl.Schema) -> None:
    missing = [name for name in asked if name not in types]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise _damaged(path, f"no column {', '.join(missing[:3])}{more}")
    for name in asked:
        if types[name] != SCHEMA[name]:
            raise _damaged(path, f"the column {name} holds {types[name]}, not {SCHEMA[name]}")


def _require_objects(path: Path, column: pl.Series) -> None:
    for row, text in enumerate(column, 1):
        try:
            sound = isinstance(json.loads(text or ""), dict)
        except ValueError:
            sound = False
        if not sound:
            raise _damaged(path, f"row {row} has no JSON object in the column {column.name}")


def _damaged(path: Path, observed: str) -> IntegrityFailure:
    return IntegrityFailure(
        "E501", str(path), observed, "the table that cxr build wrote",
        f"remove {SUMS} and run the same cxr build again: all is made anew",
    )  # fmt: skip
