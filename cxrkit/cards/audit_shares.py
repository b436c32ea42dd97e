"""Verdicts on splits and scores: what the copy, the card's own tables and formulas say."""

import re
from collections.abc import Mapping, Sequence

import polars as pl

from cxrkit.cards import audit_verdict
from cxrkit.cards.audit_copy import Quantity, Source
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_verdict import CARD, COPY, RECORD, Finding, false, true, unverifiable
from cxrkit.cards.audit_words import HARMLESS, SPLIT, split_names
from cxrkit.terms import SPLITS

_ASIDE = re.compile(r"augment|train(?:ed|ing) (?:set|data|images)|prepared|experiment", re.I)
_WITHIN = 0.006  # of the whole: a ratio is written in full percents


def ratio(statement: Statement, source: Source, cards: Mapping[str, float], line: int) -> Finding:
    """The sizes of the splits as parts of the whole.

    Args:
        statement: of kind "ratio".
        source: the archive it is about.
        cards: images of each split as the card gives them; {} where it does not.
        line: where it does.
    """
    said = dict(zip(statement.words, statement.values, strict=True))
    if abs(sum(said.values()) - 1) > 0.011:
        return false(CARD, f"{sum(said.values()):.1%}", "the parts do not make a whole")
    own, published = _sizes(source), _published(source)
    if set(said) in (set(own), set(published)):
        here, there = (_same(s, said) if set(s) == set(said) else None for s in (own, published))
        finding = audit_verdict.against(here, there, _parts(own), _parts(published), source.partial)
        if finding.answer == "false" and _ASIDE.search(statement.context):
            finding = unverifiable("a split of prepared data may be meant", finding.found)
    elif cards and set(cards) == set(said):
        finding = (true if _same(cards, said) else false)(CARD, _parts(cards))
        why = f"line {line} of the card"
        finding = Finding(finding.answer, finding.found, why, finding.authority)
    elif own:
        finding = unverifiable("a split that is not of the release", f"this copy: {_parts(own)}")
    elif source.facts.no_split:
        finding = false(RECORD, "no official split", source.facts.no_split)
    else:
        finding = unverifiable("this copy has no split, and none is recorded")
    if finding.answer == "true" and cards and set(cards) == set(said) and not _same(cards, said):
        return false(CARD, _parts(cards), f"line {line} of the card says otherwise")
    return finding


def own_sizes(
    statements: Sequence[Statement],
) -> dict[tuple[str, ...], tuple[int, dict[str, float]]]:
    """Images by split as a card gives them, by the archives they are about, with the line."""
    places: dict[tuple[tuple[str, ...], int], dict[str, float]] = {}
    for statement in statements:
        said = (*statement.subject, *statement.after)
        names = split_names(" ".join(said))
        images = statement.unit in ("images", "items", "cases")
        others = [w for w in said if w not in SPLIT and w not in HARMLESS]
        if len(names) != 1 or others or not images or statement.quoted:
            continue
        if statement.kind == "count":
            value = statement.values[0]
        elif statement.kind == "sum" and statement.words == ("column",):
            value = sum(statement.values)
        else:
            continue
        place = (statement.about, statement.table or statement.line)
        places.setdefault(place, {})[names[0]] = value
    found: dict[tuple[str, ...], tuple[int, dict[str, float]]] = {}
    for (about, line), sizes in places.items():
        if len(sizes) > 1:
            found.setdefault(about, (line, sizes))
    return found


def overlap(statement: Statement, source: Source, cards: Mapping[str, float]) -> Finding:
    """That no patient has images in two splits.

    A sentence that says so of a split by image is false by arithmetic: of the images of a patient
    with n of them, 1 - (1 - p)^(n - 1) have another one in a training part of share p.
    """
    table = source.table
    if table is None or not (table["patient_id"] != "").any():
        return unverifiable("patients are not known here")
    known = table.filter(pl.col("patient_id") != "")
    by_image = any(w in statement.context.lower() for w in ("image", "random", "radiograph"))
    if by_image and "patient" in statement.context.lower() and _says_image_split(statement):
        whole = sum(cards.values())
        train = cards.get("train", 0.0) / whole if whole else 0.7
        number = known.group_by("patient_id").len()["len"].cast(pl.Float64)
        shared = float((number * (1 - (1 - train) ** (number - 1))).sum()) / float(number.sum())
        return false(
            COPY,
            f"{shared:.1%} of the test images would share a patient with training",
            f"a split by image with {train:.0%} for training; the lists by patient share none",
        )
    placed = known.filter(pl.col("split") != "")
    if placed.is_empty():
        return unverifiable("this copy has no split")
    crossing = (
        placed.group_by("patient_id").agg(pl.col("split").n_unique()).filter(pl.col("split") > 1)
    )
    if crossing.height:
        return false(COPY, f"{crossing.height:,} patients are in several splits")
    shown = "0 patients are in several splits"
    if source.partial:
        return unverifiable("the copy is a part of the release", shown)
    return true(COPY, shown)


def score(statement: Statement, scores: Sequence[Statement]) -> Finding:
    """A score against the others of its card.

    For one mask, or pixels pooled over images, IoU = D / (2 - D) with Dice D, and D and F1 are the
    harmonic mean of precision and recall. A mean over images can only have a larger IoU, since
    D / (2 - D) is convex, and never more than D; and a smaller F1, since the harmonic mean is
    concave (Jensen's inequality).
    """
    value, slack = statement.values[0], statement.step
    if not 0 <= value <= 1:
        return false(CARD, "", "a score lies between 0 and 1")
    near = _nearest(statement, scores)
    findings = []
    if statement.unit in ("dice", "iou"):
        other = near.get("iou" if statement.unit == "dice" else "dice")
        if other is not None:
            dice, iou = (value, other) if statement.unit == "dice" else (other, value)
            findings.append(_pair(statement.unit, dice, iou, slack))
    if statement.unit in ("dice", "f1") and {"precision", "recall"} <= set(near):
        precision, recall = near["precision"], near["recall"]
        findings.append(_harmonic(statement.unit, value, precision, recall, slack))
    for answer in ("false", "true"):
        if hit := next((f for f in findings if f.answer == answer), None):
            return hit
    return findings[0] if findings else unverifiable("nothing in the card to compare it with")


def _pair(unit: str, dice: float, iou: float, slack: float) -> Finding:
    pooled = dice / (2 - dice)
    back = 2 * iou / (1 + iou)
    if unit == "dice":
        shown = f"IoU {iou:.4f} = Dice {back:.4f}"
    else:
        shown = f"Dice {dice:.4f} = IoU {pooled:.4f}"
    if abs(pooled - iou) <= 2 * slack:
        return true(CARD, shown)
    if iou < pooled or iou > dice:
        return false(CARD, shown, "impossible, pooled or as means over the same images")
    return unverifiable("as pooled values they differ; possible as means over images", shown, CARD)


def _harmonic(unit: str, value: float, precision: float, recall: float, slack: float) -> Finding:
    mean = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    shown = f"precision {precision:.4f} and recall {recall:.4f} = F1 {mean:.4f}"
    if abs(mean - value) <= 2 * slack:
        return true(CARD, shown)
    if value > mean:
        return false(CARD, shown, "impossible, pooled or as means over the same images")
    if unit == "f1":
        return false(CARD, shown, "differs as the score of these two values")
    return unverifiable("as pooled values they differ; possible as means over images", shown, CARD)


def _nearest(statement: Statement, scores: Sequence[Statement]) -> dict[str, float]:
    """The other scores of the sentence; for those it lacks, of the section, or of the card."""
    found: dict[str, float] = {}
    for unit in ("dice", "iou", "precision", "recall"):
        named = [s for s in scores if s.unit == unit and s.about == statement.about]
        beside = [s for s in named if _same_place(s, statement)]
        near = [s for s in named if s.section == statement.section and not s.table]
        for place in (beside, near, named):
            values = {s.values[0] for s in place}
            if len(values) == 1:
                found[unit] = values.pop()
            if values:
                break
    return found


def _same_place(one: Statement, other: Statement) -> bool:
    """Both are in one sentence, or in one row or column of a table."""
    if one.table or other.table:
        return (one.table, one.words) == (other.table, other.words)
    return one.context == other.context


def _says_image_split(statement: Statement) -> bool:
    text = statement.context.lower()
    marks = ("by image", "image-level", "image level", "image-wise", "per image", "random")
    return any(mark in text for mark in marks)


def _sizes(source: Source) -> dict[str, float]:
    """Images by split on this copy; {} where it has no splits."""
    if source.table is None:
        return {}
    counts = source.table.filter(pl.col("split") != "")["split"].value_counts()
    return {str(name): float(number) for name, number in counts.iter_rows()}


def _published(source: Source) -> dict[str, float]:
    """Published images by split; {} where the claims have none."""
    sizes = {name: source.recorded(Quantity("images", split=name)) for name in SPLITS}
    return {name: float(number) for name, number in sizes.items() if number}


def _same(sizes: Mapping[str, float], said: Mapping[str, float]) -> bool:
    whole = sum(sizes.values())
    return all(abs(sizes[name] / whole - share) <= _WITHIN for name, share in said.items())


def _parts(sizes: Mapping[str, float]) -> str:
    whole = sum(sizes.values())
    names = [n for n in ("train", "validate", "test") if n in sizes]
    return ", ".join(f"{name} {sizes[name] / whole:.1%}" for name in names)
