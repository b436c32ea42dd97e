"""The miniature ChestX-ray14 against its plan, its exact masks, and the adapter."""

import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Picture

from cxrkit.archives import chestx_ray14 as adapter
from cxrkit.errors import InputRefused
from cxrkit.phantom import chestx_ray14 as replica
from cxrkit.phantom import release
from cxrkit.phantom.chestx_ray14 import plan, write_release

STUDIES, SEED, SIZE = 24, 1, 64


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "nih"
    done: list[int] = []
    images = write_release(folder, STUDIES, SEED, SIZE, masks=folder.parent / "masks",
                           progress=done.append)  # fmt: skip
    assert images == STUDIES and done == list(range(1, STUDIES + 1))
    return folder


def test_the_tree_is_the_published_one(root: Path) -> None:
    files = {p for p in tree(root) if not p.endswith(".png")}
    assert files == {
        "Data_Entry_2017_v2020.csv", "BBox_List_2017.csv", "train_val_list.txt", "test_list.txt",
    }  # fmt: skip
    head = (root / "Data_Entry_2017_v2020.csv").read_text().splitlines()[0]
    assert head == (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,"
        "View Position,OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
    )
    boxes = (root / "BBox_List_2017.csv").read_text().splitlines()
    assert boxes[0] == "Image Index,Finding Label,Bbox [x,y,w,h],,,"
    assert {line.count(",") for line in boxes[1:]} == {5}


def test_the_adapter_reads_what_was_planned(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED)}
    records = list(adapter.records(root))
    assert {r.image_id for r in records} == set(planned)
    for record in records:
        image = planned[record.image_id]
        assert record.image == image.path and (root / record.image).is_file()
        assert record.labels == dict.fromkeys(image.labels, 1)
        assert record.patient_id == str(image.patient)
        assert record.split == ("test" if image.test else "train")
        assert (record.view, record.sex, record.age) == (
            image.exam.views[0], image.exam.subject.sex, image.exam.years,
        )  # fmt: skip
    assert {r.split for r in records} == {"train", "test"}
    parts = [{r.patient_id for r in records if r.split == s} for s in ("train", "test")]
    assert not parts[0] & parts[1]


def test_labels_are_those_of_the_findings(root: Path) -> None:
    for image in plan(200, 3):
        expected = {
            name
            for finding in image.exam.subject.findings
            for variant in replica.MINED.get(finding, ())
            for name in variant.split("|")
        }
        assert set(image.labels) <= (expected or {"No Finding"})
    orders = {i.labels for i in plan(400, 3)}
    assert len({frozenset(o) for o in orders}) < len(orders), "one order of labels only"


def test_boxes_enclose_the_exact_masks(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED)}
    boxes = adapter.annotations(root).rows(named=True)
    assert len(boxes) >= 3
    for box in boxes:
        image = planned[box["image_id"]]
        finding = next(
            f for f, n in image.mined if n.replace("trate", "tration") == box["observation"]
        )
        mask = release.picture(image.exam, 0, SIZE, SIZE, SEED).findings[finding]
        ys, xs = np.nonzero(mask)
        scale = 1024 / SIZE
        assert (box["x_min"], box["y_min"]) == (xs.min() * scale, ys.min() * scale)
        assert (box["x_max"], box["y_max"]) == ((xs.max() + 1) * scale, (ys.max() + 1) * scale)


def test_every_rarity_is_in_fifty_studies() -> None:
    planned = plan(50, 0)
    folders = {image.path.split("/")[0] for image in planned}
    assert folders == {f"images_{n:03d}" for n in range(1, 13)}
    assert any(n == "Infiltrate" for image in planned for _, n in image.mined)
    assert {image.exam.views[0] for image in planned} == {"PA", "AP"}
    assert any(image.follow_up != int(image.stem[-3:]) for image in planned)
    assert len({image.film for image in planned}) > 2


def test_one_image_of_many_is_rgba(root: Path) -> None:
    modes = [Picture.open(p).mode for p in sorted(root.rglob("*.png"))]
    assert sorted(modes) == ["L"] * (STUDIES - 1) + ["RGBA"]
    assert {Picture.open(p).size for p in root.rglob("*.png")} == {(SIZE, SIZE)}


def test_masks_lie_beside_the_release(root: Path) -> None:
    for convention in ("excluded", "included"):
        found = {p.stem: p for p in (root.parent / "masks" / convention).iterdir()}
        assert set(found) == {image.stem for image in plan(STUDIES, SEED)}
        mask = cv2.imread(str(next(iter(found.values()))), cv2.IMREAD_UNCHANGED)
        assert mask.shape == (SIZE, SIZE) and set(np.unique(mask)) == {0, 255}


def test_workers_do_not_change_a_byte_and_seeds_do(root: Path, tmp_path: Path) -> None:
    write_release(tmp_path / "two", STUDIES, SEED, SIZE, workers=2)
    assert tree(tmp_path / "two") == tree(root)
    write_release(tmp_path / "other", 3, SEED + 1, SIZE)
    write_release(tmp_path / "same", 3, SEED, SIZE)
    assert tree(tmp_path / "other") != tree(tmp_path / "same")


def test_a_filled_folder_and_masks_inside_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E105"):
        write_release(root, 1, 0, 64)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", 1, 0, 64, masks=tmp_path / "a" / "masks")
    assert not (tmp_path / "a").exists()
