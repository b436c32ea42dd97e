"""Tables and `Key: value` lines, turned so that rows are classes, splits or keys."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cxrkit.cards import audit_about, audit_numbers
from cxrkit.cards.audit_about import shortened
from cxrkit.cards.audit_markdown import Section, Sentence, Table
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_words import (
    SPLIT,
    UNIT,
    is_quoted,
    split_names,
    without_archives,
    word_set,
    words,
)

MEASURES = frozenset(UNIT) | word_set(
    "count counts number num no quantity percentage percent coverage share proportion total of n "
    "amount frequency freq volume size the in per all and value values statistic statistics metric "
    "obs"
)
_GENERIC = re.compile(
    r"^(?:values?|entry|entries|details?|description|info(?:rmation)?|no\.?|n|#)$", re.I
)
_META = re.compile(
    r"dimension|modality|task type|anatomical|categories|data volume|file format|publication|licen",
    re.IGNORECASE,
)
TOTAL = re.compile(
    r"^(?:(?:grand )?totals?|all|sum|overall|in total|(?:total )?(?:no\.?|number|#|total)"
    r"(?: of)? ?(?:images|x-?rays|radiographs|cases|samples)|"
    r"(?:data(?:set)?|sample|collection) (?:size|volume))$",
    re.IGNORECASE,
)
_INDEX = re.compile(r"^(?:no\.?|#|id|index|)$", re.IGNORECASE)
NOTHING = re.compile(r"^(?:|-+|\u2013|n/?a|none|tbd|unknown|\u2014|/)$", re.IGNORECASE)
WHOLE_NUMBER = re.compile(
    r"^[~\u2248<>\u2264\u2265]?\s*(?:\d{1,3}(?:[,'\u2009\u202f ]\d{3})+|\d+)\s*"
    r"(?:\((?:[^\d]*|[~\d.\s]+%)\))?$"
)
STATISTIC = {
    "min": "min", "minimum": "min", "smallest": "min", "max": "max", "maximum": "max",
    "largest": "max", "median": "median", "mean": "mean", "average": "mean",
}  # fmt: skip
_KEY = re.compile(r"^([A-Za-z][^:=.;]{1,60}?)\s*[:=]\s*(.{1,80}?)\.?$")
_DATED = word_set("date dates year years published publication released release version")
FORMAT = re.compile(r"\b(?:formats?|extensions?|suffix|(?:file|image) ?types?|files)\b", re.I)
ANATOMY = re.compile(
    r"\banatom\w*|^(?:(?:organ|body (?:part|region|area))s?|(?:structures?|regions?))$", re.I
)
PERCENT = re.compile(r"\b(?:percent\w*|share|proportion|freq\w*)\b|%|\(%\)", re.IGNORECASE)


@dataclass(frozen=True)
class Cell:
    """What one place of a table says, under the words of its column."""

    column: str
    text: str
    line: int
    beside: str = ""  # the other cells of its row


@dataclass(frozen=True)
class Grid:
    """A table turned so that rows are classes, splits or keys, and columns what is said of them."""

    line: int
    section: Section
    corner: str
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


def read(table: Table) -> Grid:
    """The table with classes, splits or keys as its rows, whichever way it was written."""
    return _oriented(_named(table))


def keyed(sentences: Sequence[Sentence]) -> tuple[list[Table], list[Sentence]]:
    """The `Key: value` lines that are like rows of a table, as tables, and the other sentences."""
    found: list[list[tuple[Sentence, str, str]]] = []
    others: list[Sentence] = []
    for sentence in sentences:
        key = _KEY.match(sentence.text) if sentence.whole else None
        if key is None or not _is_row(key[1], key[2]):
            others.append(sentence)
        elif found and found[-1][-1][0].section == sentence.section:
            found[-1].append((sentence, key[1], key[2]))
        else:
            found.append([(sentence, key[1], key[2])])
    tables = [
        Table(group[0][0].line(), group[0][0].section, ("", ""),
              tuple((s.line(), (name, value)) for s, name, value in group))
        for group in found
    ]  # fmt: skip
    return tables, others


def _is_row(key: str, value: str) -> bool:
    """One number, size or word is said of the key, and it is no date."""
    said = set(words(key))
    if said & _DATED:
        return False
    number = WHOLE_NUMBER.match(value) or re.match(r"^[~\u2248]?\s*\d[\d.]*\s*%$", value)
    return bool(number or audit_numbers.pair(value) or FORMAT.search(key) or ANATOMY.search(key))


def _named(table: Table) -> Grid:
    """The table with the text columns in front of the first number as the names of its rows."""
    width = 0
    for at in range(len(table.header)):
        cells = [cells[at] for _, cells in table.rows if not NOTHING.match(cells[at])]
        texts = [c for c in cells if not re.match(r"^[~\u2248<>\u2264\u2265(\[]?\s*\d", c)]
        index = at == 0 and _INDEX.match(table.header[at])
        if (cells and 2 * len(texts) <= len(cells) and not index) or (width and at > 3):
            break
        width += 1
        if at == 0 and not index and any(_META.search(h) for h in table.header[:2]):
            break
    width = max(1, min(width, len(table.header) - 1)) if len(table.header) > 1 else 1
    # Of two columns the second is always what is said; "Value" over it says nothing more.
    titles = ["" if _GENERIC.match(h) else h for h in table.header]
    rows = []
    for line, row in table.rows:
        said_by = [
            c
            for c, title in zip(row[:width], table.header, strict=False)
            if not NOTHING.match(c) and not (c.isdigit() and _INDEX.match(title))
        ]
        name = " ".join(said_by)
        beside = " | ".join(row)
        said = (Cell(titles[i], row[i], line, beside) for i in range(width, len(row)))
        rows.append((name, tuple(said)))
    return Grid(table.line, table.section, table.header[0], tuple(rows))


def _oriented(grid: Grid) -> Grid:
    """The grid, turned round where its columns are the classes, the splits or the keys."""
    names = [name for name, _ in grid.rows]
    columns = [c.column for c in grid.rows[0][1]] if grid.rows else []
    if len(grid.rows) == 1 and len(columns) > 1 and _META.search(f"{grid.corner} {columns[0]}"):
        name, cells = grid.rows[0]
        keys = [Cell("", name, cells[0].line), *cells]
        titles = [grid.corner, *columns]
        turned: list[tuple[str, tuple[Cell, ...]]] = [
            (title, (Cell("", cell.text, cell.line, cell.beside),))
            for title, cell in zip(titles, keys, strict=True)
        ]
        return replace(grid, rows=tuple(turned))
    splits = [
        n
        for n in names
        if TOTAL.match(n) or (split_names(n) and set(words(n)) <= MEASURES | set(SPLIT))
    ]
    measures = [n for n in names if is_measure(n) and not TOTAL.match(n)]
    by_split = any(split_names(c) for c in columns)
    of_splits = len(splits) > 1 and len(splits) == len(names)
    of_measures = all(measures) and len(measures) == len(names)
    of_columns = by_split or any(is_measure(c) for c in columns)
    if grid.rows and ((of_splits and not by_split) or (of_measures and not of_columns)):
        turned = [
            (
                column,
                tuple(replace(cells[at], column=name) for name, cells in grid.rows),
            )
            for at, column in enumerate(columns)
        ]
        return replace(grid, rows=tuple(turned))
    return grid


def is_measure(name: str) -> bool:
    """Every word says how is counted, and none what; "No Finding" is a label."""
    said = words(name)
    return set(said) <= MEASURES and said[:2] not in (["no", "finding"], ["no", "findings"])


def subject_of(name: str, column: str) -> tuple[str, ...]:
    """The words of the row and the column, in that order; a total has no words of its own."""
    name = without_archives(name)
    of_row = () if TOTAL.match(name) else words(name)
    of_column = () if TOTAL.match(column) else words(column)
    # "0-9", "class 1": the number restricts what is counted, and no word says how.
    unread = ("#",) if re.search(r"(?<![\w-])\d", f"{name} {column}") else ()
    return (*of_row, *of_column, *unread)


def unit_of(grid: Grid, said: Sequence[str]) -> str:
    """What a number in the table counts: its row or column says so, or the heading; or images."""
    for source in (said, words(grid.section[-1]) if grid.section else []):
        units = [UNIT[w] for w in source if w in UNIT and UNIT[w] != "categories"]
        if units:
            return units[-1]
    return "items" if {"volume", "num", "count", "quantity", "number"} & set(said) else "images"


def stated(grid: Grid, cell: Cell, text: str, name: str = "") -> Statement:
    """A count at this cell, whose kind and values the caller knows better."""
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


def whole(text: str) -> float | None:
    """The one whole number of a cell; None where there is another thing."""
    if not WHOLE_NUMBER.match(text):
        return None
    numbers = audit_numbers.numbers(text)
    return numbers[0].value if numbers else None
