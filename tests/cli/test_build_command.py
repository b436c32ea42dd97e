"""`cxr build` as a user runs it: the real network, fresh worker processes, exit statuses."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from cxrkit import segmentation
from cxrkit.cli import main
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject

CXR = (sys.executable, "-c", "from cxrkit.cli import main; main()")


def cxr(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CXR, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300
    )


def chest(seed: int) -> np.ndarray:
    """(300, 260) uint8: a phantom radiograph, another person for each seed."""
    return render(Subject(seed=seed), 300, 260, np.random.default_rng(seed)).radiograph


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    for seed in range(5):
        cv2.imwrite(str(root / f"chest{seed}.png"), chest(seed))
    (root / "empty.png").touch()
    return root


@pytest.fixture(scope="module")
def built(root: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("dataset") / "out"
    return out, cxr("build", "folder", root, out, "--workers", 2, "--json")


def test_one_unusable_file_gives_a_dataset_and_status_3(built):
    out, done = built
    assert done.returncode == 3, done.stderr
    summary = json.loads(done.stdout)
    assert summary == {
        "status": "built", "out": str(out), "inputs": 6, "built": 5,
        "quarantined": {"E210": 1}, "skipped": {}, "exit_code": 3,
    }  # fmt: skip
    assert "6 of 6 images; about" in done.stderr and "Traceback" not in done.stderr
    with (out / "quarantine.csv").open(newline="") as file:
        assert [row["relpath"] for row in csv.DictReader(file)] == ["empty.png"]
    assert pl.read_parquet(out / "records.parquet").height == 5


def test_the_masks_are_those_of_the_network(built, root):
    out, _ = built
    segmenter = segmentation.load("excluded")
    for row in pl.read_parquet(out / "records.parquet").iter_rows(named=True):
        squashed = segmentation.squash(cv2.imread(str(root / row["image"]), cv2.IMREAD_GRAYSCALE))
        expected = segmentation.segment(squashed, segmenter, segmentation.Recipe()).mask
        found = cv2.imread(str(out / row["mask"]), cv2.IMREAD_GRAYSCALE) > 0
        assert (found == expected).all() and row["mask_convention"] == "excluded"


def test_the_same_command_again_says_that_all_is_done(built, root):
    out, _ = built
    again = cxr("build", "folder", root, out)
    assert again.returncode == 3
    assert "already built" in again.stdout and "1 quarantined: E210 empty-file" in again.stdout
    assert "quarantine.csv says" in again.stdout


def test_other_options_are_one_line_and_status_4(built, root):
    out, _ = built
    done = cxr("build", "folder", root, out, "--mask-convention", "included")
    assert done.returncode == 4 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("E104 options-differ: ")
    assert "--mask-convention excluded then, included now" in line and "Remedy: " in line


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("folder", "{root}/nothing", "{out}"), 4, "E101 missing-archive"),
        (("nonsense", "{root}", "{out}"), 4, "E101 missing-archive"),
        (("folder", "{root}", "{root}/out"), 4, "E107 bad-option"),
        (("folder", "{root}", "{out}", "--max-quarantine", "x"), 4, "E107 bad-option"),
        (("folder", "{root}", "{out}", "--engine", "abacus"), 4, "E107 bad-option"),
        (("folder", "{root}", "{out}", "--workers", "0"), 2, "--workers"),
        (("folder", "{root}", "{out}", "--mask-convention", "both"), 2, "--mask-convention"),
    ],
)
def test_refusals_have_their_status(root, tmp_path, monkeypatch, capsys, arguments, status, text):
    words = [word.format(root=root, out=tmp_path / "out") for word in arguments]
    monkeypatch.setattr(sys, "argv", ["cxr", "build", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status and text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_shows_an_example_and_every_option():
    done = cxr("build", "--help")
    assert done.returncode == 0 and "Example: cxr build shenzhen" in done.stdout
    for option in ("workers", "mask-convention", "engine", "max-quarantine", "seed", "json"):
        assert f"--{option}" in done.stdout
