"""The facts of a dataset that `cxr build` wrote: the images in it, and how it was built."""

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from cxrkit import archives, dataset
from cxrkit import records as rows
from cxrkit.cards import charts, counts, extent, mask_quality
from cxrkit.cards.card import gathered, paragraphs
from cxrkit.cards.charts import Bar
from cxrkit.cards.counts import IMAGES, Count, Key, Line, Tally
from cxrkit.cards.document import Block, Figure, Heading, Pairs, Section, Table, Text
from cxrkit.cards.extent import Sizes, Spread
from cxrkit.cards.facts import Facts, Found
from cxrkit.cards.mask_quality import MaskQuality
from cxrkit.cards.published import images
from cxrkit.errors import NAMES, InputRefused, IntegrityFailure
from cxrkit.imaging.sizes import measure
from cxrkit.pipeline import assemble, labels, seal
from cxrkit.records import LABEL
from cxrkit.terms import OBSERVATIONS
from cxrkit.verification import duplicates

_COUNTED = ("counts", "splits", "split_proof")  # of run.json
# Percent of the image's area at which a band of lung shares begins.
SHARE_BANDS = (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55, 60)
_BUILT = (  # columns of records.parquet
    "archive", "image_id", "dataset_image_id", "segmented", "patient_id", "study_id", "view",
    "mask", "mask_jpeg", "split", "sex", "age", "rows", "columns", *OBSERVATIONS, "labels_from",
    "negbio_from", "labels", "lung_share", *dataset.QUALITY,
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Built:
    """How the dataset came to be, and what its own files say beyond those of any archive."""

    written: pl.DataFrame  # of records.parquet what a page is made of
    run: Mapping[str, Any]
    quality: MaskQuality
    source_sizes: Sizes
    lung_share: Spread  # of the image's area, percent
    labels: str  # where the labels come from, in words
    negbio: str  # the same of the second reading


def is_dataset(folder: Path) -> bool:
    """The folder holds what `cxr build` writes."""
    return (folder / seal.RUN).is_file() and (folder / assemble.RECORDS).is_file()


def of_dataset(
    folder: Path, workers: int, say: Callable[[str], None] = lambda text: None
) -> tuple[Facts, Built, pl.DataFrame]:
    """The facts of the dataset in `folder`, how it was built, and its images as a records table.

    Raises:
        InputRefused: E101, no whole dataset of ours.
        IntegrityFailure: E501, run.json, records.parquet or quarantine.csv is gone or damaged.
    """
    run = seal.run_of(folder) if is_dataset(folder) else None
    if run is None:
        raise InputRefused(
            "E101",
            str(folder),
            "no whole dataset",
            f"an archive's name, or a folder with {seal.RUN}, {assemble.RECORDS} and {seal.SUMS}",
            "name an archive and its folder, or run cxr build to its end",
        )
    source = archives.load(run["archive"]["name"])
    written = dataset.read(folder, _BUILT)
    table = _records(written)
    say(f"reading the headers of {table.height:,} images")
    measured = measure(folder, table["image"].to_list(), workers)
    card = dataclasses.replace(
        source.CARD,
        title=f"Lungs of {source.CARD.title}",
        claims=(),
        contains=(),
        part_of=(run["archive"]["name"],),
        mask_of="lungs",
        mask_convention=run["options"]["mask_convention"],
        tasks=tuple(dict.fromkeys(("segmentation", *source.CARD.tasks))),
        reads=(),
    )
    restricted = card.licence != "open"
    quarantined = _quarantined(folder)
    shares = written.select(
        (pl.col("lung_share") * 100).alias("share"),
        counts.person().alias("person"),
    )
    bands = extent.bands(shares, "share", SHARE_BANDS, restricted)
    quality = mask_quality.of(written, restricted)
    identical = duplicates.exact(folder, table["image"].to_list(), workers)
    facts = gathered(
        run["archive"]["name"],
        card,
        (_lead(run), *paragraphs(str(source.__doc__ or ""))),
        "files/pNN/pNNNNNNNN/sNNNNNNNN/<id>.jpg with <id>-mask.jpg, masks/ with <id>.png",
        Found(table, measured, None, identical, _missing_masks(folder, written)),
        _outcomes(run, quarantined, table) + _shares(shares, bands) + quality.tally,
    )
    sizes = extent.sizes(written.with_columns(counts.person().alias("person")), restricted)
    spread = extent.spread(shares, "share", restricted)
    origins = (_origin(written, c) for c in ("labels", "negbio"))
    built = Built(written, run, quality, sizes, spread, *origins)
    # The run's own counts are those that the page may have to withhold.
    choices = {name: value for name, value in run.items() if name not in _COUNTED}
    return dataclasses.replace(facts, built=choices, contained_in=()), built, table


def section(facts: Facts, built: Built) -> Section:
    """How the dataset was built, for its page."""
    run = built.run
    segmentation, options = run["segmentation"], run["options"]
    libraries = ", ".join(f"{name} {version}" for name, version in run["libraries"].items())
    pairs = (
        ("Archive", f"{run['archive']['name']}: {run['archive']['title']}"),
        ("SHA-256 of its list", run["archive"]["list_sha256"]),
        ("Made by", f"{run['tool']['name']} {run['tool']['version']}; {libraries}"),
        ("Network", f"{segmentation['engine']}, weights SHA-256 {segmentation['weights_sha256']}"),
        ("Mask convention", f"heart {options['mask_convention']}"),
        ("Image", f"{segmentation['size']} x {segmentation['size']}, lungs only"),
        ("Recipe", ", ".join(f"{k} {v}" for k, v in segmentation["recipe"].items())),
        ("Labels", built.labels),
        ("NegBio reading", f"{built.negbio}; in CXLSeg-negbio.csv"),
        ("Split", f"80:10:10 by patient, by a hash with seed {options['seed']}"),
        *_proof(run.get("split_proof"), facts.restricted),
    )
    return Section(
        "How this dataset was built",
        (Pairs(pairs), *_outcome_table(facts), *_source_sizes(built), *_lung_share(facts, built)),
    )


def _proof(found: Mapping[str, Any] | None, restricted: bool) -> tuple[tuple[str, str], ...]:
    """What crosses the split; of a restricted archive not how few it is."""
    if found is None:  # built before this was counted
        return ()
    what = ("patients", "studies", "equal files")
    crossing = {name: found[f"{name} in several splits"] for name in what}
    said = ", ".join(f"{k}: {'some' if restricted and n else n}" for k, n in crossing.items())
    moved = "Patients who share a file have one split"
    if not restricted:
        moved += f": {found['joined patients']} in {found['joined groups']} groups"
    return (
        ("In more than one split", said),
        ("Joined", moved),
        ("Not examined", str(found["not examined"])),
    )


def _lead(run: Mapping[str, Any]) -> str:
    return (
        f"Lung-segmented radiographs of the archive {run['archive']['name']}, built by cxrkit in "
        "the layout of CXLSeg. What follows says what the archive is."
    )


_ORIGINS = {
    "archive": "the archive's own",
    "reports": "read from its reports by cxrkit's labeler",
    "": "none",
}


def _origin(written: pl.DataFrame, reading: str) -> str:
    found = sorted(set(written[f"{reading}_from"].fill_null("")), reverse=True)
    return ", ".join(_ORIGINS[origin] for origin in found) or _ORIGINS[""]


def _labels(written: pl.DataFrame) -> list[dict[str, int]]:
    """The archive's labels under its own names; those read from reports as the 14 observations."""
    read = written.select(OBSERVATIONS).iter_rows(named=True)
    return [
        {name: value for name, value in row.items() if value is not None}
        if origin == labels.REPORTS
        else json.loads(text)
        for text, origin, row in zip(written["labels"], written["labels_from"], read, strict=True)
    ]


def _records(written: pl.DataFrame) -> pl.DataFrame:
    """records.parquet as a records table of the images that were written."""
    labelled = _labels(written)
    names = sorted({name for found in labelled for name in found})
    table = written.select(
        "archive",
        pl.col("dataset_image_id").alias("image_id"),
        pl.col("segmented").alias("image"),
        *("patient_id", "study_id", "view", "mask", "split", "sex", "age"),
    ).with_columns(
        pl.Series(LABEL + name, [found.get(name) for found in labelled], pl.Int8) for name in names
    )
    # An image without a patient is its own in the dataset; its source names it.
    table = table.with_columns(written["image_id"].alias("image_id"))
    return rows.completed(table, "", names)


def _missing_masks(folder: Path, written: pl.DataFrame) -> tuple[str, ...]:
    """Of each image that lacks its PNG mask or its JPEG mask, the first that is not there."""
    absent = (
        next((mask for mask in both if not (folder / mask).is_file()), "")
        for both in written.select("mask", "mask_jpeg").iter_rows()
    )
    return tuple(mask for mask in absent if mask)


def _quarantined(folder: Path) -> dict[str, int]:
    path = folder / assemble.QUARANTINE
    try:
        listed = pl.read_csv(path, infer_schema=False, glob=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise IntegrityFailure(
            "E501", str(path), "missing or damaged", "the table that cxr build wrote",
            "restore it, or build the dataset again",
        ) from error  # fmt: skip
    return dict(sorted(Counter(listed["code"].to_list()).items()))


def _outcomes(run: Mapping[str, Any], quarantined: Mapping[str, int], table: pl.DataFrame) -> Tally:
    """What became of every image that the archive lists; one left out counts as a person."""
    left: dict[Key, Count] = {}
    for rule, n in run["counts"]["skipped"].items():
        left["skipped", rule] = Count(n, n)
    for code, n in quarantined.items():
        left["quarantined", code] = Count(n, n)
    people = table.select(counts.person().n_unique()).item()
    number = sum(count.images or 0 for count in left.values())
    inputs = Count(run["counts"]["inputs"], people + number)
    return Tally({("inputs",): inputs, **left}, (Line((IMAGES, *left), (("inputs",),)),))


def _shares(shares: pl.DataFrame, bands: Mapping[str, int]) -> Tally:
    rows = (
        shares.group_by(counts.banded("share", bands).alias("band"))
        .agg(pl.len(), pl.col("person").n_unique())
        .rows()
    )
    found = {name: Count(number, people) for name, number, people in rows}
    parts: dict[Key, Count] = {("lung share", n): found.get(n, Count(0, 0)) for n in bands}
    return Tally(parts, (Line(tuple(parts), (IMAGES,)),) if parts else ())


def _outcome_table(facts: Facts) -> list[Block]:
    made = [("listed in the archive", images(facts.count("inputs")))]
    made.append(("built", images(facts.count("images"))))
    made += [
        (f"skipped: {rule}", images(facts.count("skipped", rule)))
        for rule in facts.tally.names("skipped")
    ]
    made += [
        (f"quarantined: {code} {NAMES.get(code, '')}", images(facts.count("quarantined", code)))
        for code in facts.tally.names("quarantined")
    ]
    said = "`quarantine.csv` in the dataset names each quarantined file, its fault and the remedy."
    return [
        Heading("What became of every image"),
        Table(("outcome", "images"), tuple(made)),
        Text(said),
    ]


def _source_sizes(built: Built) -> list[Block]:
    found = built.source_sizes
    shown = [
        (name, "-" if size is None else f"{size[0]} x {size[1]}")
        for name, size in (("min", found.least), ("median", found.median), ("max", found.most))
    ]
    return [Heading("Source images, H x W"), Table(("source", "size"), tuple(shown))]


def _lung_share(facts: Facts, built: Built) -> list[Block]:
    names = facts.tally.names("lung share")
    bars = [
        Bar(n, (facts.count("lung share", n).images,), images(facts.count("lung share", n)))
        for n in names
    ]
    if not bars:
        return []
    least, median, most = (
        "-" if value is None else f"{value:.1f}" for value in dataclasses.astuple(built.lung_share)
    )
    said = f"Images by the lungs' share of the image's area, percent: least {least}, "
    said += f"median {median}, most {most}."
    chart = charts.columns("Images by lung share", bars, "lungs, percent of the image's area")
    return [
        Heading("Lung share"),
        Table(("percent", "images"), tuple((b.name, b.text) for b in bars)),
        Figure("lung-share.svg", said, chart.encode()),
    ]
