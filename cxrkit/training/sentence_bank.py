"""Sentences to write reports with, mined from training reports.

A sentence is kept for what the labeler reads in it, without what no classifier of observations
knows: sides, sizes and places are taken out or avoided; sentences with names, dates, numbers,
removed details, advice, or a comparison with an earlier examination are left out.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from cxrkit.report_writing.bank import LUNG, ORDER, Bank, Entry, Key, key, read_as
from cxrkit.report_writing.report import split, states_of
from cxrkit.reports import events, labeler
from cxrkit.training.report_targets import Target

KEPT = 3  # sentences of each meaning and section
LONGEST = 25  # words
SECTIONS = ("findings", "impression")
# A sentence is said at least so often, one of several observations in this share of the reports:
# what is rarer is misspelt, and then the labeler may read its opposite, or says too much.
LEAST, SHARE = 3, 0.002

_REMOVED = re.compile(r"_|\bX{3,}|\d")
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+|\b(?:Dr|Mr|Mrs|Ms|Prof)\b")
_EARLIER = re.compile(
    r"\b(?:new|newly|now|again|still|since|stable|unchanged|chang\w+|interval\w*|prior|previous\w*|"
    r"earlier|former\w*|before|compar\w+|similar\w*|than|persist\w*|remain\w*|resol\w+|residual|"
    r"increas\w+|decreas\w+|wors\w+|improv\w+|progress\w*|develop\w*|enlarging|evolv\w+|recurr\w+|"
    r"removed|removal|cleared|longer|post|history|today|yesterday|recent\w*|current\w*|old|remote|"
    r"chronic\w*|status|known)\b",
    re.IGNORECASE,
)
_ADVICE = re.compile(
    r"\b(?:recommend\w*|suggest(?:ed|ion)|correlat\w+|follow(?:\W?up)?|discuss\w*|notif\w+|"
    r"communicat\w+|telephone|page[dr]?|obtain\w*|CT|MRI|ultrasound)\b",
    re.IGNORECASE,
)
_SIZE = (
    r"(?:left|right|bilateral|small|tiny|trace|minimal|minor|mild|mildly|slight|slightly|moderate|"
    r"moderately|large|marked|markedly|severe|severely|extensive|massive)(?:-sided)?"
)
# A side or size that goes with the word behind it; "to" and "of" would be left without a partner.
_REMOVABLE = re.compile(
    rf"\b{_SIZE}\b,?\s+(?!(?:and|or|to|in|of|at|with|than|amount|sized?|sides?|is|are)\b)(?=[a-z])",
    re.IGNORECASE,
)
_DETAIL = re.compile(
    rf"\b(?:{_SIZE}|sides?|upper|middle|mid|lower|lobes?|lobar|bas(?:e|es|al|ilar|ally)|"
    r"ap(?:ex|ices|ical)|retrocardiac|lingula\w*|perihilar|anterior|posterior|lateral\w*)\b",
    re.IGNORECASE,
)
_CLEAR_LUNGS = re.compile(
    r"\blungs?\b[^.;]*\b(?:clear|normal|unremarkable)\b|\b(?:clear|normal)\b[^.;]*\blungs?\b",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:cardiopulmonary|intrathoracic|cardiothoracic|cardiac or pulmonary)\b|"
    r"\b(?:normal|unremarkable)\b[^.;]*\b(?:chest|study|radiographs?|exam\w*|x-?rays?)\b|"
    r"\bchest\b[^.;]*\b(?:clear|normal|unremarkable)\b",
    re.IGNORECASE,
)


def mine(training: Sequence[Target]) -> Bank:
    """The bank of the training reports: the most frequent sentences of each meaning.

    The same reports give the same bank, in whatever order they come.
    """
    seen: dict[str, Counter[str]] = {}  # by sentence, how often in each section
    normal: Counter[str] = Counter()
    for target in training:
        for section, text in zip(SECTIONS, (target.findings, target.impression), strict=True):
            for sentence in split(text):
                plain = general(sentence)
                if plain is not None:
                    seen.setdefault(plain, Counter())[section] += 1
        normal.update(_normal_sentences(target))
    filed: dict[Key, list[Entry]] = {}
    for text, counts in seen.items():
        entry = _entry(text, counts) if counts.total() >= LEAST else None
        if entry and (len(entry.says) == 1 or counts.total() >= SHARE * len(training)):
            filed.setdefault(entry.says, []).append(entry)
    best = min(normal, key=lambda t: (-normal[t], len(t), t), default="")
    return Bank(tuple(_ordered(filed)), best)


@functools.lru_cache(1 << 16)
def general(sentence: str) -> str | None:
    """The sentence without side and size, with a capital and a stop; None where it is no use."""
    text = sentence.strip().rstrip(".").strip()
    for bad in (_REMOVED, _NAME, _EARLIER, _ADVICE):
        if bad.search(text):
            return None
    if text.isupper() or not text or not text[0].isalpha() or text.endswith(("?", "!", ":")):
        return None
    while (plain := _REMOVABLE.sub("", text)) != text:
        text = plain
    text = re.sub(r"\b([Aa])n?\b(?= [aeio])", r"\1n", text)  # "a [small] effusion"
    text = re.sub(r"\b([Aa])n\b(?= [^aeiouhx])", r"\1", text, flags=re.IGNORECASE)
    if len(text.split()) > LONGEST:
        return None
    return text[0].upper() + text[1:] + "."


def _entry(text: str, counts: Counter[str]) -> Entry | None:
    """The sentence under what it says; None where it says nothing, or more than observations."""
    says = key(states_of(text))
    if not says or not _plain(text) or labeler.label(text) != read_as(dict(says)):
        return None
    return Entry(text, says, counts["findings"], counts["impression"], _excludes(text, says))


def _plain(text: str) -> bool:
    """Whether it tells of no history and, beside observations, of nothing but what is not there."""
    known = {e.concept for *_, e, _ in labeler.mentions(text, "strict", "chexpert")}
    return all(
        e.state in ("present", "absent", "uncertain") if e.concept in known else e.state == "absent"
        for e in events.events(text)
    )


def _excludes(text: str, says: Key) -> tuple[str, ...]:
    """What must not be present beside the sentence."""
    named = {o for o, _ in says}
    if _WHOLE.search(text):
        denied = frozenset(ORDER) - {"Support Devices"}
    elif _CLEAR_LUNGS.search(text):
        denied = LUNG
    else:
        return ()
    return tuple(o for o in ORDER if o in denied - named)


def _normal_sentences(target: Target) -> Iterator[str]:
    """The sentences of an impression that say that there is nothing, naming no observation."""
    if target.labels.get("No Finding") != 1:
        return
    for sentence in split(target.impression):
        plain = general(sentence)
        if plain and _WHOLE.search(plain) and not states_of(plain) and _plain(plain):
            yield plain


def _ordered(filed: dict[Key, list[Entry]]) -> Iterator[Entry]:
    """Of each meaning the most frequent sentences of each section, in the order of the body."""
    for says in sorted(filed, key=lambda k: [(ORDER.index(o), state) for o, state in k]):
        # One that denies nothing in passing can always be said.
        groups = (filed[says], [e for e in filed[says] if not e.excludes])
        kept = {e for g in groups for section in SECTIONS for e in _best(g, section)}
        yield from sorted(kept, key=lambda e: e.text)


def _best(entries: Sequence[Entry], section: str) -> list[Entry]:
    """The most frequent sentences of a section; those with a place only where there is no other."""
    plain = [e for e in entries if not (_present(e) and _DETAIL.search(e.text))]

    def rank(e: Entry) -> tuple[int, int, int, str]:
        return -getattr(e, section), -(e.findings + e.impression), len(e.text), e.text

    return sorted(plain or entries, key=rank)[:KEPT]


def _present(entry: Entry) -> bool:
    return any(state for _, state in entry.says)
