"""A miniature MIMIC-CXR release of phantoms: DICOM files, reports, both lists, checksums.

Johnson et al. 2019, 10.1038/s41597-019-0322-0; facts of the layout from the release's own
documentation. The same seed gives the same studies, identifiers and reports as the miniature
MIMIC-CXR-JPG, which derives from this archive as the original does. The files differ in bits (12
to 16), photometric interpretation, window and transfer syntax, so that each kind is there; a view
that the JPG release leaves blank is blank or absent here. One report in a release of 50 studies or
more has neither findings nor impression.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.mimic_cxr_jpg import LICENCE, LONG_SIDE, NOTICE, Image, Study, plan
from cxrkit.terms import FRONTAL_VIEWS

# Bits Stored, the chance of each, and of what else varies: set so that 20 studies show all.
BITS = (12, 14, 15, 16)
SHARES = (0.55, 0.15, 0.15, 0.15)
INVERTED = 0.3  # MONOCHROME1
WINDOWED = 0.5  # with Window Center and Width
IMPLICIT = 0.2  # Implicit VR
SILENT = "                                 FINAL REPORT\n CHEST RADIOGRAPH.\n"


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
        masks: where the exact lung masks of the frontal images go; outside `root`, absent or empty.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed, size)
    jobs = [(study, seed, masks) for study in planned]
    sums = release.write_files(root, jobs, _files_of, workers, progress)
    for path, data in _lists(planned).items():
        sums[path] = release.write(root, path, data)
    release.write(root, "SHA256SUMS.txt", release.sums_bytes(sums))
    return sum(len(study.images) for study in planned)


def _files_of(job: tuple[Study, int, Path | None]) -> dict[str, bytes]:
    """One study's images and report; its masks are written at once."""
    study, seed, masks = job
    files = {}
    for number, image in enumerate(study.images):
        rng = np.random.default_rng([seed, 2, study.index, number])
        phantom = render(image.subject, image.rows, image.columns, rng)
        files[f"{study.folder}/{image.dicom_id}.dcm"] = _dicom(
            phantom.radiograph, study, image, np.random.default_rng([seed, 5, study.index, number])
        )
        if masks is not None and image.subject.view in FRONTAL_VIEWS:
            release.write_masks(masks, image.dicom_id, phantom)
    text = SILENT if study.report is None else study.report.text
    return files | {f"{study.folder}.txt": text.encode()}


def _dicom(pixels: np.ndarray, study: Study, image: Image, rng: np.random.Generator) -> bytes:
    bits = int(rng.choice(BITS, p=SHARES))
    elements: dict[str, object] = {
        "Modality": "DX" if study.orientation == "Erect" else "CR",
        "StudyDate": str(study.date),
        "StudyTime": f"{study.time:010.3f}",
        "PerformedProcedureStepDescription": study.procedure,
        "PatientID": str(study.subject_id),
    }
    if image.view or rng.random() < 0.5:
        elements["ViewPosition"] = image.view
    inverted, windowed, implicit = rng.random(3) < (INVERTED, WINDOWED, IMPLICIT)
    if windowed:
        # The whole range by PS3.3 C.11.2.1.2.1: nothing of the picture is cut off.
        elements |= {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    return dicom_file.encode(
        pixels,
        bits=bits,
        photometric="MONOCHROME1" if inverted else "MONOCHROME2",
        syntax=ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian,
        instance=dicom_file.uid("mimic-cxr", image.dicom_id),
        study=dicom_file.uid("mimic-cxr", study.study_id),
        series=dicom_file.uid("mimic-cxr", "series", image.dicom_id),
        voi_lut=None,
        **elements,
    )


def _lists(planned: list[Study]) -> dict[str, bytes]:
    """Both lists and the notices by path."""
    images: list[tuple[object, ...]] = [("subject_id", "study_id", "dicom_id", "path")]
    studies: list[tuple[object, ...]] = [("subject_id", "study_id", "path")]
    for study in planned:
        ids = (study.subject_id, study.study_id)
        studies.append((*ids, f"{study.folder}.txt"))
        for image in study.images:
            images.append((*ids, image.dicom_id, f"{study.folder}/{image.dicom_id}.dcm"))
    return {
        "cxr-record-list.csv.gz": release.gzipped(release.csv_bytes(images)),
        "cxr-study-list.csv.gz": release.gzipped(release.csv_bytes(studies)),
        "README": NOTICE.replace("MIMIC-CXR-JPG", "MIMIC-CXR").encode(),
        "LICENSE.txt": LICENCE.encode(),
    }
