"""CheXpert (Stanford Hospital, 2002-2017): 224,316 radiographs with labels read from reports.

Two forms, full size and "small", with the same tables: `train.csv`, `valid.csv` and, in later
copies, `test.csv`. The column Path begins with the name of the form's folder; the rest of it is
the file's place. Labels are 1, 0, -1 or blank; those of train come from the impression of the
report by a program (Irvin 2019, arXiv:1901.07031) and stand on every image of the study, those of
valid from radiologists.

What it lacks: lung masks, reports, dates and, in train, certainty: 4.5 % of its label cells are -1.
The patients of the three parts are different ones. The columns of `test.csv` other than Path and
the labels are read where they are there; no published description of it was seen.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS

_PARTS = {"train": "train", "valid": "validate", "test": "test"}  # table, folder: split
_SEX = {"Male": "M", "Female": "F", "Unknown": ""}

# Images of train.csv with each label at 1, 0 and -1.
_TRAIN = {
    "No Finding": (22381, 0, 0),
    "Enlarged Cardiomediastinum": (10798, 21638, 12403),
    "Cardiomegaly": (27000, 11116, 8087),
    "Lung Lesion": (9186, 1270, 1488),
    "Lung Opacity": (105581, 6599, 5598),
    "Edema": (52246, 20726, 12984),
    "Consolidation": (14783, 28097, 27742),
    "Pneumonia": (6039, 2799, 18770),
    "Atelectasis": (33376, 1328, 33739),
    "Pneumothorax": (19448, 56341, 3145),
    "Pleural Effusion": (86187, 35396, 11628),
    "Pleural Other": (3523, 316, 2653),
    "Fracture": (9040, 2512, 642),
    "Support Devices": (116001, 6137, 1079),
}
_IN_TRAIN = pl.col("split") == "train"
_HAS_TEST = (pl.col("split") == "test").any()
_IMAGES_OF_PATIENT = pl.col("patient_id").filter(_IN_TRAIN).unique_counts()
_MARKED_FRONTAL = pl.col("extra.Frontal/Lateral") == "Frontal"


def _train(what: str, value: int, condition: pl.Expr) -> Claim:
    return Claim(f"train {what}", value, "train.csv", claims.where(_IN_TRAIN & condition))


CARD = Card(
    title="CheXpert: chest radiographs with uncertainty labels",
    homepage="https://stanfordmlgroup.github.io/competitions/chexpert/",
    licence="registered",
    terms="Stanford University School of Medicine CheXpert Dataset Research Use Agreement: "
    "research, no redistribution, no commercial use.",
    citation="""\
@inproceedings{irvin2019chexpert,
  title     = {{CheXpert}: A Large Chest Radiograph Dataset with Uncertainty Labels and Expert
               Comparison},
  author    = {Irvin, Jeremy and Rajpurkar, Pranav and Ko, Michael and Yu, Yifan and
               Ciurea-Ilcus, Silviana and Chute, Chris and Marklund, Henrik and Haghgoo, Behzad and
               Ball, Robyn and Shpanskaya, Katie and Seekins, Jayne and Mong, David A. and
               Halabi, Safwan S. and Sandberg, Jesse K. and Jones, Ricky and Larson, David B. and
               Langlotz, Curtis P. and Patel, Bhavik N. and Lungren, Matthew P. and Ng, Andrew Y.},
  booktitle = {AAAI Conference on Artificial Intelligence}, volume = {33}, year = {2019}
}
""",
    blank_view_is_frontal=True,  # lateral images are named so, also where AP/PA is not given
    authors="Jeremy Irvin, Pranav Rajpurkar, Michael Ko, Yifan Yu and 16 others (Stanford "
    "University: Department of Computer Science, Department of Medicine, Department of Radiology)",
    published_on="2019-01",
    article="https://arxiv.org/abs/1901.07031",
    tasks=("classification",),
    patients="folder patient##### of column Path",
    observations=OBSERVATIONS,
    labels_belong_to="study",
    claims=(
        Claim(
            "images",
            224316,
            "arXiv:1901.07031",
            pl.when(_HAS_TEST).then(claims.rows()),
            why="the sum of train, valid and test; only a copy with all three can tell",
        ),
        Claim(
            "patients",
            65240,
            "arXiv:1901.07031",
            pl.when(_HAS_TEST).then(claims.unique("patient_id")),
            why="the sum of train, valid and test; only a copy with all three can tell",
        ),
        _train("images", 223414, pl.lit(True)),
        Claim("validate images", 234, "valid.csv", claims.where(pl.col("split") == "validate")),
        Claim(
            "test images",
            668,
            "arXiv:1901.07031: the total less train and valid",
            pl.when(_HAS_TEST).then(claims.where(pl.col("split") == "test")),
        ),
        Claim(
            "train studies", 187641, "train.csv", pl.col("study_id").filter(_IN_TRAIN).n_unique()
        ),
        Claim("train patients", 64540, "train.csv", _IMAGES_OF_PATIENT.len()),
        Claim(
            "train patients with several images",
            41959,
            "train.csv",
            (_IMAGES_OF_PATIENT > 1).sum(),
        ),
        Claim("most train images of a patient", 92, "train.csv", _IMAGES_OF_PATIENT.max()),
        _train("frontal images", 191027, _MARKED_FRONTAL),
        _train("lateral images", 32387, pl.col("view") == "LATERAL"),
        _train("AP images", 161590, pl.col("view") == "AP"),
        _train("PA images", 29420, pl.col("view") == "PA"),
        _train("images marked Frontal and LL", 16, _MARKED_FRONTAL & (pl.col("view") == "LL")),
        _train("images marked Frontal and RL", 1, _MARKED_FRONTAL & (pl.col("view") == "RL")),
        *(
            _train(f"{sex} images", number, pl.col("extra.Sex") == sex)
            for sex, number in (("Male", 132636), ("Female", 90777), ("Unknown", 1))
        ),
        _train("images of age 0", 3, pl.col("age") == 0),
        _train(
            "images without any label",
            12,
            pl.all_horizontal(pl.col(rows.LABEL + o).is_null() for o in OBSERVATIONS),
        ),
        *(
            _train(f"{name} {state}", number, pl.col(rows.LABEL + name) == state)
            for name, numbers in _TRAIN.items()
            for state, number in zip((1, 0, -1), numbers, strict=True)
            if number
        ),
    ),
    reads=(
        ("image_id", "column Path without the form's folder and .jpg, with - for /"),
        ("image", "column Path, its first folder replaced by the one that is there"),
        ("patient_id", "patient##### of column Path"),
        ("study_id", "patient#####-study# of column Path"),
        ("view", "AP/PA; LATERAL where Frontal/Lateral says so and AP/PA is blank"),
        ("split", "train.csv, valid.csv (validate), test.csv"),
        ("sex", "Sex; Unknown is empty"),
        ("age", "Age"),
        ("labels", "the 14 columns by name; blank is not mentioned"),
        ("extra", "Sex, Frontal/Lateral and AP/PA as published"),
    ),
    traps=(
        "17 images are marked Frontal with AP/PA LL or RL: their view is LL or RL, not frontal.",
        "Age 0 stands in 3 rows of train; it is kept and can mean unknown.",
        "Lung Opacity comes before Lung Lesion here and after it elsewhere: read labels by name.",
        "Labels belong to the study; a lateral image carries findings it may not show.",
        "A patient has up to 92 images in train: a split by image puts patients on both sides.",
        "No Finding is 1 or blank in train, never 0 or -1.",
        "JPEG files were made by scaling with 255 / maximum without subtracting the minimum, and "
        "by equalising the histogram.",
    ),
)

LAYOUT = (
    "CheXpert-v1.0/ or CheXpert-v1.0-small/ with train/patient00001/study1/view1_frontal.jpg, "
    "valid/, train.csv, valid.csv and, where there, test/ and test.csv"
)

_FORMS = ("CheXpert-v1.0", "CheXpert-v1.0-small")
_STATE = r"(?:(?:1|0|-1)(?:\.0)?)?"
_FACTS = {
    "Sex": "|".join(_SEX),
    "Age": r"(?:[0-9]{1,3}(?:\.0)?)?",
    "Frontal/Lateral": "Frontal|Lateral",
    "AP/PA": "(?:AP|PA|LL|RL)?",
}


def table(root: Path) -> pl.DataFrame:
    """One row per row of the tables, see `records`.

    Raises:
        InputRefused: E101, no form of CheXpert is there, or both; E102, train.csv or valid.csv is
            missing; E103, a table is damaged, lacks a column, or most of its rows are wrong.
    """
    form = _form(root)
    parts = [_part(root / form, form, name) for name in ("train", "valid")]
    if any((root / form / f"test.csv{end}").is_file() for end in ("", ".gz")):
        parts.append(_part(root / form, form, "test"))
    return rows.completed(pl.concat(parts, how="diagonal"), "chexpert", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per row of the tables, sorted by path; the tables are read at the call.

    `root` is the folder of one form or the one above it. `CARD.reads` says where each field comes
    from.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def _form(root: Path) -> str:
    """The folder of the form below `root`; "" where `root` is it."""

    def there(folder: Path) -> bool:
        return any((folder / name).exists() for name in ("train.csv", "train.csv.gz", "train"))

    found = [form for form in ("", *_FORMS) if there(root / form)]
    if len(found) == 1:
        return found[0]
    names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
    raise InputRefused(
        "E101",
        str(root),
        f"several forms: {', '.join(f or '.' for f in found)}"
        if found
        else f"no train.csv; found {', '.join(names[:6]) or 'nothing'}",
        LAYOUT,
        "give the folder of one form, full or small",
    )


def _part(folder: Path, form: str, name: str) -> pl.DataFrame:
    """The rows of one table with the fields of a record."""
    # The labels of the test part were published without the facts of its images.
    facts = () if name == "test" else tuple(_FACTS)
    frame = tables.read(folder, f"{name}.csv", ("Path", *facts, *OBSERVATIONS))
    frame = tables.unique(frame, "Path")
    place = rf"{name}/patient[0-9]+/study[0-9]+/view[0-9]+_(?:frontal|lateral)\.jpg"
    frame = tables.matching(frame, "Path", rf"(?:CheXpert-v1\.0[^/]*/)?{place}")
    for column, pattern in _FACTS.items():
        if column in frame.columns:
            frame = tables.matching(frame, column, pattern)
        else:
            frame = frame.with_columns(pl.lit("").alias(column))
    for observation in OBSERVATIONS:
        frame = tables.matching(frame, observation, _STATE)
    path = pl.col("Path").str.extract(f"({place})$")
    patient, study = path.str.split("/").list.get(1), path.str.split("/").list.get(2)
    lateral = (pl.col("Frontal/Lateral") == "Lateral") | (
        (pl.col("Frontal/Lateral") == "") & path.str.ends_with("_lateral.jpg")
    )
    blank = pl.when(lateral).then(pl.lit("LATERAL")).otherwise(pl.lit(""))
    return frame.select(
        tables.FAULT,
        path.str.strip_suffix(".jpg").str.replace_all("/", "-", literal=True).alias("image_id"),
        (pl.lit(f"{form}/" if form else "") + path).alias("image"),
        patient.alias("patient_id"),
        (patient + "-" + study).alias("study_id"),
        pl.when(pl.col("AP/PA") == "").then(blank).otherwise(pl.col("AP/PA")).alias("view"),
        pl.lit(_PARTS[name]).alias("split"),
        pl.col("Sex").replace(_SEX).alias("sex"),
        tables.number("Age", pl.Float64).alias("age"),
        *(tables.number(o, pl.Int8).alias(rows.LABEL + o) for o in OBSERVATIONS),
        *(pl.col(c).alias(rows.EXTRA + c) for c in ("Sex", "Frontal/Lateral", "AP/PA")),
    )
