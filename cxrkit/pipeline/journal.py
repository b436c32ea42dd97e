"""What a build has committed so far: runs/journal, one line per block, added after its files.

A line is `crc32 json`. The CRC continues that of the line before, so that a line that is damaged,
moved or taken from another journal does not fit. The first line says what is being built.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cxrkit.errors import InputRefused, IntegrityFailure
from cxrkit.pipeline import durable


@dataclass(frozen=True)
class Commit:
    """A block whose files are on the disk: the SHA-256 of its rows and a count per outcome."""

    sha256: str
    outcomes: Mapping[str, int]


@dataclass(frozen=True)
class Journal:
    """What was being built, what is done, the CRC to go on from and the length that is sound."""

    header: Mapping[str, object]
    commits: Mapping[int, Commit]
    crc: int
    length: int


def create(out: Path, header: Mapping[str, object]) -> Journal:
    """A journal with nothing done."""
    line, crc = _encoded(header, 0)
    temporary = out / "runs" / "tmp" / "journal"
    durable.write(temporary, line)
    durable.publish(out, [(temporary, path_of(out))])
    return Journal(header, {}, crc, len(line))


def path_of(out: Path) -> Path:
    """Where the journal of the dataset at `out` lies."""
    return out / "runs" / "journal"


def read(out: Path) -> Journal | None:
    """The journal of the dataset at `out`; None where there is none.

    What follows the last sound line is a line that a crash cut off; it is left out.

    Raises:
        IntegrityFailure: E502, the first line or a line before a sound one is damaged.
    """
    path = path_of(out)
    if not path.is_file():
        return None
    lines = path.read_bytes().split(b"\n")
    header, commits, crc, length = None, dict[int, Commit](), 0, 0
    for place, line in enumerate(lines[:-1]):
        fields = _decoded(line, crc)
        if fields is None:
            if place == 0 or any(_sound(later) for later in lines[place + 1 :]):
                raise _damaged(path, place + 1)
            break
        crc, length = zlib.crc32(line[9:], crc), length + len(line) + 1
        if place == 0:
            header = fields
        else:
            commits[int(fields["block"])] = Commit(fields["sha256"], fields["outcomes"])
    if header is None:
        raise _damaged(path, 1)
    return Journal(header, commits, crc, length)


def cut_tail(out: Path, journal: Journal) -> None:
    """Remove what a crash left behind the last sound line, so that the next starts afresh."""
    if path_of(out).stat().st_size != journal.length:
        durable.cut(path_of(out), journal.length)


def add(out: Path, crc: int, index: int, commit: Commit) -> int:
    """Add a block to the journal and bring it to the disk; from the last line's CRC to this one's.

    Raises:
        ResourceExhausted: E601.
    """
    fields = {"block": index, "sha256": commit.sha256, "outcomes": dict(commit.outcomes)}
    line, crc = _encoded(fields, crc)
    durable.append(path_of(out), line)
    return crc


def require_same(out: Path, then: Mapping[str, object], now: Mapping[str, object]) -> None:
    """Check that a dataset is continued as it was begun.

    Raises:
        InputRefused: E104, with every value that differs.
    """
    differences = [
        f"{name} {then.get(name)} then, {now.get(name)} now"
        for name in dict.fromkeys((*then, *now))
        if then.get(name) != now.get(name)
    ]
    if differences:
        raise InputRefused(
            "E104",
            str(out),
            "; ".join(differences),
            "what the dataset was begun with",
            "use the same options and versions, or another output folder",
        )


def _encoded(fields: Mapping[str, object], crc: int) -> tuple[bytes, int]:
    text = json.dumps(fields).encode("ascii")
    crc = zlib.crc32(text, crc)
    return b"%08x %s\n" % (crc, text), crc


def _decoded(line: bytes, crc: int) -> dict[str, Any] | None:
    """The fields of a line that follows a line with this CRC; None if it does not."""
    if line[:9] != b"%08x " % zlib.crc32(line[9:], crc):
        return None
    return dict(json.loads(line[9:]))


def _sound(line: bytes) -> bool:
    """The line is whole, whatever came before it: it reads as a commit."""
    try:
        return isinstance(json.loads(line[9:])["block"], int) and len(line) > 9
    except (ValueError, KeyError, TypeError):
        return False


def _damaged(path: Path, number: int) -> IntegrityFailure:
    return IntegrityFailure(
        "E502",
        str(path),
        f"line {number} is damaged",
        "a sound line before others",
        "check the disk; nothing was removed; build into another folder",
    )
