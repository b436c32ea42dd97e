"""The miniature DICOM release: layout, kinds of files, and the picture that each must show."""

import csv
import gzip
import hashlib
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cxrkit.archives import mimic_cxr as archive
from cxrkit.archives import mimic_cxr_jpg
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks, radiograph
from cxrkit.phantom import mimic_cxr_jpg as jpg
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.mimic_cxr import write_release

STUDIES, SEED, SIZE = 20, 1, 96


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    write_release(folder / "mimic", STUDIES, SEED, SIZE, masks=folder / "masks")
    return folder / "mimic"


def table(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_tree_is_that_of_the_release(release: Path) -> None:
    images, studies = (
        table(release / "cxr-record-list.csv.gz"),
        table(release / "cxr-study-list.csv.gz"),
    )
    assert list(images[0]) == ["subject_id", "study_id", "dicom_id", "path"]
    assert list(studies[0]) == ["subject_id", "study_id", "path"]
    notices = {"LICENSE.txt", "README", "SHA256SUMS.txt"}
    lists = {"cxr-record-list.csv.gz", "cxr-study-list.csv.gz"}
    listed = {row["path"] for row in images + studies}
    assert set(tree(release)) == listed | notices | lists
    for row in images:
        s, t, d = row["subject_id"], row["study_id"], row["dicom_id"]
        assert row["path"] == f"files/p{s[:2]}/p{s}/s{t}/{d}.dcm"


def test_the_sums_are_as_physionet_prints_them(release: Path) -> None:
    lines = (release / "SHA256SUMS.txt").read_text().splitlines()
    stated = {path: digest for digest, path in (line.split(" ", 1) for line in lines)}
    actual = tree(release)
    actual.pop("SHA256SUMS.txt")
    assert stated == actual


def test_studies_are_those_of_the_jpg_release(release: Path, tmp_path: Path) -> None:
    jpg.write_release(tmp_path, STUDIES, SEED, size=64)
    ours = {(r.patient_id, r.study_id, r.image_id) for r in archive.records(release)}
    theirs = {(r.patient_id, r.study_id, r.image_id) for r in mimic_cxr_jpg.records(tmp_path)}
    assert ours == theirs


def test_twenty_studies_show_every_kind_of_file(release: Path) -> None:
    files = [pydicom.dcmread(p, stop_before_pixels=True) for p in release.rglob("*.dcm")]
    assert {f.BitsStored for f in files} == {12, 14, 15, 16}
    assert {f.PhotometricInterpretation for f in files} == {"MONOCHROME1", "MONOCHROME2"}
    assert {"WindowCenter" in f for f in files} == {True, False}
    assert {f.file_meta.TransferSyntaxUID.is_implicit_VR for f in files} == {True, False}
    views = {str(f.get("ViewPosition", "absent")) for f in files}
    assert views >= {"PA", "AP", "LATERAL", "LL"} and views & {"", "absent"}
    assert len({f.SOPInstanceUID for f in files}) == len(files)


def test_a_file_shows_the_phantom_whatever_its_coding(release: Path) -> None:
    """Against the rendered picture, computed again from the plan."""
    for study in jpg.plan(STUDIES, SEED, SIZE)[:8]:
        for number, image in enumerate(study.images):
            rng = np.random.default_rng([SEED, 2, study.index, number])
            phantom = render(image.subject, image.rows, image.columns, rng)
            path = release / study.folder / f"{image.dicom_id}.dcm"
            shown = radiograph.read(path)
            if "WindowCenter" in pydicom.dcmread(path):
                assert np.abs(shown.pixels.astype(int) - phantom.radiograph).max() <= 1
            else:  # the range of display is the reader's choice; air is dark all the same
                pair = np.corrcoef(shown.pixels.ravel(), phantom.radiograph.ravel())
                assert pair[0, 1] > 0.95
            assert shown.view == image.view
            mask = release.parent / "masks" / "excluded" / f"{image.dicom_id}.png"
            assert mask.is_file() == (image.subject.view in ("PA", "AP"))
            if mask.is_file():
                lung = masks.read_mask(mask)[0]
                assert np.array_equal(lung, phantom.right_lung | phantom.left_lung)


def test_the_adapter_reads_back_what_was_planned(release: Path) -> None:
    planned = {i.dicom_id: s for s in jpg.plan(STUDIES, SEED, SIZE) for i in s.images}
    records = list(archive.records(release))
    assert {r.image_id for r in records} == set(planned)
    for record in records:
        study = planned[record.image_id]
        assert (record.patient_id, record.study_id) == (str(study.subject_id), str(study.study_id))
        assert study.report is not None
        assert archive.report(release, record) == study.report.text
        assert (release / record.image).is_file() and not record.fault


def test_a_study_without_labels_still_has_a_text(tmp_path: Path) -> None:
    write_release(tmp_path, studies=50, seed=2, size=64)
    silent = next(s for s in jpg.plan(50, 2, 64) if s.report is None)
    text = (tmp_path / f"{silent.folder}.txt").read_text()
    assert "FINAL REPORT" in text and "FINDINGS" not in text and "IMPRESSION" not in text


def test_workers_do_not_change_a_byte_and_seeds_do(tmp_path: Path) -> None:
    for name, seed, workers in (("one", 3, 1), ("two", 3, 2), ("other", 4, 1)):
        write_release(tmp_path / name, studies=3, seed=seed, size=64, workers=workers)
    assert tree(tmp_path / "one") == tree(tmp_path / "two")
    other = {v for k, v in tree(tmp_path / "other").items() if k.endswith(".dcm")}
    assert other.isdisjoint(tree(tmp_path / "one").values())


def test_folders_in_use_are_refused(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(InputRefused, match="E105"):
        write_release(tmp_path / "full", studies=1, seed=0, size=64)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", studies=1, seed=0, size=64, masks=tmp_path / "a" / "masks")
