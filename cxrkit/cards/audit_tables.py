"""Statements in tables: a cell says what its row and its column name, and parts add up."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from cxrkit.cards import audit_about, audit_numbers, audit_prose
from cxrkit.cards.audit_about import shortened
from cxrkit.cards.audit_markdown import Section, Sentence, Table
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_words import (
    FOREIGN,
    MAKING,
    SPLIT,
    UNIT,
    format_name,
    is_quoted,
    split_names,
    without_archives,
    word_set,
    words,
)

_MEASURES = frozenset(UNIT) | word_set(
    "count counts number num no quantity percentage percent coverage share proportion total of n "
    "amount frequency freq volume size the in per all and value values statistic statistics metric"
)
_META = re.compile(
    r"dimension|modality|task type|anatomical|categories|data volume|file format|publication|licen",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    r"^(?:(?:grand )?totals?|all|sum|overall|in total|(?:total )?(?:no\.?|number|#|total)"
    r"(?: of)? ?(?:images|x-?rays|radiographs|cases|samples))$",
    re.IGNORECASE,
)
_INDEX = re.compile(r"^(?:no\.?|#|id|index|)$", re.IGNORECASE)
_NOTHING = re.compile(r"^(?:|-+|\u2013|n/?a|none|tbd|unknown|\u2014|/)$", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(
    r"^[~\u2248<>\u2264\u2265]?\s*(?:\d{1,3}(?:[,'\u2009\u202f ]\d{3})+|\d+)\s*(?:\(.*\))?$"
)
_STATISTIC = {
    "min": "min", "minimum": "min", "smallest": "min", "max": "max", "maximum": "max",
    "largest": "max", "median": "median", "mean": "mean", "average": "mean",
}  # fmt: skip
_METRICS = {
    "dice": "dice", "dsc": "dice", "iou": "iou", "jaccard": "iou", "precision": "precision",
    "recall": "recall", "sensitivity": "recall", "f1": "f1", "f1-score": "f1",
}  # fmt: skip
_NO_COUNT = frozenset(_STATISTIC) | word_set("age date year height width")
_FILE = re.compile(r"[\w.-]+\.(?:csv|tsv|txt|json|xlsx?)(?:\.gz)?", re.IGNORECASE)
_PERCENT = re.compile(r"\b(?:percent\w*|share|proportion|freq\w*)\b|%|\(%\)", re.IGNORECASE)


@dataclass(frozen=True)
class _Cell:
    column: str
    text: str
    line: int
    beside: str = ""  # the other cells of its row


@dataclass(frozen=True)
class _Grid:
    """A table turned so that rows are classes, splits or keys, and columns what is said of them."""

    line: int
    section: Section
    corner: str
    rows: tuple[tuple[str, tuple[_Cell, ...]], ...]


def in_tables(tables: Sequence[Table]) -> list[Statement]:
    """Every statement of the tables, in the order of the lines."""
    found: list[Statement] = []
    for table in tables:
        grid = _oriented(_grid(table))
        cells = [s for row in grid.rows for s in _row(grid, *row)]
        found += _shares_of_counts(cells)
        found += [*_sums(grid), *_labels(grid), *_files(grid)]
    return found


def _grid(table: Table) -> _Grid:
    """The table with the text columns in front of the first number as the names of its rows."""
    width = 0
    for at in range(len(table.header)):
        cells = [cells[at] for _, cells in table.rows if not _NOTHING.match(cells[at])]
        texts = [c for c in cells if not re.match(r"^[~\u2248<>\u2264\u2265(\[]?\s*\d", c)]
        index = _INDEX.match(table.header[at])
        if (cells and 2 * len(texts) <= len(cells) and not index) or (width and at > 3):
            break
        width += 1
        if at == 0 and not index and any(_META.search(h) for h in table.header[:2]):
            break
    width = max(1, min(width, len(table.header) - 1)) if len(table.header) > 1 else 1
    # Of two columns the second is always what is said.
    rows = []
    for line, row in table.rows:
        said_by = [
            c
            for c, title in zip(row[:width], table.header, strict=False)
            if not _NOTHING.match(c) and not (c.isdigit() and _INDEX.match(title))
        ]
        name = " ".join(said_by)
        beside = " | ".join(row)
        said = (_Cell(table.header[i], row[i], line, beside) for i in range(width, len(row)))
        rows.append((name, tuple(said)))
    return _Grid(table.line, table.section, table.header[0], tuple(rows))


def _oriented(grid: _Grid) -> _Grid:
    """The grid, turned round where its columns are the classes, the splits or the keys."""
    names = [name for name, _ in grid.rows]
    columns = [c.column for c in grid.rows[0][1]] if grid.rows else []
    if len(grid.rows) == 1 and len(columns) > 1 and _META.search(f"{grid.corner} {columns[0]}"):
        name, cells = grid.rows[0]
        keys = [_Cell("", name, cells[0].line), *cells]
        titles = [grid.corner, *columns]
        turned: list[tuple[str, tuple[_Cell, ...]]] = [
            (title, (_Cell("", cell.text, cell.line, cell.beside),))
            for title, cell in zip(titles, keys, strict=True)
        ]
        return replace(grid, rows=tuple(turned))
    splits = [
        n
        for n in names
        if _TOTAL.match(n) or (split_names(n) and set(words(n)) <= _MEASURES | set(SPLIT))
    ]
    measures = [n for n in names if _is_measure(n) and not _TOTAL.match(n)]
    of_columns = [c for c in columns if split_names(c) or _is_measure(c)]
    of_splits = len(splits) > 1 and len(splits) == len(names)
    of_measures = all(measures) and len(measures) == len(names)
    if grid.rows and not of_columns and (of_splits or of_measures):
        turned = [
            (
                column,
                tuple(replace(cells[at], column=name) for name, cells in grid.rows),
            )
            for at, column in enumerate(columns)
        ]
        return replace(grid, rows=tuple(turned))
    return grid


def _is_measure(name: str) -> bool:
    """Every word says how is counted, and none what; "No Finding" is a label."""
    said = words(name)
    return set(said) <= _MEASURES and said[:2] not in (["no", "finding"], ["no", "findings"])


def _row(grid: _Grid, name: str, cells: Sequence[_Cell]) -> Iterator[Statement]:
    for cell in cells:
        if not _NOTHING.match(cell.text):
            yield from _cell(grid, name, cell)


def _cell(grid: _Grid, name: str, cell: _Cell) -> Iterator[Statement]:
    """What one cell says; nothing where its row and column have no word for it."""
    key = f"{name} {cell.column}".strip()
    lower, said = key.lower(), words(key)
    base = _statement(grid, cell, f"{key}: {cell.text}", f"{name} {cell.column}")
    items = [i.strip() for i in re.split(r"[,;/]|\band\b|:(?!/)", cell.text) if i.strip()]
    if "format" in said or "suffix" in said:
        named = [i for i in items if format_name(i) or i.startswith(".") or len(items) == 1]
        yield from (
            replace(base, kind="format", words=(i,), unit="cell", text=shortened(f"{key}: {i}"))
            for i in named
        )
    elif "anatomical" in lower and re.search(r"structure|area|region", lower):
        kind = "structure" if "structure" in lower else "area"
        for item in items:
            yield replace(base, kind=kind, words=(item,), text=shortened(f"{key}: {item}"))  # type: ignore[arg-type]
    elif sides := audit_numbers.pair(cell.text):
        statistic = next((_STATISTIC[w] for w in said if w in _STATISTIC), "every")
        yield replace(
            base,
            kind="size",
            values=tuple(map(float, sides)),
            unit=statistic,
            subject=tuple(words(name)),
        )
    elif re.search(r"\b(?:number|no\.?|#) of (?:categories|classes|labels)|^classes$", lower):
        values = tuple(n.value for n in audit_numbers.numbers(cell.text))
        if values:
            yield replace(base, kind="categories", values=values)
    else:
        yield from _number(grid, name, cell, base)


def _number(grid: _Grid, name: str, cell: _Cell, base: Statement) -> Iterator[Statement]:
    said = words(f"{name} {cell.column}")
    metric = next((_METRICS[w] for w in said if w in _METRICS), "")
    numbers = audit_numbers.numbers(cell.text)
    subject = _subject(name, cell.column)
    if len(numbers) == 1 and metric:
        scale = 0.01 if numbers[0].percent or numbers[0].value > 1 else 1.0
        yield replace(
            base, kind="metric", unit=metric, values=(numbers[0].value * scale,),
            step=numbers[0].step * scale,
        )  # fmt: skip
    elif len(numbers) == 1 and (numbers[0].percent or _PERCENT.search(f"{name} {cell.column}")):
        kind = "coverage" if "coverage" in said else "percentage"
        value, step = numbers[0].value, numbers[0].step
        if not numbers[0].percent and "%" not in base.text and value <= 1:
            value, step = 100 * value, 100 * step  # a frequency of 0.42
        yield replace(base, kind=kind, subject=subject, values=(value,), step=step)  # type: ignore[arg-type]
    elif numbers and _WHOLE_NUMBER.match(cell.text):
        total = _TOTAL.match(name) or _TOTAL.match(cell.column)
        if FOREIGN.intersection(said) or _NO_COUNT.intersection(said) or not (subject or total):
            return
        yield replace(
            base, kind="count", subject=subject, values=(numbers[0].value,), unit=_unit(grid, said),
            hedge=numbers[0].hedge, step=numbers[0].step,
        )  # fmt: skip
    elif re.search(r"\d|https?:", cell.text) or MAKING.search(cell.text):
        key = f"{name}: " if name and not re.search(r"\d", name) else ""
        sentence = Sentence(grid.section, f"{key}{cell.text}", ((0, cell.line),))
        for statement in audit_prose.in_sentences((sentence,)):
            yield replace(statement, quoted=statement.quoted or base.quoted)


def _subject(name: str, column: str) -> tuple[str, ...]:
    """The words of the row and the column, in that order; a total has no words of its own."""
    name = without_archives(name)
    of_row = () if _TOTAL.match(name) else words(name)
    of_column = () if _TOTAL.match(column) else words(column)
    # "0-9", "class 1": the number restricts what is counted, and no word says how.
    unread = ("#",) if re.search(r"(?<![\w-])\d", f"{name} {column}") else ()
    return (*of_row, *of_column, *unread)


def _unit(grid: _Grid, said: Sequence[str]) -> str:
    """What a number in the table counts: its row or column says so, or the heading; or images."""
    for source in (said, words(grid.section[-1]) if grid.section else []):
        units = [UNIT[w] for w in source if w in UNIT and UNIT[w] != "categories"]
        if units:
            return units[-1]
    return "items" if {"volume", "num", "count", "quantity", "number"} & set(said) else "images"


def _statement(grid: _Grid, cell: _Cell, text: str, name: str = "") -> Statement:
    return Statement(
        line=cell.line,
        section=" / ".join(grid.section),
        text=shortened(re.sub(r"^[:\s]+", "", text)),
        kind="count",
        about=audit_about.about_section((*grid.section, *([name] if name else []))),
        quoted=is_quoted(cell.beside, grid.section),
        context=text,
        table=grid.line,
    )


def _shares_of_counts(cells: list[Statement]) -> list[Statement]:
    """The cells; a percentage beside a count of the same words gets that count and their sum."""
    measures = {"percentage", "percent", "proportion", "share", "frequency", "freq", "obs"}

    def bare(statement: Statement) -> tuple[str, ...]:
        return tuple(w for w in statement.subject if w == "no" or w not in measures | _MEASURES)

    counts = {bare(s): s.values[0] for s in cells if s.kind == "count"}
    shares = [bare(s) for s in cells if s.kind == "percentage"]
    total = sum(counts[b] for b in dict.fromkeys(shares) if b in counts)
    if not total or len(set(shares)) != len(shares):
        return cells
    return [
        replace(s, values=(s.values[0], counts[bare(s)], total), subject=bare(s))
        if s.kind == "percentage" and bare(s) in counts
        else s
        for s in cells
    ]


def _sums(grid: _Grid) -> Iterator[Statement]:
    """What the parts of the table add up to: along splits, down each split, and as a whole."""
    numbers = [
        (name, {c.column: _whole(c.text) for c in cells}, cells[0].line)
        for name, cells in grid.rows
        if cells
    ]
    columns = [c.column for c in grid.rows[0][1]] if grid.rows else []
    parted = [c for c in columns if len(split_names(c)) == 1 and not _PERCENT.search(c)]
    classes = [row for row in numbers if not _TOTAL.match(row[0])]
    if len(parted) > 1 and all(words(n) for n, _, _ in numbers):
        for name, cells, line in numbers:
            parts = [cells[c] for c in parted]
            total = next((cells[c] for c in columns if _TOTAL.match(c)), None)
            yield from _sum(grid, parts, line, _subject(name, ""), "splits", total)
        if len(classes) == len(numbers) > 1:
            for column in parted:
                parts = [cells[column] for _, cells, _ in classes]
                yield from _sum(grid, parts, grid.line, tuple(words(column)), "column", None)
            every = [cells[c] for _, cells, _ in classes for c in parted]
            yield from _sum(grid, every, grid.line, (), "table", None)
    elif len(classes) > 1 and all(words(n) and not _is_no_class(n) for n, _, _ in classes):
        for column in columns:
            said = words(column)
            if _PERCENT.search(column) or not _is_measure(column) or re.search(r"\d", column):
                continue
            parts = [cells[column] for _, cells, _ in classes]
            total = next((c[column] for n, c, _ in numbers if _TOTAL.match(n)), None)
            names = tuple(w for n, _, _ in classes for w in words(n))
            for made in _sum(grid, parts, grid.line, names, "table", total):
                yield replace(made, unit=_unit(grid, said))


def _is_no_class(name: str) -> bool:
    """The row is a statistic, or counts something of its own: "masks", "patients"."""
    said = set(words(name))
    units = {UNIT.get(w, "categories") for w in said} - {"categories"}
    return bool(said & set(_STATISTIC)) or bool(units) or bool(re.search(r"(?<![\w-])\d", name))


def _sum(
    grid: _Grid,
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
    base = _statement(grid, _Cell("", "", line), f"{' '.join(subject[:4])} {shown}")
    values = (*known, total or 0.0)
    yield replace(base, kind="sum", subject=subject, values=values, words=(how,), unit="images")


def _whole(text: str) -> float | None:
    if not _WHOLE_NUMBER.match(text):
        return None
    numbers = audit_numbers.numbers(text)
    return numbers[0].value if numbers else None


def _files(grid: _Grid) -> Iterator[Statement]:
    """Tables of data that the rows describe, each with the lines that do."""
    lines: dict[str, list[int]] = {}
    for name, cells in grid.rows:
        if cells and _FILE.fullmatch(name):
            lines.setdefault(name, []).append(cells[0].line)
    for name, numbers in lines.items():
        often = f" {len(numbers)} times" if len(numbers) > 1 else ""
        base = _statement(grid, _Cell("", "", numbers[0]), f"{name} is described{often}")
        yield replace(base, kind="file", words=(name,), values=tuple(map(float, numbers)))


def _labels(grid: _Grid) -> Iterator[Statement]:
    """The names of the rows, where they can be a list of labels."""
    names = [name for name, _ in grid.rows if name and not _TOTAL.match(name)]
    plain = [n for n in names if not _is_measure(n) and not split_names(n)]
    if len(plain) >= 4 and len(plain) == len(names):
        base = _statement(grid, _Cell("", "", grid.line), ", ".join(names))
        yield replace(base, kind="labels", words=tuple(names), unit="table")
