"""Guangzhou paediatric radiographs (Kermany 2018): normal, bacterial and viral pneumonia.

5,856 JPEG files of children of one to five years, in the published folders. Its prose, and that
of its copies, says 5,863.

What it lacks: lung masks of its own (V7 drew some), the projection, sex, age and patient ids. The
patient is taken from the file name: `personN` for pneumonia, whatever the cause, since 808 of
1,635 numbers of the training folder carry both a bacteria and a virus image; the first IM number
for normal images, where NORMAL2 counts as the same series. Whether numbers start again in
another split is undocumented: the same number is one patient in all three, which can only put too
much together. Copies of the set differ in split and size; the published `val` has 16 images.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cxrkit import claims
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record

_FILES = "files of Mendeley Data V2"
_PATIENT = pl.col("patient_id")
_TRAIN = pl.col("split") == "train"
_ILL = _TRAIN & (pl.col("extra.class") == "PNEUMONIA") & (_PATIENT != "")
_NAMED_2 = pl.col("image_id").str.contains("NORMAL2-", literal=True)


def _caused(cause: str) -> pl.Expr:
    return pl.col("extra.cause") == cause


def _persons(cause: str = "") -> pl.Expr:
    """Persons of the training folder with pneumonia, of one cause or of any."""
    rows = _ILL & _caused(cause) if cause else _ILL
    return _PATIENT.filter(rows.fill_null(False)).n_unique()


CARD = Card(
    title="Guangzhou paediatric chest X-ray set (Kermany 2018)",
    homepage="https://data.mendeley.com/datasets/rscbjbr9sj/2",
    licence="open",
    terms="CC BY 4.0; cite Kermany 2018.",
    citation="""\
@misc{kermany2018labeled,
  title     = {Labeled optical coherence tomography (OCT) and chest X-ray images for
               classification},
  author    = {Kermany, Daniel and Zhang, Kang and Goldbaum, Michael},
  publisher = {Mendeley Data}, version = {V2}, year = {2018},
  doi       = {10.17632/rscbjbr9sj.2}
}
""",
    blank_view_is_frontal=True,
    authors="Daniel Kermany, Kang Zhang, Michael Goldbaum (University of California San Diego); "
    "images of the Guangzhou Women and Children's Medical Center",
    published_on="2018",
    article="10.1016/j.cell.2018.02.010",
    tasks=("classification",),
    patients="personN of a pneumonia image, whatever its cause; the first IM number of a normal "
    "one, NORMAL2 set aside. The release does not explain the numbers: equal ones count as one "
    "patient, in all splits, which can only put too much together",
    mask_convention=None,
    observations=("Pneumonia",),
    labels_belong_to="image",
    claims=(
        Claim("images", 5856, _FILES, claims.rows()),
        Claim("NORMAL", 1583, _FILES, claims.labelled("Pneumonia", 0)),
        Claim("PNEUMONIA", 4273, _FILES, claims.labelled("Pneumonia")),
        *(
            Claim(
                f"{folder} {name}",
                number,
                _FILES,
                claims.where(pl.col("image").str.contains(f"{folder}/{name}/", literal=True)),
            )
            for folder, name, number in (
                ("train", "NORMAL", 1341),
                ("train", "PNEUMONIA", 3875),
                ("val", "NORMAL", 8),
                ("val", "PNEUMONIA", 8),
                ("test", "NORMAL", 234),
                ("test", "PNEUMONIA", 390),
            )
        ),
        *(
            Claim(f"train {cause}", number, _FILES, claims.where(_TRAIN & _caused(cause)))
            for cause, number in (("bacteria", 2530), ("virus", 1345))
        ),
        Claim(
            "train images named IM-",
            597,
            _FILES,
            claims.where(_TRAIN & (pl.col("extra.class") == "NORMAL") & ~_NAMED_2),
        ),
        Claim("train images named NORMAL2-IM-", 744, _FILES, claims.where(_TRAIN & _NAMED_2)),
        Claim("train persons with pneumonia", 1635, _FILES, _persons()),
        Claim(
            "train persons with a bacteria and a virus image",
            808,
            _FILES,
            _persons("bacteria") + _persons("virus") - _persons(),
        ),
        Claim(
            "train persons with one pneumonia image",
            630,
            _FILES,
            _PATIENT.filter(_ILL.fill_null(False)).is_unique().sum(),
        ),
        Claim(
            "train images of person23", 30, _FILES, claims.where(_ILL & (_PATIENT == "person23"))
        ),
        Claim(
            "images",
            5863,
            "prose of its Kaggle page and copies",
            claims.rows(),
            erratum="the files number 5,856, as the same pages' tables add up to",
        ),
    ),
    reads=(
        ("image", "every .jpeg, .jpg and .png of the six folders, below chest_xray or right here"),
        ("split", "the folder; val becomes validate"),
        ("patient_id", "personN or the first IM number of the file name"),
        ("labels.Pneumonia", "the folder: 1 in PNEUMONIA, 0 in NORMAL"),
        ("extra.class", "the folder, NORMAL or PNEUMONIA"),
        ("extra.cause", "bacteria or virus, from the name of a pneumonia image"),
        ("image_id", "the name; with its folders in front where one name is in several"),
    ),
    traps=(
        "808 of 1,635 persons of the training folder have both a bacteria and a virus image: a "
        "split by file name puts one child on both sides.",
        "The meaning of the IM numbers, and whether numbers start again in another split, is "
        "undocumented.",
        "The published val has 16 images; copies differ in split and size, and enlarge val with "
        "images of train.",
        "V7 drew lung masks on these images: never count both archives.",
        "The children are one to five years old: not a sample of adults' radiographs.",
    ),
)

LAYOUT = "chest_xray/{train,val,test}/{NORMAL,PNEUMONIA}/*.jpeg"

_SPLITS = {"train": "train", "val": "validate", "test": "test"}
_CLASSES = {"NORMAL": 0, "PNEUMONIA": 1}
_SUFFIXES = (".jpeg", ".jpg", ".png")
_PERSON = re.compile(r"(person\d+)_(bacteria|virus)_\d+")
_NORMAL = re.compile(r"(?:NORMAL\d*-)?(IM-\d+)-.*")


def records(root: Path) -> Iterator[Record]:
    """Every image below `chest_xray` (or below `root`, where that is it), sorted by path.

    `labels` says Pneumonia 1 or 0; `extra` holds `class` (the folder) and, for pneumonia, `cause`
    (bacteria or virus). `image_id` is the file's stem, with its folders in front only where one
    stem is in several folders.

    Raises:
        InputRefused: E101, no split folder with NORMAL or PNEUMONIA below it.
    """
    prefix = "chest_xray/" if (root / "chest_xray").is_dir() else ""
    folders = [
        (f"{prefix}{split}/{name}", split, name)
        for split in _SPLITS
        for name in _CLASSES
        if (root / prefix / split / name).is_dir()
    ]
    if not folders:
        raise InputRefused("E101", str(root), "no split folder", LAYOUT, "give the folder above it")
    images = sorted(
        (f"{folder}/{path.name}", split, name)
        for folder, split, name in folders
        for path in (root / folder).iterdir()
        if path.suffix.lower() in _SUFFIXES and not path.name.startswith(".")
    )
    stems = Counter(Path(image).stem for image, _, _ in images)
    return (_record(image, split, name, stems) for image, split, name in images)


def patient(stem: str) -> str:
    """The patient in a file name of this archive: personN or IM-N; empty for another name."""
    named = _PERSON.fullmatch(stem) or _NORMAL.fullmatch(stem)
    return named[1] if named else ""


def _record(image: str, split: str, name: str, stems: Counter[str]) -> Record:
    stem = Path(image).stem
    person = _PERSON.fullmatch(stem)
    return Record(
        archive="guangzhou",
        image_id=stem if stems[stem] == 1 else f"{split}-{name}-{Path(image).name}",
        image=image,
        patient_id=patient(stem),
        split=_SPLITS[split],
        labels={"Pneumonia": _CLASSES[name]},
        extra={"class": name, "cause": person[2]} if person else {"class": name},
    )
