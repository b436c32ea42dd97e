"""Any folder: what is an image, what is not, and nothing that looks like one is lost."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from trees import touch

from cxrkit.archives import folder
from cxrkit.errors import InputRefused


def images(root: Path) -> list[str]:
    return [record.image for record in folder.records(root)]


def test_images_by_name_and_dicom_by_content(folder_tree: Path) -> None:
    assert images(folder_tree) == [
        "a.png",
        "a/001.tiff",
        "a/1.2.840.113619.2.5",
        "a/IM0001",
        "a/b.JPG",
        "b/001.tiff",
    ]


def test_visible_files_are_images_or_others(folder_tree: Path) -> None:
    """notes.txt, table.csv, DICOMDIR, README and a/IM0002 are left out and counted."""
    visible = [
        path
        for path in folder_tree.rglob("*")
        if path.is_file()
        and not any(p.startswith(".") for p in path.relative_to(folder_tree).parts)
    ]
    assert folder.others(folder_tree) == 5
    assert len(images(folder_tree)) + folder.others(folder_tree) == len(visible)


def test_folders_broken_links_and_fifos_of_an_image_name_are_records(folder_tree: Path) -> None:
    (folder_tree / "c.png").mkdir()
    (folder_tree / "d.dcm").symlink_to(folder_tree / "gone")
    os.mkfifo(folder_tree / "e.jpg")
    os.mkfifo(folder_tree / "pipe")  # no suffix: must not be opened, which would block
    touch(folder_tree, ["c.png/inside.jpeg"])
    assert {"c.png", "c.png/inside.jpeg", "d.dcm", "e.jpg"} <= set(images(folder_tree))
    assert images(folder_tree) == sorted(images(folder_tree))


def test_links_to_folders_are_not_followed(folder_tree: Path, tmp_path: Path) -> None:
    touch(tmp_path, ["outside/secret.png"])
    before = images(folder_tree)
    (folder_tree / "z").symlink_to(tmp_path / "outside")
    (folder_tree / "a" / "loop").symlink_to(folder_tree)
    assert images(folder_tree) == before


def test_a_link_to_an_image_is_an_image(folder_tree: Path) -> None:
    (folder_tree / "link.png").symlink_to(folder_tree / "a.png")
    assert "link.png" in images(folder_tree)


def test_the_same_name_in_two_folders_gives_two_ids(folder_tree: Path) -> None:
    ids = {r.image: r.image_id for r in folder.records(folder_tree)}
    assert ids["a/001.tiff"].startswith("001-") and ids["b/001.tiff"].startswith("001-")
    assert ids["a/001.tiff"] != ids["b/001.tiff"]
    assert ids["a/1.2.840.113619.2.5"].startswith("1.2.840.113619.2.5-")


def test_ids_do_not_depend_on_hash_seed_or_place(folder_tree: Path, tmp_path: Path) -> None:
    moved = folder_tree.rename(tmp_path / "elsewhere")
    code = (
        "import sys, pathlib; from cxrkit.archives import folder;"
        "print(*(r.image_id for r in folder.records(pathlib.Path(sys.argv[1]))))"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code, str(moved)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    # The second source of the digits: printf a.png | sha256sum
    assert len(runs) == 1 and runs.pop().split()[0] == "a-7f071235"


def test_order_is_that_of_whole_paths(tmp_path: Path) -> None:
    touch(tmp_path, ["a/b.png", "a.png", "a-b.png", "a b/c.png", "ab.png", "a/b/c.png", "B.png"])
    assert images(tmp_path) == sorted(images(tmp_path)) and len(images(tmp_path)) == 7


def test_a_folder_that_cannot_be_listed_is_refused(
    folder_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listing = os.scandir

    def deny(path: Path) -> object:
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied")
        return listing(path)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(InputRefused, match="E201 unreadable: b/"):
        images(folder_tree)


def test_a_file_that_cannot_be_opened_is_a_record(
    folder_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deny(path: Path, mode: str = "r") -> object:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    assert "a/IM0002" in images(folder_tree)


def test_nothing_is_known_of_patients(folder_tree: Path) -> None:
    assert all(r.patient_id == r.study_id == r.view == "" for r in folder.records(folder_tree))


def test_real_files(real_data: Path) -> None:
    found = images(real_data / "shenzhen")
    assert len(found) == 59 + 59  # images and masks: to this adapter both are images
    assert found == sorted(p.relative_to(real_data / "shenzhen").as_posix()
                           for p in (real_data / "shenzhen").rglob("*.png"))  # fmt: skip
