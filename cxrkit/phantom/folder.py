"""A hospital's export of phantoms: a tree of DICOM, PNG, JPEG and TIFF files under repeated names.

Nobody published such a tree; this one has what exports have: suffix-less files, numbers that start
again in every folder, both photometric interpretations, 8 to 16 bits, an index and a note.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import cv2
import numpy as np
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.release import Exam

LONG_SIDE = 3056  # pixels of the longer side
SHORT_SHARE = 2544 / 3056
KINDS = ((("PA",), 0.35), (("AP",), 0.4), (("PA", "LATERAL"), 0.25))
# How the n-th exam was exported: kind of file, bits, photometric interpretation.
EXPORTS = (
    ("suffix-less", 12, "MONOCHROME2"),
    ("dcm", 14, "MONOCHROME1"),
    ("deflated", 10, "MONOCHROME2"),
    ("png", 8, ""),
    ("png", 16, ""),
    ("jpeg", 8, ""),
    ("tiff", 16, ""),
    ("uid", 16, "MONOCHROME2"),
    ("dcm", 8, "MONOCHROME2"),
)


@dataclass(frozen=True)
class Image:
    """One file to be."""

    exam: Exam
    number: int  # of the exam's views
    path: str
    kind: str
    bits: int
    photometric: str
    rows: int
    columns: int

    @property
    def image_id(self) -> str:
        """The name without an image's suffix, and eight digits of the SHA-256 of the path."""
        path = PurePosixPath(self.path)
        stem = path.name if self.kind in ("suffix-less", "uid") else path.stem
        return f"{stem}-{hashlib.sha256(self.path.encode()).hexdigest()[:8]}"


Job = tuple[tuple[Image, ...], int, Path | None]


def write_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the tree, the same bytes for the same arguments; the number of its images.

    Args:
        root: folder to fill; absent or empty.
        studies: how many examinations.
        seed: of all that is random.
        size: pixels of the longer side of every image.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks of frontal images go; outside `root`, absent or empty.
            None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    images = plan(studies, seed, size)
    exams = sorted({image.exam.index for image in images})
    jobs: list[Job] = [
        (tuple(i for i in images if i.exam.index == index), seed, masks) for index in exams
    ]
    release.write_files(root, jobs, _files, workers, progress)
    release.write(root, "EXPORT/DICOMDIR", bytes(128) + b"DICM" + bytes(64))
    release.write(root, "EXPORT/README.TXT", b"Synthetic images, computed from a seed.\r\n")
    return len(images)


def plan(studies: int, seed: int, size: int = LONG_SIDE) -> list[Image]:
    """All that is known before a pixel is computed, in order of patient, exam and view."""
    images = []
    for exam in release.draw_exams(studies, seed, KINDS):
        kind, bits, photometric = EXPORTS[exam.index % len(EXPORTS)]
        folder = f"EXPORT/P{exam.patient + 1:05d}/ST{exam.index:04d}"
        for number, view in enumerate(exam.views):
            name = {
                "suffix-less": f"IM{number + 1:04d}",
                "dcm": f"IM{number + 1:04d}.dcm",
                "deflated": f"IM{number + 1:04d}.DCM",
                "uid": dicom_file.uid("folder", seed, exam.index, number),
            }.get(kind, f"chest {number + 1}.{kind}")
            short = round(size * SHORT_SHARE)
            rows, columns = (short, size) if view == "AP" else (size, short)
            path = f"{folder}/{name}"
            images.append(Image(exam, number, path, kind, bits, photometric, rows, columns))
    return images


def _files(job: Job) -> dict[str, bytes]:
    images, seed, masks = job
    files = {}
    for image in images:
        phantom = release.picture(image.exam, image.number, image.rows, image.columns, seed)
        if masks is not None and image.exam.views[image.number] != "LATERAL":
            release.write_masks(masks, image.image_id, phantom)
        files[image.path] = _encoded(image, phantom.radiograph, seed)
    folder = images[0].path.rsplit("/", 1)[0]
    return files | {f"{folder}/report.txt": images[0].exam.report.text.encode()}


def _encoded(image: Image, pixels: np.ndarray, seed: int) -> bytes:
    if image.kind == "png":
        return release.png(dicom_file.stored(pixels, image.bits))
    if image.kind == "jpeg":
        return release.jpeg(pixels)
    if image.kind == "tiff":
        return cv2.imencode(".tiff", dicom_file.stored(pixels, image.bits))[1].tobytes()
    view = image.exam.views[image.number]
    return dicom_file.encode(
        pixels,
        image.bits,
        image.photometric,
        DeflatedExplicitVRLittleEndian if image.kind == "deflated" else ExplicitVRLittleEndian,
        instance=dicom_file.uid("folder", seed, image.exam.index, image.number),
        study=dicom_file.uid("study", seed, image.exam.index),
        ViewPosition={"LATERAL": "LL"}.get(view, view),
    )
