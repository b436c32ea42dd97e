"""What the cells of a table say together: percentages beside counts, and sums of parts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cxrkit.cards import audit_numbers
from cxrkit.cards.audit_grid import (
    MEASURES,
    PERCENT,
    STATISTIC,
    TOTAL,
    Cell,
    Grid,
    is_measure,
    stated,
    subject_of,
    unit_of,
    whole,
)
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_words import UNIT, split_names, words


def shares_of_counts(cells: list[Statement]) -> list[Statement]:
    """The cells; a percentage beside a count of the same words gets that count and the whole.

    The whole is the total that the table states, or else the sum of the counts. Of the splits of a
    dataset such percentages are a ratio.
    """
    counts = {_bare(s): s.values[0] for s in cells if s.kind == "count"}
    shares = [s for s in cells if s.kind == "percentage"]
    beside = [s for s in shares if _bare(s) in counts]
    parts = {_bare(s) for s in beside} - {()}
    if len(beside) != len({_bare(s) for s in beside}) or len(parts) < 2:
        return [*cells, *_split_shares(shares)]
    wholes = [w for w in (counts.get((), 0.0), sum(counts[name] for name in parts)) if w]
    found = []
    for cell in cells:
        if any(cell is s for s in beside):
            values = _share(cell.values[0], counts[_bare(cell)], wholes)
            cell = replace(cell, values=values, subject=_bare(cell))
        found.append(cell)
    return found


def _share(percent: float, part: float, wholes: Sequence[float]) -> tuple[float, float, float]:
    """The percentage, its count, and the whole that fits it best."""
    return percent, part, min(wholes, key=lambda whole: abs(100 * part / whole - percent))


def bracketed(grid: Grid) -> Iterator[Statement]:
    """Percentages in brackets behind counts: of the row, of the column, or of the whole table."""
    counts = {
        (at, c.column): number
        for at, (name, cells) in enumerate(grid.rows)
        for c in cells
        if (number := whole(c.text)) is not None
        and not (TOTAL.match(name) or TOTAL.match(c.column) or is_measure(name))
    }  # fmt: skip
    for (at, column), part in counts.items():
        name, cells = grid.rows[at]
        cell = next(c for c in cells if c.column == column)
        percent = next((n for n in audit_numbers.numbers(cell.text) if n.percent), None)
        if percent is None:
            continue
        base = stated(grid, cell, f"{name} {column}: {cell.text}", name)
        wholes = [
            sum(n for (r, _), n in counts.items() if r == at),
            sum(n for (_, c), n in counts.items() if c == column),
            sum(counts.values()),
        ]
        wholes = [w for w in wholes if w > part]
        values = _share(percent.value, part, wholes) if wholes else (percent.value,)
        yield replace(
            base, kind="percentage", subject=subject_of(name, column), values=values,
            step=percent.step, unit="images",
        )  # fmt: skip


def _bare(statement: Statement) -> tuple[str, ...]:
    """The words of a cell for what is counted, without those that say how; () of a total."""
    return tuple(w for w in statement.subject if w == "no" or w not in MEASURES)


def _split_shares(shares: Sequence[Statement]) -> list[Statement]:
    """Percentages of the splits, where nothing else is said of them, as a ratio."""
    of_splits = {names[0]: s for s in shares if len(names := split_names(" ".join(_bare(s)))) == 1
                 and len(_bare(s)) == 1}  # fmt: skip
    values = tuple(s.values[0] / 100 for s in of_splits.values())
    if len(values) < 2 or abs(sum(values) - 1) > 0.02:
        return []
    first = next(iter(of_splits.values()))
    shown = ", ".join(f"{name} {value:.0%}" for name, value in zip(of_splits, values, strict=True))
    return [replace(first, kind="ratio", values=values, words=tuple(of_splits), text=shown)]


def sums(grid: Grid) -> Iterator[Statement]:
    """What the parts of the table add up to: along splits, down each split, and as a whole."""
    numbers = [
        (name, {c.column: whole(c.text) for c in cells}, cells[0].line)
        for name, cells in grid.rows
        if cells
    ]
    columns = [c.column for c in grid.rows[0][1]] if grid.rows else []
    parted = [c for c in columns if len(split_names(c)) == 1 and not PERCENT.search(c)]
    classes = [row for row in numbers if not TOTAL.match(row[0])]
    if len(parted) > 1 and all(words(n) for n, _, _ in numbers):
        for name, cells, line in numbers:
            parts = [cells[c] for c in parted]
            total = next((cells[c] for c in columns if TOTAL.match(c)), None)
            for made in _sum(grid, parts, line, subject_of(name, ""), "splits", total):
                yield replace(made, unit=unit_of(grid, words(name)))
        if len(classes) == len(numbers) > 1 and not any(_is_no_class(n) for n, _, _ in classes):
            for column in parted:
                parts = [cells[column] for _, cells, _ in classes]
                yield from _sum(grid, parts, grid.line, tuple(words(column)), "column", None)
            every = [cells[c] for _, cells, _ in classes for c in parted]
            yield from _sum(grid, every, grid.line, (), "table", None)
    elif len(classes) > 1 and all(words(n) and not _is_no_class(n) for n, _, _ in classes):
        for column in columns:
            said = words(column)
            if PERCENT.search(column) or not is_measure(column) or re.search(r"\d", column):
                continue
            parts = [cells[column] for _, cells, _ in classes]
            total = next((c[column] for n, c, _ in numbers if TOTAL.match(n)), None)
            names = tuple(w for n, _, _ in classes for w in words(n))
            for made in _sum(grid, parts, grid.line, names, "table", total):
                yield replace(made, unit=unit_of(grid, said))


def _is_no_class(name: str) -> bool:
    """The row is a statistic, or counts something of its own: "masks", "patients"."""
    said = set(words(name))
    units = {UNIT.get(w, "categories") for w in said} - {"categories"}
    return bool(said & set(STATISTIC)) or bool(units) or bool(re.search(r"(?<![\w-])\d", name))


def _sum(
    grid: Grid,
    parts: Sequence[float | None],
    line: int,
    subject: tuple[str, ...],
    how: str,
    total: float | None,
) -> Iterator[Statement]:
    known = [p for p in parts if p is not None]
    if len(known) < 2 or len(known) < len(parts):
        return
    shown = " + ".join(f"{p:,.0f}" for p in known)
    base = stated(grid, Cell("", "", line), f"{' '.join(subject[:4])} {shown}")
    values = (*known, total or 0.0)
    yield replace(base, kind="sum", subject=subject, values=values, words=(how,), unit="images")
