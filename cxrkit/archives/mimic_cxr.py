"""MIMIC-CXR 2.0.0 and 2.1.0: 377,110 radiographs as DICOM files, and the report of each study.

Beth Israel Deaconess Medical Center, 2011-2016. Two lists name every image and every study:
cxr-record-list.csv.gz and cxr-study-list.csv.gz. A report is a text file beside the folder of its
study. The reports are also published apart, as mimic-cxr-reports.zip with the same paths inside.

What it lacks: labels, splits, sex, age, lung masks, and any table with the view: ViewPosition is
an element of each DICOM file, so `view` is empty until the file is read, and an image whose file
leaves it blank, too, is not taken as frontal. Labels and splits are published with MIMIC-CXR-JPG,
under the same identifiers; they are not read here, even where they lie beside the lists. Sources:
the release page and Johnson 2019 (10.1038/s41597-019-0322-0).
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

LAYOUT = (
    "files/p10/p10000032/s50414267/<dicom_id>.dcm, files/p10/p10000032/s50414267.txt and, beside "
    "files/, cxr-record-list.csv.gz and cxr-study-list.csv.gz (or .csv)"
)

_ARTICLE = "10.1038/s41597-019-0322-0"

CARD = Card(
    title="MIMIC-CXR: chest radiographs with free-text reports",
    homepage="https://physionet.org/content/mimic-cxr/",
    licence="credentialed",
    terms="PhysioNet Credentialed Health Data Use Agreement 1.5.0; it covers everything derived "
    "from the images and reports, so a dataset made of them must not be passed on.",
    citation="""\
@article{johnson2019mimiccxr,
  title   = {{MIMIC-CXR}, a de-identified publicly available database of chest radiographs with
             free-text reports},
  author  = {Johnson, Alistair E. W. and Pollard, Tom J. and Berkowitz, Seth J. and
             Greenbaum, Nathaniel R. and Lungren, Matthew P. and Deng, Chih-ying and
             Mark, Roger G. and Horng, Steven},
  journal = {Scientific Data}, volume = {6}, number = {317}, year = {2019},
  doi     = {10.1038/s41597-019-0322-0}
}
@misc{johnson2024mimiccxr,
  title     = {{MIMIC-CXR} Database},
  author    = {Johnson, Alistair and Pollard, Tom and Mark, Roger and Berkowitz, Seth and
               Horng, Steven},
  publisher = {PhysioNet}, version = {2.1.0}, year = {2024},
  doi       = {10.13026/4jqj-jw95}
}
""",
    authors="Alistair Johnson, Tom Pollard, Roger Mark, Seth Berkowitz, Steven Horng "
    "(Massachusetts Institute of Technology; Beth Israel Deaconess Medical Center)",
    published_on="2024-07-23",
    article="https://doi.org/10.1038/s41597-019-0322-0",
    tasks=("report generation",),
    blank_view_is_frontal=False,
    patients="subject_id: one number for a patient over all studies",
    observations=(),
    claims=(
        Claim("images", 377110, _ARTICLE, claims.rows()),
        Claim("patients", 65379, _ARTICLE, claims.unique("patient_id")),
        Claim("studies", 227835, _ARTICLE, claims.unique("study_id")),
        Claim("folders p10 to p19", 10, "release page", pl.col("image").str.slice(6, 3).n_unique()),
        Claim(
            "images",
            371920,
            "release 1.0.0",
            claims.rows(),
            erratum="377,110 since release 2.0.0; the DICOM files were first released then",
        ),
        Claim(
            "studies",
            227943,
            "the number of reports before release",
            claims.unique("study_id"),
            erratum="227,835 were released",
        ),
        Claim(
            "patients",
            64588,
            "documentation of MIMIC-IV, notes in TorchXRayVision",
            claims.unique("patient_id"),
            erratum="65,379",
        ),
    ),
    reads=(
        ("image_id, patient_id, study_id", "dicom_id, subject_id, study_id of the record list"),
        ("image", "the record list's path"),
        ("view", "ViewPosition (0018,5101) of the DICOM file, when it is built"),
        ("report", "files/pXX/p<subject>/s<study>.txt"),
        ("extra", "every other column of the record list"),
    ),
    traps=(
        "No table has the view. `cxr build` reads each file and skips it by the view that it "
        "states; one that states none is skipped as view-unknown (15,769 images, about two thirds "
        "of them frontal by another element, as the paper of MIMIC-CXR-JPG counts).",
        "MIMIC-CXR-JPG was made from the stored values, without the windows of these files, and "
        "then histogram-equalised: the same image looks different in the two.",
        "An early page shows .dcm.gz. Where the record list says so, such an image is listed, and "
        "building it ends with E212: unpack the files and correct the list, or use the present "
        "release.",
        "Impression is there in 189,561 reports, findings alone in 27,684; in 10,514 neither is. "
        "The pages print 82.4, 12.5 and 5.1 % of 227,943, which were counted before release.",
        "Report text marks what was removed with ___. Study numbers carry no order in time.",
    ),
)

_RECORDS, _STUDIES = "cxr-record-list.csv", "cxr-study-list.csv"

# Ids become folder names. Also of MIMIC-CXR-JPG and CXLSeg.
ID_FORMS = {
    "dicom_id": "[0-9A-Za-z][0-9A-Za-z.-]*",
    "subject_id": "[0-9]{2,}",
    "study_id": "[0-9]+",
}


def folder() -> pl.Expr:
    """The folder of a study below the release, from the columns subject_id and study_id."""
    subject, study = pl.col("subject_id"), pl.col("study_id")
    return "files/p" + subject.str.slice(0, 2) + "/p" + subject + "/s" + study


def table(root: Path) -> pl.DataFrame:
    """One row per row of the record list, see `records`.

    Raises:
        InputRefused: E101, no folder `files`; E102, a list is missing; E103, a list is damaged,
            lacks a column, or most of its rows are wrong.
    """
    if not (root / "files").is_dir():
        raise InputRefused("E101", str(root), "no folder files", LAYOUT, "give the folder above it")
    frame = tables.read(root, _RECORDS, (*ID_FORMS, "path"))
    for column, form in ID_FORMS.items():
        frame = tables.matching(frame, column, form)
    frame = tables.unique(frame, "dicom_id")
    stem = folder() + "/" + pl.col("dicom_id") + ".dcm"
    other = (pl.col("path") != stem) & (pl.col("path") != stem + ".gz")
    frame = tables.marked(frame, other, "path", "the path is not that of the identifiers")
    studies = _studies(root)
    lost = tables.lost(frame, studies, "study_id")
    frame = tables.join(frame, studies, "study_id")
    other = (pl.col("of") != pl.col("subject_id")).fill_null(False)
    frame = tables.marked(frame, other, "subject_id", f"{_STUDIES} gives the study to another")
    kept = [c for c in frame.columns if c not in (*ID_FORMS, "path", "of") and c[0] != "#"]
    frame = frame.select(
        tables.FAULT,
        pl.col("dicom_id").alias("image_id"),
        pl.col("subject_id").alias("patient_id"),
        "study_id",
        pl.col("path").alias("image"),
        *(pl.col(c).alias(rows.EXTRA + c) for c in kept),
    )
    frame = pl.concat([frame, lost], how="diagonal")
    return rows.completed(frame, "mimic-cxr", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the record list, sorted by path; the lists are read at the call.

    A corrupt row of either list is a record with a fault, and so is one whose path or patient
    disagrees with the other columns or the other list.

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


def _studies(root: Path) -> pl.DataFrame:
    """study_id and its patient, `of`."""
    frame = tables.read(root, _STUDIES, ("subject_id", "study_id"))
    for column in ("subject_id", "study_id"):
        frame = tables.matching(frame, column, ID_FORMS[column])
    frame = tables.unique(frame, "study_id")
    return frame.select("study_id", pl.col("subject_id").alias("of"), tables.FAULT)
