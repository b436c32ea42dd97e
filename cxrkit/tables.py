"""A published CSV table as text: plain or gzipped, every cell a string, blank cells empty.

A table with the wrong columns is refused. A row that is broken stays, with what is wrong with it in
the column `FAULT`, so that it can be named and counted while the other rows are used.
"""

import csv
import gzip
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit.errors import InputRefused

FAULT = "#fault"  # what is wrong with the row: "train.csv, row 17: ..."; empty where nothing is
_PLACE = "#place"  # "train.csv, row 17"; the header is not counted
_WHOLE_COLUMN = 0.5  # more bad rows than this share: the column is broken, not the rows


def read(root: Path, name: str, columns: Sequence[str], least: int = 1) -> pl.DataFrame:
    """All columns of the table `root/name`, or of `root/name.gz`, as strings; "" where blank.

    Nothing is inferred, so ids keep their leading zeros. Names of columns are stripped of
    spaces, which some releases have after the comma. `columns` are those that must be there,
    `least` how many rows: 0 for what a small part of a release can be without.
    A row with more or fewer fields than the header has its place in `FAULT`; it may leave out
    last columns that have no name, such as those of `Bbox [x,y,w,h],,,` of ChestX-ray14.

    Raises:
        InputRefused: E102, neither file is there; E103, the table is damaged, lacks a column, has
            no row, or most of its rows have another number of fields than its header.
    """
    path = next((p for p in (root / name, root / f"{name}.gz") if p.is_file()), None)
    if path is None:
        raise InputRefused(
            "E102", name, "no such table", f"{name} or {name}.gz", "put the table beside the images"
        )
    try:
        content = path.read_bytes()
        # Decompressed here: a cut gzip stream must be an error, never a shorter table.
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        frame = pl.read_csv(content, infer_schema=False, truncate_ragged_lines=True)
        ragged = _ragged(content, frame.width)
    except (OSError, EOFError, UnicodeError, csv.Error, pl.exceptions.PolarsError) as error:
        raise _refused(
            path.name,
            f"the table cannot be read: {type(error).__name__}",
            "a whole CSV file in UTF-8",
            "download the table again and compare its checksum",
        ) from error
    if len(ragged) > _WHOLE_COLUMN * frame.height:
        raise _refused(
            path.name,
            f"the table cannot be read: {len(ragged)} of {frame.height} rows have another number "
            "of fields than the header",
            "rows of as many fields as the header has",
            "download the table again and compare its checksum",
        )
    frame = frame.rename(str.strip).with_columns(pl.all().fill_null(""))
    for column in columns:
        if column not in frame.columns:
            raise _refused(path.name, f"no column {column}", ", ".join(columns), _AS_PUBLISHED)
    if frame.height < least:
        raise _refused(path.name, "no row below the header", "the whole table", _AS_PUBLISHED)
    return _placed(frame, path.name, ragged)


def lines(root: Path, name: str, column: str) -> pl.DataFrame:
    """The lines of a list without a header as a table of one column; blank lines are no rows.

    Spaces around a line are stripped. Row 1 is the first line.

    Raises:
        InputRefused: E102, there is no such list; E103, it cannot be read or is empty.
    """
    try:
        text = (root / name).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InputRefused(
            "E102", name, "no such list", "the official list", "put it beside the images"
        ) from error
    except (OSError, UnicodeError) as error:
        raise _refused(
            name,
            f"the list cannot be read: {type(error).__name__}",
            "a text file in UTF-8",
            "download the list again",
        ) from error
    listed = [line.strip() for line in text.split("\n")]
    frame = _placed(pl.DataFrame({column: listed}, {column: pl.String}), name, {})
    frame = frame.filter(pl.col(column) != "")
    if not frame.height:
        raise _refused(name, "no line", "the whole list", _AS_PUBLISHED)
    return frame


def unique(frame: pl.DataFrame, column: str) -> pl.DataFrame:
    """The rows, with a fault for each whose value in the column is blank or is in another row too.

    Raises:
        InputRefused: E103, most rows are so.
    """
    blank = pl.col(column) == ""
    repeated = pl.col(column).is_duplicated() & ~blank
    frame = marked(frame, repeated, column, "the value is in several rows")
    return marked(frame, blank, column, "the value is blank")


def matching(frame: pl.DataFrame, column: str, pattern: str) -> pl.DataFrame:
    """The rows, with a fault for each whose value does not match the whole regular expression.

    Raises:
        InputRefused: E103, most rows do not match.
    """
    odd = ~pl.col(column).str.contains(f"^(?:{pattern})$")
    return marked(frame, odd, column, f"the value is not like {pattern}")


def marked(frame: pl.DataFrame, bad: pl.Expr, column: str, what: str) -> pl.DataFrame:
    """The rows, with the fault `what` of the column for each row for which `bad` is true.

    Raises:
        InputRefused: E103, most rows are so.
    """
    number = int(frame.select(bad.sum()).item())
    if not number:
        return frame
    if number > _WHOLE_COLUMN * frame.height:
        name = str(frame[_PLACE][0]).rsplit(", row ", 1)[0]
        raise _refused(
            name,
            f"column {column}: in {number} of {frame.height} rows {what}",
            "the values as published",
            f"{_AS_PUBLISHED}; a program that reads ids as numbers changes them",
        )
    text = pl.format("{}: column {}: {}", pl.col(_PLACE), pl.lit(column), pl.lit(what))
    fault = pl.when(bad & (pl.col(FAULT) == "")).then(text).otherwise(pl.col(FAULT))
    return frame.with_columns(fault.alias(FAULT))


def join(left: pl.DataFrame, right: pl.DataFrame, on: Sequence[str] | str) -> pl.DataFrame:
    """Every row of `left` once, with the columns of the row of `right` that has the same key.

    Where there is none the columns are null. A fault of the right row becomes one of the left row;
    of rows with one key the first is taken, which `unique` has marked. Columns of `right` that
    `left` has too are left out.
    """
    keys = [on] if isinstance(on, str) else list(on)
    new = [c for c in right.columns if c not in left.columns]
    other = right.select(*keys, *new, pl.col(FAULT).alias("#other"))
    joined = left.join(other.unique(keys, keep="first", maintain_order=True), on=keys, how="left")
    first, second = pl.col(FAULT), pl.col("#other").fill_null("")
    both = pl.when(first == "").then(second).otherwise(first)
    return joined.with_columns(both.alias(FAULT)).drop("#other")


def lost(left: pl.DataFrame, right: pl.DataFrame, on: Sequence[str] | str) -> pl.DataFrame:
    """The faulty rows of `right` that a `join` with `left` would drop, as their fault alone.

    A key that is corrupt finds no partner: add these rows to the joined ones, so that they are
    named and counted.
    """
    keys = [on] if isinstance(on, str) else list(on)
    bad = right.filter(pl.col(FAULT) != "")
    return bad.join(left, on=keys, how="anti").select(FAULT)


def number(column: str, dtype: type[pl.DataType]) -> pl.Expr:
    """A column of text such as "1.0" as numbers, null where it is blank or no number."""
    return pl.col(column).cast(pl.Float64, strict=False).cast(dtype, strict=False)


_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_HEADER = 1 << 20  # bytes in which the header ends
_QUOTE, _COMMA, _FEED, _RETURN = b'",\n\r'
_SPECIAL = np.isin(np.arange(256), [_QUOTE, _COMMA, _FEED])

_AS_PUBLISHED = "use the table as it was published"


def _refused(name: str, observed: str, expected: str, remedy: str) -> InputRefused:
    return InputRefused("E103", name, observed, expected, remedy)


def _ragged(content: bytes, width: int) -> dict[int, int]:
    """Number of fields by row (0 is the first after the header) where it is not the header's."""
    numbers = _numbers_of_fields(content.removeprefix(_BYTE_ORDER_MARK))
    header = next(csv.reader(io.StringIO(content[:_HEADER].decode("utf-8-sig", "ignore"))), [])
    named = max((n for n, name in enumerate(header, 1) if name.strip()), default=0)
    rows = numbers[1:]
    odd = np.flatnonzero((rows < named) | (rows > width))
    return {int(n): int(rows[n]) for n in odd}


def _numbers_of_fields(content: bytes) -> np.ndarray:
    """(rows,) the number of fields of each row, the header too; 0 of a blank line (RFC 4180)."""
    if not content:
        return np.zeros(0, np.int64)
    characters = np.frombuffer(content, np.uint8)
    quoted = b'"' in content
    special = (characters == _COMMA) | (characters == _FEED)
    if quoted:
        special |= characters == _QUOTE
    at = np.flatnonzero(special)
    kind = characters[at]
    quotes = kind == _QUOTE
    inside = np.cumsum(quotes) % 2 == 1 if quoted else quotes  # behind the character
    if _is_odd(characters, at[quotes], inside[quotes]):
        return _counted_by_csv(content)
    if quoted:
        at, kind = at[~inside & ~quotes], kind[~inside & ~quotes]
    feeds = np.flatnonzero(kind == _FEED)
    ends = at[feeds]
    if not content.endswith(b"\n"):
        feeds, ends = np.append(feeds, len(kind)), np.append(ends, len(content))
    starts = np.append(0, ends[:-1] + 1)
    blank = (ends == starts) | ((ends == starts + 1) & (characters[starts] == _RETURN))
    return np.where(blank, 0, np.diff(feeds, prepend=-1))


def _is_odd(characters: np.ndarray, quotes: np.ndarray, opening: np.ndarray) -> bool:
    """A quote stands within a field that has none around it, or a line ends without a feed."""
    if opening.size and opening[-1]:
        return True
    before, behind = _at(characters, quotes - 1), _at(characters, quotes + 1)
    if (opening & ~_SPECIAL[before]).any():
        return True
    if (~opening & ~(_SPECIAL[behind] | (behind == _RETURN))).any():
        return True
    returns = np.flatnonzero(characters == _RETURN)
    return bool((_at(characters, returns + 1) != _FEED).any())


def _at(characters: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The characters at the places; a line feed in front of the first and behind the last."""
    within = (places >= 0) & (places < len(characters))
    return np.where(within, characters[np.where(within, places, 0)], np.uint8(_FEED))


def _counted_by_csv(content: bytes) -> np.ndarray:
    limit = csv.field_size_limit(max(csv.field_size_limit(), len(content)))
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
        return np.array([len(row) for row in rows], np.int64)
    finally:
        csv.field_size_limit(limit)


def _placed(frame: pl.DataFrame, name: str, ragged: dict[int, int]) -> pl.DataFrame:
    place = pl.format("{}, row {}", pl.lit(name), pl.int_range(1, pl.len() + 1))
    fault = pl.Series(FAULT, [""] * frame.height, pl.String)
    for row, fields in ragged.items():
        fault[row] = (
            f"{name}, row {row + 1}: {fields} fields in the row, {frame.width} in the header"
        )
    # Lines without any field are no rows.
    blank = [row for row, fields in ragged.items() if not fields]
    return (
        frame.with_columns(place.alias(_PLACE), fault)
        .filter(~pl.int_range(pl.len()).is_in(blank))
    )  # fmt: skip
