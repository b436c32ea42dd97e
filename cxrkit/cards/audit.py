"""Is what a dataset card says true of a copy of the archive?

Each statement gets true, false or unverifiable, and who says so: first what is counted on the copy,
then arithmetic within the card, then recorded facts of the release. docs/auditing.md has the rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cxrkit.archives import Archive
from cxrkit.cards import (
    audit_copy,
    audit_counts,
    audit_facts,
    audit_layout,
    audit_rules,
    audit_shares,
)
from cxrkit.cards.audit_copy import Quantity, Source
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_verdict import Finding, Verdict, unverifiable
from cxrkit.imaging import sizes

__all__ = ["Verdict", "audit"]

_MEASURED = ("size", "bits")  # kinds that ask for the headers of the images
_BY_SOURCE: dict[str, Callable[[Statement, Source], Finding | None]] = {
    "sum": audit_counts.total,
    "percentage": audit_counts.percentage,
    "coverage": audit_counts.masked,
    "each": audit_counts.masked,
    "categories": audit_counts.categories,
    "size": audit_layout.size,
    "bits": audit_layout.bits,
    "format": audit_layout.file_format,
    "path": audit_layout.path,
    "file": audit_layout.described,
    "folders": audit_layout.folders,
    "date": audit_rules.date,
    "source": audit_rules.address,
    "structure": audit_rules.structure,
    "area": audit_rules.area,
    "labels": audit_rules.labels,
    "making": audit_rules.making,
    "rate": audit_rules.rate,
}


def audit(
    statements: Sequence[Statement],
    archive: Archive,
    root: Path,
    headers: bool = True,
    workers: int = 1,
) -> list[Verdict]:
    """The verdict on each statement, in their order; sums that teach nothing are left out.

    Args:
        statements: of one card, from `statements.statements`.
        archive: the adapter of the archive that the card is about. Sections about another archive
            are compared with what is recorded about that one.
        root: the copy.
        headers: whether sizes are measured, where a statement asks for them.
        workers: threads that read headers.

    Raises:
        InputRefused: as the adapter's `records`.
    """
    own = audit_copy.opened(archive, root)
    if headers and own.table is not None and any(s.kind in _MEASURED for s in statements):
        images = [image for image in own.table["image"] if (root / image).is_file()]
        own = replace(own, sizes=sizes.measure(root, images, workers))
    own = replace(own, described=_described(statements, own))
    others = {name: audit_copy.unopened(name) for s in statements for name in s.about}
    tables = audit_shares.own_table(statements)
    splits = audit_counts.table_splits(statements)
    scores = [s for s in statements if s.kind == "metric"]
    found: list[Verdict] = []
    for statement in statements:
        source = _source(statement, own, others)
        if source is None:
            finding: Finding | None = unverifiable(f"about {' and '.join(statement.about)}")
        elif statement.quoted:
            finding = unverifiable("the card reports it as another's, or calls it wrong")
        elif statement.kind == "count":
            of_table = splits.get(statement.table, frozenset())
            finding = _counted(statement, source, own, of_table)
        elif statement.kind == "ratio":
            line, cards = tables.get(statement.about, (0, {}))
            finding = audit_shares.ratio(statement, source, cards, line)
        elif statement.kind == "overlap":
            _, cards = tables.get(statement.about, (0, {}))
            finding = audit_shares.overlap(statement, source, cards)
        elif statement.kind == "metric":
            finding = audit_shares.score(statement, scores)
        else:
            finding = _BY_SOURCE[statement.kind](statement, source)
        if finding is not None:
            found.append(_verdict(statement, finding))
    return _with_notes(found, own, others)


def _described(statements: Sequence[Statement], own: Source) -> bool:
    """The card gives the number of images of this copy, which is not the published one."""
    found = own.count(audit_counts.IMAGES)
    numbers = [s.values[0] for s in statements if s.kind == "count" and not s.loose
               and audit_counts.quantity(s, own) == audit_counts.IMAGES]  # fmt: skip
    return own.partial and found in numbers


def _counted(statement: Statement, source: Source, own: Source, splits: frozenset[str]) -> Finding:
    """A count; of "images of NAME" both the archive audited and NAME are tried."""
    finding = audit_counts.count(statement, source, splits)
    if not statement.part or source is own:
        return finding
    here = audit_counts.count(statement, own, splits)
    if here.answer == "true" or (here.answer == "unverifiable" and here.authority):
        return here
    if finding.answer == "false":
        return unverifiable(f"a part of {source.name} is meant; {finding.found} is all", here.found)
    return finding


def _source(statement: Statement, own: Source, others: dict[str, Source | None]) -> Source | None:
    """The archive that a statement is about: the one audited where no other is named."""
    about = statement.about
    if not about or own.name in about or audit_facts.SAME.get(own.name) in about:
        return own
    known = [others[name] for name in about]
    return known[0] if len(known) == 1 else None


def _with_notes(
    verdicts: list[Verdict], own: Source, others: dict[str, Source | None]
) -> list[Verdict]:
    """The verdicts, with the line that gives the same thing another number."""
    places: list[int] = []
    counts: list[tuple[Statement, Quantity]] = []
    for at, verdict in enumerate(verdicts):
        statement = verdict.statement
        source = _source(statement, own, others)
        if statement.kind == "count" and source is not None and not statement.part:
            places.append(at)
            asked = audit_counts.quantity(statement, source)
            counts.append((statement, replace(asked, extras=(*asked.extras, ("#", source.name)))))
    noted = list(verdicts)
    for place, note in audit_counts.same_quantity(counts).items():
        verdict = verdicts[places[place]]
        why = "; ".join(part for part in (verdict.why, note) if part)
        noted[places[place]] = replace(verdict, why=why)
    return noted


def _verdict(statement: Statement, finding: Finding) -> Verdict:
    return Verdict(statement, finding.answer, finding.found, finding.why, finding.authority)
