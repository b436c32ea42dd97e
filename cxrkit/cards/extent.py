"""Least, median and most of a number over the images, and the bands that it is counted in.

A value that one person has is that person's: for a restricted archive the least is what 11 people
have or are below, the most what 11 have or are above, and no band holds 1 to 10 people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from cxrkit.cards.disclosure import LEAST

AGE_BANDS = (0, 10, 20, 30, 40, 50, 60, 70, 80, 90)  # years at which a band begins
IMAGE_BANDS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 20, 50, 100)  # images per patient


@dataclass(frozen=True)
class Spread:
    """Least, median (the lower of the two middle values) and most; all None where not shown."""

    least: int | float | None = None
    median: int | float | None = None
    most: int | float | None = None


@dataclass(frozen=True)
class Sizes:
    """Image sizes (rows, columns) ordered by their number of pixels, and each side by itself."""

    least: tuple[int, int] | None
    median: tuple[int, int] | None
    most: tuple[int, int] | None
    rows: Spread
    columns: Spread


def spread(table: pl.DataFrame, column: str, restricted: bool) -> Spread:
    """The spread of a column over the rows that have it; `person` says whose a row is."""
    known = table.select(column, "person").drop_nulls().sort(column)
    places = _places(known, restricted)
    return Spread(*(known[column][place] for place in places)) if places else Spread()


def sizes(table: pl.DataFrame, restricted: bool) -> Sizes:
    """The sizes of the images, from the columns rows, columns and person.

    Of images with equally many pixels the one with fewer rows comes first.
    """
    known = table.select("rows", "columns", "person").drop_nulls()
    pixels = pl.col("rows").cast(pl.Int64) * pl.col("columns")
    known = known.sort(pixels, "rows", "columns", "person")
    places = _places(known, restricted)
    by_pixels = [known.select("rows", "columns").row(place) for place in places]
    least, median, most = by_pixels or (None, None, None)
    rows, columns = (spread(known, side, restricted) for side in ("rows", "columns"))
    return Sizes(least, median, most, rows, columns)


def bands(
    table: pl.DataFrame, column: str, starts: Sequence[int], restricted: bool
) -> dict[str, int]:
    """Where the bands of a column begin, by their names: "1", "2-4", "5+".

    Of `starts` those above the largest value are left out. For a restricted archive a band of 1 to
    10 people is joined with its neighbour below, the lowest with the one above.
    """
    known = table.select(column, "person").drop_nulls()
    largest = known[column].max()
    if not isinstance(largest, int | float):
        return {}
    kept = [start for start in starts if start <= largest]
    while restricted and len(kept) > 1:
        band = pl.sum_horizontal(pl.col(column) >= start for start in kept[1:])
        rows = known.group_by(band.alias("band")).agg(pl.col("person").n_unique())
        small = [int(place) for place, people in rows.iter_rows() if 0 < people < LEAST]
        if not small:
            break
        kept.pop(max(max(small), 1))
    names = [str(low) if high == low + 1 else f"{low}-{high - 1}" for low, high in pairwise(kept)]
    names += [str(low) if largest == low else f"{low}+" for low in kept[-1:]]
    return dict(zip(names, kept, strict=True))


def _places(known: pl.DataFrame, restricted: bool) -> list[int]:
    """The rows of a sorted table that are least, median and most; none where one tells too much."""
    if known.is_empty():
        return []
    if not restricted:
        return [0, (known.height - 1) // 2, known.height - 1]
    if known["person"].n_unique() < 2 * LEAST:
        return []
    from_below = known["person"].is_first_distinct().cum_sum()
    from_above = known["person"].is_last_distinct().reverse().cum_sum()
    least = int((from_below < LEAST).sum())
    most = known.height - 1 - int((from_above < LEAST).sum())
    middle = (known.height - 1) // 2
    return [least, middle, most] if least <= middle <= most else []
