"""Where a statement stands in a card, and which archive it is about."""

import re
from collections.abc import Sequence
from itertools import pairwise

from cxrkit.cards.audit_markdown import Sentence
from cxrkit.cards.audit_statement import Kind, Statement
from cxrkit.cards.audit_words import archives_in, is_quoted

_BEFORE = re.compile(
    r"\b(?:from|of|on|using|with|than|to|unlike|like|by|upon|see)\s+(?:the\s+)?(?:\w+\s+)?$", re.I
)


# "of NAME (12 normal, 3 ...": what is in the brackets is of the name before them.
_OPENS = re.compile(r"\s*(?:(?:data)?set|data|collection|archive)?\s*[(:][^)]*$", re.IGNORECASE)


def about(sentence: Sentence, start: int = 0, end: int = 0) -> tuple[tuple[str, ...], bool]:
    """The archives a statement at this place is about, and whether its images come from there.

    A name in front of the statement is its subject, unless a preposition says otherwise; "images of
    NAME" behind it says where they come from; else the innermost heading that has a name counts.
    """
    hits = archives_in(sentence.text)
    before = [
        name for name, at, to in hits
        if to <= start
        and (not _BEFORE.search(sentence.text[:at]) or _OPENS.match(sentence.text[to:start]))
    ]  # fmt: skip
    if before:
        names = [(to, at) for _, at, to in hits if to <= start]
        listed = any(re.search(r"\d", sentence.text[to:at]) for (to, _), (_, at) in pairwise(names))
        # "A (12 images), B (7 images)": each number is of the name before it.
        return (before[-1],) if listed else tuple(dict.fromkeys(before)), False
    behind = sentence.text[end:]
    for name, at, _ in hits:
        if at >= end and re.match(r"[^.;,]*?\b(?:of|from|in)\s+(?:the\s+)?(?:\w+\s+)?$",
                                  behind[: at - end]):  # fmt: skip
            return (name,), True
    return about_section(sentence.section), False


def about_section(section: Sequence[str]) -> tuple[str, ...]:
    """The archives that the innermost heading names which names any."""
    for title in reversed(section):
        if names := archives_in(title):
            return tuple(dict.fromkeys(name for name, _, _ in names))
    return ()


def made(
    sentence: Sentence,
    kind: Kind,
    start: int,
    end: int,
    text: str = "",
    **fields: object,
) -> Statement:
    """A statement of that kind at this place of the sentence."""
    names, part = about(sentence, start, end)
    return Statement(
        line=sentence.line(start),
        section=" / ".join(sentence.section),
        text=text or shortened(sentence.text[start:end]),
        kind=kind,
        about=names,
        part=part,
        quoted=is_quoted(sentence.text, sentence.section),
        context=sentence.text,
        **fields,  # type: ignore[arg-type]
    )


def shortened(text: str, width: int = 70) -> str:
    """The text on one line, at most that wide."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 3].rstrip()}..."
