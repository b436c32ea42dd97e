"""What `cxr train segmentation` and `cxr compare` are given: archives with lung masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxrkit.errors import InputRefused
from cxrkit.terms import MASK_CONVENTIONS

if TYPE_CHECKING:  # its module loads what only training needs
    from cxrkit.training.cases import Case


def cases(sources: Sequence[str], masks: Path | None, convention: str) -> list[Case]:
    """The radiographs with lung masks of ARCHIVE:ROOT sources.

    Raises:
        InputRefused: E107, a source or convention of another form; and as `cases.gather`.
    """
    from cxrkit.training import cases as training_cases

    if convention not in MASK_CONVENTIONS:  # a form that narrows its type
        raise refused("--masks-convention", convention, " or ".join(MASK_CONVENTIONS))
    return [
        case
        for archive, root in (pair(source, ":", "ARCHIVE:ROOT") for source in sources)
        for case in training_cases.gather(archive, Path(root), masks, convention)
    ]


def repeats(texts: Sequence[str]) -> dict[str, int] | None:
    """How often an epoch draws the images of an archive, from ARCHIVE=N texts."""
    form = "--repeat ARCHIVE=N"
    found = {}
    for archive, count in (pair(text, "=", form) for text in texts):
        if not count.isdecimal() or int(count) < 1:
            raise refused(form, count, "a number from 1")
        found[archive] = int(count)
    return found or None


def pair(text: str, mark: str, form: str) -> tuple[str, str]:
    """The two sides of a text of that form."""
    left, found, right = text.partition(mark)
    if not (left and found and right):
        raise refused(form, text, form)
    return left, right


def require_one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    """Check an option whose values are words.

    Raises:
        InputRefused: E107, another one.
    """
    if value not in allowed:
        raise refused(option, value, " or ".join(allowed))


def refused(option: str, observed: str, expected: str) -> InputRefused:
    """The refusal of an option's value."""
    return InputRefused("E107", option, observed, expected, "see --help")
