"""Which groups of images train, validate and test: by shares, in folds, or as published."""

import math
from collections.abc import Mapping

import numpy as np
import polars as pl

from cxrkit.errors import InputRefused
from cxrkit.quality import dealing
from cxrkit.terms import SPLITS

RATIOS = "80:10:10"


def ratios(text: str) -> dict[str, float]:
    """Shares of train, validate and test from "80:10:10" or "8:1:1"; of train and test from "4:1".

    Raises:
        InputRefused: E107, these are no two or three numbers above 0.
    """
    try:
        parts = [float(part) for part in text.split(":")]
    except ValueError:
        parts = []
    whole = sum(parts)
    if len(parts) not in (2, 3) or not all(math.isfinite(p) and p > 0 for p in (*parts, whole)):
        raise InputRefused(
            "E107", "--ratios", text, "train:validate:test or train:test, numbers above 0",
            f"write them like {RATIOS}",
        )  # fmt: skip
    names = SPLITS if len(parts) == 3 else (SPLITS[0], SPLITS[2])
    return {name: part / whole for name, part in zip(names, parts, strict=True)}


def folds(number: int) -> dict[str, float]:
    """Equal shares of so many folds, named 0, 1, ...

    Raises:
        InputRefused: E107, fewer than two.
    """
    if number < 2:
        raise InputRefused("E107", "--folds", str(number), "2 or more", "ask for more folds")
    return {str(fold): 1 / number for fold in range(number)}


def by_shares(
    found: pl.DataFrame,
    group: np.ndarray,
    shares: Mapping[str, float],
    seed: int,
    stratified: bool = True,
) -> pl.Series:
    """The name of each image's split, (rows,) text: whole groups, none of the splits empty.

    Args:
        found: as `groups.images` gives them.
        group: of each image, see `groups.of`.
        shares: of the images, by the name of the split, with the sum 1.
        seed: of the order of groups that are alike.
        stratified: keep the shares of labels, views and archives too, not of images alone.

    Raises:
        InputRefused: E109, there are fewer groups than splits.
    """
    alike = dealing.strata(found) if stratified else pl.DataFrame()
    firsts, held = dealing.counts(group, alike)
    if firsts.size < len(shares):
        raise InputRefused(
            "E109", f"{found.height} images", f"{firsts.size} groups of patients and copies",
            f"at least {len(shares)}, one for each split", "ask for fewer splits, or add patients",
        )  # fmt: skip
    parts = [*shares.values()]
    rank = dealing.order(found, firsts, seed)
    split = dealing.mended(held, parts, dealing.deal(held, parts, rank))
    names = np.array([*shares])[split[np.searchsorted(firsts, group)]]
    return pl.Series("split", names, pl.String)


def official(
    found: pl.DataFrame, group: np.ndarray, validate: float, seed: int, stratified: bool = True
) -> pl.Series:
    """The published split of each image, (rows,) text, with validation from train if it has none.

    Args:
        found: as `groups.images` gives them.
        group: of each image, see `groups.of`.
        validate: share of an archive's images to train on that validates, 0-1; 0 for none.
        seed: of the order of groups that are alike.
        stratified: see `by_shares`.

    Raises:
        InputRefused: E109, an archive publishes no split, or leaves images out of it; a group is
            in several of its splits; or there are too few groups to validate on.
    """
    for archive, own in found.sort("archive").group_by("archive", maintain_order=True):
        if bare := int((own["published"] == "").sum()):
            raise _no_split(str(archive[0]), bare, own.height)
    split = found["published"].alias("split")
    _require_whole(found, group, split)
    has = found.filter(pl.col("published") == "validate")["archive"].unique()
    ours = (split == SPLITS[0]) & ~found["archive"].is_in(has.implode())
    if validate and ours.any():
        rows = np.flatnonzero(ours.to_numpy())
        shares: dict[str, float] = {SPLITS[0]: 1 - validate, SPLITS[1]: validate}
        _, first, place = np.unique(group[rows], return_index=True, return_inverse=True)
        taken = by_shares(found[rows], first[place], shares, seed, stratified)
        split = split.scatter(rows, taken)
        _require_whole(found, group, split)
    return split


def _no_split(archive: str, bare: int, listed: int) -> InputRefused:
    observed = f"{bare} of {listed} images have no published split"
    return InputRefused(
        "E109", archive, "it publishes no split" if bare == listed else observed,
        "one for each image", "leave --official away",
    )  # fmt: skip


def _require_whole(found: pl.DataFrame, group: np.ndarray, split: pl.Series) -> None:
    """Raises: InputRefused: E109, a group is in several splits."""
    several = pl.DataFrame({"group": group, "split": split}).group_by("group").agg(
        pl.col("split").n_unique(), pl.len()
    )  # fmt: skip
    torn = several.filter(pl.col("split") > 1).sort("group")
    if torn.is_empty():
        return
    first = found.row(torn["group"][0], named=True)
    raise InputRefused(
        "E109", f"{first['archive']}:{first['image_id']}",
        f"{torn.height} groups of patients and copies ({torn['len'].sum()} images), this image's "
        "first, are in more than one of the published splits",
        "each in one", "leave --official away; cxr leakage names what they share",
    )  # fmt: skip


def table(found: pl.DataFrame, group: np.ndarray, split: pl.Series, name: str) -> pl.DataFrame:
    """What `cxr split` writes: archive, image_id, patient_id, group and `name`, sorted.

    Groups are numbered from 1 in the order of their first images.
    """
    number = np.unique(group, return_inverse=True)[1] + 1
    return found.select("archive", "image_id", "patient_id").with_columns(
        pl.Series("group", number), split.alias(name)
    )
