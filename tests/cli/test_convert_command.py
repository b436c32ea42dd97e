"""`cxr convert` as a user runs it: fresh worker processes, exit statuses, what it prints."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cxrkit import conversion
from cxrkit.cli import main
from cxrkit.phantom import dicom_file
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject

CXR = (sys.executable, "-c", "from cxrkit.cli import main; main()")


def cxr(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CXR, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archive")
    for seed in range(3):
        chest = render(Subject(seed=seed), 120, 100, np.random.default_rng(seed)).radiograph
        (root / f"chest{seed}.dcm").write_bytes(dicom_file.encode(chest, 12))
    (root / "empty.dcm").touch()
    return root


@pytest.fixture(scope="module")
def converted(root: Path, tmp_path_factory: pytest.TempPathFactory):
    out = tmp_path_factory.mktemp("converted") / "out"
    arguments = ("convert", "folder", root, out, "--recipe", "mimic-jpg", "--workers", 2, "--json")
    return out, cxr(*arguments)


def test_one_unusable_file_gives_status_3_and_a_summary(converted):
    out, done = converted
    assert done.returncode == 3, done.stderr
    assert json.loads(done.stdout) == {
        "status": "converted", "out": str(out), "inputs": 4, "converted": 3,
        "quarantined": {"E210": 1}, "skipped": {}, "exit_code": 3,
    }  # fmt: skip
    assert "4 of 4 images" in done.stderr and "MB are free" in done.stderr
    assert "Traceback" not in done.stderr
    with (out / "conversion.csv").open(newline="") as file:
        assert [row["path"] for row in csv.DictReader(file)] == [f"chest{n}.jpg" for n in range(3)]


def test_sha256sum_itself_agrees(converted):
    out, _ = converted
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS.txt"],
        cwd=out, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_same_command_again_says_that_all_is_done(converted, root):
    out, _ = converted
    again = cxr("convert", "folder", root, out, "--recipe", "mimic-jpg")
    assert again.returncode == 3
    assert "already converted" in again.stdout and "1 quarantined: E210 empty-file" in again.stdout
    assert "quarantine.csv says" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "text"),
    [
        (("folder", "{root}", "{out}"), 2, "--recipe"),
        (("folder", "{root}", "{out}", "--recipe", "x"), 4, "E107 bad-option: --recipe"),
        (("folder", "{root}/none", "{out}", "--recipe", "png"), 4, "E101 missing-archive"),
        (("folder", "{root}", "{root}/out", "--recipe", "png"), 4, "E107 bad-option"),
        (("folder", "{root}", "{out}", "--recipe", "png", "--workers", "0"), 2, "--workers"),
    ],
)
def test_refusals_have_their_status(root, tmp_path, monkeypatch, capsys, arguments, status, text):
    words = [word.format(root=root, out=tmp_path / "out") for word in arguments]
    monkeypatch.setattr(sys, "argv", ["cxr", "convert", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status and text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_shows_an_example_every_option_and_every_recipe():
    done = cxr("convert", "--help")
    assert done.returncode == 0 and "Example: cxr convert shenzhen" in done.stdout
    for word in ("--workers", "--max-quarantine", "--json", *conversion.names()):
        assert word in done.stdout
