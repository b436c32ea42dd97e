"""What was looked at in a copy of an archive, and whether each thing is as published."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cxrkit.errors import ItemFault, one_line

GROUPS = (
    "layout", "tables", "claims", "ids", "splits", "checksums", "files", "sizes", "decode",
)  # fmt: skip
NEED_IMAGES = ("checksums", "files", "sizes", "decode")
Status = Literal["holds", "false", "differs", "failed", "unverifiable"]
_NAMED = 5  # files or ids that a note names


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    `status` is "holds"; "false", what is said of the archive is wrong and this copy shows it;
    "differs", a published count is another here; "failed", something is wrong with this copy; or
    "unverifiable", this copy cannot tell. Only "differs" and "failed" count against the copy.
    """

    group: str  # one of `GROUPS`
    what: str
    status: Status
    claimed: int | None  # as published, or how many there should be
    found: int | None  # in this copy
    source: str  # who says what is claimed
    note: str = ""


@dataclass(frozen=True)
class BadFile:
    """A file, or a row of a table, that is not as it should be."""

    path: str
    code: str
    message: str  # one line, without a patient's text


@dataclass(frozen=True)
class Report:
    """All checks of a copy, in order of their groups, and every bad file in order of its path."""

    archive: str
    checks: tuple[Check, ...]
    bad: tuple[BadFile, ...]
    skipped: tuple[str, ...]  # groups that were not looked at

    @property
    def counts(self) -> Mapping[Status, int]:
        """How many checks have each status; 0 for one that none has."""
        found = Counter(check.status for check in self.checks)
        order: tuple[Status, ...] = ("holds", "false", "differs", "failed", "unverifiable")
        return {status: found[status] for status in order}

    @property
    def as_published(self) -> bool:
        """Nothing counts against the copy."""
        return not self.counts["differs"] and not self.counts["failed"]


def bad_file(path: str, fault: ItemFault) -> BadFile:
    """The fault of one file."""
    message = one_line(f"{fault.observed} (expected {fault.expected})")
    return BadFile(path, fault.code, message)


def of_files(
    group: str,
    what: str,
    total: int,
    bad: Sequence[BadFile],
    source: str,
    published: Collection[str] = (),
    note: str = "",
) -> Check:
    """The check of `total` files of which some are bad.

    Args:
        group: one of `GROUPS`.
        what: the check's name.
        total: how many were looked at.
        bad: what is wrong.
        source: who says how they should be.
        published: files whose checksums are those published. Where all bad ones are among them,
            the release itself is so, and the copy is not to blame.
        note: said in any case.
    """
    paths = {file.path for file in bad}
    notes = [note] if note else []
    status: Status = "holds"
    if bad:
        as_published = paths <= set(published)
        status = "false" if as_published else "failed"
        notes.append(named([f"{file.path} ({file.code} {file.message})" for file in bad]))
        if as_published:
            notes.append("their checksums are those published: the release itself is so")
    return Check(group, what, status, total, total - len(paths), source, "; ".join(notes))


def named(things: Sequence[str]) -> str:
    """The first few, and how many more."""
    more = f" and {len(things) - _NAMED:,} more" if len(things) > _NAMED else ""
    return one_line(", ".join(things[:_NAMED]) + more)
