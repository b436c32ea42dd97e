"""The miniature RSNA challenge against the published tables, and against its phantoms."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit

from cxrkit.errors import InputRefused
from cxrkit.phantom import release, rsna_pneumonia
from cxrkit.phantom.rsna_pneumonia import plan, write_release

STUDIES, SEED, SIZE = 32, 5, 96


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rsna")
    write_release(root / "whole", STUDIES, SEED, SIZE, masks=root / "masks")
    return root / "whole"


def rows(root: Path, name: str) -> list[dict[str, str]]:
    with (root / name).open() as file:
        return list(csv.DictReader(file))


def test_the_tree_and_the_headers_are_exact(whole: Path) -> None:
    labels, classes = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"
    assert set(tree(whole)) == {labels, classes, *(i.path for i in plan(STUDIES, SEED))}
    assert (whole / labels).read_text().startswith("patientId,x,y,width,height,Target\n")
    assert (whole / classes).read_text().startswith("patientId,class\n")
    assert [r["patientId"] for r in rows(whole, labels)] == [
        r["patientId"] for r in rows(whole, classes)
    ]


def test_boxes_enclose_the_opacities_of_the_phantoms(whole: Path) -> None:
    listed: dict[str, list[dict[str, str]]] = {}
    for row in rows(whole, "stage_2_train_labels.csv"):
        listed.setdefault(row["patientId"], []).append(row)
    classes = {r["patientId"]: r["class"] for r in rows(whole, "stage_2_detailed_class_info.csv")}
    assert {len(boxes) for boxes in listed.values()} >= {1, 2}
    for image in plan(STUDIES, SEED):
        if image.test:
            assert image.patient_id not in listed
            continue
        phantom = release.picture(image.exam, 0, SIZE, SIZE, SEED)
        opacity = np.zeros((SIZE, SIZE), bool)
        for name in ("consolidation", "edema", "opacity", "pneumonia"):
            opacity |= phantom.findings.get(name, False)
        covered = np.zeros((SIZE, SIZE), bool)
        for row in listed[image.patient_id]:
            if row["Target"] == "1":
                x, y, w, h = (int(float(row[c])) for c in ("x", "y", "width", "height"))
                inside = opacity[y : y + h, x : x + w]
                # A box is tight: the opacity touches all four of its sides.
                assert all(
                    side.any() for side in (inside[0], inside[-1], inside.T[0], inside.T[-1])
                )
                covered[y : y + h, x : x + w] = True
            else:
                assert [row[c] for c in ("x", "y", "width", "height")] == [""] * 4
        assert (opacity & ~covered).sum() <= 0.01 * opacity.sum() + 4
        ill = "No Lung Opacity / Not Normal" if image.exam.subject.findings else "Normal"
        assert classes[image.patient_id] == ("Lung Opacity" if covered.any() else ill)


def test_the_files_hold_baseline_jpeg_of_8_bits(whole: Path) -> None:
    for image in plan(STUDIES, SEED):
        header = dcmread(whole / image.path)
        assert header.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
        assert (header.Rows, header.Columns, header.BitsStored) == (SIZE, SIZE, 8)
        assert header.PatientID == image.patient_id
        assert (header.ViewPosition, header.PatientSex) == (
            image.exam.views[0],
            image.exam.subject.sex,
        )


def test_at_most_four_boxes_and_no_specks() -> None:
    opacity = np.zeros((200, 200), bool)
    for k in range(6):
        opacity[10 + 30 * k : 20 + 30 * k, 5 : 15 + k] = True
    opacity[0, 199] = True
    found = rsna_pneumonia.boxes(opacity)
    assert found == [(5, 160 - 30 * k, 15 - k, 10) for k in range(4)]
    opacity[:, :30] = False
    assert rsna_pneumonia.boxes(opacity) == []


def test_workers_do_not_change_a_byte_and_seeds_do(whole: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        write_release(tmp_path / str(workers), 6, SEED, SIZE, workers)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    write_release(tmp_path / "other", 4, SEED + 1, SIZE)
    assert tree(tmp_path / "other").items().isdisjoint(tree(whole).items())


def test_exact_lung_masks_lie_beside_the_release(whole: Path) -> None:
    ids = {i.patient_id for i in plan(STUDIES, SEED)}
    for convention in ("excluded", "included"):
        assert {p.stem for p in (whole.parent / "masks" / convention).iterdir()} == ids


def test_a_filled_folder_and_masks_inside_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputRefused, match="E105"):
        write_release(tmp_path, 1, 0, SIZE)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", 1, 0, SIZE, masks=tmp_path / "a" / "masks")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
