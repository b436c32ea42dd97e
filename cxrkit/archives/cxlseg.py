"""CXLSeg 1.0.0: 243,324 frontal radiographs of MIMIC-CXR-JPG cut out along predicted lung masks.

Published on PhysioNet in 2023. Four tables (metadata with the report, segmented with the 14 labels,
split, mask) name files of 224 x 224 pixels: an image in which all but the lungs is black, and its
mask. The same layout is what `cxr build` writes, so a dataset of one's own is read here too; its
lossless masks below `masks/` are taken instead of the JPEG ones.

What it lacks: the radiograph around the lungs, sex and age, and any check of its masks by a
professional, as its page says. The labels are those of the study, the NegBio labels that the page
promises are not in its list, and the split was made by image: patients are in several parts of it.
The masks follow no single convention, since their model was trained on sets without and with the
lung behind the heart. Sources: the release page, and the scripts published with it for the files.
"""

import functools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import Card
from cxrkit.archives.mimic_cxr import ID_FORMS
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS, SPLITS

LAYOUT = (
    "files/p10/p10000032/s50414267/<dicom_id>.jpg and <dicom_id>-mask.jpg and, beside files/, "
    "CXLSeg-{metadata,segmented,split,mask}.csv"
)

_PAGE = "release page"

CARD = Card(
    title="CXLSeg: chest X-rays with lung segmentation",
    homepage="https://physionet.org/content/chest-x-ray-segmentation/1.0.0/",
    licence="credentialed",
    terms="PhysioNet Credentialed Health Data Use Agreement 1.5.0, as of MIMIC-CXR; it covers "
    "everything derived from the images and reports.",
    citation="""\
@misc{indeewara2023chest,
  title     = {Chest X-ray Dataset with Lung Segmentation},
  author    = {Indeewara, Wimukthi and Hennayake, Mahela and Rathnayake, Kasun and
               Ambegoda, Thanuja and Meedeniya, Dulani},
  publisher = {PhysioNet}, version = {1.0.0}, year = {2023},
  doi       = {10.13026/9cy4-f535}
}
""",
    authors="Wimukthi Indeewara, Mahela Hennayake, Kasun Rathnayake, Thanuja Ambegoda, "
    "Dulani Meedeniya",
    published_on="2023-02-08",
    article="https://doi.org/10.13026/9cy4-f535",
    tasks=("segmentation", "classification", "report generation"),
    # Its images were selected as AP or PA; one that is built from an archive without views, too.
    blank_view_is_frontal=True,
    patients="subject_id, of MIMIC-CXR",
    labels_belong_to="study",
    mask_of="lungs",
    mask_convention="mixed",
    claims=(
        Claim("images", 243324, _PAGE, claims.rows()),
        *(
            Claim(
                f"{split} images",
                number,
                "CXLSeg-split.csv; floor(n / 10) twice, the rest is train",
                claims.where(pl.col("split") == split),
            )
            for split, number in (("train", 194660), ("validate", 24332), ("test", 24332))
        ),
        *(
            Claim(
                f"{view} images",
                number,
                "those of labelled studies of MIMIC-CXR-JPG 2.0.0; the page has their sum",
                claims.where(pl.col("view") == view),
            )
            for view, number in (("AP", 147169), ("PA", 96155))
        ),
        Claim("folders p10 to p19", 10, _PAGE, pl.col("image").str.slice(6, 3).n_unique()),
        Claim(
            "patient folders",
            6500,
            _PAGE,
            claims.unique("patient_id"),
            erratum="about 6,500 in each of the ten folders",
        ),
    ),
    part_of=("mimic-cxr", "mimic-cxr-jpg"),
    reads=(
        ("image_id, patient_id, study_id", "dicom_id, subject_id, study_id"),
        ("image", "DicomPath of CXLSeg-segmented.csv"),
        ("labels", "CXLSeg-segmented.csv, by column name; a blank cell is 'not mentioned'"),
        ("view", "ViewPosition of CXLSeg-metadata.csv"),
        ("split", "CXLSeg-split.csv"),
        ("mask", "DicomPath of CXLSeg-mask.csv; the PNG below masks/ where `cxr build` wrote it"),
        ("report", "Reports of CXLSeg-metadata.csv"),
        ("extra", "every other column of CXLSeg-metadata.csv, as published"),
    ),
    traps=(
        "The images are lungs only, on black: segmenting them again, or comparing them with whole "
        "radiographs, means nothing.",
        "Rows and Columns are those of the original, not of the 224 x 224 files; the aspect ratio "
        "was not kept. They stay in 'extra'.",
        "The masks are JPEG files with some 16 gray levels: lung is what is above 127. Above 0 "
        "gives masks that agree with the true ones at a Dice of only .968.",
        "The masks mix two conventions: the model learned from Shenzhen and Montgomery (heart "
        "excluded) and V7 (included). Nothing is trained on them here, and no score is made.",
        "The page states Dice 96.80 in its abstract, 96.03 in its text, and IoU 91.97; as pooled "
        "values no two of them agree. Images were augmented before they were split.",
        "The split is by image: patients of the test images are also in train. Split by patient.",
        "DicomPath is the same text in metadata and segmented, and equals the path in "
        "MIMIC-CXR-JPG. The page's subject_id/study_id/dicom_id.jpg is short for it.",
        "The published scripts name the labels in the order of the CheXpert labeler whatever the "
        "order of the columns: read them by name.",
        "MIMIC-CXR-JPG has 243,334 AP and PA images: the 10 of studies without labels are left "
        "out here.",
    ),
)

_SEGMENTED, _METADATA = "CXLSeg-segmented.csv", "CXLSeg-metadata.csv"
_SPLIT, _MASK = "CXLSeg-split.csv", "CXLSeg-mask.csv"
_IDS = tuple(ID_FORMS)
_STATES = ("", "1.0", "0.0", "-1.0", "1", "0", "-1")
# A path below the release, whose names neither are hidden nor climb up.
_PATH = r"(?:[^/.\\][^/\\]*/)*[^/.\\][^/\\]*\.jpg"


def table(root: Path) -> pl.DataFrame:
    """One row per row of CXLSeg-segmented.csv, see `records`.

    Raises:
        InputRefused: E101, no folder `files`; E102, a table is missing; E103, a table is damaged,
            lacks a column, or most of its rows are wrong.
    """
    if not (root / "files").is_dir():
        raise InputRefused("E101", str(root), "no folder files", LAYOUT, "give the folder above it")
    frame = _segmented(root)
    lost = []
    for name, other in (
        (_METADATA, _metadata(root)),
        (_SPLIT, _split(root)),
        (_MASK, _masks(root)),
    ):
        lost.append(tables.lost(frame, other, _IDS))
        frame = tables.join(frame, other.with_columns(pl.lit(True).alias(name)), _IDS)
        what = f"{name} has no row with these identifiers"
        frame = tables.marked(frame, pl.col(name).is_null(), "dicom_id", what)
    odd = (pl.col("described") != pl.col("image")).fill_null(False)
    frame = tables.marked(frame, odd, "DicomPath", f"it is another one in {_METADATA}")
    frame = pl.concat([frame, *lost], how="diagonal")
    return rows.completed(frame, "cxlseg", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of CXLSeg-segmented.csv, sorted by path; the tables are read at the call.

    A corrupt row of any table is a record with a fault, and so is an image that another table does
    not have, or has under another path.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def report(root: Path, record: Record) -> str | None:
    """The text of the study's report; None where the table's cell is blank.

    Raises:
        ItemFault: E201, the table of reports can no longer be read.
    """
    path = next((p for p in (root / _METADATA, root / f"{_METADATA}.gz") if p.is_file()), None)
    try:
        stamp = None if path is None else path.stat()
        place, texts = _reports(root, None if stamp is None else (stamp.st_size, stamp.st_mtime_ns))
    except (InputRefused, OSError) as error:
        raise ItemFault(
            "E201", _METADATA, "it cannot be read", "the table of reports", "restore the table"
        ) from error
    row = place.get(record.image_id)
    return None if row is None else texts[row] or None


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The lungs, and the pixels to ignore, of which there are none.

    Raises:
        ItemFault: E231, a mask that is no mask or of another size than its image; and as
            `masks.read_mask`.
    """
    lung, ignore = masks.read_mask(root / record.mask)
    masks.check_size(lung, record.mask, root / record.image)
    return lung, ignore


@functools.lru_cache(maxsize=1)
def _reports(root: Path, stamp: tuple[int, int] | None) -> tuple[dict[str, int], pl.Series]:
    """The row of each image, and the reports by row.

    Kept, since the table must be read as a whole and every image of a build asks for its report;
    `stamp` is its size and time, so that another table is read anew.
    """
    frame = tables.read(root, _METADATA, ("dicom_id", "Reports"))
    return {image: row for row, image in enumerate(frame["dicom_id"])}, frame["Reports"]


def _read(root: Path, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """The table, with faults for identifiers that are malformed or in several rows."""
    frame = tables.read(root, name, (*_IDS, *columns))
    for column, form in ID_FORMS.items():
        frame = tables.matching(frame, column, form)
    return tables.unique(frame, "dicom_id")


def _segmented(root: Path) -> pl.DataFrame:
    """The ids, the path of the image and the labels."""
    frame = _read(root, _SEGMENTED, ("DicomPath", *OBSERVATIONS))
    frame = tables.unique(tables.matching(frame, "DicomPath", _PATH), "DicomPath")
    named = pl.col("DicomPath").str.split("/").list.last() == pl.col("dicom_id") + ".jpg"
    frame = tables.marked(frame, ~named, "DicomPath", "the file is not named like dicom_id")
    for name in OBSERVATIONS:
        odd = ~pl.col(name).is_in(_STATES)
        frame = tables.marked(frame, odd, name, "the value is not 1, 0, -1 or blank")
    states = (
        pl.col(o).str.strip_suffix(".0").cast(pl.Int8, strict=False).alias(rows.LABEL + o)
        for o in OBSERVATIONS
    )
    return frame.with_columns(
        pl.col("dicom_id").alias("image_id"),
        pl.col("subject_id").alias("patient_id"),
        pl.col("DicomPath").alias("image"),
        *states,
    ).drop("DicomPath")


def _metadata(root: Path) -> pl.DataFrame:
    """The ids, the view, the path under which the image is described, and what else is said."""
    frame = _read(root, _METADATA, ("Reports", "ViewPosition", "DicomPath"))
    known = (*_IDS, "Reports", "ViewPosition", "DicomPath")
    return frame.select(
        *_IDS,
        tables.FAULT,
        pl.col("DicomPath").alias("described"),
        pl.col("ViewPosition").alias("view"),
        *(
            pl.col(c).alias(rows.EXTRA + c)
            for c in frame.columns
            if c not in known and not c.startswith("#")
        ),
    )


def _split(root: Path) -> pl.DataFrame:
    frame = tables.matching(_read(root, _SPLIT, ("split",)), "split", "|".join(SPLITS))
    return frame.select(*_IDS, tables.FAULT, "split")


def _masks(root: Path) -> pl.DataFrame:
    """The ids and the mask's path: the lossless one where the folder of those is there."""
    frame = tables.matching(_read(root, _MASK, ("DicomPath",)), "DicomPath", _PATH)
    path = pl.col("DicomPath")
    if (root / "masks").is_dir():
        path = "masks" + path.str.strip_prefix("files").str.replace(r"-mask\.jpg$", ".png")
    return frame.select(*_IDS, tables.FAULT, path.alias("mask"))
