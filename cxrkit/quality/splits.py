"""How groups are dealt to splits or folds so that each holds its share of every label and view.

Iterative stratification (Sechidis 2011, doi:10.1007/978-3-642-23808-6_10), with groups in place of
single examples: the rarest stratum that is left is dealt first, its largest groups first, each to
the split that lacks most of it.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from cxrkit.errors import InputRefused
from cxrkit.records import LABEL
from cxrkit.terms import SPLITS

STATES = {1: "present", -1: "uncertain", 0: "absent"}
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
    alike = strata(found) if stratified else pl.DataFrame()
    firsts, held = counts(group, alike)
    if firsts.size < len(shares):
        raise InputRefused(
            "E109", f"{found.height} images", f"{firsts.size} groups of patients and copies",
            f"at least {len(shares)}, one for each split", "ask for fewer splits, or add patients",
        )  # fmt: skip
    split = deal(held, [*shares.values()], order(found, firsts, seed))
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


def strata(found: pl.DataFrame) -> pl.DataFrame:
    """What is to be balanced, a Boolean column each: label states, views and archives.

    "Edema present", "view PA", "archive v7", sorted within each kind; those of no image or of every
    image are left out.

    Args:
        found: as `groups.images` gives them.
    """
    labels = sorted(c for c in found.columns if c.startswith(LABEL))
    whole = found.select(
        *((pl.col(c) == state).fill_null(False).alias(f"{c.removeprefix(LABEL)} {word}")
          for c in labels for state, word in STATES.items()),
        *((pl.col("view") == v).alias(f"view {v or 'unknown'}")
          for v in sorted(found["view"].unique())),
        *((pl.col("archive") == a).alias(f"archive {a}")
          for a in sorted(found["archive"].unique())),
    )  # fmt: skip
    kept = [c.name for c in whole.iter_columns() if 0 < int(c.sum()) < found.height]
    return whole.select(kept)


def counts(group: np.ndarray, of: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The first row of each group, ascending, and (groups, 1 + strata) int64: images, then strata.

    Args:
        group: (rows,) int64, the group of each image as its first row, see `groups.of`.
        of: the strata of each image, see `strata`.
    """
    firsts, place = np.unique(group, return_inverse=True)
    columns = [np.bincount(place, c.to_numpy(), firsts.size) for c in of.iter_columns()]
    every = np.bincount(place, minlength=firsts.size)
    return firsts, np.stack([every, *columns], axis=1).astype(np.int64)


def order(found: pl.DataFrame, firsts: np.ndarray, seed: int) -> np.ndarray:
    """The rank of each group, (groups,) int64, by a seeded hash of its first image's name.

    A group's rank among others does not depend on which other groups there are.
    """
    named = found[firsts].select("archive", "image_id").iter_rows()
    digests = [
        hashlib.sha256(json.dumps(("split", str(seed), *name)).encode("ascii")).digest()
        for name in named
    ]
    rank = np.empty(firsts.size, np.int64)
    rank[sorted(range(firsts.size), key=digests.__getitem__)] = np.arange(firsts.size)
    return rank


def deal(held: np.ndarray, shares: Sequence[float], rank: np.ndarray) -> np.ndarray:
    """The split of each group, (groups,) int64, by iterative stratification.

    Ties go to the split that lacks most images, then to the first; groups that hold equally much
    of a stratum come in the order of `rank`.

    Args:
        held: (groups, 1 + strata) int64, see `counts`.
        shares: of each split, with the sum 1.
        rank: (groups,) int64, see `order`.
    """
    lacking = np.outer(shares, held.sum(axis=0))  # (splits, 1 + strata)
    split = np.full(len(held), -1)
    while (waiting := np.flatnonzero(split < 0)).size:
        left = held[waiting].sum(axis=0)
        # Images come last: every group holds some, and the other strata are part of them.
        rarest = min(np.flatnonzero(left), key=lambda k: (k == 0, left[k], k))
        dealt = waiting[held[waiting, rarest] > 0]
        for g in dealt[np.lexsort((rank[dealt], -held[dealt, rarest]))]:
            lack = lacking[:, rarest]
            best = np.flatnonzero(lack == lack.max())
            split[g] = best[lacking[best, 0].argmax()]
            lacking[split[g]] -= held[g]
    return _none_empty(split, held[:, 0], rank, len(shares))


def _none_empty(split: np.ndarray, size: np.ndarray, rank: np.ndarray, number: int) -> np.ndarray:
    """The splits, each empty one with the smallest group of a split that has several."""
    for empty in set(range(number)).difference(split):
        several = np.flatnonzero(np.bincount(split, minlength=number)[split] > 1)
        smallest = several[np.lexsort((rank[several], size[several]))[0]]
        split[smallest] = empty
    return split
