"""The miniature Open-i: reports in the collection's form, and each rarity within 24 of them."""

import csv
import hashlib
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pydicom
import pytest

from cxrkit.archives import open_i as archive
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks, radiograph
from cxrkit.phantom import release as shared
from cxrkit.phantom.open_i import SECTIONS, plan, write_png_release, write_release

STUDIES, SEED, SIZE = 24, 3, 96


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    written = write_release(folder / "open-i", STUDIES, SEED, SIZE, masks=folder / "masks")
    assert written == len(list((folder / "open-i").rglob("*.dcm")))
    return folder / "open-i"


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_plan_has_every_rarity() -> None:
    planned = plan(60, 1)
    numbers = [report.number for report in planned]
    assert numbers == sorted(set(numbers)) and numbers[0] == 1 and numbers[-1] > 60
    assert {0, 1, 2, 3} <= {len(report.images) for report in planned}
    filled = Counter(s for r in planned for s in SECTIONS if r.sections[s])
    assert all(0 < filled[s] < 60 for s in SECTIONS if s != "INDICATION")
    assert any("XXXX" in r.sections["FINDINGS"] for r in planned)
    images = [(r, i) for r in planned for i in r.images]
    assert len({i.image_id for _, i in images}) == len(images)
    assert {len(i.image_id.split("-")) for _, i in images} == {3, 4}  # IM-0001-1001 or -0001-0001
    stated = Counter((r.exam.views[i.place], i.stated) for r, i in images)
    assert stated["LATERAL", "PA"] and stated["LATERAL", "LL"] and stated["PA", "PA"]
    assert stated["PA", ""] + stated["PA", None] and stated["AP", "AP"]
    assert len({r.exam.patient for r in planned}) == 60
    assert plan(60, 1) == planned != plan(60, 2)


def test_the_tree_is_that_of_the_unpacked_files(release: Path) -> None:
    expected = set()
    for report in plan(STUDIES, SEED):
        expected.add(f"ecgen-radiology/{report.number}.xml")
        for image in report.images:
            expected.add(
                f"NLMCXR_dcm/{report.number}/{report.number}_{image.dicom.split('_')[1]}.dcm"
            )
    missing = expected - set(tree(release))
    assert len(missing) == 1 and missing.pop().endswith(".dcm")  # 7,469 files for 7,470 names
    assert set(tree(release)) < expected


def test_a_report_has_the_elements_of_the_collection(release: Path) -> None:
    for report in plan(STUDIES, SEED):
        root = ElementTree.parse(release / f"ecgen-radiology/{report.number}.xml").getroot()
        found = root.find("uId")
        assert found is not None and found.get("id") == f"CXR{report.number}"
        texts = {a.get("Label"): a.text or "" for a in root.iter("AbstractText")}
        assert tuple(texts) == SECTIONS and texts == dict(report.sections)
        assert [t.text for t in root.iterfind("MeSH/major")] == list(report.major)
        assert [i.get("id") for i in root.iter("parentImage")] == [
            image.image_id for image in report.images
        ]


def test_files_are_of_every_kind(release: Path) -> None:
    files = [pydicom.dcmread(p, stop_before_pixels=True) for p in release.rglob("*.dcm")]
    assert {f.BitsAllocated for f in files} == {16}
    assert {f.BitsStored for f in files} == {10, 12, 14, 15}
    assert {f.PhotometricInterpretation for f in files} == {"MONOCHROME1", "MONOCHROME2"}
    assert {f.Modality for f in files} == {"CR", "DX"}
    assert {"RescaleSlope" in f for f in files} == {True, False}


def test_a_file_shows_the_phantom_and_its_mask_is_exact(release: Path) -> None:
    for report in plan(STUDIES, SEED)[:6]:
        for image in report.images:
            path = release / f"NLMCXR_dcm/{report.number}/{image.dicom}.dcm"
            shown = radiograph.read(path)
            phantom = shared.picture(report.exam, image.place, shown.rows, shown.columns, SEED)
            pair = np.corrcoef(shown.pixels.ravel(), phantom.radiograph.ravel())
            assert pair[0, 1] > 0.95 and max(shown.rows, shown.columns) == SIZE
            assert shown.view == (image.stated or "")
            mask = release.parent / "masks" / "included" / f"{image.image_id}.png"
            assert mask.is_file() == (report.exam.views[image.place] != "LATERAL")
            if mask.is_file():
                exact = phantom.right_lung_with_heart | phantom.left_lung_with_heart
                assert np.array_equal(masks.read_mask(mask)[0], exact)


def test_the_adapter_reads_back_what_was_planned(release: Path) -> None:
    planned = {i.image_id: (r, i) for r in plan(STUDIES, SEED) for i in r.images}
    records = list(archive.records(release))
    assert {r.image_id for r in records} == set(planned)
    assert sum(not (release / r.image).is_file() for r in records) == 1
    for record in records:
        report, _ = planned[record.image_id]
        assert record.patient_id == record.study_id == report.uid and not record.fault
        texts = [f"{s}: {report.sections[s]}" for s in SECTIONS if report.sections[s]]
        assert archive.report(release, record) == "\n\n".join(texts)
        assert record.extra["MeSH.major"].split("|") == list(report.major)
        assert record.extra["sections"].split() == [s for s in SECTIONS if report.sections[s]]


def test_the_png_form_has_kaggles_tables_beside_it(tmp_path: Path) -> None:
    written = write_png_release(tmp_path, studies=9, seed=SEED, size=64)
    planned = {i.image_id: (r, i) for r in plan(9, SEED) for i in r.images}
    assert written == len(planned) == len(list((tmp_path / "NLMCXR_png").iterdir()))
    with (tmp_path / "indiana_projections.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["uid", "filename", "projection"] and len(rows) == written - 1
    with (tmp_path / "indiana_reports.csv").open(newline="") as file:
        assert [int(r["uid"]) for r in csv.DictReader(file)] == [
            report.number for report in plan(9, SEED) if report.images
        ]
    records = list(archive.records(tmp_path))
    for record in records:
        report, image = planned[record.image_id]
        view = "LATERAL" if report.exam.views[image.place] == "LATERAL" else "FRONTAL"
        assert record.view in (view, "")
        assert cv2.imread(str(tmp_path / record.image), -1).shape in ((64, 53), (53, 64))
    assert sum(not record.view for record in records) == 1


def test_workers_do_not_change_a_byte_and_seeds_do(tmp_path: Path) -> None:
    for name, seed, workers in (("one", 3, 1), ("two", 3, 2), ("other", 4, 1)):
        write_release(tmp_path / name, studies=3, seed=seed, size=64, workers=workers)
    assert tree(tmp_path / "one") == tree(tmp_path / "two") != tree(tmp_path / "other")


def test_folders_in_use_are_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(InputRefused, match="E105"):
        write_release(tmp_path / "full", studies=1, seed=0, size=64)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", studies=1, seed=0, size=64, masks=tmp_path / "a" / "masks")
