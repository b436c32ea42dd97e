"""Tables of run-length masks that are too large to hold: an index of their rows, and one row.

CheXmask's tables have many gigabytes, nearly all of it run lengths. They are read once from end to
end to learn where each row begins; its run lengths are read from there when its mask is wanted.
Memory holds one row and the index. A row may have line breaks between quotation marks.
"""

import csv
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import BinaryIO

import polars as pl

from cxrkit import tables
from cxrkit.errors import InputRefused, ItemFault

OFFSET, LENGTH = "offset", "length"  # of a row, in bytes
_PLACE = "#place"  # where a row stands, as `tables` calls it


def index(
    root: Path, name: str, kept: Sequence[str], others: Sequence[str], blank: Sequence[str] = ()
) -> pl.DataFrame:
    """The kept columns of every row as text, with `OFFSET` and `LENGTH` and a fault as in `tables`.

    Reads about 170 MB a second.

    Args:
        root: the folder that `name` starts from.
        name: path of a CSV file in UTF-8, not compressed.
        kept: columns that must be there.
        others: columns that must be there and are left out.
        blank: columns that are kept where they are there, and else are "" in every row.

    Raises:
        InputRefused: E103, the table is damaged or lacks a column.
    """
    names = (*kept, *blank)
    try:
        header = _header(root / name)
        _check(header, name, (*kept, *others))
        at = [header.index(column) if column in header else -1 for column in names]
        with (root / name).open("rb") as file:
            found = list(_rows(file, Path(name).name, len(header), at))
    except (OSError, UnicodeError, csv.Error) as error:
        raise InputRefused(
            "E103",
            name,
            f"the table cannot be read: {type(error).__name__}",
            "a whole CSV file in UTF-8",
            "download the table again and compare its checksum",
        ) from error
    texts = [(column, pl.String) for column in (*names, _PLACE, tables.FAULT)]
    places = [(column, pl.Int64) for column in (OFFSET, LENGTH)]
    return pl.DataFrame(found, [*texts, *places], orient="row")


def read_row(root: Path, name: str, offset: int, length: int) -> dict[str, str]:
    """One row by the names of its columns, from its place in the table.

    Raises:
        ItemFault: E207, there is no whole row at this place: the table has changed.
    """
    path = root / name
    try:
        header = _header_once(path, path.stat().st_mtime_ns)
        with path.open("rb") as file:
            file.seek(offset)
            text = file.read(length).decode("utf-8")
        found = list(csv.reader(StringIO(text, newline="")))
    except (OSError, UnicodeError, csv.Error) as error:
        raise changed(name, type(error).__name__) from error
    if len(found) != 1 or len(found[0]) != len(header):
        raise changed(name, "no whole row where one was")
    return dict(zip(header, found[0], strict=True))


def changed(name: str, observed: str) -> ItemFault:
    """The fault of a table that is not what it was when its index was made."""
    return ItemFault(
        "E207", name, observed, "the table as it was", "leave it alone and start the run again"
    )


class _Lines:
    """The lines of a binary file as text, and how many bytes they took so far."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.bytes = file, 0

    def __iter__(self) -> Iterator[str]:
        for line in self.file:
            self.bytes += len(line)
            yield line.decode("utf-8")


def _rows(
    file: BinaryIO, name: str, width: int, at: Sequence[int]
) -> Iterator[tuple[str | int, ...]]:
    """Per row: the wanted fields, its place, its fault, its offset and its length."""
    lines = _Lines(file)
    reader = csv.reader(lines)
    next(reader, None)
    begins, number = lines.bytes, 0
    for fields in reader:
        if fields:
            number += 1
            place, fault = f"{name}, row {number}", ""
            if len(fields) != width:
                fault = f"{place}: {len(fields)} fields in the row, {width} in the header"
                fields += [""] * width
            wanted = (fields[n].strip() if n >= 0 else "" for n in at)
            yield (*wanted, place, fault, begins, lines.bytes - begins)
        begins = lines.bytes


def _header(path: Path) -> list[str]:
    with path.open("rb") as file:
        line = file.readline().decode("utf-8-sig")
    return [column.strip() for column in next(csv.reader([line]), [])]


@lru_cache(maxsize=8)
def _header_once(path: Path, changed: int) -> list[str]:
    """The header; `changed` is the table's time: a table that changes is read anew."""
    return _header(path)


def _check(header: Sequence[str], name: str, columns: Sequence[str]) -> None:
    for column in columns:
        if column not in header:
            raise InputRefused(
                "E103",
                name,
                f"no column {column}",
                ", ".join(columns),
                "use the table as it was published",
            )
