"""Is what a dataset card says true of a copy of the archive?

Each statement gets true, false or unverifiable, and who says so: first what is counted on the copy,
then arithmetic within the card, then recorded facts of the release. docs/auditing.md has the rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from cxrkit.archives import Archive
from cxrkit.cards import (
    audit_copy,
    audit_counts,
    audit_facts,
    audit_layout,
    audit_page,
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
    card = _Card(
        replace(own, described=_described(statements, own)),
        {name: audit_copy.unopened(name) for s in statements for name in s.about},
        audit_shares.own_sizes(statements),
        audit_counts.table_splits(statements),
        [s for s in statements if s.kind == "metric"],
    )
    found: list[Verdict] = []
    asked: list[Quantity | None] = []
    for statement in statements:
        finding = _finding(statement, card)
        if finding is not None:
            found.append(Verdict(statement, **asdict(finding)))
            asked.append(_asked(statement, card))
    return audit_page.noted(found, asked)


@dataclass(frozen=True)
class _Card:
    """What the statements of a card are judged by: archives, and what they say together."""

    own: Source
    others: Mapping[str, Source | None]
    split_sizes: Mapping[tuple[str, ...], tuple[int, dict[str, float]]]
    table_splits: Mapping[int, frozenset[str]]
    scores: Sequence[Statement]


def _finding(statement: Statement, card: _Card) -> Finding | None:
    source = _source(statement, card)
    line, shares = card.split_sizes.get(statement.about, (0, {}))
    if source is None:
        return unverifiable(f"about {' and '.join(statement.about)}")
    if statement.quoted:
        return unverifiable("the card reports it as another's, or calls it wrong")
    if statement.kind == "count":
        return _counted(statement, source, card)
    if statement.kind == "ratio":
        return audit_shares.ratio(statement, source, shares, line)
    if statement.kind == "overlap":
        return audit_shares.overlap(statement, source, shares)
    if statement.kind == "metric":
        return audit_shares.score(statement, card.scores)
    finding = _BY_SOURCE[statement.kind](statement, source)
    if statement.kind == "making" and finding is not None and not finding.authority:
        # The sentence names another archive, and can still say how this one was made.
        return _BY_SOURCE["making"](statement, card.own)
    return finding


def _described(statements: Sequence[Statement], own: Source) -> bool:
    """The card gives the number of images of this copy, which is not the published one."""
    found = own.counts(audit_counts.IMAGES)
    numbers = [s.values[0] for s in statements if s.kind == "count" and not s.loose
               and audit_counts.quantity(s, own) == audit_counts.IMAGES]  # fmt: skip
    return own.partial and any(number in found for number in numbers)


def _counted(statement: Statement, source: Source, card: _Card) -> Finding:
    """A count; of "images of NAME" both the archive audited and NAME are tried."""
    splits = card.table_splits.get(statement.table, frozenset())
    finding = audit_counts.count(statement, source, splits)
    if not statement.part or source is card.own:
        return finding
    here = audit_counts.count(statement, card.own, splits)
    if here.answer == "true" or (here.answer == "unverifiable" and here.authority):
        return here
    if finding.answer == "false":
        return unverifiable(f"a part of {source.name} is meant; {finding.found} is all", here.found)
    return finding


def _source(statement: Statement, card: _Card) -> Source | None:
    """The archive that a statement is about: the one audited where no other is named."""
    about = statement.about
    own = card.own
    if not about or own.name in about or audit_facts.SAME.get(own.name) in about:
        return own
    return card.others[about[0]] if len(about) == 1 else None


def _asked(statement: Statement, card: _Card) -> Quantity | None:
    """What is counted, and in which archive; None for what is no count of all of it."""
    source = _source(statement, card)
    if statement.kind != "count" or source is None or statement.part or statement.quoted:
        return None
    asked = audit_counts.quantity(statement, source)
    return replace(asked, extras=(*asked.extras, ("archive", source.name)))
