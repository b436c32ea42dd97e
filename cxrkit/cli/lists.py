"""The CSV files that commands write, and beside a list the one of what could not be read."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path

from cxrkit.pipeline import durable, quarantine
from cxrkit.pipeline.run import require_file
from cxrkit.quality.unread import Unread


@contextmanager
def table(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Sequence[object]], None]]:
    """A function that adds a row to a CSV file, which stands at `path` once it is whole."""
    with (
        durable.replacing(path) as scratch,
        scratch.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        yield writer.writerow


def write(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV at `path` with those columns; what is there is replaced."""
    with table(path, columns) as put:
        for row in rows:
            put(row)


def require(listed: Path, option: str, *read: Path) -> None:
    """Check that a list and the CSV beside it can be written; as `require_file`."""
    for file in (listed, quarantine.beside(listed)):
        require_file(file, option, *read)


def write_unread(listed: Path, unread: Sequence[Unread]) -> Path:
    """The CSV beside the list, `*.quarantine.csv`, which is not there where all could be read."""
    path = quarantine.beside(listed)
    durable.remove(path)
    if unread:
        write(path, [f.name for f in fields(Unread)], map(astuple, unread))
    return path
