"""ChestX-ray14 (NIH Clinical Center): 112,120 frontal radiographs with labels mined from reports.

The facts are in one table beside the images: `Data_Entry_2017_v2020.csv`, or the older
`Data_Entry_2017.csv`, which has the same labels, ages such as "060Y" and other names for the size
columns. Two lists share the patients out, and 984 boxes mark eight labels on 880 images.

What it lacks: lung masks, reports, times, and a validation part: the official lists are train_val
and test. Labels were read from reports by a program (Wang 2017, 10.1109/CVPR.2017.369), so an
unlisted label is not mentioned and not absent. The sizes in the table are those before the images
were made 1024 x 1024. Facts were counted in the tables themselves.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import ANNOTATIONS, Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record

# Images with each label in v2020, and in an older table that is still copied where it differs.
_LABELLED = {
    "Atelectasis": (11559, 11535),
    "Cardiomegaly": (2776, 2772),
    "Effusion": (13317, 13307),
    "Infiltration": (19894, 19870),
    "Mass": (5782, 5746),
    "Nodule": (6331, 6323),
    "Pneumonia": (1431, 1353),
    "Pneumothorax": (5302, 5298),
    "Consolidation": (4667, None),
    "Edema": (2303, None),
    "Emphysema": (2516, None),
    "Fibrosis": (1686, None),
    "Pleural_Thickening": (3385, None),
    "Hernia": (227, None),
    "No Finding": (60361, 60409),
}
_BOXES = {
    "Atelectasis": 180,
    "Effusion": 153,
    "Cardiomegaly": 146,
    "Infiltration": 123,
    "Pneumonia": 120,
    "Pneumothorax": 98,
    "Mass": 85,
    "Nodule": 79,
}
_TABLE, _OLDER = "Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv"
_BOX_TABLE = "BBox_List_2017.csv"
_LISTS = {"train_val_list": "train", "test_list": "test"}

CARD = Card(
    title="ChestX-ray14 (NIH Clinical Center)",
    homepage="https://nihcc.app.box.com/v/ChestXray-NIHCC",
    licence="open",
    terms="No restriction on use; link to the download page, cite Wang 2017 and name the NIH "
    "Clinical Center as the provider.",
    citation="""\
@inproceedings{wang2017chestx,
  title     = {{ChestX-ray8}: Hospital-scale Chest X-ray Database and Benchmarks on
               Weakly-Supervised Classification and Localization of Common Thorax Diseases},
  author    = {Wang, Xiaosong and Peng, Yifan and Lu, Le and Lu, Zhiyong and Bagheri, Mohammadhadi
               and Summers, Ronald M.},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)},
  pages     = {3462--3471}, year = {2017}, doi = {10.1109/CVPR.2017.369}
}
""",
    blank_view_is_frontal=True,  # the release holds frontal views only
    authors="Xiaosong Wang, Yifan Peng, Le Lu, Zhiyong Lu, Mohammadhadi Bagheri, "
    "Ronald M. Summers (Department of Radiology and Imaging Sciences, Clinical Center; National "
    "Center for Biotechnology Information, National Library of Medicine; National Institutes of "
    "Health, Bethesda)",
    published_on="2017",
    article="https://doi.org/10.1109/CVPR.2017.369",
    tasks=("classification", "detection"),
    patients="column Patient ID; the official lists share no patient",
    observations=tuple(_LABELLED),
    labels_belong_to="image",
    claims=(
        Claim("images", 112120, _TABLE, claims.rows()),
        Claim("patients", 30805, _TABLE, claims.unique("patient_id")),
        *(
            Claim(f"{value} images", number, _TABLE, claims.where(pl.col(column) == value))
            for column, value, number in (
                ("view", "PA", 67310),
                ("view", "AP", 44810),
                ("sex", "M", 63340),
                ("sex", "F", 48780),
            )
        ),
        Claim(
            "highest age",
            95,
            _TABLE,
            pl.col("age").max(),
            why="the older table has ages up to 414; those above 100 are left empty",
        ),
        Claim("label combinations", 836, _TABLE, claims.unique("extra.Finding Labels")),
        *(Claim(name, n, _TABLE, claims.labelled(name)) for name, (n, _) in _LABELLED.items()),
        *(
            Claim(
                name,
                older,
                "an older label table, still copied into lists of datasets",
                claims.labelled(name),
                why="the labels of a copy that is older than Data_Entry_2017.csv",
                erratum=f"the published tables say {n:,}",
            )
            for name, (n, older) in _LABELLED.items()
            if older
        ),
        *(
            Claim(f"{split} images", number, f"{name}.txt", claims.where(pl.col("split") == split))
            for (name, split), number in zip(_LISTS.items(), (86524, 25596), strict=True)
        ),
        *(
            Claim(
                f"{split} patients",
                number,
                f"{name}.txt with {_TABLE}",
                pl.col("patient_id").filter(pl.col("split") == split).n_unique(),
            )
            for (name, split), number in zip(_LISTS.items(), (28008, 2797), strict=True)
        ),
        Claim(
            "patients, counted once for each official list they are in",
            30805,
            "both lists: no patient is in two",
            pl.struct("patient_id", "split").filter(pl.col("split") != "").n_unique(),
        ),
        Claim(
            "patients",
            32717,
            "descriptions in lists of datasets",
            claims.unique("patient_id"),
            erratum=f"{_TABLE} has 30,805",
        ),
        Claim(
            "images",
            112117,
            "sum of the parts 78,467 + 22,432 + 11,218 of a 70:20:10 split in circulation",
            claims.rows(),
            erratum="the release has 112,120; that split is three images short",
        ),
        Claim("boxes", 984, _BOX_TABLE, claims.rows(), "annotations"),
        Claim("images with boxes", 880, _BOX_TABLE, claims.unique("image_id"), "annotations"),
        *(
            Claim(
                f"{name} boxes",
                number,
                _BOX_TABLE,
                claims.where(pl.col("observation") == name),
                "annotations",
            )
            for name, number in _BOXES.items()
        ),
    ),
    reads=(
        ("image_id", "Image Index without .png"),
        ("image", "where the file lies: images/ or images_001/images/ ... images_012/images/"),
        ("patient_id", "Patient ID"),
        ("view", "View Position"),
        ("split", "train_val_list.txt is train, test_list.txt is test; empty if in none or both"),
        ("sex", "Patient Gender"),
        ("age", "Patient Age; empty above 100 years"),
        ("labels", "Finding Labels: 1 where listed, not mentioned otherwise"),
        ("extra", "`list` and the other columns as published; sizes under the older names"),
    ),
    traps=(
        "The columns of width and height are those of the film before the 1024 x 1024 release; "
        "rows and columns are therefore empty.",
        "The headers OriginalImage[Width,Height] and Bbox [x,y,w,h] hold commas and split into "
        "several columns.",
        "The boxes spell Infiltration as Infiltrate; `annotations` writes Infiltration. They are "
        "in pixels of the 1024 x 1024 images.",
        "The older table has impossible ages such as 412; above 100 the age is left empty and "
        "kept as published in extra.",
        "The same labels are listed in several orders: the 836 texts are 801 combinations.",
        "Follow-up # is often not the number in the file's name.",
        "A random split by image puts most test patients into train as well; use the lists.",
    ),
)

LAYOUT = (
    "images_001/images/ ... images_012/images/ (or images/) with 00000001_000.png, and beside "
    "them Data_Entry_2017_v2020.csv (or Data_Entry_2017.csv), train_val_list.txt, test_list.txt, "
    "BBox_List_2017.csv"
)

_INDEX = r"[0-9]{8}_[0-9]{3}\.png"
_READ = {
    "Image Index": _INDEX,
    "Finding Labels": f"(?:{'|'.join(_LABELLED)})(?:\\|(?:{'|'.join(_LABELLED)}))*",
    "Follow-up #": ".*",
    "Patient ID": "[0-9]+",
    "Patient Age": "(?:[0-9]{1,3}[YMWD]?)?",
    "Patient Gender": "[MF]?",
    "View Position": "(?:PA|AP)?",
}
_SIZES = {
    "OriginalImage[Width": "OriginalImageWidth",
    "Height]": "OriginalImageHeight",
    "OriginalImagePixelSpacing[x": "OriginalImagePixelSpacing_x",
    "y]": "OriginalImagePixelSpacing_y",
}
# Units of an age string, PS3.5 6.2 (AS); without one the number is in years.
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
_OLDEST = 100  # years; 95 is the highest age of v2020, which corrected those above
# The first image of images_001 ... images_012: of 4,999, ten times 10,000 and 7,121 images in the
# order of their names, as the archive files are described.
_FIRST_IN_FOLDER = (
    "00000001_000", "00001336_000", "00003923_014", "00006585_007", "00009232_004", "00011558_008",
    "00013774_026", "00016051_010", "00018387_035", "00020945_050", "00024718_000", "00028173_003",
)  # fmt: skip
_BOX = ("Bbox [x", "y", "w", "h]")
_BOX_NAMES = {"Infiltrate": "Infiltration"}  # as the boxes spell it: as the labels do


def table(root: Path) -> pl.DataFrame:
    """One row per row of the table of images, see `records`.

    Raises:
        InputRefused: E101, no folder of images; E102, a table or list is missing; E103, one is
            damaged, lacks a column, or most of its rows are wrong.
    """
    folders, frame, lost = _folders(root), _read(root), []
    for name in _LISTS:
        listed = _listed(root, name)
        lost.append(tables.lost(frame, listed, "Image Index"))
        frame = tables.join(frame, listed, "Image Index")
    alone = pl.sum_horizontal(pl.col(name).is_not_null() for name in _LISTS) == 1
    parts = (pl.when(alone & (pl.col(n) == n)).then(pl.lit(s)) for n, s in _LISTS.items())
    frame = frame.with_columns(
        pl.coalesce(*parts).alias("split"),
        pl.concat_str(*_LISTS, separator=" ", ignore_nulls=True).alias(f"{rows.EXTRA}list"),
    ).join(_labels(frame["Finding Labels"]), "Finding Labels", "left", maintain_order="left")
    frame = frame.select(
        tables.FAULT,
        pl.col("Image Index").str.strip_suffix(".png").alias("image_id"),
        _place(root, folders, frame["Image Index"]),
        pl.col("Patient ID").alias("patient_id"),
        pl.col("View Position").alias("view"),
        pl.col("Patient Gender").alias("sex"),
        _years(pl.col("Patient Age")).alias("age"),
        "split",
        *(rows.LABEL + name for name in _LABELLED),
        *(
            pl.col(c).alias(rows.EXTRA + c)
            for c in ("Finding Labels", "Follow-up #", "Patient Age", *_SIZES.values())
            if c in frame.columns
        ),
        f"{rows.EXTRA}list",
    )
    frame = pl.concat([frame, *lost], how="diagonal")
    return rows.completed(frame, "chestx-ray14", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the table of images, sorted by path; tables are read at the call.

    A row without a file has the path at which the release has it. `CARD.reads` says where each
    field comes from. A line of an official list that names no image is a record with a fault: its
    image is in no list and has no split.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def annotations(root: Path) -> pl.DataFrame:
    """The boxes, in pixels of the 1024 x 1024 images; who drew them is not published.

    The observation is spelled as in the labels: `Infiltrate` is Infiltration.

    Raises:
        InputRefused: E102, no table of boxes; E103, it is damaged, lacks a column or has a row
            that is no box: a box cannot be left out without a word.
    """
    frame = tables.read(root, _BOX_TABLE, ("Image Index", "Finding Label", *_BOX), least=0)
    frame = tables.matching(frame, "Image Index", _INDEX)
    frame = tables.matching(frame, "Finding Label", "|".join((*_BOXES, *_BOX_NAMES)))
    for column in _BOX:
        frame = tables.matching(frame, column, r"[0-9]+(?:\.[0-9]+)?")
    twice = pl.struct("Image Index", "Finding Label", *_BOX).is_duplicated()
    frame = tables.marked(frame, twice, "Image Index", "the box is in several rows")
    faults = frame.filter(pl.col(tables.FAULT) != "")[tables.FAULT]
    if len(faults):
        raise InputRefused(
            "E103",
            _BOX_TABLE,
            f"{len(faults)} of {frame.height} rows are wrong; {faults[0]}",
            "image, label and four numbers in every row",
            "use the table as it was published",
        )
    x, y, width, height = (pl.col(c).cast(pl.Float64) for c in _BOX)
    return frame.select(
        pl.col("Image Index").str.strip_suffix(".png").alias("image_id"),
        pl.lit("").alias("reader"),
        pl.col("Finding Label").replace(_BOX_NAMES).alias("observation"),
        pl.lit(1, pl.Int8).alias("value"),
        x.alias("x_min"),
        y.alias("y_min"),
        (x + width).alias("x_max"),
        (y + height).alias("y_max"),
        pl.lit(None, pl.String).alias("rle"),
    ).select(*ANNOTATIONS)


def _read(root: Path) -> pl.DataFrame:
    """The table of images with its faults, size columns under the older names."""
    there = (n for n in (_TABLE, _OLDER) for end in ("", ".gz") if (root / f"{n}{end}").is_file())
    frame = tables.read(root, next(there, _TABLE), tuple(_READ))
    frame = tables.unique(frame, "Image Index")
    for column, pattern in _READ.items():
        frame = tables.matching(frame, column, pattern)
    return frame.rename({old: new for old, new in _SIZES.items() if old in frame.columns})


def _labels(published: pl.Series) -> pl.DataFrame:
    """Each of the published texts once, with a column for each label: 1 where it is listed."""
    text = "|" + pl.col("Finding Labels") + "|"
    return pl.DataFrame({"Finding Labels": published.unique()}).with_columns(
        pl.when(text.str.contains(f"|{label}|", literal=True))
        .then(pl.lit(1, pl.Int8))
        .alias(rows.LABEL + label)
        for label in _LABELLED
    )


def _folders(root: Path) -> list[str]:
    """The folders of images below `root`, sorted, with forward slashes."""
    names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
    found = [f"{n}/images" for n in names if n.startswith("images_") and (root / n).is_dir()]
    found = [f for f in ("images", *found) if (root / f).is_dir()]
    if not found:
        raise InputRefused(
            "E101",
            str(root),
            f"no folder images_001/images or images; found {', '.join(names[:6]) or 'nothing'}",
            LAYOUT,
            "give the folder above them",
        )
    return found


def _place(root: Path, folders: list[str], wanted: pl.Series) -> pl.Series:
    """Where each image lies; the published place of what is in no folder."""
    # A Path for each of 112,120 files would take longer than all the rest.
    disk = pl.concat(
        pl.DataFrame({"name": names}, {"name": pl.String}).with_columns(folder=pl.lit(folder))
        for folder in folders
        for names in [[e.name for e in os.scandir(root / folder) if e.name.isascii()]]
    ).unique("name", keep="first", maintain_order=True)
    found = pl.DataFrame({"name": wanted}).join(disk, "name", "left", maintain_order="left")
    if folders == ["images"]:
        published = pl.lit("images")
    else:
        number = pl.sum_horizontal(*(pl.col("name") >= first for first in _FIRST_IN_FOLDER))
        published = pl.format("images_{}/images", number.cast(pl.String).str.zfill(3))
    folder = pl.coalesce("folder", published)
    return found.select((folder + "/" + pl.col("name")).alias("image"))["image"]


def _listed(root: Path, name: str) -> pl.DataFrame:
    """The images of one official list, with its name in a column of that name."""
    frame = tables.lines(root, f"{name}.txt", "Image Index")
    frame = tables.matching(frame, "Image Index", _INDEX)
    return tables.unique(frame, "Image Index").with_columns(pl.lit(name).alias(name))


def _years(age: pl.Expr) -> pl.Expr:
    """An age such as "57", "057Y" or "011M" in years; null where blank or impossible."""
    number = age.str.extract("^([0-9]+)").cast(pl.Float64)
    unit = age.str.extract("([YMWD])$").fill_null("Y")
    years = number / unit.replace_strict(_PER_YEAR, return_dtype=pl.Float64)
    return pl.when(years <= _OLDEST).then(years)
