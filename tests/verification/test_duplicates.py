"""Groups of identical files, against groups found by comparing every file with every other."""

import itertools
import os
from pathlib import Path

import numpy as np
import pytest

from cxrkit.verification import duplicates
from cxrkit.verification.duplicates import exact


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """20 files of few lengths and contents, two of them empty."""
    rng = np.random.default_rng(5)
    (tmp_path / "a").mkdir()
    for number in range(18):
        length, content = int(rng.integers(1, 4)), int(rng.integers(0, 2))
        (tmp_path / "a" / f"{number:02}.png").write_bytes(bytes([content]) * length * 1000)
    (tmp_path / "empty.png").touch()
    (tmp_path / "hollow.png").touch()
    return tmp_path


def by_comparing(root: Path, images: list[str]) -> list[tuple[str, ...]]:
    """The same groups, the slow way."""
    contents = {i: (root / i).read_bytes() for i in images}
    groups: list[tuple[str, ...]] = []
    for image in sorted(images):
        alike = tuple(sorted(i for i in images if contents[i] and contents[i] == contents[image]))
        if len(alike) > 1 and alike not in groups:
            groups.append(alike)
    return groups


def listed(root: Path) -> list[str]:
    return [p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file()]


@pytest.mark.parametrize("workers", [1, 3])
def test_groups_are_those_of_comparing_every_pair(folder: Path, workers: int) -> None:
    images = listed(folder)
    expected = by_comparing(folder, images)
    assert len(expected) > 2
    assert exact(folder, images, workers) == expected
    assert exact(folder, images[::-1], workers) == expected


def test_one_changed_byte_ends_a_group(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_bytes(bytes(5000))
    assert exact(tmp_path, ["a", "b", "c"]) == [("a", "b", "c")]
    (tmp_path / "b").write_bytes(bytes(4999) + b"\1")
    assert exact(tmp_path, ["a", "b", "c"]) == [("a", "c")]


def test_a_path_given_twice_is_no_duplicate_of_itself(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert exact(tmp_path, ["a", "a"]) == []


def test_what_is_no_readable_file_is_in_no_group(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe2")
    assert exact(tmp_path, ["a", "absent", "gone", "folder", "pipe", "pipe2"]) == []


def test_only_files_of_a_shared_length_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "alone.png").write_bytes(bytes(12_345))
    read: list[str] = []
    digest = duplicates._digest
    monkeypatch.setattr(duplicates, "_digest", lambda path: read.append(path.name) or digest(path))
    exact(folder, listed(folder))
    assert len(read) > 10 and "alone.png" not in read and "empty.png" not in read


def test_progress_ends_at_all_images(folder: Path) -> None:
    seen: list[int] = []
    images = listed(folder)
    exact(folder, images, 2, seen.append)
    assert seen[-1] == len(images) and all(a < b for a, b in itertools.pairwise(seen))
