"""A miniature ChestX-ray14 release of phantoms: same folders, tables, lists and header quirks.

Layout from the release's own tables and Wang 2017 (10.1109/CVPR.2017.369). What differs on
purpose: half of the images with a finding that the release draws boxes for have one (880 of
112,120 in the original), and one patient in five is in the test list.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.release import Exam

LONG_SIDE = 1024  # pixels of both sides
# What a report-reading program makes of a finding: one of these. Devices and fractures it ignores.
MINED = {
    "effusion": ("Effusion", "Effusion|Pleural_Thickening"),
    "pneumothorax": ("Pneumothorax", "Pneumothorax|Emphysema"),
    "consolidation": (
        "Infiltration",
        "Consolidation|Infiltration",
        "Atelectasis|Infiltration",
        "Pneumonia",
    ),
    "cardiomegaly": ("Cardiomegaly",),
    "nodule": ("Nodule", "Mass", "Fibrosis|Nodule"),
    "edema": ("Edema",),
    "atelectasis": ("Atelectasis",),
    "opacity": ("Infiltration",),
    "pneumonia": ("Pneumonia", "Infiltration|Pneumonia", "Consolidation|Pneumonia"),
    "pleura": ("Pleural_Thickening",),
}
# As the table of boxes spells them; other labels have no boxes.
BOXED = {
    name: "Infiltrate" if name == "Infiltration" else name
    for name in ("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule",
                 "Pneumonia", "Pneumothorax")
}  # fmt: skip
PATIENTS = 30805  # of the original: numbers go up to this
FIRST_IN_FOLDER = (
    "00000001_000", "00001336_000", "00003923_014", "00006585_007", "00009232_004", "00011558_008",
    "00013774_026", "00016051_010", "00018387_035", "00020945_050", "00024718_000", "00028173_003",
)  # fmt: skip
COLUMNS = (
    "Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender",
    "View Position", "OriginalImage[Width", "Height]", "OriginalImagePixelSpacing[x", "y]",
)  # fmt: skip
BOX_COLUMNS = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
# Width, height and pixel spacing of the films before they were made square.
FILMS = (
    (2992, 2991, 0.143),
    (2500, 2048, 0.168),
    (2048, 2500, 0.171),
    (2682, 2749, 0.14300000000000002),
)


@dataclass(frozen=True)
class Image:
    """One row of the table of images, and whom to render."""

    exam: Exam
    stem: str  # 00000001_000
    follow_up: int
    patient: int
    labels: tuple[str, ...]
    mined: tuple[tuple[str, str], ...]  # (finding, label of a box), where there is a box
    film: tuple[int, int, float]
    test: bool

    @property
    def path(self) -> str:
        """The image's file, relative to the release."""
        number = sum(self.stem >= first for first in FIRST_IN_FOLDER)
        return f"images_{number:03d}/images/{self.stem}.png"


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
        size: pixels of both sides; boxes are in pixels of the original 1024 whatever it is.
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
        boxes = "".join((Path(notes) / image.stem).read_text() for image in planned)
    release.write(root, "Data_Entry_2017_v2020.csv", _table(planned))
    # The header names three columns more than the rows have.
    header = release.csv_bytes([BOX_COLUMNS])
    release.write(root, "BBox_List_2017.csv", header + boxes.encode())
    for name, test in (("train_val_list.txt", False), ("test_list.txt", True)):
        listed = "\n".join(f"{image.stem}.png" for image in planned if image.test == test)
        release.write(root, name, listed.encode())
    return len(planned)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in the order of the table."""
    exams = release.draw_exams(studies, seed)
    patients = exams[-1].patient + 1
    images = []
    for exam in exams:
        number = sum(e.patient == exam.patient for e in exams[: exam.index])
        patient = 1 + exam.patient * (PATIENTS - 1) // max(patients - 1, 1)
        rng = np.random.default_rng([seed, 21, exam.index])
        labels, boxes = _mine(exam, rng)
        images.append(
            Image(
                exam=exam,
                stem=f"{patient:08d}_{number:03d}",
                # In one file of five the number in the name is not the follow-up.
                follow_up=number + int(rng.random() < 0.2),
                patient=patient,
                labels=labels,
                mined=boxes,
                film=FILMS[int(rng.integers(len(FILMS)))],
                test=exam.patient % 5 == 1,
            )
        )
    return images


def _mine(
    exam: Exam, rng: np.random.Generator
) -> tuple[tuple[str, ...], tuple[tuple[str, str], ...]]:
    """The labels in the order the table lists them, and which findings get a box of which label."""
    mined = {
        finding: MINED[finding][int(rng.integers(len(MINED[finding])))].split("|")
        for finding in exam.subject.findings
        if finding in MINED
    }
    labels = list(dict.fromkeys(name for names in mined.values() for name in names))
    rng.shuffle(labels)
    boxes = tuple((f, BOXED[n]) for f, names in mined.items() for n in names if n in BOXED)
    return tuple(labels) or ("No Finding",), boxes if rng.random() < 0.5 else ()


def _files(job: Job) -> dict[str, bytes]:
    """The image of a job; its boxes are noted, and its masks written where they are asked for."""
    image, seed, size, masks, notes = job
    phantom = release.picture(image.exam, 0, size, size, seed)
    if masks is not None:
        release.write_masks(masks, image.stem, phantom)
    boxes = [
        (f"{image.stem}.png", label, *_box(phantom.findings[finding], LONG_SIDE / size))
        for finding, label in image.mined
        if phantom.findings[finding].any()
    ]
    release.write(notes, image.stem, release.csv_bytes(boxes))
    # One image among many is in colour with an alpha channel.
    pixels = phantom.radiograph
    if image.exam.index == 3:
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGRA)
    return {image.path: release.png(pixels)}


def _box(mask: np.ndarray, scale: float) -> tuple[str, ...]:
    """Left, top, width and height of a mask as the table prints them."""
    x, y, width, height = cv2.boundingRect(mask.astype(np.uint8))
    return tuple(f"{value * scale:.15g}" for value in (x, y, width, height))


def _table(planned: list[Image]) -> bytes:
    rows: list[tuple[object, ...]] = [COLUMNS]
    for image in planned:
        exam, (width, height, spacing) = image.exam, image.film
        rows.append(
            (
                f"{image.stem}.png",
                "|".join(image.labels),
                image.follow_up,
                image.patient,
                exam.years,
                exam.subject.sex,
                exam.views[0],
                width,
                height,
                spacing,
                spacing,
            )
        )
    return release.csv_bytes(rows)
