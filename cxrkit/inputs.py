"""The radiographs that `cxr predict` is given: a file, a folder or an archive.

Each is read and worked on for itself: a file that nothing can be made of is a fault with its
reason, one that is no frontal view is skipped by a named rule, and the rest goes on.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from cxrkit import archives, dataset, frontal, records
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import radiograph
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.records import Record
from cxrkit.segmentation import SIZE

Made = TypeVar("Made")


@dataclass(frozen=True)
class Given:
    """One radiograph that is to be worked on."""

    id: str
    path: Path
    record: Record


@dataclass(frozen=True)
class Inputs:
    """The radiographs of INPUT, and what becomes of those that nothing is made of.

    In the end `listed` is what was made, `faults` and `skipped` together.
    """

    listed: int
    given: Sequence[Given]  # those that the archive's tables do not skip, sorted by path
    root: Path | None = None  # the folder that is only read; None where INPUT is one file
    blank_is_frontal: bool = True  # an image of which nothing says the view
    skipped: Counter[str] = field(default_factory=Counter)  # by rule
    faults: list[tuple[Given, ItemFault]] = field(default_factory=list)


def listed(source: str) -> Inputs:
    """What SOURCE holds: FILE, FOLDER, or ARCHIVE:ROOT.

    Raises:
        InputRefused: E101, there is nothing at SOURCE, or no radiograph in it; E107, it is a
            dataset of `cxr build`.
    """
    path = Path(source)
    if path.is_file():
        return Inputs(1, [_given(path, Record("folder", path.stem, path.name))])
    name, colon, text = source.partition(":")
    if (path / dataset.RECORDS).is_file():
        raise InputRefused(
            "E107", source, "a dataset of cxr build, which holds masks and lungs", "radiographs",
            "give the archive that it was built from, ARCHIVE:ROOT",
        )  # fmt: skip
    if path.is_dir():
        name, root = "folder", path
    elif colon and name in archives.names():
        root = Path(text)
    else:
        raise InputRefused(
            "E101", source, "no file, no folder", "FILE, FOLDER or ARCHIVE:ROOT", "check the path"
        )  # fmt: skip
    adapter = archives.load(name)
    given: list[Given] = []
    skipped: Counter[str] = Counter()
    for record in adapter.records(root):
        if rule := frontal.rule_of(record, adapter):
            skipped[rule] += 1
        else:
            given.append(_given(root / record.image, record))
    if not given:
        raise archives.no_image(adapter, root)
    number = len(given) + skipped.total()
    return Inputs(number, given, root, adapter.CARD.blank_view_is_frontal, skipped)


def each(
    inputs: Inputs,
    make: Callable[[Given, Radiograph], Made],
    progress: Callable[[int], None],
    smallest: int = SIZE,
) -> Iterator[tuple[Given, Made]]:
    """What `make` gives for each radiograph, in order; its sides may be reduced to `smallest`.

    `make` may raise ItemFault too. Faults and what a file's own view skips are noted in `inputs`.
    """
    for done, one in enumerate(inputs.given, 1):
        try:
            picture = _radiograph(one, smallest)
            view = one.record.view or picture.view
            if rule := frontal.rule_against(view, inputs.blank_is_frontal):
                inputs.skipped[rule] += 1
            else:
                yield one, make(one, picture)
        except ItemFault as fault:
            inputs.faults.append((one, fault))
        progress(done)


def _given(path: Path, record: Record) -> Given:
    """With names that a table can hold; the file keeps its own."""
    named = records.spelled(record)
    return Given(named.image_id, path, named)


def _radiograph(one: Given, smallest: int) -> Radiograph:
    if records.name_fault(str(one.path)):
        raise ItemFault(
            "E201", one.record.image, "a name that is not UTF-8", "a name in UTF-8",
            "rename the file",
        )  # fmt: skip
    if one.record.fault:
        raise ItemFault(
            "E103", one.record.image, one.record.fault, "a whole row", "mend the archive's table"
        )
    return radiograph.read(one.path, smallest=smallest)
