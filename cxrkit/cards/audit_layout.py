"""Verdicts on files: formats, paths, tables, folders, sizes and bits of the images."""

import difflib
import re
from collections import Counter
from pathlib import PurePosixPath

import polars as pl

from cxrkit.cards import audit_verdict
from cxrkit.cards.audit_copy import Source
from cxrkit.cards.audit_numbers import agrees
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_verdict import COPY, RECORD, Finding, false, true, unverifiable
from cxrkit.cards.audit_words import IMAGE_FORMATS, OTHER_FORMATS, format_name, words

_PLACEHOLDERS = (
    ("patient_id", re.compile(r"[<{]?(?:patient|subject)(?:_?id)?[>}]?", re.IGNORECASE)),
    ("study_id", re.compile(r"[<{]?study(?:_?id)?[>}]?", re.IGNORECASE)),
    ("image_id", re.compile(r"[<{]?(?:dicom|image|instance|file)(?:_?(?:id|name))?[>}]?", re.I)),
)
_PER_FOLDER = re.compile(
    r"\b(?:(?:every|per|each) (?:of (?:them|these|which) )?(?:folder|director)\w*|each$|each[.,;)]"
    r"|each (?:with|of which|has|have|hold\w*|contain\w*)\b|\w+ each\b(?! (?:patient|subject)))",
    re.IGNORECASE,
)
_COMPARED = 50  # records that a pattern of paths is tried on
_SHAPES = ((r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}", "H"), (r"[0-9]+", "#"))


def file_format(statement: Statement, source: Source) -> Finding:
    """A format or a suffix; an unknown one is false, one that is merely absent need not be."""
    word = statement.words[0]
    name = format_name(word)
    suffixes = _suffixes(source)
    own = {format_name(s) for s in suffixes}
    shown = ", ".join(suffixes)
    if name and name in own:
        return true(COPY, shown)
    known = [*IMAGE_FORMATS, *OTHER_FORMATS]
    if not name and not word.startswith(".") and not difflib.get_close_matches(word.lower(), known):
        return unverifiable("not the name of a format", shown)
    if not name:
        return false(
            COPY if shown else RECORD, shown or "no such format", "no suffix of any format"
        )
    if name not in set(IMAGE_FORMATS.values()):
        there = source.root is not None and any(
            name in p.name.lower().split(".") for p in source.root.iterdir() if p.is_file()
        )
        return true(COPY, "beside the images") if there else unverifiable("not looked for inside")
    if name in source.facts.formats:
        return unverifiable("another form of the release", shown, RECORD)
    alone = sum(w in IMAGE_FORMATS for w in words(statement.context)) == 1
    if own and statement.unit == "cell" and alone:
        return false(COPY, shown)
    return unverifiable("none of these on this copy" if own else "no copy to look in", shown)


def path(statement: Statement, source: Source) -> Finding:
    """A path of a drawn tree, or a pattern of ids."""
    if source.table is None:
        return unverifiable("no copy to look in")
    if statement.unit == "pattern":
        return _pattern(statement.words[0], source)
    parts = statement.words[0].strip("./").split("/")
    columns = [source.table["image"], source.table["mask"]]
    paths = pl.concat([c.filter(c != "") for c in columns])
    tail = "/".join(parts[-2:]) if len(parts) > 1 else parts[0]
    if paths.is_empty():
        return unverifiable("this copy has no images")
    if (("/" + paths).str.ends_with(f"/{tail}")).any():
        return true(COPY, tail)
    wanted = pl.Series([tail])
    shapes = paths
    for pattern, mark in _SHAPES:
        wanted = wanted.str.replace_all(pattern, mark)
        shapes = shapes.str.replace_all(pattern, mark)
    if (("/" + shapes.unique()).str.ends_with(f"/{wanted[0]}")).any():
        return unverifiable("this copy has files of this form, not this one", str(paths[0]))
    return unverifiable(
        "no file of this form on this copy; it may have another layout", str(paths[0])
    )


def described(statement: Statement, source: Source) -> Finding:
    """A table that the card describes: once, and it is there."""
    name = statement.words[0]
    if len(statement.values) > 1:
        lines = " and ".join(f"{line:.0f}" for line in statement.values)
        why = "one description belongs to another file"
        return false(audit_verdict.CARD, f"described in lines {lines}", why)
    root = source.root
    if root is not None and any((root / n).is_file() for n in (name, f"{name}.gz")):
        return true(COPY, name)
    return unverifiable("not beside the images of this copy")


def folders(statement: Statement, source: Source) -> Finding:
    """Folders above the images: the first level that has several, and the one below it."""
    value, each = statement.values[0], source.facts.sub_folders_each
    first, second = _levels(source)
    per_folder = bool(_PER_FOLDER.search(statement.context))
    if statement.unit == "folders":
        recorded = source.facts.folders
        found = first
        if found is None and recorded is None:
            return unverifiable("neither this copy nor the record can tell")
        return audit_verdict.against(
            None if found is None else found == value,
            None if recorded is None else recorded == value,
            _folders(found), _folders(recorded), source.partial, source.facts.source,
        )  # fmt: skip
    shown = f"about {each:,} in each of the {source.facts.folders} folders" if each else ""
    if each and per_folder and agrees(value, each, "about"):
        return true(f"{RECORD}: {source.facts.source}", shown)
    if second is not None and agrees(value, second, statement.hedge):
        return true(COPY, f"{second:,} sub-folders")
    if each and agrees(value, each, "about"):
        why = "the number is that of one folder, not of all"
        return false(f"{RECORD}: {source.facts.source}", shown, why)
    if second is None or source.partial:
        return unverifiable("the copy is a part of the release, or has no such folders", shown)
    return false(COPY, f"{second:,} sub-folders")


def size(statement: Statement, source: Source) -> Finding:
    """Sides in pixels, in either order: each side's extreme, its median, or the size of all."""
    said = (int(statement.values[0]), int(statement.values[1]))
    facts, statistic = source.facts, statement.unit
    known = {"min": facts.smallest, "max": facts.largest}.get(statistic)
    if facts.smallest and facts.smallest == facts.largest:
        known = facts.smallest
    fits_record = None if known is None else sorted(known) == sorted(said)
    measured = _measured(statement, source)
    if measured is None:
        fits_copy, found = None, ""
    else:
        fits_copy, found = _fits_size(said, statistic, measured)
    recorded = "" if known is None else f"{known[0]:,} x {known[1]:,}"
    if statistic == "model":
        if fits_copy:
            return true(COPY, found)
        return unverifiable("the size that a network takes may be meant", found)
    finding = audit_verdict.against(
        fits_copy, fits_record, found, recorded, source.partial, facts.source
    )
    if finding.answer == "false" and measured is not None and statistic in ("min", "max"):
        there = measured.filter(
            (pl.col("columns").is_in(said)) & (pl.col("rows").is_in(said))
            & (pl.col("columns") + pl.col("rows") == sum(said))
        ).height  # fmt: skip
        note = "each side by itself" + ("; an image of the stated size exists" if there else "")
        return Finding("false", finding.found, note, finding.authority)
    return finding


def bits(statement: Statement, source: Source) -> Finding:
    """Bits of a gray value."""
    value, recorded = int(statement.values[0]), source.facts.bits
    measured = None if source.sizes is None else source.sizes.filter(pl.col("fault") == "")
    found = sorted(set(measured["bits"].drop_nulls())) if measured is not None else []
    return audit_verdict.against(
        None if not found else found == [value],
        None if recorded is None else recorded == value,
        ", ".join(map(str, found)),
        "" if recorded is None else str(recorded),
        source.partial,
        source.facts.source,
    )


def _suffixes(source: Source) -> list[str]:
    """Suffixes of the images on this copy, the most frequent first."""
    if source.table is None:
        return []
    found = Counter(PurePosixPath(image).suffix.lower() for image in source.table["image"])
    return [suffix for suffix, _ in found.most_common() if suffix]


def _pattern(text: str, source: Source) -> Finding:
    """A path such as subject_id/study_id/dicom_id.jpg, filled with the ids of some records."""
    assert source.table is not None  # `path` has looked
    parts = []
    named = []
    for part in text.strip("./").split("/"):
        stem, dot, suffix = part.partition(".")
        column = next((c for c, p in _PLACEHOLDERS if p.fullmatch(stem)), "")
        named += [column] if column else []
        parts.append((column, stem, dot + suffix))
    rows = source.table.filter(pl.col("image") != "").head(_COMPARED)
    if len(named) < 2 or rows.is_empty() or any((rows[c] == "").any() for c in named):
        return unverifiable("no pattern of ids that this copy has")
    for row in rows.iter_rows(named=True):
        filled = "/".join(f"{row[c] if c else stem}{suffix}" for c, stem, suffix in parts)
        if row["image"] == filled or row["image"].endswith(f"/{filled}"):
            return true(COPY, str(row["image"]))
    row = rows.row(0, named=True)
    form = str(row["image"])
    for column, _ in _PLACEHOLDERS:
        if row[column]:
            form = form.replace(str(row[column]), f"<{column}>")
    return false(COPY, form)


def _levels(source: Source) -> tuple[int | None, int | None]:
    """How many folders the first level with several has, and the level below it; None: no such."""
    if source.table is None:
        return None, None
    split = [PurePosixPath(image).parts[:-1] for image in source.table["image"] if image]
    depth = min((len(parts) for parts in split), default=0)
    counts = [len({parts[: level + 1] for parts in split}) for level in range(depth)]
    several = [n for n in counts if n > 1]
    at = counts.index(several[0]) if several else 0
    below = counts[at + 1] if several and at + 1 < len(counts) else None
    return (several[0] if several else None), below


def _folders(number: int | None) -> str:
    return "" if number is None else f"{number:,} folders"


def _measured(statement: Statement, source: Source) -> pl.DataFrame | None:
    """Sizes of the images that the statement is about; None where none was measured."""
    if source.sizes is None or source.table is None:
        return None
    fine = source.sizes.filter(pl.col("fault") == "")
    asked = source.quantity(statement.subject, (), "images")
    if asked.labels or asked.extras:
        images = source.images(asked)
        fine = fine.filter(pl.col("image").is_in(images.to_list()))
    return None if fine.is_empty() else fine.select("columns", "rows")


def _fits_size(
    said: tuple[int, int], statistic: str, measured: pl.DataFrame
) -> tuple[bool | None, str]:
    columns, rows = measured["columns"], measured["rows"]
    sides: dict[str, tuple[float, float]] = {
        "min": (_number(columns.min()), _number(rows.min())),
        "max": (_number(columns.max()), _number(rows.max())),
        "median": (_number(columns.median()), _number(rows.median())),
        "mean": (_number(columns.mean()), _number(rows.mean())),
    }
    if statistic in sides:
        found = sides[statistic]
        slack = 1.0 if statistic in ("median", "mean") else 0.0
        fits = any(
            abs(a - said[0]) <= slack and abs(b - said[1]) <= slack for a, b in (found, found[::-1])
        )
        if not fits and statistic != "mean":
            fits = said in _of_one_image(measured, statistic)
        return fits, f"{found[0]:,.0f} x {found[1]:,.0f}"
    different = measured.filter(
        ~((pl.col("columns") == said[0]) & (pl.col("rows") == said[1]))
        & ~((pl.col("columns") == said[1]) & (pl.col("rows") == said[0]))
    )
    if different.is_empty():
        return True, f"{said[0]:,} x {said[1]:,}"
    other = different.row(0)
    return False, f"{different.height:,} of another size, as {other[0]:,} x {other[1]:,}"


def _of_one_image(measured: pl.DataFrame, statistic: str) -> set[tuple[int, int]]:
    """The sizes of the image with the fewest, the middle or the most pixels, in both orders.

    For a median the images may also be sorted by one side; of several images with as many pixels
    any will do.
    """
    area = measured.with_columns((pl.col("columns") * pl.col("rows")).alias("area"))
    if statistic != "median":
        edge = area["area"].min() if statistic == "min" else area["area"].max()
        pairs = area.filter(pl.col("area") == edge).select("columns", "rows").iter_rows()
        return {pair for c, r in pairs for pair in ((c, r), (r, c))}
    found = set()
    for order in (["columns", "rows"], ["rows", "columns"], ["area", "columns"], ["area", "rows"]):
        ranked = area.sort(order)
        for at in (ranked.height // 2, (ranked.height - 1) // 2):
            columns, rows = ranked["columns"][at], ranked["rows"][at]
            found |= {(columns, rows), (rows, columns)}
    return found


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
