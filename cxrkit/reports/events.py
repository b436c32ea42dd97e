"""What a sentence says of each thing it names: one event per mention, with its evidence.

A finding is what its word says, in the state of the sentence. Anatomy ("heart size") counts only
with a state of its own: normal is absent, enlarged present, borderline uncertain.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from cxrkit.reports import scope
from cxrkit.reports.lexicon import words
from cxrkit.reports.scope import Cue, Parsed


@dataclass(frozen=True)
class Event:
    """One mention. `state`: present, absent, uncertain, historical, explained or unchanged."""

    concept: str
    state: str
    start: int  # in the sentence
    end: int
    rule: str
    cue_start: int = -1
    cue_end: int = -1


_REACH = 9  # words between anatomy and its state


def events(sentence: str) -> tuple[Event, ...]:
    """The events of one sentence in the order of their places."""
    parsed = scope.parse(sentence)
    made = (
        _event(parsed, start, end, phrase.concept, phrase.anatomy)
        for start, end, phrase in parsed.found
    )
    return placed(parsed, (event for event in made if event is not None))


def placed(parsed: Parsed, found: Iterable[Event]) -> tuple[Event, ...]:
    """The events with their places in the sentence as it was written."""
    if not parsed.origin:
        return tuple(found)
    to = (*parsed.origin, -1)  # so that "no cue" stays -1
    return tuple(
        replace(e, start=to[e.start], end=to[e.end], cue_start=to[e.cue_start],
                cue_end=to[e.cue_end])
        for e in found
    )  # fmt: skip


def _event(parsed: Parsed, start: int, end: int, concept: str, anatomy: bool) -> Event | None:
    if anatomy:
        return _of_anatomy(parsed, start, end, concept)
    judged = scope.judge(parsed, start, end)
    if judged.state == "present" and (cue := _explanation(parsed, end)):
        return Event(concept, "explained", start, end, "explained", cue.start, cue.end)
    return Event(concept, judged.state, start, end, judged.rule, judged.start, judged.end)


def _explanation(parsed: Parsed, end: int) -> Cue | None:
    """ "... represents a nipple shadow": a linking word and then what it really is."""
    for cue in parsed.cues:
        if cue.start >= end and "explained" in cue.kinds:
            between = parsed.text[end : cue.start]
            if ";" not in between and any(f" {link} " in f"{between} " for link in words("link")):
                return cue
    return None


def _of_anatomy(parsed: Parsed, start: int, end: int, concept: str) -> Event | None:
    named = state_of_anatomy(parsed, start, end)
    if named is None:
        return None
    cue, rule = named
    return Event(concept, _state(parsed, cue, rule), start, end, rule, cue.start, cue.end)


def state_of_anatomy(parsed: Parsed, start: int, end: int) -> tuple[Cue, str] | None:
    """The nearest state word of the same statement: normal, large, border or stable."""
    best: tuple[int, Cue] | None = None
    for cue in parsed.cues:
        if not cue.kinds & {"normal", "large", "border", "stable"}:
            continue
        distance = _distance(parsed, start, end, cue)
        if distance is not None and (best is None or distance < best[0]):
            best = (distance, cue)
    if best is None:
        return None
    cue = best[1]
    return cue, next(k for k in ("large", "border", "normal", "stable") if k in cue.kinds)


def _state(parsed: Parsed, cue: Cue, rule: str) -> str:
    if rule == "border":
        return "uncertain"
    if rule == "stable":
        return "unchanged"
    judged = scope.judge(parsed, cue.start, cue.end).state
    if rule == "large":
        return judged
    return "uncertain" if judged == "absent" else "absent"  # "not normal" says not how


def _distance(parsed: Parsed, start: int, end: int, cue: Cue) -> int | None:
    """Words between anatomy and a state word of its statement."""
    low, high = (end, cue.start) if cue.start >= end else (cue.end, start)
    if low > high:
        return None
    places = [(s, e) for s, e in parsed.words if low <= s and e <= high]
    between = [parsed.text[s:e] for s, e in places]
    if len(between) > _REACH or ";" in between or "but" in between:
        return None
    for (_, stop), word in zip(places, between, strict=True):
        if word in (",", "and") and scope.new_statement(parsed, stop, word):
            return None
    # "normal heart size" is nearer than "heart size ... normal" of the next part
    return len(between) + (0 if cue.start >= end else 1)
