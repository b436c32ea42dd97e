"""A miniature PadChest release of phantoms: numbered folders of 16-bit PNG files and one table.

Columns, list notation and quirks as in the release and Bustos 2020 (arXiv:1901.07441). Reports are
Spanish words without accents and endings, made from the findings.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.release import Exam, Views
from cxrkit.terms import FRONTAL_VIEWS

LONG_SIDE = 3520  # pixels; the release states no size, its films are of this order
SHORT_SHARE = 0.82
TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
COLUMNS = (
    "", "ImageID", "ImageDir", "StudyDate_DICOM", "StudyID", "PatientID", "PatientBirth",
    "PatientSex_DICOM", "ViewPosition_DICOM", "Projection", "Pediatric", "MethodProjection",
    "Modality_DICOM", "Manufacturer_DICOM", "PhotometricInterpretation_DICOM",
    "PixelRepresentation_DICOM", "PixelAspectRatio_DICOM", "SpatialResolution_DICOM",
    "BitsStored_DICOM", "WindowCenter_DICOM", "WindowWidth_DICOM", "Rows_DICOM", "Columns_DICOM",
    "XRayTubeCurrent_DICOM", "Exposure_DICOM", "ExposureInuAs_DICOM", "ExposureTime_DICOM",
    "RelativeXRayExposure_DICOM", "ReportID", "Report", "MethodLabel", "Labels", "Localizations",
    "LabelsLocalizationsBySentence", "LabelCUIS", "LocalizationsCUIS",
)  # fmt: skip
# Label, its UMLS code and the words of the report. A wide mediastinum and a port, whose codes in
# the release we do not know, are drawn and not listed.
FINDINGS = {
    "effusion": ("pleural effusion", "C0032227", "derram pleural"),
    "pneumothorax": ("pneumothorax", "C0032326", "neumotorax"),
    "consolidation": ("consolidation", "C0521530", "consolid"),
    "cardiomegaly": ("cardiomegaly", "C0018800", "cardiomegali"),
    "nodule": ("nodule", "C0028259", "nodul"),
    "edema": ("pulmonary edema", "C0034063", "edem pulmon"),
    "fracture": ("rib fracture", "C0035522", "fractur costal"),
    "tube": ("endotracheal tube", "C0336630", "tub endotraqueal"),
    "line": ("central venous catheter", "C1145640", "cateter venos central"),
    "atelectasis": ("laminar atelectasis", "C0264494", "atelectasi laminar"),
    "opacity": ("ground glass pattern", "C3544344", "patron vidri deslustr"),
    "pneumonia": ("pneumonia", "C0032285", "neumoni"),
    "pleura": ("pleural thickening", "C0264545", "engros pleural"),
    "nasogastric": ("NSG tube", "C0085678", "sond nasogastr"),
    "drain": ("chest drain tube", "C0008034", "tub drenaj torac"),
    "pacemaker": ("pacemaker", "C0030163", "marcapas"),
    "wires": ("sternotomy", "C0185792", "suturas esternotomi"),
}
SIDES = {"right": ("loc right", "derech"), "left": ("loc left", "izquierd")}
KINDS: tuple[tuple[Views, float], ...] = (
    (("PA", "LATERAL"), 0.5),
    (("PA",), 0.2),
    (("AP",), 0.3),
)
FOLDERS = 55
FIRST_YEAR = 2009
BIT_DEPTHS = (12, 14, 15)
# Which study of fifty has which quirk.
NO_LIST, EMPTY_LIST, UNCHANGED, EXCLUDED, REPEATED, SPACED_NAME, CUT_FILE = 2, 3, 4, 5, 6, 7, 13


@dataclass(frozen=True)
class Image:
    """One row of the table, and whom to render."""

    exam: Exam
    number: int  # of the study's images, from 0
    image_id: str  # the file's name
    folder: int
    study: str
    patient: str
    projection: str  # as published
    bits: int
    labels: tuple[str, ...] | None  # entries of the list as printed; None where the cell is blank

    @property
    def path(self) -> str:
        """The image's file, relative to the release."""
        return f"{self.folder}/{self.image_id}"

    @property
    def view(self) -> str:
        """The view to render."""
        return self.exam.views[self.number]


Job = tuple[Image, int, int, Path | None]


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
        size: pixels of the longer side.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks of the frontal images go, `excluded/` and `included/`;
            None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed)
    jobs: list[Job] = [(image, seed, size, masks) for image in planned]
    last = {image.exam.index: done for done, image in enumerate(planned, 1)}

    def finished(images: int) -> None:
        """Studies are counted, not images."""
        for index, done in last.items():
            if done == images:
                progress(index + 1)

    release.write_files(root, jobs, _files, workers, finished)
    rows = [_row(number, image, size) for number, image in enumerate(planned)]
    release.write(root, TABLE, release.csv_bytes([COLUMNS, *rows]))
    return len(planned)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in the order of the table."""
    images: list[Image] = []
    for exam in release.draw_exams(studies, seed, KINDS):
        rng = np.random.default_rng([seed, 41, exam.index])
        study = _digits(38, rng)
        labels = _entries(exam)
        for number, view in enumerate(exam.views):
            images.append(
                Image(
                    exam=exam,
                    number=number,
                    image_id=_name(exam, number, rng),
                    folder=int(rng.integers(FOLDERS)),
                    study=study,
                    patient=_digits(36, np.random.default_rng([seed, 42, exam.patient])),
                    projection=_projection(exam, view),
                    bits=BIT_DEPTHS[int(rng.integers(len(BIT_DEPTHS)))],
                    labels=labels,
                )
            )
    return images


def _digits(count: int, rng: np.random.Generator) -> str:
    return "1" + "".join(str(d) for d in rng.integers(10, size=count - 1))


def _name(exam: Exam, number: int, rng: np.random.Generator) -> str:
    """A file's name, in the older form; one has spaces."""
    parts = [f"{int(rng.integers(top)):0{width}d}" for top, width in ((3, 2), (200, 3), (200, 3))]
    between = " - " if (exam.index % 50, number) == (SPACED_NAME, 0) else "-"
    return f"{_digits(45, rng)}_{between.join(parts)}.png"


def _projection(exam: Exam, view: str) -> str:
    """Half of those who are seen from the front lie; L is a lateral view."""
    lies = view == "AP" and exam.index % 2 == 0
    return {"LATERAL": "L"}.get(view, "AP_horizontal" if lies else view)


def _entries(exam: Exam) -> tuple[str, ...] | None:
    """The entries of the study's list, with the quirks of the original."""
    found = tuple(FINDINGS[name][0] for name in listed(exam)) or ("normal",)
    quirk = exam.index % 50
    if quirk == NO_LIST:
        return None
    if quirk == EMPTY_LIST:
        return ()
    if quirk == UNCHANGED:
        return (*found, " unchanged")
    if quirk == EXCLUDED:
        return ("exclude",)
    return (*found, found[0]) if quirk == REPEATED else found


def listed(exam: Exam) -> list[str]:
    """The findings of a study that have a label here."""
    return [name for name in exam.subject.findings if name in FINDINGS]


def words(exam: Exam) -> str:
    """The report of a study as the table prints it."""
    side = SIDES[exam.subject.side][1]
    sentences = [f"{FINDINGS[name][2]} {side} ." for name in listed(exam)]
    return " ".join(sentences or ["sin hallazg patolog ."])


def size_of(image: Image, size: int) -> tuple[int, int]:
    """Rows and columns of an image whose longer side has `size` pixels."""
    short = round(size * SHORT_SHARE)
    return (short, size) if image.view == "AP" else (size, short)


def _files(job: Job) -> dict[str, bytes]:
    """The image of a job; its masks are written where they are asked for."""
    image, seed, size, masks = job
    phantom = release.picture(image.exam, image.number, *size_of(image, size), seed)
    if masks is not None and image.view in FRONTAL_VIEWS:
        release.write_masks(masks, image.image_id.removesuffix(".png"), phantom)
    # All 16 bits are there, fewer are used.
    data = release.png(dicom_file.stored(phantom.radiograph, image.bits))
    if (image.exam.index % 50, image.number) == (CUT_FILE, 0):
        data = data[: len(data) // 2]
    return {image.path: data}


def _row(number: int, image: Image, size: int) -> tuple[object, ...]:
    exam, (rows, columns) = image.exam, size_of(image, size)
    location, _ = SIDES[exam.subject.side]
    found = [FINDINGS[name] for name in listed(exam)]
    position = {"PA": "POSTEROANTERIOR", "AP": "ANTEROPOSTERIOR"}.get(image.view, "LATERAL")
    year = FIRST_YEAR + exam.day // 365
    quirk = exam.index % 50
    cells = {
        "": number,
        "ImageID": image.image_id,
        "ImageDir": image.folder,
        "StudyDate_DICOM": f"{year}{1 + exam.day % 12:02d}{1 + exam.day % 28:02d}",
        "StudyID": image.study,
        "PatientID": image.patient,
        "PatientBirth": f"{year - exam.years}.0",
        "PatientSex_DICOM": exam.subject.sex,
        "ViewPosition_DICOM": position,
        "Projection": image.projection,
        "Pediatric": "No",
        "MethodProjection": "Manual review of DICOM fields",
        "Modality_DICOM": "CR",
        "Manufacturer_DICOM": "PhantomMedical",
        "PhotometricInterpretation_DICOM": "MONOCHROME2",
        "PixelRepresentation_DICOM": 0,
        "BitsStored_DICOM": image.bits,
        "WindowCenter_DICOM": 2 ** (image.bits - 1),
        "WindowWidth_DICOM": 2**image.bits,
        "Rows_DICOM": rows,
        "Columns_DICOM": columns,
        "ReportID": int(image.study[-9:]),
        "Report": words(exam),
        # 27 % of the reports were read by physicians.
        "MethodLabel": "Physician" if exam.index % 4 == 0 else "RNN_model",
        "Labels": "" if image.labels is None else str(list(image.labels)),
        "Localizations": str([location] * len(found)),
        "LabelsLocalizationsBySentence": str([[label, location] for label, _, _ in found]),
        "LabelCUIS": str([code for _, code, _ in found]),
        "LocalizationsCUIS": "[]" if quirk == EXCLUDED else str(["C0450429"] * bool(found)),
    }
    return tuple(cells.get(column, "") for column in COLUMNS)
