"""MIMIC-CXR-JPG 2.0.0 and 2.1.0: 377,110 radiographs with labels read from their reports.

Beth Israel Deaconess Medical Center, 2011-2016. The facts are in gzipped tables beside the images:
metadata (one row per image), split, and CheXpert labels, which belong to a study: each of its
images gets them, a lateral one too. Release 2.1.0 keeps the names of the 2.0.0 tables.

What it lacks: lung masks, sex and age, and reports, which MIMIC-CXR publishes: put its
`files/pXX/pS/sT.txt` into the same `files` folder. 15,769 images have no ViewPosition and are not
taken as frontal. 8 studies have no labels. The NegBio labels and the radiologist's test labels of
2.1.0 are not read. Sources: the release pages and Johnson 2019 (arXiv:1901.07042).
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS, SPLITS

CARD = Card(
    title="MIMIC-CXR-JPG: chest radiographs with structured labels",
    homepage="https://physionet.org/content/mimic-cxr-jpg/",
    licence="credentialed",
    terms="PhysioNet Credentialed Health Data Use Agreement 1.5.0; it covers everything derived "
    "from the images, labels and reports, so a dataset made of them must not be passed on.",
    citation="""\
@article{johnson2019mimic,
  title   = {{MIMIC-CXR-JPG}, a large publicly available database of labeled chest radiographs},
  author  = {Johnson, Alistair E. W. and Pollard, Tom J. and Greenbaum, Nathaniel R. and
             Lungren, Matthew P. and Deng, Chih-ying and Peng, Yifan and Lu, Zhiyong and
             Mark, Roger G. and Berkowitz, Seth J. and Horng, Steven},
  journal = {arXiv preprint arXiv:1901.07042},
  year    = {2019}
}
@misc{johnson2024mimic,
  title     = {{MIMIC-CXR-JPG} - chest radiographs with structured labels},
  author    = {Johnson, Alistair and Lungren, Matthew and Peng, Yifan and Lu, Zhiyong and
               Mark, Roger and Berkowitz, Seth and Horng, Steven},
  publisher = {PhysioNet}, version = {2.1.0}, year = {2024},
  doi       = {10.13026/jsn5-t979}
}
""",
    blank_view_is_frontal=False,
    mask_convention=None,
    labels_belong_to="study",
    claims=(
        Claim("images", 377110, "release page", claims.rows()),
        Claim("patients", 65379, "10.1038/s41597-019-0322-0", claims.unique("patient_id")),
        Claim("studies", 227835, "10.1038/s41597-019-0322-0", claims.unique("study_id")),
        *(
            Claim(f"{split} images", number, "split table", claims.where(pl.col("split") == split))
            for split, number in (("train", 368960), ("validate", 2991), ("test", 5159))
        ),
    ),
    part_of=("mimic-cxr",),
)

LAYOUT = (
    "files/p10/p10000032/s50414267/<dicom_id>.jpg and, beside files/, "
    "mimic-cxr-2.0.0-{metadata,split,chexpert}.csv.gz (or .csv)"
)

_METADATA = "mimic-cxr-2.0.0-metadata.csv"
_SPLIT = "mimic-cxr-2.0.0-split.csv"
_CHEXPERT = "mimic-cxr-2.0.0-chexpert.csv"

_IDS = ("dicom_id", "subject_id", "study_id")
_READ = (*_IDS, "ViewPosition", "Rows", "Columns")
_KEPT = (
    "PerformedProcedureStepDescription",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)
_NUMBER = r"(?:[0-9]{1,6}(?:\.0)?)?"
_STATE = r"(?:(?:1|0|-1)(?:\.0)?)?"


def table(root: Path) -> pl.DataFrame:
    """One row per row of the metadata table, see `records`.

    Raises:
        InputRefused: E101, no folder `files`; E102, a table is missing; E103, a table is damaged,
            lacks a column, or most of its rows are wrong.
    """
    if not (root / "files").is_dir():
        raise InputRefused("E101", str(root), "no folder files", LAYOUT, "give the folder above it")
    metadata = _metadata(root)
    split = tables.read(root, _SPLIT, ("dicom_id", "split"))
    split = tables.matching(tables.unique(split, "dicom_id"), "split", "|".join(SPLITS))
    frame = tables.join(metadata, split.select("dicom_id", "split", tables.FAULT), "dicom_id")
    frame = tables.join(frame, _chexpert(root), "study_id")
    return rows.completed(frame, "mimic-cxr-jpg", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the metadata table, sorted by path; the tables are read at the call.

    `image_id`, `patient_id` and `study_id` are dicom_id, subject_id and study_id. `split` is the
    published one. `labels` are the CheXpert labels of the study. `extra` holds the other columns
    of the metadata table.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def report(root: Path, record: Record) -> str | None:
    """The text of the study's report; None where the archive has none.

    Raises:
        ItemFault: E201, the report is there and cannot be read.
    """
    path = f"{record.image.rsplit('/', 1)[0]}.txt"
    try:
        return (root / path).read_bytes().decode("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ItemFault(
            "E201", path, type(error).__name__, "a readable text file", "check its permissions"
        ) from error


def _metadata(root: Path) -> pl.DataFrame:
    """The metadata table with the path of each image, rows and columns as numbers."""
    frame = tables.read(root, _METADATA, (*_READ, *_KEPT))
    # Ids become folder names.
    for column, pattern in (
        ("dicom_id", "[0-9A-Za-z][0-9A-Za-z.-]*"),
        ("subject_id", "[0-9]{2,}"),
        ("study_id", "[0-9]+"),
        ("Rows", _NUMBER),
        ("Columns", _NUMBER),
    ):
        frame = tables.matching(frame, column, pattern)
    frame = tables.unique(frame, "dicom_id")
    subject, study = pl.col("subject_id"), pl.col("study_id")
    folder = "files/p" + subject.str.slice(0, 2) + "/p" + subject + "/s" + study
    kept = [c for c in frame.columns if c not in _READ and not c.startswith("#")]
    return frame.select(
        "study_id",
        "dicom_id",
        tables.FAULT,
        pl.col("dicom_id").alias("image_id"),
        subject.alias("patient_id"),
        (folder + "/" + pl.col("dicom_id") + ".jpg").alias("image"),
        pl.col("ViewPosition").alias("view"),
        tables.number("Rows", pl.Int32).alias("rows"),
        tables.number("Columns", pl.Int32).alias("columns"),
        *(pl.col(c).alias(rows.EXTRA + c) for c in kept),
    )


def _chexpert(root: Path) -> pl.DataFrame:
    """study_id and the 14 observations as 1, 0, -1 or null."""
    frame = tables.unique(tables.read(root, _CHEXPERT, ("study_id", *OBSERVATIONS)), "study_id")
    for observation in OBSERVATIONS:
        frame = tables.matching(frame, observation, _STATE)
    return frame.select(
        "study_id",
        tables.FAULT,
        *(tables.number(o, pl.Int8).alias(rows.LABEL + o) for o in OBSERVATIONS),
    )
