"""A miniature SIIM-ACR pneumothorax set of phantoms, in either of its two forms.

Layout from the competition's table and files (DICOM with baseline JPEG, gaps and lengths down
columns, a header and values that begin with a blank) and from the reorganised PNG form. What
differs on purpose: of four images with pneumothorax the rows are one, three, two and four, where
the original has one row for three images of four; and one DICOM file in sixteen has no row.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from pydicom.uid import JPEGBaseline8Bit

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.release import Exam

LONG_SIDE = 1024  # pixels of both sides
HEADER = "ImageId, EncodedPixels"
ROWS = (1, 3, 2, 4)  # of the images with pneumothorax, one after the other
POSITIVE = 2669 / 12047  # share of images with pneumothorax
UNLISTED = 16  # one image in so many has no row
TEST = 1372 / 12047  # share of the second stage list
_FINDING = "pneumothorax"


@dataclass(frozen=True)
class Image:
    """One radiograph: whom to render, its UIDs, and how many rows outline its pneumothorax."""

    exam: Exam
    image_id: str
    study: str
    series: str
    rows: int  # 0: no pneumothorax, one row that says so
    listed: bool  # whether the table has it at all
    test: bool

    @property
    def path(self) -> str:
        """The DICOM file, relative to the release."""
        return f"dicom-images-train/{self.study}/{self.series}/{self.image_id}.dcm"


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
    """Write the competition's form, the same bytes for the same arguments; the number of images.

    Args:
        root: folder to fill; absent or empty.
        studies: how many studies, of one image each.
        seed: of all that is random.
        size: pixels of both sides.
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
        release.write_files(root, jobs, _dicom_files, workers, progress)
        lines = [
            line
            for image in planned
            if image.listed
            for line in (Path(notes) / image.image_id).read_text().splitlines(keepends=True)
        ]
    order = np.random.default_rng([seed, 42]).permutation(len(lines))
    text = f"{HEADER}\n" + "".join(lines[k] for k in order)
    release.write(root, "train-rle.csv", text.encode())
    return len(planned)


def write_png_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the reorganised PNG form of the same images; arguments as `write_release`.

    It holds the images that the competition's table lists, their pixels as the DICOM files store
    them, and united masks.

    Raises:
        InputRefused: as `write_release`.
    """
    release.accept_folders(root, masks)
    planned = [image for image in plan(studies, seed) if image.listed]
    stages: dict[str, list[Image]] = {"train": [], "test": []}
    for image in sorted(planned, key=lambda image: image.image_id):
        stages["test" if image.test else "train"].append(image)
    names = {
        image.image_id: f"{number}_{stage}_{int(image.rows > 0)}_.png"
        for stage, images in stages.items()
        for number, image in enumerate(images)
    }
    jobs = [(image, names[image.image_id], seed, size, masks) for image in planned]
    release.write_files(root, jobs, _png_files, workers, progress)
    for stage, images in stages.items():
        table: list[tuple[object, ...]] = [("new_filename", "ImageId", "has_pneumo")]
        table += [(names[i.image_id], i.image_id, int(i.rows > 0)) for i in images]
        path = f"siim-acr-pneumothorax/stage_1_{stage}_images.csv"
        release.write(root, path, release.csv_bytes(table))
    return len(planned)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in order of patient and day."""
    exams = release.draw_exams(studies, seed)
    rng = np.random.default_rng([seed, 41])
    positive = sorted(rng.choice(studies, max(1, round(studies * POSITIVE)), replace=False))
    rest = [k for k in range(studies) if k not in positive]
    unlisted = set(rng.choice(rest, len(rest) // UNLISTED, replace=False)) if rest else set()
    test = set(rng.choice(studies, round(studies * TEST), replace=False))
    images = []
    for k, exam in enumerate(exams):
        found = [name for name in exam.subject.findings if name != _FINDING]
        if k in positive:
            found.append(_FINDING)
        instance, study, series = (_uid(seed, k, n) for n in ("instance", "study", "series"))
        rows = ROWS[positive.index(k) % len(ROWS)] if k in positive else 0
        ill = replace(exam, subject=replace(exam.subject, findings=tuple(found)))
        images.append(Image(ill, instance, study, series, rows, k not in unlisted, k in test))
    return images


def outlines(mask: np.ndarray, rows: int) -> list[np.ndarray]:
    """That many (H, W) bool masks, none empty, that unite to the mask.

    An even number are parts of it, which do not overlap; an odd one above 1 are readings by several
    people, of whom each left out another part. A mask of fewer pixels gives fewer.
    """
    pixels = np.flatnonzero(mask.T)  # in the order of the run lengths
    if not rows:
        return []
    if rows % 2 == 0 or rows == 1:
        kept = np.array_split(pixels, rows)
    else:
        kept = [np.setdiff1d(pixels, left_out) for left_out in np.array_split(pixels, rows)]
    flat = np.zeros((rows, mask.size), bool)
    for row, part in zip(flat, kept, strict=True):
        row[part] = True
    return [row.reshape(mask.T.shape).T for row in flat if row.any()]


def gaps(mask: np.ndarray) -> str:
    """A (H, W) bool mask as gaps since the last run and lengths of runs, down the columns."""
    flat = np.pad(mask.T.ravel().astype(np.int8), 1)
    edges = np.flatnonzero(np.diff(flat))  # where runs begin and end, in turn
    return " ".join(map(str, np.diff(edges, prepend=0)))


def _uid(seed: int, index: int, kind: str) -> str:
    return dicom_file.uid("siim", kind, seed, index)


def _render(
    image: Image, size: int, seed: int, masks: Path | None
) -> tuple[np.ndarray, np.ndarray]:
    """The pneumothorax, (H, W) bool, and the picture, (H, W) uint8; writes the lung masks."""
    phantom = release.picture(image.exam, 0, size, size, seed)
    if masks is not None:
        release.write_masks(masks, image.image_id, phantom)
    found = phantom.findings.get(_FINDING)
    mask = np.zeros((size, size), bool) if found is None else found
    return mask, phantom.radiograph


def _dicom_files(job: Job) -> dict[str, bytes]:
    """The DICOM file of one image; its rows go to the folder of notes."""
    image, seed, size, masks, notes = job
    mask, picture = _render(image, size, seed, masks)
    texts = [gaps(part) for part in outlines(mask, image.rows)]
    rows = "".join(f"{image.image_id}, {text}\n" for text in texts or ["-1"])
    (notes / image.image_id).write_text(rows)
    exam = image.exam
    return {
        image.path: dicom_file.encode(
            picture,
            bits=8,
            syntax=JPEGBaseline8Bit,
            instance=image.image_id,
            study=image.study,
            series=image.series,
            ViewPosition=exam.views[0],
            PatientSex=exam.subject.sex,
            PatientAge=f"{exam.years:03d}Y",
            BodyPartExamined="CHEST",
            ConversionType="WSD",
        )
    }


def _png_files(job: tuple[Image, str, int, int, Path | None]) -> dict[str, bytes]:
    """Image and united mask of one image."""
    image, name, seed, size, masks = job
    mask, picture = _render(image, size, seed, masks)
    # As the DICOM file stores it: through the same JPEG stream.
    stream = np.frombuffer(release.jpeg(picture), np.uint8)
    stored = np.asarray(cv2.imdecode(stream, cv2.IMREAD_GRAYSCALE))
    folder = "siim-acr-pneumothorax"
    return {
        f"{folder}/png_images/{name}": release.png(stored),
        f"{folder}/png_masks/{name}": release.png(mask.astype(np.uint8) * 255),
    }


# What `cxr phantom --form` offers; the first is written without it.
FORMS = {"competition": write_release, "png": write_png_release}
