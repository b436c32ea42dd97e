"""Copies of one radiograph within and across sources: groups, and of what kind each copy is."""

from collections import defaultdict, deque
from dataclasses import dataclass

import numpy as np
import polars as pl

from cxrkit.quality import groups, likeness, near, prints
from cxrkit.quality.likeness import NEAR, Compared
from cxrkit.quality.near import Links
from cxrkit.quality.prints import IMAGE, Prints, Progress

KINDS = ("bytes", "pixels", "near")  # from strict to loose
FIRST = "first"  # the kind of the image that the others of its group are compared with
COLUMNS = ("group", "kind", *IMAGE, "similarity", "transform")
# Pixels are compared in full where the fingerprints are so similar; a quality of JPEG at which the
# pixels stay the same leaves 1.
_SAME = 0.97


@dataclass(frozen=True)
class Duplicates:
    """What was found.

    `table` has `COLUMNS`, a row for each image that has a copy, by group and within it the first
    image before the others; `left_out` counts pairs that were not compared, see `near.find`.
    """

    table: pl.DataFrame
    left_out: int


def find(given: Prints, workers: int, progress: Progress) -> Duplicates:
    """Groups of copies among images, numbered in the order of their first images.

    Every row tells of its image and its group's first: the kind, the similarity of the fine detail
    of both fingerprints from 0 to 1, and the transform: same, mirrored, inverted, or
    mirrored+inverted. Where an image is a copy of a copy, too far from the first, the similarity is
    that of the nearest copy on the way.
    """
    links = near.find(given.fingerprints, workers, lambda *n: progress("matching", *n))
    number = len(given.fingerprints)
    equal = _equal(given.images["sha256"].to_list())
    others = np.flatnonzero(equal != np.arange(number))
    first = np.concatenate([links.first, equal[others]])
    second = np.concatenate([links.second, others])
    group = groups.components(first, second, number)
    size = np.bincount(group, minlength=number)[group]
    members = np.flatnonzero((size > 1) & (group != np.arange(number)))
    firsts = group[members]
    how = _through_links(_to_first(given.fingerprints, firsts, members), firsts, members, links)
    kinds = _kinds(given, firsts, members, how, workers, progress)
    return Duplicates(_table(given.images, firsts, members, how, kinds), links.left_out)


def several_patients(table: pl.DataFrame) -> list[int]:
    """The groups whose images belong to more than one known patient: a split may tear them."""
    known = table.filter(pl.col("patient_id") != "")
    patients = known.group_by("group").agg(pl.struct("archive", "patient_id").n_unique().alias("n"))
    return sorted(patients.filter(pl.col("n") > 1)["group"])


def across_sources(table: pl.DataFrame) -> list[int]:
    """The groups whose images come from more than one source."""
    number = table.group_by("group").agg(pl.col("source").n_unique().alias("n"))
    return sorted(number.filter(pl.col("n") > 1)["group"])


def _equal(texts: list[str]) -> np.ndarray:
    """(N,): for each the index of the first that is equal to it."""
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(text, row) for row, text in enumerate(texts)], np.int64)


def _to_first(fingerprints: np.ndarray, firsts: np.ndarray, members: np.ndarray) -> Compared:
    """Each member compared with its group's first, as it is and, where that fails, mirrored."""
    used = np.unique(np.concatenate([firsts, members]))
    few = fingerprints[used]
    outlined = likeness.outlines(few)
    i, j = np.searchsorted(used, firsts), np.searchsorted(used, members)
    as_is = likeness.compare(few, outlined, i, j, np.zeros(len(i), bool))
    rest = np.flatnonzero(as_is.similarity < NEAR)
    turned = likeness.compare(few, outlined, i[rest], j[rest], np.ones(len(rest), bool))
    better = turned.similarity > as_is.similarity[rest]
    out = [column.copy() for column in as_is.columns()]
    for column, other in zip(out, turned.columns(), strict=True):
        column[rest[better]] = other[better]
    return Compared(*out)


def _through_links(
    direct: Compared, firsts: np.ndarray, members: np.ndarray, links: Links
) -> Compared:
    """Where a member is too far from its first, what leads to it: copies of copies."""
    far = set(firsts[direct.similarity < NEAR].tolist())
    if not far:
        return direct
    ties: dict[int, list[tuple[int, float, bool, bool]]] = defaultdict(list)
    close = direct.similarity >= NEAR
    for ends in (
        (firsts[close], members[close], *(c[close] for c in direct.columns())),
        (links.first, links.second, links.similarity, links.mirrored, links.inverted),
    ):
        for i, j, value, mirrored, inverted in zip(*(e.tolist() for e in ends), strict=True):
            ties[i].append((j, value, mirrored, inverted))
            ties[j].append((i, value, mirrored, inverted))
    found: dict[int, tuple[float, bool, bool]] = dict.fromkeys(far, (1.0, False, False))
    waiting = deque(sorted(far))
    while waiting:
        here = waiting.popleft()
        for there, value, mirrored, inverted in sorted(ties[here]):
            if there not in found:
                _, turned, negative = found[here]
                found[there] = (value, turned != mirrored, negative != inverted)
                waiting.append(there)
    out = [column.copy() for column in direct.columns()]
    for row in np.flatnonzero(~close):
        # Equal files of which one has another fingerprint: a dataset of another version.
        link = found.get(int(members[row]), (1.0, False, False))
        for column, value in zip(out, link, strict=True):
            column[row] = value
    return Compared(*out)


def _kinds(
    given: Prints,
    firsts: np.ndarray,
    members: np.ndarray,
    how: Compared,
    workers: int,
    progress: Progress,
) -> list[str]:
    digests, paths = given.images["sha256"].to_list(), given.images["path"].to_list()
    pairs = list(zip(firsts.tolist(), members.tolist(), strict=True))
    alike = (how.similarity >= _SAME) & ~how.mirrored & ~how.inverted
    open_ = [
        (i, j)
        for (i, j), close in zip(pairs, alike.tolist(), strict=True)
        if close and digests[i] != digests[j] and paths[i] and paths[j]
    ]
    wanted = sorted({paths[row] for pair in open_ for row in pair})
    pixels = prints.pixel_digests(wanted, workers, lambda *n: progress("pixels", *n))
    same = {
        (i, j) for i, j in open_ if paths[i] in pixels and pixels[paths[i]] == pixels.get(paths[j])
    }
    return [
        "bytes" if digests[i] == digests[j] else "pixels" if (i, j) in same else "near"
        for i, j in pairs
    ]


def _table(
    images: pl.DataFrame,
    firsts: np.ndarray,
    members: np.ndarray,
    how: Compared,
    kinds: list[str],
) -> pl.DataFrame:
    heads = np.unique(firsts)
    similarity, mirrored, inverted = how.columns()
    words = [
        "+".join(w for w, is_so in (("mirrored", m), ("inverted", n)) if is_so) or "same"
        for m, n in zip(mirrored, inverted, strict=True)
    ]
    found = pl.DataFrame(
        {
            "row": [*heads.tolist(), *members.tolist()],
            "first": [*heads.tolist(), *firsts.tolist()],
            "kind": [*[FIRST] * len(heads), *kinds],
            "similarity": [*[1.0] * len(heads), *(round(float(s), 4) for s in similarity)],
            "transform": [*["same"] * len(heads), *words],
        },
        {"row": pl.Int64, "first": pl.Int64, "kind": pl.String, "similarity": pl.Float64,
         "transform": pl.String},
    ).sort("first", "row")  # fmt: skip
    named = images.select(IMAGE)[found["row"].to_list()]
    return (
        named.hstack(found)
        .with_columns(group=pl.col("first").rank("dense").cast(pl.Int64))
        .select(COLUMNS)
    )
