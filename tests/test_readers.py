"""Readers united by a rule, against votes counted by hand and by a second way in plain Python."""

from collections import defaultdict
from typing import Literal

import numpy as np
import polars as pl
import pytest

from cxrkit.readers import unite

SCHEMA = {"image_id": pl.String, "reader": pl.String, "observation": pl.String, "value": pl.Int8}
Statement = tuple[str, str, str, int]


def table(rows: list[Statement]) -> pl.DataFrame:
    return pl.DataFrame(rows, SCHEMA, orient="row")


THREE = table(
    [
        ("a", "R1", "Nodule", 1),
        ("a", "R1", "Nodule", 1),  # a second region
        ("a", "R2", "Nodule", 1),
        ("a", "R2", "Edema", 1),
        ("a", "R3", "No finding", 1),
        ("b", "R1", "No finding", 1),
        ("b", "R2", "No finding", 1),
        ("b", "R3", "No finding", 1),
    ]
)


@pytest.mark.parametrize(
    ("rule", "nodule", "edema", "nothing"),
    [("any", 1, 1, 1), ("majority", 1, 0, 0), ("unanimous", 0, 0, 0)],
)
def test_two_of_three_are_a_majority_and_two_regions_of_one_reader_are_not(
    rule: Literal["any", "majority", "unanimous"], nodule: int, edema: int, nothing: int
) -> None:
    first, second = unite(THREE, rule).rows(named=True)
    assert first == {"image_id": "a", "Edema": edema, "No finding": nothing, "Nodule": nodule}
    assert second == {"image_id": "b", "Edema": 0, "No finding": 1, "Nodule": 0}


def test_whoever_read_the_image_and_did_not_mark_says_that_it_is_absent() -> None:
    """An explicit 0, also of what nobody marked anywhere."""
    united = unite(THREE, "majority", ("Fracture", "Nodule"))
    assert united.columns == ["image_id", "Fracture", "Nodule", "Edema", "No finding"]
    assert united["Fracture"].to_list() == [0, 0] and united["Fracture"].dtype == pl.Int8


def test_uncertain_readers_make_a_missing_majority_uncertain() -> None:
    rows = [("a", "R1", "Edema", 1), ("a", "R2", "Edema", -1), ("a", "R3", "Edema", 0)]
    assert unite(table(rows), "majority")["Edema"].to_list() == [-1]
    assert unite(table(rows), "any")["Edema"].to_list() == [1]
    assert unite(table(rows), "unanimous")["Edema"].to_list() == [0]
    # One reader who marks one region as present and one as uncertain has marked it as present.
    both = [("a", "R1", "Edema", 1), ("a", "R1", "Edema", -1)]
    assert unite(table(both), "unanimous")["Edema"].to_list() == [1]


def test_half_of_the_readers_is_no_majority() -> None:
    rows = [("a", f"R{n}", "Edema", int(n < 2)) for n in range(4)]
    assert unite(table(rows), "majority")["Edema"].to_list() == [0]


def test_a_consensus_is_what_it_says_by_every_rule() -> None:
    rows = [("a", "", "Edema", 1), ("a", "", "Nodule", -1), ("b", "", "Edema", 0)]
    for rule in ("any", "majority", "unanimous"):
        united = unite(table(rows), rule)  # type: ignore[arg-type]
        assert united.rows() == [("a", 1, -1), ("b", 0, 0)]


def test_no_statements_give_no_rows() -> None:
    united = unite(table([]), "majority", ("Edema",))
    assert united.columns == ["image_id", "Edema"] and united.height == 0


def test_an_unknown_rule_is_no_rule() -> None:
    with pytest.raises(KeyError):
        unite(THREE, "best")  # type: ignore[arg-type]


def test_random_votes_agree_with_a_count_in_plain_python() -> None:
    rng = np.random.default_rng(0)
    rows = [
        (f"i{rng.integers(9)}", f"R{rng.integers(4)}", f"o{rng.integers(5)}",
         int(rng.choice([1, 0, -1])))
        for _ in range(300)
    ]  # fmt: skip
    readers, best = defaultdict(set), defaultdict(set)
    for image, reader, observation, value in rows:
        readers[image].add(reader)
        best[image, observation, reader].add(value)
    for rule, share in (("any", 0.0), ("majority", 0.5), ("unanimous", 0.999)):
        for row in unite(table(rows), rule).rows(named=True):  # type: ignore[arg-type]
            image = row.pop("image_id")
            for observation, state in row.items():
                said = [best[image, observation, r] for r in readers[image]]
                sure = sum(1 in s for s in said) / len(said)
                maybe = sum(1 in s or -1 in s for s in said) / len(said)
                assert state == (1 if sure > share else -1 if maybe > share else 0)
