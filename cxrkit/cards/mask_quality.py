"""How good the lung masks of a dataset probably are, for its page."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

import cv2
import polars as pl

from cxrkit import records as rows
from cxrkit.cards import charts, counts, extent
from cxrkit.cards.charts import Bar
from cxrkit.cards.counts import IMAGES, Count, Key, Line, Tally
from cxrkit.cards.document import Block, Figure, Heading, Pairs, Section, Table, Text
from cxrkit.cards.extent import Spread
from cxrkit.cards.facts import Facts
from cxrkit.cards.figures import Reader, drawn
from cxrkit.cards.published import images
from cxrkit.errors import ItemFault
from cxrkit.quality.assess import ACCEPT_FROM, REJECT_BELOW, VERDICTS

BANDS = (0, 70, 80, 85, 90, 92, 94, 96, 98)  # percent of estimated Dice at which a band begins
_WORST = 6  # masks that are shown
_BAND, _VERDICT, _FLAG = "estimated dice", "verdict", "quality flag"
_HOW = (
    "Nobody drew these lungs. The estimated Dice is what a mask drawn by a person would give, as "
    "far as the network's certainty, the mask's shape and the radiograph's edges tell; 90 % of "
    f"masks lie in their intervals. Accepted: {ACCEPT_FROM} or more and no flag. Rejected: below "
    f"{REJECT_BELOW}, or no lungs to outline. The others wait for a review."
)


@dataclass(frozen=True)
class MaskQuality:
    """What records.parquet says of the masks, with the few of restricted data left out."""

    tally: Tally
    dice: Spread  # percent; nothing where the network is not one that can be estimated


def of(written: pl.DataFrame, restricted: bool) -> MaskQuality:
    """The quality of the masks of a dataset, from its records.parquet; empty for an older one."""
    if "verdict" not in written.columns:
        return MaskQuality(Tally(), Spread())
    table = written.with_columns(
        counts.person().alias("person"), (pl.col("estimated_dice") * 100).alias("dice")
    )
    known = table.filter(pl.col("dice").is_not_null())
    names = extent.bands(known, "dice", BANDS, restricted)
    tally = _by(table, "verdict", _VERDICT, VERDICTS) + _flags(table)
    if known.height == table.height:
        banded = table.with_columns(counts.banded("dice", names).alias("band"))
        tally += _by(banded, "band", _BAND, tuple(names))
    return MaskQuality(tally, extent.spread(known, "dice", restricted))


def _by(table: pl.DataFrame, column: str, name: str, values: tuple[str, ...]) -> Tally:
    """Images and people by the values of a column, which together are all of them."""
    found = table.group_by(column).agg(pl.len(), pl.col("person").n_unique()).rows()
    number = {value: Count(n, people) for value, n, people in found}
    parts: dict[Key, Count] = {(name, v): number.get(v, Count(0, 0)) for v in values}
    return Tally(parts, (Line(tuple(parts), (IMAGES,)),) if parts else ())


def _flags(table: pl.DataFrame) -> Tally:
    flagged: dict[str, list[str]] = {}
    for text, person in table.select("quality_flags", "person").iter_rows():
        for name in json.loads(text):
            flagged.setdefault(name, []).append(person)
    return Tally({(_FLAG, n): Count(len(p), len(set(p))) for n, p in sorted(flagged.items())})


def worst(written: pl.DataFrame, table: pl.DataFrame, read: Reader) -> list[Figure]:
    """Pictures of the masks with the lowest estimates that can be read, lowest first.

    Args:
        written: records.parquet.
        table: its images as a records table.
        read: see `figures.of_dataset`.
    """
    if "estimated_dice" not in written.columns:
        return []
    known = written.filter(pl.col("estimated_dice").is_not_null())
    low = known.sort("estimated_dice", "image_id").head(2 * _WORST)
    said: Mapping[str, str] = dict(
        low.select(
            "image_id",
            pl.format(
                "{}, estimated Dice {} [{}, {}]",
                "image_id",
                *(pl.col(c).round(3) for c in ("estimated_dice", "dice_low", "dice_high")),
            ).alias("said"),
        ).iter_rows()
    )  # fmt: skip
    order = {name: place for place, name in enumerate(said)}
    chosen = rows.from_frame(table.filter(pl.col("image_id").is_in(list(said))))
    found = []
    for record in sorted(chosen, key=lambda r: order[r.image_id]):
        try:
            pixels, size, mask = read(record)
        except ItemFault:
            continue
        data = cv2.imencode(".png", drawn(pixels, size, mask)[0])[1].tobytes()
        found.append((data, said[record.image_id]))
    return [
        Figure(f"worst-{place}.png", text, data)
        for place, (data, text) in enumerate(islice(found, _WORST), 1)
    ]


def section(facts: Facts, quality: MaskQuality, pictures: list[Figure]) -> list[Section]:
    """The section of a page; none for a dataset that was built before masks were looked at."""
    if not quality.tally.counts:
        return []
    verdicts = [(v, images(facts.count(_VERDICT, v))) for v in facts.tally.names(_VERDICT)]
    flags = [(f, images(facts.count(_FLAG, f))) for f in facts.tally.names(_FLAG)]
    blocks: list[Block] = [Text(_HOW), Table(("verdict", "images"), tuple(verdicts))]
    if flags:
        blocks.append(Table(("flag", "images"), tuple(flags)))
    names = facts.tally.names(_BAND)
    if names:
        blocks += _estimates(facts, quality, names)
    if pictures:
        blocks += [Heading("Lowest estimates"), *pictures]
    return [Section("How good the masks are", tuple(blocks))]


def _estimates(facts: Facts, quality: MaskQuality, names: list[str]) -> list[Block]:
    bars = [Bar(n, (facts.count(_BAND, n).images,), images(facts.count(_BAND, n))) for n in names]
    figures = (quality.dice.least, quality.dice.median, quality.dice.most)
    least, median, most = ("-" if value is None else f"{value:.1f}" for value in figures)
    said = f"Images by estimated Dice, percent: least {least}, median {median}, most {most}."
    chart = charts.columns("Images by estimated Dice", bars, "estimated Dice, percent")
    return [
        Heading("Estimated Dice"),
        Pairs((("Least, median, most", f"{least}, {median}, {most} %"),)),
        Figure("estimated-dice.svg", said, chart.encode()),
    ]
