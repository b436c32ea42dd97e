"""Shenzhen tuberculosis radiographs, with the SZ-CXR lung masks where they are there.

662 frontal radiographs of the Third People's Hospital, Shenzhen: 326 normal, 336 with
tuberculosis. The National Library of Medicine publishes images and clinical readings
(Jaeger 2014); the lung masks are a separate release (Stirenko 2018) and cover 566 images.

What it lacks: the projection of each image, an official split, patient ids (the number in the
file name stands for the patient). The masks leave out the lung behind the heart. In some copies the
images were squashed to 1000 x 1000 and the masks were not: such a pair is named, not resized. The
facts come from the sets' pages and papers.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import claims
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks
from cxrkit.records import Record

_MASKS = claims.where(pl.col("mask") != "")
_SET = "Jaeger 2014; National Library of Medicine"
_CARD = "dataset card of SZ-CXR"

CARD = Card(
    title="Shenzhen chest X-ray set with SZ-CXR lung masks",
    homepage="https://lhncbc.nlm.nih.gov/LHC-downloads/dataset.html",
    licence="open",
    terms="Images: National Library of Medicine, cite Jaeger 2014 and Candemir 2014. "
    "Masks: Stirenko 2018, CC BY-NC-SA 4.0.",
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
@inproceedings{stirenko2018chest,
  title     = {Chest X-ray analysis of tuberculosis by deep learning with segmentation and
               augmentation},
  author    = {Stirenko, Sergii and Kochura, Yuriy and Alienin, Oleg and Rokovyi, Oleksandr and
               Gang, Peng and Zeng, Wei and Gordienko, Yuri},
  booktitle = {IEEE 38th International Conference on Electronics and Nanotechnology (ELNANO)},
  year      = {2018},
  note      = {arXiv:1803.01199}
}
""",
    blank_view_is_frontal=True,
    authors="Stefan Jaeger, Sema Candemir, Sameer Antani, George Thoma and others (National "
    "Library of Medicine, Bethesda), Pu-Xuan Lu (Third People's Hospital, Shenzhen), Yi-Xiang Wang "
    "(Chinese University of Hong Kong); masks: Sergii Stirenko, Yuri Gordienko and others "
    "(National Technical University of Ukraine, Kyiv)",
    published_on="2014",
    article="10.1109/TMI.2013.2284099",
    tasks=("classification", "segmentation"),
    patients="the number in the file name; the release has no other patient id",
    observations=("Tuberculosis",),
    labels_belong_to="image",
    mask_of="lungs",
    mask_convention="excluded",
    claims=(
        Claim("images", 662, _SET, claims.rows()),
        Claim("normal", 326, _SET, claims.labelled("Tuberculosis", 0)),
        Claim("tuberculosis", 336, _SET, claims.labelled("Tuberculosis")),
        Claim("masks", 566, "Stirenko 2018; SZ-CXR release", _MASKS),
        Claim("masks", 662, _CARD, _MASKS, erratum="566 of 662 images have a mask, 85.5 %"),
        Claim("images", 566, _CARD, claims.rows(), erratum="662; 566 is the number of masks"),
    ),
    reads=(
        ("image", "every PNG; SZ-CXR's where both releases are there"),
        ("patient_id", "the number in the file name"),
        ("labels.Tuberculosis", "the last digit of the file name: 0 normal, 1 tuberculosis"),
        ("sex", "the first line of the reading, typed by hand: male 45yrs, femal 32yrs, 16month"),
        ("age", "the same line, also in months or days; an age without a unit stays empty"),
        ("extra.reading_patient", "the first line of the reading as published"),
        ("extra.reading_finding", "the other lines of the reading"),
        ("mask", "the file of the same name with _mask, from the SZ-CXR release"),
    ),
    traps=(
        "96 images have no mask.",
        "In some copies the images were squashed to 1000 x 1000 and the masks kept their size: a "
        "mask of another size than its image is named and not used.",
        "In other copies the masks were resized and hold grays along the outline: lung is 128 and "
        "above.",
        "A destroyed lung may be left out of the mask.",
        "There is no official split; 8:1:1 in descriptions is somebody's own.",
    ),
)

LAYOUT = (
    "images/CHNCXR_####_{0,1}.png with masks/CHNCXR_####_{0,1}_mask.png, also below SZ-CXR/; "
    "or ChinaSet_AllFiles/CXR_png/CHNCXR_####_{0,1}.png with ChinaSet_AllFiles/ClinicalReadings/"
)

# Gray values of the masks. The published ones hold 0 and 255 alone; copies that somebody resized
# hold grays along the outline, and there the nearer of the two counts. Masks of grays alone, such
# as 0 and 1, are refused by `masks.read_mask`.
MASK_VALUES = {"background": range(128), "lung": range(128, 256)}

_IMAGE_FOLDERS = ("SZ-CXR/images", "images", "ChinaSet_AllFiles/CXR_png", "CXR_png")
_MASK_FOLDERS = ("SZ-CXR/masks", "masks", "ChinaSet_AllFiles/masks")
_READING_FOLDERS = ("ChinaSet_AllFiles/ClinicalReadings", "ClinicalReadings")

_NAME = re.compile(r"CHNCXR_(\d+)_([01])")
# The first letter tells; "16month" and "3 mths" are no sex.
_SEX = re.compile(r"\b(?:(?P<f>f)|m(?!o|t))", re.IGNORECASE)
_AGE = re.compile(r"(\d+(?:\.\d+)?)\s*(y|mo|mt|w|d)", re.IGNORECASE)
_PER_YEAR = {"y": 1.0, "mo": 12.0, "mt": 12.0, "w": 365.25 / 7, "d": 365.25}


def records(root: Path) -> Iterator[Record]:
    """Every PNG of the image folder, sorted by path; `patient_id` is the number in its name.

    Where there are both releases, images are those of SZ-CXR and readings those of the Library.
    `extra` holds, where there is a reading, `reading_patient` (its first line) and
    `reading_finding` (the rest).

    Raises:
        InputRefused: E101, there is no image folder.
    """
    folder = next((f for f in _IMAGE_FOLDERS if (root / f).is_dir()), None)
    if folder is None:
        raise InputRefused("E101", str(root), "no image folder", LAYOUT, "give the folder above it")
    images = sorted(name for name in _visible(root / folder) if name.lower().endswith(".png"))
    drawn = {n: f"{f}/{n}" for f in reversed(_MASK_FOLDERS) for n in _visible(root / f)}
    return (_record(root, f"{folder}/{name}", drawn) for name in images)


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Both lungs, and the pixels to ignore, of which there are none.

    Raises:
        ItemFault: E231 a mask that is no mask or of another size than its image; and as
            `masks.read_mask`.
    """
    lung, ignore = masks.read_mask(root / record.mask, **MASK_VALUES)
    masks.check_size(lung, record.mask, root / record.image)
    return lung, ignore


def _record(root: Path, image: str, drawn: dict[str, str]) -> Record:
    stem = Path(image).stem
    named = _NAME.fullmatch(stem)
    extra = {}
    try:
        reading = _reading(root, stem)
    except OSError as error:
        observed = f"{stem}.txt: the reading cannot be read: {type(error).__name__}"
        return Record("shenzhen", stem, image, fault=observed)
    if reading:
        extra = {"reading_patient": reading[0], "reading_finding": " ".join(reading[1:])}
    return Record(
        archive="shenzhen",
        image_id=stem,
        image=image,
        patient_id=named[1] if named else "",
        mask=drawn.get(f"{stem}_mask.png", ""),
        sex=_sex(reading[0]) if reading else "",
        age=_age(reading[0]) if reading else None,
        labels={"Tuberculosis": int(named[2])} if named else {},
        extra=extra,
    )


def _reading(root: Path, stem: str) -> list[str]:
    """The non-blank lines of the clinical reading; none where there is no reading."""
    for folder in _READING_FOLDERS:
        path = root / folder / f"{stem}.txt"
        if path.is_file():
            text = path.read_bytes().decode("utf-8-sig", errors="replace")
            return [line.strip() for line in text.splitlines() if line.strip()]
    return []


def _sex(line: str) -> str:
    found = _SEX.search(line)
    return "" if found is None else "F" if found["f"] else "M"


def _age(line: str) -> float | None:
    """Years; None where the line has no number with a unit."""
    found = _AGE.search(line)
    return None if found is None else float(found[1]) / _PER_YEAR[found[2].lower()]


def _visible(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return [entry.name for entry in folder.iterdir() if not entry.name.startswith(".")]
