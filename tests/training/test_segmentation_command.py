"""`cxr train segmentation`: what it refuses, and what one bad radiograph changes."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrkit import cli
from cxrkit.errors import CxrkitError

TINY = ("--width", "2", "--epochs", "1", "--batch", "4", "--validate", "0.2", "--test", "0.2")


def run(*arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(cli.application(["train"]), ["train", "segmentation", *arguments])
    if done.exception is not None:
        raise done.exception
    return done.stdout, done.stderr


@pytest.fixture
def archive(drawn_archive: Path, tmp_path: Path) -> Path:
    return shutil.copytree(drawn_archive, tmp_path / "archive")


def test_nothing_is_written_into_an_archive(archive: Path) -> None:
    before = sorted(archive.rglob("*"))
    for out in (archive, archive / "run", archive.parent):
        with pytest.raises(CxrkitError, match=r"E107.*lies in or around"):
            run(f"shenzhen:{archive}", str(out), *TINY)
    assert sorted(archive.rglob("*")) == before
    masks = archive.parent / "masks of others"
    masks.mkdir()
    with pytest.raises(CxrkitError, match=r"E107.*lies in or around"):
        run(f"shenzhen:{archive}", str(masks / "run"), "--masks", str(masks), *TINY)
    assert not list(masks.iterdir())


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--repeat", "foo=3"), r"E107.*foo \(expected an archive of the sources"),
        (("--learning-rate", "nan"), r"E107.*--learning-rate.*nan"),
        (("--learning-rate", "-1"), r"E107.*--learning-rate.*-1"),
        (("--learning-rate", "inf"), r"E107.*--learning-rate.*inf"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    archive: Path, tmp_path: Path, more: tuple[str, str], why: str
) -> None:
    with pytest.raises(CxrkitError, match=why):
        run(f"shenzhen:{archive}", str(tmp_path / "out"), *TINY, *more)
    assert not (tmp_path / "out").exists()


def test_a_source_counts_once(archive: Path, tmp_path: Path) -> None:
    source = f"shenzhen:{archive}"
    for again in (source, f"shenzhen:{archive / '..' / archive.name}"):
        with pytest.raises(CxrkitError, match=r"E107.*twice"):
            run(source, again, str(tmp_path / "out"), *TINY)
    copy = shutil.copytree(archive, tmp_path / "copy")
    with pytest.raises(CxrkitError, match=r"E107.*twice"):
        run(source, f"shenzhen:{copy}", str(tmp_path / "out"), *TINY)


def test_a_file_in_the_place_of_the_run_is_named(archive: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CxrkitError, match=r"E\d{3} .*file"):
        run(f"shenzhen:{archive}", str(tmp_path / "file"), *TINY)


def test_bad_radiographs_and_masks_are_left_out_by_name(archive: Path, tmp_path: Path) -> None:
    images = sorted((archive / "images").glob("*.png"))
    masks = sorted((archive / "masks").glob("*.png"))
    images[0].write_bytes(images[0].read_bytes()[:300])
    masks[1].write_bytes(b"")
    out = tmp_path / "out"
    _, said = run(f"shenzhen:{archive}", str(out), *TINY)
    with (out / "left_out.csv").open(newline="") as file:
        lines = [row["image_and_reason"] for row in csv.DictReader(file)]
    assert [line.split()[0] for line in lines] == [f"shenzhen:{p.stem}:" for p in images[:2]]
    assert all(f"left out: {line}" in said for line in lines)
    with (out / "split.csv").open(newline="") as file:
        assert {row["image_id"] for row in csv.DictReader(file)} == {p.stem for p in images[2:]}
    assert json.loads((out / "card.json").read_text())["left_out"] == 2
