"""A miniature CXLSeg 1.0.0 release of phantoms: four tables, lungs-only images, JPEG masks.

Indeewara et al. 2023, 10.13026/9cy4-f535. The files follow the recipe measured on the authors'
published example: the 8-bit JPEG of MIMIC-CXR-JPG, squashed by linear interpolation without keeping
its aspect ratio, cut out by the mask at the final size, written with OpenCV's JPEG quality 95, the
image with three equal channels and the mask with one. As in the original, images are AP or PA and
of studies with labels, the split is by image, so that patients cross it, and the masks mix the two
conventions, here by study; unlike the original's they are exact. The same seed gives the studies of
the miniature MIMIC-CXR-JPG. The labels are in alphabetical order, as readers of the release list
them; the order in the release itself was not seen.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from cxrkit.imaging.masks import resize_mask
from cxrkit.phantom import mimic_cxr_jpg, release
from cxrkit.phantom.anatomy import Phantom, render
from cxrkit.phantom.mimic_cxr_jpg import (
    LABEL_COLUMNS,
    LICENCE,
    METADATA_COLUMNS,
    Image,
    Study,
    metadata_row,
)

LONG_SIDE = 224  # pixels of both sides
_IDS = ("dicom_id", "subject_id", "study_id")
_FRONTAL = ("AP", "PA")

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
        studies: how many studies of the miniature MIMIC-CXR-JPG, with lateral ones among them.
        seed: of all that is random.
        size: pixels of both sides of every image.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks go, in both conventions; outside `root`, absent or empty.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed)
    jobs: list[Job] = [(study, seed, size, masks) for study in planned]
    sums = release.write_files(root, jobs, _files_of, workers, progress)
    for path, data in _tables(planned, seed).items():
        sums[path] = release.write(root, path, data)
    release.write(root, "SHA256SUMS.txt", release.sums_bytes(sums))
    return sum(len(study.images) for study in planned)


def plan(studies: int, seed: int) -> list[Study]:
    """The studies of the miniature MIMIC-CXR-JPG that have labels, with their AP and PA images."""
    whole = mimic_cxr_jpg.plan(studies, seed)
    chosen = [
        replace(study, images=tuple(i for i in study.images if i.view in _FRONTAL))
        for study in whole
        if study.report is not None
    ]
    return [study for study in chosen if study.images]


def splits(count: int, seed: int) -> list[str]:
    """The split of each image: a tenth test, a tenth validate, drawn without regard to patients."""
    tenth = count // 10
    names = ["test"] * tenth + ["validate"] * tenth + ["train"] * (count - 2 * tenth)
    order = np.random.default_rng([seed, 6]).permutation(count)
    return [names[place] for place in order]


def convention(study: Study) -> str:
    """Whether the study's masks hold the lung behind the heart."""
    return "included" if study.index % 2 else "excluded"


def _files_of(job: Job) -> dict[str, bytes]:
    """The images and masks of one study; its exact masks are written at once."""
    study, seed, size, masks = job
    files = {}
    for image in study.images:
        phantom = _rendered(study, image, seed, size)
        exact = {
            "excluded": phantom.right_lung | phantom.left_lung,
            "included": phantom.right_lung_with_heart | phantom.left_lung_with_heart,
        }
        white = {
            name: resize_mask(mask, size, size).astype(np.uint8) * 255
            for name, mask in exact.items()
        }
        if masks is not None:
            for name, mask in white.items():
                release.write(masks, f"{name}/{image.dicom_id}.png", release.png(mask))
        mask = white[convention(study)]
        lungs = _squashed(phantom.radiograph, size) & mask
        path = f"{study.folder}/{image.dicom_id}"
        files[f"{path}.jpg"] = release.jpeg(cv2.cvtColor(lungs, cv2.COLOR_GRAY2BGR))
        files[f"{path}-mask.jpg"] = release.jpeg(mask)
    return files


def _rendered(study: Study, image: Image, seed: int, size: int) -> Phantom:
    """The phantom at twice the final size, with the sides of its radiograph in MIMIC-CXR-JPG."""
    scale = 2 * size / max(image.rows, image.columns)
    rows, columns = round(image.rows * scale), round(image.columns * scale)
    number = int(image.dicom_id[:8], 16)
    return render(image.subject, rows, columns, np.random.default_rng([seed, 7, number]))


def _squashed(pixels: np.ndarray, size: int) -> np.ndarray:
    """(size, size) uint8 of what MIMIC-CXR-JPG would hold: equalised, through a JPEG file."""
    stored = np.frombuffer(release.jpeg(cv2.equalizeHist(pixels)), np.uint8)
    gray = np.asarray(cv2.imdecode(stored, cv2.IMREAD_GRAYSCALE))
    return cv2.resize(gray, (size, size), interpolation=cv2.INTER_LINEAR)


def _tables(planned: list[Study], seed: int) -> dict[str, bytes]:
    """The four tables and the licence by path."""
    described = METADATA_COLUMNS[3:]
    rows: dict[str, list[tuple[object, ...]]] = {
        "metadata": [(*_IDS, "Reports", *described, "DicomPath")],
        "segmented": [(*_IDS, "DicomPath", *LABEL_COLUMNS)],
        "split": [(*_IDS, "split")],
        "mask": [(*_IDS, "DicomPath")],
    }
    images = [(study, image) for study in planned for image in study.images]
    for (study, image), split in zip(images, splits(len(images), seed), strict=True):
        ids = (image.dicom_id, study.subject_id, study.study_id)
        path = f"{study.folder}/{image.dicom_id}"
        text, labels = (study.report.text, study.report.labels) if study.report else ("", {})
        known = metadata_row(study, image)[3:]
        rows["metadata"].append((*ids, text, *known, f"{path}.jpg"))
        cells = mimic_cxr_jpg.cells(labels, LABEL_COLUMNS)
        rows["segmented"].append((*ids, f"{path}.jpg", *cells))
        rows["split"].append((*ids, split))
        rows["mask"].append((*ids, f"{path}-mask.jpg"))
    tables = {f"CXLSeg-{name}.csv": release.csv_bytes(lines) for name, lines in rows.items()}
    return tables | {"LICENSE.txt": LICENCE.encode()}
