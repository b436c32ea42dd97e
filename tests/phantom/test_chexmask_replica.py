"""The miniature CheXmask against the published layout, and against its phantoms."""

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.errors import InputRefused
from cxrkit.phantom import chexmask
from cxrkit.phantom.chexmask import plan, write_release

STUDIES, SEED, SIZE = 18, 2, 80


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("chexmask")
    write_release(root / "whole", STUDIES, SEED, SIZE, masks=root / "masks")
    return root / "whole"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def walked(text: str, height: int, width: int) -> np.ndarray:
    """A mask by the published description: starts from 1 and lengths, along the rows."""
    mask = np.zeros(height * width, bool)
    numbers = list(map(int, text.split()))
    for start, length in zip(numbers[::2], numbers[1::2], strict=True):
        mask[start - 1 : start - 1 + length] = True
    return mask.reshape(height, width)


def test_the_tree_and_the_headers_are_exact(whole: Path) -> None:
    published = ["Landmarks", "Left Lung", "Right Lung", "Heart", "Height", "Width"]
    tables = {
        "OriginalResolution/ChestX-Ray8.csv": "Image Index",
        "OriginalResolution/MIMIC-CXR-JPG.csv": "dicom_id",
        "OriginalResolution/VinDr-CXR.csv": "image_id",
        "Preprocessed/MIMIC-CXR-JPG.csv": "dicom_id",
        "Preprocessed/VinDr-CXR.csv": "image_id",
    }
    assert set(tree(whole)) == {*tables, *(i.path for i in plan(STUDIES, SEED))}
    orders = set()
    for path, column in tables.items():
        header = list(rows(whole / path)[0])
        assert header[0] == column and header[3:] == published
        orders.add(tuple(header[1:3]))
    assert len(orders) == 2  # the order of the columns varies


def test_rows_hold_the_exact_lungs_and_240_numbers(whole: Path) -> None:
    for image in plan(STUDIES, SEED):
        listed = rows(whole / "OriginalResolution" / f"{image.source}.csv")
        row = next(r for r in listed if next(iter(r.values())) == image.image_id)
        size = int(row["Height"]), int(row["Width"])
        assert max(size) == SIZE
        lungs = {c: walked(row[c], *size) for c in ("Left Lung", "Right Lung", "Heart")}
        path = whole.parent / "masks" / "excluded" / f"{Path(image.path).stem}.png"
        exact = cv2.imread(str(path), -1) > 0
        assert np.array_equal(lungs["Left Lung"] | lungs["Right Lung"], exact)
        # The patient's right lung lies at smaller x.
        assert np.nonzero(lungs["Right Lung"])[1].mean() < np.nonzero(lungs["Left Lung"])[1].mean()
        assert not (lungs["Heart"] & exact).any()
        points = np.array(row["Landmarks"].split(","), int).reshape(-1, 2)
        assert points.shape == (120, 2)
        assert all(lungs["Right Lung"][y, x] for x, y in points[:44])
        assert all(lungs["Left Lung"][y, x] for x, y in points[44:94])
        assert float(row["Dice RCA (Mean)"]) <= float(row["Dice RCA (Max)"]) <= 1


def test_preprocessed_rows_are_masks_of_1024_pixels(whole: Path) -> None:
    for source in ("MIMIC-CXR-JPG", "VinDr-CXR"):
        for row in rows(whole / "Preprocessed" / f"{source}.csv"):
            assert (row["Height"], row["Width"]) == ("1024", "1024")
            assert 0.05 < walked(row["Left Lung"], 1024, 1024).mean() < 0.4


def test_some_masks_are_below_the_rule_of_the_release() -> None:
    means = [image.mean for image in plan(40, SEED)]
    assert 3 <= sum(mean < 0.7 for mean in means) <= 6


def test_a_picture_with_a_border_is_preprocessed_as_published() -> None:
    """By hand: 2 x 4 pixels in a black frame become two bands of 256 rows in the middle."""
    picture = np.zeros((5, 7), np.uint8)
    picture[1:3, 2:6] = [[90, 90, 90, 90], [200, 200, 200, 200]]
    made = chexmask.preprocess(picture, picture, True)
    assert made.shape == (1024, 1024)
    assert (made[:128] == 0).all() and (made[-128:] == 0).all()
    assert (made[384] == 90).all() and (made[640] == 200).all()
    kept = chexmask.preprocess(picture, picture, False)
    assert (kept[:, :200] == 0).all()


def test_workers_do_not_change_a_byte_and_seeds_do(whole: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        write_release(tmp_path / str(workers), 6, SEED, SIZE, workers)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")
    write_release(tmp_path / "other", 4, SEED + 1, SIZE)
    assert set(tree(tmp_path / "other").values()).isdisjoint(tree(whole).values())


def test_a_filled_folder_and_masks_inside_are_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputRefused, match="E105"):
        write_release(tmp_path, 1, 0, SIZE)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", 1, 0, SIZE, masks=tmp_path / "a" / "masks")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
