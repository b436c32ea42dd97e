"""Montgomery: two masks make one, readings in DICOM's words, sides by position."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from trees import touch

from cxrkit.archives import montgomery
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.records import Record

STEMS = ("MCUCXR_0001_0", "MCUCXR_0104_1", "MCUCXR_0002_0")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three images of 6 x 8 pixels, two with masks; left and right as the picture shows them."""
    root = tmp_path / "montgomery" / "MontgomerySet"
    touch(root, ["CXR_png/Thumbs.db", "CXR_png/._MCUCXR_0001_0.png"])
    (root / "ClinicalReadings").mkdir()
    for stem in STEMS:
        cv2.imwrite(str(root / "CXR_png" / f"{stem}.png"), np.eye(6, 8, dtype=np.uint8) * 255)
    for side, column in (("leftMask", 6), ("rightMask", 1)):
        (root / "ManualMask" / side).mkdir(parents=True)
        for stem in STEMS[:2]:
            draw(root / "ManualMask" / side / f"{stem}.png", column)
    readings = {
        STEMS[0]: "Patient's Sex: F\r\nPatient's Age: 027Y\r\nnormal\r\n",
        STEMS[1]: "Patient's Sex: O \nPatient's Age: 018M\n\nRUL infiltrate\nwith cavity \n",
    }
    for stem, text in readings.items():
        (root / "ClinicalReadings" / f"{stem}.txt").write_text(text, newline="")
    return root.parent


def draw(path: Path, column: int, shape: tuple[int, int] = (6, 8)) -> None:
    mask = np.zeros(shape, np.uint8)
    if column >= 0:
        mask[1:5, column] = 255
    cv2.imwrite(str(path), mask)


def read(root: Path) -> dict[str, Record]:
    return {record.image_id: record for record in montgomery.records(root)}


def test_names_readings_and_masks(tree: Path) -> None:
    found = read(tree)
    assert [*found] == sorted(STEMS)
    normal, ill, unread = (found[stem] for stem in STEMS)
    assert normal.image == "MontgomerySet/CXR_png/MCUCXR_0001_0.png"
    assert (normal.patient_id, normal.sex, normal.age) == ("0001", "F", 27.0)
    assert (normal.labels, ill.labels) == ({"Tuberculosis": 0}, {"Tuberculosis": 1})
    assert (ill.sex, ill.age) == ("O", 1.5)
    assert ill.extra == {
        "reading_patient": "Patient's Sex: O Patient's Age: 018M",
        "reading_finding": "RUL infiltrate with cavity",
    }
    assert (unread.sex, unread.age, unread.mask, unread.extra) == ("", None, "", {})


def test_the_root_may_be_the_set_itself(tree: Path) -> None:
    inside = list(montgomery.records(tree / "MontgomerySet"))
    assert [f"MontgomerySet/{r.image}" for r in inside] == [
        r.image for r in montgomery.records(tree)
    ]
    lung, _ = montgomery.mask(tree / "MontgomerySet", inside[0])
    assert lung.sum() == 8


@pytest.mark.parametrize(
    ("sex", "age", "expected"),
    [
        ("M", "045Y", ("M", 45.0)),
        ("m", "45 y", ("M", 45.0)),
        ("O", "003W", ("O", 21 / 365.25)),
        ("female", "010D", ("", 10 / 365.25)),
        ("F", "27", ("F", None)),  # no unit
        ("F", "twenty", ("F", None)),
        ("", "", ("", None)),
    ],
)
def test_what_a_reading_does_not_say_stays_empty(
    tree: Path, sex: str, age: str, expected: tuple[str, float | None]
) -> None:
    reading = tree / "MontgomerySet" / "ClinicalReadings" / f"{STEMS[0]}.txt"
    reading.write_bytes(f"Patient's Sex: {sex}\nPatient's Age: {age}\n".encode() + b"\xff normal")
    record = read(tree)[STEMS[0]]
    assert (record.sex, record.age) == (expected[0], pytest.approx(expected[1]))


def test_a_reading_that_cannot_be_read_is_a_faulty_record(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(montgomery.records(tree))
    read_bytes = Path.read_bytes

    def deny(path: Path) -> bytes:
        if path.name == f"{whole[0].image_id}.txt":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", deny)
    first, *others = montgomery.records(tree)
    assert first.fault == f"{first.image_id}.txt: the reading cannot be read: PermissionError"
    assert (first.labels, first.mask) == ({}, "") and others == whole[1:]


def test_the_lungs_are_both_masks(tree: Path) -> None:
    lung, ignore = montgomery.mask(tree, read(tree)[STEMS[0]])
    expected = np.zeros((6, 8), bool)
    expected[1:5, [1, 6]] = True
    assert np.array_equal(lung, expected) and not ignore.any() and ignore.shape == (6, 8)


@pytest.mark.parametrize("swapped", [False, True])
def test_the_right_lung_is_at_smaller_x_whatever_its_folder(tree: Path, swapped: bool) -> None:
    folder = tree / "MontgomerySet" / "ManualMask"
    if swapped:
        (folder / "leftMask").rename(folder / "other")
        (folder / "rightMask").rename(folder / "leftMask")
        (folder / "other").rename(folder / "rightMask")
    right, left = montgomery.sides(tree, read(tree)[STEMS[0]])
    assert right[:, 1].any() and not right[:, 6].any()
    assert left[:, 6].any() and not left[:, 1].any()


@pytest.mark.parametrize("side", ["leftMask", "rightMask"])
def test_a_missing_side_is_named(tree: Path, side: str) -> None:
    (tree / "MontgomerySet" / "ManualMask" / side / f"{STEMS[0]}.png").unlink()
    record = read(tree)[STEMS[0]]
    assert record.mask  # half a mask is reported, not passed over
    with pytest.raises(ItemFault, match=rf"E231 bad-mask: .*{side}/{STEMS[0]}.png: no such file"):
        montgomery.mask(tree, record)


@pytest.mark.parametrize("side", ["leftMask", "rightMask"])
def test_a_mask_of_another_size_is_named(tree: Path, side: str) -> None:
    draw(tree / "MontgomerySet" / "ManualMask" / side / f"{STEMS[0]}.png", 1, (6, 9))
    with pytest.raises(ItemFault, match=rf"E231 bad-mask: .*{side}.*: 6 x 9 pixels .*the 6 x 8"):
        montgomery.mask(tree, read(tree)[STEMS[0]])


@pytest.mark.parametrize("column", [-1, 1])
def test_sides_that_position_cannot_tell_are_named(tree: Path, column: int) -> None:
    """An empty one, and one that lies where the other does."""
    draw(tree / "MontgomerySet" / "ManualMask" / "leftMask" / f"{STEMS[0]}.png", column)
    record = read(tree)[STEMS[0]]
    assert montgomery.mask(tree, record)[0].sum() == 4
    with pytest.raises(ItemFault, match=r"E231"):
        montgomery.sides(tree, record)


def test_a_mask_with_an_undeclared_value_is_named(tree: Path) -> None:
    path = tree / "MontgomerySet" / "ManualMask" / "leftMask" / f"{STEMS[0]}.png"
    cv2.imwrite(str(path), np.full((6, 8), 100, np.uint8))
    with pytest.raises(ItemFault, match=r"E231 .*pixel values 100"):
        montgomery.mask(tree, read(tree)[STEMS[0]])


def test_a_wrong_folder_is_refused(tree: Path) -> None:
    with pytest.raises(InputRefused, match=r"E101 .*no folder CXR_png"):
        montgomery.records(tree / "MontgomerySet" / "CXR_png")
