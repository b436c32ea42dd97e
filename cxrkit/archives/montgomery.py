"""Montgomery County tuberculosis radiographs with a lung mask for each side.

138 frontal radiographs of the tuberculosis control programme of Montgomery County, Maryland: 80
normal, 58 with manifestations of tuberculosis. The National Library of Medicine publishes them
with readings and with lung masks (Jaeger 2014, Candemir 2014).

What it lacks: the projection of each image, an official split, patient ids (the number in the
file name stands for the patient). The masks leave out the lung behind the heart and below the dome
of the diaphragm; where disease hides the border, they follow the inferred one. The facts come from
the set's page and papers.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import claims
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks
from cxrkit.records import Record

_PAGE = "page of the set, National Library of Medicine"
_LOADER = "documentation of mlmed/torchxrayvision"

CARD = Card(
    title="Montgomery County chest X-ray set",
    homepage="https://lhncbc.nlm.nih.gov/LHC-downloads/dataset.html",
    licence="registered",
    terms="National Library of Medicine: cite Jaeger 2014 and Candemir 2014; the Library asks not "
    "to pass the set on outside your group.",
    citation="""\
@article{jaeger2014automatic,
  title   = {Automatic tuberculosis screening using chest radiographs},
  author  = {Jaeger, Stefan and Karargyris, Alexandros and Candemir, Sema and Folio, Les and
             Siegelman, Jenifer and Callaghan, Fiona and Xue, Zhiyun and Palaniappan, Kannappan and
             Singh, Rahul K. and Antani, Sameer and Thoma, George and Wang, Yi-Xiang and
             Lu, Pu-Xuan and McDonald, Clement J.},
  journal = {IEEE Transactions on Medical Imaging},
  volume  = {33}, number = {2}, pages = {233--245}, year = {2014},
  doi     = {10.1109/TMI.2013.2284099}
}
@article{candemir2014lung,
  title   = {Lung segmentation in chest radiographs using anatomical atlases with nonrigid
             registration},
  author  = {Candemir, Sema and Jaeger, Stefan and Palaniappan, Kannappan and Musco, Jonathan P. and
             Singh, Rahul K. and Xue, Zhiyun and Karargyris, Alexandros and Antani, Sameer and
             Thoma, George and McDonald, Clement J.},
  journal = {IEEE Transactions on Medical Imaging},
  volume  = {33}, number = {2}, pages = {577--590}, year = {2014},
  doi     = {10.1109/TMI.2013.2290491}
}
""",
    blank_view_is_frontal=True,
    authors="Stefan Jaeger, Sema Candemir, Sameer Antani, George Thoma and others (National "
    "Library of Medicine, Bethesda), with the Department of Health and Human Services, Montgomery "
    "County, Maryland",
    published_on="2014",
    article="10.1109/TMI.2013.2284099",
    tasks=("classification", "segmentation"),
    patients="the number in the file name; the release has no other patient id",
    observations=("Tuberculosis",),
    labels_belong_to="image",
    mask_of="lungs",
    mask_convention="excluded",
    claims=(
        Claim("images", 138, _PAGE, claims.rows()),
        Claim("normal", 80, _PAGE, claims.labelled("Tuberculosis", 0)),
        Claim("tuberculosis", 58, _PAGE, claims.labelled("Tuberculosis")),
        Claim("masks", 138, _PAGE, claims.where(pl.col("mask") != "")),
        Claim(
            "normal",
            138,
            _LOADER,
            claims.labelled("Tuberculosis", 0),
            erratum="138 is the whole set; 80 are normal",
        ),
        Claim(
            "tuberculosis",
            80,
            _LOADER,
            claims.labelled("Tuberculosis"),
            erratum="80 are normal; 58 have tuberculosis",
        ),
    ),
    reads=(
        ("patient_id", "the number in the file name"),
        ("view", "blank: the page says of the set as a whole that it is posterior-anterior"),
        ("labels.Tuberculosis", "the last digit of the file name: 0 normal, 1 tuberculosis"),
        ("sex", "the line Patient's Sex of the reading: F, M or O"),
        ("age", "the line Patient's Age of the reading, such as 027Y"),
        ("extra.reading_patient", "these two lines as published"),
        ("extra.reading_finding", "the other lines of the reading"),
        ("mask", "the left mask; both sides are read and united"),
    ),
    traps=(
        "Two mask files per image: one side alone is half a mask and looks like a whole one.",
        "Whether leftMask means the patient's left is unverified; `sides` decides by position: "
        "the patient's right lung lies at smaller x.",
        "Images are 4020 x 4892 or 4892 x 4020 pixels of 0.0875 mm: some are wider than high.",
        "The set is documented as 12 bits deep; the PNG files that were seen have 8.",
    ),
)

LAYOUT = (
    "MontgomerySet/CXR_png/MCUCXR_####_{0,1}.png, MontgomerySet/ClinicalReadings/*.txt and "
    "MontgomerySet/ManualMask/{leftMask,rightMask}/*.png"
)

_NAME = re.compile(r"MCUCXR_(\d+)_([01])")
_LINE = re.compile(r"patient'?s\s+(sex|age)\s*:\s*(.*)", re.IGNORECASE)
_AGE = re.compile(r"(\d+)\s*([YMWD])", re.IGNORECASE)
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}  # units of a DICOM age, VR AS
_SIDES = ("ManualMask/leftMask", "ManualMask/rightMask")


def records(root: Path) -> Iterator[Record]:
    """Every PNG of CXR_png, sorted by path.

    `extra` holds `reading_patient` and `reading_finding` where there is a reading.

    Raises:
        InputRefused: E101, there is no folder CXR_png.
    """
    prefix = "MontgomerySet/" if (root / "MontgomerySet").is_dir() else ""
    folder = f"{prefix}CXR_png"
    if not (root / folder).is_dir():
        raise InputRefused("E101", str(root), "no folder CXR_png", LAYOUT, "give the folder above")
    names = sorted(n for n in _visible(root / folder) if n.lower().endswith(".png"))
    masked = {n for side in _SIDES for n in _visible(root / prefix / side)}
    return (_record(root, prefix, name, masked) for name in names)


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Both lungs, and the pixels to ignore, of which there are none.

    Raises:
        ItemFault: E231 a mask that is no mask, of another size, or without its other side; and as
            `radiograph.read`.
    """
    first, second = _halves(root, record)
    return first | second, np.zeros_like(first)


def sides(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """The patient's right and left lung, two (H, W) bool arrays.

    The right lung is the one whose centre lies at smaller x, whatever its folder is called.

    Raises:
        ItemFault: as `mask`, and E231 where a side is empty or both have one centre.
    """
    first, second = _halves(root, record)
    centres = [_centre(half, record) for half in (first, second)]
    if centres[0] == centres[1]:
        raise _bad(record.mask, "the same centre as its other side", "a lung on each side")
    return (first, second) if centres[0] < centres[1] else (second, first)


def _halves(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    folder, name = record.mask.removesuffix("/").rsplit("/", 1)
    above = folder.rsplit("/", 1)[0]
    halves = []
    for side in ("leftMask", "rightMask"):
        path = f"{above}/{side}/{name}"
        if not (root / path).is_file():
            raise _bad(path, "no such file", "a mask for each side")
        half, _ = masks.read_mask(root / path)
        masks.check_size(half, path, root / record.image)
        halves.append(half)
    return halves[0], halves[1]


def _centre(half: np.ndarray, record: Record) -> float:
    """The mean x of a mask's pixels."""
    columns = half.sum(axis=0)
    if not columns.any():
        raise _bad(record.mask, "a side without a lung pixel", "a lung on each side")
    return float(np.average(np.arange(len(columns)), weights=columns))


def _record(root: Path, prefix: str, name: str, masked: set[str]) -> Record:
    stem = Path(name).stem
    named = _NAME.fullmatch(stem)
    reading = root / prefix / "ClinicalReadings" / f"{stem}.txt"
    image = f"{prefix}CXR_png/{name}"
    try:
        sex, age, extra = _facts(reading) if reading.is_file() else ("", None, {})
    except OSError as error:
        observed = f"{stem}.txt: the reading cannot be read: {type(error).__name__}"
        return Record("montgomery", stem, image, fault=observed)
    return Record(
        archive="montgomery",
        image_id=stem,
        image=image,
        patient_id=named[1] if named else "",
        mask=f"{prefix}{_SIDES[0]}/{name}" if name in masked else "",
        sex=sex,
        age=age,
        labels={"Tuberculosis": int(named[2])} if named else {},
        extra=extra,
    )


def _facts(reading: Path) -> tuple[str, float | None, dict[str, str]]:
    """Sex, age in years, and the text in its two parts."""
    text = reading.read_bytes().decode("utf-8-sig", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    known = {found[1].lower(): found[2].strip() for found in map(_LINE.match, lines) if found}
    extra = {
        "reading_patient": " ".join(line for line in lines if _LINE.match(line)),
        "reading_finding": " ".join(line for line in lines if not _LINE.match(line)),
    }
    sex = known.get("sex", "").upper()
    return sex if sex in ("F", "M", "O") else "", _years(known.get("age", "")), extra


def _years(text: str) -> float | None:
    """An age such as 027Y; None where it has no unit or is no age."""
    found = _AGE.fullmatch(text)
    return None if found is None else int(found[1]) / _PER_YEAR[found[2].upper()]


def _visible(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]


def _bad(path: str, observed: str, expected: str) -> ItemFault:
    return ItemFault("E231", path, observed, expected, "take the masks from the release")
