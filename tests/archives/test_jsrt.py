"""JSRT: names tell the nodule, SCR's folds tell the lungs, sizes meet by whole pixels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from trees import touch

from cxrkit import archives
from cxrkit.archives import jsrt
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import radiograph
from cxrkit.records import Record

NAMES = ("JPCLN001.IMG", "JPCLN002.IMG", "JPCNN001.img", "JPCNN002.IMG")
PLACES = {"left lung": (1, 3), "right lung": (1, 0), "heart": (2, 2), "left clavicle": (0, 3),
          "right clavicle": (0, 0)}  # fmt: skip


def draw(path: Path, *pixels: tuple[int, int], shape: tuple[int, int] = (4, 4)) -> None:
    mask = np.zeros(shape, np.uint8)
    for row, column in pixels:
        mask[row, column] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Four images of 8 x 8 pixels; masks of 4 x 4 for all but the last."""
    root = tmp_path / "jsrt"
    root.mkdir()
    for name in NAMES:
        (root / name).write_bytes(np.arange(64, dtype=">u2").tobytes())
    for name in NAMES[:3]:
        fold = "fold1" if name[7] == "1" else "fold2"
        for structure, place in PLACES.items():
            draw(root / "scratch" / fold / "masks" / structure / f"{name[:8]}.gif", place)
    return root


def read(root: Path) -> dict[str, Record]:
    return {record.image_id: record for record in jsrt.records(root)}


def test_the_letters_tell_the_nodule(tree: Path) -> None:
    found = read(tree)
    assert {i: r.labels["Nodule"] for i, r in found.items()} == {
        "JPCLN001": 1,
        "JPCLN002": 1,
        "JPCNN001": 0,
        "JPCNN002": 0,
    }
    assert [r.image for r in found.values()] == sorted(NAMES)
    assert all(record.patient_id == image_id for image_id, record in found.items())
    assert found["JPCLN002"].mask == "scratch/fold2/masks/left lung/JPCLN002.gif"
    assert found["JPCNN002"].mask == ""


def test_the_union_of_the_lungs_has_four_pixels_for_each_of_the_mask(tree: Path) -> None:
    record = read(tree)["JPCLN001"]
    lung, ignore = archives.read_mask(jsrt, tree, record)
    expected = np.zeros((8, 8), bool)
    expected[2:4, 6:8] = expected[2:4, 0:2] = True
    assert np.array_equal(lung, expected) and not ignore.any()
    assert lung.shape == radiograph.read(tree / record.image).pixels.shape


def test_structures_have_the_names_and_sides_of_scr(tree: Path) -> None:
    found = jsrt.structures(tree, read(tree)["JPCLN001"])
    assert set(found) == set(jsrt.STRUCTURES)
    for name, (row, column) in PLACES.items():
        at = np.argwhere(found[name])
        assert at.min(0).tolist() == [2 * row, 2 * column] and len(at) == 4
    assert jsrt.structures(tree, read(tree)["JPCNN002"]) == {}
    (tree / "scratch/fold1/masks/heart/JPCLN001.gif").unlink()
    assert "heart" not in jsrt.structures(tree, read(tree)["JPCLN001"])


def test_masks_may_lie_beside_and_images_one_folder_below(tree: Path) -> None:
    for fold in ("fold1", "fold2"):
        (tree / "scratch" / fold).rename(tree / fold)
    (tree / "All247images").mkdir()
    for name in NAMES:
        (tree / name).rename(tree / "All247images" / name)
    found = read(tree)
    assert found["JPCLN001"].image == "All247images/JPCLN001.IMG"
    assert found["JPCLN001"].mask == "fold1/masks/left lung/JPCLN001.gif"
    assert jsrt.mask(tree, found["JPCLN001"])[0].sum() == 8


@pytest.mark.parametrize("side", ["left lung", "right lung"])
def test_a_missing_side_is_named(tree: Path, side: str) -> None:
    (tree / "scratch" / "fold1" / "masks" / side / "JPCLN001.gif").unlink()
    record = read(tree)["JPCLN001"]
    assert record.mask
    with pytest.raises(ItemFault, match=rf"E231 .*no mask of the {side}"):
        jsrt.mask(tree, record)


def test_a_mask_that_is_not_square_or_not_two_valued_is_named(tree: Path) -> None:
    path = tree / "scratch" / "fold1" / "masks" / "left lung" / "JPCLN001.gif"
    record = read(tree)["JPCLN001"]
    draw(path, (1, 1), shape=(4, 5))
    with pytest.raises(ItemFault, match=r"E231 .*4 x 5 pixels"):
        jsrt.mask(tree, record)
    Image.fromarray(np.full((4, 4), 77, np.uint8)).save(path)
    with pytest.raises(ItemFault, match=r"E231 .*pixel values 77"):
        jsrt.mask(tree, record)


def test_an_image_that_is_cut_or_gone_is_named(tree: Path) -> None:
    record = read(tree)["JPCLN001"]
    (tree / record.image).write_bytes(bytes(100))
    with pytest.raises(ItemFault) as caught:
        jsrt.mask(tree, record)
    assert caught.value.code == "E214"
    (tree / record.image).unlink()
    with pytest.raises(ItemFault) as caught:
        jsrt.mask(tree, record)
    assert caught.value.code == "E202"


def test_an_image_of_another_name_is_a_record_without_facts(tree: Path) -> None:
    touch(tree, ["scan.IMG", ".hidden.IMG"])
    record = read(tree)["scan"]
    assert (record.patient_id, record.labels, record.mask) == ("", {}, "")
    assert len(read(tree)) == 5


def test_two_images_of_one_name_are_refused(tree: Path) -> None:
    touch(tree, ["Nodule/JPCLN001.IMG"])
    with pytest.raises(
        InputRefused, match=r"E103 .*Nodule/JPCLN001.IMG: the same name as JPCLN001"
    ):
        jsrt.records(tree)


@pytest.mark.parametrize("inside", ["scratch", "absent"])
def test_a_wrong_folder_is_refused(tree: Path, inside: str) -> None:
    with pytest.raises(InputRefused, match=r"E101 .*no .IMG file"):
        jsrt.records(tree / inside)
