"""CheXmask (2023): lung and heart masks that a program drew on radiographs of five archives.

HybridGNet outlined lungs and heart on 657,566 frontal images; each mask carries an estimate of its
own quality, the RCA Dice. The release is tables: a row per image with run lengths, one table per
source archive. The images are those of the sources, which lie beside the tables in folders named
after the archives. Masks come at the size of the image (`OriginalResolution`) or of a picture cut
and padded to 1024 x 1024 (`Preprocessed`), which is taken back to the image here.

What it lacks: images, labels, splits and patients (the sources have them; patients are taken from
names where those hold them), and a person's eye on the masks: they are predictions. The tables
hold many gigabytes: records keep the place of their row, and no run length is read before its mask
is asked for. Sources: the release's README, Gaggion 2023 (arXiv:2307.03293), and the preparation
scripts in ngaggion/CheXmask-Database.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit import records as rows
from cxrkit import tables
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import mask_tables, masks, radiograph, runlength, sizes
from cxrkit.records import Record

_FORMS = ("OriginalResolution", "Preprocessed")  # the first that has a source's table is read
_SIDE = 1024  # pixels of a preprocessed picture
_MEAN, _MAX = "Dice RCA (Mean)", "Dice RCA (Max)"
_LUNGS = ("Left Lung", "Right Lung")
LOWEST_RCA = 0.7  # of a mask to be used, by the release's README

_WHOLE = pl.when(pl.col("extra.source").n_unique() == 5).then(pl.len())

CARD = Card(
    title="CheXmask: lung and heart masks for five archives",
    homepage="https://physionet.org/content/chexmask-cxr-segmentation-data/",
    # The masks are open; what is built here holds images of the sources, MIMIC-CXR among them.
    licence="credentialed",
    terms="Masks: CC BY 4.0. Images: as their archives say; those of MIMIC-CXR-JPG and VinDr-CXR "
    "are under PhysioNet's credentialed agreement, which covers what is derived from them.",
    citation="""\
@article{gaggion2023chexmask,
  title   = {{CheXmask}: a large-scale dataset of anatomical segmentation masks for multi-center
             chest x-ray images},
  author  = {Gaggion, Nicol{\\'a}s and Mosquera, Candelaria and Mansilla, Lucas and
             Saidman, Julia Mariel and Aineseder, Martina and Milone, Diego H. and Ferrante, Enzo},
  journal = {arXiv preprint arXiv:2307.03293},
  year    = {2023}
}
""",
    blank_view_is_frontal=True,  # the sources' lateral images were left out
    authors="Nicolas Gaggion, Candelaria Mosquera, Martina Aineseder, Lucas Mansilla, "
    "Diego Milone, Enzo Ferrante",
    published_on="2023-06-27",
    article="https://arxiv.org/abs/2307.03293",
    tasks=("segmentation",),
    patients="names: ChestX-ray14 (digits before the underscore), CheXpert and MIMIC-CXR-JPG "
    "(folders); unknown for PadChest and VinDr-CXR",
    observations=(),  # labels are the business of the sources
    mask_of="lungs",
    mask_convention="excluded",
    claims=(
        Claim(
            "masks",
            657566,
            "README of release 1.0.0",
            _WHOLE,
            why="only a copy with the tables of all five sources can tell",
        ),
        Claim(
            "masks",
            676803,
            "release 0.1 and its code repository",
            _WHOLE,
            why="release 0.1 had a sixth source, CANDID-PTX",
            erratum="1.0.0 holds 657,566 masks, without CANDID-PTX",
        ),
    ),
    contains=("chestx-ray14", "chexpert", "mimic-cxr-jpg", "padchest", "vindr-cxr"),
    reads=(
        ("image_id", "the id of the row without the file's suffix, - for /"),
        ("image", "the file of that id below the folder named after the source archive"),
        ("rows and columns", "Height and Width of OriginalResolution"),
        ("patient_id and study_id", "names and folders of the image, see patients"),
        ("extra", f"{_MEAN}, {_MAX}, `source`, and `offset` and `length` of the row in bytes"),
    ),
    traps=(
        f"Use a mask only where {_MEAN} is {LOWEST_RCA} or more, as the release says; "
        "`trusted` says so. All masks are read here.",
        "The masks are predictions: a score against them measures agreement with a program.",
        "Run lengths count from 1 along rows; those of SIIM-ACR and COCO run down columns.",
        "The order of the columns varies, and the id column has another name in each table.",
        "Two scripts of the authors read the height from the column of the width. Height and "
        "Width are compared with the image before a mask is decoded.",
        "Preprocessed pictures of MIMIC-CXR-JPG and PadChest lost their dark border before they "
        "were padded, those of CheXpert and VinDr-CXR did not (the preparation scripts).",
        "A table of PadChest in the physicians' study has mean and maximum exchanged.",
        "The images are those of five archives: never count both.",
    ),
)

LAYOUT = (
    "OriginalResolution/ or Preprocessed/ with ChestX-Ray8.csv, CheXpert.csv, MIMIC-CXR-JPG.csv, "
    "Padchest.csv or VinDr-CXR.csv, and beside them the sources' folders (or links to them): "
    "chestx-ray14/, chexpert/, mimic-cxr-jpg/, padchest/, vindr-cxr/"
)


@dataclass(frozen=True)
class _Source:
    """One source archive: its table, its id column, and how an id becomes a file."""

    table: str
    archive: str  # its folder
    column: str
    ids: str  # a regular expression
    ending: str  # of the file's name
    suffix: str = ""  # as far as the id leaves it out
    parts: int = 1  # of the path that the id holds
    cropped: bool = False  # its dark border was removed before padding


_SOURCES = (
    _Source("ChestX-Ray8.csv", "chestx-ray14", "Image Index", r"[0-9]{8}_[0-9]{3}\.png", ".png"),
    _Source(
        "CheXpert.csv",
        "chexpert",
        "Path",
        r"[a-z]+/patient[0-9]+/study[0-9]+/view[0-9]+_[a-z]+\.jpg",
        ".jpg",
        parts=4,
    ),
    _Source(
        "MIMIC-CXR-JPG.csv",
        "mimic-cxr-jpg",
        "dicom_id",
        "[0-9a-f]{8}(?:-[0-9a-f]{8}){4}",
        ".jpg",
        suffix=".jpg",
        cropped=True,
    ),
    _Source(
        "Padchest.csv",
        "padchest",
        "ImageID",
        r"[0-9A-Za-z][0-9A-Za-z._-]*\.png",
        ".png",
        cropped=True,
    ),
    _Source("VinDr-CXR.csv", "vindr-cxr", "image_id", "[0-9a-f]{32}", ".dicom", suffix=".dicom"),
)
_BY_ARCHIVE = {source.archive: source for source in _SOURCES}
_RCA = r"(?:[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?)?"
_PIXELS = r"(?:[0-9]{1,5}(?:\.0)?)?"


def table(root: Path) -> pl.DataFrame:
    """One row per row of the tables, see `records`.

    Each table is read once from end to end, about 170 MB a second, and kept without run lengths.

    Raises:
        InputRefused: E101, no table of a known source; E103, a table is damaged, compressed, lacks
            a column, or most of its rows are wrong.
    """
    found = [(s, p) for s in _SOURCES if (p := _table_of(root, s)) is not None]
    if not found:
        names = sorted(p.name for p in root.iterdir())[:6] if root.is_dir() else []
        raise InputRefused(
            "E101",
            str(root),
            f"no table of a known source; found {', '.join(names) or 'nothing'}",
            LAYOUT,
            "give the folder that holds OriginalResolution or Preprocessed",
        )
    frames = [_rows(root, source, path) for source, path in found]
    return rows.completed(pl.concat(frames, how="diagonal"), "chexmask", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the tables, sorted by path.

    A row whose image is nowhere below its source's folder is a record at the place where it could
    be, so that it is reported as missing; one whose name is there twice is a fault.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def trusted(record: Record) -> bool:
    """The release's rule holds: the mean RCA Dice of the mask is known and at least 0.7."""
    mean = record.extra.get(_MEAN, "")
    return mean != "" and float(mean) >= LOWEST_RCA


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Both lungs at the size of the image, decoded from the record's row, and nothing to ignore.

    Raises:
        ItemFault: E207, the table is not what it was when the records were read; E231, Height and
            Width are not those of the image; E232, no run length of this size; and as
            `sizes.read_size`.
    """
    source = _BY_ARCHIVE[record.extra["source"]]
    size = sizes.read_size(root / record.image)
    shape = (size.rows, size.columns)
    place = f"{record.mask}, {record.image_id}"
    at = (int(record.extra[n]) for n in (mask_tables.OFFSET, mask_tables.LENGTH))
    row = mask_tables.read_row(root, record.mask, *at)
    published = row.get(source.column, "").strip().removeprefix("/")
    if pl.select(_image_id(pl.lit(published))).item() != record.image_id:
        raise mask_tables.changed(place, "another row where this one was")
    preprocessed = not record.mask.startswith(_FORMS[0])
    expected = (_SIDE, _SIDE) if preprocessed else shape
    stated = tuple(row.get(column, "").removesuffix(".0") for column in ("Height", "Width"))
    wanted = tuple(map(str, expected))
    if stated != wanted and not (preprocessed and stated == ("", "")):
        swapped = " (they are exchanged)" if stated == wanted[::-1] else ""
        raise ItemFault(
            "E231",
            place,
            f"Height {stated[0] or 'blank'} and Width {stated[1] or 'blank'}{swapped}",
            f"{wanted[0]} and {wanted[1]}, the size of the "
            + ("preprocessed picture" if preprocessed else "image"),
            "take images and tables of the same release and size",
        )
    try:
        lungs = runlength.decode_union((row[c] for c in _LUNGS), expected, "chexmask")
    except ItemFault as fault:
        raise ItemFault(fault.code, place, fault.observed, fault.expected, fault.remedy) from fault
    if preprocessed:
        box = _body(root / record.image) if source.cropped else (0, 0, *shape)
        lungs = restored(lungs, shape, box)
    return lungs, np.zeros(shape, bool)


def restored(
    preprocessed: np.ndarray, shape: tuple[int, int], box: tuple[int, int, int, int]
) -> np.ndarray:
    """A (1024, 1024) bool mask of the preprocessed picture as a mask of the image, (rows, columns).

    The picture was made of the image by cutting out `box` (top, left, height, width), padding it
    to a square with the box in the middle, and resizing: undone here in the opposite order.
    """
    top, left, height, width = box
    side = max(height, width)
    square = masks.resize_mask(preprocessed, side, side)
    above, before = (side - height) // 2, (side - width) // 2
    mask = np.zeros(shape, bool)
    mask[top : top + height, left : left + width] = square[
        above : above + height, before : before + width
    ]
    return mask


def _body(path: Path) -> tuple[int, int, int, int]:
    """Top, left, height and width of the smallest box around all pixels above 1.

    Read as the authors' script did, in 8 bits by OpenCV, whatever the depth of the file.
    """
    data = np.frombuffer(radiograph.file_bytes(path), np.uint8)
    pixels = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION)
    if pixels is None or not (pixels > 1).any():
        raise ItemFault(
            "E231",
            path.name,
            "no pixel above 1, so nothing tells where the preprocessed picture lay",
            "a radiograph",
            "download the image again, or use the table of OriginalResolution",
        )
    left, top, width, height = cv2.boundingRect((pixels > 1).astype(np.uint8))
    return top, left, height, width


def _table_of(root: Path, source: _Source) -> str | None:
    """The path of the source's table below `root`, original size first; names in any case."""
    for form in _FORMS:
        if not (root / form).is_dir():
            continue
        names = {p.name.lower(): p.name for p in sorted((root / form).iterdir())}
        wanted = source.table.lower()
        if wanted in names:
            return f"{form}/{names[wanted]}"
        if f"{wanted}.gz" in names:
            raise InputRefused(
                "E103",
                f"{form}/{names[f'{wanted}.gz']}",
                "the table is compressed",
                "the plain table, of which single rows can be read",
                "decompress it with gunzip",
            )
    return None


def _rows(root: Path, source: _Source, path: str) -> pl.DataFrame:
    """The rows of one table as far as a record needs them."""
    sized = ("Height", "Width")
    original = path.startswith(_FORMS[0])
    # Tables of preprocessed pictures may leave their size out: it is always the same.
    needed = (source.column, _MEAN, _MAX, *(sized if original else ()))
    frame = mask_tables.index(root, path, needed, _LUNGS, () if original else sized)
    published = pl.col(source.column).str.strip_prefix("/")
    frame = frame.with_columns(published.alias(source.column))
    patterns = {source.column: source.ids, _MEAN: _RCA, _MAX: _RCA}
    for column, pattern in {**patterns, **dict.fromkeys(sized, _PIXELS)}.items():
        frame = tables.matching(frame, column, pattern)
    frame = tables.unique(frame, source.column)
    files = _files(root, source)
    frame = frame.join(files, on=source.column, how="left")
    several = pl.col("number").fill_null(0) > 1
    what = f"several files below {source.archive} have this name"
    frame = tables.marked(frame, several, source.column, what)
    image = pl.col("image").fill_null(f"{source.archive}/" + published + source.suffix)
    patient, study = _people(source.archive, image)
    rows_, columns = (tables.number(c, pl.Int32) if original else pl.lit(None) for c in sized)
    return frame.select(
        tables.FAULT,
        _image_id(pl.col(source.column)).alias("image_id"),
        image.alias("image"),
        patient.alias("patient_id"),
        study.alias("study_id"),
        pl.lit(path).alias("mask"),
        rows_.cast(pl.Int32).alias("rows"),
        columns.cast(pl.Int32).alias("columns"),
        *(pl.col(c).alias(rows.EXTRA + c) for c in (_MEAN, _MAX)),
        pl.lit(source.archive).alias("extra.source"),
        *(
            pl.col(c).cast(pl.String).alias(rows.EXTRA + c)
            for c in (mask_tables.OFFSET, mask_tables.LENGTH)
        ),
    )


def _image_id(published: pl.Expr) -> pl.Expr:
    return published.str.replace(r"\.(?:png|jpg)$", "").str.replace_all("/", "-")


def _people(archive: str, image: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    """Patient and study as the path of an image tells them; empty where it does not."""
    if archive == "chestx-ray14":  # the table of that archive writes the number without zeros
        return image.str.extract(r"0*([0-9]+)_[0-9]{3}\.png$"), pl.lit("")
    if archive == "chexpert":
        patient = image.str.extract("/(patient[0-9]+)/study")
        return patient, image.str.extract("/(patient[0-9]+/study[0-9]+)/").str.replace("/", "-")
    if archive == "mimic-cxr-jpg":
        return image.str.extract("/p([0-9]{8})/s[0-9]{8}/"), image.str.extract("/s([0-9]{8})/")
    return pl.lit(""), pl.lit("")


def _files(root: Path, source: _Source) -> pl.DataFrame:
    """Id and path of every file that the table could mean, once each, and how many have it."""
    found: list[tuple[str, str]] = []
    top = str(root / source.archive)
    for folder, _, names in os.walk(top):
        inside = source.archive + folder.removeprefix(top).replace(os.sep, "/")
        # As many of the folders as the id holds.
        above = "/".join(inside.split("/")[1:][1 - source.parts :]) if source.parts > 1 else ""
        found += (
            (f"{above}/{name}".lstrip("/").removesuffix(source.suffix), f"{inside}/{name}")
            for name in names
            if name.endswith(source.ending) and not name.startswith(".")
            # No id of a table is written so.
            if not rows.name_fault(f"{inside}/{name}")
        )
    files = pl.DataFrame(found, {source.column: pl.String, "image": pl.String}, orient="row")
    return files.group_by(source.column).agg(pl.col("image").min(), pl.len().alias("number"))
