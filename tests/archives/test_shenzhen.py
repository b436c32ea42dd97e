"""Shenzhen: both layouts, the readings as people typed them, masks where there are masks."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from trees import touch

from cxrkit.archives import shenzhen
from cxrkit.errors import ItemFault
from cxrkit.terms import observations


def test_the_nlm_layout_with_readings(shenzhen_tree: Path) -> None:
    normal, unread, tuberculosis = shenzhen.records(shenzhen_tree)
    assert normal.image == "ChinaSet_AllFiles/CXR_png/CHNCXR_0001_0.png"
    assert (normal.patient_id, normal.sex, normal.age) == ("0001", "M", 45.0)
    assert normal.mask == "masks/CHNCXR_0001_0_mask.png"
    assert normal.labels == {"Tuberculosis": 0}
    assert normal.extra == {"reading_patient": "Male, 45yrs", "reading_finding": "normal"}
    assert (tuberculosis.sex, tuberculosis.age) == ("F", pytest.approx(16 / 12))
    assert tuberculosis.labels == {"Tuberculosis": 1}
    assert tuberculosis.extra["reading_finding"] == "right PTB with effusion"
    assert (unread.sex, unread.age, unread.mask, unread.extra) == ("", None, "", {})


@pytest.mark.parametrize("prefix", ["", "SZ-CXR/"])
def test_the_mask_release_layout(tmp_path: Path, prefix: str) -> None:
    names = ["images/CHNCXR_0002_1.png", "images/CHNCXR_0001_0.png", "masks/CHNCXR_0002_1_mask.png"]
    touch(tmp_path, (prefix + name for name in names))
    first, second = shenzhen.records(tmp_path)
    assert (first.image, first.mask) == (f"{prefix}images/CHNCXR_0001_0.png", "")
    assert second.mask == f"{prefix}masks/CHNCXR_0002_1_mask.png"


def test_a_reading_that_cannot_be_read_is_a_faulty_record(
    shenzhen_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(shenzhen.records(shenzhen_tree))
    read_bytes = Path.read_bytes

    def deny(path: Path) -> bytes:
        if path.name == f"{whole[0].image_id}.txt":
            raise PermissionError(13, "Permission denied")
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", deny)
    first, *others = shenzhen.records(shenzhen_tree)
    assert first.fault == f"{first.image_id}.txt: the reading cannot be read: PermissionError"
    assert (first.labels, first.mask) == ({}, "") and others == whole[1:]


def test_normal_is_not_called_no_finding(shenzhen_tree: Path) -> None:
    assert not any(observations(record.labels) for record in shenzhen.records(shenzhen_tree))


def test_an_image_of_another_name_is_a_record_without_facts(shenzhen_tree: Path) -> None:
    touch(shenzhen_tree, ["ChinaSet_AllFiles/CXR_png/scan.PNG"])
    *_, last = shenzhen.records(shenzhen_tree)
    assert (last.image_id, last.patient_id, last.labels, last.extra) == ("scan", "", {}, {})


@pytest.mark.parametrize(
    ("line", "sex", "years"),
    [
        ("male 45yrs", "M", 45),
        ("femal 32yrs", "F", 32),
        ("Female,24 yr", "F", 24),
        ("male24yrs", "M", 24),
        ("16month", "", 16 / 12),
        ("3 mths, female", "F", 3 / 12),
        ("64days", "", 64 / 365.25),
        ("M", "M", None),
        ("female 45", "F", None),  # no unit: years or months, nobody said
        ("24 male", "M", None),  # the m of male is no month
        ("", "", None),
    ],
)
def test_sex_and_age_as_people_typed_them(
    shenzhen_tree: Path, line: str, sex: str, years: float | None
) -> None:
    reading = shenzhen_tree / "ChinaSet_AllFiles" / "ClinicalReadings" / "CHNCXR_0001_0.txt"
    reading.write_bytes(line.encode() + b"\r\n\xff normal\r\n" if line else b"")
    first = next(iter(shenzhen.records(shenzhen_tree)))
    assert first.sex == sex
    assert first.age == (None if years is None else pytest.approx(years))


def test_real_files(real_data: Path) -> None:
    records = list(shenzhen.records(real_data / "shenzhen"))
    assert len(records) == len(list((real_data / "shenzhen" / "images").iterdir())) == 59
    assert all((real_data / "shenzhen" / r.mask).is_file() for r in records)
    assert [r.image_id.split("_")[1] for r in records] == [r.patient_id for r in records]
    assert sum(r.labels["Tuberculosis"] for r in records) == 51


def test_real_masks_have_the_size_of_their_images(real_data: Path) -> None:
    root = real_data / "shenzhen"
    for record in list(shenzhen.records(root))[::6]:
        lung, _ = shenzhen.mask(root, record)
        assert lung.shape == cv2.imread(str(root / record.image), -1).shape[:2]


def test_a_squashed_image_is_named_and_its_mask_not_used(tmp_path: Path) -> None:
    """As in copies where images have 1000 x 1000 pixels and masks kept their size."""
    for name, shape in (("images/CHNCXR_0001_0", (40, 40)), ("masks/CHNCXR_0001_0_mask", (40, 48))):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.eye(*shape, dtype=np.uint8) * 255)
    record = next(shenzhen.records(tmp_path))
    with pytest.raises(ItemFault, match=r"E231 bad-mask: masks/.*: 40 x 48 pixels .*40 x 40"):
        shenzhen.mask(tmp_path, record)
    cv2.imwrite(str(tmp_path / record.image), np.eye(40, 48, dtype=np.uint8) * 255)
    assert shenzhen.mask(tmp_path, record)[0].sum() == 40


def test_grays_along_the_outline_go_to_the_nearer_value(tmp_path: Path) -> None:
    values = np.array([[0, 1, 127], [128, 254, 255]], np.uint8)
    for name in ("images/CHNCXR_0001_0", "masks/CHNCXR_0001_0_mask"):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / f"{name}.png"), values)
    lung, ignore = shenzhen.mask(tmp_path, next(shenzhen.records(tmp_path)))
    assert lung.tolist() == [[False] * 3, [True] * 3] and not ignore.any()


def test_grays_without_a_lung_are_no_empty_mask(tmp_path: Path) -> None:
    """As in copies whose masks hold 0 and 1."""
    for name in ("images/CHNCXR_0001_0", "masks/CHNCXR_0001_0_mask"):
        (tmp_path / name).parent.mkdir()
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.eye(4, dtype=np.uint8))
    record = next(shenzhen.records(tmp_path))
    with pytest.raises(ItemFault, match=r"E231 .*pixel values 1 \(expected only \[0, 255\]\)"):
        shenzhen.mask(tmp_path, record)
    cv2.imwrite(str(tmp_path / record.mask), np.zeros((4, 4), np.uint8))
    assert not shenzhen.mask(tmp_path, record)[0].any()
