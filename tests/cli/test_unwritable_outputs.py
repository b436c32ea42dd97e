"""Every command that writes: a place that is none is refused at once, a full disk has status 6."""

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from cxrkit.cli import main
from cxrkit.phantom import shenzhen

FOLDERS = {
    "card": ("card", "shenzhen", "{root}", "{out}"),
    "phantom": ("phantom", "shenzhen", "{out}", "--studies", "1", "--size", "64"),
    "phantom --masks": (
        "phantom", "shenzhen", "{new}", "--masks", "{out}", "--studies", "1", "--size", "64",
    ),
    "convert": ("convert", "shenzhen", "{root}", "{out}", "--recipe", "jpeg"),
    "build": ("build", "shenzhen", "{root}", "{out}"),
}  # fmt: skip
LISTS = {
    "label": ("label", "{reports}", "{out}"),
    "label --explain": ("label", "{reports}", "{new}", "--explain", "{out}"),
    "sections": ("sections", "{reports}", "{out}"),
    "records": ("records", "shenzhen", "{root}", "{out}"),
    "split": ("split", "shenzhen:{root}", "{out}", "--ratios", "1:1"),
    "leakage": ("leakage", "shenzhen:{root}", "--split", "{halves}", "--list", "{out}"),
    "duplicates": ("duplicates", "shenzhen:{root}", "--list", "{out}", "--workers", "1"),
    "verify": ("verify", "shenzhen", "{root}", "--list", "{out}", "--workers", "1"),
    "quality": ("quality", "shenzhen:{root}", "--list", "{out}", "--workers", "1"),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("inputs")
    shenzhen.write_release(folder / "root", 4, 0, 256)
    (folder / "reports.csv").write_text("id,report\n1,No pneumothorax.\n")
    (folder / "root" / "ChinaSet_AllFiles" / "CXR_png" / "of_no_record.png").touch()
    images = sorted((folder / "root").rglob("CHNCXR_*_[01].png"))
    table = pl.DataFrame({"image_id": [p.stem for p in images], "split": ["train", "test"] * 2})
    table.write_csv(folder / "halves.csv")
    return {
        "root": folder / "root", "reports": folder / "reports.csv", "halves": folder / "halves.csv",
    }  # fmt: skip


def cxr(monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], **paths: Path) -> int:
    """The exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["cxr", *(word.format(**paths) for word in words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("words", [*FOLDERS.values(), *LISTS.values()], ids=[*FOLDERS, *LISTS])
def test_a_place_that_takes_no_file_is_refused_before_the_work(
    words, inputs, tmp_path, monkeypatch, capfd
) -> None:
    """An administrator may write in any folder but /proc."""
    (tmp_path / "file").write_text("kept")
    new = tmp_path / "new"
    places = [Path("/proc/cxr.csv"), Path("/proc/cxr/out.csv"), tmp_path / "file" / "out.csv"]
    for place in places:
        assert cxr(monkeypatch, words, **inputs, out=place, new=new) == 4
        shown = capfd.readouterr()
        assert shown.err.splitlines()[-1].startswith("E107 bad-option: "), shown.err
        assert shown.out == "" and "Traceback" not in shown.err
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("words", LISTS.values(), ids=LISTS)
def test_a_list_is_no_device(words, inputs, tmp_path, monkeypatch, capfd) -> None:
    """It would be replaced: an administrator would have no /dev/null any more."""
    os.mkfifo(tmp_path / "out.csv")
    paths = {**inputs, "out": tmp_path / "out.csv", "new": tmp_path / "new"}
    assert cxr(monkeypatch, words, **paths) == 4
    assert "it is a device or a pipe" in capfd.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"] and paths["out"].is_fifo()


def run(*words: object, limit: int | None = None, **more: object) -> "subprocess.CompletedProcess":
    """The command in a process of its own; `limit` is the most bytes of a file."""

    def begin() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-c", "from cxrkit.cli import main; main()", *map(str, words)]
    return subprocess.run(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=begin, check=False, **more
    )


WRITTEN_AT_THE_END = {name: FOLDERS[name] for name in ("card", "phantom", "phantom --masks")}


@pytest.mark.parametrize(
    "words", [*WRITTEN_AT_THE_END.values(), *LISTS.values()], ids=[*WRITTEN_AT_THE_END, *LISTS]
)
def test_a_full_disk_has_status_6_and_leaves_nothing_half_written(words, inputs, tmp_path) -> None:
    """Here no file takes more than a semaphore needs, which Linux says in words of its own."""
    words = (*words, "--workers", "1") if words[0] == "phantom" else words
    paths = {**inputs, "out": tmp_path / "out.csv", "new": tmp_path / "new"}
    done = run(*(word.format(**paths) for word in words), limit=32, stdout=subprocess.PIPE)
    said = done.stderr.splitlines()[-1]
    assert done.returncode == 6, said
    assert said.startswith("E601 disk-full: ") and os.strerror(errno.EFBIG) in said
    assert "goes on" not in said
    assert not list(tmp_path.iterdir())


def test_what_a_full_disk_does_not_take_of_the_output_is_said(inputs, tmp_path) -> None:
    (tmp_path / "page.md").write_text("The set has 662 images.\n")
    for words in (
        ("audit", tmp_path / "page.md", "shenzhen", inputs["root"]),
        ("records", "shenzhen", inputs["root"]),
        ("score", "reports", inputs["reports"], inputs["reports"]),
    ):
        with Path("/dev/full").open("w") as full:
            done = run(*words, stdout=full)
        assert done.returncode == 6, done.stderr
        assert done.stderr.startswith("E601 disk-full: standard output: No space left on device ")
        assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_early_is_no_failure_of_ours() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    done = run("archives", stdout=theirs)
    os.close(theirs)
    assert done.returncode == 1 and done.stderr == ""
