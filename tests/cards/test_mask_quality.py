"""The section on masks of a dataset's page: its numbers, and what restricted data keeps."""

import json

import numpy as np
import polars as pl
import pytest

from cxrkit.cards import mask_quality
from cxrkit.cards.counts import Count
from cxrkit.errors import ItemFault
from cxrkit.records import Record


def written(dice: list[float | None], flags: list[dict[str, str]]) -> pl.DataFrame:
    """records.parquet as far as the section reads it, each image of its own patient."""
    count = len(dice)
    verdicts = ["accept" if (d or 1) >= 0.9 and not f else "review"
                for d, f in zip(dice, flags, strict=True)]  # fmt: skip
    return pl.DataFrame(
        {
            "image_id": [f"i{n}" for n in range(count)],
            "patient_id": [f"p{n}" for n in range(count)],
            "estimated_dice": dice,
            "dice_low": [None if d is None else d - 0.05 for d in dice],
            "dice_high": [None if d is None else d + 0.02 for d in dice],
            "verdict": verdicts,
            "quality_flags": [json.dumps(f) for f in flags],
        },
        schema_overrides={"estimated_dice": pl.Float64, "dice_low": pl.Float64,
                          "dice_high": pl.Float64},
    )  # fmt: skip


def test_counts_are_those_of_the_table() -> None:
    table = written([0.96, 0.95, 0.85, 0.97], [{}, {}, {}, {"holes": "a reason"}])
    found = mask_quality.of(table, False)
    counts = found.tally.counts
    assert counts["verdict", "accept"] == Count(2, 2)
    assert counts["verdict", "review"] == Count(2, 2)
    assert counts["verdict", "reject"] == Count(0, 0)
    assert counts["quality flag", "holes"] == Count(1, 1)
    bands = {key[1]: count.images for key, count in counts.items() if key[0] == "estimated dice"}
    assert sum(bands.values()) == 4
    assert (found.dice.least, found.dice.most) == (pytest.approx(85), pytest.approx(97))


def test_another_networks_masks_have_no_bands() -> None:
    found = mask_quality.of(written([None, None], [{}, {}]), False)
    assert not [key for key in found.tally.counts if key[0] == "estimated dice"]
    assert found.dice.median is None


def test_restricted_data_shows_no_band_of_few_people() -> None:
    rng = np.random.default_rng(0)
    table = written([0.6, *rng.uniform(0.9, 0.97, 60)], [{}] * 61)
    found = mask_quality.of(table, True)
    bands = [c for key, c in found.tally.counts.items() if key[0] == "estimated dice"]
    assert all(count.people == 0 or count.people >= 11 for count in bands)
    assert found.dice.least > 60  # the one of .6 is not shown


def test_the_lowest_estimates_that_can_be_read_are_shown_lowest_first() -> None:
    dice = [0.96 - n / 100 for n in range(10)]
    table = written(dice, [{}] * 10)
    records = pl.DataFrame(
        {"archive": "folder", "image_id": table["image_id"], "image": table["image_id"],
         "patient_id": "", "study_id": "", "view": "", "mask": "m", "split": "", "sex": "",
         "age": None, "rows": None, "columns": None, "fault": ""},
        schema_overrides={"age": pl.Float64, "rows": pl.Int32, "columns": pl.Int32},
    )  # fmt: skip

    def read(record: Record) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
        if record.image_id == "i9":
            raise ItemFault("E214", record.image, "cut short", "a whole file", "copy it again")
        return np.full((32, 32), 90, np.uint8), (32, 32), np.eye(32, dtype=bool)

    figures = mask_quality.worst(table, records, read)
    assert [f.caption.split(",")[0] for f in figures] == ["i8", "i7", "i6", "i5", "i4", "i3"]
    assert "estimated Dice 0.88 [0.83, 0.9]" in figures[0].caption


def test_an_older_dataset_has_no_section() -> None:
    older = written([0.9], [{}]).drop("verdict", "estimated_dice")
    found = mask_quality.of(older, False)
    assert not found.tally.counts
    assert mask_quality.worst(older, pl.DataFrame(), lambda record: None) == []
