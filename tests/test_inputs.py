"""What `cxr predict` is given: files, folders, archives; a bad file goes aside with its reason."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit import inputs
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given
from cxrkit.phantom import mimic_cxr_jpg, open_i


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
    one = inputs.listed(str(folder / "b.png"))
    assert ([g.id for g in one.given], one.root, one.listed) == (["b"], None, 1)
    found = inputs.listed(str(folder))
    assert [g.record.image for g in found.given] == ["b.png", "c.png", "d.png", "sub/a.jpg"]
    by_name = inputs.listed(f"folder:{folder}")
    assert [g.path for g in by_name.given] == [g.path for g in found.given]
    assert len({g.id for g in by_name.given}) == by_name.listed == 4 and by_name.root == folder


@pytest.mark.parametrize("source", ["missing", "shenzhen:missing", "nonsense:here"])
def test_what_is_not_there_is_refused(source: str) -> None:
    with pytest.raises(InputRefused, match="E101"):
        inputs.listed(source)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E101"):
        inputs.listed(str(tmp_path))


def test_bad_files_are_faults_and_the_rest_goes_on(folder: Path) -> None:
    given = inputs.listed(str(folder))
    made = [(one.record.image, found) for one, found in inputs.each(given, size, silent)]
    assert made == [("b.png", (64, 80)), ("sub/a.jpg", (64, 80))]
    assert [one.record.image for one, _ in given.faults] == ["c.png", "d.png"]
    assert given.listed == len(made) + len(given.faults)


def test_a_fault_of_the_work_itself_is_one_too(folder: Path) -> None:
    def refuse(one: Given, picture: Radiograph) -> None:
        raise ItemFault("E240", one.id, "no lung", "a lung", "look at it")

    given = inputs.listed(str(folder / "b.png"))
    assert list(inputs.each(given, refuse, silent)) == []
    assert [fault.code for _, fault in given.faults] == ["E240"]


def test_lateral_views_of_an_archive_are_skipped_by_a_named_rule(tmp_path: Path) -> None:
    mimic_cxr_jpg.write_release(tmp_path / "r", 3, seed=1, size=64)
    found = inputs.listed(f"mimic-cxr-jpg:{tmp_path / 'r'}")
    assert found.given and all(g.record.frontal for g in found.given)
    assert {rule.partition(":")[0] for rule in found.skipped} <= {
        "view-not-frontal",
        "view-unknown",
    }
    assert found.listed == len(found.given) + found.skipped.total() > len(found.given)


def test_where_only_the_files_say_the_view_they_are_read_first(tmp_path: Path) -> None:
    """Open-i's DICOM files: what a build of the same archive uses is used here."""
    open_i.write_release(tmp_path / "open-i", 6, seed=1, size=64)
    found = inputs.listed(f"open-i:{tmp_path / 'open-i'}")
    made = [one for one, _ in inputs.each(found, size, silent)]
    assert made and found.skipped["view-not-frontal:LL"]
    assert found.listed == len(made) + len(found.faults) + found.skipped.total()
