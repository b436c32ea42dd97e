"""A miniature VinDr-CXR release (PhysioNet's form) of phantoms: DICOM files and four tables.

Layout, columns and readers as in the release and Nguyen 2022 (10.1038/s41597-022-01498-w): three of
17 readers for each image of train, who disagree; one consensus for each of test. Every patient
comes once, since the release says nothing of patients.
"""

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.release import Exam

LONG_SIDE = 3072  # pixels; the release states no size, its films are about this large
SHORT_SHARE = 5 / 6
LABELS = (
    "Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Clavicle fracture",
    "Consolidation", "Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity",
    "Lung cavity", "Lung cyst", "Mediastinal shift", "Nodule/Mass", "Pleural effusion",
    "Pleural thickening", "Pneumothorax", "Pulmonary fibrosis", "Rib fracture", "Other lesion",
    "COPD", "Lung tumor", "Pneumonia", "Tuberculosis", "Other diseases", "No finding",
)  # fmt: skip
BOXED = {
    "effusion": "Pleural effusion",
    "pneumothorax": "Pneumothorax",
    "consolidation": "Consolidation",
    "cardiomegaly": "Cardiomegaly",
    "nodule": "Nodule/Mass",
    "edema": "Edema",
    "fracture": "Rib fracture",
    "atelectasis": "Atelectasis",
    "opacity": "Lung Opacity",
    "pneumonia": "Infiltration",
    "mediastinum": "Other lesion",
    "pleura": "Pleural thickening",
}
# What a reader may conclude from a finding, without a box.
SUSPECTED = {
    "consolidation": "Pneumonia",
    "nodule": "Lung tumor",
    "edema": "Other diseases",
    "pneumonia": "Pneumonia",
}
READERS = tuple(f"R{number}" for number in range(1, 18))
SEEN = 0.85  # how often a reader marks what is there
IMAGINED = 0.1  # how often one marks an aorta that is not enlarged
AORTA = (0.45, 0.18, 0.6, 0.42)  # where that box lies, as shares of width and height
SHIFT = 0.03  # by how much of the image a reader's corner is off
BIT_DEPTHS = (12, 14, 16)


@dataclass(frozen=True)
class Reading:
    """What one reader says of one image; `reader` is empty for the consensus."""

    reader: str
    boxed: tuple[tuple[str, str], ...]  # (finding of the phantom, label); finding "" is imagined
    suspected: tuple[str, ...]
    seed: int  # of how far the boxes are off


@dataclass(frozen=True)
class Image:
    """One image to be, and its readings."""

    exam: Exam
    image_id: str
    split: str  # train or test
    readings: tuple[Reading, ...]
    bits: int
    photometric: str

    @property
    def path(self) -> str:
        """The image's file, relative to the release."""
        return f"{self.split}/{self.image_id}.dicom"


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
        studies: how many studies, of one image each.
        seed: of all that is random.
        size: pixels of the longer side.
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
        sums = release.write_files(root, jobs, _files, workers, progress)
        rows = {i.image_id: (Path(notes) / i.image_id).read_text() for i in planned}
    for split in ("train", "test"):
        images = sorted((i for i in planned if i.split == split), key=lambda i: i.image_id)
        for path, data in _tables(split, images, rows).items():
            sums[path] = release.write(root, path, data)
    release.write(root, "SHA256SUMS.txt", release.sums_bytes(sums))
    return len(planned)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in order of the exams."""
    exams = release.draw_exams(studies, seed, kinds=((("PA",), 1.0),), once=True)
    return [_image(exam, seed) for exam in exams]


def _image(exam: Exam, seed: int) -> Image:
    rng = np.random.default_rng([seed, 31, exam.index])
    test = exam.index % 6 == 5  # 3,000 of 18,000
    if test:
        names, seen = [""], 1.0
    else:
        names, seen = sorted(rng.choice(READERS, 3, replace=False)), SEEN
    found = [name for name in exam.subject.findings if name in BOXED]
    readings = []
    for name in names:
        boxed = [(f, BOXED[f]) for f in found if rng.random() < seen]
        if not test and rng.random() < IMAGINED:
            boxed.append(("", "Aortic enlargement"))
        suspected = [SUSPECTED[f] for f, _ in boxed if f in SUSPECTED and rng.random() < 0.7]
        readings.append(
            Reading(str(name), tuple(boxed), tuple(suspected), int(rng.integers(2**31)))
        )
    return Image(
        exam=exam,
        image_id=hashlib.md5(f"{seed} {exam.index}".encode(), usedforsecurity=False).hexdigest(),
        split="test" if test else "train",
        readings=tuple(readings),
        bits=BIT_DEPTHS[int(rng.integers(len(BIT_DEPTHS)))],
        photometric="MONOCHROME1" if exam.index % 4 == 2 else "MONOCHROME2",
    )


def _files(job: Job) -> dict[str, bytes]:
    """The image of a job; its boxes are noted, and its masks written where they are asked for."""
    image, seed, size, masks, notes = job
    rows, columns = (size, round(size * SHORT_SHARE))
    phantom = release.picture(image.exam, 0, rows, columns, seed)
    if masks is not None:
        release.write_masks(masks, image.image_id, phantom)
    lines: list[tuple[object, ...]] = []
    for reading in image.readings:
        who = (image.image_id, reading.reader) if reading.reader else (image.image_id,)
        rng = np.random.default_rng(reading.seed)
        for finding, label in reading.boxed:
            box = _box(phantom.findings[finding] if finding else None, rows, columns)
            if box is not None:
                # The consensus draws the box as it is.
                off = rng.normal(0, SHIFT / 2, 4) if reading.reader else np.zeros(4)
                lines.append((*who, label, *_moved(box, off, rows, columns)))
        if not reading.boxed and not reading.suspected:
            lines.append((*who, "No finding", "", "", "", ""))
    release.write(notes, image.image_id, release.csv_bytes(lines))
    return {
        image.path: dicom_file.encode(
            phantom.radiograph,
            bits=image.bits,
            photometric=image.photometric,
            instance=dicom_file.uid(image.image_id, seed),
            study=dicom_file.uid(image.image_id, seed, "study"),
            series=dicom_file.uid(image.image_id, seed, "series"),
            Modality="DX",
            PatientSex=image.exam.subject.sex,
            PatientAge=f"{image.exam.years:03d}Y",
        )
    }


def _box(mask: np.ndarray | None, rows: int, columns: int) -> tuple[float, ...] | None:
    """Left, top, right and bottom of a mask, or of an aorta; None where the mask is empty."""
    if mask is None:
        return tuple(s * n for s, n in zip(AORTA, (columns, rows, columns, rows), strict=True))
    if not mask.any():
        return None
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return x, y, x + width, y + height


def _moved(
    box: tuple[float, ...], off: np.ndarray, rows: int, columns: int
) -> tuple[float, float, float, float]:
    """The box with its corners moved by shares of the image, inside it and not turned over."""
    size = (columns, rows, columns, rows)
    moved = [min(max(v + o * n, 0), n) for v, o, n in zip(box, off, size, strict=True)]
    left, right = sorted((moved[0], moved[2]))
    top, bottom = sorted((moved[1], moved[3]))
    return round(left, 3), round(top, 3), round(right, 3), round(bottom, 3)


def _tables(split: str, images: list[Image], rows: dict[str, str]) -> dict[str, bytes]:
    """The two tables of one part; the column of other diseases has another name in test."""
    reader = ("rad_id",) if split == "train" else ()
    names = LABELS if split == "train" else tuple(
        "Other disease" if name == "Other diseases" else name for name in LABELS
    )  # fmt: skip
    labels: list[tuple[object, ...]] = [("image_id", *reader, *names)]
    for image in images:
        for reading in image.readings:
            said = {label for _, label in reading.boxed} | set(reading.suspected)
            marks = tuple(int(name in (said or {"No finding"})) for name in LABELS)
            who = (image.image_id, reading.reader) if reader else (image.image_id,)
            labels.append((*who, *marks))
    header = [("image_id", *reader, "class_name", "x_min", "y_min", "x_max", "y_max")]
    boxes = release.csv_bytes(header) + "".join(rows[i.image_id] for i in images).encode()
    return {
        f"annotations/annotations_{split}.csv": boxes,
        f"annotations/image_labels_{split}.csv": release.csv_bytes(labels),
    }
