"""What is published about an archive in numbers, each with the count that checks it on a copy.

A claim names what it counts, its value and who says so; `counted` is a polars expression over the
archive's records table (see `records.frame`) or its annotations. Where a copy cannot tell, because
it lacks the column or a table, the count is None and the claim is unverifiable, not false.
"""

from dataclasses import dataclass
from typing import Literal

import polars as pl

Table = Literal["records", "annotations"]


@dataclass(frozen=True)
class Claim:
    """One published number. `erratum` marks a number that is known to be wrong, and says why."""

    what: str  # "images", "patients", "Effusion", "train images"
    value: int
    source: str  # who says so: a table of the release, its page, a paper's DOI
    counted: pl.Expr  # one whole number; null where this form of the archive cannot tell
    table: Table = "records"
    why: str = ""  # why a whole copy can differ: another version, a known defect
    erratum: str = ""  # for a claim that is in circulation and false: what is true


def rows() -> pl.Expr:
    """The number of rows: images in the records table."""
    return pl.len()


def unique(column: str) -> pl.Expr:
    """The number of distinct values of a column, blank ones left out."""
    return pl.col(column).filter(pl.col(column) != "").n_unique()


def where(condition: pl.Expr) -> pl.Expr:
    """The number of rows for which the condition holds."""
    return condition.fill_null(False).sum()


def labelled(observation: str, state: int = 1) -> pl.Expr:
    """The number of images whose label of this observation is 1, 0 or -1."""
    return where(pl.col(f"labels.{observation}") == state)


def count(claim: Claim, table: pl.DataFrame) -> int | None:
    """What this copy has; None where it cannot tell."""
    try:
        found = table.select(claim.counted.alias("found"))["found"][0]
    except pl.exceptions.ColumnNotFoundError:
        return None
    return None if found is None else int(found)
