"""How groups are dealt so that each split holds its share of every label and view.

Iterative stratification (Sechidis 2011, doi:10.1007/978-3-642-23808-6_10), with groups in place of
single examples: the rarest stratum that is left is dealt first, its largest groups first, each to
the split that lacks most of it. What that leaves uneven is mended by groups that change sides.
"""

import hashlib
import json
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import polars as pl

from cxrkit.records import LABEL

STATES = {1: "present", -1: "uncertain", 0: "absent"}
STEPS = 100  # of mending at most: each looks at every group, 20 ms for 30,000 of them
NEAREST = 300  # kinds of group of a split that an exchange is tried with


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

    A split lacks by the share of what it should hold: by the number, as in the paper, the largest
    groups would all go to the largest split. Ties go to the split that lacks most images, then to
    the first; groups that hold equally much of a stratum come in the order of `rank`.

    Args:
        held: (groups, 1 + strata) int64, see `counts`.
        shares: of each split, with the sum 1.
        rank: (groups,) int64, see `order`.
    """
    wanted = np.outer(shares, held.sum(axis=0))  # (splits, 1 + strata)
    lacking, split = np.ones_like(wanted), np.full(len(held), -1)
    while (waiting := np.flatnonzero(split < 0)).size:
        left = held[waiting].sum(axis=0)
        # Images come last: every group holds some, and the other strata are part of them.
        rarest = min(np.flatnonzero(left), key=lambda k: (k == 0, left[k], k))
        dealt = waiting[held[waiting, rarest] > 0]
        for g in dealt[np.lexsort((rank[dealt], -held[dealt, rarest]))]:
            lack = lacking[:, rarest]
            best = np.flatnonzero(lack == lack.max())
            split[g] = best[lacking[best, 0].argmax()]
            lacking[split[g]] -= held[g] / wanted[split[g]]
    return _none_empty(split, held[:, 0], rank, len(shares))


def mended(held: np.ndarray, shares: Sequence[float], split: np.ndarray) -> np.ndarray:
    """The split after groups moved or changed places to lessen its unevenness, the best step first.

    Unevenness is Pearson's chi-squared: the sum over splits and strata of the squared difference
    from what the split should hold, by what it should hold. No split is emptied.

    Args:
        held: (groups, 1 + strata) int64, see `counts`.
        shares: of each split, with the sum 1.
        split: (groups,) int64, of each group.
    """
    split, number, every = split.copy(), len(shares), np.arange(len(held))
    wanted = np.outer(shares, held.sum(axis=0))  # (splits, 1 + strata)
    weight = 1 / wanted
    square = held.astype(float) ** 2 @ weight.T  # (groups, splits)
    apart = np.stack([held[split == s].sum(axis=0) for s in range(number)]) - wanted
    kind = np.unique(held, axis=0, return_inverse=True)[1].reshape(-1)
    for _ in range(STEPS):
        slope = 2 * held @ (weight * apart).T
        # What each group alone changes by a move to each split.
        change = square + slope + (square - slope)[every, split][:, None]
        change[every, split] = np.inf
        alone = change.copy()
        alone[np.bincount(split, minlength=number)[split] == 1] = np.inf
        group, target = np.unravel_index(alone.argmin(), alone.shape)
        gain, moves = alone[group, target], {int(group): int(target)}
        one = [_one_of_each(kind, np.flatnonzero(split == s)) for s in range(number)]
        for a, b in combinations(range(number), 2):
            near = _nearest(change[:, b], one[a]), _nearest(change[:, a], one[b])
            swap, pair = _exchange(held, change, weight[a] + weight[b], (a, b), near)
            if swap < gain:
                gain, moves = swap, pair
        if gain > -1e-9:
            break
        for group, target in moves.items():
            apart[split[group]] -= held[group]
            apart[target] += held[group]
            split[group] = target
    return split


def _one_of_each(kind: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The first of the groups of each kind: groups that hold the same are exchanged alike."""
    return groups[np.unique(kind[groups], return_index=True)[1]]


def _nearest(change: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The NEAREST groups whose move alone would change least, or help most."""
    return groups[np.argsort(change[groups], kind="stable")[:NEAREST]]


def _exchange(
    held: np.ndarray,
    change: np.ndarray,
    weight: np.ndarray,
    of: tuple[int, int],
    near: tuple[np.ndarray, np.ndarray],
) -> tuple[float, dict[int, int]]:
    """The best exchange of two groups of the splits `of`: what it changes, and the moves."""
    (a, b), (there, here) = of, near
    both = held[there] * weight @ held[here].T
    changes = change[there, b][:, None] + change[here, a] - 2 * both
    x, y = np.unravel_index(changes.argmin(), changes.shape)
    return float(changes[x, y]), {int(there[x]): b, int(here[y]): a}


def _none_empty(split: np.ndarray, size: np.ndarray, rank: np.ndarray, number: int) -> np.ndarray:
    """The splits, each empty one with the smallest group of a split that has several."""
    for empty in set(range(number)).difference(split):
        several = np.flatnonzero(np.bincount(split, minlength=number)[split] > 1)
        smallest = several[np.lexsort((rank[several], size[several]))[0]]
        split[smallest] = empty
    return split
