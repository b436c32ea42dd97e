"""The CSV that a command writes, and beside it the one of what could not be read."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from cxrkit.pipeline import durable
from cxrkit.quality.unread import Unread


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV at `path` with those columns; what is there is replaced."""
    with (
        durable.replacing(path) as scratch,
        scratch.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_unread(listed: Path, unread: Sequence[Unread]) -> Path:
    """The CSV beside the list, `*.quarantine.csv`, which is not there where all could be read."""
    path = listed.with_name(f"{listed.stem}.quarantine.csv")
    durable.remove(path)
    if unread:
        write(path, [f.name for f in fields(Unread)], map(astuple, unread))
    return path
