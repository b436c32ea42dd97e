"""The miniature CheXpert against its plan and the adapter."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.archives import chexpert as adapter
from cxrkit.errors import InputRefused
from cxrkit.phantom import release
from cxrkit.phantom.chexpert import labels, plan, write_release

STUDIES, SEED, SIZE = 16, 2, 64
HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,"
    "Lung Opacity,Lung Lesion,Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,"
    "Pleural Effusion,Pleural Other,Fracture,Support Devices"
)


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "stanford"
    images = write_release(folder, STUDIES, SEED, SIZE, masks=folder.parent / "masks")
    assert images == len(list(folder.rglob("*.jpg")))
    return folder


def test_the_tree_is_the_published_one(root: Path) -> None:
    tables = {p for p in tree(root) if not p.endswith(".jpg")}
    assert tables == {"CheXpert-v1.0/train.csv", "CheXpert-v1.0/valid.csv"}
    for part in ("train", "valid"):
        text = (root / "CheXpert-v1.0" / f"{part}.csv").read_text()
        assert text.startswith(f"{HEADER}\nCheXpert-v1.0/{part}/patient")
        paths = [row["Path"] for row in csv.DictReader(text.splitlines())]
        assert all((root / path).is_file() for path in paths)
    cells = {c for line in text.splitlines()[1:] for c in line.split(",")[5:]}
    assert cells == {"0.0", "1.0"}, "valid has no blank cells"


def test_the_adapter_reads_what_was_planned(root: Path) -> None:
    planned = {s.folder: s for s in plan(STUDIES, SEED)}
    records = list(adapter.records(root))
    assert len(records) == sum(len(s.exam.views) for s in planned.values())
    for record in records:
        folder, name = record.image.rsplit("/", 1)
        study = planned[folder]
        view = study.exam.views[int(name[4]) - 1]
        assert record.labels == labels(study)
        assert record.split == {"train": "train", "valid": "validate"}[study.part]
        assert record.patient_id == f"patient{study.patient:05d}"
        assert record.study_id == f"{record.patient_id}-study{study.number}"
        if study.part == "valid" or study.order > 3:
            assert (record.view, record.age) == (view, study.exam.years)
            assert record.sex == study.exam.subject.sex
    parts = [{r.patient_id for r in records if r.split == s} for s in ("train", "validate")]
    assert parts[0] and parts[1] and not parts[0] & parts[1]


def test_every_rarity_is_in_it(root: Path) -> None:
    records = [r for r in adapter.records(root) if r.split == "train"]
    odd = [r for r in records if r.extra["Frontal/Lateral"] == "Frontal" and r.view == "LL"]
    assert odd and not any(r.frontal for r in odd)
    assert [r for r in records if r.extra["Sex"] == "Unknown" and r.sex == ""]
    assert [r for r in records if r.age == 0]
    assert [r for r in records if not r.labels]
    assert {v for study in plan(50, 0) for v in labels(study).values()} == {1, 0, -1}
    assert {r.labels["No Finding"] for r in records if "No Finding" in r.labels} == {1}
    assert max(len([r for r in records if r.patient_id == p.patient_id]) for p in records) > 1


def test_masks_are_those_of_the_frontal_images(root: Path) -> None:
    studies = plan(STUDIES, SEED)
    frontal = [(s, n) for s in studies for n, v in enumerate(s.exam.views) if v != "LATERAL"]
    stems = {s.path(n)[14:-4].replace("/", "-"): (s, n) for s, n in frontal}
    masks = root.parent / "masks" / "included"
    assert {p.stem for p in masks.iterdir()} == set(stems)
    assert set(stems) <= {r.image_id for r in adapter.records(root)}
    stem = min(stems)
    study, number = stems[stem]
    mask = cv2.imread(str(masks / f"{stem}.png"), cv2.IMREAD_UNCHANGED) > 127
    image = cv2.imread(str(root / study.path(number)), cv2.IMREAD_UNCHANGED)
    phantom = release.picture(study.exam, number, *image.shape, SEED)
    exact = phantom.right_lung_with_heart | phantom.left_lung_with_heart
    assert np.array_equal(mask, exact) and mask.shape == image.shape


def test_workers_do_not_change_a_byte_and_seeds_do(root: Path, tmp_path: Path) -> None:
    write_release(tmp_path / "two", STUDIES, SEED, SIZE, workers=2)
    assert tree(tmp_path / "two") == tree(root)
    assert plan(STUDIES, SEED) != plan(STUDIES, SEED + 1)


def test_a_filled_folder_and_masks_inside_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E105"):
        write_release(root, 1, 0, 64)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", 1, 0, 64, masks=tmp_path / "a" / "masks")
