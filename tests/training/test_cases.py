"""Which radiographs are trained on: whole patients per split, masks of the right image."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.errors import InputRefused
from cxrkit.records import Record
from cxrkit.training.cases import Case, assign_splits, gather, read, read_for_test, split_hash


def many(patients: int, images: int) -> list[Case]:
    """Cases of an archive with `images` radiographs per patient."""
    return [
        Case("v7", Path(), Record("v7", f"{p}-{i}", "x.png", patient_id=str(p)), None, "included")
        for p in range(patients)
        for i in range(images)
    ]


def test_no_patient_is_in_two_splits() -> None:
    where: dict[str, set[str]] = {}
    for case in assign_splits(many(50, 7), 0.1, 0.2, seed=3):
        where.setdefault(case.patient_id, set()).add(case.split)
    assert all(len(splits) == 1 for splits in where.values())


def test_shares_are_those_asked_for() -> None:
    split = [c.split for c in assign_splits(many(200, 3), 0.1, 0.2, seed=0)]
    assert split.count("test") / len(split) == pytest.approx(0.2, abs=0.01)
    assert split.count("validate") / len(split) == pytest.approx(0.1, abs=0.01)


def test_every_archive_is_split_for_itself() -> None:
    cases = many(40, 1) + [replace(c, archive="shenzhen") for c in many(40, 1)]
    split = assign_splits(cases, 0.1, 0.2, seed=0)
    for archive in ("v7", "shenzhen"):
        assert sum(c.split == "test" for c in split if c.archive == archive) == 8


def test_split_depends_on_the_seed_and_not_on_the_order() -> None:
    cases = many(40, 2)
    assert split_hash(assign_splits(cases, 0.1, 0.2, 1)) == split_hash(
        assign_splits(cases[::-1], 0.1, 0.2, 1)
    )
    assert split_hash(assign_splits(cases, 0.1, 0.2, 1)) != split_hash(
        assign_splits(cases, 0.1, 0.2, 2)
    )


def test_gather_pairs_each_image_with_its_mask(drawn_archive: Path) -> None:
    cases = gather("shenzhen", drawn_archive, None, "included")
    assert len(cases) == 12
    for case in cases:
        assert case.convention == "excluded"
        pair = read(case)
        assert pair.image.shape == pair.lung.shape == (320, 320)
        assert pair.image[pair.lung].mean() < 100 < pair.image[~pair.lung].mean()


def test_reading_for_test_matches_the_mask_file(drawn_archive: Path) -> None:
    case = gather("shenzhen", drawn_archive, None, "included")[0]
    _, lung, ignore = read_for_test(case)
    drawn = cv2.imread(str(case.root / case.record.mask), cv2.IMREAD_GRAYSCALE) > 127
    assert lung.mean() == pytest.approx(drawn.mean(), rel=0.02)
    assert not ignore.any()


def test_masks_are_attached_by_stem(tmp_path: Path) -> None:
    images = tmp_path / "chest_xray" / "train" / "NORMAL"
    masks = tmp_path / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    for stem in ("IM-0001-0001", "IM-0002-0001"):
        cv2.imwrite(str(images / f"{stem}.jpeg"), np.full((40, 40), 9, np.uint8))
    cv2.imwrite(str(masks / "IM-0002-0001.png"), np.full((40, 40), 255, np.uint8))
    cases = gather("guangzhou", tmp_path, masks, "included")
    assert [c.attached.stem for c in cases if c.attached] == ["IM-0002-0001"]
    assert cases[0].convention == "included"


def test_an_archive_without_masks_is_refused(tmp_path: Path) -> None:
    images = tmp_path / "chest_xray" / "train" / "NORMAL"
    images.mkdir(parents=True)
    (images / "IM-0001-0001.jpeg").touch()
    with pytest.raises(InputRefused, match="--masks"):
        gather("guangzhou", tmp_path, None, "included")


def test_real_patients_stay_whole(real_data: Path) -> None:
    cases = gather("v7", real_data / "v7", None, "included")
    split = assign_splits(cases, 0.05, 0.15, 0)
    patients = {s: {c.patient_id for c in split if c.split == s} for s in ("train", "test")}
    assert not patients["train"] & patients["test"]
    assert patients["test"]
