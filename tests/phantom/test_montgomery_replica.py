"""The miniature Montgomery set against its plan and the adapter."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.archives import montgomery as adapter
from cxrkit.phantom import release
from cxrkit.phantom.montgomery import TUBERCULOSIS, plan, reading, write_release

STUDIES, SEED, SIZE = 16, 2, 96


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "montgomery"
    assert write_release(folder, STUDIES, SEED, SIZE) == STUDIES
    return folder


def test_the_tree_is_the_published_one(root: Path) -> None:
    inside = root / "MontgomerySet"
    folders = ("CXR_png", "ManualMask/leftMask", "ManualMask/rightMask")
    names = [{p.name for p in (inside / folder).iterdir()} for folder in folders]
    assert names[0] == names[1] == names[2] == {f"{i.stem}.png" for i in plan(STUDIES, SEED, SIZE)}
    readings = {p.stem for p in (inside / "ClinicalReadings").iterdir()}
    assert len([p for p in root.rglob("*") if p.is_file()]) == 4 * STUDIES
    assert readings == {name.removesuffix(".png") for name in names[0]}


def test_the_adapter_reads_what_was_planned(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED, SIZE)}
    for record in adapter.records(root):
        image = planned[record.image_id]
        ill = set(image.exam.subject.findings) & set(TUBERCULOSIS)
        assert record.labels == {"Tuberculosis": int(bool(ill))}
        assert (record.sex, record.age) == (image.sex, image.exam.years)
        assert record.extra["reading_finding"] == reading(image).splitlines()[2]
        assert (record.extra["reading_finding"] == "normal") == (not ill)


def test_sides_are_the_patients(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED, SIZE)}
    for record in list(adapter.records(root))[:6]:
        image = planned[record.image_id]
        phantom = release.picture(image.exam, 0, image.rows, image.columns, SEED)
        right, left = adapter.sides(root, record)
        assert np.array_equal(right, phantom.right_lung)
        assert np.array_equal(left, phantom.left_lung)


def test_both_orientations_and_both_sexes_and_the_third_word_occur() -> None:
    planned = plan(60, SEED, 4892)
    assert {(i.rows, i.columns) for i in planned} == {(4020, 4892), (4892, 4020)}
    assert {i.sex for i in planned} == {"F", "M", "O"}
    assert 0.3 < np.mean([i.tuberculosis for i in planned]) < 0.7
    digits = [i.stem[-1] for i in planned]
    assert digits == sorted(digits) and planned[0].stem == "MCUCXR_0001_0"


def test_a_picture_has_one_channel_of_eight_bits(root: Path) -> None:
    for path in sorted((root / "MontgomerySet").rglob("*.png"))[::9]:
        plain = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert plain.ndim == 2 and plain.dtype == np.uint8
