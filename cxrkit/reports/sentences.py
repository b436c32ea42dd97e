"""Sentences of a report with their places: line breaks inside a paragraph mean nothing."""

import re
from collections.abc import Iterator

# A stop ends a sentence when a blank or the end follows and no abbreviation, number or initial
# stands before; a blank line and a new item of a numbered list end one without a stop.
_END = re.compile(
    r"(?<!\bdr)(?<!\bvs)(?<!\bmr)(?<!\bmrs)(?<!\bapprox)(?<!\be\.g)(?<!\bi\.e)(?<!\bno)(?<!\bcf)"
    r"[.!?]+(?=[\s)\"']|$)|(?<=[a-z_x])\.+(?=[A-Z])|\n[ \t]*\n\s*|\n[ \t]*(?=\d{1,2}[.)]\s)|"
    r"(?<=[.;:,\s])\d{1,2}[.)](?=\s+[A-Z])",
    re.IGNORECASE,
)


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence of `text` that holds anything but blanks."""
    start = 0
    for found in _END.finditer(text):
        if text[start : found.start()].strip():
            yield start, found.start()
        start = found.end()
    if text[start:].strip():
        yield start, len(text)
