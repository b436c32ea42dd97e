"""Sentences of a report with their places: line breaks inside a paragraph mean nothing."""

import re
from collections.abc import Iterator

# A stop with a blank or the end behind it, a stop that lacks its blank ("clear.Heart"), a blank
# line, and a line that begins a new item of a numbered list.
_END = re.compile(
    r"[.!?]+(?=[\s)\"']|$)|(?<=[A-Za-z]{3})\.(?=[A-Za-z]{2})"
    r"|\n[ \t\r]*\n\s*|\n[ \t]*(?=\d{1,2}[.)]\s)"
)
_WORD = re.compile(r"[\w.]*$")
_ABBREVIATIONS = frozenset({"dr", "vs", "mr", "mrs", "approx", "e.g", "i.e", "cf", "no", "st"})
_TAILS = frozenset(word[-2:] for word in _ABBREVIATIONS)
LONGEST = 2_000  # characters: a longer sentence is cut at a blank, so that no text takes for ever


def spans(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence of `text` that holds anything but blanks."""
    start = 0
    for found in _END.finditer(text):
        end = found.start()
        if text[end - 2 : end].lower() in _TAILS and _abbreviated(text, start, end):
            continue
        if text[start:end].strip():
            yield from _cut(text, start, end)
        start = found.end()
    if text[start:].strip():
        yield from _cut(text, start, len(text))


def _abbreviated(text: str, start: int, end: int) -> bool:
    """The stop belongs to the word before it: "Dr.", "vs.", but not "no." at the end of a text."""
    word = _WORD.search(text, max(start, end - 7), end)
    if word is None or word[0].lower() not in _ABBREVIATIONS:
        return False
    return end + 1 < len(text) and not text[end + 1 :].isspace()


def _cut(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > LONGEST:
        blank = text.rfind(" ", start + LONGEST // 2, start + LONGEST)
        middle = blank if blank > 0 else start + LONGEST
        yield start, middle
        start = middle
    yield start, end
