"""SIIM-ACR pneumothorax (2019): 12,047 radiographs of ChestX-ray14 with pneumothorax outlines.

Two forms are in circulation. The competition's form holds DICOM files and `train-rle.csv`, one row
per outline: parts of one pneumothorax and readings of several people stand in rows of their own,
and the mask of an image is the union of its rows. The reorganised form on Kaggle holds PNG images
and united PNG masks, with two tables that lead back to the ids of the competition.

What it lacks: patients, who were not published (the UIDs replaced the names of ChestX-ray14), lung
masks, reports, and who drew which row. Sex, age and view are in the DICOM headers alone and are not
read here. Some DICOM files have no row: nothing is known of them. Sources: the tables themselves,
the challenge's page at SIIM, and Filice 2020 (10.1007/s10278-019-00299-9).
"""

import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import ANNOTATIONS, Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks, runlength, sizes
from cxrkit.records import Record

_DICOM, _RLE = "dicom-images-train", "train-rle.csv"
_FOLDER, _IMAGES, _MASKS = "siim-acr-pneumothorax", "png_images", "png_masks"
_STAGES = {"train": "stage_1_train_images.csv", "test": "stage_1_test_images.csv"}
_OBSERVATION = "Pneumothorax"

# Outlines of an image to the number of such images, among those with more than one.
_SEVERAL = {2: 447, 3: 112, 4: 40, 5: 18, 6: 3, 7: 1, 8: 2, 10: 1}
_OUTLINES = pl.col("image_id").filter(pl.col("value") == 1).unique_counts()
_PNG_PAGE = "pages that describe the PNG form (mmsegmentation, projects/medical)"


def _counted_in_rows(count: pl.Expr) -> pl.Expr:
    """Only the competition's form has rows."""
    return pl.when(pl.len() > 0).then(count)


def _counted_in_stages(condition: pl.Expr) -> pl.Expr:
    """Only a copy with the stage lists knows what is train and what is test."""
    return pl.when((pl.col("split") != "").any()).then(claims.where(condition))


CARD = Card(
    title="SIIM-ACR pneumothorax segmentation (2019)",
    homepage="https://www.kaggle.com/competitions/siim-acr-pneumothorax-segmentation",
    licence="registered",
    terms="Rules of the Kaggle competition: non-commercial and academic use, no passing on.",
    citation="""\
@article{filice2020crowdsourcing,
  title   = {Crowdsourcing pneumothorax annotations using machine learning annotations on the
             {NIH} chest {X}-ray dataset},
  author  = {Filice, Ross W. and Stein, Anouk and Wu, Carol C. and Arteaga, Veronica A. and
             Borstelmann, Stephen and Gaddikeri, Ramya and Galperin-Aizenberg, Maya and
             Gill, Ritu R. and Godoy, Myrna C. and Hobbs, Stephen B. and Jeudy, Jean and
             Lakhani, Paras C. and Laroia, Archana and Nayak, Sundeep M. and Parekh, Maansi R. and
             Prasanna, Prasanth and Shah, Palmi and Vummidi, Dharshan and Yaddanapudi, Kavitha and
             Shih, George},
  journal = {Journal of Digital Imaging}, volume = {33}, number = {2}, pages = {490--496},
  year    = {2020}, doi = {10.1007/s10278-019-00299-9}
}
""",
    blank_view_is_frontal=True,  # ChestX-ray14 holds frontal views only
    authors="Society for Imaging Informatics in Medicine (SIIM) and American College of Radiology "
    "(ACR), with the Society of Thoracic Radiology (STR)",
    published_on="2019",
    article="https://doi.org/10.1007/s10278-019-00299-9",
    tasks=("segmentation", "classification"),
    patients="unknown: a patient of ChestX-ray14 can have several images here, under new ids",
    observations=(_OBSERVATION,),
    labels_belong_to="image",
    mask_of="pneumothorax",
    reader_rule="union of all outlines of an image",
    claims=(
        Claim("images with a label", 12047, _RLE, claims.where(pl.col("labels.Pneumothorax") >= 0)),
        Claim("images without pneumothorax", 9378, _RLE, claims.labelled(_OBSERVATION, 0)),
        Claim("images with pneumothorax", 2669, _RLE, claims.labelled(_OBSERVATION)),
        Claim("rows", 12954, _RLE, _counted_in_rows(claims.rows()), "annotations"),
        Claim(
            "rows with an outline",
            3576,
            _RLE,
            _counted_in_rows(claims.where(pl.col("value") == 1)),
            "annotations",
        ),
        Claim(
            "images with several outlines",
            624,
            _RLE,
            _counted_in_rows(_OUTLINES.gt(1).sum()),
            "annotations",
        ),
        *(
            Claim(
                f"images with {outlines} outlines",
                number,
                _RLE,
                _counted_in_rows(_OUTLINES.eq(outlines).sum()),
                "annotations",
            )
            for outlines, number in _SEVERAL.items()
        ),
        *(
            Claim(what, number, _PNG_PAGE, _counted_in_stages(condition))
            for what, number, condition in (
                ("train images", 10675, pl.col("split") == "train"),
                ("test images", 1372, pl.col("split") == "test"),
            )
        ),
        Claim(
            "images",
            12954,
            "torchxrayvision",
            claims.where(pl.col("labels.Pneumothorax") >= 0),
            erratum="these are the rows of the table; the images number 12,047",
        ),
    ),
    part_of=("chestx-ray14",),
    reads=(
        ("image_id", "ImageId, the SOP Instance UID; the file's stem where a PNG file has no row"),
        ("study_id", "the folder below dicom-images-train; empty in the PNG form"),
        ("split", "the stage lists, where they are there"),
        ("labels", "Pneumothorax 0 where the row says -1, 1 where it outlines; PNG: has_pneumo"),
        ("mask", "the table of outlines; PNG: the mask of the image's name"),
        ("extra", "`rle_rows`, how many rows the image has; PNG: `new_filename`"),
    ),
    traps=(
        "The table's second column is called ' EncodedPixels', with a blank in front, and its "
        "values begin with a blank too.",
        "624 images have several rows. Unite them: keeping the last one loses 53.1 % of the "
        "pixels of those images.",
        "The gaps of the run lengths count from the end of the run before, down columns.",
        "File names of the PNG form are number_stage_label_.png, with an underscore before the "
        "dot: 335_train_1_.png.",
        "DICOM files without a row exist. They are not negative: they have neither label nor mask.",
        "The images are part of ChestX-ray14 under other names: never count both.",
    ),
)

LAYOUT = (
    f"{_DICOM}/<study>/<series>/<ImageId>.dcm and {_RLE}; or {_FOLDER}/ with {_IMAGES}/*.png, "
    f"{_MASKS}/*.png, {_STAGES['train']} and {_STAGES['test']}"
)

# Three numbers at least: "12.0" is what is left of an id that was read as a number.
_UID = r"[0-9]+(?:\.[0-9]+){2,}"
_OUTLINE = "-1|[0-9]+ +[0-9]+(?: +[0-9]+ +[0-9]+)*"
_NAME = r"[0-9]+_(?:train|test)_[0-9]+_\.png"


def table(root: Path) -> pl.DataFrame:
    """One row per image of either form, see `records`.

    Raises:
        InputRefused: E101, neither form or both; E102, a table is missing; E103, a table is
            damaged, lacks a column, most of its rows are wrong, or two files have one name.
    """
    folder = _png_folder(root)
    frame = _competition(root) if folder is None else _reorganised(root, folder)
    return rows.completed(frame, "siim-acr", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """Every image with a row, and every image file without one, sorted by path.

    An image of which one row is broken, or that has both "-1" and an outline, is a fault as a
    whole: what is left of it would be a wrong mask. A row whose image is nowhere is a record at
    `dicom-images-train/<ImageId>.dcm`, where no file is, so that it is reported as missing.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def annotations(root: Path) -> pl.DataFrame:
    """One row per row of the table of outlines, value 1 with `rle` (dialect siim), or 0.

    Rows of an image that is a fault are left out: `records` names them. The PNG form has no rows.

    Raises:
        InputRefused: as `table`.
    """
    if _png_folder(root) is not None:
        return pl.DataFrame(schema=ANNOTATIONS)
    found = pl.col("EncodedPixels") != "-1"
    text = pl.when(found).then(pl.col("EncodedPixels"))
    given = {
        "image_id": pl.col("ImageId"),
        "reader": pl.lit(""),
        "observation": pl.lit(_OBSERVATION),
        "value": found,
        "rle": text,
    }
    return _outlines(root).filter(pl.col(tables.FAULT) == "").select(
        given.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in ANNOTATIONS.items()
    )  # fmt: skip


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The pneumothorax, the union of all rows of the image, and no pixels to ignore.

    Raises:
        ItemFault: E231, the mask has another size than the image; E232, a row is no run length of
            an image of this size; E202 and others as `sizes.read_size` and `masks.read_mask`.
    """
    size = sizes.read_size(root / record.image)
    shape = (size.rows, size.columns)
    if record.mask.endswith(".png"):
        found, _ = masks.read_mask(root / record.mask)
        if found.shape != shape:
            raise ItemFault(
                "E231",
                record.mask,
                f"a mask of {found.shape[0]} x {found.shape[1]} pixels",
                f"the size of the image, {shape[0]} x {shape[1]}",
                "take image and mask from the same release",
            )
        return found, np.zeros(shape, bool)
    texts = _texts(root, _changed(root / record.mask)).get(record.image_id, [])
    try:
        union = runlength.decode_union(texts, shape, "siim")
    except ItemFault as fault:
        place = f"{record.mask}, {record.image_id}"
        raise ItemFault(fault.code, place, fault.observed, fault.expected, fault.remedy) from fault
    return union, np.zeros(shape, bool)


def _png_folder(root: Path) -> str | None:
    """The folder of the PNG form with a slash, "" for `root` itself; None for the competition's."""
    found = [f for f in (f"{_FOLDER}/", "") if (root / f / _IMAGES).is_dir()]
    if (root / _DICOM).is_dir() != bool(found):
        return found[0] if found else None
    names = sorted(p.name for p in root.iterdir())[:6] if root.is_dir() else []
    observed = f"neither {_DICOM} nor {_IMAGES}; found {', '.join(names) or 'nothing'}"
    raise InputRefused(
        "E101",
        str(root),
        "both forms in one folder" if found else observed,
        LAYOUT,
        "give the folder of one form",
    )


def _competition(root: Path) -> pl.DataFrame:
    """A row per image of the competition's form, with the name of the table of outlines."""
    outlined = _outlines(root)
    place = next(n for n in (_RLE, f"{_RLE}.gz") if (root / n).is_file())
    known = outlined.group_by("key", maintain_order=True).agg(
        pl.col("ImageId").first(),
        pl.col(tables.FAULT).first(),
        (pl.col("EncodedPixels") != "-1").any().cast(pl.Int8).alias(f"labels.{_OBSERVATION}"),
        pl.len().cast(pl.String).alias("extra.rle_rows"),
        pl.lit(place).alias("mask"),
    )
    files, misnamed = _dicom_files(root)
    frame = known.drop("key").join(files, on="ImageId", how="full", coalesce=True)
    nowhere = f"{_DICOM}/" + pl.col("ImageId") + ".dcm"
    frame = frame.with_columns(
        pl.col("ImageId").alias("image_id"),
        pl.col("image").fill_null(nowhere),
        pl.col(tables.FAULT).fill_null(""),
        pl.col("extra.rle_rows").fill_null("0"),
    )
    lost = pl.DataFrame({tables.FAULT: misnamed}, {tables.FAULT: pl.String})
    stages = [_stage(root, "", split) for split, name in _STAGES.items() if (root / name).is_file()]
    if not stages:
        return pl.concat([frame, lost], how="diagonal")
    listed = tables.unique(pl.concat(stages), "ImageId")
    joined = tables.join(frame, listed, "ImageId")
    return pl.concat([joined, lost, tables.lost(frame, listed, "ImageId")], how="diagonal")


def _outlines(root: Path) -> pl.DataFrame:
    """The rows of the table, stripped; a fault of one row is one of all rows of its image."""
    frame = tables.read(root, _RLE, ("ImageId", "EncodedPixels"))
    frame = frame.with_columns(pl.col("ImageId", "EncodedPixels").str.strip_chars())
    frame = tables.matching(frame, "ImageId", _UID)
    # A row that names no image stands for itself.
    named = pl.col("ImageId").str.contains(f"^{_UID}$")
    frame = frame.with_columns(
        pl.when(named).then(pl.col("ImageId")).otherwise(pl.col(tables.FAULT)).alias("key")
    )
    frame = tables.matching(frame, "EncodedPixels", _OUTLINE)
    denied = (pl.col("EncodedPixels") == "-1").over("key")
    mixed = denied.any().over("key") & ~denied.all().over("key")
    what = "the image has both -1 and an outline"
    frame = tables.marked(frame, mixed, "EncodedPixels", what)
    fault = pl.col(tables.FAULT)
    first = fault.filter(fault != "").first().over("key").fill_null("")
    return frame.with_columns(first.alias(tables.FAULT))


def _dicom_files(root: Path) -> tuple[pl.DataFrame, list[str]]:
    """ImageId, path and study of every DICOM file, and the faults of names that are not UTF-8."""
    found: dict[str, str] = {}
    faults: list[str] = []
    top = str(root / _DICOM)
    for folder, _, names in os.walk(top):
        inside = _DICOM + folder.removeprefix(top).replace(os.sep, "/")
        for name in names:
            if not name.endswith(".dcm") or name.startswith("."):
                continue
            stem, path = name.removesuffix(".dcm"), f"{inside}/{name}"
            if fault := rows.name_fault(path):
                faults.append(fault)
                continue
            if stem in found:
                first, second = sorted((found[stem], path))
                raise InputRefused(
                    "E103",
                    second,
                    f"the same name as {first}",
                    "one file per ImageId",
                    "remove one of the two",
                )
            found[stem] = path
    parts = [path.split("/") for path in found.values()]
    files = pl.DataFrame(
        {
            "ImageId": list(found),
            "image": list(found.values()),
            "study_id": [p[1] if len(p) == 4 else "" for p in parts],
        },
        schema=dict.fromkeys(("ImageId", "image", "study_id"), pl.String),
    )
    return files, sorted(faults)


def _reorganised(root: Path, folder: str) -> pl.DataFrame:
    """A row per image of the PNG form."""
    frame = pl.concat([_stage(root, folder, split) for split in _STAGES])
    frame = tables.unique(frame, "new_filename")
    frame = tables.unique(frame, "ImageId")
    frame = frame.with_columns(
        pl.col("ImageId").alias("image_id"),
        tables.number("has_pneumo", pl.Int8).alias(f"labels.{_OBSERVATION}"),
        pl.col("new_filename").alias("extra.new_filename"),
    )
    names = {p.name for p in (root / folder / _IMAGES).glob("[!.]*.png")}
    others = sorted(names.difference(frame["new_filename"]))
    place = pl.col("new_filename")
    frame = frame.with_columns((f"{folder}{_MASKS}/" + place).alias("mask"))
    unlisted = pl.DataFrame(
        {"new_filename": others, "image_id": [name[:-4] for name in others]},
        schema={"new_filename": pl.String, "image_id": pl.String},
    ).with_columns(pl.lit("").alias(tables.FAULT))
    frame = pl.concat([frame, unlisted], how="diagonal")
    return frame.with_columns((f"{folder}{_IMAGES}/" + place).alias("image"))


def _stage(root: Path, folder: str, split: str) -> pl.DataFrame:
    """One list of the PNG form with its split."""
    columns = ("new_filename", "ImageId", "has_pneumo")
    frame = tables.read(root, f"{folder}{_STAGES[split]}", columns, least=0)  # a stage can be empty
    frame = tables.matching(frame, "new_filename", _NAME)
    frame = tables.matching(frame, "ImageId", _UID)
    frame = tables.matching(frame, "has_pneumo", r"[01](?:\.0)?")
    return frame.with_columns(pl.lit(split).alias("split"))


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError as error:
        raise ItemFault(
            "E202", path.name, "there is no such file", "the table", "restore it from the archive"
        ) from error


@lru_cache(maxsize=2)
def _texts(root: Path, changed: int) -> dict[str, list[str]]:
    """The outlines by ImageId. `changed` is the table's time: a table that changes is read anew."""
    texts: dict[str, list[str]] = {}
    good = _outlines(root).filter(pl.col(tables.FAULT) == "")
    for image_id, text in good.select("ImageId", "EncodedPixels").iter_rows():
        texts.setdefault(image_id, []).append(text)
    return texts
