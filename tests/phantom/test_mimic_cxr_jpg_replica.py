"""The miniature release against the published layout, and against itself."""

import csv
import gzip
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit import claims
from cxrkit.archives import mimic_cxr_jpg as archive
from cxrkit.errors import InputRefused
from cxrkit.phantom.mimic_cxr_jpg import plan, write_release

LABELS = (
    "Atelectasis,Cardiomegaly,Consolidation,Edema,Enlarged Cardiomediastinum,Fracture,"
    "Lung Lesion,Lung Opacity,No Finding,Pleural Effusion,Pleural Other,Pneumonia,Pneumothorax,"
    "Support Devices"
)


def table(root: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(root / f"mimic-cxr-2.0.0-{name}.csv.gz", "rt") as file:
        return list(csv.DictReader(file))


def head(root: Path, name: str) -> str:
    with gzip.open(root / f"mimic-cxr-2.0.0-{name}.csv.gz", "rt") as file:
        return file.readline().rstrip("\n")


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("release") / "mimic"
    write_release(root, studies=6, seed=3, size=160, masks=root.parent / "masks")
    return root


def test_columns_are_the_published_ones_in_their_order(release: Path) -> None:
    assert head(release, "metadata") == (
        "dicom_id,subject_id,study_id,PerformedProcedureStepDescription,ViewPosition,Rows,Columns,"
        "StudyDate,StudyTime,ProcedureCodeSequence_CodeMeaning,ViewCodeSequence_CodeMeaning,"
        "PatientOrientationCodeSequence_CodeMeaning"
    )
    assert head(release, "split") == "dicom_id,study_id,subject_id,split"
    assert head(release, "chexpert") == head(release, "negbio") == f"subject_id,study_id,{LABELS}"


def test_every_row_has_its_image_of_that_size(release: Path) -> None:
    rows = table(release, "metadata")
    names = (release / "IMAGE_FILENAMES").read_text().splitlines()
    paths = []
    for row in rows:
        subject, study = row["subject_id"], row["study_id"]
        paths.append(f"files/p{subject[:2]}/p{subject}/s{study}/{row['dicom_id']}.jpg")
        image = cv2.imread(str(release / paths[-1]), cv2.IMREAD_UNCHANGED)
        assert image.shape == (int(row["Rows"]), int(row["Columns"]))
        assert max(image.shape) == 160
    assert names == paths
    assert sorted(paths) == sorted(str(p.relative_to(release)) for p in release.rglob("*.jpg"))
    assert [r["dicom_id"] for r in table(release, "split")] == [r["dicom_id"] for r in rows]


def test_the_sums_file_names_every_other_file(release: Path) -> None:
    lines = (release / "SHA256SUMS.txt").read_text().splitlines()
    stated = {path: digest for digest, path in (line.split(" ", 1) for line in lines)}
    actual = tree(release)
    actual.pop("SHA256SUMS.txt")
    assert stated == actual


def test_ids_have_the_published_form() -> None:
    planned = plan(400, seed=1)
    assert {str(s.subject_id)[0] for s in planned} == {"1"}
    assert {len(str(s.subject_id)) for s in planned} == {8}
    assert {str(s.study_id)[0] for s in planned} == {"5"}
    assert len({s.study_id for s in planned}) == 400
    assert {str(s.subject_id)[:2] for s in planned} == {str(k) for k in range(10, 20)}
    ids = [image.dicom_id for s in planned for image in s.images]
    assert len(set(ids)) == len(ids)
    assert {tuple(map(len, i.split("-"))) for i in ids} == {(8, 8, 8, 8, 8)}


def test_the_plan_has_the_mixture_of_a_real_release() -> None:
    planned = plan(600, seed=2)
    views = Counter(image.view for s in planned for image in s.images)
    total = sum(views.values())
    assert set(views) == {"PA", "AP", "LATERAL", "LL", "", "LAO"}
    assert 0.02 < views[""] / total < 0.06 and views["LAO"] == 1
    assert sum(study.report is None for study in planned) == 1
    per_patient = Counter(s.subject_id for s in planned)
    assert set(per_patient.values()) == {1, 2, 3, 4}
    splits = {
        s.subject_id: {t.split for t in planned if t.subject_id == s.subject_id}
        for s in planned[:200]
    }
    assert all(len(found) == 1 for found in splits.values())
    patients = Counter({s.subject_id: s.split for s in planned}.values())
    assert 0.07 < patients["test"] / len(per_patient) < 0.13
    assert {len(s.images) for s in planned} == {1, 2}
    assert any(s.procedure == "CHEST (PA AND LAT)" and s.images[0].view == "AP" for s in planned)
    assert any(s.time < 100000 for s in planned)
    assert plan(600, seed=2) == planned != plan(600, seed=3)


def test_labels_are_those_of_the_report(release: Path) -> None:
    planned = {s.study_id: s for s in plan(6, seed=3, size=160)}
    for row in table(release, "chexpert"):
        study = planned[int(row["study_id"])]
        assert study.report is not None
        given = {k: int(float(v)) for k, v in row.items() if v and not k.endswith("_id")}
        assert given == study.report.labels
        assert (release / f"{study.folder}.txt").read_text() == study.report.text
    for one, other in zip(table(release, "chexpert"), table(release, "negbio"), strict=True):
        assert all(other[k] in ("", one[k]) for k in one)


def test_the_radiologist_read_some_of_the_test_set(tmp_path: Path) -> None:
    write_release(tmp_path, studies=40, seed=3, size=64)
    with (tmp_path / "mimic-cxr-2.1.0-test-set-labeled.csv").open() as file:
        rows = list(csv.DictReader(file))
    planned = {s.study_id: s for s in plan(40, seed=3, size=64)}
    tested = [s for s in planned.values() if s.split == "test" and s.report]
    assert 0 < len(rows) == (len(tested) + 1) // 2
    expected = {name.replace("Lung Opacity", "Airspace Opacity") for name in LABELS.split(",")}
    assert set(rows[0]) == {"study_id", *expected}
    for row in rows:
        study = planned[int(row.pop("study_id"))]
        assert study.split == "test" and study.report
        given = {k: int(float(v)) for k, v in row.items() if v}
        given["Lung Opacity"] = given.pop("Airspace Opacity", 9)
        assert {k: v for k, v in given.items() if v != 9} == study.report.labels


def test_masks_and_truth_lie_beside_the_release(release: Path) -> None:
    masks = release.parent / "masks"
    with (masks / "truth.csv").open() as file:
        truth = list(csv.DictReader(file))
    assert [r["dicom_id"] for r in truth] == [r["dicom_id"] for r in table(release, "metadata")]
    sizes = {r["dicom_id"]: (int(r["Rows"]), int(r["Columns"])) for r in table(release, "metadata")}
    frontal = {r["dicom_id"] for r in truth if r["view"] in ("PA", "AP")}
    for convention in ("excluded", "included"):
        found = {path.stem: path for path in (masks / convention).iterdir()}
        assert set(found) == frontal
        for stem, path in found.items():
            mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
            assert mask.shape == sizes[stem] and set(np.unique(mask)) == {0, 255}


def test_workers_do_not_change_a_byte(release: Path, tmp_path: Path) -> None:
    write_release(tmp_path / "two", studies=6, seed=3, size=160, workers=2)
    assert tree(tmp_path / "two") == tree(release)


def test_gzip_headers_hold_neither_time_nor_name(release: Path) -> None:
    for path in release.glob("*.csv.gz"):
        header = path.read_bytes()[:10]
        assert header[3] == 0 and header[4:8] == b"\0\0\0\0"


def test_images_are_equalised_as_the_release_is(release: Path) -> None:
    """The published recipe ends in histogram equalisation: all greys but black are equally many."""
    for path in list(release.rglob("*.jpg"))[:5]:
        image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        body = image[image > 25]
        assert abs(np.median(body) - 140) < 15 and image.max() > 245


def test_a_filled_folder_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputRefused, match="E105"):
        write_release(tmp_path, studies=1, seed=0, size=64)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]


def test_masks_inside_the_release_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", studies=1, seed=0, size=64, masks=tmp_path / "a" / "masks")
    assert not (tmp_path / "a").exists()


def test_the_adapter_reads_back_what_was_planned(tmp_path: Path) -> None:
    """Labels, views, splits, patients and reports of every image, and the two other labelers."""
    write_release(tmp_path, studies=50, seed=5, size=64)
    planned = {i.dicom_id: (s, i) for s in plan(50, seed=5, size=64) for i in s.images}
    records = list(archive.records(tmp_path))
    assert {r.image_id for r in records} == set(planned)
    sources = Counter[str]()
    for record in records:
        study, image = planned[record.image_id]
        labels = study.report.labels if study.report else {}
        assert record.image == f"{study.folder}/{image.dicom_id}.jpg"
        assert (tmp_path / record.image).is_file()
        assert (record.patient_id, record.study_id) == (str(study.subject_id), str(study.study_id))
        assert (record.view, record.split) == (image.view, study.split)
        assert (record.rows, record.columns) == (image.rows, image.columns)
        assert record.labels == labels and not record.fault
        for source in ("negbio", "radiologist"):
            given = {o: record.extra.get(f"{source}.{o}") for o in labels}
            assert all(v in (None, str(labels[o])) for o, v in given.items())
        assert archive.report(tmp_path, record) == (study.report.text if study.report else None)
        sources.update(record.extra.get("labelled_by", "nothing").split())
    assert set(sources) == {"chexpert", "negbio", "radiologist", "nothing"}
    table = archive.table(tmp_path)
    for claim in archive.CARD.claims:
        assert claims.count(claim, table) is not None or "filled in" in claim.why
