"""Where two tables of labels disagree."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cxrkit import tables
from cxrkit.errors import InputRefused

WORDS = {"1": "present", "0": "absent", "-1": "uncertain", "": "blank"}


@dataclass(frozen=True)
class Comparison:
    """Two tables of labels. `counts` is by observation, first and second cell."""

    reports: int  # in both
    only_first: int
    only_second: int
    counts: dict[str, Counter[tuple[str, str]]]
    disagreements: pl.DataFrame  # id, observation, first, second


def compare(first: Path, second: Path, id_column: str = "id") -> Comparison:
    """The cells of two label tables beside each other, by id and observation.

    Cells such as "1.0" are read as "1". Observations that only one table has are left out.

    Raises:
        InputRefused: E102, E103, a table is missing or damaged; E103, no observation in common.
    """
    a, b = (_read(path, id_column) for path in (first, second))
    names = [c for c in a.columns if c in b.columns and c != id_column and not c.startswith("#")]
    if not names:
        raise InputRefused(
            "E103", second.name, "no observation in common", f"columns as in {first.name}",
            "label both with one vocabulary",
        )  # fmt: skip
    both = a.select(id_column, *names).join(
        b.select(id_column, *names), on=id_column, how="inner", suffix="#second"
    )
    counts, lists = {}, []
    for name in names:
        pair = both.select(
            pl.col(id_column).alias("id"),
            pl.lit(name).alias("observation"),
            pl.col(name).alias("first"),
            pl.col(f"{name}#second").alias("second"),
        )
        counts[name] = Counter(pair.select("first", "second").iter_rows())
        lists.append(pair.filter(pl.col("first") != pl.col("second")))
    return Comparison(
        both.height, a.height - both.height, b.height - both.height, counts, pl.concat(lists)
    )


def _read(path: Path, id_column: str) -> pl.DataFrame:
    frame = tables.unique(tables.read(path.parent, path.name, (id_column,)), id_column)
    frame = frame.filter(pl.col(tables.FAULT) == "")
    plain = pl.all().exclude(id_column).str.replace(r"^(-?[01])\.0$", "${1}")
    return frame.with_columns(plain)
