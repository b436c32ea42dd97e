"""RSNA pneumonia detection challenge (2018): 26,684 radiographs of ChestX-ray14, opacities boxed.

Radiologists marked opacities that may be pneumonia with boxes. `stage_2_train_labels.csv` has a row
per box, or one row without box; `stage_2_detailed_class_info.csv` tells the normal images among
those without. The images are DICOM files named by patientId.

What it lacks: patients. A patientId names one image; two images of one patient of ChestX-ray14 have
two. It lacks lung masks, reports and labels of the test images too, and says nothing of single
readers. Sex, age and view are in the DICOM headers alone and are not read here. Sources: the tables
themselves, the challenge's page at RSNA, and Shih 2019 (10.1148/ryai.2019180041).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import ANNOTATIONS, Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record

_LABELS, _CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
_TRAIN, _TEST = "stage_2_train_images", "stage_2_test_images"
_FOLDERS = {"train": _TRAIN, "test": _TEST}
_OBSERVATION = "Lung Opacity"
_BOX = ("x", "y", "width", "height")
_ROWS_OF_IMAGE = pl.col("image_id").unique_counts()
_HEADERS = "DICOM headers of the train images"


def _counted_in(column: str, value: str) -> pl.Expr:
    """The number of rows with the value, where any row has one."""
    return pl.when((pl.col(column) != "").any()).then(claims.where(pl.col(column) == value))


CARD = Card(
    title="RSNA pneumonia detection challenge (2018)",
    homepage="https://www.rsna.org/education/ai-resources-and-training/ai-image-challenge/"
    "rsna-pneumonia-detection-challenge-2018",
    licence="registered",
    terms="RSNA's terms of use: academic, commercial and other purposes, with the attribution that "
    "they ask for.",
    citation="""\
@article{shih2019augmenting,
  title   = {Augmenting the {National Institutes of Health} Chest Radiograph Dataset with Expert
             Annotations of Possible Pneumonia},
  author  = {Shih, George and Wu, Carol C. and Halabi, Safwan S. and Kohli, Marc D. and
             Prevedello, Luciano M. and Cook, Tessa S. and Sharma, Arjun and Amorosa, Judith K. and
             Arteaga, Veronica and Galperin-Aizenberg, Maya and Gill, Ritu R. and
             Godoy, Myrna C. B. and Hobbs, Stephen and Jeudy, Jean and Laroia, Archana and
             Shah, Palmi N. and Vummidi, Dharshan and Yaddanapudi, Kavitha and Stein, Anouk},
  journal = {Radiology: Artificial Intelligence}, volume = {1}, number = {1}, year = {2019},
  doi     = {10.1148/ryai.2019180041}
}
""",
    blank_view_is_frontal=True,  # ChestX-ray14 holds frontal views only
    authors="Radiological Society of North America (RSNA), with the Society of Thoracic Radiology "
    "(STR)",
    published_on="2018",
    article="https://doi.org/10.1148/ryai.2019180041",
    tasks=("detection", "classification"),
    patients="unknown: a patientId names one image, and a patient of ChestX-ray14 can have several",
    observations=(_OBSERVATION,),
    labels_belong_to="image",
    reader_rule="as published: one set of boxes per image",
    claims=(
        Claim("rows", 30227, _LABELS, claims.rows(), "annotations"),
        Claim("train images", 26684, _LABELS, claims.where(pl.col("split") == "train")),
        Claim("boxes", 9555, _LABELS, claims.where(pl.col("value") == 1), "annotations"),
        Claim("images with Target 1", 6012, _LABELS, claims.labelled(_OBSERVATION)),
        Claim("images with Target 0", 20672, _LABELS, claims.labelled(_OBSERVATION, 0)),
        *(
            Claim(name, number, _CLASSES, claims.where(pl.col("extra.class") == name))
            for name, number in (
                ("Normal", 8851),
                ("No Lung Opacity / Not Normal", 11821),
                ("Lung Opacity", 6012),
            )
        ),
        *(
            Claim(
                f"images of {rows_} row{'s' * (rows_ > 1)}",
                number,
                _LABELS,
                _ROWS_OF_IMAGE.eq(rows_).sum(),
                "annotations",
            )
            for rows_, number in ((1, 23286), (2, 3266), (3, 119), (4, 13))
        ),
        *(
            Claim(
                f"{value} images",
                number,
                _HEADERS,
                _counted_in(column, value),
                why="the tables do not hold it",
            )
            for column, value, number in (
                ("view", "AP", 12173),
                ("view", "PA", 14511),
                ("sex", "M", 15166),
                ("sex", "F", 11518),
            )
        ),
        Claim(
            "test images",
            3000,
            "descriptions of the challenge",
            pl.when((pl.col("split") == "test").any()).then(
                claims.where(pl.col("split") == "test")
            ),
            why="unverified: no table lists the test images",
        ),
    ),
    part_of=("chestx-ray14",),
    reads=(
        ("image_id", "patientId, which is the file's stem"),
        ("split", "the folder: train or test"),
        ("labels", "Lung Opacity is Target; test images have none"),
        ("extra", "`class`, as published"),
    ),
    traps=(
        "patientId is the id of an image. A split by it is a split by image.",
        "Both tables have a row per box, so an image stands in them several times.",
        "Boxes are x, y, width and height from the upper left corner, in pixels of the "
        "1024 x 1024 image; they are blank where Target is 0.",
        "Target 1 means an opacity that may be pneumonia, not a diagnosis.",
        "Target 0 is not normal: 11,821 of 20,672 such images show something else.",
        "The images are part of ChestX-ray14 under other names: never count both.",
    ),
)

LAYOUT = f"{_TRAIN}/<patientId>.dcm, {_LABELS} and {_CLASSES}; {_TEST}/<patientId>.dcm where wanted"

_ID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_PIXELS = r"(?:[0-9]+(?:\.[0-9]+)?)?"
_CLASS = "Normal|No Lung Opacity / Not Normal|Lung Opacity"


def table(root: Path) -> pl.DataFrame:
    """One row per patientId of the labels and per image file without one, see `records`.

    Raises:
        InputRefused: E101, no folder of train images; E102, a table is missing; E103, a table is
            damaged, lacks a column, or most of its rows are wrong.
    """
    labels = _labels(root)
    frame = labels.group_by("key", maintain_order=True).agg(
        pl.col("patientId").first(),
        pl.col(tables.FAULT).first(),
        tables.number("Target", pl.Int8).first().alias(f"labels.{_OBSERVATION}"),
        pl.col("class").first().alias("extra.class"),
        pl.lit("train").alias("split"),
    )
    listed = set(frame["patientId"])
    unlisted = ((stem, split) for stem, split in _files(root) if stem not in listed)
    files = [(*_named(stem, split), split) for stem, split in unlisted]
    columns = {"patientId": pl.String, tables.FAULT: pl.String, "split": pl.String}
    others = pl.DataFrame(files, columns, orient="row")
    lost = tables.lost(labels, _classes(root), "patientId")
    frame = pl.concat([frame, others, lost], how="diagonal")
    folder = pl.col("split").replace_strict(_FOLDERS)
    return rows.completed(
        frame.with_columns(
            pl.col("patientId").alias("image_id"),
            (folder + "/" + pl.col("patientId") + ".dcm").alias("image"),
        ),
        "rsna-pneumonia",
        CARD.observations,
    )


def records(root: Path) -> Iterator[Record]:
    """One record per image, sorted by path; the tables are read at the call.

    An image of which one row is broken, or whose rows contradict each other, is a fault as a
    whole. An image file without a row has no label.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def annotations(root: Path) -> pl.DataFrame:
    """One row per row of the labels: value 1 with its box, or 0 without one.

    Rows of an image that is a fault are left out: `records` names them.

    Raises:
        InputRefused: as `table`.
    """
    x, y, width, height = (pl.col(name).cast(pl.Float64, strict=False) for name in _BOX)
    given = {
        "image_id": pl.col("patientId"),
        "reader": pl.lit(""),
        "observation": pl.lit(_OBSERVATION),
        "value": pl.col("Target"),
        "x_min": x,
        "y_min": y,
        "x_max": x + width,
        "y_max": y + height,
    }
    return _labels(root).filter(pl.col(tables.FAULT) == "").select(
        given.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in ANNOTATIONS.items()
    )  # fmt: skip


def _labels(root: Path) -> pl.DataFrame:
    """The rows of the labels; a fault of one row is one of all rows of its image."""
    if not (root / _TRAIN).is_dir():
        names = sorted(p.name for p in root.iterdir())[:6] if root.is_dir() else []
        raise InputRefused(
            "E101",
            str(root),
            f"no folder {_TRAIN}; found {', '.join(names) or 'nothing'}",
            LAYOUT,
            "give the folder above it",
        )
    frame = tables.read(root, _LABELS, ("patientId", *_BOX, "Target"))
    frame = _keyed(tables.matching(frame, "patientId", _ID))
    frame = tables.matching(frame, "Target", "[01]")
    for column in _BOX:
        frame = tables.matching(frame, column, _PIXELS)
    filled = pl.sum_horizontal(pl.col(c) != "" for c in _BOX)
    extent = pl.min_horizontal(
        pl.col(c).cast(pl.Float64, strict=False).fill_null(1) for c in ("width", "height")
    )
    boxed = filled == 4 * (pl.col("Target") == "1")
    frame = tables.marked(frame, ~boxed, "Target", "a box just where it is 1 is wanted")
    frame = tables.marked(frame, extent <= 0, "width", "the box has no extent")
    frame = tables.marked(frame, _several("Target"), "Target", "the image has both 0 and 1")
    frame = tables.join(frame, _classes(root), "patientId")
    # An image that is not in the table of classes has none.
    differ = (pl.col("class") == "Lung Opacity") != (pl.col("Target") == "1")
    frame = tables.marked(frame, differ.fill_null(False), "Target", f"{_CLASSES} contradicts it")
    return _spread(frame)


def _classes(root: Path) -> pl.DataFrame:
    """One row per patientId of the table of classes."""
    frame = tables.read(root, _CLASSES, ("patientId", "class"))
    frame = _keyed(tables.matching(frame, "patientId", _ID))
    frame = tables.matching(frame, "class", _CLASS)
    frame = _spread(tables.marked(frame, _several("class"), "class", "the image has several"))
    return frame.unique("key", keep="first").select("patientId", "class", tables.FAULT)


def _keyed(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with `key`: the patientId, or the fault of a row that names no image."""
    named = pl.col("patientId").str.contains(f"^{_ID}$")
    key = pl.when(named).then(pl.col("patientId")).otherwise(pl.col(tables.FAULT))
    return frame.with_columns(key.alias("key"))


def _several(column: str) -> pl.Expr:
    """The rows of the image that are no fault yet have several values."""
    fine = pl.col(tables.FAULT) == ""
    return fine & (pl.col(column).filter(fine).n_unique().over("key") > 1)


def _spread(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows, each with the first fault of its image."""
    fault = pl.col(tables.FAULT)
    first = fault.filter(fault != "").first().over("key").fill_null("")
    return frame.with_columns(first.alias(tables.FAULT))


def _named(stem: str, split: str) -> tuple[str, str]:
    """The stem and "", or "" and what is wrong with a name that no table can hold."""
    fault = rows.name_fault(f"{_FOLDERS[split]}/{stem}.dcm")
    return ("" if fault else stem), fault


def _files(root: Path) -> Iterator[tuple[str, str]]:
    """Stem and split of every DICOM file."""
    for split, folder in _FOLDERS.items():
        for path in (root / folder).iterdir() if (root / folder).is_dir() else ():
            if path.suffix == ".dcm" and not path.name.startswith("."):
                yield path.stem, split
