"""PadChest (Hospital San Juan, Alicante, 2009-2017): 160,868 radiographs with Spanish reports.

16-bit PNG files lie in the numbered folders of the table's column ImageDir. The table has a row per
image: DICOM facts, the projection, the words of the report without accents and endings, and what
physicians (27 % of the reports) or a recurrent network (the others, .93 micro-F1) took from it:
labels of an open vocabulary of 174 findings and 19 diagnoses, and 104 places. Labels are those of
the study's report and stand on each of its images.

What it lacks: lung masks, a split, and absence: a label that is not listed is not mentioned. A few
of its files are cut or unreadable; they are found by decoding and not by a list. Source: Bustos
2020 (10.1016/j.media.2020.101797, arXiv:1901.07441) and programs that read the table.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record

_TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"

CARD = Card(
    title="PadChest: a large chest x-ray image dataset with multi-label annotated reports",
    homepage="https://bimcv.cipf.es/bimcv-projects/padchest/",
    licence="registered",
    terms="BIMCV's agreement for research use, accepted before download; read it there.",
    citation="""\
@article{bustos2020padchest,
  title   = {{PadChest}: A large chest x-ray image dataset with multi-label annotated reports},
  author  = {Bustos, Aurelia and Pertusa, Antonio and Salinas, Jose-Maria and
             de la Iglesia-Vay{\\'a}, Maria},
  journal = {Medical Image Analysis}, volume = {66}, pages = {101797}, year = {2020},
  doi     = {10.1016/j.media.2020.101797}
}
""",
    blank_view_is_frontal=False,
    authors="Aurelia Bustos, Antonio Pertusa (Department of Software and Computing Systems, "
    "University of Alicante), Jose-Maria Salinas (Department of Health Informatics, Hospital San "
    "Juan de Alicante), Maria de la Iglesia-Vayá (Regional Ministry of Health, Valencia)",
    published_on="2019-01",
    article="https://arxiv.org/abs/1901.07441",
    tasks=("classification", "report generation"),
    patients="column PatientID",
    observations=(),
    labels_belong_to="study",
    claims=(
        Claim("images", 160868, "arXiv:1901.07441", claims.rows()),
        Claim(
            "patients",
            67625,
            "descriptions in other papers; the publication says about 67,000",
            claims.unique("patient_id"),
            why="unverified: the number itself was not seen in the publication",
        ),
    ),
    reads=(
        ("image_id", "ImageID without .png"),
        ("image", "ImageDir/ImageID"),
        ("patient_id", "PatientID"),
        ("study_id", "StudyID"),
        ("view", "Projection; L is LATERAL, AP_horizontal (lying) is AP"),
        ("sex", "PatientSex_DICOM"),
        ("age", "year of StudyDate_DICOM less PatientBirth; empty outside 0-120"),
        ("rows, columns", "Rows_DICOM, Columns_DICOM"),
        ("labels", "each whole word list entry of Labels is 1; none where it is blank or []"),
        ("report", "Report"),
        ("extra", "all other columns as published, Projection and Report too"),
    ),
    traps=(
        "Labels is a Python list as text: a search for a part of it finds tube inside other "
        "words. Entries have spaces in front (' unchanged') and are repeated.",
        "normal, exclude, unchanged and suboptimal study are entries too; exclude and suboptimal "
        "study say that the image should not be used.",
        "PatientBirth is a year, so an age is exact to a year.",
        "MethodLabel tells the physicians' labels from those of the network.",
        "The PNG files have 16 bits, of which fewer are used (BitsStored_DICOM): reading 8 bits "
        "loses depth, and scaling by 65,535 makes them dark.",
        "About twenty files are known to be corrupt or missing; decode to find them.",
        "AP_horizontal is a patient lying down; it is AP here and stays in extra.",
        "Names of images may hold spaces.",
    ),
)

LAYOUT = f"0/ 1/ ... 54/ (the column ImageDir) with <ImageID>.png, beside {_TABLE} (or .gz)"

_WHOLE = r"(?:\.0)?"
_PATTERNS = {
    # Names become paths; some have spaces.
    "ImageID": r"[0-9A-Za-z][0-9A-Za-z_ .-]*\.png",
    "ImageDir": "[0-9]+",
    "StudyID": "[0-9]+",
    "PatientID": "[0-9]+",
    "StudyDate_DICOM": f"(?:[0-9]{{8}}{_WHOLE})?",
    "PatientBirth": f"(?:[0-9]{{4}}{_WHOLE})?",
    "PatientSex_DICOM": "(?:M|F|O|None)?",
    "Projection": "[A-Za-z_]*",
    "Rows_DICOM": f"(?:[0-9]{{1,6}}{_WHOLE})?",
    "Columns_DICOM": f"(?:[0-9]{{1,6}}{_WHOLE})?",
}
_OTHERS = ("MethodLabel", "Report", "Labels", "Localizations", "LabelsLocalizationsBySentence")
_READ = ("ImageID", "ImageDir", "StudyID", "PatientID", "PatientSex_DICOM", "Rows_DICOM",
         "Columns_DICOM", "Labels")  # fmt: skip
_VIEWS = {"L": "LATERAL", "AP_horizontal": "AP"}
_OLDEST = 120  # years
_MOST_LABELS = 2000  # 193 are published; every one becomes a column
_PLAIN = r"^\['[^'\"\\\n]*(?:', '[^'\"\\\n]*)*'\]$"  # a list whose entries hold no quote, no escape
_LIST = pl.List(pl.String)


def table(root: Path) -> pl.DataFrame:
    """One row per row of the table, see `records`.

    Raises:
        InputRefused: E101, no numbered folder; E102, no table; E103, the table is damaged, lacks a
            column, or most of its rows are wrong.
    """
    names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
    if not any(name.isdecimal() and (root / name).is_dir() for name in names):
        raise InputRefused(
            "E101",
            str(root),
            f"no numbered folder; found {', '.join(names[:6]) or 'nothing'}",
            LAYOUT,
            "give the folder that holds the numbered ones",
        )
    frame = tables.unique(tables.read(root, _TABLE, (*_PATTERNS, *_OTHERS)), "ImageID")
    for column, pattern in _PATTERNS.items():
        frame = tables.matching(frame, column, pattern)
    labels, no_lists = _labels(frame["Labels"])
    frame = tables.marked(frame, pl.col("Labels").is_in(no_lists), "Labels", "the value is no list")
    frame = frame.join(labels, on="Labels", how="left", maintain_order="left")
    study_year = pl.col("StudyDate_DICOM").str.slice(0, 4).cast(pl.Float64, strict=False)
    age = study_year - tables.number("PatientBirth", pl.Float64)
    kept = [c for c in frame.columns if c and c[0] != "#" and c not in (*_READ, *labels.columns)]
    frame = frame.select(
        tables.FAULT,
        pl.col("ImageID").str.strip_suffix(".png").alias("image_id"),
        (pl.col("ImageDir") + "/" + pl.col("ImageID")).alias("image"),
        pl.col("PatientID").alias("patient_id"),
        pl.col("StudyID").alias("study_id"),
        pl.col("Projection").replace(_VIEWS).alias("view"),
        pl.col("PatientSex_DICOM").replace("None", "").alias("sex"),
        pl.when(age.is_between(0, _OLDEST)).then(age).alias("age"),
        tables.number("Rows_DICOM", pl.Int32).alias("rows"),
        tables.number("Columns_DICOM", pl.Int32).alias("columns"),
        *(c for c in labels.columns if c != "Labels"),
        *(pl.col(c).alias(rows.EXTRA + c) for c in kept),
    )
    return rows.completed(frame, "padchest", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the table, sorted by path; the table is read at the call.

    `CARD.reads` says where each field comes from.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def report(root: Path, record: Record) -> str | None:
    """The words of the study's report, Spanish, without accents and endings; None where blank."""
    return record.extra.get("Report") or None


def _labels(published: pl.Series) -> tuple[pl.DataFrame, list[str]]:
    """Each text of the column once with a column per label, 1 where it is listed; what is no list.

    Lists without quotes and escapes in their entries, nearly all, are cut at their commas; of the
    others Python says what they hold.
    """
    texts = published.unique().sort()
    plain = texts.str.contains(_PLAIN)
    inside = texts.filter(plain).str.strip_prefix("['").str.strip_suffix("']")
    odd = texts.filter(~plain)
    found = [_entries(text) for text in odd]
    long = pl.DataFrame(
        {
            "column": pl.concat([plain.arg_true(), (~plain).arg_true()]),
            "name": pl.concat(
                [inside.str.split("', '"), pl.Series([f or [] for f in found], dtype=_LIST)]
            ),
        }
    )
    long = long.explode("name").with_columns(pl.col("name").str.strip_chars())
    long = long.filter(pl.col("name").fill_null("") != "")
    names = long["name"].unique().sort()
    if len(names) > _MOST_LABELS:
        raise InputRefused(
            "E103",
            _TABLE,
            f"column Labels: {len(names)} different labels",
            f"the published ones, at most {_MOST_LABELS}",
            "use the table as it was published",
        )
    listed = np.zeros((len(names), len(texts)), bool)
    long = long.join(pl.DataFrame({"name": names}).with_row_index("row"), on="name")
    listed[long["row"].to_numpy(), long["column"].to_numpy()] = True
    wide = pl.DataFrame({rows.LABEL + name: listed[row] for row, name in enumerate(names)})
    wide = wide.select(pl.when(name).then(pl.lit(1, pl.Int8)).alias(name) for name in wide.columns)
    no_lists = [text for text, entries in zip(odd, found, strict=True) if entries is None]
    return pl.DataFrame([texts.alias("Labels"), *wide]), no_lists


def _entries(text: str) -> list[str] | None:
    """The entries of a list of texts in Python's notation; None where it is none."""
    if text in ("", "nan"):
        return []
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return None
    return found
