"""What other lines of the same card say about a number: another total, or the steps to it."""

from collections.abc import Sequence
from dataclasses import replace

from cxrkit.cards.audit_copy import Quantity
from cxrkit.cards.audit_counts import fits
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_verdict import CARD, Verdict


def noted(verdicts: Sequence[Verdict], asked: Sequence[Quantity | None]) -> list[Verdict]:
    """The verdicts, each with what another line adds to it.

    Args:
        verdicts: of one card.
        asked: what each statement counts; None where it counts nothing of an archive.
    """
    told = list(verdicts)
    for at, (verdict, quantity) in enumerate(zip(verdicts, asked, strict=True)):
        if quantity is None or not quantity.known:
            continue
        if verdict.answer == "false" and (steps := _steps(verdict, verdicts)):
            told[at] = replace(verdict, answer="unverifiable", why=steps, authority=CARD)
        elif other := _other_number(verdict.statement, quantity, verdicts, asked):
            why = "; ".join(part for part in (verdict.why, other) if part)
            told[at] = replace(verdict, why=why)
    return told


def _other_number(
    statement: Statement,
    quantity: Quantity,
    verdicts: Sequence[Verdict],
    asked: Sequence[Quantity | None],
) -> str:
    """The first line that gives the same quantity another number."""
    if statement.hedge:
        return ""
    for verdict, other in zip(verdicts, asked, strict=True):
        said = verdict.statement
        if other != quantity or said.hedge:
            continue
        if not fits(statement, said.values[0]) and not fits(said, statement.values[0]):
            return f"line {said.line} of the card says {said.values[0]:,.0f}"
    return ""


def _steps(verdict: Verdict, verdicts: Sequence[Verdict]) -> str:
    """ "243,334 - 10 = 243,324" where the section has all three and the last is not false."""
    said = verdict.statement
    near = [v for v in verdicts if v.statement.kind == "count"
            and v.statement.section == said.section and not v.statement.table]  # fmt: skip
    for rest in near:
        away = said.values[0] - rest.statement.values[0]
        removed = any(v.statement.values[0] == away and v is not rest for v in near)
        same = rest.statement.unit == said.unit and rest.authority and rest.answer != "false"
        if same and 0 < away < rest.statement.values[0] and removed:
            return f"{said.values[0]:,.0f} - {away:,.0f} = {rest.statement.values[0]:,.0f}"
    return ""
