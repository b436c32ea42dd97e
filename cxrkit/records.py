"""One row per image: what every archive is read into, and the table that holds all of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from cxrkit.tables import FAULT
from cxrkit.terms import FRONTAL_VIEWS


@dataclass(frozen=True)
class Record:
    """One image of an archive. Ids are text; unknown is empty, never "negative".

    `labels` maps an observation to 1 present, 0 absent, -1 uncertain; a missing key is
    "not mentioned". Paths are relative to the archive's root, with forward slashes.
    """

    archive: str
    image_id: str
    image: str
    patient_id: str = ""
    study_id: str = ""
    view: str = ""  # View Position (0018,5101): PA, AP, LATERAL, LL, ...
    mask: str = ""  # the file that holds the archive's own mask, where it has one
    split: str = ""  # as published: train, validate, test
    sex: str = ""  # M, F, O
    age: float | None = None  # years
    rows: int | None = None
    columns: int | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)  # the archive's own columns, untouched
    fault: str = ""  # why nothing may be made of it: a corrupt row of a table

    @property
    def frontal(self) -> bool:
        """The published view is PA or AP, or said to be frontal without saying which."""
        return self.view in FRONTAL_VIEWS


# Columns of the records table before the labels, in order, with their types.
FIELDS: dict[str, Any] = {
    "archive": pl.String,
    "image_id": pl.String,
    "image": pl.String,
    "patient_id": pl.String,
    "study_id": pl.String,
    "view": pl.String,
    "mask": pl.String,
    "split": pl.String,
    "sex": pl.String,
    "age": pl.Float64,
    "rows": pl.Int32,
    "columns": pl.Int32,
    "fault": pl.String,
}
LABEL, EXTRA = "labels.", "extra."  # prefixes of the columns that follow
_BLOCK = 10_000  # rows turned into Python objects at a time


def frame(records: Iterable[Record], observations: Sequence[str] = ()) -> pl.DataFrame:
    """The records as a table: `FIELDS`, then `labels.<observation>` Int8, then `extra.<name>` text.

    Null is "not mentioned" for a label and "not there" for an extra. The observations given have a
    column even where no record mentions them; others follow in the order of their names. A record
    with text that is not UTF-8, such as the name of its file, keeps nothing but a fault.
    """
    listed = list(records)
    try:
        return _columns(listed, observations)
    except UnicodeEncodeError:  # a table holds UTF-8 alone; file systems hold any bytes
        return _columns([spelled(record) for record in listed], observations)


def _columns(listed: Sequence[Record], observations: Sequence[str]) -> pl.DataFrame:
    mentioned = {o for r in listed for o in r.labels}
    names = (*observations, *sorted(mentioned.difference(observations)))
    extras = list(dict.fromkeys(name for r in listed for name in r.extra))
    columns = {
        **{f: pl.Series(f, [getattr(r, f) for r in listed], t) for f, t in FIELDS.items()},
        **{LABEL + o: pl.Series(LABEL + o, [r.labels.get(o) for r in listed], pl.Int8)
           for o in names},
        **{EXTRA + e: pl.Series(EXTRA + e, [r.extra.get(e) for r in listed], pl.String)
           for e in extras},
    }  # fmt: skip
    return pl.DataFrame(columns)


def name_fault(path: str) -> str:
    """What is wrong with a path whose name is not UTF-8: "a/b\\udcff.png: ..."; else ""."""
    if path.isascii() or _is_utf8(path):
        return ""
    return f"{_escaped(path)}: the name is not UTF-8: rename the file"


def spelled(record: Record) -> Record:
    """The record itself where a table can hold it, else its escaped names and the fault."""
    texts = [getattr(record, f) for f, kind in FIELDS.items() if kind == pl.String]
    if _is_utf8("".join([*texts, *record.labels, *record.extra, *record.extra.values()])):
        return record
    path = _escaped(record.image)
    fault = name_fault(record.image) or f"{path}: text that is not UTF-8"
    return Record(record.archive, _escaped(record.image_id), path, fault=fault)


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= c <= "\udfff" for c in text)


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def completed(table: pl.DataFrame, archive: str, observations: Sequence[str]) -> pl.DataFrame:
    """A table with some of the columns as a whole records table, sorted by `image`.

    Columns that are no field, label or extra are left out; missing ones are empty. A row with a
    fault (`tables.FAULT`) keeps nothing else, since nothing of it can be trusted; its place in the
    table stands for its id and path.
    """
    if FAULT in table.columns:
        table = _without_faulty(table)
    blank = {f: pl.lit("") if t == pl.String else pl.lit(None, t) for f, t in FIELDS.items()}
    blank["archive"] = pl.lit(archive)
    given = set(table.columns)
    fields = [
        pl.col(f).cast(t).fill_null("") if t == pl.String else pl.col(f).cast(t)
        for f, t in FIELDS.items()
        if f in given
    ]
    return table.select(
        *fields,
        *(e.alias(f) for f, e in blank.items() if f not in given),
        *(pl.col(c).cast(pl.Int8) for c in table.columns if c.startswith(LABEL)),
        *(pl.lit(None, pl.Int8).alias(LABEL + o) for o in observations if LABEL + o not in given),
        *(pl.col(c) for c in table.columns if c.startswith(EXTRA)),
    ).sort("image").select(
        *FIELDS,
        *(LABEL + o for o in observations),
        pl.selectors.starts_with(LABEL) - pl.selectors.by_name([LABEL + o for o in observations]),
        pl.selectors.starts_with(EXTRA),
    )  # fmt: skip


def _without_faulty(table: pl.DataFrame) -> pl.DataFrame:
    fine = table.filter(pl.col(FAULT) == "")
    bad = table.filter(pl.col(FAULT) != "").select(pl.col(FAULT).alias("fault"))
    # "labels.csv.gz, row 17: column Edema: ..." -> "labels.csv.gz-row-17"
    place = pl.col("fault").str.replace(r"^(.+?), row (\d+): .*$", "${1}-row-${2}")
    place = place.str.replace(r"^(.+?): .*$", "${1}")  # or "folder/name.png: ..."
    place = place + "-" + pl.int_range(pl.len()).cast(pl.String)
    bad = bad.with_columns(place.alias("image"), place.str.replace_all("/", "-").alias("image_id"))
    return pl.concat([fine, bad], how="diagonal")


def from_frame(table: pl.DataFrame) -> Iterator[Record]:
    """The records of a records table, in its order."""
    labels = [c for c in table.columns if c.startswith(LABEL)]
    extras = [c for c in table.columns if c.startswith(EXTRA)]
    observations = [c.removeprefix(LABEL) for c in labels]
    names = [c.removeprefix(EXTRA) for c in extras]
    for block in table.iter_slices(_BLOCK):
        facts = block.select(*FIELDS).iter_rows()
        states = block.select(labels).iter_rows() if labels else [()] * block.height
        others = block.select(extras).iter_rows() if extras else [()] * block.height
        for fact, state, other in zip(facts, states, others, strict=True):
            yield Record(
                *fact[:-1],  # type: ignore[misc]  # FIELDS ends before labels and extra
                fault=fact[-1],
                labels={o: v for o, v in zip(observations, state, strict=True) if v is not None},
                extra={n: v for n, v in zip(names, other, strict=True) if v is not None},
            )
