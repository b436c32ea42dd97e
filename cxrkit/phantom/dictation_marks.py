"""Text that knows which of its words speak of which observation, whatever is done to the text.

Every step (joining, wrapping, capitals, misprints) returns a new text with the places moved along.
"""

import itertools
import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from cxrkit.terms import OBSERVATIONS

WIDTH = 79  # characters of a line of MIMIC-CXR's reports, its leading blank included

CODES = {
    "EC": "Enlarged Cardiomediastinum", "CM": "Cardiomegaly", "LL": "Lung Lesion",
    "LO": "Lung Opacity", "ED": "Edema", "CO": "Consolidation", "PN": "Pneumonia",
    "AT": "Atelectasis", "PX": "Pneumothorax", "PE": "Pleural Effusion", "PO": "Pleural Other",
    "FX": "Fracture", "SD": "Support Devices", "XX": "",
}  # fmt: skip
STATES = {
    "+": "present", "0": "absent", "?": "uncertain", "~": "historical", "!": "explained",
}  # fmt: skip
VALUES = {"present": 1, "absent": 0, "uncertain": -1}
_BRACKET = re.compile(r"\[([^|\]]+)\|([A-Z/]+)([+0?~!])\]")
_LONG_WORD = re.compile(r"[A-Za-z]{6,}")


@dataclass(frozen=True)
class Mark:
    """The words `text[start:end]` speak of an observation; "" is an abnormality outside the 14.

    `state`: present, absent, uncertain, historical, or explained (what was seen is something else).
    """

    start: int
    end: int
    observation: str
    state: str


@dataclass(frozen=True)
class Marked:
    """A text and the marks in it, in the order of their places."""

    text: str
    marks: tuple[Mark, ...] = ()


def marked(sentence: str) -> Marked:
    """The text of a sentence of the table, its brackets turned into marks."""
    text, marks, last = "", [], 0
    for found in _BRACKET.finditer(sentence):
        text += sentence[last : found.start()]
        start, last = len(text), found.end()
        text += found[1]
        for code in found[2].split("/"):
            marks.append(Mark(start, len(text), CODES[code], STATES[found[3]]))
    return Marked(text + sentence[last:], tuple(marks))


def joined(parts: Sequence[Marked | str], between: str = "") -> Marked:
    """The parts one behind the other."""
    text = ""
    marks: list[Mark] = []
    for number, part in enumerate(parts):
        part = Marked(part) if isinstance(part, str) else part
        text += between if number else ""
        marks += (_moved(mark, len(text)) for mark in part.marks)
        text += part.text
    return Marked(text, tuple(marks))


def wrapped(paragraph: Marked, lead: str) -> Marked:
    """The paragraph in lines of at most `WIDTH` characters that begin with `lead`.

    White space at its ends and runs of it must not be there; a longer word stays whole.
    """
    breaks: list[int] = []
    begun = 0
    for found in re.finditer(r"\S+", paragraph.text):
        if found.end() - begun > WIDTH - len(lead) and found.start() > begun:
            breaks.append(found.start())
            begun = found.start()
    starts = [0, *breaks, len(paragraph.text) + 1]
    lines = [lead + paragraph.text[a : b - 1] for a, b in itertools.pairwise(starts)]

    def place(old: int) -> int:
        return old + len(lead) * (1 + bisect_left(breaks, old + 1))

    marks = tuple(
        replace(mark, start=place(mark.start), end=place(mark.end - 1) + 1)
        for mark in paragraph.marks
    )
    return Marked("\n".join(lines), marks)


def shouted(whole: Marked) -> Marked:
    """The text in capitals; places stay, since the text is ASCII."""
    return replace(whole, text=whole.text.upper())


def misspelt(whole: Marked, rate: float, rng: np.random.Generator) -> Marked:
    """Two neighbouring letters exchanged inside one long word in `1 / rate`, also in marked words.

    The first and the last letter stay, so that a reader still knows the word; places stay too.
    """
    letters = list(whole.text)
    for found in _LONG_WORD.finditer(whole.text):
        if rng.random() < rate:
            place = found.start() + 1 + int(rng.integers(len(found[0]) - 3))
            letters[place : place + 2] = letters[place + 1], letters[place]
    return replace(whole, text="".join(letters))


def aggregated(marks: Sequence[Mark]) -> dict[str, int]:
    """1 present, 0 absent, -1 uncertain by observation: present wins, then uncertain.

    History and what was explained as something else is not mentioned. "No Finding" is 1 where
    nothing is present or uncertain, devices apart; abnormalities outside the 14 count against it.
    """
    values: dict[str, set[int]] = {}
    for mark in marks:
        if mark.state in VALUES:
            values.setdefault(mark.observation, set()).add(VALUES[mark.state])
    ill = any(found - {0} for name, found in values.items() if name != "Support Devices")
    labels = {name: 1 if 1 in v else -1 if -1 in v else 0 for name, v in values.items() if name}
    if not ill:
        labels["No Finding"] = 1
    return {name: labels[name] for name in OBSERVATIONS if name in labels}


def _moved(mark: Mark, by: int) -> Mark:
    return replace(mark, start=mark.start + by, end=mark.end + by)
