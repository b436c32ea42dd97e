"""Verdicts on counts, sums, percentages, numbers of labels, and that every image has a mask."""

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from cxrkit.cards import audit_verdict
from cxrkit.cards.audit_copy import Quantity, Source
from cxrkit.cards.audit_numbers import agrees
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_verdict import CARD, COPY, RECORD, Finding, false, true, unverifiable
from cxrkit.cards.audit_words import singular, split_names, words
from cxrkit.records import LABEL

# Sentences about data that somebody prepared or trained on, which is not the release.
_ASIDE = re.compile(
    r"augment|used (?:to|for) train|train(?:ed|ing) (?:on|with|data)|training data|fine-?tun|"
    r"pre-?train|experiment|our model|evaluat\w+ on|baseline|subset|randomly|"
    r"\bmerg\w+|\b(?:some|many|other) (?:people|authors|papers|groups)\b",
    re.IGNORECASE,
)
IMAGES = Quantity("images")


def quantity(statement: Statement, source: Source) -> Quantity:
    """What a count is of in this archive; "Data Volume" and "cases" are images where unsaid."""
    found = source.quantity(statement.subject, statement.after, statement.unit or "images")
    return replace(found, unit="images") if found.unit in ("items", "cases") else found


def count(statement: Statement, source: Source, splits: frozenset[str]) -> Finding:
    """One number of something.

    Args:
        statement: of kind "count".
        source: the archive it is about.
        splits: the splits that the table has which the statement is a cell of.
    """
    asked = quantity(statement, source)
    value = statement.values[0]
    if asked.split and (own := _official(source)) and splits and splits != own:
        return unverifiable(f"of another split than the release's {', '.join(sorted(own))}")
    known = replace(asked, known=True)
    found, recorded = source.counts(known), source.recorded(known)
    agree = [
        any(fits(statement, n) for n in found) if found else None,
        None if recorded is None else fits(statement, recorded),
    ]
    wrong = _erratum(statement, source, known)
    if wrong is not None and not agree[0] and not statement.loose:
        return wrong
    if not asked.known and not any(agree):
        return unverifiable("it is not known which images these words mean")
    finding = audit_verdict.against(
        agree[0], agree[1], source.shown(known), _shown(recorded), source.partial,
        _who(source, known),
    )  # fmt: skip
    if finding.answer == "false" and statement.loose:
        return unverifiable("the sentence may count a part", finding.found)
    if finding.answer != "false":
        return _in_other_units(finding, statement, source)
    for meaning in (_other_meaning, _named_part, _published_part):
        other = meaning(statement, source, known)
        if other is not None:
            return other
    if _ASIDE.search(f"{statement.section} {statement.context}") and not statement.table:
        return unverifiable("about data that were prepared or chosen, not about the release")
    return replace(finding, why=_explained(finding, value, source, asked))


def total(statement: Statement, source: Source) -> Finding | None:
    """What parts add up to; None where nothing is learned from it."""
    *parts, stated = statement.values
    whole, how = sum(parts), statement.words[0]
    shown = " + ".join(f"{p:,.0f}" for p in parts) + f" = {whole:,.0f}"
    if stated:
        answer = true if whole == stated else false
        return answer(CARD, shown)
    if how == "column":
        return None
    exclusive = source.facts.exclusive or len(source.card.observations) == 1
    if how == "splits":
        asked = replace(quantity(statement, source), split="")
    elif exclusive or not statement.subject:
        asked = Quantity("images" if statement.unit in ("cases", "items") else statement.unit)
    else:
        return None  # an image can have several labels: their sum is no number of images
    if not asked.known or (how == "table" and not exclusive):
        return None
    found, recorded = source.counts(asked), source.recorded(asked)
    wrong = _erratum(replace(statement, values=(whole,)), source, asked)
    if wrong and whole not in found:
        finding = wrong
    else:
        finding = audit_verdict.against(
            whole in found if found else None,
            None if recorded is None else recorded == whole,
            source.shown(asked), _shown(recorded), source.partial, _who(source, asked),
        )  # fmt: skip
    few_labels = len(source.card.observations) == 1 or not statement.subject
    loose = how == "list" or (how == "table" and not few_labels)
    if finding.answer == "false" and loose and finding is not wrong:
        return None  # parts need not be all parts
    if finding.answer == "false" and asked.unit in ("patients", "studies"):
        finding = unverifiable("one can be in several parts", finding.found)
    return replace(
        finding, why="; ".join(w for w in (f"they add up to {whole:,.0f}", finding.why) if w)
    )


def percentage(statement: Statement, source: Source) -> Finding:
    """A share: first against the counts beside it, else against the copy and the record."""
    value, slack = statement.values[0], statement.step / 2 * 1.01
    if len(statement.values) == 3:
        part, whole = statement.values[1:]
        share = 100 * part / whole
        shown = f"{share:.2f} % ({part:,.0f} of {whole:,.0f})"
        return (true if abs(share - value) <= slack else false)(CARD, shown)
    said = " ".join((*statement.subject, *statement.after))
    recorded = next((p for pattern, p in source.facts.shares if re.search(pattern, said)), None)
    asked = replace(quantity(statement, source), unit="images")
    some, all_of = source.count(asked), source.count(IMAGES)
    of_images = None
    if asked != IMAGES and asked.known and some is not None and all_of:
        of_images = 100 * some / all_of
    if recorded is None and of_images is None:
        return unverifiable("it is not known what the percentage is of")
    fits = [
        None if n is None else agrees(value, n, statement.hedge, slack)
        for n in (of_images, recorded)
    ]
    finding = audit_verdict.against(
        fits[0], fits[1], "" if of_images is None else f"{of_images:.2f} %",
        "" if recorded is None else f"{recorded:g} %", source.partial, source.facts.source,
    )  # fmt: skip
    if finding.answer == "false" and recorded is None:
        # A share of patients, studies or regions may be meant.
        return unverifiable("it is not said what the percentage is of", finding.found)
    return finding


def masked(statement: Statement, source: Source) -> Finding:
    """That every image has a mask, or a coverage in percent."""
    value = statement.values[0] if statement.values else 100.0
    slack = statement.step / 2 * 1.01 if statement.values else 0.0
    of = quantity(replace(statement, unit="images"), source) if statement.subject else IMAGES
    of = replace(of, unit="images", known=True)
    asked = replace(of, unit="masks")
    sides: list[tuple[bool | None, str]] = []
    for images, masks in (
        (source.count(of), source.count(asked)),
        (source.recorded(of), source.recorded(asked)),
    ):
        if images and masks is not None:
            share = 100 * masks / images
            text = f"{masks:,} masks for {images:,} images ({share:.1f} %)"
            sides.append((agrees(value, share, slack=slack), text))
        else:
            sides.append((None, ""))
    (fits_copy, found), (fits_record, recorded) = sides
    if fits_copy is None and fits_record is None:
        if source.card.mask_of:
            return unverifiable("neither this copy nor the record can tell")
        return false(RECORD, "no masks", "the archive has none of its own")
    if fits_copy and fits_record is False and source.partial and not source.described:
        both = f"this copy: {found}; published: {recorded}"
        return false(RECORD, both, "true of this part of the release, not of the release")
    return audit_verdict.against(
        fits_copy, fits_record, found, recorded, source.partial, _who(source, asked)
    )


def categories(statement: Statement, source: Source) -> Finding:
    """How many labels or classes there are."""
    names = list(source.card.observations)
    if not names and source.table is not None:
        names = [c for c in source.table.columns if c.startswith("labels.")]
    if not names and not source.facts.categories:
        return unverifiable("the labels of the release are not recorded")
    findings = [n for n in names if n.lower() != "no finding"]
    readings = {len(names): "labels", len(findings): "labels without No Finding"}
    if len(names) == 1:
        readings = {1: f"the label {names[0]}", 2: f"{names[0]} present or absent"}
    if source.table is not None:
        columns = [LABEL + n for n in names if LABEL + n in source.table.columns]
        readings.setdefault(_mentioned(source.table, columns), "labels that occur on this copy")
    readings |= dict.fromkeys(source.facts.categories, "of the release's vocabularies")
    for value in statement.values:
        if int(value) in readings:
            return true(RECORD, f"{int(value)} {readings[int(value)]}")
    shown = " or ".join(f"{n} ({words})" for n, words in sorted(readings.items()))
    if not statement.table and statement.values[0] < max(readings):
        return unverifiable("a part of the labels may be meant", shown)
    return false(RECORD, shown)


def _mentioned(table: pl.DataFrame, columns: Sequence[str]) -> int:
    """How many of the label columns say anything."""
    return sum(table[c].null_count() < table.height for c in columns)


def fits(statement: Statement, found: float) -> bool:
    """The number stated, as exact as it is written, can be said of what was found."""
    slack = statement.step / 2 if statement.step > 1 else 0.0
    return agrees(statement.values[0], found, statement.hedge, slack)


def _erratum(statement: Statement, source: Source, asked: Quantity) -> Finding | None:
    if statement.hedge:
        return None
    wrong = next((c for c in source.errata(asked) if c.value == statement.values[0]), None)
    if wrong is None:
        return None
    found, recorded = source.shown(asked), source.recorded(asked)
    sides = [f"this copy {found}"] if found else []
    sides += (
        [f"published {recorded:,}"] if recorded is not None and _shown(recorded) != found else []
    )
    if found and found == _shown(recorded):
        sides = [found]
    authority = COPY if found else f"{RECORD}: {_who(source, asked)}"
    return false(authority, "; ".join(sides) or wrong.erratum, wrong.erratum)


def _other_meaning(statement: Statement, source: Source, asked: Quantity) -> Finding | None:
    """ "Cases" can be patients or studies; with a mask of a finding, images that have it."""
    units = ("patients", "studies") if statement.unit == "cases" else ()
    others = [replace(asked, unit=unit, known=True) for unit in units]
    of_finding = [o for o in source.card.observations if o.lower() == source.card.mask_of]
    if of_finding and asked.unit == "masks":
        others.append(Quantity("images", labels=((of_finding[0], 1),)))
    elif of_finding and statement.unit == "cases" and asked.labels == ((of_finding[0], 1),):
        others.append(Quantity("masks"))
    for other in others:
        for number, authority in ((source.count(other), COPY), (source.recorded(other), RECORD)):
            if number is not None and fits(statement, number):
                names = " ".join(name for name, _ in other.labels)
                return true(authority, f"{number:,} {names} {other.unit}".replace("  ", " "))
    return None


def _named_part(statement: Statement, source: Source, asked: Quantity) -> Finding | None:
    """A split or a label that the sentence names elsewhere: "a test set of 5 images (2 people)"."""
    if statement.table:
        return None
    text = f" {' '.join(singular(w) for w in words(statement.context))} "
    parts = [replace(asked, split=name) for name in split_names(statement.context)]
    parts += [
        replace(asked, labels=((observation, state),))
        for named, observation in source.vocabulary
        if named and f" {' '.join(named)} " in text
        for state in (1, 0)
    ]
    parts += [
        replace(asked, extras=(kind,)) for word, kind in source.kinds.items() if f" {word}" in text
    ]
    for part in parts:
        for number, authority in ((source.count(part), COPY), (source.recorded(part), RECORD)):
            if part != asked and number is not None and fits(statement, number):
                names = [*(name for name, _ in part.labels), *(kind for _, kind in part.extras)]
                of = part.split if part.split != asked.split else " ".join(names) or part.split
                return true(authority, f"{number:,} {part.unit} of {of}")
    return None


def _published_part(statement: Statement, source: Source, asked: Quantity) -> Finding | None:
    """On a part of the release, or without a published total: another published number."""
    if source.total is not None and not source.partial:
        return None
    for other, claim in source.published:
        same = other.unit == asked.unit and other != asked and not asked.labels
        if same and not claim.erratum and claim.value == statement.values[0]:
            said = f"published: {claim.value:,} {claim.what}"
            return unverifiable("a part of the release may be meant", said, RECORD)
    return None


def _in_other_units(finding: Finding, statement: Statement, source: Source) -> Finding:
    """Where masks were meant by "cases", the finding says so."""
    if (
        statement.unit == "cases"
        and source.quantity(statement.subject, (), "cases").unit == "masks"
    ):
        return replace(finding, found=f"{finding.found} masks".strip())
    return finding


def _explained(finding: Finding, value: float, source: Source, asked: Quantity) -> str:
    """Why, and what else has the number that was stated."""
    said = [finding.why] if finding.why else []
    if asked == IMAGES:
        for unit in ("masks", "patients", "studies"):
            if value in (source.count(Quantity(unit)), source.recorded(Quantity(unit))):
                said.append(f"{value:,.0f} is the number of {unit}")
    return "; ".join(said)


def _official(source: Source) -> set[str]:
    """The splits that are published, or else those of the copy."""
    published = {q.split for q, c in source.published if q.split and not c.erratum}
    own = set() if source.table is None else set(source.table["split"].unique())
    return published or own - {""}


def _who(source: Source, asked: Quantity) -> str:
    return next((c.source for q, c in source.published if q == asked and not c.erratum), "")


def _shown(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def table_splits(statements: Sequence[Statement]) -> dict[int, frozenset[str]]:
    """The splits that each table names, by the line of the table."""
    found: dict[int, set[str]] = {}
    for statement in statements:
        if statement.table and statement.kind == "count":
            names = split_names(" ".join(statement.subject))
            found.setdefault(statement.table, set()).update(names)
    return {line: frozenset(names) for line, names in found.items()}
