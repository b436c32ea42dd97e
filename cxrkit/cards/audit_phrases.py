"""Counts, percentages, ratios and sums in a sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from cxrkit.cards import audit_numbers, audit_scores
from cxrkit.cards.audit_about import about, made, shortened
from cxrkit.cards.audit_markdown import Sentence
from cxrkit.cards.audit_numbers import Number
from cxrkit.cards.audit_statement import Kind, Statement
from cxrkit.cards.audit_words import (
    FOREIGN,
    HARMLESS,
    SPLIT,
    UNIT,
    VIEWS,
    split_names,
    without_archives,
    word_set,
    words,
)

_STOPS = re.compile(r"[.,;:()\[\]|+=\u00b7\u2022]")
# Words after which a noun is no longer what the number before them counts.
_LINKS = word_set(
    "of contain contains contained are is was were have has had with without show shows in for "
    "from and or to by on as which that while versus vs per show showing"
)
_ENGLISH = word_set("the of a an with without have has are is was were in for do does not and")
_SHOWING = (("with",), ("without",), ("show",), ("shows",), ("have",), ("has",))
_RESTRICTS = (("with",), ("without",), ("in",), ("for",), ("of",))
_THE = word_set("the these those them all total")
_KEY = re.compile(
    r"(?:(?:\b(?:number|total|count|sum)\b|\bno\.|#)\s*(?:number\s*)?(?:of\s+)?(?P<of>[\w\s-]{3,40}?)"
    r"\s*(?:is|are|was|were|:|=|of)?|(?:^|[,;\u00b7\u2022]\s*)(?P<key>[A-Za-z][\w\s/-]{1,50}?)\s*[:=]|\((?P<n>n)\s*=)"
    r"\s*(?:about|around|approximately|over|more than|~)?\s*$",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\+|\b(?:total|altogether|consist\w*|compris\w*|made up|compos\w*|divided|sum)\b", re.I
)
_LISTS = re.compile(r"\b(?:contain\w*|includ\w*|has|have|had|there (?:are|were)|with|:)", re.I)
_LEFT = re.compile(
    r"\b(?:remain\w*|leav\w*|result\w*|yield\w*)(?: us with| in| a total of)*\s*$", re.I
)
_SHARE = re.compile(r"\s*\(\s*(?:~\s*)?[\d.]+\s*%\s*\)")  # beside a count: "9,378 (77.85 %)"
_RANGE = re.compile(r"\d\s*(?:to|-|\u2013)\s*$")  # "1 to 184 images" counts none
_OF_ALL = re.compile(r"\s*(?:out )?of (?:all |the |these |those |its )*")
_NAMED = re.compile(r"\b([A-Za-z]+)\s*$")  # "stage 1", "Figure 2": the number is a name
_NAMES = word_set(
    "stage figure fig phase appendix equation fold version step level section page part group task "
    "type table release day month year chapter challenge observer reader"
)
_REST = re.compile(r"\b(?:remain\w*|leav\w*|result\w*|yield\w*)\b", re.I)
# A part of something may be what the number behind these words counts.
_LOOSE = re.compile(
    r"\b(?:on|in|for|cover\w*|among|across|within|only|remaining|those|other|that)\s+"
    r"(?:the\s+|at least\s+)?$",
    re.I,
)
_OF_SPLIT = re.compile(
    rf"\b({'|'.join(SPLIT)})\b(?:\s+(?:set|split|folder|part|data|list))?\s*"
    r"(?:has|have|contain\w*|hold\w*|compris\w*|includ\w*|of|with|:|=)?\s*(?:only|about)?\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class _Count:
    """A number with the words that say what it counts; `own` says that the noun stands with it."""

    number: Number
    unit: str
    subject: tuple[str, ...]
    after: tuple[str, ...]
    own: bool


def in_sentence(sentence: Sentence) -> list[Statement]:
    """Every count, percentage, ratio, sum and score of a sentence, in that order."""
    numbers = audit_numbers.numbers(sentence.text)
    scores = list(audit_scores.in_sentence(sentence, numbers))
    taken = {n for n, _ in scores}
    numbers = [n for n in numbers if n not in taken]
    shares = [n for n in numbers if n.percent]
    whole = _percent_ratio(sentence, shares)
    whole_numbers = [n for n in numbers if not n.percent and n.step >= 1]
    counts = _counts(sentence.text, whole_numbers)
    sums = list(_sums(sentence, counts))
    # Numbers on the way to a result count something that is not in the release.
    steps = {v for s in sums if s.words in (("rest",), ("written",)) for v in _on_the_way(s)}
    found = [_statement(sentence, c) for c in counts if c.number.value not in steps]
    found += [*_ratios(sentence), *whole]
    if not whole:
        found += _percentages(sentence, shares, counts)
    return [*found, *sums, *(s for _, s in scores)]


def _on_the_way(total: Statement) -> tuple[float, ...]:
    """The numbers of a sum that was worked out in the sentence, without its result if a rest."""
    *parts, whole = total.values
    if total.words == ("written",):
        return total.values
    return (whole, parts[0]) if sum(parts) == whole else ()


def _counts(text: str, numbers: list[Number]) -> list[_Count]:
    """Each number that counts something; one without a noun of its own takes its neighbour's."""
    read = [_count(text, n, numbers[i + 1 :]) for i, n in enumerate(numbers)]
    for i, (part, whole) in enumerate(pairwise(numbers)):
        of = read[i + 1]
        if of is not None and _OF_ALL.fullmatch(text[part.end : whole.start]):
            # "336 of the 662 images show tuberculosis": the words behind are of the part.
            read[i], read[i + 1] = replace(of, number=part), replace(of, after=())
    found: list[_Count] = []
    alone = not any(c and c.unit for c in read)
    parts = [c for c in read if c and c.after and c.number.value > 1]  # 0 and 1 can be codes
    listed = len(parts) > 1 and bool(re.search(r"[+:(]", text))
    for i, count in enumerate(read):
        if count is None:
            continue
        if not count.unit and alone:
            said_of = bool(count.subject) or count.after[:1] in _SHOWING
            if not said_of and not (listed and count in parts):
                continue
            count = replace(count, unit="cases")
        elif not count.unit:
            # Beside "of 14 labels" a bare number is a part of them.
            near = [
                c
                for c in (*read[i + 1 :], *reversed(read[:i]))
                if c and c.unit and c.unit != "categories"
            ]
            named = bool(count.after or _OF_SPLIT.search(text[: count.number.start]))
            named = named or "respectively" in text.lower() or bool(count.subject)
            named = named or bool(_LEFT.search(text[: count.number.start]))
            joined = named and not FOREIGN.intersection(count.after[:3])
            if not near or not joined:
                continue
            # Of "9 images of 5 patients: 7 for training" either can be meant.
            units = {c.unit for c in near}
            count = replace(count, unit=units.pop() if len(units) == 1 else "cases")
        found.append(count)
    names = split_names(text)
    if "respectively" in text.lower() and len(names) == len(found) > 1:
        # "train, validation and test hold 5, 1 and 1 images, respectively"
        return [replace(c, after=(*c.after, n)) for c, n in zip(found, names, strict=True)]
    return [_in_split(text, count) for count in found]


def _count(text: str, number: Number, following: list[Number]) -> _Count | None:
    """The number with its noun; without a unit where there is none; None for other things."""
    if _RANGE.search(text[: number.start]):
        return None
    name = _NAMED.search(text[: number.start])
    if name and name[1].lower() in _NAMES:
        return None
    share = _SHARE.match(text, number.end)
    begin = share.end() if share else number.end
    following = [n for n in following if n.start >= begin]
    bound = following[0].start if following else len(text)
    stop = _STOPS.search(text, begin)
    segment = words(text[begin : min(bound, stop.start() if stop else bound)])
    while segment and segment[0] in _THE:
        segment = segment[1:]
    if segment[:1] == ["of"] and set(segment[1:2]) <= _THE:
        segment = [w for w in segment[1:] if w not in _THE]
    for at, word in enumerate(segment[:9]):
        if word in UNIT:
            while segment[at + 1 : at + 2] and segment[at + 1] in UNIT:
                at += 1
            after = _until_link(segment[at + 1 :])
            return _Count(number, UNIT[segment[at]], tuple(segment[: at + 1]), after, True)
        if word in _LINKS or word in FOREIGN:
            break
    if segment and segment[0] in FOREIGN:
        return None
    if key := _KEY.search(text[: number.start]):
        named = words(key["of"] or key["key"] or "")
        units = [w for w in named if w in UNIT]
        if units:
            return _Count(number, UNIT[units[-1]], tuple(named), (), True)
        said = tuple(words(without_archives(key["key"] or "")))
        if FOREIGN.intersection(said):
            return None
        return _Count(number, "", said, _until_link(segment), False)
    return _Count(number, "", (), _until_link(segment), False)


def _until_link(segment: list[str]) -> tuple[str, ...]:
    """The words up to the next "and", at most eight."""
    kept: list[str] = []
    for at, word in enumerate(segment[:8]):
        both = kept and kept[-1] in SPLIT and set(segment[at + 1 : at + 2]) & set(SPLIT)
        if word in ("and", "or", "while", "which", "that") and not both:
            break
        kept.append(word)
    return tuple(kept)


def _in_split(text: str, count: _Count) -> _Count:
    """Of "the training set has 5,216 images" the count with its split."""
    named = _OF_SPLIT.search(text[: count.number.start])
    if named is None or {*count.subject, *count.after} & set(SPLIT):
        return count
    return replace(count, after=(*count.after, named[1].lower()))


def _statement(sentence: Sentence, count: _Count) -> Statement:
    kinds: dict[str, Kind] = {
        "categories": "categories", "folders": "folders", "sub-folders": "folders"
    }  # fmt: skip
    number = count.number
    said = count.after if not count.own or count.after[:1] in _RESTRICTS else ()
    shown = " ".join((*count.subject, *said)) or count.unit
    return made(
        sentence,
        kinds.get(count.unit, "count"),
        number.start,
        number.end,
        text=shortened(f"{sentence.text[number.start : number.end]} {shown}"),
        subject=count.subject,
        after=count.after,
        values=(number.value,),
        unit=count.unit,
        hedge=number.hedge,
        step=number.step,
        loose=bool(_LOOSE.search(sentence.text[: number.start]))
        or bool(
            re.match(r"\s*(?:out )?of (?:all |the |these |its )*\d", sentence.text[number.end :])
        ),
    )


def _ratios(sentence: Sentence) -> Iterator[Statement]:
    """Parts such as 8:1:1 where the sentence is about splits."""
    text = sentence.text
    if not re.search(r"\b(?:split|divid|partition|ratio|proportion|train)", text, re.IGNORECASE):
        return
    for shares, start, end in audit_numbers.ratios(text):
        names = split_names(text)
        if len(names) != len(shares):
            names = ["train", "validate", "test"] if len(shares) == 3 else ["train", "test"]
        yield made(sentence, "ratio", start, end, values=shares, words=tuple(names))


def _percent_ratio(sentence: Sentence, shares: list[Number]) -> list[Statement]:
    """Percentages that share a whole out to the splits that the sentence names."""
    text = sentence.text
    names = split_names(text)
    if len(shares) < 2 or len(names) != len(shares) or abs(sum(n.value for n in shares) - 100) > 2:
        return []
    ends = [*(n.start for n in shares[1:]), len(text)]
    own = [split_names(text[n.end : e]) for n, e in zip(shares, ends, strict=True)]
    if all(len(o) == 1 for o in own) and len({o[0] for o in own}) == len(own):
        names = [o[0] for o in own]
    start, end = shares[0].start, shares[-1].end
    values = tuple(n.value / 100 for n in shares)
    shown = shortened(f"{', '.join(names)} {text[start:end]}")
    return [made(sentence, "ratio", start, end, shown, values=values, words=tuple(names))]


def _percentages(
    sentence: Sentence, shares: list[Number], counts: list[_Count]
) -> Iterator[Statement]:
    text = sentence.text
    for i, number in enumerate(shares):
        beside = next(
            (c for c in counts if re.fullmatch(r"\s*[(\[,]\s*", text[c.number.end : number.start])),
            None,
        )
        bound = shares[i + 1].start if i + 1 < len(shares) else len(text)
        stop = _STOPS.search(text, number.end)
        segment = words(text[number.end : min(bound, stop.start() if stop else bound)])
        if beside:
            subject, after = beside.subject, beside.after
        else:
            subject, after = tuple(segment[:8]), ()
        if not beside and not _ENGLISH.intersection(subject):
            continue
        yield made(
            sentence, "percentage", number.start, number.end,
            shortened(f"{text[number.start : number.end]} {' '.join(subject)}"),
            subject=subject, after=after, values=(number.value,), step=number.step,
            hedge=number.hedge, unit=beside.unit if beside else "",
        )  # fmt: skip


def _sums(sentence: Sentence, counts: list[_Count]) -> Iterator[Statement]:
    """Sums that are written out, lists of parts, and what is left of a number."""
    text = sentence.text
    written = re.search(r"(?<![\w,.-])[\d,]{2,}(?:\s*\+\s*[\d,]*\d)+(?:\s*=\s*([\d,]*\d))?", text)
    if written:
        parts = [n.value for n in audit_numbers.numbers(written[0])]
        total = parts.pop() if written[1] else 0.0
        how = "written" if total else "whole"
        yield _sum(sentence, parts, total, written.start(), written.end(), (how,))
        return
    numbers = [c.number for c in counts]
    if len(numbers) == 3 and _REST.search(text):
        whole, away, rest = (n.value for n in numbers)
        if whole > rest:
            yield _sum(sentence, [away, rest], whole, numbers[0].start, numbers[2].end, ("rest",))
            return
    by_archive: dict[tuple[str, ...], list[_Count]] = {}
    for count in counts:
        names, _ = about(sentence, count.number.start, count.number.end)
        by_archive.setdefault(names, []).append(count)
    for group in by_archive.values():
        yield from _listed(sentence, group)


def _listed(sentence: Sentence, counts: list[_Count]) -> Iterator[Statement]:
    """What a list of parts of one archive adds up to."""
    parts_of = [c for c in counts if _is_part(c)]
    if len(counts) > 2 and counts[0].number.value == sum(c.number.value for c in counts[1:]):
        parts_of = counts[1:]
    units = {c.unit for c in parts_of}
    if len(parts_of) < 2 or len(units) != 1 or len({(c.subject, c.after) for c in parts_of}) < 2:
        return
    largest = max(c.number.value for c in parts_of)
    totals = [
        c for c in counts if c not in parts_of and c.unit in units and c.number.value > largest
    ]
    text = sentence.text
    strong = bool(_WHOLE.search(text)) or (len(parts_of) > 2 and bool(_LISTS.search(text)))
    yield replace(
        _sum(
            sentence,
            [c.number.value for c in parts_of],
            totals[0].number.value if len(totals) == 1 else 0.0,
            parts_of[0].number.start,
            parts_of[-1].number.end,
            ("whole",) if strong else ("list",),
        ),
        unit=parts_of[0].unit,
        subject=tuple(w for c in parts_of for w in (*c.subject, *c.after)),
    )


def _is_part(count: _Count) -> bool:
    """The words with the number restrict it: a class, a split, "with" or "without"."""
    restricted = {"with", "without", *SPLIT} & {*count.subject, *count.after}
    named = [w for w in count.subject if w not in UNIT and w not in HARMLESS | VIEWS]
    return bool(restricted or named) or not count.own


def _sum(
    sentence: Sentence, parts: list[float], total: float, start: int, end: int, how: tuple[str, ...]
) -> Statement:
    shown = " + ".join(f"{p:,.0f}" for p in parts)
    shown += f" = {total:,.0f}" if total else ""
    return made(
        sentence, "sum", start, end, shortened(shown),
        values=(*parts, total), unit="images", words=how,
    )  # fmt: skip
