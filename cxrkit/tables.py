"""A published CSV table as text: plain or gzipped, every cell a string, blank cells empty."""

import gzip
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from cxrkit.errors import InputRefused


def read(root: Path, name: str, columns: Sequence[str]) -> pl.DataFrame:
    """All columns of the table `root/name`, or of `root/name.gz`, as strings; "" where blank.

    Nothing is inferred, so ids keep their leading zeros. Names of columns are stripped of
    spaces, which some releases have after the comma. `columns` are those that must be there.

    Raises:
        InputRefused: E102, neither file is there; E103, the table is damaged or lacks a column.
    """
    path = next((p for p in (root / name, root / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise InputRefused(
            "E102", name, "no such table", f"{name} or {name}.gz", "put the table beside the images"
        )
    try:
        content = path.read_bytes()
        # Decompressed here: a cut gzip stream must be an error, never a shorter table.
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        frame = pl.read_csv(content, infer_schema=False)
    except (OSError, EOFError, pl.exceptions.PolarsError) as error:
        raise InputRefused(
            "E103",
            path.name,
            f"the table cannot be read: {type(error).__name__}",
            "a whole CSV file in UTF-8",
            "download the table again and compare its checksum",
        ) from error
    frame = frame.rename(str.strip).with_columns(pl.all().fill_null(""))
    for column in columns:
        if column not in frame.columns:
            raise InputRefused(
                "E103",
                path.name,
                f"no column {column}",
                ", ".join(columns),
                "use the table as it was published",
            )
    return frame


def require_unique(frame: pl.DataFrame, column: str, name: str) -> None:
    """Pass where no value of the column is repeated or blank.

    Raises:
        InputRefused: E103, a value is repeated or blank.
    """
    repeated = frame.height - frame[column].n_unique()
    blank = int((frame[column] == "").sum())
    if repeated or blank:
        raise InputRefused(
            "E103",
            name,
            f"column {column} has {repeated} repeated and {blank} blank values",
            "one row per id",
            "use the table as it was published",
        )


def require_pattern(frame: pl.DataFrame, column: str, pattern: str, name: str) -> None:
    """Pass where every value of the column matches the whole regular expression.

    Raises:
        InputRefused: E103, a value does not match.
    """
    odd = int((~frame[column].str.contains(f"^(?:{pattern})$")).sum())
    if odd:
        raise InputRefused(
            "E103",
            name,
            f"column {column} has {odd} malformed values",
            f"values like {pattern}",
            "use the table as it was published",
        )
