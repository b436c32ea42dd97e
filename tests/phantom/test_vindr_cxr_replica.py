"""The miniature VinDr-CXR against its plan, pydicom and the adapter."""

import hashlib
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest

from cxrkit.archives import vindr_cxr as adapter
from cxrkit.errors import InputRefused
from cxrkit.imaging import radiograph
from cxrkit.phantom import release
from cxrkit.phantom.vindr_cxr import READERS, plan, write_release

STUDIES, SEED, SIZE = 18, 3, 96


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "vindr"
    assert write_release(folder, STUDIES, SEED, SIZE, masks=folder.parent / "masks") == STUDIES
    return folder


def test_the_tree_is_the_published_one(root: Path) -> None:
    files = tree(root)
    tables = {p for p in files if not p.endswith(".dicom")}
    assert tables == {"SHA256SUMS.txt"} | {
        f"annotations/{kind}_{split}.csv"
        for kind in ("annotations", "image_labels")
        for split in ("train", "test")
    }
    assert all(re.fullmatch(r"(train|test)/[0-9a-f]{32}\.dicom", p) for p in set(files) - tables)
    heads = {p: (root / p).read_text().splitlines()[0] for p in tables if p[0] == "a"}
    box = "class_name,x_min,y_min,x_max,y_max"
    assert heads["annotations/annotations_train.csv"] == f"image_id,rad_id,{box}"
    assert heads["annotations/annotations_test.csv"] == f"image_id,{box}"
    train = heads["annotations/image_labels_train.csv"]
    assert train.startswith("image_id,rad_id,Aortic enlargement,Atelectasis,")
    assert train.endswith(",Tuberculosis,Other diseases,No finding")
    test = heads["annotations/image_labels_test.csv"]
    assert test == train.replace("rad_id,", "").replace("diseases", "disease")
    listed = (root / "SHA256SUMS.txt").read_text().split()
    assert dict(zip(listed[1::2], listed[::2], strict=True)) == {
        p: digest for p, digest in files.items() if p != "SHA256SUMS.txt"
    }


def test_the_adapter_unites_what_the_readers_of_the_plan_said(root: Path) -> None:
    planned = {image.image_id: image for image in plan(STUDIES, SEED)}
    records = list(adapter.records(root))
    assert {r.image_id for r in records} == set(planned)
    for record in records:
        image = planned[record.image_id]
        assert (record.image, record.split) == (image.path, image.split)
        votes = Counter(
            name
            for r in image.readings
            for name in {n for _, n in r.boxed} | set(r.suspected) or {"No finding"}
        )
        expected = {n.replace("diseases", "disease") for n, v in votes.items()
                    if 2 * v > len(image.readings)}  # fmt: skip
        assert {n for n, v in record.labels.items() if v == 1} == expected
        assert len(record.labels) == 28
    assert {r.split for r in records} == {"train", "test"}


def test_readers_disagree_and_all_seventeen_are_there() -> None:
    planned = plan(60, 0)
    train = [image for image in planned if image.split == "train"]
    assert {len(image.readings) for image in train} == {3}
    assert {r.reader for image in train for r in image.readings} == set(READERS)
    assert any(len({r.boxed for r in image.readings}) > 1 for image in train)
    assert {image.photometric for image in planned} == {"MONOCHROME1", "MONOCHROME2"}
    assert {image.bits for image in planned} == {12, 14, 16}


def test_boxes_lie_about_the_exact_masks(root: Path) -> None:
    """The consensus encloses the mask; a reader's box overlaps it."""
    planned = {image.image_id: image for image in plan(STUDIES, SEED)}
    boxes = adapter.annotations(root).drop_nulls("x_min").rows(named=True)
    checked = Counter[str]()
    for box in boxes:
        image = planned[box["image_id"]]
        names = {n: f for r in image.readings for f, n in r.boxed if f}
        if box["observation"] not in names:
            continue  # imagined
        columns = round(SIZE * 5 / 6)
        phantom = release.picture(image.exam, 0, SIZE, columns, SEED)
        ys, xs = np.nonzero(phantom.findings[names[box["observation"]]])
        exact = (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1)
        found = [box[c] for c in ("x_min", "y_min", "x_max", "y_max")]
        if box["reader"] == "":
            assert tuple(found) == exact
        assert np.allclose(found, exact, atol=0.06 * SIZE)
        checked[image.split] += 1
    assert checked["train"] >= 5 and checked["test"] >= 1


def test_both_polarities_give_the_picture_with_air_dark(root: Path) -> None:
    for image in plan(STUDIES, SEED)[:4]:
        dataset = pydicom.dcmread(root / image.path)
        assert dataset.PhotometricInterpretation == image.photometric
        assert dataset.BitsStored == image.bits
        picture = radiograph.read(root / image.path).pixels
        phantom = release.picture(image.exam, 0, *picture.shape, SEED)
        assert np.corrcoef(picture.ravel(), phantom.radiograph.ravel())[0, 1] > 0.9
        lungs = phantom.right_lung_with_heart | phantom.left_lung_with_heart
        mask = root.parent / "masks" / "included" / f"{image.image_id}.png"
        assert np.array_equal(radiograph.read(mask).pixels > 127, lungs)


def test_workers_do_not_change_a_byte_and_seeds_do(root: Path, tmp_path: Path) -> None:
    write_release(tmp_path / "two", STUDIES, SEED, SIZE, workers=2)
    assert tree(tmp_path / "two") == tree(root)
    assert plan(STUDIES, SEED) != plan(STUDIES, SEED + 1)


def test_a_filled_folder_and_masks_inside_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E105"):
        write_release(root, 1, 0, 64)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", 1, 0, 64, masks=tmp_path / "a" / "masks")
