"""A miniature Montgomery County set of phantoms: images, readings and a mask for each side.

Layout, names and the words of the readings from the set's page and papers (Jaeger 2014). What
differs on purpose: half of the patients are ill (58 of 138 in the original).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.release import Exam

LONG_SIDE = 4892  # pixels of the longer side; the shorter one has 4020
SHORT_SHARE = 4020 / 4892
# What a reader calls tuberculosis; a fracture or an enlarged heart is something else.
TUBERCULOSIS = {
    "consolidation": "{side} lung infiltrate consistent with active TB",
    "nodule": "nodular opacity in the {side} lung, likely TB",
    "effusion": "{side} pleural effusion, TB pleurisy",
    "edema": "extensive bilateral airspace disease, miliary TB",
    "pneumothorax": "{side} pneumothorax with cavitary TB",
}
KINDS = ((("PA",), 1.0),)
CHANCES = dict.fromkeys(TUBERCULOSIS, 0.3) | {"fracture": 0.06, "cardiomegaly": 0.1}


@dataclass(frozen=True)
class Image:
    """One radiograph to be, and what the release says of it."""

    exam: Exam
    stem: str  # MCUCXR_0001_0
    sex: str  # F, M, or O where it is not told
    rows: int
    columns: int

    @property
    def tuberculosis(self) -> bool:
        """The digit at the end of the name."""
        return self.stem.endswith("1")


Job = tuple[Image, int, Path | None]


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
        studies: how many patients, each with one image.
        seed: of all that is random.
        size: pixels of the longer side of every image.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks go; outside `root`, absent or empty. None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    images = plan(studies, seed, size)
    jobs: list[Job] = [(image, seed, masks) for image in images]
    release.write_files(root, jobs, _files, workers, progress)
    return len(images)


def plan(studies: int, seed: int, size: int = LONG_SIDE) -> list[Image]:
    """All that is known before a pixel is computed: normal images first, then tuberculosis."""
    exams = release.draw_exams(studies, seed, KINDS, chances=CHANCES, once=True)
    ordered = sorted(exams, key=lambda exam: bool(_ill(exam)))
    images = []
    for number, exam in enumerate(ordered, 1):
        rng = np.random.default_rng([seed, 21, exam.index])
        short = round(size * SHORT_SHARE)
        rows, columns = (size, short) if rng.random() < 0.3 else (short, size)
        stem = f"MCUCXR_{number:04d}_{int(bool(_ill(exam)))}"
        sex = "O" if rng.random() < 0.05 else exam.subject.sex
        images.append(Image(exam, stem, sex, rows, columns))
    return images


def reading(image: Image) -> str:
    """The clinical reading as the release has it."""
    finding = ". ".join(_ill(image.exam)) or "normal"
    lines = (f"Patient's Sex: {image.sex}", f"Patient's Age: {image.exam.years:03d}Y", finding)
    return "\r\n".join(lines) + "\r\n"


def _ill(exam: Exam) -> list[str]:
    return [
        TUBERCULOSIS[name].format(side=exam.subject.side)
        for name in exam.subject.findings
        if name in TUBERCULOSIS
    ]


def _files(job: Job) -> dict[str, bytes]:
    image, seed, masks = job
    phantom = release.picture(image.exam, 0, image.rows, image.columns, seed)
    if masks is not None:
        release.write_masks(masks, image.stem, phantom)
    sides = {"leftMask": phantom.left_lung, "rightMask": phantom.right_lung}
    files = {
        f"ManualMask/{side}/{image.stem}.png": release.png(lung.astype(np.uint8) * 255)
        for side, lung in sides.items()
    }
    files[f"CXR_png/{image.stem}.png"] = release.png(phantom.radiograph)
    files[f"ClinicalReadings/{image.stem}.txt"] = reading(image).encode()
    return {f"MontgomerySet/{path}": data for path, data in files.items()}
