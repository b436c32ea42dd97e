"""The queue: every mask once, those that a look helps most first, and a budget that is kept."""

import numpy as np
import polars as pl
import pytest

from cxrkit.quality import queue
from cxrkit.quality.assess import Quality
from cxrkit.quality.estimate import NOTHING, Estimate
from cxrkit.quality.flags import Flag
from cxrkit.quality.queue import Item


def item(number: int, dice: float | None, *flags: str) -> Item:
    found = None
    if dice is not None:
        found = Estimate(dice, dice - 0.05, dice + 0.02, float(dice < 0.9), max(0.95 - dice, 0))
    name = f"image{number:02d}"
    quality = Quality(found, tuple(Flag(f, f"{f} was measured") for f in flags))
    return Item(name, f"p{number}", f"{name}.png", f"{name}-mask.png", quality)


ITEMS = [
    item(0, 0.96), item(1, 0.84), item(2, 0.55), item(3, 0.97, "holes"), item(4, 0.88),
    item(5, 0.95), item(6, 0.93, "one_lung"), item(7, 0.99, "blank"),
]  # fmt: skip


def by_name(table: pl.DataFrame) -> dict[str, str]:
    return dict(table.select("image_id", "verdict").iter_rows())


def test_verdicts_follow_estimate_and_flags() -> None:
    found = by_name(queue.queue(ITEMS))
    assert [found[f"image{n:02d}"] for n in range(8)] == [
        "accept", "review", "reject", "review", "review", "accept", "review", "reject",
    ]  # fmt: skip


def test_reviews_come_first_by_expected_gain() -> None:
    table = queue.queue(ITEMS)
    assert table["order"].to_list() == [1, 2, 3, 4, None, None, None, None]
    assert table["image_id"].to_list()[:4] == ["image01", "image04", "image06", "image03"]
    assert table["verdict"].to_list() == ["review"] * 4 + ["reject"] * 2 + ["accept"] * 2


@pytest.mark.parametrize("budget", [0, 1, 3, 4, 5, 6, 50])
def test_a_budget_is_kept_and_what_does_not_fit_is_said(budget: int) -> None:
    table = queue.queue(ITEMS, budget)
    reviews = table.filter(pl.col("verdict") == "review")
    assert reviews.height == min(budget, 6)  # two of the eight are beyond help
    assert table["beyond_budget"].sum() == max(4 - budget, 0)
    assert sorted(table["image_id"]) == sorted(i.image_id for i in ITEMS)


def test_a_budget_goes_to_the_masks_that_gain_most_whatever_their_verdict() -> None:
    """A flag is worth .02: a mask without one that gains .04 is looked at before."""
    flagged, low = item(1, 0.97, "holes"), item(2, 0.91)
    assert by_name(queue.queue([flagged, low])) == {"image01": "review", "image02": "accept"}
    table = queue.queue([flagged, low], 1)
    assert by_name(table) == {"image01": "accept", "image02": "review"}
    assert dict(table.select("image_id", "beyond_budget").iter_rows()) == {
        "image01": True, "image02": False,
    }  # fmt: skip
    assert queue.queue([flagged, low], 2)["image_id"].to_list() == ["image02", "image01"]


def test_order_does_not_depend_on_the_order_given() -> None:
    rng = np.random.default_rng(0)
    for _ in range(5):
        shuffled = [ITEMS[i] for i in rng.permutation(len(ITEMS))]
        assert queue.queue(shuffled, 3).equals(queue.queue(ITEMS, 3))


def test_reasons_are_beside_each_mask() -> None:
    table = queue.queue([*ITEMS, item(8, None)])
    said = dict(table.select("image_id", "reasons").iter_rows())
    assert "estimated Dice 0.840 [0.790, 0.860]" in said["image01"]
    assert "one_lung: one_lung was measured" in said["image06"]
    assert "no estimate" in said["image08"]
    flags = dict(table.select("image_id", "flags").iter_rows())
    assert flags["image06"] == "one_lung" and flags["image00"] == ""


def test_an_empty_mask_is_rejected_and_nothing_gives_an_empty_table() -> None:
    empty = Item("a", "", "a", "a", Quality(NOTHING, (Flag("empty", "the mask is empty"),)))
    assert queue.queue([empty])["verdict"].to_list() == ["reject"]
    assert queue.queue([]).columns == list(queue.SCHEMA)
