"""The miniature CXLSeg release: its recipe, its joins, its split that patients cross."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.archives import cxlseg as archive
from cxrkit.errors import InputRefused
from cxrkit.phantom.cxlseg import convention, plan, splits, write_release

STUDIES, SEED = 12, 1


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("release")
    write_release(folder / "cxlseg", STUDIES, SEED, masks=folder / "masks")
    return folder / "cxlseg"


def table(root: Path, name: str) -> list[dict[str, str]]:
    with (root / f"CXLSeg-{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file()
    }


def test_the_tables_have_the_columns_that_the_published_scripts_join_on(release: Path) -> None:
    columns = {name: list(table(release, name)[0]) for name in ("metadata", "segmented", "split")}
    columns["mask"] = list(table(release, "mask")[0])
    ids = ["dicom_id", "subject_id", "study_id"]
    assert columns["split"] == [*ids, "split"] and columns["mask"] == [*ids, "DicomPath"]
    assert columns["segmented"][:4] == [*ids, "DicomPath"] and len(columns["segmented"]) == 18
    assert columns["metadata"][3] == "Reports" and columns["metadata"][-1] == "DicomPath"
    assert set(columns["metadata"]) & set(columns["segmented"]) == {*ids, "DicomPath"}
    described = {(*(r[i] for i in ids), r["DicomPath"]) for r in table(release, "metadata")}
    segmented = {(*(r[i] for i in ids), r["DicomPath"]) for r in table(release, "segmented")}
    assert described == segmented and len(described) == len(table(release, "split"))


def test_the_tree_holds_two_files_for_an_image_and_the_sums_of_all(release: Path) -> None:
    files = {r["DicomPath"] for name in ("segmented", "mask") for r in table(release, name)}
    tables = {f"CXLSeg-{n}.csv" for n in ("metadata", "segmented", "split", "mask")}
    found = tree(release)
    assert set(found) == files | tables | {"LICENSE.txt", "SHA256SUMS.txt"}
    found.pop("SHA256SUMS.txt")
    lines = (release / "SHA256SUMS.txt").read_text().splitlines()
    assert {p: d for d, p in (line.split(" ", 1) for line in lines)} == found


def test_files_follow_the_measured_recipe(release: Path) -> None:
    """224 x 224; image of three equal channels, black but for ringing outside; mask of one."""
    for row in table(release, "segmented"):
        image = cv2.imread(str(release / row["DicomPath"]), cv2.IMREAD_UNCHANGED)
        assert image.shape == (224, 224, 3) and (image == image[..., :1]).all()
        path = release / row["DicomPath"].replace(".jpg", "-mask.jpg")
        gray = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert gray.shape == (224, 224)
        mask = gray > 127
        far = cv2.erode((~mask).astype(np.uint8), np.ones((17, 17))) > 0
        assert image[far].max() <= 1 and image[mask].mean() > 20
        # Writing the thresholded mask again gives the same file, as with the published example.
        again = cv2.imencode(".jpg", mask.astype(np.uint8) * 255, [cv2.IMWRITE_JPEG_QUALITY, 95])
        assert again[1].tobytes() == path.read_bytes()
        assert 0.1 < mask.mean() < 0.5


def test_masks_are_exact_and_of_two_conventions(release: Path) -> None:
    used = Counter[str]()
    for study in plan(STUDIES, SEED):
        for image in study.images:
            gray = cv2.imread(str(release / f"{study.folder}/{image.dicom_id}-mask.jpg"), -1)
            for name in ("excluded", "included"):
                path = release.parent / "masks" / name / f"{image.dicom_id}.png"
                same = np.array_equal(gray > 127, cv2.imread(str(path), -1) == 255)
                assert same == (name == convention(study))
                used[name] += same
    assert set(used) == {"excluded", "included"} and min(used.values()) > 0


def test_images_are_frontal_and_of_labelled_studies(release: Path) -> None:
    assert {r["ViewPosition"] for r in table(release, "metadata")} == {"AP", "PA"}
    assert all(study.report for study in plan(60, 2))


def test_the_split_is_by_image_and_patients_cross_it() -> None:
    images = [(study.subject_id, i) for study in plan(60, 2) for i in study.images]
    drawn = splits(len(images), 2)
    tenth = len(images) // 10
    assert Counter(drawn) == {
        "test": tenth,
        "validate": tenth,
        "train": len(images) - 2 * tenth,
    }
    parts: dict[int, set[str]] = {}
    for (patient, _), split in zip(images, drawn, strict=True):
        parts.setdefault(patient, set()).add(split)
    assert any(len(found) > 1 for found in parts.values())


def test_the_adapter_reads_back_what_was_planned(release: Path) -> None:
    planned = {i.dicom_id: (s, i) for s in plan(STUDIES, SEED) for i in s.images}
    order = [i.dicom_id for s in plan(STUDIES, SEED) for i in s.images]
    drawn = dict(zip(order, splits(len(order), SEED), strict=True))
    records = list(archive.records(release))
    assert {r.image_id for r in records} == set(planned)
    for record in records:
        study, image = planned[record.image_id]
        assert study.report is not None and not record.fault
        assert record.labels == study.report.labels
        assert archive.report(release, record) == study.report.text
        assert (record.view, record.split) == (image.view, drawn[record.image_id])
        assert (record.patient_id, record.study_id) == (str(study.subject_id), str(study.study_id))
        assert (record.extra["Rows"], record.extra["Columns"]) == (
            str(image.rows),
            str(image.columns),
        )
        lung, ignore = archive.mask(release, record)
        exact = release.parent / "masks" / convention(study) / f"{image.dicom_id}.png"
        assert np.array_equal(lung, cv2.imread(str(exact), -1) == 255) and not ignore.any()


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
