"""Counts of few people that no page prints and that a reader computes as a difference.

Whoever knows the images of a view, and those of them where a label is present, knows those where it
is not. Such counts go through `disclosure` like printed ones.
"""

from collections.abc import Sequence

import polars as pl

from cxrkit.cards.counts import ALL, Count, Key, Line, Tally
from cxrkit.cards.disclosure import LEAST
from cxrkit.records import LABEL

UNPRINTED = "unprinted"  # first word of their keys


def not_present(table: pl.DataFrame, observations: Sequence[str], known: Tally) -> Tally:
    """The views, sexes and age bands in which 1 to 10 people lack an observation.

    `known` is the tally of the same prepared table; for each of these images + those where the
    observation is present = all images there.
    """
    tally = Tally()
    pairs = [(o, c) for o in observations for c in ("view", "sex", "age band") if known.names(c)]
    for observation, column in pairs:
        if all(_many_without(known, observation, column, n) for n in known.names(column)):
            continue
        rest = table.filter((pl.col(LABEL + observation) != 1).fill_null(True))
        rows = rest.group_by(column).agg(pl.len(), pl.col("person").n_unique().alias("n"))
        for name, images, people in rows.filter(pl.col("n") < LEAST).sort(column).iter_rows():
            tally += _difference((column, observation, name), (column, name), images, people)
    return tally


def without_region(rows: pl.DataFrame, has_region: pl.Expr) -> Tally:
    """The observations of which 1 to 10 people have a statement without a region.

    `rows` are statements with the columns observation and person.
    """
    tally = Tally()
    bare = rows.filter(~has_region)
    found = [(ALL, bare.height, bare["person"].n_unique())]
    by_name = bare.group_by("observation").agg(pl.len(), pl.col("person").n_unique().alias("n"))
    found += by_name.sort("observation").rows()
    for place, (name, images, people) in enumerate(found):
        if not 0 < people < LEAST:
            continue
        some: Key = ("regions", "of", name) if place else ("regions",)
        both: Key = ("statements", "of", name) if place else ("statements",)
        tally += _difference(some, both, images, people)
    return tally


def _many_without(known: Tally, observation: str, column: str, name: str) -> bool:
    """At least 11 people lack it: those who never have it; or nobody does, which may be known."""
    every = known.counts[column, name]
    present = known.counts[column, observation, name]
    never = (every.people or 0) - (present.people or 0)
    return never >= LEAST or every.images == present.images


def _difference(some: Key, both: Key, images: int, people: int) -> Tally:
    key = (UNPRINTED, *some)
    return Tally({key: Count(images, people)}, (Line((some, key), (both,)),))
