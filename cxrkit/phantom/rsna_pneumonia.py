"""A miniature RSNA pneumonia challenge of phantoms: same folders, tables and file names.

Layout from the challenge's tables. An opacity is a consolidation or an edema of the phantom; its
parts that do not touch have a box each. What differs on purpose: one image in eight is a test
image (3,000 beside 26,684 in descriptions of the original), so that a small replica has some.
"""

import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from pydicom.uid import JPEGBaseline8Bit

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.release import Exam

LONG_SIDE = 1024  # pixels of both sides
LABEL_COLUMNS = ("patientId", "x", "y", "width", "height", "Target")
CLASS_COLUMNS = ("patientId", "class")
MOST_BOXES = 4  # of an image of the original
_OPACITIES = ("consolidation", "edema", "opacity", "pneumonia")
_SMALLEST = 0.0005  # share of the image that a part needs for a box
_CHANCES = release.CHANCES | {"consolidation": 0.4}
Box = tuple[int, int, int, int]  # x, y, width, height


@dataclass(frozen=True)
class Image:
    """One radiograph: whom to render, the id that names it, and whether it is a test image."""

    exam: Exam
    patient_id: str
    test: bool

    @property
    def path(self) -> str:
        """The DICOM file, relative to the release."""
        return f"stage_2_{'test' if self.test else 'train'}_images/{self.patient_id}.dcm"


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
        size: pixels of both sides; boxes are in these pixels.
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
        listed = sorted(image.patient_id for image in planned if not image.test)
        texts = {name: (Path(notes) / name).read_text().splitlines() for name in listed}
    labels = [",".join(LABEL_COLUMNS), *(line for name in listed for line in texts[name][1:])]
    classes = [",".join(CLASS_COLUMNS)]
    classes += [f"{name},{texts[name][0]}" for name in listed for _ in texts[name][1:]]
    release.write(root, "stage_2_train_labels.csv", _text(labels))
    release.write(root, "stage_2_detailed_class_info.csv", _text(classes))
    return len(planned)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in order of patient and day."""
    exams = release.draw_exams(studies, seed, chances=_CHANCES)
    rng = np.random.default_rng([seed, 51])
    test = set(rng.choice(studies, studies // 8, replace=False))
    ids = [str(uuid.UUID(bytes=rng.bytes(16), version=4)) for _ in exams]
    return [Image(exam, ids[k], k in test) for k, exam in enumerate(exams)]


def boxes(opacity: np.ndarray) -> list[Box]:
    """x, y, width and height around each part of a (H, W) bool mask, the largest ones first.

    Specks are left out, and all parts after the fourth.
    """
    _, _, parts, _ = cv2.connectedComponentsWithStats(opacity.astype(np.uint8))
    found = sorted(parts[1:].tolist(), key=lambda part: -part[4])
    return [
        (x, y, width, height)
        for x, y, width, height, area in found[:MOST_BOXES]
        if area >= _SMALLEST * opacity.size
    ]


def _text(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _files(job: Job) -> dict[str, bytes]:
    """The DICOM file of one image; its class and rows go to the folder of notes."""
    image, seed, size, masks, notes = job
    phantom = release.picture(image.exam, 0, size, size, seed)
    if masks is not None:
        release.write_masks(masks, image.patient_id, phantom)
    opacity = np.zeros((size, size), bool)
    for name in _OPACITIES:
        opacity |= phantom.findings.get(name, False)
    found = boxes(opacity)
    rows = [f"{image.patient_id},{x}.0,{y}.0,{w}.0,{h}.0,1" for x, y, w, h in found]
    if found:
        kind = "Lung Opacity"
    else:
        kind = "No Lung Opacity / Not Normal" if image.exam.subject.findings else "Normal"
    lines = [kind, *(rows or [f"{image.patient_id},,,,,0"])]
    (notes / image.patient_id).write_bytes(_text(lines))
    exam = image.exam
    return {
        image.path: dicom_file.encode(
            phantom.radiograph,
            bits=8,
            syntax=JPEGBaseline8Bit,
            instance=dicom_file.uid("rsna", seed, exam.index),
            study=dicom_file.uid("rsna study", seed, exam.index),
            series=dicom_file.uid("rsna series", seed, exam.index),
            PatientID=image.patient_id,
            ViewPosition=exam.views[0],
            PatientSex=exam.subject.sex,
            PatientAge=f"{exam.years:03d}Y",
            BodyPartExamined="CHEST",
            ConversionType="WSD",
        )
    }
