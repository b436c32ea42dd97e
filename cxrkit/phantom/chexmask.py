"""A miniature CheXmask of phantoms: tables of run lengths, and the images of three sources.

Layout from the release's README, its scripts and a table in ngaggion/CheXmask-Database: landmarks
are one quoted list of 240 numbers, the order of the columns differs between tables, and there is no
table of preprocessed ChestX-ray14 pictures. The sources' folders hold images alone. What differs on
purpose: lung masks are exact and not predicted, the heart is the part of the lungs that it hides,
and one RCA Dice in eight is below 0.7.
"""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.anatomy import Phantom
from cxrkit.phantom.release import Exam

LONG_SIDE = 1024  # pixels; of ChestX-ray14 and of preprocessed pictures
SIDE = 1024  # pixels of a preprocessed picture, whatever the size of the images
MEAN, MAX = "Dice RCA (Mean)", "Dice RCA (Max)"
OUTLINES = ("Landmarks", "Left Lung", "Right Lung", "Heart", "Height", "Width")
# Table of a source and its columns in order; the id column is named as in the source.
COLUMNS = {
    "ChestX-Ray8": ("Image Index", MEAN, MAX, *OUTLINES),
    "MIMIC-CXR-JPG": ("dicom_id", MEAN, MAX, *OUTLINES),
    "VinDr-CXR": ("image_id", MAX, MEAN, *OUTLINES),
}
POINTS = {"right": 44, "left": 50, "heart": 26}  # in the order of the list
SHORT_SHARE = 0.84  # of the longer side, for the sources that are not square
_BORDER = 8  # black pixels around an image of MIMIC-CXR-JPG, twice as many on the left


@dataclass(frozen=True)
class Image:
    """One radiograph of a source: whom to render, its id in the table, and its file."""

    exam: Exam
    source: str
    image_id: str
    path: str
    mean: float
    best: float


Job = tuple[Image, int, int, Path | None, Path]


def write_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the release, the same bytes for the same arguments; the number of its images.

    Args:
        root: folder to fill; absent or empty.
        studies: how many studies, of one image each, shared out over the three sources in turn.
        seed: of all that is random.
        size: pixels of the longer side of every image.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks go, `excluded/` and `included/`; None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed)
    with tempfile.TemporaryDirectory() as notes:
        jobs: list[Job] = [(image, seed, size, masks, Path(notes)) for image in planned]
        release.write_files(root, jobs, _files, workers, progress)
        for form in ("OriginalResolution", "Preprocessed"):
            for source, columns in COLUMNS.items():
                rows = [
                    (Path(notes) / form / Path(image.path).name).read_bytes()
                    for image in planned
                    if image.source == source
                ]
                if form == "OriginalResolution" or source != "ChestX-Ray8":
                    header = release.csv_bytes([columns])
                    release.write(root, f"{form}/{source}.csv", header + b"".join(rows))
    return len(planned)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in order of patient and day."""
    images = []
    for exam in release.draw_exams(studies, seed):
        rng = np.random.default_rng([seed, 61, exam.index])
        source = list(COLUMNS)[exam.index % len(COLUMNS)]
        image_id, path = _NAMED[source](exam, seed)
        low = exam.index % 8 == 5
        mean = float(rng.uniform(0.5, 0.69) if low else rng.uniform(0.72, 0.93))
        best = min(1.0, mean + float(rng.uniform(0.01, 0.06)))
        images.append(Image(exam, source, image_id, path, mean, best))
    return images


def _named_chestx_ray14(exam: Exam, seed: int) -> tuple[str, str]:
    name = f"{exam.patient + 1:08d}_{exam.index:03d}.png"
    return name, f"chestx-ray14/images_001/images/{name}"


def _named_mimic(exam: Exam, seed: int) -> tuple[str, str]:
    digest = hashlib.sha256(f"chexmask {seed} {exam.index}".encode()).hexdigest()
    dicom_id = "-".join(digest[k : k + 8] for k in range(0, 40, 8))
    patient, study = 10_000_000 + 7919 * (exam.patient + 1), 50_000_000 + 6151 * (exam.index + 1)
    folder = f"mimic-cxr-jpg/files/p{str(patient)[:2]}/p{patient}/s{study}"
    return dicom_id, f"{folder}/{dicom_id}.jpg"


def _named_vindr(exam: Exam, seed: int) -> tuple[str, str]:
    digest = hashlib.sha256(f"vindr {seed} {exam.index}".encode()).hexdigest()[:32]
    split = "test" if exam.index % 6 == 5 else "train"
    return digest, f"vindr-cxr/{split}/{digest}.dicom"


_NAMED = {
    "ChestX-Ray8": _named_chestx_ray14,
    "MIMIC-CXR-JPG": _named_mimic,
    "VinDr-CXR": _named_vindr,
}


def runs(mask: np.ndarray) -> str:
    """A (H, W) bool mask as starts, counted from 1, and lengths of runs, along the rows."""
    edges = np.flatnonzero(np.diff(np.pad(mask.ravel().astype(np.int8), 1)))
    starts, lengths = edges[::2], edges[1::2] - edges[::2]
    return " ".join(map(str, np.column_stack([starts + 1, lengths]).ravel()))


def preprocess(pixels: np.ndarray, picture: np.ndarray, cropped: bool) -> np.ndarray:
    """(H, W) uint8 as the authors made 1024 x 1024 pictures, by the borders of `picture`.

    With `cropped` the box around all pixels above 1 is cut out; then the image is padded with
    black to a square, in its middle, and resized.
    """
    if cropped:
        left, top, width, height = cv2.boundingRect((picture > 1).astype(np.uint8))
        pixels = pixels[top : top + height, left : left + width]
    rows, columns = pixels.shape
    side = max(rows, columns)
    square = np.zeros((side, side), np.uint8)
    above, before = (side - rows) // 2, (side - columns) // 2
    square[above : above + rows, before : before + columns] = pixels
    return np.asarray(cv2.resize(square, (SIDE, SIDE)))


def landmarks(masks: dict[str, np.ndarray]) -> str:
    """120 points x,y on the outlines of right lung, left lung and heart: 240 whole numbers."""
    points = [_outline(masks[name], count) for name, count in POINTS.items()]
    return ",".join(map(str, np.concatenate(points).ravel()))


def _outline(mask: np.ndarray, count: int) -> np.ndarray:
    """(count, 2) points spread over the longest outline; zeros where the mask is empty."""
    found, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not found:
        return np.zeros((count, 2), int)
    longest = max(found, key=len).reshape(-1, 2)
    return np.asarray(longest[np.linspace(0, len(longest) - 1, count).astype(int)])


def _organs(phantom: Phantom) -> dict[str, np.ndarray]:
    with_heart = phantom.right_lung_with_heart | phantom.left_lung_with_heart
    heart = with_heart & ~(phantom.right_lung | phantom.left_lung)
    return {"right": phantom.right_lung, "left": phantom.left_lung, "heart": heart}


def _framed(phantom: Phantom) -> Phantom:
    """The phantom with a black frame around everything, wider on the left."""
    around = ((_BORDER, _BORDER), (2 * _BORDER, _BORDER))
    names = ("radiograph", "right_lung", "left_lung", "right_lung_with_heart",
             "left_lung_with_heart")  # fmt: skip
    framed = {name: np.pad(getattr(phantom, name), around) for name in names}
    return replace(phantom, findings={}, **framed)


def _files(job: Job) -> dict[str, bytes]:
    """The image of one source; its rows of both forms go to the folder of notes."""
    image, seed, size, masks, notes = job
    rows, columns = size, size
    if image.source != "ChestX-Ray8":
        short = round(size * SHORT_SHARE)
        rows, columns = (short, size) if image.exam.index % 2 else (size, short)
    cropped = image.source == "MIMIC-CXR-JPG"
    if cropped:
        inside = (rows - 2 * _BORDER, columns - 3 * _BORDER)
        phantom = _framed(release.picture(image.exam, 0, *inside, seed))
    else:
        phantom = release.picture(image.exam, 0, rows, columns, seed)
    if masks is not None:
        release.write_masks(masks, Path(image.path).stem, phantom)
    data, picture = _encoded(image, phantom.radiograph)
    organs = _organs(phantom)
    small = {
        name: preprocess(mask.astype(np.uint8) * 255, picture, image.source == "MIMIC-CXR-JPG")
        > 127
        for name, mask in organs.items()
    }
    for form, drawn in (("OriginalResolution", organs), ("Preprocessed", small)):
        row = release.csv_bytes([_row(image, drawn)])
        release.write(notes, f"{form}/{Path(image.path).name}", row)
    return {image.path: data}


def _encoded(image: Image, pixels: np.ndarray) -> tuple[bytes, np.ndarray]:
    """The file of the image, and the 8-bit picture that a reader of it sees."""
    if image.source == "ChestX-Ray8":
        return release.png(pixels), pixels
    if image.source == "MIMIC-CXR-JPG":
        data = release.jpeg(pixels)
        return data, np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))
    photometric = "MONOCHROME1" if image.exam.index % 4 == 2 else "MONOCHROME2"
    name = (image.image_id, "vindr")
    return (
        dicom_file.encode(
            pixels,
            bits=12,
            photometric=photometric,
            instance=dicom_file.uid("instance", *name),
            study=dicom_file.uid("study", *name),
            series=dicom_file.uid("series", *name),
            Modality="DX",
        ),
        pixels,
    )


def _row(image: Image, drawn: dict[str, np.ndarray]) -> list[object]:
    """The row of one table, in the order of its columns."""
    height, width = drawn["right"].shape
    values: dict[str, object] = {
        MEAN: image.mean,
        MAX: image.best,
        "Landmarks": landmarks(drawn),
        "Left Lung": runs(drawn["left"]),
        "Right Lung": runs(drawn["right"]),
        "Heart": runs(drawn["heart"]),
        "Height": height,
        "Width": width,
    }
    return [values.get(column, image.image_id) for column in COLUMNS[image.source]]
