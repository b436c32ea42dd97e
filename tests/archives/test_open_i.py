"""Open-i: one record per image that a report names; damaged reports are named, others go on."""

import gzip
import shutil
import tarfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cxrkit import archives, claims
from cxrkit.archives import open_i
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.phantom import open_i as replica
from cxrkit.pipeline import build
from cxrkit.pipeline.summary import Summary

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<eCitation>
   <uId id="CXR{number}"/>
   <MedlineCitation><Article><Abstract>
      <AbstractText Label="COMPARISON">{comparison}</AbstractText>
      <AbstractText Label="INDICATION">Cough &amp; fever</AbstractText>
      <AbstractText Label="FINDINGS">{findings}</AbstractText>
      <AbstractText Label="IMPRESSION"/>
   </Abstract></Article></MedlineCitation>
   <MeSH><major>Opacity/lung/left</major><major>Nodule</major><automatic>opacity</automatic></MeSH>
{images}</eCitation>
"""


def xml(number: int, *images: str, comparison: str = "None.", findings: str = "Clear.") -> str:
    named = "".join(
        f'   <parentImage id="{image}"><caption>PA and lateral</caption></parentImage>\n'
        for image in images
    )
    return REPORT.format(number=number, images=named, comparison=comparison, findings=findings)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four reports, with two, one, one and no images; everything in them is made up."""
    folder = tmp_path / "open-i" / "ecgen-radiology"
    folder.mkdir(parents=True)
    reports = {
        10: xml(10, "CXR10_IM-0002-1001", "CXR10_IM-0002-2001"),
        1: xml(1, "CXR1_1_IM-0001-3001", comparison=" "),
        7: xml(7, "CXR7_IM-0500-0001-0001", findings=""),
        8: xml(8, findings=""),
    }
    for number, text in reports.items():
        (folder / f"{number}.xml").write_text(text)
    (folder / ".9.xml").write_text("hidden")
    return folder.parent


PROJECTIONS = (
    "uid,filename,projection\n"
    "10,10_IM-0002-1001.dcm.png,Frontal\n"
    "10,10_IM-0002-2001.dcm.png,Lateral\n"
    "1,1_IM-0001-3001.dcm.png,Frontal\n"
)


def test_a_record_for_each_image_named_after_its_report(root: Path) -> None:
    first, last, *others = open_i.records(root)
    assert [r.image_id for r in (first, last)] == ["CXR10_IM-0002-1001", "CXR10_IM-0002-2001"]
    assert [r.image_id for r in others] == ["CXR1_1_IM-0001-3001", "CXR7_IM-0500-0001-0001"]
    assert first.image == "NLMCXR_png/CXR10_IM-0002-1001.png"
    assert (first.patient_id, first.study_id, first.view) == ("CXR10", "CXR10", "")
    assert first.labels == {} and first.extra == {
        "MeSH.major": "Opacity/lung/left|Nodule",
        "MeSH.automatic": "opacity",
        "sections": "COMPARISON INDICATION FINDINGS",
        "caption": "PA and lateral",
        "reports_without_images": "reports 1, COMPARISON 1, INDICATION 1, FINDINGS 0, "
        "IMPRESSION 0, both 0, neither 1, major 2, automatic 1",
    }


def test_the_report_is_its_filled_sections_under_their_names(root: Path) -> None:
    first, _, spelled, short = open_i.records(root)
    text = "COMPARISON: None.\n\nINDICATION: Cough & fever\n\nFINDINGS: Clear."
    assert open_i.report(root, first) == text
    assert open_i.report(root, spelled) == "INDICATION: Cough & fever\n\nFINDINGS: Clear."
    assert open_i.report(root, short) == "COMPARISON: None.\n\nINDICATION: Cough & fever"
    (root / "ecgen-radiology/10.xml").write_text("<eCitation>")
    with pytest.raises(ItemFault, match=r"E201 unreadable: 10.xml: it is no whole XML file"):
        open_i.report(root, first)


def test_a_report_of_empty_sections_is_none(root: Path) -> None:
    path = root / "ecgen-radiology/7.xml"
    path.write_text(path.read_text().replace("None.", "").replace("Cough &amp; fever", " "))
    record = list(open_i.records(root))[-1]
    assert record.study_id == "CXR7" and open_i.report(root, record) is None


def test_the_packed_reports_give_the_same_records(root: Path) -> None:
    plain = list(open_i.records(root))
    texts = [open_i.report(root, r) for r in plain]
    with tarfile.open(root / "NLMCXR_reports.tgz", "w:gz") as packed:
        packed.add(root / "ecgen-radiology", "ecgen-radiology", filter=_visible)
    shutil.rmtree(root / "ecgen-radiology")
    assert list(open_i.records(root)) == plain
    assert [open_i.report(root, r) for r in plain] == texts
    data = (root / "NLMCXR_reports.tgz").read_bytes()
    (root / "NLMCXR_reports.tgz").write_bytes(data[: len(data) // 2])
    with pytest.raises(InputRefused, match=r"E103 bad-table: ecgen-radiology: NLMCXR_reports.tgz"):
        open_i.records(root)
    with pytest.raises(ItemFault, match="E201"):
        open_i.report(root, plain[0])


def _visible(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if Path(member.name).name.startswith(".") else member


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("NLMCXR_dcm", "NLMCXR_dcm/1/1_IM-0001-3001.dcm NLMCXR_dcm/10/10_IM-0002-1001.dcm"),
        ("NLMCXR_png", "NLMCXR_png/CXR1_1_IM-0001-3001.png NLMCXR_png/CXR10_IM-0002-1001.png"),
        ("images", "images/CXR1_1_IM-0001-3001.png images/CXR10_IM-0002-1001.png"),
        (
            "images/images_normalized",
            "images/images_normalized/1_IM-0001-3001.dcm.png "
            "images/images_normalized/10_IM-0002-1001.dcm.png",
        ),
    ],
)
def test_the_three_spellings_of_an_image(root: Path, folder: str, expected: str) -> None:
    (root / folder).mkdir(parents=True)
    found = {r.image_id: r.image for r in open_i.records(root)}
    names = ("CXR1_1_IM-0001-3001", "CXR10_IM-0002-1001")
    assert [found[name] for name in names] == expected.split()


def test_projections_give_the_view_where_they_lie_beside(root: Path) -> None:
    (root / "indiana_projections.csv").write_text(PROJECTIONS)
    frontal, lateral, other, unlisted = open_i.records(root)
    assert [r.view for r in (frontal, lateral, other, unlisted)] == [
        "FRONTAL",
        "LATERAL",
        "FRONTAL",
        "",
    ]
    assert frontal.frontal and not lateral.frontal and not unlisted.frontal
    assert frontal.extra["projection"] == "Frontal" and "projection" not in unlisted.extra


@pytest.mark.parametrize(
    ("text", "observed"),
    [
        ("<eCitation>", "it is no whole XML file"),
        ("", "it is no whole XML file"),
        ("<eCitation/>", "its uId is not that of the file's name"),
        (xml(11, "CXR11_IM-0002-1001"), "its uId is not that of the file's name"),
        (
            '<!DOCTYPE a [<!ENTITY b "bbbb">]>' + xml(10, "CXR10_IM-0002-1001"),
            "it has a document type",
        ),
    ],
)
def test_a_damaged_report_is_one_fault_and_the_others_go_on(
    root: Path, text: str, observed: str
) -> None:
    whole = list(open_i.records(root))
    (root / "ecgen-radiology/10.xml").write_text(
        text.replace('<?xml version="1.0" encoding="utf-8"?>\n', "")
    )
    *others, bad = sorted(open_i.records(root), key=lambda r: bool(r.fault))
    assert bad.fault == f"10.xml: {observed}"
    assert (bad.image, bad.image_id) == ("ecgen-radiology/10.xml", "ecgen-radiology-10.xml")
    assert others == whole[2:]


def test_bytes_that_are_no_text_are_a_fault(root: Path) -> None:
    (root / "ecgen-radiology/10.xml").write_bytes(xml(10, "CXR10_IM-0002-1001").encode("utf-16"))
    faults = [r.fault for r in open_i.records(root) if r.fault]
    assert faults == ["10.xml: it is no whole XML file"]


def test_an_image_of_another_report_or_of_two_is_a_fault(root: Path) -> None:
    (root / "ecgen-radiology/8.xml").write_text(xml(8, "CXR7_IM-0500-0001-0001", "CXR8_../x"))
    faults = sorted(r.fault for r in open_i.records(root) if r.fault)
    assert faults == [
        "7.xml, image 1: the image is in several places",
        "8.xml, image 1: the image is not named after its report",
        "8.xml, image 2: the image is not named after its report",
    ]


def test_most_reports_damaged_is_refused(root: Path) -> None:
    for name in ("1", "7", "10"):
        (root / f"ecgen-radiology/{name}.xml").write_text("<html>log in</html>")
    with pytest.raises(InputRefused, match=r"E103 bad-table: ecgen-radiology: 3 reports are dam"):
        open_i.records(root)


def test_an_empty_folder_of_reports_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ecgen-radiology").mkdir()
    with pytest.raises(InputRefused, match=r"E101 missing-archive: .*: an empty folder"):
        open_i.records(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "observed"),
    [
        ("projection", "view", "no column projection"),
        ("Frontal", "PA", "column projection: in 2 of 3 rows the value is not like"),
        (".dcm.png", ".png", "column filename: in 3 of 3 rows the value is not like"),
    ],
)
def test_a_wrong_table_of_projections_is_refused(
    root: Path, old: str, new: str, observed: str
) -> None:
    (root / "indiana_projections.csv").write_text(PROJECTIONS.replace(old, new))
    with pytest.raises(InputRefused) as caught:
        open_i.records(root)
    assert caught.value.code == "E103" and caught.value.observed.startswith(observed)


def test_a_bad_row_of_projections_is_named(root: Path) -> None:
    whole = {r.image_id for r in open_i.records(root)}
    broken = PROJECTIONS.replace("Lateral", "Side") + "3,?,Frontal\n"
    (root / "indiana_projections.csv.gz").write_bytes(gzip.compress(broken.encode()))
    found = list(open_i.records(root))
    faults = {r.image_id: r.fault for r in found if r.fault}
    assert set(faults) == {"ecgen-radiology-10.xml-image-2", "indiana_projections.csv.gz-row-4"}
    assert "indiana_projections.csv.gz, row 2: column projection" in "".join(faults.values())
    assert {r.image_id for r in found} - set(faults) == whole - {"CXR10_IM-0002-2001"}


def test_claims_count_reports_with_and_without_images(root: Path) -> None:
    table = archives.table(open_i, root)
    found = {c.what: claims.count(c, table) for c in open_i.CARD.claims if not c.erratum}
    assert found == {
        "images": 4,
        "reports": 4,
        "reports without images": 1,
        "reports with 1 images": 2,
        "reports with 2 images": 1,
        "reports with 3 images": 0,
        "reports with 4 images": 0,
        "reports with 5 images": 0,
        "reports with COMPARISON": 3,
        "reports with INDICATION": 4,
        "reports with FINDINGS": 2,
        "reports with IMPRESSION": 0,
        "reports with FINDINGS and IMPRESSION": 0,
        "reports with neither FINDINGS nor IMPRESSION": 2,
        "MeSH terms coded by hand": 8,
        "MeSH terms found by a program": 4,
        "reports with images": 3,
        "images with a projection": None,
    }


def test_the_published_numbers_add_up() -> None:
    number = {c.what: c.value for c in open_i.CARD.claims if not c.erratum}
    by_images = [number[f"reports with {n} images"] for n in (1, 2, 3, 4, 5)]
    assert sum(by_images) == number["reports with images"]
    assert sum(by_images) + number["reports without images"] == number["reports"]
    assert sum(n * k for n, k in enumerate(by_images, 1)) == number["images"]
    either = number["reports with FINDINGS"] + number["reports with IMPRESSION"]
    both = number["reports with FINDINGS and IMPRESSION"]
    assert (
        either - both + number["reports with neither FINDINGS nor IMPRESSION"] == number["reports"]
    )


def test_frontal_images_are_built_from_either_form(tmp_path: Path) -> None:
    """DICOM files state their view, or not, or wrongly; Kaggle's table knows it for all but one."""
    planned = [(r, i) for r in replica.plan(6, 2) for i in r.images]
    options = build.Options(workers=1)

    def built(form: str) -> Summary:
        return build.build(
            "open-i", tmp_path / form, tmp_path / f"{form}-out", options, lambda _: None,
            lambda _: None,
        )  # fmt: skip

    replica.write_release(tmp_path / "dicom", studies=6, seed=2, size=96)
    summary = built("dicom")
    stated = Counter(i.stated or "" for _, i in planned)
    assert summary.inputs == len(planned)
    assert summary.done + sum(summary.quarantined.values()) == stated["PA"] + stated["AP"] > 0
    assert summary.skipped.get("view-unknown", 0) == stated[""]

    replica.write_png_release(tmp_path / "png", studies=6, seed=2, size=96)
    summary = built("png")
    views = Counter(r.exam.views[i.place] for r, i in planned[:-1])
    assert summary.done + sum(summary.quarantined.values()) == views["PA"] + views["AP"] > 0
    expected = {"view-not-frontal:LATERAL": views["LATERAL"], "view-unknown": 1}
    assert summary.skipped == expected


def test_the_real_reports_are_read_as_another_parser_reads_them(real_data: Path) -> None:
    """Counted anew from the tar file, one file at a time."""
    root = real_data / "open-i"
    images, filled, terms, reports, empty = [], Counter[str](), Counter[str](), 0, 0
    with tarfile.open(root / "NLMCXR_reports.tgz") as packed:
        for member in packed:
            file = packed.extractfile(member)
            if file is None or not member.name.endswith(".xml"):
                continue
            tree = ElementTree.parse(file).getroot()
            reports += 1
            found = [node.get("id") for node in tree.findall(".//parentImage")]
            images += found
            empty += not found
            filled.update(
                str(node.get("Label"))
                for node in tree.findall(".//Abstract/AbstractText")
                if (node.text or "").strip()
            )
            terms.update(node.tag for node in tree.findall("./MeSH/*"))
    table = archives.table(open_i, root)
    assert table["image_id"].to_list() == sorted(str(i) for i in images)
    assert set(table["fault"]) == {""}
    counted = {c.what: claims.count(c, table) for c in open_i.CARD.claims if not c.erratum}
    assert counted["reports"] == reports == 3184
    assert counted["reports without images"] == empty == 104
    assert counted["images"] == len(images) == len(set(images)) == 5967
    for section in replica.SECTIONS:
        assert counted[f"reports with {section}"] == filled[section]
    assert counted["MeSH terms coded by hand"] == terms["major"]
    assert counted["MeSH terms found by a program"] == terms["automatic"]
    without = [r for r in open_i.records(root) if open_i.report(root, r) is None]
    assert all("sections" not in r.extra for r in without)
