"""What all imitated archives share: who was examined how often, and files that repeat to the byte.

A replica draws its exams here, names them as its archive does, and writes the archive's layout.
"""

import csv
import gzip
import hashlib
import io
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import cv2
import numpy as np

from cxrkit import outputs
from cxrkit.errors import InputRefused
from cxrkit.imaging import processes
from cxrkit.phantom.anatomy import FINDINGS, Phantom, Subject, draw_subject, render
from cxrkit.phantom.dictation import Dictation, dictate
from cxrkit.phantom.subject import DEVICES

Job = TypeVar("Job")
Rows = Iterable[Sequence[object]]
Views = tuple[str, ...]

CHANCES = dict.fromkeys((name for name in FINDINGS if name not in DEVICES), 0.16) | {
    "fracture": 0.10, "pneumothorax": 0.08, "mediastinum": 0.10, "pleura": 0.10,
}  # fmt: skip
# Tubes and most lines are where the patient lies in bed; implants are anywhere.
IMPLANTS = {"line": 0.05, "pacemaker": 0.06, "port": 0.05, "wires": 0.08}
IN_BED = IMPLANTS | {"tube": 0.3, "line": 0.4, "nasogastric": 0.25, "drain": 0.1}
# What was drawn from the start. The others are drawn from a child of the generator, so that people
# and pictures of a seed stayed who they were when these came.
_FIRST = FINDINGS[:9]


@dataclass(frozen=True)
class Exam:
    """One examination of one patient, before a pixel is computed.

    `subject` is the patient with the exam's findings; `views` are "PA", "AP" or "LATERAL", one per
    radiograph. `years` is the age, `day` counts from a date that the archive chooses.
    """

    index: int
    patient: int  # 0, 1, ... in order of first exam
    subject: Subject
    views: Views
    years: int
    day: int
    report: Dictation


def draw_exams(
    count: int,
    seed: int,
    kinds: Sequence[tuple[Views, float]] = ((("PA",), 0.6), (("AP",), 0.4)),
    age: str = "adult",
    chances: dict[str, float] = CHANCES,
    once: bool = False,
) -> list[Exam]:
    """Exams of patients who come one to four times, in order of patient and day.

    Args:
        count: how many exams.
        seed: of all that is random; an exam does not depend on `count`.
        kinds: sets of views with their probability.
        age: "adult" or "child".
        chances: probability of each finding in the three exams of five that have any.
        once: every patient comes once.
    """
    exams: list[Exam] = []
    patient = 0
    while len(exams) < count:
        rng = np.random.default_rng([seed, 11, patient])
        stature = (
            rng.uniform(0.5, 0.8) if age == "child" else np.clip(rng.normal(1, 0.05), 0.9, 1.1)
        )
        person = replace(draw_subject(rng), age=age, stature=float(stature))
        years = int(rng.integers(1, 6) if age == "child" else rng.integers(18, 91))
        visits = 1 if once else int(rng.choice([1, 2, 3, 4], p=[0.5, 0.25, 0.15, 0.1]))
        day = int(rng.integers(3000))
        for _ in range(min(visits, count - len(exams))):
            exams.append(_exam(len(exams), patient, person, kinds, chances, years, day, rng))
            day += int(rng.integers(1, 400))
        patient += 1
    return exams


def _exam(
    index: int, patient: int, person: Subject, kinds: Sequence[tuple[Views, float]],
    chances: dict[str, float], years: int, day: int, rng: np.random.Generator,
) -> Exam:  # fmt: skip
    views = kinds[int(rng.choice(len(kinds), p=[share for _, share in kinds]))][0]
    portable = views[0] == "AP" and person.age == "adult"
    found = draw_findings(portable, chances, rng)
    subject = replace(
        person,
        findings=found,
        side="left" if rng.random() < 0.5 else "right",
        extent=float(rng.uniform(0.1, 1)),
        inspiration=float(np.clip(person.inspiration + rng.normal(0, 0.1), 0, 1)),
    )
    return Exam(index, patient, subject, views, years, day, dictate(subject, views, rng))


def draw_findings(
    portable: bool, chances: dict[str, float], rng: np.random.Generator
) -> tuple[str, ...]:
    """Findings of one exam, in the order of `FINDINGS`: none in two exams of five.

    Args:
        portable: an adult in bed, with more devices.
        chances: probability of each finding in the other three; devices have their own.
        rng: chooses.
    """
    likely = chances | (IN_BED if portable else IMPLANTS)
    later = rng.spawn(1)[0]
    ill = rng.random() >= 0.4
    draws = {name: (rng if name in _FIRST else later).random() for name in FINDINGS}
    return tuple(name for name in FINDINGS if ill and draws[name] < likely.get(name, 0.0))


def picture(exam: Exam, number: int, rows: int, columns: int, seed: int) -> Phantom:
    """Radiograph `number` of the exam with its exact masks, (rows, columns)."""
    subject = replace(exam.subject, view=exam.views[number])
    return render(subject, rows, columns, np.random.default_rng([seed, 12, exam.index, number]))


def refuse_filled(*folders: Path) -> None:
    """Pass where each folder is absent or empty.

    Raises:
        InputRefused: E105, one of them is a file or holds something.
    """
    for folder in folders:
        if folder.exists() and not (folder.is_dir() and outputs.is_empty(folder)):
            raise InputRefused(
                "E105",
                str(folder),
                "it exists and is not empty",
                "an absent or empty folder",
                "choose another folder or empty this one",
            )


def accept_folders(root: Path, masks: Path | None) -> None:
    """Pass where a release and its exact masks may be written.

    Raises:
        InputRefused: E105, a folder holds something; E107, `masks` lies in `root`.
    """
    refuse_filled(root, *([] if masks is None else [masks]))
    if masks is not None and masks.resolve().is_relative_to(root.resolve()):
        raise InputRefused(
            "E107",
            str(masks),
            "masks inside the release",
            "a folder outside it",
            "give --masks another folder, so that the release stays exact",
        )


def write_files(
    root: Path,
    jobs: Sequence[Job],
    files: Callable[[Job], dict[str, bytes]],
    workers: int,
    progress: Callable[[int], None],
) -> dict[str, str]:
    """Write the files of every job below `root`; SHA-256 by path.

    Args:
        root: the release.
        jobs: what can be written independently; one of them is one step of `progress`.
        files: a function of a module: the content of a job's files by path below `root`.
        workers: processes; the result does not depend on it.
        progress: called with the number of finished jobs.
    """
    sums: dict[str, str] = {}
    for done, made in enumerate(_made(jobs, files, workers), 1):
        sums |= {path: write(root, path, data) for path, data in made.items()}
        progress(done)
    return sums


def _made(
    jobs: Sequence[Job], files: Callable[[Job], dict[str, bytes]], workers: int
) -> Iterator[dict[str, bytes]]:
    if workers <= 1:
        yield from map(files, jobs)
        return
    # Forking after OpenCV has started its threads can deadlock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _begin) as pool:
        with processes.without_interrupts():
            made = pool.map(files, jobs)
        yield from made


def _begin() -> None:
    """One process is one thread of work, and Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


def write(root: Path, path: str, data: bytes) -> str:
    """Write one file below `root`; its SHA-256."""
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def write_masks(masks: Path, image_id: str, phantom: Phantom) -> None:
    """Write the exact lung masks of both conventions, `excluded/` and `included/` PNG files."""
    both = {
        "excluded": phantom.right_lung | phantom.left_lung,
        "included": phantom.right_lung_with_heart | phantom.left_lung_with_heart,
    }
    for convention, mask in both.items():
        write(masks, f"{convention}/{image_id}.png", png(mask.astype(np.uint8) * 255))


def png(pixels: np.ndarray) -> bytes:
    """(H, W) uint8 or uint16 as a PNG file of one channel."""
    return cv2.imencode(".png", pixels)[1].tobytes()


def jpeg(pixels: np.ndarray, quality: int = 95) -> bytes:
    """(H, W) uint8 as a JPEG file of one channel."""
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def csv_bytes(rows: Rows) -> bytes:
    """The rows as CSV with line feeds, in UTF-8."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def gzipped(data: bytes) -> bytes:
    """The data in a gzip file without time and name, so that bytes repeat."""
    return gzip.compress(data, 9, mtime=0)


def sums_bytes(sums: dict[str, str]) -> bytes:
    """A SHA256SUMS.txt as PhysioNet publishes it: digest, space, path, sorted by path."""
    return "".join(f"{digest} {path}\n" for path, digest in sorted(sums.items())).encode()
