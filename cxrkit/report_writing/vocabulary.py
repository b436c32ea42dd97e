"""The words a decoder knows, and reports as numbers of words.

A report is the words of its findings, a mark, the words of its impression and an end. Words are
compared in lower case; each is written as training reports mostly write it inside a sentence, so
that "svc" becomes "SVC". Words that were seen too seldom are UNKNOWN, which is never written.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cxrkit.errors import IntegrityFailure

MARKS = ("<pad>", "<start>", "<end>", "<unknown>", "<impression>")
PAD, START, END, UNKNOWN, IMPRESSION = range(5)
# What removed details look like: MIMIC-CXR's blanks, Open-i's letters.
_WORD = re.compile(r"_{2,}|x{3,}|[a-z]+(?:['-][a-z]+)*|\d+(?:\.\d+)?|[.,;:?!/()%-]", re.IGNORECASE)
_REMOVED = re.compile(r"_{2,}|x{3,}", re.IGNORECASE)
_NO_BLANK_BEFORE = frozenset(".,;:?!)%")
_STOPS = frozenset(".?!")


@dataclass(frozen=True)
class Vocabulary:
    """`words[n]` is how word number n is written; the first five are `MARKS`."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.words[: len(MARKS)] != MARKS or len(set(map(str.lower, self.words))) != len(
            self.words
        ):
            raise IntegrityFailure(
                "E503", "vocabulary", "a list that is no vocabulary", "marks, then distinct words",
                "restore the file",
            )  # fmt: skip

    def encode(self, findings: str, impression: str, longest: int) -> list[int]:
        """The report's numbers, START first and END last, cut to `longest`."""
        numbers = {word.lower(): n for n, word in enumerate(self.words)}
        first = [numbers.get(w.lower(), UNKNOWN) for w in tokens(findings)]
        second = [numbers.get(w.lower(), UNKNOWN) for w in tokens(impression)]
        whole = [START, *first, IMPRESSION, *second]
        return [*whole[: longest - 1], END]

    def decode(self, numbers: Sequence[int]) -> tuple[str, str]:
        """The texts of findings and impression; marks are not written."""
        listed = [n for n in numbers if n not in (PAD, START, END, UNKNOWN)]
        cut = listed.index(IMPRESSION) if IMPRESSION in listed else len(listed)
        parts = (listed[:cut], [n for n in listed[cut:] if n != IMPRESSION])
        findings, impression = (_written([self.words[n] for n in part]) for part in parts)
        return findings, impression


def tokens(text: str) -> list[str]:
    """Words, numbers, stops and commas in the order of the text, in its own letter case."""
    return _WORD.findall(text)


def learn(texts: Iterable[str], least: int) -> Vocabulary:
    """The vocabulary of the texts: words in at least `least` places, frequent ones first.

    Removed details are no words.
    """
    counts: Counter[str] = Counter()
    forms: dict[str, Counter[str]] = {}
    for text in texts:
        before = "."
        for word in tokens(text):
            if not _REMOVED.fullmatch(word):
                counts[word.lower()] += 1
                if before not in _STOPS:  # a capital at the start of a sentence says nothing
                    forms.setdefault(word.lower(), Counter())[word] += 1
            before = word
    kept = sorted((w for w, n in counts.items() if n >= least), key=lambda w: (-counts[w], w))
    return Vocabulary((*MARKS, *(_form(word, forms.get(word, Counter())) for word in kept)))


def _form(word: str, seen: Counter[str]) -> str:
    """The most frequent way to write a word; lower case where two are as frequent."""
    return min(seen, key=lambda w: (-seen[w], w != word, w)) if seen else word


def _written(words: Sequence[str]) -> str:
    """The words as text: capitals after stops, no blank before punctuation."""
    out = ""
    first = True
    for word in words:
        if out and word not in _NO_BLANK_BEFORE and not out.endswith(("(", "/")) and word != "/":
            out += " "
        out += word[0].upper() + word[1:] if first else word
        first = word in _STOPS
    return out
