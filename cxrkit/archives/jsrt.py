"""JSRT radiographs with and without a lung nodule, with SCR's masks of lungs, heart and clavicles.

247 posterior-anterior films from 14 institutions, digitised by the Japanese Society of Radiological
Technology (Shiraishi 2000): 154 with one nodule each, 93 without. The masks are a separate release,
SCR (van Ginneken 2006), which is unpacked beside or below the images. An image is a file without a
header: 2048 x 2048 values of 16 bits, 12 used, the high byte first, a high value dark.

What it lacks: an official split, patient ids (each image stands for a patient of its own); the
lists of nodule size, place and diagnosis that come with it are not read. SCR's second observer is a
file set of its own and is not read either. The masks leave out the lung behind the heart, the
mediastinum and the aorta.
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
from cxrkit.imaging import headerless, masks, sizes
from cxrkit.records import Record

_SHIRAISHI = "Shiraishi 2000, 10.2214/ajr.174.1.1740071"
_SCR = "van Ginneken 2006, 10.1016/j.media.2005.02.002"

CARD = Card(
    title="JSRT digital image database with SCR masks",
    homepage="https://db.jsrt.or.jp/eng.php",
    licence="registered",
    terms="JSRT: research and education. SCR: research and education, no redistribution, no "
    "commercial use. Cite Shiraishi 2000 and van Ginneken 2006.",
    citation="""\
@article{shiraishi2000development,
  title   = {Development of a digital image database for chest radiographs with and without a lung
             nodule: receiver operating characteristic analysis of radiologists' detection of
             pulmonary nodules},
  author  = {Shiraishi, Junji and Katsuragawa, Shigehiko and Ikezoe, Junpei and Matsumoto, Tsuneo
             and Kobayashi, Takeshi and Komatsu, Ken-ichi and Matsui, Mitate and Fujita, Hiroshi and
             Kodera, Yoshie and Doi, Kunio},
  journal = {American Journal of Roentgenology},
  volume  = {174}, number = {1}, pages = {71--74}, year = {2000},
  doi     = {10.2214/ajr.174.1.1740071}
}
@article{vanginneken2006segmentation,
  title   = {Segmentation of anatomical structures in chest radiographs using supervised methods:
             a comparative study on a public database},
  author  = {van Ginneken, Bram and Stegmann, Mikkel B. and Loog, Marco},
  journal = {Medical Image Analysis},
  volume  = {10}, number = {1}, pages = {19--40}, year = {2006},
  doi     = {10.1016/j.media.2005.02.002}
}
""",
    blank_view_is_frontal=True,
    authors="Junji Shiraishi, Kunio Doi and others (Japanese Society of Radiological Technology); "
    "masks: Bram van Ginneken, Mikkel B. Stegmann, Marco Loog (Image Sciences Institute, Utrecht)",
    published_on="2000",
    article="10.2214/ajr.174.1.1740071",
    tasks=("classification", "segmentation"),
    patients="unknown; the number in the file name stands for one, since it has one image",
    observations=("Nodule",),
    labels_belong_to="image",
    mask_of="lungs",
    mask_convention="excluded",
    claims=(
        Claim("images", 247, _SHIRAISHI, claims.rows()),
        Claim("with a nodule", 154, _SHIRAISHI, claims.labelled("Nodule")),
        Claim("without a nodule", 93, _SHIRAISHI, claims.labelled("Nodule", 0)),
        Claim(
            "masks",
            247,
            _SCR,
            claims.where(pl.col("mask") != ""),
            why="SCR is a separate download; without it there is none",
        ),
    ),
    reads=(
        ("patient_id", "the file name without its suffix"),
        ("view", "blank: SCR says of the database as a whole that it is posterior-anterior"),
        ("labels.Nodule", "the letters of the file name: JPCLN 1, JPCNN 0"),
        ("mask", "the left lung of SCR; left and right are read, united and brought to the image"),
    ),
    traps=(
        "Polarity: a high value is dark. What is shown is 4095 - value.",
        "No header says size, depth or byte order: with the low byte first, an image is noise.",
        "SCR masks have 1024 x 1024 pixels, the images 2048 x 2048: each mask pixel is four.",
        "The two folds of SCR hold the odd- and the even-numbered images; both are needed.",
        "SCR names sides as the patient's: its left lung lies at larger x.",
    ),
)

LAYOUT = (
    "JPCLN###.IMG and JPCNN###.IMG, here or one folder below, with SCR's "
    "scratch/fold{1,2}/masks/{left lung,right lung,heart,left clavicle,right clavicle}/JPC*.gif"
)

STRUCTURES = ("left lung", "right lung", "heart", "left clavicle", "right clavicle")

_LUNGS = STRUCTURES[:2]
_NAME = re.compile(r"JPC([LN])N\d{3}")
_FOLDS = ("scratch/fold1", "scratch/fold2", "fold1", "fold2")


def records(root: Path) -> Iterator[Record]:
    """Every .IMG file in `root` and in the folders right below it, sorted by path.

    Raises:
        InputRefused: E101, there is none; E103, two of them have one name.
    """
    images = sorted(_images(root))
    if not images:
        raise InputRefused("E101", str(root), "no .IMG file", LAYOUT, "give the folder above them")
    seen: dict[str, str] = {}
    for image in images:
        stem = Path(image).stem
        if stem in seen:
            raise InputRefused(
                "E103", image, f"the same name as {seen[stem]}", "one image per name",
                "remove one of the two",
            )  # fmt: skip
        seen[stem] = image
    drawn = {
        path.stem: f for f in reversed(_lung_folders(root)) for path in (root / f).glob("*.gif")
    }
    return (_record(image, drawn.get(stem, "")) for stem, image in seen.items())


def mask(root: Path, record: Record) -> tuple[np.ndarray, np.ndarray]:
    """Both lungs at the image's size, and the pixels to ignore, of which there are none.

    Raises:
        ItemFault: E231 a mask that is no mask or without its other side; as `masks.read_mask`, and
            as `sizes.read_size` for the image.
    """
    found = structures(root, record)
    for name in _LUNGS:
        if name not in found:
            raise ItemFault(
                "E231", record.mask, f"no mask of the {name}", "both lungs", "unpack SCR again"
            )
    lungs = found["left lung"] | found["right lung"]
    return lungs, np.zeros_like(lungs)


def structures(root: Path, record: Record) -> dict[str, np.ndarray]:
    """The masks of SCR by name of `STRUCTURES`, (H, W) bool at the image's size.

    Names are SCR's, and the patient's sides. A structure without a file is left out; a record
    without a mask has none. Each pixel of the image takes the mask's pixel under its centre.

    Raises:
        ItemFault: as `mask`.
    """
    if not record.mask:
        return {}
    above, name = Path(record.mask).parent.parent, Path(record.mask).name
    side = sizes.read_size(root / record.image).rows
    found = {}
    for structure in STRUCTURES:
        path = root / above / structure / name
        if path.is_file():
            drawn, _ = masks.read_mask(path)
            if drawn.shape[0] != drawn.shape[1]:
                shape = f"{drawn.shape[0]} x {drawn.shape[1]} pixels"
                raise ItemFault(
                    "E231", name, shape, "a square, as the image is", "unpack SCR again"
                )
            found[structure] = masks.resize_mask(drawn, side, side)
    return found


def _images(root: Path) -> Iterator[str]:
    """Paths of the .IMG files, relative to `root`."""
    if not root.is_dir():
        return
    for path in root.iterdir():
        inside = path.iterdir() if path.is_dir() and not path.name.startswith(".") else [path]
        for entry in inside:
            if entry.suffix.lower() == headerless.SUFFIX and not entry.name.startswith("."):
                yield entry.relative_to(root).as_posix()


def _lung_folders(root: Path) -> list[str]:
    folders = [f"{fold}/masks/{lung}" for fold in _FOLDS for lung in _LUNGS]
    return [folder for folder in folders if (root / folder).is_dir()]


def _record(image: str, folder: str) -> Record:
    stem = Path(image).stem
    named = _NAME.fullmatch(stem)
    return Record(
        archive="jsrt",
        image_id=stem,
        image=image,
        patient_id=stem if named else "",
        mask=f"{folder}/{stem}.gif" if folder else "",
        labels={"Nodule": int(named[1] == "L")} if named else {},
    )
