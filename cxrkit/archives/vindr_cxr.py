"""VinDr-CXR: 18,000 radiographs of two hospitals in Hanoi, marked by three to five radiologists.

Two forms. PhysioNet has DICOM files in `train` and `test`, and under `annotations` two tables for
each: boxes, and image labels with one row per reader (train) or for the consensus (test). Kaggle
(the VinBigData competition) has `train.csv` with the boxes of 14 findings, and no labels for test.

What it lacks: patients (several images of one patient can be on both sides of any split), lung
masks and reports. Sex and age stand in some of the DICOM headers and are not read here. In train
three of 17 readers read each image on their own; here `annotations` keeps every one of them, and
`labels` are what more than half of an image's readers say. Sources: Nguyen 2022
(10.1038/s41597-022-01498-w), the release's page, and counts of Kaggle's table.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims, readers, tables
from cxrkit import records as rows
from cxrkit.archives import ANNOTATIONS, Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record

# Rows and images of each finding in Kaggle's train.csv.
_KAGGLE = {
    "Aortic enlargement": (7162, 3067),
    "Atelectasis": (279, 186),
    "Calcification": (960, 452),
    "Cardiomegaly": (5427, 2300),
    "Consolidation": (556, 353),
    "ILD": (1000, 386),
    "Infiltration": (1247, 613),
    "Lung Opacity": (2483, 1322),
    "Nodule/Mass": (2580, 826),
    "Other lesion": (2203, 1134),
    "Pleural effusion": (2476, 1032),
    "Pleural thickening": (4842, 1981),
    "Pneumothorax": (226, 96),
    "Pulmonary fibrosis": (4655, 1617),
    "No finding": (31818, 10606),
}
# The 22 findings with boxes and 6 global labels of PhysioNet, in the order of its tables.
_FINDINGS = (
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture",
    "Consolidation", "Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity",
    "Lung cavity", "Lung cyst", "Mediastinal shift", "Nodule/Mass", "Pleural effusion",
    "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture", "Other lesion",
    "COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other disease", "No finding",
)  # fmt: skip
_OTHER = {"Other diseases": "Other disease"}  # as train writes it: as test does
_OBSERVATION = pl.col("observation")


def _of_kaggle(counted: pl.Expr) -> pl.Expr:
    """The count where the annotations are Kaggle's; null where the consensus of test is there."""
    return pl.when((pl.col("reader") != "").all()).then(counted)


def _kaggle(what: str, value: int, counted: pl.Expr) -> Claim:
    why = "counted in Kaggle's table; those of PhysioNet hold 13 findings more"
    return Claim(what, value, "Kaggle's train.csv", _of_kaggle(counted), "annotations", why)


CARD = Card(
    title="VinDr-CXR: an open dataset of chest X-rays with radiologist annotations",
    homepage="https://physionet.org/content/vindr-cxr/",
    licence="credentialed",
    terms="PhysioNet Credentialed Health Data Use Agreement 1.5.0; Kaggle's form under the rules "
    "of its competition.",
    citation="""\
@article{nguyen2022vindr,
  title   = {{VinDr-CXR}: An open dataset of chest X-rays with radiologist's annotations},
  author  = {Nguyen, Ha Q. and Lam, Khanh and Le, Linh T. and Pham, Hieu H. and Tran, Dat Q. and
             Nguyen, Dung B. and others},
  journal = {Scientific Data}, volume = {9}, pages = {429}, year = {2022},
  doi     = {10.1038/s41597-022-01498-w}
}
@misc{nguyen2021vindr,
  title     = {{VinDr-CXR}: An open dataset of chest X-rays with radiologist annotations},
  author    = {Nguyen, Ha Quy and Pham, Hieu Huy and Le, Tuan Linh and Dao, Minh and Lam, Khanh},
  publisher = {PhysioNet}, version = {1.0.0}, year = {2021}, doi = {10.13026/3akn-b287}
}
""",
    blank_view_is_frontal=True,  # its page says that every image is a PA view
    authors="Ha Q. Nguyen, Khanh Lam, Linh T. Le, Hieu H. Pham and others (Vingroup Big Data "
    "Institute, VinUniversity, Hospital 108 and Hanoi Medical University Hospital, Hanoi)",
    published_on="2021-06-22",
    article="https://doi.org/10.1038/s41597-022-01498-w",
    tasks=("classification", "detection"),
    patients="unknown: none are published",
    observations=_FINDINGS,
    labels_belong_to="image",
    reader_rule="majority",
    claims=(
        Claim(
            "images",
            18000,
            "10.1038/s41597-022-01498-w",
            claims.rows(),
            why="train and test together",
        ),
        *(
            Claim(
                f"{split} images",
                number,
                "10.1038/s41597-022-01498-w",
                claims.where(pl.col("split") == split),
            )
            for split, number in (("train", 15000), ("test", 3000))
        ),
        Claim(
            "readings of train",
            45000,
            "image_labels_train.csv: 15,000 images and 3 readers",
            pl.struct("image_id", "reader").filter(pl.col("reader") != "").n_unique(),
            "annotations",
        ),
        Claim("readers", 17, "10.1038/s41597-022-01498-w", claims.unique("reader"), "annotations"),
        _kaggle("rows of train.csv", 67914, claims.rows()),
        *(
            _kaggle(f"{name} rows", number, claims.where(pl.col("observation") == name))
            for name, (number, _) in _KAGGLE.items()
        ),
        *(
            _kaggle(
                f"{name} images",
                number,
                pl.col("image_id").filter(pl.col("observation") == name).n_unique(),
            )
            for name, (_, number) in _KAGGLE.items()
        ),
    ),
    reads=(
        ("image_id", "image_id"),
        ("image", "train or test and image_id.dicom"),
        ("split", "the table or, for Kaggle's test, the folder"),
        (
            "labels",
            "train: 1 where more than half of the image's readers marked it, else 0; "
            "test: the published consensus; Kaggle knows 15 of the 28 names, and none in test",
        ),
        ("annotations", "each reader's boxes and statements; reader is empty for the consensus"),
    ),
    traps=(
        "The column Other diseases of the train labels is Other disease in those of test; both "
        "are Other disease here.",
        "MONOCHROME1 files occur in both forms.",
        "An image has several rows per reader and per finding; rows are not images.",
        "No finding rows have no box, and no reader marks a finding beside them.",
        "Readers differ in which findings they mark: any, majority and unanimous give other "
        "labels, see `readers.unite`.",
        "No patients are published: a split of the images can have a patient on both sides.",
    ),
)

LAYOUT = (
    "train/<image_id>.dicom, test/<image_id>.dicom and annotations/{annotations,image_labels}_"
    "{train,test}.csv (PhysioNet), or train.csv beside train/ and test/ (Kaggle)"
)

_BOX = ("x_min", "y_min", "x_max", "y_max")
_ID = "[0-9a-f]{32}"
_NAMES = "|".join((*_FINDINGS, *_OTHER))
_SAID = ["image_id", "reader", "observation"]


def table(root: Path) -> pl.DataFrame:
    """One row per image, see `records`.

    Raises:
        InputRefused: E101, neither form is there, or both; E102, a table is missing; E103, a table
            is damaged, lacks a column, or most of its rows are wrong.
    """
    statements, names, unlabelled = _statements(root)
    known = pl.col("image_id").str.contains(f"^{_ID}$")
    fault = pl.col(tables.FAULT)
    united = readers.unite(_whole(statements), "majority", names)
    images = (
        statements.filter(known)
        .group_by("image_id", "split", maintain_order=True)
        .agg(fault.filter(fault != "").first().fill_null(""))
        .join(united, on="image_id", how="left")
        .rename({name: rows.LABEL + name for name in names})
    )
    test = pl.DataFrame({"image_id": unlabelled}, {"image_id": pl.String}).with_columns(
        pl.lit("test").alias("split"), pl.lit("").alias(tables.FAULT)
    )
    frame = pl.concat([images, test], how="diagonal").with_columns(
        pl.format("{}/{}.dicom", "split", "image_id").alias("image")
    )
    # A corrupt row of an unknown image is a record of its own.
    lost = statements.filter(~known).select(tables.FAULT)
    return rows.completed(pl.concat([frame, lost], how="diagonal"), "vindr-cxr", CARD.observations)


def records(root: Path) -> Iterator[Record]:
    """One record per image of the tables, sorted by path; the tables are read at the call.

    A corrupt row makes its image's record a faulted one: what one of its readers said is unknown.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def annotations(root: Path) -> pl.DataFrame:
    """Every statement of every reader, boxes in pixels; of images with a corrupt row, none.

    A reader whose labels of an image are all 0 has one row, No finding 0.

    Raises:
        InputRefused: as `table`.
    """
    statements = _whole(_statements(root)[0])
    return statements.select(*ANNOTATIONS).sort("image_id", "reader", maintain_order=True)


def _whole(statements: pl.DataFrame) -> pl.DataFrame:
    """The statements about images without a corrupt row."""
    faulty = statements.filter(pl.col(tables.FAULT) != "")
    return statements.join(faulty, ["image_id", "split"], "anti", maintain_order="left")


def _statements(root: Path) -> tuple[pl.DataFrame, tuple[str, ...], list[str]]:
    """Every statement of the tables with its faults, the findings that this form knows, and the
    test images of which nothing is said.
    """
    physionet, kaggle = (root / "annotations").is_dir(), (root / "train.csv").is_file()
    if (physionet and kaggle) or not (root / "train").is_dir():
        names = sorted(entry.name for entry in root.iterdir()) if root.is_dir() else []
        raise InputRefused(
            "E101",
            str(root),
            "both annotations and train.csv"
            if physionet and kaggle
            else f"no folder train; found {', '.join(names[:6]) or 'nothing'}",
            LAYOUT,
            "give the folder of one form",
        )
    if physionet:
        train = _part(root / "annotations", "train", [])
        test = _part(root / "annotations", "test", train["image_id"].unique().to_list())
        return pl.concat([train, test]), _FINDINGS, []
    files = (root / "test").iterdir() if (root / "test").is_dir() else ()
    unlabelled = [path.stem for path in files if path.suffix == ".dicom"]
    return _boxes(root, "train.csv", "train"), tuple(_KAGGLE), unlabelled


def _part(folder: Path, split: str, taken: list[str]) -> pl.DataFrame:
    """The statements of one part of the PhysioNet form: boxes, then labels without a box.

    `taken` are the images of another part.
    """
    boxes = _boxes(folder, f"annotations_{split}.csv", split)
    labels = _labels(folder, f"image_labels_{split}.csv", split, taken)
    boxed = boxes.filter(pl.col(tables.FAULT) == "")
    unboxed = labels.join(boxed, _SAID, "anti", maintain_order="left")
    return pl.concat([boxes, unboxed.select(boxes.columns)])


def _named(frame: pl.DataFrame, split: str) -> pl.DataFrame:
    """The rows with their ids checked and a column `reader`, which is empty for the consensus."""
    frame = tables.matching(frame, "image_id", _ID)
    if split != "train":
        return frame.with_columns(pl.lit("").alias("reader"))
    return tables.matching(frame, "rad_id", "R[0-9]+").rename({"rad_id": "reader"})


def _boxes(folder: Path, name: str, split: str) -> pl.DataFrame:
    """One statement per row of a table of boxes."""
    reader = ("rad_id",) if split == "train" else ()
    frame = tables.read(folder, name, ("image_id", *reader, "class_name", *_BOX))
    frame = tables.matching(_named(frame, split), "class_name", "|".join((*_FINDINGS, *_OTHER)))
    for column in _BOX:
        frame = tables.matching(frame, column, r"(?:-?[0-9]+(?:\.[0-9]+)?)?")
    numbers = pl.sum_horizontal(pl.col(c) != "" for c in _BOX)
    frame = tables.marked(frame, ~numbers.is_in([0, 4]), "x_max", "the box has not four numbers")
    return frame.select(
        tables.FAULT,
        pl.lit(split).alias("split"),
        "image_id",
        "reader",
        pl.col("class_name").replace(_OTHER).alias("observation"),
        pl.lit(1, pl.Int8).alias("value"),
        *(tables.number(c, pl.Float64).alias(c) for c in _BOX),
        pl.lit(None, pl.String).alias("rle"),
    )


def _labels(folder: Path, name: str, split: str, taken: list[str]) -> pl.DataFrame:
    """One statement per label of 1 of a table of image labels; No finding 0 where there is none."""
    found = [next((f for f, g in _OTHER.items() if g == n and split == "train"), n)
             for n in _FINDINGS]  # fmt: skip
    reader = ("rad_id",) if split == "train" else ()
    frame = _named(tables.read(folder, name, ("image_id", *reader, *found)), split)
    for column in found:
        frame = tables.matching(frame, column, r"(?:[01](?:\.0)?)?")
    twice = pl.struct("image_id", "reader").is_duplicated()
    frame = tables.marked(frame, twice, "image_id", "the same reader in several rows")
    frame = tables.marked(
        frame, pl.col("image_id").is_in(taken), "image_id", "the image is in train too"
    )
    bad = frame.filter(pl.col(tables.FAULT) != "").select(tables.FAULT, "image_id", "reader")
    whole = frame.filter(pl.col(tables.FAULT) == "")
    said = (
        whole.unpivot(found, index=["image_id", "reader"], variable_name="observation")
        .filter(pl.col("value").str.starts_with("1"))
        .select("image_id", "reader", _OBSERVATION.replace(_OTHER), value=pl.lit(1, pl.Int8))
    )
    silent = whole.join(said, ["image_id", "reader"], "anti", maintain_order="left").select(
        "image_id", "reader", observation=pl.lit("No finding"), value=pl.lit(0, pl.Int8)
    )
    return pl.concat([said, silent, bad], how="diagonal").with_columns(
        pl.col(tables.FAULT).fill_null(""),
        _OBSERVATION.fill_null(""),
        *(pl.lit(None, pl.Float64).alias(c) for c in _BOX),
        split=pl.lit(split),
        rle=pl.lit(None, pl.String),
    )
