"""What trainings are given: archives, apart from OUT and each once; those with lung masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cxrkit.errors import InputRefused
from cxrkit.pipeline.run import require_apart
from cxrkit.terms import MASK_CONVENTIONS

if TYPE_CHECKING:  # its module loads what only training needs
    from cxrkit.training.cases import Case


def roots(sources: Sequence[str], out: Path | None) -> list[tuple[str, Path]]:
    """Archive and folder of ARCHIVE:ROOT sources; `out` is None where nothing is written.

    Raises:
        InputRefused: E107, a source of another form, one given twice, or OUT in or around it.
    """
    found: list[tuple[str, Path]] = []
    for source in sources:
        archive, text = pair(source, ":", "ARCHIVE:ROOT")
        root = Path(text)
        if out is not None:
            require_apart(root.resolve(), out.resolve())
        if (archive, root.resolve()) in [(a, r.resolve()) for a, r in found]:
            raise refused("SOURCES", f"{source} is given twice", "each source once")
        found.append((archive, root))
    return found


def cases(
    sources: Sequence[str], masks: Path | None, convention: str, out: Path | None
) -> tuple[list[Case], list[str]]:
    """The radiographs with lung masks of ARCHIVE:ROOT sources, and a line for each unusable one.

    Raises:
        InputRefused: E107, as `roots`, OUT in or around `masks`, and a convention of another form;
            as `cases.gather`.
    """
    from cxrkit.training import cases as training_cases
    from cxrkit.training import left_out

    if convention not in MASK_CONVENTIONS:  # a form that narrows its type
        raise refused("--masks-convention", convention, " or ".join(MASK_CONVENTIONS))
    if masks is not None and out is not None:
        require_apart(masks.resolve(), out.resolve())
    listed = [
        case
        for archive, root in roots(sources, out)
        for case in training_cases.gather(archive, root, masks, convention)
    ]
    training_cases.require_once(listed)
    found, faults = training_cases.sound(listed)
    left_out.say(faults)
    return found, faults


def repeats(texts: Sequence[str], sources: Sequence[str]) -> dict[str, int] | None:
    """How often an epoch draws the images of an archive, from ARCHIVE=N texts.

    Raises:
        InputRefused: E107, another form, or an archive that is no source.
    """
    known = {source.partition(":")[0] for source in sources}
    form = "--repeat ARCHIVE=N"
    found = {}
    for archive, count in (pair(text, "=", form) for text in texts):
        if not count.isdecimal() or int(count) < 1:
            raise refused(form, count, "a number from 1")
        if archive not in known:
            raise refused(form, archive, f"an archive of the sources, {' or '.join(sorted(known))}")
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
