"""What a sentence says of a phrase in it: present, absent, uncertain or historical.

Cues of the lexicon reach forwards or backwards over the words of their own statement. A statement
ends at "but", "there is", a semicolon, or a comma or "and" behind which a new one begins; lists
("no A, B or C") go on. A cue that was found is told with the answer.
"""

import bisect
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cxrkit.reports.lexicon import Phrase, lexicon, words

State = Literal["present", "absent", "uncertain", "historical"]

_WORD = re.compile(r"[a-z0-9_]+(?:[/'-][a-z0-9_]+)*|[^\sa-z0-9_]")
_FORWARD = 14  # words that a cue reaches over when no list carries it on
_NEAR = 5  # of "not"
_PAST = 6  # of "history of" and the like
_MARKS = frozenset({",", "and", "with", "-", "("})  # a new statement can begin behind them
_BACKWARD = 10  # and that a cue behind the phrase reaches back
_ADJACENT = 3  # that an adjective reaches back


@dataclass(frozen=True)
class Cue:
    """A cue in a sentence, by characters."""

    start: int
    end: int
    kinds: frozenset[str]


@dataclass(frozen=True)
class Judgement:
    """The state of a phrase, the rule that gave it and the cue's place; no cue: (-1, -1)."""

    state: State
    rule: str
    start: int = -1
    end: int = -1


@dataclass(frozen=True)
class Parsed:
    """A sentence in lower case, one blank for any white space, with its words and cues.

    `origin` is the place in the sentence of each place in `text`; empty where they are the same.
    """

    text: str
    origin: tuple[int, ...]
    cues: tuple[Cue, ...]
    found: tuple[tuple[int, int, Phrase], ...]  # findings and anatomy

    @functools.cached_property
    def words(self) -> tuple[tuple[int, int], ...]:
        """Start and end of each word and mark; most sentences without findings never need them."""
        return tuple(match.span() for match in _WORD.finditer(self.text))


def parse(sentence: str) -> Parsed:
    """The words, cues and mentions of one sentence."""
    text, origin = _squeezed(_lowered(sentence))
    found = lexicon().find(text)
    return Parsed(
        text,
        origin,
        tuple(Cue(s, e, p.kinds) for s, e, p in found if p.kinds),
        tuple((s, e, p) for s, e, p in found if p.concept),
    )


def assertion(sentence: str, start: int, end: int) -> State:
    """What the sentence says of the phrase `sentence[start:end]`, known to us or not.

    "present", "absent" (also: resolved, removed), "uncertain" (also: sought or feared) or
    "historical" (also: of somebody else). Cues inside the phrase are not looked at; one that begins
    before it and runs into it ("no focal" before "focal weakness") counts like one before it.
    """
    parsed = parse(sentence)
    if parsed.origin:
        start, end = (bisect.bisect_left(parsed.origin, place) for place in (start, end))
    return judge(parsed, start, end).state


def judge(parsed: Parsed, start: int, end: int) -> Judgement:
    """The assertion with its rule and cue. Order: pre-negation uncertainty, negation, the rest."""
    hits: dict[str, Cue] = {}
    for cue in _before(parsed, start):
        for kind in cue.kinds:
            hits.setdefault(kind, cue)
    for cue in _after(parsed, start, end):
        for kind in cue.kinds:
            hits.setdefault(f"{kind}>", cue)
    for rule, state in _ORDER:
        if rule in hits:
            return Judgement(state, rule, hits[rule].start, hits[rule].end)
    return Judgement("present", "mention")


# What counts first; a ">" marks a cue behind the phrase.
_ORDER: tuple[tuple[str, State], ...] = (
    ("doubt-first", "uncertain"),
    ("after-doubt-first>", "uncertain"),
    ("no", "absent"),
    ("not", "absent"),
    ("gone", "absent"),
    ("after-no>", "absent"),
    ("after-gone>", "absent"),
    ("hides", "uncertain"),
    ("other-doubt", "uncertain"),
    ("past", "historical"),
    ("after-past>", "historical"),
    ("doubt", "uncertain"),
    ("after-doubt>", "uncertain"),
)
_BEFORE = frozenset({"doubt-first", "no", "not", "gone", "hides", "other-doubt", "past", "doubt"})
_AFTER = frozenset({"after-doubt-first", "after-no", "after-gone", "after-past", "after-doubt"})


def _before(parsed: Parsed, start: int) -> list[Cue]:
    """Cues that begin before the phrase and reach it or run into it, the nearest first."""
    reaching: list[Cue] = []
    for cue in reversed(parsed.cues):
        if cue.start >= start:
            continue
        if "pseudo" in cue.kinds:
            continue
        forward = cue.kinds & _BEFORE
        if forward and _reaches(parsed, cue, start):
            reaching.append(Cue(cue.start, cue.end, forward))
        if "end" in cue.kinds and not forward:
            break
        if ";" in parsed.text[cue.end : start]:
            break
    return reaching


def _reaches(parsed: Parsed, cue: Cue, start: int) -> bool:
    """No new statement begins between the end of a forward cue and the phrase."""
    between = [(s, e) for s, e in parsed.words if cue.end <= s and e <= start]
    passed = [parsed.text[s:e] for s, e in between]
    if ";" in passed or ":" in passed:
        return False
    if "not" in cue.kinds and "no" not in cue.kinds:
        listed = "any" in passed or "or" in passed
        if len(passed) > (_FORWARD if listed else _NEAR) or ("," in passed and not listed):
            return False
    for (_, stop), word in zip(between, passed, strict=True):
        if word in _MARKS and new_statement(parsed, stop, word):
            return False
    aimless = cue.kinds & {"no", "not"}
    if aimless and any(
        word == "for" and passed[k - 1] not in words("sought") for k, word in enumerate(passed) if k
    ):
        return False
    past = not cue.kinds & {"no", "not", "doubt-first", "doubt", "gone", "hides", "other-doubt"}
    if past and "history" not in parsed.text[cue.start : cue.end]:
        return "," not in passed and len(passed) <= _PAST
    listed = "or" in passed or "," in passed or "nor" in passed
    return listed or len(passed) <= _FORWARD


def new_statement(parsed: Parsed, place: int, mark: str) -> bool:
    """What follows a comma or "and" is a statement of its own and not the next of a list."""
    rest = [parsed.text[s:e] for s, e in parsed.words if s >= place]
    if mark == "," and rest and rest[0] in ("or", "nor", "and", "and/or"):
        rest = rest[1:] if rest[0] == "and" else []
    part: list[str] = []
    for word in rest:
        if word in (",", ";", "and", "(", ")"):
            break
        part.append(word)
    if not part:
        return False
    listed = "or" in rest or "nor" in rest
    verb = any(word in words("verb") for word in part)
    if verb and part[0] in words("determiner"):
        return True
    if verb and not any(word in words("perceived") for word in part):
        return True
    return part[0] in words("degree") and not listed


def _after(parsed: Parsed, start: int, end: int) -> list[Cue]:
    """Cues behind the phrase that speak of it, the nearest first."""
    reaching: list[Cue] = []
    for cue in parsed.cues:
        if cue.start < end:
            continue
        if "pseudo" in cue.kinds:
            break
        backward = cue.kinds & _AFTER
        between = [parsed.text[s:e] for s, e in parsed.words if end <= s and e <= cue.start]
        if ";" in between:
            break
        if backward and _looks_back(between, parsed.text[cue.start : cue.end]):
            reaching.append(Cue(cue.start, cue.end, backward))
        if cue.kinds & {"end", "no", "doubt-first", "gone"} and not backward:
            break
    return reaching


def _looks_back(between: Sequence[str], cue: str) -> bool:
    """The words between a phrase and a cue behind it leave the phrase in the cue's subject."""
    if cue in words("adjective"):  # "pain free", "effusion is absent"
        return len(between) <= _ADJACENT and "," not in between and "and" not in between
    listed = "or" in between
    if len(between) > (_BACKWARD + 6 if listed or "," in between else _BACKWARD):
        return False
    for place, word in enumerate(between[:-1]):
        following = between[place + 1]
        if word not in (",", "and"):
            continue
        if following in words("determiner") or (following in words("degree") and not listed):
            return False
    # Behind a comma the words before the cue must be the subject's: "A, B or C is not seen".
    if "," in between and "or" not in between and "and" not in between:
        last = len(between) - 1 - list(reversed(between)).index(",")
        return last == len(between) - 1 or between[0] == ","
    return True


_BLANKS = re.compile(r"\s{2,}|[^\S ]")


def _squeezed(text: str) -> tuple[str, tuple[int, ...]]:
    """The text with one blank for each run of white space, and where each character was."""
    if not _BLANKS.search(text):
        return text, ()
    parts: list[str] = []
    origin: list[int] = []
    for match in re.finditer(r"\s+|\S+", text):
        part = " " if match[0].isspace() else match[0]
        parts.append(part)
        origin += range(match.start(), match.start() + len(part))
    return "".join(parts), (*origin, len(text))


def _lowered(text: str) -> str:
    """Lower case of the same length, so that places stay."""
    lower = text.lower()
    return lower if len(lower) == len(text) else "".join(c.lower()[:1] or c for c in text)
