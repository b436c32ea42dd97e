"""How many images of how many people, by split, view, sex, age and label, from a records table.

Counts are kept flat under a key such as ("label", "Edema", "train", "present"), beside the sums
that hold between them: `disclosure` needs to know what can be computed from what.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from cxrkit.records import LABEL
from cxrkit.terms import FRONTAL_VIEWS, SPLITS
from cxrkit.verification import splits

Key = tuple[str, ...]
STATES = {1: "present", 0: "absent", -1: "uncertain", None: "not mentioned"}
NO_SPLIT, UNKNOWN, ALL = "no split", "unknown", "all"
IMAGES: Key = ("images",)


@dataclass(frozen=True)
class Count:
    """So many images of so many people. Both are None where they are withheld, `mark` says how.

    A person is a patient; an image of unknown patient counts as a person of its own.
    """

    images: int | None
    people: int | None
    mark: str = ""


@dataclass(frozen=True)
class Line:
    """A sum: the images of all `parts` are together the images of all `wholes`.

    It holds for people too where no person is in two of the parts.
    """

    parts: tuple[Key, ...]
    wholes: tuple[Key, ...]


@dataclass(frozen=True)
class Tally:
    """Counts with the lines that join them."""

    counts: Mapping[Key, Count] = field(default_factory=dict)
    lines: tuple[Line, ...] = ()

    def __add__(self, other: "Tally") -> "Tally":
        """Both together; a key that both have is the other's."""
        return Tally({**self.counts, **other.counts}, self.lines + other.lines)

    def names(self, *start: str) -> list[str]:
        """The last words of the keys that are one word longer than `start`, in order."""
        return [k[-1] for k in self.counts if len(k) == len(start) + 1 and k[:-1] == start]


def person() -> pl.Expr:
    """The patient of an image, or the image itself where the patient is unknown."""
    patient = pl.col("patient_id")
    return (
        pl.when(patient != "").then("patient " + patient).otherwise("image " + pl.col("image_id"))
    )


def prepared(table: pl.DataFrame, bands: Mapping[str, int]) -> pl.DataFrame:
    """The records table with the columns that are counted: person, split, view, sex, age band.

    `bands` are the ages at which a band begins by its name, ascending.
    """
    return table.with_columns(
        person().rank("dense").cast(pl.UInt32).alias("person"),
        *(_named(c, UNKNOWN) for c in ("view", "sex")),
        _named("split", NO_SPLIT),
        banded("age", bands).alias("age band"),
    )


def banded(column: str, bands: Mapping[str, int]) -> pl.Expr:
    """The name of the band that a number lies in, `UNKNOWN` where it is null or below all."""
    text = pl.lit(UNKNOWN)
    for name, low in bands.items():
        text = pl.when(pl.col(column) >= low).then(pl.lit(name)).otherwise(text)
    return text


def general(table: pl.DataFrame, bands: Mapping[str, int]) -> Tally:
    """All images, and their parts by split, view, sex, age band and by mask, of a prepared table.

    A property that is unknown for every image is left out; an age band without images is a zero,
    for an axis of ages has no gaps. ("patients", "in several splits") counts
    people of whom images are in more than one split.
    """
    tally = Tally({IMAGES: _count(table)})
    order = {
        "split": [*SPLITS, NO_SPLIT],
        "view": [*FRONTAL_VIEWS, "LATERAL", "LL"],
        "sex": ["M", "F", "O", UNKNOWN],
        "age band": [*bands, UNKNOWN],
    }
    for column, names in order.items():
        found = _parts(table, column, (column,), IMAGES, names, empty=bands)
        if set(found.names(column)) - {UNKNOWN, NO_SPLIT}:
            tally += found
    if tally.names("split"):
        tally += _crossing(table, tally.names("split"))
    masked = table.with_columns(
        pl.when(pl.col("mask") != "").then(pl.lit("with")).otherwise(pl.lit("without")).alias("#m")
    )
    return tally + _parts(masked, "#m", ("mask",), IMAGES, ["with", "without"])


def labels(table: pl.DataFrame, observations: Sequence[str], known: Tally) -> Tally:
    """Each observation in its four states by split, and where present by view, sex and age band.

    `known` is what `general` found in the same prepared table. ("label", o, ALL, state) are all
    splits together; ("label", o, split, state) are there only where the archive has splits.
    """
    tally = Tally()
    for observation in observations:
        tally += _states(table, observation, known.names("split"))
        present = table.filter(pl.col(LABEL + observation) == 1)
        whole = ("label", observation, ALL, "present")
        for column in ("view", "sex", "age band"):
            if names := known.names(column):
                tally += _parts(present, column, (column, observation), whole, names, empty=names)
    return tally + Tally({}, tuple(_exclusive(table, observations, known)))


def grouped(table: pl.DataFrame, column: str, start: Key, whole: Key) -> Tally:
    """The parts of a prepared table by any text column, sorted by name."""
    return _parts(table, column, start, whole, ())


def _named(column: str, blank: str) -> pl.Expr:
    value = pl.col(column).fill_null("")
    return pl.when(value == "").then(pl.lit(blank)).otherwise(value).alias(column)


def _count(table: pl.DataFrame) -> Count:
    return Count(table.height, table["person"].n_unique())


def _parts(
    table: pl.DataFrame,
    column: str,
    start: Key,
    whole: Key,
    names: Sequence[str],
    empty: Container[str] = (),
) -> Tally:
    """Counts under `start` for each value of the column, those of `names` in their order first.

    The names in `empty` are kept as zeros where no row has them.
    """
    rows = table.group_by(column).agg(pl.len(), pl.col("person").n_unique().alias("people"))
    found = {str(name): Count(images, people) for name, images, people in rows.iter_rows()}
    ordered = [n for n in names if n in found or n in empty]
    # By name, never by number: an order would tell which of two withheld counts is larger.
    ordered += sorted(set(found) - set(names), key=lambda name: (name == UNKNOWN, name))
    counts = {(*start, name): found.get(name, Count(0, 0)) for name in ordered}
    return Tally(counts, (Line(tuple(counts), (whole,)),) if counts else ())


def _crossing(table: pl.DataFrame, names: Sequence[str]) -> Tally:
    """How many people have images in several splits: people of all splits - people of the whole."""
    found = splits.patients_across(table.filter(pl.col("split") != NO_SPLIT))
    key = ("patients", "in several splits")
    line = Line(tuple(("split", name) for name in names), (IMAGES, key))
    return Tally({key: Count(int(found["images"].sum()), found.height)}, (line,))


def _states(table: pl.DataFrame, observation: str, names: Sequence[str]) -> Tally:
    column = LABEL + observation
    people = pl.col("person").n_unique().alias("people")
    every = table.group_by(column).agg(pl.len(), people).rows()
    by_split = table.group_by("split", column).agg(pl.len(), people).rows() if names else []
    found = {(ALL, STATES[state]): Count(*number) for state, *number in every}
    found |= {(split, STATES[state]): Count(*number) for split, state, *number in by_split}
    counts: dict[Key, Count] = {
        ("label", observation, split, state): found.get((split, state), Count(0, 0))
        for split in (ALL, *names)
        for state in STATES.values()
    }
    lines = [
        Line(
            tuple(("label", observation, split, state) for state in STATES.values()),
            (IMAGES if split == ALL else ("split", split),),
        )
        for split in (ALL, *names)
    ]
    lines += [
        Line(
            tuple(("label", observation, split, state) for split in names),
            (("label", observation, ALL, state),),
        )
        for state in STATES.values()
        if names
    ]
    return Tally(counts, tuple(lines))


def _exclusive(table: pl.DataFrame, observations: Sequence[str], known: Tally) -> list[Line]:
    """The sums over observations that hold where every image has exactly one."""
    if len(observations) < 2:
        return []
    one = pl.sum_horizontal((pl.col(LABEL + o) == 1).fill_null(False) for o in observations) == 1
    if not table.select(one.all()).item():
        return []
    lines = [Line(tuple(("label", o, ALL, "present") for o in observations), (IMAGES,))]
    lines += [
        Line(tuple(("label", o, split, "present") for o in observations), (("split", split),))
        for split in known.names("split")
    ]
    lines += [
        Line(tuple((column, o, name) for o in observations), ((column, name),))
        for column in ("view", "sex", "age band")
        for name in known.names(column)
    ]
    return lines
