"""What `cxr predict` is given: files, folders, archives; a bad file goes aside with its reason."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit import inputs
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two radiographs, a text file that says it is one, and an empty one."""
    root = tmp_path / "images"
    (root / "sub").mkdir(parents=True)
    picture = np.arange(64 * 80, dtype=np.uint16).reshape(64, 80) % 251
    cv2.imwrite(str(root / "b.png"), picture.astype(np.uint8))
    cv2.imwrite(str(root / "sub" / "a.jpg"), picture.astype(np.uint8))
    (root / "c.png").write_text("not a picture")
    (root / "d.png").touch()
    return root


def size(one: Given, picture: Radiograph) -> tuple[int, int]:
    return picture.rows, picture.columns


def silent(done: int) -> None:
    """No progress."""


def test_a_file_a_folder_and_an_archive_are_listed(folder: Path) -> None:
    assert [g.id for g in inputs.listed(str(folder / "b.png"))] == ["b"]
    assert [g.record.image for g in inputs.listed(str(folder))] == [
        "b.png", "c.png", "d.png", "sub/a.jpg"
    ]  # fmt: skip
    by_name = inputs.listed(f"folder:{folder}")
    assert [g.path for g in by_name] == [g.path for g in inputs.listed(str(folder))]
    assert len({g.id for g in by_name}) == 4


@pytest.mark.parametrize("source", ["missing", "shenzhen:missing", "nonsense:here"])
def test_what_is_not_there_is_refused(source: str) -> None:
    with pytest.raises(InputRefused, match="E101"):
        inputs.listed(source)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E101"):
        inputs.listed(str(tmp_path))


def test_bad_files_go_aside_and_the_rest_goes_on(folder: Path, tmp_path: Path) -> None:
    given = inputs.listed(str(folder))
    made = [(one.record.image, found) for one, found in inputs.each(given, size, tmp_path, silent)]
    assert made == [("b.png", (64, 80)), ("sub/a.jpg", (64, 80))]
    with (tmp_path / "quarantine.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["relpath"] for row in rows] == ["c.png", "d.png"]
    assert all(row["code"] and row["message"] and row["remedy"] for row in rows)
    assert inputs.quarantined(tmp_path) == 2


def test_a_fault_of_the_work_itself_goes_aside_too(folder: Path, tmp_path: Path) -> None:
    def refuse(one: Given, picture: Radiograph) -> None:
        raise ItemFault("E240", one.id, "no lung", "a lung", "look at it")

    given = inputs.listed(str(folder / "b.png"))
    assert list(inputs.each(given, refuse, tmp_path, silent)) == []
    assert inputs.quarantined(tmp_path) == 1


def test_a_clean_run_leaves_no_quarantine_behind(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "quarantine.csv").write_text("old\n")
    list(inputs.each(inputs.listed(str(folder / "b.png")), size, tmp_path, silent))
    assert not (tmp_path / "quarantine.csv").exists()
    assert inputs.quarantined(tmp_path) == 0


def test_lateral_views_of_an_archive_are_left_out(tmp_path: Path) -> None:
    from cxrkit.phantom import mimic_cxr_jpg

    mimic_cxr_jpg.write_release(tmp_path / "r", 3, seed=1, size=64)
    given = inputs.listed(f"mimic-cxr-jpg:{tmp_path / 'r'}")
    assert given
    assert all(g.record.view not in ("LATERAL", "LL") for g in given)
