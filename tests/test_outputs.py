"""What the operating system says of a write decides what it is called."""

import errno
import os
import shutil
from pathlib import Path

import pytest

from cxrkit import outputs
from cxrkit.errors import CxrkitError, InputRefused, ResourceExhausted

PLACES = ("EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "ENAMETOOLONG")
DISKS = ("ENOSPC", "EDQUOT", "EFBIG", "EIO")


@pytest.mark.parametrize("name", [*PLACES, *DISKS, "EMFILE"])
def test_a_place_is_refused_and_a_disk_is_a_resource(name: str) -> None:
    number = getattr(errno, name)
    with pytest.raises(CxrkitError) as failure, outputs.writing(Path("out.csv")):
        raise OSError(number, "other words")
    kind, code = (
        (InputRefused, "E107") if name in PLACES
        else (ResourceExhausted, "E601" if name in DISKS else "E602")
    )  # fmt: skip
    assert (type(failure.value), failure.value.code) == (kind, code)
    assert failure.value.exit_code == (4 if name in PLACES else 6)
    assert failure.value.path == "out.csv" and failure.value.observed == os.strerror(number)
    assert "goes on" not in failure.value.remedy
    assert ("make room" in failure.value.remedy) == (name in ("ENOSPC", "EDQUOT", "EFBIG"))


def test_a_folder_that_can_be_made_leaves_nothing_behind(tmp_path: Path) -> None:
    outputs.require_folder(tmp_path)
    outputs.require_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "b", Path("/proc/cxr/out")):
        with pytest.raises(InputRefused, match="E107") as refused:
            outputs.require_folder(out)
        assert refused.value.path == str(out)


def test_a_folder_is_filled_in_the_end_and_what_is_not_replaced_stays(tmp_path: Path) -> None:
    out = tmp_path / "a" / "out"
    (out / "old").mkdir(parents=True)
    (out / "old" / "1").touch()
    (out / "notes").touch()
    (out / ".part").mkdir()  # of a run that was killed
    (out / ".part" / "stale").touch()
    with outputs.filled(out) as scratch:
        (scratch / "old").mkdir()
        (scratch / "old" / "2").touch()
        assert {p.name for p in out.iterdir()} == {"old", "notes", ".part"}
        assert (out / "old" / "1").exists()
    assert {str(p.relative_to(out)) for p in out.rglob("*")} == {"old", "old/2", "notes"}


def test_the_last_name_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(Path, "replace", lambda a, b: (names.append(b.name), replace(a, b))[1])
    with outputs.filled(tmp_path, last="b") as scratch:
        for name in "cba":
            (scratch / name).touch()
    assert names == ["a", "c", "b"]


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_whose_filling_fails_is_as_it_was(tmp_path: Path, made: bool) -> None:
    out = tmp_path / "out"
    if made:
        out.mkdir()
        (out / "kept").touch()
    for failure in (OSError(errno.ENOSPC, "no"), KeyboardInterrupt(), ValueError()):
        expected = ResourceExhausted if isinstance(failure, OSError) else type(failure)
        with pytest.raises(expected), outputs.filled(out) as scratch:
            (scratch / "half").touch()
            raise failure
        assert out.exists() == made
        assert [p.name for p in tmp_path.rglob("*")] == (["out", "kept"] if made else [])


def test_a_folder_with_the_rest_of_a_killed_run_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".part").mkdir()
    assert outputs.is_empty(tmp_path)
    (tmp_path / "mine").touch()
    assert not outputs.is_empty(tmp_path)
    shutil.rmtree(tmp_path / ".part")
    assert not outputs.is_empty(tmp_path)
