"""Several readers, one label: what readers marked on an image, united by a named rule."""

from collections.abc import Sequence
from typing import Literal

import polars as pl

Rule = Literal["any", "majority", "unanimous"]


def unite(annotations: pl.DataFrame, rule: Rule, observations: Sequence[str] = ()) -> pl.DataFrame:
    """One row per image: `image_id` and a column for each observation, Int8, sorted by image.

    Whoever has a row for an image has read it, and has said of every observation that it is absent
    where no row of his says otherwise; several of his regions are one statement. An observation is

        1   where as many readers as the rule wants marked it as present,
       -1   where they are enough only together with those who marked it as uncertain,
        0   otherwise: the readers of the image did not mark it, or too few did.

    Args:
        annotations: the columns `image_id`, `reader`, `observation` and `value` (1, 0, -1) of an
            archive's annotations; one row per statement or region.
        rule: "any" wants one reader, "majority" more than half of the image's readers (2 of 3, 3
            of 4), "unanimous" all of them. Of a single reader or a published consensus all three
            give what it says.
        observations: have a column, of 0, also where nobody marked them; others found follow in
            the order of their names.
    """
    image, mark = pl.col("image_id"), pl.col("value")
    readers = annotations.group_by("image_id").agg(pl.col("reader").n_unique().alias("readers"))
    votes = (
        annotations.group_by("image_id", "reader", "observation")
        .agg((mark == 1).any().alias("present"), (mark == -1).any().alias("uncertain"))
        .group_by("image_id", "observation")
        .agg(
            pl.col("present").sum(),
            (pl.col("present") | pl.col("uncertain")).sum().alias("possible"),
        )
        .join(readers, on="image_id")
    )
    wanted = {
        "any": pl.lit(1),
        "majority": pl.col("readers") // 2 + 1,
        "unanimous": pl.col("readers"),
    }[rule]
    state = (
        pl.when(pl.col("present") >= wanted)
        .then(pl.lit(1, pl.Int8))
        .when(pl.col("possible") >= wanted)
        .then(pl.lit(-1, pl.Int8))
    )
    wide = votes.with_columns(state.alias("state")).pivot(
        "observation", index="image_id", values="state"
    )
    found = sorted(set(votes["observation"]).difference(observations))
    nobody = [pl.lit(0, pl.Int8).alias(o) for o in observations if o not in wide.columns]
    columns = [*observations, *found]
    return (
        readers.select(image)
        .join(wide, on="image_id", how="left")
        .with_columns(*nobody)
        .select("image_id", *(pl.col(o).cast(pl.Int8).fill_null(0) for o in columns))
        .sort("image_id")
    )
