"""The phrases that are looked for, as tables with an example and a source to each group."""

import functools
from dataclasses import dataclass
from importlib import resources

import ahocorasick_rs as ahocorasick


@dataclass(frozen=True)
class Phrase:
    """What a phrase stands for. `open` phrases are stems: what follows in the word is free."""

    kinds: frozenset[str] = frozenset()  # of a cue
    concept: str = ""
    anatomy: bool = False
    open: bool = False


@dataclass(frozen=True)
class Lexicon:
    """All phrases in lower case, with an automaton that finds the longest from the left."""

    automaton: ahocorasick.AhoCorasick
    phrases: tuple[Phrase, ...]

    def find(self, text: str) -> list[tuple[int, int, Phrase]]:
        """Whole words of `text` (in lower case) that are phrases: start, end, what it is."""
        found: list[tuple[int, int, Phrase]] = []
        base = 0
        while True:
            for number, start, end in self.automaton.find_matches_as_indexes(text[base:]):
                start, end = start + base, end + base
                phrase = self.phrases[number]
                if start and _in_word(text[start - 1]) and _in_word(text[start]):
                    break
                if not phrase.open and end < len(text) and _in_word(text[end]):
                    break
                if phrase.open:
                    while end < len(text) and _in_word(text[end]):
                        end += 1
                    if found and found[-1][1] > start:
                        continue
                found.append((start, end, phrase))
            else:
                return found
            # A match inside a word may hide a whole word that begins after its start.
            base = start + 1


def _in_word(character: str) -> bool:
    return character.isalnum()


def rows(name: str) -> list[list[str]]:
    """The lines of a table of the lexicon as lists of cells; comments are left out."""
    text = (resources.files(__name__) / name).read_text(encoding="utf-8")
    lines = (line for line in text.splitlines() if line and not line.startswith("#"))
    return [line.split("\t") for line in lines]


@functools.cache
def words(kind: str) -> frozenset[str]:
    """Words that show how a statement is built: verb, perceived, determiner, degree, ...."""
    return frozenset(
        word for row in rows("words.tsv") if row[0] == kind for word in row[1].split("|")
    )


@functools.cache
def lexicon() -> Lexicon:
    """The shipped lexicon, read once."""
    table: dict[str, Phrase] = {}
    for kind, phrases, *_ in rows("cues.tsv"):
        for text in phrases.split("|"):
            before = table.get(text, Phrase())
            table[text] = Phrase(before.kinds | {kind})
    for concept, kind, phrases, *_ in rows("findings.tsv"):
        for text in phrases.split("|"):
            stem = text.removesuffix("*")
            kinds = table.get(stem, Phrase()).kinds
            table.setdefault(stem, Phrase(kinds, concept, kind == "anatomy", text != stem))
    automaton = ahocorasick.AhoCorasick(
        list(table), matchkind=ahocorasick.MatchKind.LeftmostLongest
    )
    return Lexicon(automaton, tuple(table.values()))
