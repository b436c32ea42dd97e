"""The answer to one statement: true, false or unverifiable, what was found, and who says so."""

from dataclasses import dataclass
from typing import Literal

from cxrkit.cards.audit_statement import Statement

Answer = Literal["true", "false", "unverifiable"]
COPY = "counted on this copy"
CARD = "arithmetic within the card"
RECORD = "recorded facts of the release"


@dataclass(frozen=True)
class Finding:
    """An answer without its statement. `authority` is empty where nobody can tell."""

    answer: Answer
    found: str = ""
    why: str = ""
    authority: str = ""


@dataclass(frozen=True)
class Verdict:
    """A statement and the answer to it."""

    statement: Statement
    answer: Answer
    found: str
    why: str
    authority: str


def true(authority: str, found: str = "", why: str = "") -> Finding:
    """The statement holds."""
    return Finding("true", found, why, authority)


def false(authority: str, found: str, why: str = "") -> Finding:
    """The statement does not hold, and this was found instead."""
    return Finding("false", found, why, authority)


def unverifiable(why: str, found: str = "", authority: str = "") -> Finding:
    """Nobody here can tell, and why."""
    return Finding("unverifiable", found, why, authority)


def against(
    fits_copy: bool | None,
    fits_record: bool | None,
    found: str,
    recorded: str,
    partial: bool,
    source: str = "",
) -> Finding:
    """What a copy and the record together say; None is a side that cannot tell.

    The copy comes first. A statement that differs from a copy is false, unless the record supports
    it, or the copy is a part of the release and nothing is recorded.
    """
    by = f"{RECORD}{f': {source}' if source else ''}"
    both = found or recorded
    if found and recorded and found != recorded:
        both = f"this copy {found}; published {recorded}"
    if fits_copy:
        differs = fits_record is False and recorded
        return true(COPY, found, f"published: {recorded}" if differs else "")
    if fits_copy is None:
        if fits_record is None:
            return unverifiable("neither this copy nor the record can tell")
        return true(by, recorded) if fits_record else false(by, recorded)
    if fits_record:
        return unverifiable("agrees with the publication, not with this copy", both, by)
    if fits_record is False:
        return false(COPY, both, "differs from this copy and from the publication")
    if partial:
        return unverifiable("the copy is a part of the release, and nothing is recorded", found)
    return false(COPY, found)
