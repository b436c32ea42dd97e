"""How evenly a split holds labels and views, and what is wrong with it in words."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from cxrkit.quality import dealing
from cxrkit.records import LABEL
from cxrkit.terms import SPLITS

LIMIT = 0.01  # of the images of a split: from here a stratum's share is called uneven
_SHOWN = 3  # strata that one warning names


@dataclass(frozen=True)
class Balance:
    """Counts and shares of each split, and how far the shares are from those of all images.

    A share is of the images of the split, 0-1. The largest deviations are over all splits and
    strata: `absolute` is split minus whole, `relative` is that by the whole.
    """

    images: Mapping[str, int]
    patients: Mapping[str, int]  # known ones
    groups: Mapping[str, int]
    shares: Mapping[str, Mapping[str, float]]  # by stratum, then by split; "all" is the whole
    absolute: float
    absolute_of: str  # "Edema present, test"
    relative: float
    relative_of: str


def of(found: pl.DataFrame, group: np.ndarray, split: pl.Series) -> Balance:
    """The balance of a split.

    Args:
        found: as `groups.images` gives them.
        group: of each image, see `groups.of`.
        split: of each image.
    """
    strata = dealing.strata(found)
    names = sorted(split.unique(), key=_place)
    rows = {name: (split == name) for name in names}
    whole = {c.name: float(c.mean() or 0) for c in strata.iter_columns()}  # type: ignore[arg-type]
    shares = {
        stratum: {"all": share}
        | {name: float(strata[stratum].filter(r).mean() or 0) for name, r in rows.items()}  # type: ignore[arg-type]
        for stratum, share in whole.items()
    }
    apart = [
        (abs(share - whole[stratum]), abs(share / whole[stratum] - 1), f"{stratum}, {name}")
        for stratum, by_split in shares.items()
        for name, share in by_split.items()
        if name != "all"
    ] or [(0.0, 0.0, "")]
    most, least = max(apart), max(apart, key=lambda a: a[1])
    known = found["patient_id"] != ""
    person = found.select(pl.struct("home", "home_patient").alias("person"))["person"]
    return Balance(
        {n: int(r.sum()) for n, r in rows.items()},
        {n: person.filter(r & known).n_unique() for n, r in rows.items()},
        {n: int(np.unique(group[r.to_numpy()]).size) for n, r in rows.items()},
        shares, most[0], most[2], least[1], least[2],
    )  # fmt: skip


def warnings(
    found: pl.DataFrame, group: np.ndarray, balance: Balance, shares: Mapping[str, float]
) -> list[str]:
    """What is imperfect, a line each that begins with its name; none where all is well.

    Args:
        found: as `groups.images` gives them.
        group: of each image, see `groups.of`.
        balance: of the split.
        shares: that were asked for, by the name of the split; empty for a published split.
    """
    said = _one_class(found)
    for column in dealing.strata(found).iter_columns():
        held = np.unique(group[column.to_numpy()]).size
        if held < len(balance.images):
            groups = "1 group" if held == 1 else f"{held} groups"
            said.append(
                f"rare: {column.name} is in {groups}, too few for {len(balance.images)} splits"
            )
    uneven = [
        f"{stratum} {100 * by_split[name]:.1f} % of {name}, {100 * by_split['all']:.1f} % of all"
        for stratum, by_split in balance.shares.items()
        for name in balance.images
        if abs(by_split[name] - by_split["all"]) > LIMIT
    ]
    if uneven:
        more = f"; and {len(uneven) - _SHOWN} more" if len(uneven) > _SHOWN else ""
        said.append(f"uneven: {'; '.join(uneven[:_SHOWN])}{more}")
    for name, share in shares.items():
        got = balance.images[name] / found.height
        if abs(got - share) > LIMIT:
            said.append(f"size: {name} holds {100 * got:.1f} % of images, not {100 * share:.1f} %")
    unknown = int((found["patient_id"] == "").sum())
    if unknown:
        said.append(
            f"patients-unknown: {unknown} of {found.height} images name no patient; each counts as "
            "its own, so images of one patient can cross"
        )
    return said


def _one_class(found: pl.DataFrame) -> list[str]:
    labels = [c for c in found.columns if c.startswith(LABEL)]
    one = [
        f"one-class: all {found.height} images have {c.removeprefix(LABEL)} "
        f"{dealing.STATES[found[c][0]]}"
        for c in labels
        if found[c].null_count() == 0 and found[c].n_unique() == 1
    ]
    if not any(found[c].is_not_null().any() for c in labels):
        one.append("no-labels: no image has a label, so none is balanced")
    return one


def _place(name: str) -> tuple[int, int, str]:
    """train, validate and test in this order; folds by their number."""
    place = SPLITS.index(name) if name in SPLITS else len(SPLITS)
    return place, int(name) if name.isdecimal() else 0, name
