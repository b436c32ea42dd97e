"""A published number is counted on the copy at hand, or the copy cannot tell."""

import polars as pl
import pytest

from cxrkit import claims, records
from cxrkit.claims import Claim
from cxrkit.records import Record

TABLE = records.frame(
    [
        Record("x", "1", "1.png", "p1", view="PA", labels={"Edema": 1}, extra={"kind": "a"}),
        Record("x", "2", "2.png", "p1", view="AP", labels={"Edema": 0}),
        Record("x", "3", "3.png", "", view="AP", labels={"Edema": -1}),
        Record("x", "4", "4.png", "p2"),
    ]
)


@pytest.mark.parametrize(
    ("counted", "found"),
    [
        (claims.rows(), 4),
        (claims.unique("patient_id"), 2),
        (claims.labelled("Edema"), 1),
        (claims.labelled("Edema", 0), 1),
        (claims.labelled("Edema", -1), 1),
        (claims.where(pl.col("view") == "AP"), 2),
        (claims.where(pl.col("extra.kind") == "a"), 1),
        (claims.labelled("Hernia"), None),
        (claims.where(pl.col("extra.none") == "a"), None),
        (pl.lit(None, pl.Int64), None),
    ],
)
def test_what_a_copy_has(counted: pl.Expr, found: int | None) -> None:
    assert claims.count(Claim("x", 1, "page", counted), TABLE) == found


def test_an_empty_copy_has_nothing() -> None:
    empty = TABLE.clear()
    assert claims.count(Claim("x", 1, "page", claims.rows()), empty) == 0
    assert claims.count(Claim("x", 1, "page", claims.labelled("Edema")), empty) == 0
