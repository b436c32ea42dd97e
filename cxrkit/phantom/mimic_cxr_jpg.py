"""A miniature MIMIC-CXR-JPG 2.1.0 release of phantoms: same tree, same tables, same column order.

Johnson et al. 2019, arXiv:1901.07042; facts of the layout from the release's own documentation.
Three things differ on purpose: splits are 80:10:10 by patient (the original's 98:1:1 would leave a
miniature without a test set), the radiologist labels every other test study instead of one in
five, and the reports, which belong to MIMIC-CXR, lie in the same tree.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.anatomy import Subject, draw_subject, render
from cxrkit.phantom.dictation import Dictation, dictate
from cxrkit.phantom.release import CHANCES
from cxrkit.terms import FRONTAL_VIEWS, OBSERVATIONS

LABEL_COLUMNS = tuple(sorted(OBSERVATIONS))
METADATA_COLUMNS = (
    "dicom_id",
    "subject_id",
    "study_id",
    "PerformedProcedureStepDescription",
    "ViewPosition",
    "Rows",
    "Columns",
    "StudyDate",
    "StudyTime",
    "ProcedureCodeSequence_CodeMeaning",
    "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)
LONG_SIDE = 3056  # pixels; the release's most frequent size is 3056 x 2544
SHORT_SHARE = 2544 / 3056
RADIOLOGIST = "mimic-cxr-2.1.0-test-set-labeled.csv"
# The radiologist's table has another name for one observation; the order of its columns is that of
# the labeler it was made to check.
RADIOLOGIST_COLUMNS = tuple(
    "Airspace Opacity" if name == "Lung Opacity" else name for name in OBSERVATIONS
)
Rows = list[tuple[object, ...]]
NOTICE = """Synthetic radiographs in the layout of MIMIC-CXR-JPG 2.1.0.

Every image, report, label, date and number here was computed by cxrkit from a seed. Nothing was
taken from a patient or from MIMIC-CXR. Do not use it to judge a medical method.
"""
LICENCE = (
    "Synthetic data without rights of others: CC0 1.0, creativecommons.org/publicdomain/zero/1.0\n"
)
VIEW_MEANING = {
    "PA": "postero-anterior",
    "AP": "antero-posterior",
    "LATERAL": "lateral",
    "LL": "left lateral",
}


@dataclass(frozen=True)
class Image:
    """One radiograph to be: its row of the metadata table and whom to render."""

    dicom_id: str
    subject: Subject
    view: str  # as the table prints it; "" for about 4 %
    rows: int
    columns: int


@dataclass(frozen=True)
class Study:
    """One study to be."""

    index: int
    subject_id: int
    study_id: int
    split: str
    procedure: str
    orientation: str
    date: int
    time: float
    images: tuple[Image, ...]
    report: Dictation | None  # None: the study has neither report nor label rows

    @property
    def folder(self) -> str:
        """The study's folder, relative to the release."""
        patient = str(self.subject_id)
        return f"files/p{patient[:2]}/p{patient}/s{self.study_id}"


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
        masks: where the exact lung masks go, `excluded/` and `included/` PNG files of the frontal
            images, with `truth.csv`; outside `root`, absent or empty. None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed, size)
    jobs = [(study, seed, masks) for study in planned]
    sums = release.write_files(root, jobs, _files_of, workers, progress)
    tables = _tables(planned, seed)
    sums |= {path: release.write(root, path, data) for path, data in tables.items()}
    release.write(root, "SHA256SUMS.txt", release.sums_bytes(sums))
    if masks is not None:
        _write_truth(planned, masks)
    return sum(len(study.images) for study in planned)


def plan(studies: int, seed: int, size: int = LONG_SIDE) -> list[Study]:
    """All that is known before a pixel is computed, in order of patient and study number."""
    rng = np.random.default_rng([seed, 0])
    shares = rng.choice([1, 2, 3, 4], studies, p=[0.5, 0.25, 0.15, 0.1]).cumsum()
    shares = np.minimum(shares[: int(np.searchsorted(shares, studies)) + 1], studies)
    numbers = _unique(rng, studies, 50_000_000)
    out: list[Study] = []
    for order, subject_id in enumerate(sorted(_unique(rng, len(shares), 10_000_000))):
        split = {8: "validate", 9: "test"}.get((order * 7 + 3) % 10, "train")
        person = replace(draw_subject(rng), age="adult", stature=float(rng.normal(1, 0.045)))
        for study_id in sorted(numbers[len(out) : int(shares[order])]):
            out.append(_plan_study(len(out), subject_id, study_id, split, person, seed, size))
    return _with_rarities(out, rng) if studies >= 50 else out


def _unique(rng: np.random.Generator, count: int, first: int) -> list[int]:
    """Distinct eight-digit numbers of one leading digit, spread evenly, in random order."""
    step = 10_000_000 // count
    spread = np.arange(count) * step + rng.integers(0, step, count) + first
    return [int(number) for number in rng.permutation(spread)]


def _with_rarities(planned: list[Study], rng: np.random.Generator) -> list[Study]:
    """The same studies, one of them without text and labels, one with an oblique view."""
    silent, turned = (int(k) for k in rng.choice(len(planned), 2, replace=False))
    out = list(planned)
    out[silent] = replace(out[silent], report=None)
    first, *others = out[turned].images
    subject = replace(first.subject, view="PA", rotation=24.0)
    out[turned] = replace(
        out[turned], images=(replace(first, subject=subject, view="LAO"), *others)
    )
    return out


def _plan_study(
    index: int, subject_id: int, study_id: int, split: str, person: Subject, seed: int, size: int
) -> Study:
    rng = np.random.default_rng([seed, 1, index])
    kinds = (("PA", "LATERAL"), ("PA", "LL"), ("AP",), ("AP", "AP"), ("AP", "LATERAL"), ("PA",))
    views = kinds[int(rng.choice(6, p=[0.33, 0.14, 0.34, 0.07, 0.06, 0.06]))]
    findings = release.draw_findings(views[0] == "AP", CHANCES, rng)
    subject = replace(
        person,
        findings=findings,
        side="left" if rng.random() < 0.5 else "right",
        extent=float(rng.uniform(0.1, 1)),
        inspiration=float(np.clip(person.inspiration + rng.normal(0, 0.1), 0, 1)),
    )
    images = [
        _plan_image(subject, view, (seed, study_id, k), size, rng) for k, view in enumerate(views)
    ]
    upright = views[0] == "PA"
    contradicts = not upright and rng.random() < 0.15
    return Study(
        index=index,
        subject_id=subject_id,
        study_id=study_id,
        split=split,
        procedure="CHEST (PA AND LAT)" if upright or contradicts else "CHEST (PORTABLE AP)",
        orientation="Erect" if upright else ("Recumbent", "Erect", "")[int(rng.integers(3))],
        date=int(rng.integers(2110, 2200)) * 10000
        + int(rng.integers(1, 13)) * 100
        + int(rng.integers(1, 29)),
        time=_clock(rng),
        images=tuple(sorted(images, key=lambda image: image.dicom_id)),
        report=dictate(subject, views, rng),
    )


def _plan_image(
    subject: Subject, view: str, key: tuple[int, int, int], size: int, rng: np.random.Generator
) -> Image:
    digest = hashlib.sha256(repr(key).encode()).hexdigest()[:40]
    short = round(size * SHORT_SHARE * float(rng.choice([1, 0.97, 0.83], p=[0.7, 0.2, 0.1])))
    wide = view == "AP" and rng.random() < 0.75
    rows, columns = (short, size) if wide else (size, short)
    rendered = "LATERAL" if view == "LL" else view
    return Image(
        dicom_id="-".join(digest[k : k + 8] for k in range(0, 40, 8)),
        subject=replace(subject, view=rendered),
        view="" if rng.random() < 0.04 else view,
        rows=rows,
        columns=columns,
    )


def _clock(rng: np.random.Generator) -> float:
    """A time HHMMSS.fff as the number that the table prints: leading zeros are lost."""
    hours, minutes, seconds = (int(rng.integers(top)) for top in (24, 60, 60))
    return hours * 10000 + minutes * 100 + seconds + int(rng.integers(1000)) / 1000


def _files_of(job: tuple[Study, int, Path | None]) -> dict[str, bytes]:
    """One study's images and report; its masks are written at once."""
    study, seed, masks = job
    files = {}
    for number, image in enumerate(study.images):
        rng = np.random.default_rng([seed, 2, study.index, number])
        phantom = render(image.subject, image.rows, image.columns, rng)
        # The release's files are histogram-equalised (MIT-LCP/mimic-cxr, thread 16).
        picture = cv2.equalizeHist(phantom.radiograph)
        files[f"{study.folder}/{image.dicom_id}.jpg"] = release.jpeg(picture)
        if masks is not None and image.subject.view in FRONTAL_VIEWS:
            release.write_masks(masks, image.dicom_id, phantom)
    if study.report is not None:
        files[f"{study.folder}.txt"] = study.report.text.encode()
    return files


def _tables(planned: list[Study], seed: int) -> dict[str, bytes]:
    """The five tables, the file list and the notices by path."""
    metadata: Rows = [METADATA_COLUMNS]
    split: Rows = [("dicom_id", "study_id", "subject_id", "split")]
    labels: dict[str, Rows] = {
        name: [("subject_id", "study_id", *LABEL_COLUMNS)] for name in ("chexpert", "negbio")
    }
    names: list[str] = []
    for study in planned:
        for image in study.images:
            metadata.append(metadata_row(study, image))
            split.append((image.dicom_id, study.study_id, study.subject_id, study.split))
            names.append(f"{study.folder}/{image.dicom_id}.jpg\n")
        if study.report is not None:
            for name, found in _two_labelers(
                study.report, np.random.default_rng([seed, 3, study.index])
            ):
                ids = (study.subject_id, study.study_id)
                labels[name].append((*ids, *cells(found, LABEL_COLUMNS)))
    tables: dict[str, Rows] = {"metadata": metadata, "split": split, **labels}
    return {
        **{
            f"mimic-cxr-2.0.0-{name}.csv.gz": release.gzipped(release.csv_bytes(rows))
            for name, rows in tables.items()
        },
        RADIOLOGIST: release.csv_bytes(_radiologist(planned)),
        "IMAGE_FILENAMES": "".join(names).encode(),
        "README": NOTICE.encode(),
        "LICENSE.txt": LICENCE.encode(),
    }


def cells(labels: dict[str, int], columns: tuple[str, ...]) -> tuple[str, ...]:
    """The labels as the tables print them, "1.0", or blank where there is none."""
    return tuple(f"{labels[c]}.0" if c in labels else "" for c in columns)


def _radiologist(planned: list[Study]) -> Rows:
    """Every other study of the test set, as its report was meant."""
    tested = [
        (study.study_id, *cells(study.report.labels, OBSERVATIONS))
        for study in planned
        if study.split == "test" and study.report is not None
    ]
    return [("study_id", *RADIOLOGIST_COLUMNS), *tested[::2]]


def metadata_row(study: Study, image: Image) -> tuple[object, ...]:
    """The image's values of METADATA_COLUMNS."""
    return (
        image.dicom_id,
        study.subject_id,
        study.study_id,
        study.procedure,
        image.view,
        image.rows,
        image.columns,
        study.date,
        repr(study.time),
        study.procedure,
        VIEW_MEANING.get(image.view, ""),
        study.orientation,
    )


def _two_labelers(
    report: Dictation, rng: np.random.Generator
) -> Iterator[tuple[str, dict[str, int]]]:
    """CheXpert reads the report as it was meant; NegBio misses one mention in twenty."""
    yield "chexpert", report.labels
    yield "negbio", {name: v for name, v in report.labels.items() if rng.random() >= 0.05}


def _write_truth(planned: list[Study], masks: Path) -> None:
    rows = [("dicom_id", "view", "findings", "side", "extent")]
    for study in planned:
        for image in study.images:
            s = image.subject
            rows.append((image.dicom_id, s.view, " ".join(s.findings), s.side, f"{s.extent:.3f}"))
    release.write(masks, "truth.csv", release.csv_bytes(rows))
