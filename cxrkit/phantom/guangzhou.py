"""A miniature Guangzhou set of phantoms: children, in the published folders under published names.

Layout and names from the files of Mendeley Data V2 (Kermany 2018). What differs on purpose: one
child in three is normal and one in four is in `test`, so that a few studies show every folder;
`val` has one normal child and one ill one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.release import Exam

LONG_SIDE = 2916  # pixels of the longer side of the widest image; the smallest has 384
QUALITY = 95
KINDS = ((("AP",), 1.0),)


@dataclass(frozen=True)
class Image:
    """One radiograph to be."""

    exam: Exam
    folder: str  # train/PNEUMONIA
    stem: str  # person23_bacteria_78
    person: str  # person23 or IM-0429: whose image it is
    rows: int
    columns: int


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
        studies: how many examinations, each with one image.
        seed: of all that is random.
        size: pixels of the longer side of the largest images.
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
    """All that is known before a pixel is computed, in order of patient and exam."""
    visits: dict[int, int] = {}
    counters = {"bacteria": 0, "virus": 0}
    images = []
    for exam in release.draw_exams(studies, seed, KINDS, age="child"):
        rng = np.random.default_rng([seed, 23, exam.index])
        visit = visits[exam.patient] = visits.get(exam.patient, 0) + 1
        rank, normal = exam.patient // 3, exam.patient % 3 == 1
        split = "val" if rank == 2 and exam.patient % 3 else "test" if rank % 4 == 1 else "train"
        if normal:
            exam = replace(exam, subject=replace(exam.subject, findings=()))
            person = f"IM-{exam.patient + 115:04d}"
            stem = _normal_name(person, visit)
        else:
            findings = tuple(dict.fromkeys(("consolidation", *exam.subject.findings)))
            exam = replace(exam, subject=replace(exam.subject, findings=findings))
            person = f"person{exam.patient + 1}"
            # One child's images have different causes.
            cause = "bacteria" if (visit + exam.patient // 2) % 2 else "virus"
            counters[cause] += 1
            stem = f"{person}_{cause}_{counters[cause]}"
        long = round(size * float(rng.choice([1, 0.7, 0.5])))
        rows = round(long * float(rng.uniform(0.62, 0.85)))
        folder = f"{split}/{'NORMAL' if normal else 'PNEUMONIA'}"
        images.append(Image(exam, folder, stem, person, rows, long))
    return images


def _normal_name(person: str, visit: int) -> str:
    """IM-0429-0001, and its other exposures IM-0429-0001-0001, ...; half are of a second series."""
    series = "NORMAL2-" if int(person[-4:]) % 2 else ""
    return f"{series}{person}-0001" + (f"-{visit - 1:04d}" if visit > 1 else "")


def _files(job: Job) -> dict[str, bytes]:
    image, seed, masks = job
    phantom = release.picture(image.exam, 0, image.rows, image.columns, seed)
    if masks is not None:
        release.write_masks(masks, image.stem, phantom)
    path = f"chest_xray/{image.folder}/{image.stem}.jpeg"
    return {path: release.jpeg(phantom.radiograph, QUALITY)}
