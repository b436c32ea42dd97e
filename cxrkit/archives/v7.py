"""V7 COVID-19 X-ray set: lung masks as PNG files with a table, or as Darwin JSON files.

V7 outlined lungs on radiographs of two sources, Guangzhou (Kermany 2018) and
ieee8023/covid-chestxray-dataset (Cohen 2020). Two forms are read. The first has masks as PNG files
named by V7's image id and a table that says which published image that is, its patient, view and
licence. The second is what Darwin exports, version 1.0 or 2.0: a JSON file for each image with
outlines and tags. Frontal there is what has two Lung outlines, which is V7's own rule.

What it lacks: an official split, patients in the second form, sex and age in the first. The masks
hold most of the lung behind the heart and behind the diaphragm; Ignore, 127 in the PNG files, marks
devices and burnt-in signs over the lung and is neither lung nor background. Its Guangzhou part is
that archive: never count both. The facts come from the release's README and files.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import claims, tables
from cxrkit import records as rows
from cxrkit.archives import Card, guangzhou
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import darwin, masks
from cxrkit.records import Record
from cxrkit.tables import FAULT
from cxrkit.terms import FRONTAL_VIEWS

_README = "README of v7labs/covid-19-xray-dataset"
_SUBSET = "Darwin JSON of the covid-only subset"
# Guangzhou's names are unlike any other: they tell the two sources apart in both forms.
_CHILD = pl.col("extra.original_filename").str.contains(r"^(?:NORMAL\d*-)?(?:person\d|IM-\d)")
_LUNG = pl.col("extra.lung_outlines")
_FORM = "only the JSON form has outlines"


def _ignored(column: str) -> pl.Expr:
    return pl.col(column).filter(~_CHILD).cast(pl.Int64).sum()


CARD = Card(
    title="V7 COVID-19 X-ray set with lung masks",
    homepage="https://github.com/v7labs/covid-19-xray-dataset",
    licence="open",
    terms="Masks: V7, CC BY 4.0. Images: as in the column image_license, of the ieee8023 part per "
    "image in its metadata.csv (CC BY, CC BY-NC-SA, BY-NC-ND, authorised by the publisher, or "
    "blank); of the Guangzhou part CC BY 4.0.",
    citation="""\
@misc{v7covid,
  title        = {COVID-19 X-ray dataset},
  author       = {{V7 Labs}},
  year         = {2020},
  howpublished = {https://github.com/v7labs/covid-19-xray-dataset}
}
@article{cohen2020covid,
  title   = {COVID-19 image data collection},
  author  = {Cohen, Joseph Paul and Morrison, Paul and Dao, Lan},
  journal = {arXiv preprint arXiv:2003.11597},
  year    = {2020}
}
""",
    blank_view_is_frontal=True,
    authors="V7 Labs, with annotators of CloudFactory",
    published_on="2020-06",
    article="https://github.com/v7labs/covid-19-xray-dataset",
    tasks=("segmentation", "classification"),
    patients="the column patient_id of the table; in the JSON form the person or IM number of a "
    "Guangzhou image, unknown for the others",
    observations=("COVID-19", "Viral Pneumonia", "Bacterial Pneumonia", "Fungal Pneumonia"),
    labels_belong_to="image",
    mask_of="lungs",
    mask_convention="included",
    claims=(
        Claim("images", 6500, _README, claims.rows(), why="the PNG folder has 6,505 masks"),
        Claim(
            "masks",
            6505,
            "files of its semantic PNG folder",
            claims.where(pl.col("mask") != ""),
            why="images without a lung have an empty mask there and none in the JSON form",
        ),
        Claim(
            "images",
            6380,
            f"sum of the two sources in the {_README}",
            claims.rows(),
            erratum="the release has 6,505 mask files",
        ),
        Claim(
            "images",
            6291,
            "page of CXLSeg, 10.13026/9cy4-f535: 1,602 + 4,250 + 439",
            claims.rows(),
            erratum="the release has 6,505 mask files; its README says 6,500",
        ),
        Claim(
            "images from Guangzhou",
            5863,
            _README,
            claims.where(_CHILD),
            erratum="Guangzhou has 5,856 files; 5,863 is its prose",
        ),
        Claim("images from ieee8023", 517, _README, claims.where(~_CHILD)),
        Claim(
            "ieee8023 images with two Lung outlines",
            435,
            _SUBSET,
            claims.where(~_CHILD & (_LUNG == "2")),
            why=_FORM,
        ),
        Claim(
            "ieee8023 images without a Lung outline",
            82,
            _SUBSET,
            claims.where(~_CHILD & (_LUNG == "0")),
            why=_FORM,
        ),
        Claim(
            "Ignore outlines on ieee8023 images",
            141,
            _SUBSET,
            _ignored("extra.ignore_outlines"),
            why=_FORM,
        ),
        Claim(
            "Ignore outlines of several paths on ieee8023 images",
            2,
            _SUBSET,
            _ignored("extra.ignore_of_several_paths"),
            why=_FORM,
        ),
        Claim(
            "CT slices",
            63,
            _README,
            claims.where(pl.col("extra.tags").str.split("; ").list.contains("CT")),
            why="only the JSON form has tags",
        ),
    ),
    contains=("guangzhou", "covid-chestxray-dataset"),
    reads=(
        ("image_id", "V7's id: the name of the image, mask and JSON file"),
        (
            "image",
            "the file of that name; a row without one is reported, a file without one has no facts",
        ),
        ("patient_id", "the column; in the JSON form from the name of a Guangzhou image"),
        ("view", "the column or the tag View: AP Supine is AP, L is LATERAL, other words stay"),
        ("view", "CT or NO LUNG for a JSON file without two Lung outlines and without such a tag"),
        ("labels", "terms of the column finding, or tags; what is not listed is not mentioned"),
        ("sex, age", "the tags Sex and Age of the JSON form; an age that is no number stays empty"),
        ("extra", "every other column; or every tag of the form name/text or name:text"),
        ("extra.tags", "all tags of a JSON file"),
        (
            "extra.original_filename",
            "the column; image.original_filename or the source file's name",
        ),
        ("extra.lung_outlines", "how many outlines a JSON file calls Lung; likewise Ignore"),
        ("mask", "the PNG file; or the JSON file, where it has exactly two Lung outlines"),
    ),
    traps=(
        "127 marks devices and burnt-in signs over the lung; it is neither lung nor background. "
        "Tubes thinner than a centimetre are not marked.",
        "Of the ieee8023 part 82 of 517 images have no lung outline: laterals and 63 CT slices.",
        "Exact duplicates by V7 id: 1676447 = 1676687, 1676448 = 1676688, 1676449 = 1676689, "
        "1676450 = 1676690, 1676519 = 1676588, 1676553 = 1676554.",
        "The Guangzhou images that V7 annotated are those of guangzhou: never count both.",
        "V7's id tells nothing of the published image: order is no key, original_filename is.",
        "Images range from 156 x 156 to 5600 x 4700 pixels, JPEG and PNG.",
    ),
)

LAYOUT = (
    "images/<id>.png (or .jpg, .jpeg) with masks/<id>.png and pairs.csv, "
    "or with Darwin's annotations/<id>.json"
)

# Gray values of the masks (class_mapping.csv of the release).
MASK_VALUES = {"lung": (255,), "ignore": (127,)}

_TABLE = "pairs.csv"
_COLUMNS = (
    "v7_image_id",
    "original_filename",
    "source",
    "patient_id",
    "view",
    "finding",
    "image_license",
)
_SUFFIXES = (".png", ".jpg", ".jpeg")
_TAG = re.compile(r"([^/:]+)[/:](.+)")
_SEX = {"f": "F", "female": "F", "m": "M", "male": "M"}
_NUMBER = re.compile(r"\d{1,3}(?:\.\d+)?")


def records(root: Path) -> Iterator[Record]:
    """The records of `table`.

    Raises:
        InputRefused: as `table`.
    """
    return rows.from_frame(table(root))


def table(root: Path) -> pl.DataFrame:
    """One row per row of pairs.csv, or per JSON file, and per image that has neither.

    `view` is PA or AP whatever stands after it ("AP Supine"); the published words are in `extra`.
    A corrupt row or JSON file has a fault and nothing else.

    Raises:
        InputRefused: E101, no folder `images`; E102, neither table nor JSON files; E103, a column
            is missing, most rows or JSON files are corrupt, or two images have one id.
    """
    if not (root / "images").is_dir():
        raise InputRefused("E101", str(root), "no folder images", LAYOUT, "give the folder above")
    images = _images(root / "images")
    exported = sorted(p.name for p in (root / "annotations").glob("*.json") if p.name[0] != ".")
    if exported and not any((root / f"{_TABLE}{end}").is_file() for end in ("", ".gz")):
        return rows.frame(_annotated(root, exported, images), CARD.observations)
    return rows.completed(_listed(root, images), "v7", CARD.observations)


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The lungs and the pixels to ignore; in the JSON form the latter may be lung as well.

    Raises:
        ItemFault: E231 a mask that is none or of another size than its image; and as
            `masks.read_mask` and `darwin.read`.
    """
    if record.mask.endswith(".json"):
        found = darwin.read(root / record.mask)
        lung, ignore = _union(found, "Lung"), _union(found, "Ignore")
    else:
        lung, ignore = masks.read_mask(root / record.mask, **MASK_VALUES)
    masks.check_size(lung, record.mask, root / record.image)
    return lung, ignore


def outlines(root: Path, record: Record) -> list[tuple[str, np.ndarray]]:
    """The name and the (H, W) bool mask of each outline of a JSON file, in its order.

    Raises:
        ItemFault: E202, the record has no JSON file; and as `darwin.read`.
    """
    found = darwin.read(root / "annotations" / f"{record.image_id}.json")
    return [(o.name, darwin.fill(o, found.rows, found.columns)) for o in found.outlines]


def _union(found: darwin.Annotations, name: str) -> np.ndarray:
    union = np.zeros((found.rows, found.columns), bool)
    for outline in found.outlines:
        if outline.name == name:
            union |= darwin.fill(outline, found.rows, found.columns)
    return union


def _listed(root: Path, images: Mapping[str, str]) -> pl.DataFrame:
    """The rows of pairs.csv and the images that no row names, with `FAULT`."""
    listed = tables.read(root, _TABLE, _COLUMNS)
    listed = tables.unique(listed, "v7_image_id")
    listed = tables.matching(listed, "v7_image_id", "[A-Za-z0-9_-]+")
    kept = [c for c in listed.columns if c[0] != "#" and c not in ("v7_image_id", "patient_id")]
    faults = {i: rows.name_fault(f"images/{name}") for i, name in images.items()}
    fine = {i: name for i, name in images.items() if not faults[i]}
    columns = {"v7_image_id": pl.String, "#file": pl.String}
    files = pl.DataFrame({"v7_image_id": list(fine), "#file": list(fine.values())}, columns)
    unnamed = files.join(listed, on="v7_image_id", how="anti").with_columns(pl.lit("").alias(FAULT))
    misnamed = pl.DataFrame(
        {FAULT: [fault for fault in faults.values() if fault]}, {FAULT: pl.String}
    )
    # An image that is in the table and not on disk is a record too, so that it is reported.
    named = listed.join(files, on="v7_image_id", how="left")
    drawn = [p.stem for p in (root / "masks").glob("*.png") if not rows.name_fault(p.stem)]
    image_id = pl.col("v7_image_id")
    views = {text: _view(text) for text in listed["view"].unique()}
    terms = pl.col("finding").str.split(",").list.eval(pl.element().str.strip_chars())
    return pl.concat([named, unnamed, misnamed], how="diagonal").select(
        FAULT,
        "patient_id",
        image_id.alias("image_id"),
        ("images/" + pl.coalesce("#file", image_id + ".png")).alias("image"),
        pl.col("view").replace_strict(views, default="").alias("view"),
        pl.when(image_id.is_in(drawn)).then("masks/" + image_id + ".png").alias("mask"),
        *(
            pl.when(terms.list.contains(o)).then(pl.lit(1)).alias(rows.LABEL + o)
            for o in CARD.observations
        ),
        *(pl.col(c).alias(rows.EXTRA + c) for c in kept),
    )


def _view(text: str) -> str:
    """The view position: "AP Supine" is AP, "L" is LATERAL, any other word stays as it is."""
    words = text.upper().split()
    if words and words[0] in FRONTAL_VIEWS:
        return words[0]
    return "LATERAL" if words and words[0] in ("L", "LATERAL") else " ".join(words)


def _annotated(root: Path, exported: list[str], images: Mapping[str, str]) -> list[Record]:
    """A record per JSON file and per image without one, sorted by path."""
    files = {name: name for name in images.values()}
    files |= {stem: name for stem, name in images.items() if stem not in files}
    found = [_annotation(root, name, files) for name in exported]
    times = Counter(record.image for record in found)
    found = [
        r
        if times[r.image] == 1
        else _faulty(f"{r.image_id}.json", "another file has its image too")
        for r in found
    ]
    faulty = sum(bool(record.fault) for record in found)
    if 2 * faulty > len(found):
        raise InputRefused(
            "E103",
            "annotations",
            f"{faulty} of {len(found)} JSON files cannot be used",
            "Darwin JSON files of version 1.0 or 2.0",
            "export the annotations again",
        )
    done = {Path(name).stem for name in exported}
    unnamed = [
        Record("v7", image_id, f"images/{name}")
        for image_id, name in images.items()
        if image_id not in done and f"images/{name}" not in times
    ]
    return sorted(found + unnamed, key=lambda record: record.image)


def _annotation(root: Path, name: str, files: Mapping[str, str]) -> Record:
    """The record of one JSON file; `files` are the images by name and by stem."""
    try:
        found = darwin.read(root / "annotations" / name)
    except ItemFault as fault:
        return _faulty(name, f"{fault.observed} (expected {fault.expected})")
    stem, tags = Path(name).stem, _values(found.tags)
    drawn = {c: [o for o in found.outlines if o.name == c] for c in ("Lung", "Ignore")}
    frontal = len(drawn["Lung"]) == 2
    unknown = "" if frontal else "CT" if "CT" in found.tags else "NO LUNG"
    file = Path(found.filename).name
    age = tags.get("age", "")
    return Record(
        archive="v7",
        image_id=stem,
        image=f"images/{files.get(file) or files.get(stem, file)}",
        patient_id=guangzhou.patient(Path(found.original).stem),
        view=_view(tags["view"]) if "view" in tags else unknown,
        mask=f"annotations/{name}" if frontal else "",
        sex=_SEX.get(tags.get("sex", "").lower(), ""),
        age=float(age) if _NUMBER.fullmatch(age) else None,
        rows=found.rows,
        columns=found.columns,
        labels={o: 1 for o in CARD.observations if o in found.tags},
        extra=tags
        | {
            "original_filename": found.original,
            "lung_outlines": str(len(drawn["Lung"])),
            "ignore_outlines": str(len(drawn["Ignore"])),
            "ignore_of_several_paths": str(sum(len(o.paths) > 1 for o in drawn["Ignore"])),
            "tags": "; ".join(found.tags),
        },
    )


def _values(tags: tuple[str, ...]) -> dict[str, str]:
    """The text of each tag of the form name/text or name:text, by its name in lower case."""
    values: dict[str, list[str]] = {}
    for tag in tags:
        if found := _TAG.fullmatch(tag):
            values.setdefault(found[1].strip().lower(), []).append(found[2].strip())
    return {name: "; ".join(texts) for name, texts in values.items()}


def _faulty(name: str, observed: str) -> Record:
    stem, path = Path(name).stem, f"annotations/{name}"
    return Record("v7", stem, path, fault=f"{path}: {observed}")


def _images(folder: Path) -> dict[str, str]:
    """File names by V7 id."""
    images: dict[str, str] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.suffix.lower() not in _SUFFIXES:
            continue
        if path.stem in images:
            raise InputRefused(
                "E103",
                f"images/{path.name}",
                f"the same id as images/{images[path.stem]}",
                "one image per id",
                "remove one of the two",
            )
        images[path.stem] = path.name
    return images
