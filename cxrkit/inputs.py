"""The radiographs that `cxr predict` and `cxr report` are given: a file, a folder or an archive.

Each is read and worked on for itself: a file that nothing can be made of goes to quarantine.csv
with its reason, and the rest goes on.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from cxrkit import archives
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import radiograph
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.records import Record
from cxrkit.segmentation import SIZE

QUARANTINE = "quarantine.csv"
COLUMNS = ("id", "relpath", "code", "message", "remedy")

Made = TypeVar("Made")


@dataclass(frozen=True)
class Given:
    """One radiograph that is to be worked on."""

    id: str
    path: Path
    record: Record


def listed(source: str) -> list[Given]:
    """The radiographs of SOURCE, sorted by path: FILE, FOLDER, or ARCHIVE:ROOT (frontal ones).

    Raises:
        InputRefused: E101, there is nothing at SOURCE, or no radiograph in it.
    """
    path = Path(source)
    if path.is_file():
        return [Given(path.stem, path, Record("folder", path.stem, path.name))]
    archive, colon, root = source.partition(":")
    if path.is_dir():
        name, folder = "folder", path
    elif colon and archive in archives.names():
        name, folder = archive, Path(root)
    else:
        raise InputRefused(
            "E101", source, "no file, no folder", "FILE, FOLDER or ARCHIVE:ROOT", "check the path"
        )  # fmt: skip
    adapter = archives.load(name)
    found = [r for r in adapter.records(folder) if r.frontal or _may_be(adapter, r)]
    if not found:
        raise archives.no_image(adapter, folder)
    return [Given(r.image_id, folder / r.image, r) for r in found]


def _may_be(adapter: archives.Archive, record: Record) -> bool:
    return not record.view and adapter.CARD.blank_view_is_frontal


def each(
    given: Sequence[Given],
    make: Callable[[Given, Radiograph], Made],
    out: Path,
    progress: Callable[[int], None],
    smallest: int = SIZE,
) -> Iterator[tuple[Given, Made]]:
    """What `make` gives for each radiograph, in order; its sides may be reduced to `smallest`.

    `make` may raise ItemFault too. Faults go to quarantine.csv in `out`, written at the end; there
    is none where all went well.
    """
    faults: list[tuple[Given, ItemFault]] = []
    for done, one in enumerate(given, 1):
        try:
            yield one, make(one, _radiograph(one, smallest))
        except ItemFault as fault:
            faults.append((one, fault))
        progress(done)
    _write(out / QUARANTINE, faults)


def _write(path: Path, faults: Sequence[tuple[Given, ItemFault]]) -> None:
    path.unlink(missing_ok=True)
    if not faults:
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for one, why in faults:
            writer.writerow([one.id, one.record.image, why.code, str(why), why.remedy])


def _radiograph(one: Given, smallest: int) -> Radiograph:
    if one.record.fault:
        raise ItemFault(
            "E103", one.record.image, one.record.fault, "a whole row", "mend the archive's table"
        )
    return radiograph.read(one.path, smallest=smallest)


def quarantined(out: Path) -> int:
    """How many radiographs quarantine.csv in `out` names."""
    path = out / QUARANTINE
    if not path.exists():
        return 0
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1
