import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cxrkit.errors import InputRefused, ResourceExhausted
from cxrkit.pipeline import durable


def test_publish_gives_final_names_and_replaces(tmp_path):
    (tmp_path / "old").write_bytes(b"before")
    durable.write(tmp_path / "t1", b"one")
    durable.write(tmp_path / "t2", b"two")
    durable.publish(
        tmp_path, [(tmp_path / "t1", tmp_path / "old"), (tmp_path / "t2", tmp_path / "a/b/new")]
    )
    assert (tmp_path / "old").read_bytes() == b"one"
    assert (tmp_path / "a/b/new").read_bytes() == b"two"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "old"]


def test_content_is_on_the_disk_before_its_name_and_the_name_before_the_return(
    tmp_path, monkeypatch
):
    steps: list[str] = []
    replace = os.replace
    monkeypatch.setattr(durable.os, "replace", lambda a, b: (steps.append("name"), replace(a, b)))
    for syncfs in (lambda descriptor: steps.append("disk") or 0, None):
        monkeypatch.setattr(durable, "_SYNCFS", syncfs)
        monkeypatch.setattr(durable.os, "fsync", lambda descriptor: steps.append("disk"))
        steps.clear()
        durable.write(tmp_path / "t", b"x")
        durable.publish(tmp_path, [(tmp_path / "t", tmp_path / "folder/final")])
        assert steps[0] == steps[-1] == "disk" and "name" in steps
        assert steps.index("name") > 0 and steps[-1] == "disk"


def test_without_syncfs_each_new_folder_is_brought_to_the_disk(tmp_path, monkeypatch):
    synced: list[Path] = []
    monkeypatch.setattr(durable, "_SYNCFS", None)
    monkeypatch.setattr(durable, "_synced", lambda path, sync: synced.append(path))
    durable.write(tmp_path / "t", b"x")
    durable.publish(tmp_path, [(tmp_path / "t", tmp_path / "a/b/final")])
    assert synced == [tmp_path / "t", tmp_path, tmp_path / "a", tmp_path / "a/b"]


def test_a_short_write_is_continued(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(durable.os, "write", lambda fd, data: write(fd, data[:3]))
    durable.write(tmp_path / "f", b"0123456789")
    assert (tmp_path / "f").read_bytes() == b"0123456789"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO])
def test_a_disk_that_does_not_take_a_write_is_a_resource(tmp_path, monkeypatch, number):
    def refuse(*_: object) -> None:
        raise OSError(number, "no")

    monkeypatch.setattr(durable.os, "write", refuse)
    with pytest.raises(ResourceExhausted) as failure:
        durable.write(tmp_path / "f", b"x")
    assert failure.value.code == "E601" and failure.value.exit_code == 6
    assert ("make room" in failure.value.remedy) == (number != errno.EIO)


def test_the_file_size_limit_ends_in_a_message_not_in_half_a_file(tmp_path):
    script = (
        "import resource, sys, pathlib\n"
        "from cxrkit.errors import InputRefused, ResourceExhausted\n"
        "from cxrkit.pipeline import durable\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))\n"
        "try: durable.write(pathlib.Path(sys.argv[1]), b'x' * 100000)\n"
        "except ResourceExhausted as e: print(e.observed)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "f")], capture_output=True, text=True
    )
    assert done.stdout.strip() == os.strerror(errno.EFBIG), done.stderr


def test_append_and_cut(tmp_path):
    path = tmp_path / "j"
    path.write_bytes(b"one\n")
    durable.append(path, b"two\n")
    durable.cut(path, 4)
    durable.append(path, b"three\n")
    assert path.read_bytes() == b"one\nthree\n"


def test_remove_takes_files_folders_and_nothing(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/f").touch()
    (tmp_path / "keep").mkdir()
    (tmp_path / "a/link").symlink_to(tmp_path / "keep")
    durable.remove(tmp_path / "a")
    durable.remove(tmp_path / "a")
    durable.remove(tmp_path / "keep/f/g")
    assert [p.name for p in tmp_path.iterdir()] == ["keep"]


def test_a_file_in_the_way_of_a_folder_is_reported(tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(InputRefused, match=r"E107 .*File exists"):
        durable.make_folder(tmp_path / "a")


@pytest.mark.parametrize("also", [False, True])
def test_another_worker_may_make_the_folders_first(tmp_path, monkeypatch, also):
    mkdir = os.mkdir

    def raced(path: Path) -> None:
        try:
            mkdir(path)
        except FileNotFoundError:
            for folder in reversed([*([path] if also else []), *path.parents]):
                if not folder.exists():
                    mkdir(folder)
            raise

    monkeypatch.setattr(durable.os, "mkdir", raced)
    durable.make_folder(tmp_path / "a/b/c")
    assert (tmp_path / "a/b/c").is_dir()


def test_a_place_that_takes_no_folder_is_reported():
    with pytest.raises(InputRefused, match=r"E107 .*/proc/cxr: No such file"):
        durable.make_folder(Path("/proc/cxr/runs/tmp"))


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path, monkeypatch):
    (tmp_path / "list.csv").write_text("before")

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as file:
            file.write(data[:1])
        raise OSError(errno.ENOSPC, "no")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(ResourceExhausted, match=r"E601 .*list\.csv: No space left"):
            durable.replace(tmp_path / "list.csv", b"after")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["before"]
    durable.replace(tmp_path / "list.csv", b"after")
    assert [p.read_text() for p in tmp_path.iterdir()] == ["after"]


def test_a_file_is_replaced_when_all_is_written_and_not_before(tmp_path: Path) -> None:
    out = tmp_path / "a.csv"
    out.write_text("old")
    with durable.replacing(out) as scratch:
        scratch.write_text("new")
        assert out.read_text() == "old"
    assert out.read_text() == "new" and list(tmp_path.iterdir()) == [out]


@pytest.mark.parametrize("failure", [KeyboardInterrupt, ValueError])
def test_nothing_is_left_of_work_that_failed(tmp_path: Path, failure: type[BaseException]) -> None:
    out = tmp_path / "a.csv"
    out.write_text("old")
    with pytest.raises(failure), durable.replacing(out) as scratch:
        scratch.write_text("half")
        raise failure
    assert out.read_text() == "old" and list(tmp_path.iterdir()) == [out]
