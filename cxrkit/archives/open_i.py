"""Open-i, the Indiana University chest X-ray collection: 7,470 radiographs with 3,955 reports.

Published by the U.S. National Library of Medicine (Demner-Fushman 2016). A report is an XML file
that names its images, its sections and its MeSH terms, once as coded by hand (`major`) and once by
a program (`automatic`). The images come as DICOM files, as PNG files, or in Kaggle's copy, under
three spellings of one name. De-identified words read XXXX.

What it lacks: patients (the report stands for its patient), labels from a closed list, splits, sex
and age, lung masks, and the view: only the DICOM files state it, and 2,586 of them leave it blank.
Kaggle's table indiana_projections.csv says frontal or lateral; it is read where it lies beside.
104 reports have no image and are no records; what they hold is counted in `extra`, for `verify`.
Sources: the reports, the headers of the DICOM files, and 10.1093/jamia/ocv080.
"""

import functools
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import polars as pl

from cxrkit import claims, tables
from cxrkit.archives import Card
from cxrkit.claims import Claim
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import radiograph
from cxrkit.records import Record

LAYOUT = (
    "ecgen-radiology/1.xml (or NLMCXR_reports.tgz) with NLMCXR_dcm/1/1_IM-0001-3001.dcm, or "
    "NLMCXR_png/CXR1_1_IM-0001-3001.png, or images/images_normalized/1_IM-0001-3001.dcm.png; "
    "where you have it, also indiana_projections.csv"
)

SECTIONS = ("COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION")
_REPORTS, _PAPER = "NLMCXR_reports.tgz", "10.1093/jamia/ocv080"


def _without_images(what: str) -> pl.Expr:
    """What is counted under that name over the reports without images."""
    text = pl.col("extra.reports_without_images").drop_nulls().first()
    return text.str.extract(rf"\b{what} (\d+)").cast(pl.Int64)


def _reports(condition: pl.Expr, without: str) -> pl.Expr:
    """The number of reports, with and without images, for which the condition holds."""
    return pl.col("study_id").filter(condition).n_unique() + _without_images(without)


def _filled(*sections: str) -> pl.Expr:
    found = pl.col("extra.sections").str.split(" ")
    return pl.all_horizontal(found.list.contains(s) for s in sections).fill_null(False)


def _terms(kind: str) -> pl.Expr:
    """The number of MeSH terms over all reports."""
    first = pl.col("study_id").is_first_distinct() & (pl.col("study_id") != "")
    terms = pl.col(f"extra.MeSH.{kind}").filter(first).str.split("|").list.len().sum()
    return terms + _without_images(kind)


def _with_images(number: int) -> pl.Expr:
    """The number of reports with so many images."""
    known = pl.col("study_id") != ""
    return (known & (pl.len().over("study_id") == number)).sum() // number


CARD = Card(
    title="Open-i: Indiana University chest X-ray collection",
    homepage="https://openi.nlm.nih.gov/faq",
    licence="unchanged",
    terms="CC BY-NC-ND 4.0, stated in every report: attribute, not for commerce, and pass on "
    "nothing that is changed, such as images cut out of these.",
    citation="""\
@article{demnerfushman2016preparing,
  title   = {Preparing a collection of radiology examinations for distribution and retrieval},
  author  = {Demner-Fushman, Dina and Kohli, Marc D. and Rosenman, Marc B. and
             Shooshan, Sonya E. and Rodriguez, Laritza and Antani, Sameer and
             Thoma, George R. and McDonald, Clement J.},
  journal = {Journal of the American Medical Informatics Association},
  volume  = {23}, number = {2}, pages = {304--310}, year = {2016},
  doi     = {10.1093/jamia/ocv080}
}
""",
    authors="Dina Demner-Fushman, Marc D. Kohli, Marc B. Rosenman, Sonya E. Shooshan, "
    "Laritza Rodriguez, Sameer Antani, George R. Thoma, Clement J. McDonald (U.S. National "
    "Library of Medicine; Indiana University)",
    published_on="2015-07-01",
    article="https://doi.org/10.1093/jamia/ocv080",
    tasks=("report generation",),
    blank_view_is_frontal=False,
    patients="not published: the report stands for its patient, CXR10. The article counts as many "
    "patients as reports, but nothing in the files says that two reports are of two patients",
    observations=(),
    claims=(
        Claim("images", 7470, _REPORTS, claims.rows()),
        Claim("reports", 3955, _REPORTS, _reports(pl.col("study_id") != "", "reports")),
        Claim("reports without images", 104, _REPORTS, _without_images("reports")),
        *(
            Claim(f"reports with {number} images", value, _REPORTS, _with_images(number))
            for number, value in ((1, 446), (2, 3208), (3, 181), (4, 15), (5, 1))
        ),
        *(
            Claim(f"reports with {section}", value, _REPORTS, _reports(_filled(section), section))
            for section, value in zip(SECTIONS, (3333, 3865, 3425, 3921), strict=True)
        ),
        Claim(
            "reports with FINDINGS and IMPRESSION",
            3419,
            _REPORTS,
            _reports(_filled("FINDINGS", "IMPRESSION"), "both"),
        ),
        Claim(
            "reports with neither FINDINGS nor IMPRESSION",
            28,
            _REPORTS,
            _reports(
                (pl.col("study_id") != "") & ~_filled("FINDINGS") & ~_filled("IMPRESSION"),
                "neither",
            ),
        ),
        Claim("MeSH terms coded by hand", 8298, _REPORTS, _terms("major")),
        Claim("MeSH terms found by a program", 7047, _REPORTS, _terms("automatic")),
        Claim(
            "reports with images",
            3851,
            "indiana_reports.csv of Kaggle's copy",
            claims.unique("study_id"),
        ),
        Claim(
            "images with a projection",
            7466,
            "indiana_projections.csv of Kaggle's copy",
            claims.where(pl.col("extra.projection").is_not_null()),
        ),
        Claim(
            "reports",
            3996,
            _PAPER,
            _reports(pl.col("study_id") != "", "reports"),
            erratum="3,955 were released",
        ),
        Claim("images", 8121, _PAPER, claims.rows(), erratum="7,470 were released"),
    ),
    reads=(
        ("image_id", "parentImage@id, such as CXR10_IM-0002-1001"),
        ("patient_id, study_id", "uId@id, such as CXR10"),
        ("view", "ViewPosition of the DICOM file, when it is built; or indiana_projections.csv: "
         "FRONTAL (PA or AP, it does not say which) and LATERAL"),
        ("report", "the filled sections, each after its name"),
        ("extra.MeSH.major, extra.MeSH.automatic", "the terms, joined by |"),
        ("extra.sections", "the names of the sections that are filled"),
        ("extra.caption", "parentImage/caption, one text for all images of a report"),
        ("extra.projection", "indiana_projections.csv, as published"),
        ("extra.reports_without_images", "counts over the reports of this copy without images"),
    ),
    absent=1,
    traps=(
        "PNG files have no view, and captions such as 'Xray Chest PA and Lateral' stand at both "
        "images: without indiana_projections.csv `cxr build` skips every PNG as view-unknown.",
        "NLMCXR_dcm.tgz has 7,469 files for 7,470 names: MONOCHROME1 in 3,584, MONOCHROME2 in "
        "3,885; 12 bits stored in 5,906, 15 in 1,476, 10 in 61, 14 in 26, of 16 allocated.",
        "ViewPosition is PA in 3,593 files, LL 717, AP 423, LATERAL 119, RL 29, LARGE LATERAL 2, "
        "blank in 2,586. Of 2,174 files marked PA, 180 (8.3 %) are lateral.",
        "The image CXR1_1_IM-0001-3001 is 1_IM-0001-3001.dcm among the DICOM files, and the image "
        "CXR10_IM-0002-1001 is 10_IM-0002-1001.dcm.",
        "A section is always there and may be empty. Words that were removed read XXXX, some of "
        "them with what they stood for in a finding.",
        "Splits named after IU X-Ray in papers, and Kaggle's tables, are parts of this collection.",
    ),
)  # fmt: skip

_FOLDER = "ecgen-radiology"
_UID = re.compile(r"CXR(\d+)")
_IMAGE = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]*")
_PROJECTIONS = "indiana_projections.csv"
_VIEWS = {"Frontal": "FRONTAL", "Lateral": "LATERAL"}
# Where images are looked for, and their names: `number` of the report, `image` as in the report,
# `dicom` as the DICOM files are called.
_FORMS = (
    ("NLMCXR_dcm", "NLMCXR_dcm/{number}/{dicom}.dcm"),
    ("NLMCXR_png", "NLMCXR_png/{image}.png"),
    ("images/images_normalized", "images/images_normalized/{dicom}.dcm.png"),
    ("images", "images/{image}.png"),
)


@dataclass(frozen=True)
class _Report:
    """One XML file: `sections` that are filled, MeSH terms by kind, captions by image."""

    file: str  # 10.xml
    uid: str
    sections: Mapping[str, str]
    terms: Mapping[str, tuple[str, ...]]
    images: tuple[tuple[str, str], ...]


def records(root: Path) -> Iterator[Record]:
    """One record per image that a report names, sorted by path; the reports are read at the call.

    A report that is damaged is one record with a fault, and so is an image whose name is not of
    its report or is in several, and a corrupt row of indiana_projections.csv.

    Raises:
        InputRefused: E101, no reports; E103, most of them or of the projections are damaged.
    """
    reports, listed = list[_Report](), list[Record]()
    for name in _names(root):
        try:
            reports.append(_parsed(name, _document(root, name)))
        except ItemFault as fault:
            listed.append(_faulty(f"{_FOLDER}/{name}", f"{name}: {fault.observed}"))
    if len(listed) > len(reports):
        raise _refused(f"{len(listed)} reports are damaged, such as {listed[0].fault}")
    projections = _projections(root)
    listed += _images(reports, _form(root), projections)
    # What is left are rows of images that no report names.
    listed += [_faulty(_place(fault), fault) for _, fault in projections.values() if fault]
    return iter(sorted(listed, key=lambda record: record.image))


def report(root: Path, record: Record) -> str | None:
    """The filled sections of the record's report, each after its name; None where all are empty.

    Raises:
        ItemFault: E201 to E203, the report is damaged or can no longer be read.
    """
    name = f"{record.study_id.removeprefix('CXR')}.xml"
    try:
        sections = _parsed(name, _document(root, name)).sections
    except InputRefused as error:
        raise _damaged(name, f"{_REPORTS} can no longer be read") from error
    return "\n\n".join(f"{section}: {text}" for section, text in sections.items()) or None


def _names(root: Path) -> list[str]:
    """The names of the reports, in order."""
    folder = root / _FOLDER
    if folder.is_dir():
        names = [p.name for p in folder.iterdir() if p.suffix == ".xml" and p.name[0] != "."]
    else:
        names = list(_unpacked(root / _REPORTS, *_stamp(root / _REPORTS)))
    if not names:
        found = "an empty folder" if folder.is_dir() else f"neither {_FOLDER} nor {_REPORTS}"
        raise InputRefused("E101", str(root), found, LAYOUT, "give the folder above the reports")
    return sorted(names)


def _document(root: Path, name: str) -> bytes:
    """One report's file."""
    if (root / _FOLDER).is_dir():
        return radiograph.file_bytes(root / _FOLDER / name)
    found = _unpacked(root / _REPORTS, *_stamp(root / _REPORTS)).get(name)
    if found is None:
        raise ItemFault("E202", name, "no such report", "a report", f"restore {_REPORTS}")
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """Size and time of a file; zeros where it is none."""
    status = path.stat() if path.is_file() else None
    return (status.st_size, status.st_mtime_ns) if status else (0, 0)


@functools.lru_cache(maxsize=1)
def _unpacked(path: Path, size: int, time: int) -> dict[str, bytes]:
    """The XML files in the published tar file by name; none where there is no such file.

    Kept, since one of them cannot be read without those before it; another size or time is
    another file.
    """
    if not size:
        return {}
    try:
        with tarfile.open(path) as packed:
            members = [m for m in packed if m.isfile() and m.name.endswith(".xml")]
            files = {Path(m.name).name: packed.extractfile(m) for m in members}
            return {name: file.read() for name, file in files.items() if file}
    except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
        raise _refused(f"{_REPORTS} cannot be read: {type(error).__name__}") from error


def _refused(observed: str) -> InputRefused:
    return InputRefused(
        "E103", _FOLDER, observed, "the reports as published", "download the reports again"
    )


def _damaged(name: str, observed: str) -> ItemFault:
    return ItemFault("E201", name, observed, "a report as published", "download the reports again")


def _parsed(name: str, data: bytes) -> _Report:
    """The report in an XML file. A document type is refused: entities could be made of it."""
    try:
        text = data.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise _damaged(name, "it has a document type")
        tree = ElementTree.fromstring(text)
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise _damaged(name, "it is no whole XML file") from error
    found = tree.find("uId")
    uid = "" if found is None else found.get("id", "")
    if uid != f"CXR{Path(name).stem}" or not _UID.fullmatch(uid):
        raise _damaged(name, "its uId is not that of the file's name")
    sections = ((a.get("Label", ""), _text(a)) for a in tree.iter("AbstractText"))
    return _Report(
        name,
        uid,
        {section: text for section, text in sections if text},
        {k: tuple(_text(t) for t in tree.iterfind(f"MeSH/{k}")) for k in ("major", "automatic")},
        tuple((i.get("id", ""), i.findtext("caption", "")) for i in tree.iter("parentImage")),
    )


def _text(element: ElementTree.Element) -> str:
    return "".join(element.itertext()).strip()


def _form(root: Path) -> str:
    """How the images of this copy are called; as PNG where there are none."""
    return next((form for folder, form in _FORMS if (root / folder).is_dir()), _FORMS[1][1])


def _images(
    reports: list[_Report], form: str, projections: dict[str, tuple[str, str]]
) -> Iterator[Record]:
    """A record per image; what is used is taken out of `projections`."""
    names = Counter(image for report in reports for image, _ in report.images)
    without = _without_images_text(reports)
    for report in reports:
        for place, (image, caption) in enumerate(report.images, 1):
            number = report.uid.removeprefix("CXR")
            rest = image.removeprefix(f"{report.uid}_")
            dicom = rest if rest.startswith(f"{number}_") else f"{number}_{rest}"
            projection, fault = projections.pop(f"{dicom}.dcm.png", ("", ""))
            if rest == image or not _IMAGE.fullmatch(image):
                fault = "the image is not named after its report"
            elif names[image] > 1:
                fault = "the image is in several places"
            if fault:
                spot = f"{_FOLDER}/{report.file}-image-{place}"
                yield _faulty(spot, f"{report.file}, image {place}: {fault}")
                continue
            known = {
                "MeSH.major": "|".join(report.terms["major"]),
                "MeSH.automatic": "|".join(report.terms["automatic"]),
                "sections": " ".join(report.sections),
                "caption": caption,
                "projection": projection,
            }
            yield Record(
                archive="open-i",
                image_id=image,
                image=form.format(number=number, image=image, dicom=dicom),
                patient_id=report.uid,
                study_id=report.uid,
                view=_VIEWS.get(projection, ""),
                extra={k: v for k, v in known.items() if v} | {"reports_without_images": without},
            )


def _without_images_text(reports: list[_Report]) -> str:
    """What the reports hold that are no records: "reports 104, COMPARISON 81, ..."."""
    counts = Counter({"reports": 0})
    for report in (r for r in reports if not r.images):
        findings, impression = (s in report.sections for s in ("FINDINGS", "IMPRESSION"))
        counts.update(["reports", *report.sections])
        counts["both"] += findings and impression
        counts["neither"] += not findings and not impression
        counts.update({kind: len(terms) for kind, terms in report.terms.items()})
    kinds = ("reports", *SECTIONS, "both", "neither", "major", "automatic")
    return ", ".join(f"{kind} {counts[kind]}" for kind in kinds)


def _projections(root: Path) -> dict[str, tuple[str, str]]:
    """Projection and fault by Kaggle's file name; nothing where the table is not there."""
    if not any((root / name).is_file() for name in (_PROJECTIONS, f"{_PROJECTIONS}.gz")):
        return {}
    frame = tables.read(root, _PROJECTIONS, ("filename", "projection"))
    frame = tables.matching(tables.unique(frame, "filename"), "projection", "|".join(_VIEWS))
    frame = tables.matching(frame, "filename", r"[0-9]+_[0-9A-Za-z_.-]+\.dcm\.png")
    rows = frame.select("filename", "projection", tables.FAULT).rows()
    return {name: (projection, fault) for name, projection, fault in reversed(rows)}


def _place(fault: str) -> str:
    """ "indiana_projections.csv-row-5" of "indiana_projections.csv, row 5: ..."."""
    return fault.split(":")[0].replace(", row ", "-row-")


def _faulty(place: str, fault: str) -> Record:
    return Record("open-i", place.replace("/", "-"), place, fault=fault)
