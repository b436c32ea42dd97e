"""Statements in tables: a cell says what its row and its column name, and parts add up."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from cxrkit.cards import audit_grid, audit_numbers, audit_prose, audit_sums
from cxrkit.cards.audit_about import shortened
from cxrkit.cards.audit_grid import (
    ANATOMY,
    FORMAT,
    NOTHING,
    PERCENT,
    STATISTIC,
    TOTAL,
    WHOLE_NUMBER,
    Cell,
    Grid,
    is_measure,
    stated,
    subject_of,
    unit_of,
)
from cxrkit.cards.audit_markdown import Sentence, Table
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_words import (
    FOREIGN,
    MAKING,
    UNIT,
    format_name,
    split_names,
    without_archives,
    word_set,
    words,
)

_COUNTED = word_set("number num no of total the count")
_METRICS = {
    "dice": "dice", "dsc": "dice", "iou": "iou", "jaccard": "iou", "precision": "precision",
    "recall": "recall", "sensitivity": "recall", "f1": "f1", "f1-score": "f1",
}  # fmt: skip
_NO_COUNT = frozenset(STATISTIC) | word_set("date")
_FILE = re.compile(r"[\w.-]+\.(?:csv|tsv|txt|json|xlsx?)(?:\.gz)?", re.IGNORECASE)


def in_tables(tables: Sequence[Table]) -> list[Statement]:
    """Every statement of the tables, in the order of the lines."""
    found: list[Statement] = []
    for table in tables:
        grid = audit_grid.read(table)
        cells = [s for row in grid.rows for s in _row(grid, *row)]
        found += [*audit_sums.shares_of_counts(cells), *audit_sums.bracketed(grid)]
        found += [*audit_sums.sums(grid), *_labels(grid), *_files(grid)]
    return found


def _row(grid: Grid, name: str, cells: Sequence[Cell]) -> Iterator[Statement]:
    for cell in cells:
        if not NOTHING.match(cell.text):
            yield from _cell(grid, name, cell)


def _cell(grid: Grid, name: str, cell: Cell) -> Iterator[Statement]:
    """What one cell says; nothing where its row and column have no word for it."""
    key = f"{name} {cell.column}".strip()
    lower, said = key.lower(), words(key)
    base = stated(grid, cell, f"{key}: {cell.text}", f"{name} {cell.column}")
    items = [i.strip() for i in re.split(r"[,;/]|\band\b|:(?!/)", cell.text) if i.strip()]
    if FORMAT.search(key) and not WHOLE_NUMBER.match(cell.text):
        named = [i for i in items if format_name(i) or i.startswith(".") or len(items) == 1]
        yield from (
            replace(base, kind="format", words=(i,), unit="cell", text=shortened(f"{key}: {i}"))
            for i in named
        )
    elif ANATOMY.search(name) or ANATOMY.search(cell.column):
        kind = "area" if re.search(r"area|region|part", lower) else "structure"
        for item in items:
            yield replace(base, kind=kind, words=(item,), text=shortened(f"{key}: {item}"))  # type: ignore[arg-type]
    elif sides := audit_numbers.pair(cell.text):
        statistic = next((STATISTIC[w] for w in said if w in STATISTIC), "every")
        yield replace(
            base,
            kind="size",
            values=tuple(map(float, sides)),
            unit=statistic,
            subject=tuple(words(name)),
        )
    elif _counts_labels(name, cell.column):
        values = tuple(n.value for n in audit_numbers.numbers(cell.text))
        if values:
            yield replace(base, kind="categories", values=values)
    else:
        yield from _number(grid, name, cell, base)


def _counts_labels(name: str, column: str) -> bool:
    """ "Number of categories", "Classes", or such a column beside the name of an archive."""
    said = [*words(without_archives(name)), *words(column)]
    if said[:1] == ["no"] and said[1:2] != ["of"]:
        return False  # "No Finding"
    return {UNIT.get(w) for w in said if w not in _COUNTED} == {"categories"}


def _number(grid: Grid, name: str, cell: Cell, base: Statement) -> Iterator[Statement]:
    said = words(f"{name} {cell.column}")
    metric = next((_METRICS[w] for w in said if w in _METRICS), "")
    numbers = audit_numbers.numbers(cell.text)
    subject = subject_of(name, cell.column)
    if len(numbers) == 1 and metric:
        scale = 0.01 if numbers[0].percent or numbers[0].value > 1 else 1.0
        yield replace(
            base, kind="metric", unit=metric, values=(numbers[0].value * scale,),
            step=numbers[0].step * scale, words=tuple(w for w in said if w not in _METRICS),
        )  # fmt: skip
    elif len(numbers) == 1 and (numbers[0].percent or PERCENT.search(f"{name} {cell.column}")):
        kind = "coverage" if "coverage" in said else "percentage"
        value, step = numbers[0].value, numbers[0].step
        if not numbers[0].percent and "%" not in base.text and value <= 1:
            value, step = 100 * value, 100 * step  # a frequency of 0.42
        yield replace(base, kind=kind, subject=subject, values=(value,), step=step)  # type: ignore[arg-type]
    elif numbers and WHOLE_NUMBER.match(cell.text):
        total = TOTAL.match(name) or TOTAL.match(cell.column)
        if not total and (not subject or (FOREIGN | _NO_COUNT).intersection(said)):
            return
        yield replace(
            base, kind="count", subject=subject, values=(numbers[0].value,),
            unit=unit_of(grid, said), hedge=numbers[0].hedge, step=numbers[0].step,
        )  # fmt: skip
    elif re.search(r"\d|https?:", cell.text) or MAKING.search(cell.text):
        key = f"{name}: " if name and not re.search(r"\d", name) else ""
        sentence = Sentence(grid.section, f"{key}{cell.text}", ((0, cell.line),))
        for statement in audit_prose.in_sentences((sentence,)):
            yield replace(statement, quoted=statement.quoted or base.quoted)


def _files(grid: Grid) -> Iterator[Statement]:
    """Tables of data that the rows describe, each with the lines that do."""
    lines: dict[str, list[int]] = {}
    for name, cells in grid.rows:
        if cells and _FILE.fullmatch(name):
            lines.setdefault(name, []).append(cells[0].line)
    for name, numbers in lines.items():
        often = f" {len(numbers)} times" if len(numbers) > 1 else ""
        base = stated(grid, Cell("", "", numbers[0]), f"{name} is described{often}")
        yield replace(base, kind="file", words=(name,), values=tuple(map(float, numbers)))


def _labels(grid: Grid) -> Iterator[Statement]:
    """The names of the rows, where they can be a list of labels."""
    names = [name for name, _ in grid.rows if name and not TOTAL.match(name)]
    plain = [n for n in names if not is_measure(n) and not split_names(n)]
    if len(plain) >= 4 and len(plain) == len(names):
        base = stated(grid, Cell("", "", grid.line), ", ".join(names))
        yield replace(base, kind="labels", words=tuple(names), unit="table")
