"""Which masks a person should look at first, with the time that there is."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from cxrkit.quality.assess import Quality, Verdict

SCHEMA = {
    "order": pl.Int64,  # of the reviews, from 1; null where there is none
    "verdict": pl.String,
    "image_id": pl.String,
    "patient_id": pl.String,
    "image": pl.String,
    "mask": pl.String,
    "estimated_dice": pl.Float64,
    "dice_low": pl.Float64,
    "dice_high": pl.Float64,
    "risk": pl.Float64,
    "gain": pl.Float64,
    "beyond_budget": pl.Boolean,
    "flags": pl.String,  # names, separated by spaces
    "reasons": pl.String,  # in words, separated by semicolons
}
# Added to the expected gain of a mask for each reason to look at it: a reason without a low
# estimate is worth a look, yet less than a mask that is probably bad.
_REASON = 0.02


@dataclass(frozen=True)
class Item:
    """One mask in the queue."""

    image_id: str
    patient_id: str
    image: str
    mask: str
    quality: Quality


def queue(items: Sequence[Item], budget: int | None = None) -> pl.DataFrame:
    """One row per mask with the columns SCHEMA: reviews first by expected gain, then the others.

    Args:
        items: the masks.
        budget: how many a person can look at: those that gain most of all that are not rejected,
            whether or not their own verdict is review. One whose verdict is review and that is not
            among them is accepted and marked `beyond_budget`. None: all whose verdict is review.
    """
    ranked = sorted(items, key=lambda i: (-_gain(i.quality), i.image_id))
    usable = [i for i in ranked if i.quality.verdict != "reject"]
    asked = [i for i in usable if i.quality.verdict == "review"]
    reviewed = asked if budget is None else usable[:budget]
    order = {id(item): place for place, item in enumerate(reviewed, 1)}
    rows = [_row(item, order.get(id(item))) for item in ranked]
    verdicts = pl.Enum(["review", "reject", "accept"])
    return (
        pl.DataFrame(rows, schema=SCHEMA, orient="row")
        .sort(pl.col("verdict").cast(verdicts), "order", "estimated_dice", "image_id",
              nulls_last=True)
    )  # fmt: skip


def _row(item: Item, place: int | None) -> tuple[object, ...]:
    quality = item.quality
    found = quality.estimate
    verdict: Verdict = quality.verdict
    beyond = verdict == "review" and place is None
    if verdict != "reject":
        verdict = "accept" if place is None else "review"
    numbers = (None,) * 5 if found is None else (
        found.dice, found.low, found.high, found.risk, found.gain,
    )  # fmt: skip
    names = " ".join(flag.name for flag in quality.flags)
    return (place, verdict, item.image_id, item.patient_id, item.image, item.mask, *numbers,
            beyond, names, reasons(quality))  # fmt: skip


def reasons(quality: Quality) -> str:
    """Why a mask is where it is, in words, separated by semicolons."""
    said = [f"{flag.name}: {flag.reason}" for flag in quality.flags]
    found = quality.estimate
    if found is None:
        said.append("no estimate: made by a network that the calibration is not for")
    else:
        said.insert(0, f"estimated Dice {found.dice:.3f} [{found.low:.3f}, {found.high:.3f}]")
    return "; ".join(said)


def _gain(quality: Quality) -> float:
    found = quality.estimate
    return (0.0 if found is None else found.gain) + _REASON * len(quality.flags)
