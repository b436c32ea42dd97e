"""The miniature Shenzhen set against its plan and the adapter."""

import re
from pathlib import Path

import pytest

from cxrkit.archives import shenzhen as adapter
from cxrkit.phantom.shenzhen import TUBERCULOSIS, plan, write_masked_release, write_release

STUDIES, SEED, SIZE = 24, 5, 64


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "shenzhen"
    assert write_release(folder, STUDIES, SEED, SIZE) == STUDIES
    return folder


def test_the_tree_is_the_published_one(root: Path) -> None:
    stems = {image.stem for image in plan(STUDIES, SEED, SIZE)}
    inside = root / "ChinaSet_AllFiles"
    assert {p.name for p in (inside / "CXR_png").iterdir()} == {f"{s}.png" for s in stems}
    assert {p.name for p in (inside / "ClinicalReadings").iterdir()} == {f"{s}.txt" for s in stems}
    assert all(re.fullmatch(r"CHNCXR_\d{4}_[01]", stem) for stem in stems)


def test_most_images_have_a_mask() -> None:
    planned = plan(662, SEED, SIZE)
    assert abs(sum(image.masked for image in planned) - 566) <= 3
    few = plan(STUDIES, SEED, SIZE)
    assert 0 < sum(not image.masked for image in few) < 6


def test_the_adapter_reads_what_was_planned(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED, SIZE)}
    for record in adapter.records(root):
        image = planned[record.image_id]
        ill = set(image.exam.subject.findings) & set(TUBERCULOSIS)
        assert record.labels == {"Tuberculosis": int(bool(ill))}
        assert record.sex == image.sex
        assert record.age == pytest.approx(image.age)
        assert record.extra["reading_patient"] == image.patient
        assert record.extra["reading_finding"] == image.finding
        assert bool(record.mask) == image.masked


def test_readings_have_their_typos_and_units() -> None:
    lines = [image.patient for image in plan(200, SEED, SIZE)]
    for kind in (r"male \d+yrs", r"femal[ ,\d].*", r"\d+month", r"\d+days", r"Fe?male? .*",
                 r"female, .*", r"male\d+yrs"):  # fmt: skip
        assert any(re.fullmatch(kind, line) for line in lines), kind


def test_the_other_release_has_the_same_images_and_masks(root: Path, tmp_path: Path) -> None:
    write_masked_release(tmp_path / "b", STUDIES, SEED, SIZE)
    assert {p.name for p in (tmp_path / "b").iterdir()} == {"SZ-CXR"}
    first = {r.image_id: r for r in adapter.records(root)}
    for record in adapter.records(tmp_path / "b"):
        twin = first[record.image_id]
        for here, there in ((record.image, twin.image), (record.mask, twin.mask)):
            assert bool(here) == bool(there)
            if here:
                assert (tmp_path / "b" / here).read_bytes() == (root / there).read_bytes()
        assert (record.sex, record.age, record.extra) == ("", None, {})
