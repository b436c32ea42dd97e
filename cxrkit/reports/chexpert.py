"""The mentions and states of the two published labelers, CheXpert's and NegBio's MIMIC branch.

Both search the same phrases as parts of words, take a named structure for a mention, and let
"normal" negate whatever is near it. What the sentence says is decided by `scope`, not by their
dependency parser, so a label can differ from theirs; docs/labelling.md says how often.
"""

import functools
from dataclasses import dataclass

import ahocorasick_rs as ahocorasick

from cxrkit.reports import scope
from cxrkit.reports.events import Event, placed, state_of_anatomy
from cxrkit.reports.lexicon import rows

OTHER = "other"  # concept of the 53 phrases that only keep "No Finding" away


@dataclass(frozen=True)
class _Phrases:
    automaton: ahocorasick.AhoCorasick
    meaning: tuple[tuple[str, str], ...]  # observation and kind


@functools.cache
def _phrases() -> _Phrases:
    texts: list[str] = []
    meaning: list[tuple[str, str]] = []
    for observation, kind, phrases, *_ in rows("chexpert.tsv"):
        for text in phrases.split("|"):
            texts.append(text)
            meaning.append((observation, kind))
    automaton = ahocorasick.AhoCorasick(texts, matchkind=ahocorasick.MatchKind.Standard)
    return _Phrases(automaton, tuple(meaning))


# "over the heart" says where a device is and nothing of the heart.
_OVER = ("over the", "overly the", "in the")
_SIDES = ("", " superior", " left", " right")


def events(sentence: str) -> tuple[Event, ...]:
    """The mentions of one sentence; `concept` is the observation, or `OTHER`."""
    parsed = scope.parse(sentence)
    table = _phrases()
    found = [
        (start, end, *table.meaning[number])
        for number, start, end in table.automaton.find_matches_as_indexes(
            f" {parsed.text} ", overlapping=True
        )
    ]
    dropped = [(s, e, o) for s, e, o, kind in found if kind == "not"]
    made: dict[tuple[str, int], Event] = {}
    for start, end, observation, kind in found:
        covered = any(o == observation and s < end and start < e for s, e, o in dropped)
        if kind == "not" or covered or (kind == "neutral" and _located(parsed.text, start - 1)):
            continue
        low, high = max(start - 1, 0), min(end - 1, len(parsed.text))
        event = _event(parsed, low, high, OTHER if kind == "other" else observation, kind)
        made[(event.concept, event.start)] = event
    return placed(parsed, (made[key] for key in sorted(made, key=lambda k: (k[1], k[0]))))


def _located(text: str, start: int) -> bool:
    before = text[: max(start, 0)].rstrip()
    if text[start : start + 4] == "the ":
        before += " the"
    return any(before.endswith(f"{over}{side}") for over in _OVER for side in _SIDES)


def _event(parsed: scope.Parsed, start: int, end: int, concept: str, kind: str) -> Event:
    judged = scope.judge(parsed, start, end)
    state = {"historical": "present"}.get(judged.state, judged.state)
    rule, cue = judged.rule, (judged.start, judged.end)
    if parsed.text.lstrip().startswith(("findings: no", "impression: no")):
        state, rule = "absent", "sentence"
    of_anatomy = state_of_anatomy(parsed, start, end)
    if state == "present" and of_anatomy is not None:
        found, name = of_anatomy
        if name == "normal":
            state, rule, cue = "absent", name, (found.start, found.end)
        elif kind == "neutral" and name in ("border", "stable"):
            state, rule, cue = "uncertain", name, (found.start, found.end)
    if state == "present" and kind == "weak":
        state, rule = "uncertain", "weak"
    if state == "present" and kind == "mention" and _alternative(parsed, start, end):
        state, rule = "uncertain", "alternative"
    return Event(concept, state, start, end, rule, *cue)


def _alternative(parsed: scope.Parsed, start: int, end: int) -> bool:
    """ "X or Y" with another finding directly beside the "or"."""
    for other, stop, phrase in parsed.found:
        if phrase.anatomy:
            continue
        between = parsed.text[end:other] if other >= end else parsed.text[stop:start]
        if between.split() == ["or"]:
            return True
    return False
