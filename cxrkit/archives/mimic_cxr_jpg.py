"""MIMIC-CXR-JPG 2.0.0 and 2.1.0: 377,110 radiographs with labels read from their reports.

Beth Israel Deaconess Medical Center, 2011-2016. The facts are in gzipped tables beside the images:
metadata (one row per image), split, and the labels of two programs, CheXpert and NegBio, which
belong to a study: each of its images gets them, a lateral one too. Release 2.1.0 keeps the names
of the 2.0.0 tables and adds IMAGE_FILENAMES and the labels of one radiologist for 687 test studies.

What it lacks: lung masks, sex and age, and reports, which MIMIC-CXR publishes: put its
`files/pXX/pS/sT.txt` into the same `files` folder. 15,769 images have no ViewPosition and are not
taken as frontal; 8 studies have no labels. Sources: the release page and Johnson 2019
(arXiv:1901.07042); some counts are sums over its tables, as each claim says.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import Card
from cxrkit.archives.mimic_cxr import ID_FORMS, folder
from cxrkit.archives.mimic_cxr import report as report
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS, SPLITS

LAYOUT = (
    "files/p10/p10000032/s50414267/<dicom_id>.jpg and, beside files/, "
    "mimic-cxr-2.0.0-{metadata,split,chexpert}.csv.gz (or .csv); where you have them, also "
    "mimic-cxr-2.0.0-negbio.csv.gz, mimic-cxr-2.1.0-test-set-labeled.csv and MIMIC-CXR's reports "
    "files/p10/p10000032/s50414267.txt"
)

_PAGE, _PAPER = "page of release 2.1.0", "arXiv:1901.07042"
_TABLES = "sum over the tables of release 2.0.0"

# Studies of the split `train` by label where both programs say the same, and where they differ:
# 1, 0, -1, differ (arXiv:1901.07042, of 222,750 studies). None: the paper gives no number.
_AGREEMENT = {
    "No Finding": (74019, None, None, 3825),
    "Enlarged Cardiomediastinum": (6798, 5158, 9015, 248),
    "Cardiomegaly": (38002, 15563, 5753, 5769),
    "Lung Lesion": (5939, 822, 996, 289),
    "Lung Opacity": (49512, 2794, 2052, 2460),
    "Edema": (25549, 24746, 11426, 2282),
    "Consolidation": (10199, 7791, 2913, 1576),
    "Pneumonia": (15333, 23771, 17313, 1377),
    "Atelectasis": (44012, 921, 9623, 1705),
    "Pneumothorax": (9159, 41250, 848, 1291),
    "Pleural Effusion": (51680, 26532, 5184, 1617),
    "Pleural Other": (1884, 120, 707, 91),
    "Fracture": (3675, 871, 295, 867),
    "Support Devices": (63971, 3014, 95, 1785),
}
_TRAIN = pl.col("split") == "train"


def _studies(condition: pl.Expr, of: str = "study_id") -> pl.Expr:
    """The number of studies (or patients) with an image for which the condition holds."""
    return pl.col(of).filter(condition.fill_null(False)).n_unique()


def _labelled_by(source: str) -> pl.Expr:
    """The table of labels has a row for the study."""
    return pl.col("extra.labelled_by").str.contains(rf"\b{source}\b").fill_null(False)


def _agreement_claims() -> Iterator[Claim]:
    for name, (*agreed, differ) in _AGREEMENT.items():
        one, other = pl.col(f"labels.{name}").cast(pl.String), pl.col(f"extra.negbio.{name}")
        for state, number in zip((1, 0, -1), agreed, strict=True):
            if number is not None:
                both = (one == str(state)) & (other == str(state))
                what = f"train studies, both programs: {name} {state}"
                yield Claim(what, number, _PAPER, _studies(_TRAIN & both))
        yield Claim(
            f"train studies, the programs differ: {name}",
            differ,
            _PAPER,
            _studies(_TRAIN & one.ne_missing(other)),
            why="a blank against a label counts as a difference: the paper does not say so, but "
            "No Finding, which is 1 or blank, could not differ otherwise",
        )


def _view_claims() -> Iterator[Claim]:
    labelled, view = _labelled_by("chexpert"), pl.col("view")
    named = {"AP": 147169, "PA": 96155, "LATERAL": 82852, "LL": 35129}
    for name, number in named.items():
        counted = claims.where(labelled & (view == name))
        yield Claim(f"{name} images of labelled studies", number, _TABLES, counted)
    others = ~view.is_in([*named, ""]) & labelled
    yield Claim("images of labelled studies with another view", 21, _TABLES, claims.where(others))
    yield Claim("images without a view", 15769, _TABLES, claims.where(view == ""))
    blank = claims.where(labelled & (view == ""))
    yield Claim("images of labelled studies without a view", 15757, _TABLES, blank)
    crossed = (view == "AP") & (
        pl.col("extra.PerformedProcedureStepDescription") == "CHEST (PA AND LAT)"
    )
    yield Claim(
        "AP images of the procedure CHEST (PA AND LAT)",
        22043,
        "github.com/MIT-LCP/mimic-code, thread 1513",
        claims.where(crossed),
    )
    # The paper filled in blank views from AcquisitionDeviceProcessingDescription, by hand for 10.
    filled = {"frontal": (248020, 2041, 3653), "lateral": (120795, 949, 1502)}
    for kind, numbers in filled.items():
        for split, number in zip(SPLITS, numbers, strict=True):
            yield Claim(
                f"{split} {kind} images",
                number,
                _PAPER,
                pl.lit(None, pl.Int64),
                why="views that the tables leave blank were filled in from the DICOM files",
            )


_CLAIMS = (
    Claim("images", 377110, _PAGE, claims.rows()),
    Claim("patients", 65379, "10.1038/s41597-019-0322-0", claims.unique("patient_id")),
    Claim("studies", 227835, "10.1038/s41597-019-0322-0", claims.unique("study_id")),
    Claim("labelled studies", 227827, _PAGE, _studies(_labelled_by("chexpert"))),
    Claim(
        "studies that CheXpert gave no label",
        2414,
        _PAGE,
        _studies(
            _labelled_by("chexpert")
            & pl.all_horizontal(pl.col(f"labels.{o}").is_null() for o in OBSERVATIONS)
        ),
    ),
    Claim(
        "studies labelled by a radiologist",
        687,
        "mimic-cxr-2.1.0-test-set-labeled.csv",
        pl.when(_labelled_by("radiologist").any()).then(_studies(_labelled_by("radiologist"))),
        why="release 2.0.0 lacks the table",
    ),
    Claim("folders p10 to p19", 10, _PAGE, pl.col("image").str.slice(6, 3).n_unique()),
    *(
        Claim(f"{split} {what}", number, "split table", counted)
        for split, images, studies, patients in (
            ("train", 368960, 222758, 64586),
            ("validate", 2991, 1808, 500),
            ("test", 5159, 3269, 293),
        )
        for what, number, counted in (
            ("images", images, claims.where(pl.col("split") == split)),
            ("studies", studies, _studies(pl.col("split") == split)),
            ("patients", patients, _studies(pl.col("split") == split, of="patient_id")),
        )
    ),
    Claim("labelled train studies", 222750, _PAPER, _studies(_TRAIN & _labelled_by("chexpert"))),
    *_view_claims(),
    *_agreement_claims(),
    Claim(
        "images",
        371920,
        "release 1.0.0 and texts that follow it",
        claims.rows(),
        erratum="377,110 since release 2.0.0",
    ),
    Claim(
        "studies",
        227943,
        "the number of reports before release, still on the page of 2.1.0",
        claims.unique("study_id"),
        erratum="227,835 were released",
    ),
    Claim(
        "patients",
        64588,
        "notes in TorchXRayVision",
        claims.unique("patient_id"),
        erratum="65,379",
    ),
)

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
    authors="Alistair Johnson, Matthew Lungren, Yifan Peng, Zhiyong Lu, Roger Mark, "
    "Seth Berkowitz, Steven Horng (Massachusetts Institute of Technology; Beth Israel Deaconess "
    "Medical Center; Stanford University; National Library of Medicine)",
    published_on="2024-03-12",
    article="arXiv:1901.07042",
    tasks=("classification",),
    blank_view_is_frontal=False,
    mask_convention=None,
    labels_belong_to="study",
    patients="subject_id: one number for a patient over all studies",
    claims=_CLAIMS,
    part_of=("mimic-cxr",),
    reads=(
        ("image_id, patient_id, study_id", "dicom_id, subject_id, study_id"),
        ("view, rows, columns", "ViewPosition, Rows, Columns of the metadata table"),
        ("split", "the split table"),
        ("labels", "the CheXpert table, by column name; a blank cell is 'not mentioned'"),
        ("extra.negbio.<observation>", "the NegBio table, where it is there: 1, 0 or -1"),
        (
            "extra.radiologist.<observation>",
            "the radiologist's table of 2.1.0, where it is there; its Airspace Opacity is "
            "Lung Opacity",
        ),
        (
            "extra.labelled_by",
            "which of chexpert, negbio and radiologist have a row for the study",
        ),
        ("extra", "every other column of the metadata table, as published"),
    ),
    traps=(
        "Labels belong to a study: a lateral image carries findings that it may not show.",
        "The label tables are in alphabetical order, not in that of the CheXpert labeler.",
        "15,769 images have no ViewPosition; the paper filled them in from elements of the DICOM "
        "files: 253,714 frontal, 123,246 lateral, 150 other. ViewPosition is rarely wrong, in "
        "about 0.1 %.",
        "8 studies have no row of labels, and 2,414 rows of CheXpert are blank throughout: "
        "'extra.labelled_by' tells them apart. No image of them is negative for anything.",
        "StudyTime lost its leading zeros when it became a number: pad its whole part to six "
        "digits. It is kept as published. Dates are shifted, by one shift for each patient.",
        "Every row of the metadata table is a record, downloaded or not. IMAGE_FILENAMES (2.1.0) "
        "lists the same images and is not read; use it to download without index pages.",
        "Programs read the findings section only where there is no impression; what a report "
        "says elsewhere is not in the labels.",
    ),
)

_METADATA = "mimic-cxr-2.0.0-metadata.csv"
_SPLIT = "mimic-cxr-2.0.0-split.csv"
_CHEXPERT = "mimic-cxr-2.0.0-chexpert.csv"
_NEGBIO = "mimic-cxr-2.0.0-negbio.csv"
_RADIOLOGIST = "mimic-cxr-2.1.0-test-set-labeled.csv"
_RENAMED = {"Lung Opacity": "Airspace Opacity"}  # in the radiologist's table

_NUMBER = r"(?:[0-9]{1,6}(?:\.0)?)?"
_STATES = ("", "1.0", "0.0", "-1.0", "1", "0", "-1")
_FORMS = {**ID_FORMS, "Rows": _NUMBER, "Columns": _NUMBER}
_READ = (*_FORMS, "ViewPosition")
_KEPT = (
    "PerformedProcedureStepDescription",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)


def table(root: Path) -> pl.DataFrame:
    """One row per row of the metadata table, see `records`.

    Raises:
        InputRefused: E101, no folder `files`; E102, a table is missing; E103, a table is damaged,
            lacks a column, or most of its rows are wrong.
    """
    if not (root / "files").is_dir():
        raise InputRefused("E101", str(root), "no folder files", LAYOUT, "give the folder above it")
    frame = _metadata(root)
    split = tables.read(root, _SPLIT, ("dicom_id", "split"))
    split = tables.matching(split, "dicom_id", ID_FORMS["dicom_id"])
    split = tables.matching(tables.unique(split, "dicom_id"), "split", "|".join(SPLITS))
    frame = _joined(frame, split.select("dicom_id", "split", tables.FAULT), "dicom_id")
    sources = ["chexpert"]
    frame = _joined(frame, _chexpert(root), "study_id")
    for source, name, columns in (
        ("negbio", _NEGBIO, dict(zip(OBSERVATIONS, OBSERVATIONS, strict=True))),
        ("radiologist", _RADIOLOGIST, {o: _RENAMED.get(o, o) for o in OBSERVATIONS}),
    ):
        if (root / name).is_file() or (root / f"{name}.gz").is_file():
            sources.append(source)
            frame = _joined(frame, _other_labels(root, source, name, columns), "study_id")
    labelled_by = pl.concat_str(sources, separator=" ", ignore_nulls=True).replace("", None)
    frame = frame.with_columns(labelled_by.alias(rows.EXTRA + "labelled_by"))
    return rows.completed(frame, "mimic-cxr-jpg", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the metadata table, sorted by path; the tables are read at the call.

    A corrupt row of any table is a record with a fault: of its image, of all images of its study,
    or, where its id is what is corrupt, one of its own.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def _joined(frame: pl.DataFrame, other: pl.DataFrame, key: str) -> pl.DataFrame:
    """All rows of `frame` with the columns of `other`, then its faulty rows without a partner."""
    joined = tables.join(frame, other, key)
    return pl.concat([joined, tables.lost(frame, other, key)], how="diagonal")


def _metadata(root: Path) -> pl.DataFrame:
    """The metadata table with the path of each image, rows and columns as numbers."""
    frame = tables.read(root, _METADATA, (*_READ, *_KEPT))
    for column, pattern in _FORMS.items():
        frame = tables.matching(frame, column, pattern)
    frame = tables.unique(frame, "dicom_id")
    kept = [c for c in frame.columns if c not in _READ and not c.startswith("#")]
    return frame.select(
        "dicom_id",
        "study_id",
        tables.FAULT,
        pl.col("dicom_id").alias("image_id"),
        pl.col("subject_id").alias("patient_id"),
        (folder() + "/" + pl.col("dicom_id") + ".jpg").alias("image"),
        pl.col("ViewPosition").alias("view"),
        tables.number("Rows", pl.Int32).alias("rows"),
        tables.number("Columns", pl.Int32).alias("columns"),
        *(pl.col(c).alias(rows.EXTRA + c) for c in kept),
    )


def _chexpert(root: Path) -> pl.DataFrame:
    """study_id, `chexpert`, and the 14 observations as 1, 0, -1 or null."""
    frame = _labels(root, _CHEXPERT, OBSERVATIONS)
    states = (_state(o).cast(pl.Int8, strict=False).alias(rows.LABEL + o) for o in OBSERVATIONS)
    return frame.select("study_id", tables.FAULT, pl.lit("chexpert").alias("chexpert"), *states)


def _other_labels(root: Path, source: str, name: str, columns: dict[str, str]) -> pl.DataFrame:
    """study_id, the source's name, and its labels as the text "1", "0", "-1" or null."""
    frame = _labels(root, name, tuple(columns.values()))
    states = (
        _state(column).replace("", None).alias(f"{rows.EXTRA}{source}.{o}")
        for o, column in columns.items()
    )
    return frame.select("study_id", tables.FAULT, pl.lit(source).alias(source), *states)


def _labels(root: Path, name: str, columns: tuple[str, ...]) -> pl.DataFrame:
    # A part of the release can be without studies of the test set.
    frame = tables.read(root, name, ("study_id", *columns), least=int(name != _RADIOLOGIST))
    frame = tables.unique(tables.matching(frame, "study_id", ID_FORMS["study_id"]), "study_id")
    for column in columns:
        odd = ~pl.col(column).is_in(_STATES)
        frame = tables.marked(frame, odd, column, "the value is not 1, 0, -1 or blank")
    return frame


def _state(column: str) -> pl.Expr:
    """ "1", "0", "-1" or blank."""
    return pl.col(column).str.strip_suffix(".0")
