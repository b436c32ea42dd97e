"""V7 COVID-19 X-ray set in its semantic-PNG form: images, lung masks and a table of pairs.

V7 drew lung masks on radiographs of two sources, Guangzhou (Kermany 2018) and
ieee8023/covid-chestxray-dataset (Cohen 2020). The masks are PNG files named by V7's image id;
the table says which published image that is, its patient, view and licence.

What it lacks: an official split, sex and age in the table. The masks hold most of the lung behind
the heart and behind the diaphragm; value 127, Ignore, marks devices and burnt-in signs over the
lung and is neither lung nor background. "COVID-19" is not among the 14 observations, so the
published finding stays in `extra`. Its Guangzhou part is that archive: never count both.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl

from cxrkit import claims, tables
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.records import Record
from cxrkit.terms import FRONTAL_VIEWS

CARD = Card(
    title="V7 COVID-19 X-ray set with lung masks",
    homepage="https://github.com/v7labs/covid-19-xray-dataset",
    licence="open",
    terms="Masks: V7, CC BY 4.0. Images: as in the column image_license (CC BY, CC BY-NC-SA or "
    "authorised by the publisher).",
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
    mask_convention="included",
    mask_of="lungs",
    claims=(
        Claim("images", 6500, "README of v7labs/covid-19-xray-dataset", claims.rows()),
        Claim(
            "masks", 6505, "files of its semantic PNG folder", claims.where(pl.col("mask") != "")
        ),
    ),
    contains=("guangzhou", "covid-chestxray-dataset"),
)

LAYOUT = "images/<id>.png (or .jpg, .jpeg), masks/<id>.png and pairs.csv"

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


def records(root: Path) -> Iterator[Record]:
    """One record per row of the table and per image that has no row, sorted by path.

    `view` is PA or AP whatever stands after it ("AP Supine"); the published words are in `extra`,
    as is every other column.

    Raises:
        InputRefused: E101, no folder `images`; E102, no table; E103, a column is missing, an id is
            repeated or malformed, or two images have one id.
    """
    if not (root / "images").is_dir():
        raise InputRefused("E101", str(root), "no folder images", LAYOUT, "give the folder above")
    table = tables.read(root, _TABLE, _COLUMNS)
    table = tables.unique(table, "v7_image_id")
    table = tables.matching(table, "v7_image_id", "[A-Za-z0-9_-]+")
    rows = {str(row["v7_image_id"]): row for row in table.iter_rows(named=True)}
    images = _images(root / "images")
    masks = {entry.name for entry in (root / "masks").glob("*.png")}
    # An image that is in the table and not on disk is a record too, so that it is reported.
    paths = {image_id: f"images/{images.get(image_id, image_id + '.png')}" for image_id in rows}
    paths |= {image_id: f"images/{name}" for image_id, name in images.items()}
    return (
        _record(image_id, path, rows.get(image_id, {}), masks)
        for image_id, path in sorted(paths.items(), key=lambda pair: pair[1])
    )


def _record(image_id: str, image: str, row: Mapping[str, str], masks: set[str]) -> Record:
    return Record(
        archive="v7",
        image_id=image_id,
        image=image,
        patient_id=row.get("patient_id", ""),
        view=_view(row.get("view", "")),
        mask=f"masks/{image_id}.png" if f"{image_id}.png" in masks else "",
        extra={k: v for k, v in row.items() if k not in ("v7_image_id", "patient_id")},
    )


def _view(text: str) -> str:
    """The view position: "AP Supine" is AP, "L" is LATERAL, any other word stays as it is."""
    words = text.upper().split()
    if not words:
        return ""
    if words[0] in FRONTAL_VIEWS:
        return words[0]
    return "LATERAL" if words[0] in ("L", "LATERAL") else " ".join(words)


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
