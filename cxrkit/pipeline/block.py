"""One block of items from the archive to the disk: made one by one, committed together.

What is made of an item is the business of a task: see segmented.py, and conversion/convert.py.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from cxrkit.archives import Archive
from cxrkit.errors import IntegrityFailure, ItemFault
from cxrkit.pipeline import durable, quarantine
from cxrkit.records import Record

BLOCK = 32  # items; a block is committed whole, and redone whole after a crash
Line = Mapping[str, Any]  # what became of an item: `outcome`, `why` and, if there is one, `row`
Files = dict[str, bytes]  # content by path below OUT
Lines = Callable[[], Iterable[list[Line]]]  # of all blocks in order, each time anew


class Item(Protocol):
    """One image of the archive, with its name in quarantine.csv and all files it can become."""

    @property
    def record(self) -> Record: ...
    @property
    def image(self) -> str: ...
    @property
    def outputs(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Block:
    """Up to BLOCK neighbours of the archive's list, computed and committed together.

    `faults` maps the place of an item that killed its worker to the code and what was seen.
    """

    index: int
    items: tuple[Item, ...]
    faults: Mapping[int, tuple[str, str]] = field(default_factory=dict)


# The line and the files of an item; what it enters into the second argument (`stage`, and `bytes`
# and `sha256` of the source) is known even where it ends in an error.
Make = Callable[[Any, dict[str, object]], tuple[Line, Files]]


class Task(Protocol):
    """How an item becomes files. It travels to the workers, and each loads it once."""

    def load(self, archive: Archive, root: Path) -> tuple[Make, Mapping[str, str]]:
        """The function, and what was loaded that decides the result."""
        ...


@dataclass(frozen=True)
class Setting:
    """What a worker needs to know besides its block."""

    archive: str
    root: Path
    out: Path
    task: Task


@dataclass(frozen=True)
class Result:
    """A committed block: the SHA-256 of its file under runs/blocks, and what became of each item.

    An outcome is what the task calls success, "skipped RULE" or "quarantined CODE".
    """

    index: int
    sha256: str
    outcomes: tuple[str, ...]


def cut(items: Iterable[Item]) -> Iterator[Block]:
    """The items in blocks. Block k holds the same ones in every run over the same list."""
    waiting, index = list[Item](), 0
    for item in items:
        waiting.append(item)
        if len(waiting) == BLOCK:
            yield Block(index, tuple(waiting))
            waiting, index = [], index + 1
    if waiting:
        yield Block(index, tuple(waiting))


def path_of(out: Path, index: int) -> Path:
    """The file that holds the lines of a block: one JSON object per item, in order."""
    return out / "runs" / "blocks" / f"{index:06d}.jsonl"


def rows(out: Path, index: int, sha256: str) -> list[Line]:
    """The lines of a committed block, one for each item.

    Raises:
        IntegrityFailure: E501, the file is not the one that was committed.
    """
    path = path_of(out, index)
    data = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(data).hexdigest() != sha256:
        raise IntegrityFailure(
            "E501", path.relative_to(out).as_posix(), "it changed after it was written",
            "the file that the journal names", "run the same command again: it is made anew",
        )  # fmt: skip
    return [json.loads(line) for line in data.splitlines()]


def compute(block: Block, out: Path, make: Make, entered: Callable[[int], None]) -> Result:
    """Make all items of the block and commit their files; `entered` hears each place first.

    Files of an item that gives none are removed: an attempt before a crash may have left them.

    Raises:
        ResourceExhausted: E601, the disk does not take the files.
    """
    scratch = out / "runs" / "tmp" / f"{block.index:06d}"
    durable.make_folder(scratch)
    moves: list[tuple[Path, Path]] = []
    lines: list[Line] = []
    for place, item in enumerate(block.items):
        entered(place)
        fault = block.faults.get(place)
        line, files = _outcome(item, make) if fault is None else _dead(item, *fault)
        for name, data in files.items():
            moves.append((scratch / f"{len(moves):03d}", out / name))
            durable.write(moves[-1][0], data)
        for name in item.outputs:
            if name not in files:
                durable.remove(out / name)
        lines.append(line)
    entered(len(block.items))
    text = b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines)
    moves.append((scratch / "rows", path_of(out, block.index)))
    durable.write(moves[-1][0], text)
    durable.publish(out, moves)
    durable.remove(scratch)
    outcomes = tuple(" ".join((str(line["outcome"]), str(line["why"]))).strip() for line in lines)
    return Result(block.index, hashlib.sha256(text).hexdigest(), outcomes)


def skipped(rule: str) -> tuple[Line, Files]:
    """The line of an image that a rule leaves out."""
    return {"outcome": "skipped", "why": rule}, {}


def _outcome(item: Item, make: Make) -> tuple[Line, Files]:
    """What `make` gives, or the line of an item that ended in an error, without files."""
    known: dict[str, object] = {"stage": "read"}
    try:
        return make(item, known)
    except ItemFault as error:
        fault = error
    except MemoryError:
        fault = ItemFault(
            "E302", "", "memory ran out", "an image that fits", "use fewer workers, or more memory"
        )
    except Exception as error:  # one file must never stop the others; nothing of its text is shown
        fault = ItemFault(
            "E399", "", type(error).__name__, "a result", "report it with the file's kind and size"
        )
    return _quarantined(fault, item, known), {}


def _dead(item: Item, code: str, observed: str) -> tuple[Line, Files]:
    """The line of an image that twice ended the worker that read it."""
    fault = ItemFault(
        code, "", observed, "an image that can be read", "convert the file with another program"
    )
    return _quarantined(fault, item, {"stage": "read"}), {}


def _quarantined(fault: ItemFault, item: Item, known: dict[str, object]) -> Line:
    row = quarantine.row(fault, item.image, item.record.image) | known
    return {"outcome": "quarantined", "why": fault.code, "row": row}
