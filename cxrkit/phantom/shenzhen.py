"""A miniature Shenzhen set of phantoms: images and readings as published, masks of most images.

Layout, names and the readings' handwriting from the set's page and papers (Jaeger 2014), masks as
SZ-CXR has them (Stirenko 2018): for 566 of 662 images. `write_masked_release` writes SZ-CXR's own
layout, without readings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.release import Exam

LONG_SIDE = 3001  # pixels; the release has 989 x 1225 to 3001 x 3001
MASKED = 566 / 662  # share of the images that have a mask
KINDS = ((("PA",), 0.8), (("AP",), 0.2))
TUBERCULOSIS = {
    "consolidation": ("{side} PTB", "{side} upper PTB", "{side} secondary PTB"),
    "nodule": ("{side} secondary PTB in the upper field", "STB {side}"),
    "effusion": ("{side} pleuritis", "{side} secondary PTB with {side} pleuritis"),
    "edema": ("bilateral PTB", "bilateral hematogenous disseminated PTB"),
    "pneumothorax": ("{side} PTB with pneumothorax",),
}
CHANCES = dict.fromkeys(TUBERCULOSIS, 0.3) | {"fracture": 0.06}
# How people typed it: most as the first.
WRITINGS = ("{sex} {years}yrs", "{sex} {years}yrs", "{Sex} {years}yrs", "{sex}, {years}yrs",
            "{sex} {years} yr", "{sex}{years}yrs")  # fmt: skip


@dataclass(frozen=True)
class Image:
    """One radiograph to be, and what the release says of it."""

    exam: Exam
    stem: str  # CHNCXR_0001_0
    patient: str  # first line of the reading: "male 45yrs"
    sex: str  # what that line says: F, M, or "" where it tells no sex
    age: float  # years, as that line says
    finding: str
    rows: int
    columns: int
    masked: bool


Job = tuple[Image, int, Path | None, bool]


def write_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write ChinaSet_AllFiles and `masks`, the same bytes for the same arguments; how many images.

    Args:
        root: folder to fill; absent or empty.
        studies: how many patients, each with one image.
        seed: of all that is random.
        size: pixels of the longer side of the largest images.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks go; outside `root`, absent or empty. None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    return _write(root, studies, seed, size, workers, masks, progress, readings=True)


def write_masked_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the same images and masks in the layout of SZ-CXR; arguments as `write_release`.

    Raises:
        InputRefused: as `write_release`.
    """
    return _write(root, studies, seed, size, workers, masks, progress, readings=False)


def _write(
    root: Path, studies: int, seed: int, size: int, workers: int, masks: Path | None,
    progress: Callable[[int], None], readings: bool,
) -> int:  # fmt: skip
    release.accept_folders(root, masks)
    images = plan(studies, seed, size)
    jobs: list[Job] = [(image, seed, masks, readings) for image in images]
    release.write_files(root, jobs, _files, workers, progress)
    return len(images)


def plan(studies: int, seed: int, size: int = LONG_SIDE) -> list[Image]:
    """All that is known before a pixel is computed: normal images first, then tuberculosis."""
    grown = release.draw_exams(studies, seed, KINDS, chances=CHANCES, once=True)
    small = release.draw_exams(studies, seed, KINDS, age="child", chances=CHANCES, once=True)
    # One patient in twelve is a child; the age of some is given in months or days.
    exams = [s if k % 12 == 5 else g for k, (g, s) in enumerate(zip(grown, small, strict=True))]
    exams.sort(key=lambda exam: _ill(exam))
    return [_image(exam, number, seed, size) for number, exam in enumerate(exams, 1)]


def _image(exam: Exam, number: int, seed: int, size: int) -> Image:
    rng = np.random.default_rng([seed, 22, exam.index])
    rows, columns = (round(size * float(rng.choice([1, 0.97, 0.8, 0.41]))) for _ in range(2))
    sex = {"F": "female", "M": "male"}[exam.subject.sex]
    sex = "femal" if sex == "female" and rng.random() < 0.2 else sex
    line = WRITINGS[int(rng.integers(len(WRITINGS)))]
    patient = line.format(sex=sex, Sex=sex.capitalize(), years=exam.years)
    told, age = exam.subject.sex, float(exam.years)
    if exam.subject.age == "child":
        count = int(rng.integers(2, 24))
        days = rng.random() < 0.5
        patient = f"{count * 8}days" if days else f"{count}month"
        told, age = "", count * 8 / 365.25 if days else count / 12
    words = [
        text[int(rng.integers(len(text)))].format(side=exam.subject.side)
        for name, text in TUBERCULOSIS.items()
        if name in exam.subject.findings
    ]
    return Image(
        exam,
        f"CHNCXR_{number:04d}_{int(_ill(exam))}",
        patient,
        told,
        age,
        ", ".join(words) or "normal",
        rows,
        columns,
        # Every seventh has none, which is nearest to the original's share.
        masked=number % round(1 / (1 - MASKED)) != 3,
    )


def _ill(exam: Exam) -> bool:
    return any(name in TUBERCULOSIS for name in exam.subject.findings)


def _files(job: Job) -> dict[str, bytes]:
    image, seed, masks, readings = job
    phantom = release.picture(image.exam, 0, image.rows, image.columns, seed)
    if masks is not None:
        release.write_masks(masks, image.stem, phantom)
    folder = "ChinaSet_AllFiles/CXR_png" if readings else "SZ-CXR/images"
    files = {f"{folder}/{image.stem}.png": release.png(phantom.radiograph)}
    if readings:
        text = f"{image.patient}\r\n{image.finding}\r\n"
        files[f"ChinaSet_AllFiles/ClinicalReadings/{image.stem}.txt"] = text.encode()
    if image.masked:
        lungs = (phantom.right_lung | phantom.left_lung).astype(np.uint8) * 255
        folder = "masks" if readings else "SZ-CXR/masks"
        files[f"{folder}/{image.stem}_mask.png"] = release.png(lungs)
    return files


# What `cxr phantom --form` offers; the first is written without it.
FORMS = {"nlm": write_release, "sz-cxr": write_masked_release}
