"""A miniature CheXpert release (the full-size form) of phantoms: same tree, same two tables.

Layout and column order from the release's tables and Irvin 2019 (arXiv:1901.07031). What differs
on purpose: one patient in five is in the valid part (200 of 64,740 in the original), and each
rarity of the original has one study in fifty.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.release import Exam, Views
from cxrkit.terms import FRONTAL_VIEWS

LONG_SIDE = 2828  # pixels; 2320 x 2828 is a frequent size of the original
SHORT_SHARE = 2320 / 2828
FOLDER = "CheXpert-v1.0"
# The tables' order: Lung Opacity before Lung Lesion.
LABEL_COLUMNS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion",
    "Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion",
    "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
COLUMNS = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *LABEL_COLUMNS)
PATIENTS = 64540  # of train in the original; those of valid have the numbers after
KINDS: tuple[tuple[Views, float], ...] = (
    (("AP",), 0.55),
    (("PA", "LATERAL"), 0.3),
    (("AP", "AP"), 0.1),
    (("PA",), 0.05),
)
# Which of fifty studies of train has which rarity.
MARKED_FRONTAL, UNKNOWN_SEX, AGE_ZERO, ALL_BLANK = 1, 2, 3, 0


@dataclass(frozen=True)
class Study:
    """One study to be, and the rows of its images."""

    exam: Exam
    part: str  # train or valid
    patient: int
    number: int  # of the patient's studies, from 1
    order: int  # among the studies of its part, from 0

    @property
    def folder(self) -> str:
        """The study's folder as the column Path names it."""
        return f"{FOLDER}/{self.part}/patient{self.patient:05d}/study{self.number}"

    def path(self, view: int) -> str:
        """The file of an image of the study, relative to the release."""
        kind = "frontal" if self.exam.views[view] in FRONTAL_VIEWS else "lateral"
        return f"{self.folder}/view{view + 1}_{kind}.jpg"


Job = tuple[Study, int, int, Path | None]


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
        studies: how many studies.
        seed: of all that is random.
        size: pixels of the longer side of every image.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks of the frontal images go, `excluded/` and `included/`;
            None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed)
    jobs: list[Job] = [(study, seed, size, masks) for study in planned]
    release.write_files(root, jobs, _files, workers, progress)
    for part in ("train", "valid"):
        rows = [row for study in planned if study.part == part for row in table_rows(study)]
        release.write(root, f"{FOLDER}/{part}.csv", release.csv_bytes([COLUMNS, *rows]))
    return sum(len(study.exam.views) for study in planned)


def plan(studies: int, seed: int) -> list[Study]:
    """All that is known before a pixel is computed, in the order of the tables."""
    exams = release.draw_exams(studies, seed, KINDS)
    count = exams[-1].patient + 1
    numbers = {
        patient: PATIENTS + 1 + patient // 5
        if patient % 5 == 1
        else 1 + patient * (PATIENTS - 1) // count
        for patient in range(count)
    }
    planned: list[Study] = []
    for exam in exams:
        part = "valid" if exam.patient % 5 == 1 else "train"
        planned.append(
            Study(
                exam=exam,
                part=part,
                patient=numbers[exam.patient],
                number=1 + sum(e.patient == exam.patient for e in exams[: exam.index]),
                order=sum(study.part == part for study in planned),
            )
        )
    return planned


def labels(study: Study) -> dict[str, int]:
    """The labels of every image of the study: the report's in train, all 14 as 0 or 1 in valid."""
    found = study.exam.report.labels
    if study.part == "valid":
        return {name: int(found.get(name) == 1) for name in LABEL_COLUMNS}
    return {} if study.order % 50 == ALL_BLANK else found


def table_rows(study: Study) -> list[tuple[object, ...]]:
    """The rows of the study's images as the tables print them."""
    exam, rarity = study.exam, study.order % 50 if study.part == "train" else -1
    sex = "Unknown" if rarity == UNKNOWN_SEX else {"M": "Male", "F": "Female"}[exam.subject.sex]
    stated = labels(study)
    cells = tuple(f"{stated[name]}.0" if name in stated else "" for name in LABEL_COLUMNS)
    rows: list[tuple[object, ...]] = []
    for number, view in enumerate(exam.views):
        frontal = view in FRONTAL_VIEWS
        position = view if frontal else ""
        if rarity == MARKED_FRONTAL and frontal:
            position = "LL"
        age = 0 if rarity == AGE_ZERO else exam.years
        kind = "Frontal" if frontal else "Lateral"
        rows.append((study.path(number), sex, age, kind, position, *cells))
    return rows


def _files(job: Job) -> dict[str, bytes]:
    """The images of a job; their masks are written where they are asked for."""
    study, seed, size, masks = job
    short = round(size * SHORT_SHARE)
    files = {}
    for number, view in enumerate(study.exam.views):
        rows, columns = (short, size) if view == "AP" else (size, short)
        phantom = release.picture(study.exam, number, rows, columns, seed)
        path = study.path(number)
        if masks is not None and view in FRONTAL_VIEWS:
            stem = path.removeprefix(f"{FOLDER}/").removesuffix(".jpg").replace("/", "-")
            release.write_masks(masks, stem, phantom)
        # The release's files are histogram-equalised (stanfordmlgroup/chexpert-labeler, thread 11).
        files[path] = release.jpeg(np.asarray(cv2.equalizeHist(phantom.radiograph)))
    return files
