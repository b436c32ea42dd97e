"""A miniature Open-i collection of phantoms: XML reports with DICOM files, or with PNG files.

Demner-Fushman et al. 2016, 10.1093/jamia/ocv080; the layout is that of NLMCXR_reports.tgz, and of
NLMCXR_dcm.tgz or NLMCXR_png.tgz, each unpacked. Like the original it has reports without images,
with one image and with several, empty sections, XXXX for removed words, numbers that are left out,
three spellings of an image's name, views that are blank or wrong, 10, 12, 14 and 15 bits, both
photometric interpretations, and one image without a file. Rarities are more frequent, so that a few
dozen reports show them. The PNG form has Kaggle's two tables beside it, without the last image.
Reports are those of phantoms; nothing is taken from the collection but its form.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian

from cxrkit.phantom import dicom_file, release
from cxrkit.phantom.release import Exam, Views

# Pixels: NLMCXR_dcm.tgz is 80,694,582,486 bytes for 7,469 files of 16 bits, so that an image has
# some 5 million.
LONG_SIDE = 2496
SHORT_SHARE = 2048 / 2496
SECTIONS = ("COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION")
KINDS: tuple[tuple[Views, float], ...] = (
    (("PA", "LATERAL"), 0.58),
    (("AP",), 0.22),
    (("PA",), 0.06),
    (("PA", "PA", "LATERAL"), 0.09),
    (("PA", "PA", "LATERAL", "LATERAL"), 0.05),
)
# One report in so many, counted from its own place on.
WITHOUT_IMAGES, LONG_NAMES, WRONG_VIEW = (12, 7), (9, 4), (16, 3)
MISSING_FROM = 12  # reports: in a release of so many or more, the last image has no DICOM file
BITS, SHARES = (12, 15, 10, 14), (0.6, 0.2, 0.1, 0.1)
TERMS = {
    "effusion": ("Pleural Effusion", "pleural effusion"),
    "pneumothorax": ("Pneumothorax", "pneumothorax"),
    "consolidation": ("Consolidation", "consolidation"),
    "cardiomegaly": ("Cardiomegaly", "cardiomegaly"),
    "nodule": ("Nodule", "nodule"),
    "edema": ("Pulmonary Edema", "edema"),
    "fracture": ("Fractures, Bone", "fracture"),
    "tube": ("Tube, Inserted", "tube"),
    "line": ("Catheters, Indwelling", "catheter"),
    "atelectasis": ("Pulmonary Atelectasis", "atelectasis"),
    "opacity": ("Opacity", "opacity"),
    "pneumonia": ("Pneumonia", "pneumonia"),
    "mediastinum": ("Mediastinum", "mediastinum"),
    "pleura": ("Thickening", "pleural thickening"),
    "nasogastric": ("Tube, Inserted", "tube"),
    "drain": ("Tube, Inserted", "tube"),
    "pacemaker": ("Medical Device", "pacemaker"),
    "port": ("Catheters, Indwelling", "catheter"),
    "wires": ("Surgical Instruments", "sternal wires"),
}
_SECTION = re.compile(r"^ ([A-Z][A-Z ]+):(.*?)(?=^ [A-Z][A-Z ]+:|\Z)", re.M | re.S)


@dataclass(frozen=True)
class Image:
    """One radiograph of a report; `stated` is its file's ViewPosition, None where it has none."""

    image_id: str
    dicom: str  # the DICOM file's name without .dcm
    place: int  # among the exam's views
    stated: str | None


@dataclass(frozen=True)
class Report:
    """One report to be; `sections` may be empty texts, `major` and `automatic` are MeSH terms."""

    exam: Exam
    number: int
    sections: Mapping[str, str]
    major: tuple[str, ...]
    automatic: tuple[str, ...]
    images: tuple[Image, ...]

    @property
    def uid(self) -> str:
        """As in the file: CXR10."""
        return f"CXR{self.number}"


Job = tuple[Report, int, int, Path | None, frozenset[str]]


def write_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the DICOM form, the same bytes for the same arguments; the number of its images.

    Args:
        root: folder to fill; absent or empty.
        studies: how many reports.
        seed: of all that is random.
        size: pixels of the longer side of every image.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks of the frontal images go; outside `root`, absent or empty.
        progress: called with the number of finished reports.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed)
    images = [image.image_id for report in planned for image in report.images]
    missing = frozenset(images[-1:] if studies >= MISSING_FROM else [])
    jobs: list[Job] = [(report, seed, size, masks, missing) for report in planned]
    release.write_files(root, jobs, _dicom_files, workers, progress)
    return len(images) - len(missing)


def write_png_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the PNG form of the same reports with Kaggle's tables; arguments as `write_release`.

    Raises:
        InputRefused: as `write_release`.
    """
    release.accept_folders(root, masks)
    planned = plan(studies, seed)
    jobs: list[Job] = [(report, seed, size, masks, frozenset[str]()) for report in planned]
    release.write_files(root, jobs, _png_files, workers, progress)
    projections: list[tuple[object, ...]] = [("uid", "filename", "projection")]
    texts: list[tuple[object, ...]] = [
        ("uid", "MeSH", "Problems", "image", "indication", "comparison", "findings", "impression")
    ]
    for report in planned:
        for image in report.images:
            lateral = report.exam.views[image.place] == "LATERAL"
            name = f"{image.dicom}.dcm.png"
            projections.append((report.number, name, "Lateral" if lateral else "Frontal"))
        if report.images:
            problems = ";".join(term.split("/")[0] for term in report.major)
            order = ("INDICATION", "COMPARISON", "FINDINGS", "IMPRESSION")
            known = (report.number, ";".join(report.major), problems, "Xray Chest PA and Lateral")
            texts.append((*known, *(report.sections[section] for section in order)))
    # Four images of the collection are not in Kaggle's table.
    release.write(root, "indiana_projections.csv", release.csv_bytes(projections[:-1]))
    release.write(root, "indiana_reports.csv", release.csv_bytes(texts))
    return sum(len(report.images) for report in planned)


def plan(studies: int, seed: int) -> list[Report]:
    """All that is known before a pixel is computed, in the order of the report numbers."""
    exams = release.draw_exams(studies, seed, KINDS, once=True)
    return [_report(exam, np.random.default_rng([seed, 21, exam.index])) for exam in exams]


def _report(exam: Exam, rng: np.random.Generator) -> Report:
    number = 1 + exam.index + exam.index // 4  # some numbers are left out
    found = {name: " ".join(text.split()) for name, text in _SECTION.findall(exam.report.text)}
    comparison = "" if rng.random() < 0.2 else ("None.", "XXXX, XXXX")[int(rng.integers(2))]
    sections = {"COMPARISON": comparison} | {
        name: _removed("" if rng.random() < share else found.get(name, ""), rng)
        for name, share in (("INDICATION", 0.03), ("FINDINGS", 0.13), ("IMPRESSION", 0.05))
    }
    side = f"/{exam.subject.side}"
    terms = [TERMS[name] for name in exam.subject.findings]
    sided = {"Pleural Effusion", "Pneumothorax", "Consolidation", "Nodule", "Fractures, Bone"}
    return Report(
        exam,
        number,
        sections,
        tuple(hand + side if hand in sided else hand for hand, _ in terms) or ("normal",),
        tuple(word for _, word in terms),
        () if _is_one(exam, WITHOUT_IMAGES) else _images(exam, number, rng),
    )


def _removed(text: str, rng: np.random.Generator) -> str:
    """The text with one word in thirty replaced, as a program that seeks names would."""
    words = text.replace("___", "XXXX").split()
    return " ".join("XXXX" if rng.random() < 1 / 30 else word for word in words)


def _is_one(exam: Exam, rarity: tuple[int, int]) -> bool:
    step, first = rarity
    return exam.index % step == first


def _images(exam: Exam, number: int, rng: np.random.Generator) -> tuple[Image, ...]:
    serial = int(rng.integers(1, 2500))
    images = []
    for place, view in enumerate(exam.views):
        name = f"IM-{serial:04d}-{1 + place}001"
        if _is_one(exam, LONG_NAMES):
            name = f"IM-{serial:04d}-0001-{1 + place:04d}"
        dicom = f"{number}_{name}"
        # The first report is spelled in another way.
        image_id = f"CXR{number}_{dicom}" if number == 1 else f"CXR{dicom}"
        stated = _stated(view, rng)
        if view == "LATERAL" and _is_one(exam, WRONG_VIEW):
            stated = "PA"
        images.append(Image(image_id, dicom, place, stated))
    return tuple(images)


def _stated(view: str, rng: np.random.Generator) -> str | None:
    """What the file says of its view: nothing in a third of the files."""
    if rng.random() < 1 / 3:
        return ("", None)[int(rng.integers(2))]
    return str(rng.choice(["LL", "LATERAL", "RL"], p=[0.8, 0.15, 0.05])) if view[0] == "L" else view


def _dicom_files(job: Job) -> dict[str, bytes]:
    """The report and its DICOM files; the exact masks are written at once."""
    report, seed, _, _, missing = job
    files = {f"ecgen-radiology/{report.number}.xml": _xml(report)}
    for image, pixels in _pictures(job):
        if image.image_id in missing:
            continue
        rng = np.random.default_rng([seed, 22, report.exam.index, image.place])
        elements: dict[str, object] = {"Modality": "DX" if rng.random() < 0.1 else "CR"}
        if image.stated is not None:
            elements["ViewPosition"] = image.stated
        if rng.random() < 0.5:
            elements |= {"RescaleSlope": 1, "RescaleIntercept": 0}
        files[f"NLMCXR_dcm/{report.number}/{image.dicom}.dcm"] = dicom_file.encode(
            pixels,
            bits=int(rng.choice(BITS, p=SHARES)),
            photometric=("MONOCHROME1", "MONOCHROME2")[int(rng.integers(2))],
            syntax=ExplicitVRLittleEndian,
            instance=dicom_file.uid("open-i", seed, image.image_id),
            study=dicom_file.uid("open-i", seed, report.uid),
            series=dicom_file.uid("open-i", seed, "series", image.image_id),
            voi_lut=None,
            **elements,
        )
    return files


def _png_files(job: Job) -> dict[str, bytes]:
    """The report and its PNG files; the exact masks are written at once."""
    report = job[0]
    return {f"ecgen-radiology/{report.number}.xml": _xml(report)} | {
        f"NLMCXR_png/{image.image_id}.png": release.png(pixels) for image, pixels in _pictures(job)
    }


def _pictures(job: Job) -> list[tuple[Image, np.ndarray]]:
    report, seed, size, masks, _ = job
    pictures = []
    for image in report.images:
        upright = report.exam.views[image.place] != "AP"
        sides = (size, round(size * SHORT_SHARE))
        rows, columns = sides if upright else sides[::-1]
        phantom = release.picture(report.exam, image.place, rows, columns, seed)
        if masks is not None and report.exam.views[image.place] != "LATERAL":
            release.write_masks(masks, image.image_id, phantom)
        pictures.append((image, phantom.radiograph))
    return pictures


def _xml(report: Report) -> bytes:
    """The report's file, with the elements of the collection in their order."""
    texts = "".join(
        f'            <AbstractText Label="{section}">{escape(report.sections[section])}'
        "</AbstractText>\n"
        for section in SECTIONS
    )
    terms = "".join(f"      <major>{escape(term)}</major>\n" for term in report.major)
    terms += "".join(f"      <automatic>{escape(t)}</automatic>\n" for t in report.automatic)
    images = "".join(
        f'   <parentImage id="{image.image_id}">\n'
        f"      <figureId>F{place}</figureId>\n"
        "      <caption>Xray Chest PA and Lateral</caption>\n"
        '      <panel type="single">\n'
        f"         <url>/hadoop/storage/radiology/extract/{image.image_id}.jpg</url>\n"
        "         <imgModality>7</imgModality>\n"
        "      </panel>\n"
        "   </parentImage>\n"
        for place, image in enumerate(report.images, 1)
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<eCitation>\n'
        f'   <meta type="rr"/>\n   <uId id="{report.uid}"/>\n   <pmcId id="{report.number}"/>\n'
        f'   <docSource>CXR</docSource>\n   <IUXRId id="{report.number}"/>\n'
        "   <licenseType>open-access</licenseType>\n"
        "   <note>Synthetic: a computed radiograph, nothing is taken from a patient.</note>\n"
        "   <specialty>pulmonary diseases</specialty>\n   <subset>CXR</subset>\n"
        '   <MedlineCitation Owner="cxrkit" Status="synthetic">\n'
        '      <Article PubModel="Electronic">\n         <Abstract>\n'
        f"{texts}         </Abstract>\n      </Article>\n   </MedlineCitation>\n"
        f"   <MeSH>\n{terms}   </MeSH>\n{images}</eCitation>\n"
    ).encode()


# What `cxr phantom --form` offers; the first is written without it.
FORMS = {"dicom": write_release, "png": write_png_release}
