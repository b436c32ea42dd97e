"""Every command explains itself with an example that runs, and fails in one line."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl
import pytest
import typer

from cxrkit import cli
from cxrkit.cli import application
from cxrkit.phantom import guangzhou, mimic_cxr_jpg, siim_acr
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject

# What makes an example short without making it another command.
SHORTER = {
    "cxr demo": "--studies 4 --size 256",
    "cxr phantom": "--studies 2 --size 256",
    "cxr train segmentation": "--epochs 1 --width 2",
    "cxr train finding": "--epochs 1 --width 2 --size 64 --validate .25 --test .25",
    "cxr train classification": "--epochs 1 --width 4",
    "cxr train report": "--model constant",
    "cxr train pictures": "--epochs 1 --draws 64 --phantoms 10 --scenes 10 --measured 4",
    "cxr train quality": "--epochs 1 --width 2 --folds 2 --copies 0",
    "cxr compare segmentation": "--what archives --epochs 1 --width 2",
}
# Commands of groups have files of their own; these serve several.
SHARED = {"counted", "gathered", "lists", "stages", "train_options"}


def commands(group: Any, name: str) -> dict[str, Any]:
    """Every command by its full name, `cxr train segmentation` and the like."""
    found: dict[str, Any] = {}
    for key, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= commands(command, f"{name} {key}")
        else:
            found[f"{name} {key}"] = command
    return found


COMMANDS = commands(typer.main.get_command(application()), "cxr")


def example(command: Any) -> str:
    """The line after "Example:" in the help."""
    lines = [line.strip() for line in (command.help or "").splitlines()]
    return next(line.removeprefix("Example: ") for line in lines if line.startswith("Example: "))


def cxr(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("cxr"), *arguments],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture
def workplace(archives: Path, tmp_path: Path) -> Path:
    """An own folder with the archives that the examples name."""
    for archive in archives.iterdir():
        (tmp_path / archive.name).symlink_to(archive)
    return tmp_path


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms in the layouts of two archives."""
    root = tmp_path_factory.mktemp("archives")
    for folder in ("SZ-CXR/images", "SZ-CXR/masks", "V7/images", "V7/masks"):
        (root / folder).mkdir(parents=True)
    rows = []
    for number in range(1, 9):
        found = render(Subject(seed=number), 256, 224, np.random.default_rng(number))
        without = (found.right_lung | found.left_lung).astype(np.uint8) * 255
        whole = (found.right_lung_with_heart | found.left_lung_with_heart).astype(np.uint8) * 255
        stem = f"CHNCXR_{number:04}_{number % 2}"
        cv2.imwrite(str(root / f"SZ-CXR/images/{stem}.png"), found.radiograph)
        cv2.imwrite(str(root / f"SZ-CXR/masks/{stem}_mask.png"), without)
        cv2.imwrite(str(root / f"V7/images/{number}.png"), found.radiograph)
        cv2.imwrite(str(root / f"V7/masks/{number}.png"), whole)
        rows.append({"v7_image_id": str(number), "original_filename": f"{number}.png",
                     "source": "phantom", "patient_id": str(number), "view": "PA",
                     "finding": "", "image_license": "CC0"})  # fmt: skip
    pl.DataFrame(rows).write_csv(root / "V7/pairs.csv")
    (root / "card.md").write_text("# Phantoms\n\n8 images, 4 with tuberculosis, in PNG format.\n")
    reports = [("1", "Small effusion."), ("2", "Clear lungs.")]
    frame = pl.DataFrame(reports, schema=("id", "report"), orient="row")
    frame.write_csv(root / "reports.csv")
    frame.write_csv(root / "written.csv")
    (root / "MY_IMAGES").mkdir()
    for number in (1, 2):
        shutil.copy(root / f"V7/images/{number}.png", root / "MY_IMAGES")
    shutil.copy(root / "V7/images/3.png", root / "CHEST.png")
    guangzhou.write_release(root / "chest_xray", 40, 1, 64)
    siim_acr.write_png_release(root / "SIIM", 24, 4, 64)
    mimic_cxr_jpg.write_release(root / "MIMIC-CXR-JPG", 48, 1, 64)
    return root


@pytest.fixture(scope="module")
def models(archives: Path) -> Path:
    """Models that have learnt next to nothing, beside the archives."""
    for line in (
        f"train finding siim-acr:SIIM FINDER {SHORTER['cxr train finding']}",
        "train classification guangzhou:chest_xray CLASSIFIER --observations Pneumonia "
        + SHORTER["cxr train classification"],
        "train report mimic-cxr-jpg:MIMIC-CXR-JPG REPORTER --model constant",
    ):
        done = cxr(shlex.split(line), archives)
        assert done.returncode == 0, done.stderr
    return archives


def with_torch(name: str) -> bool:
    """Whether the example trains a network, or needs one that must be trained first."""
    return name.startswith(("cxr train", "cxr compare", "cxr predict", "cxr report"))


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if with_torch(n) else []) for n in COMMANDS],
)
def test_the_example_in_the_help_runs(
    name: str, workplace: Path, request: pytest.FixtureRequest
) -> None:
    if name.startswith(("cxr predict", "cxr report")):
        for model in request.getfixturevalue("models").glob("*ER"):
            if not (workplace / model.name).exists():
                (workplace / model.name).symlink_to(model)
    line = example(COMMANDS[name])
    assert line.startswith(name)
    done = cxr(shlex.split(f"{line} {SHORTER.get(name, '')}")[1:], workplace)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained(name: str) -> None:
    unexplained = [
        parameter.name
        for parameter in COMMANDS[name].params
        if parameter.name != "help" and not getattr(parameter, "help", None)
    ]
    assert unexplained == []


def test_a_refusal_is_one_line_with_code_and_remedy(workplace: Path) -> None:
    done = cxr(["build", "shenzhen", "nowhere", "out"], workplace)
    assert done.returncode == 4
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("E101 missing-archive: ")
    assert "Remedy: " in done.stderr
    assert not (workplace / "out").exists()


def test_an_unknown_option_is_a_usage_error(workplace: Path) -> None:
    assert cxr(["build", "--no-such-option"], workplace).returncode == 2


def test_a_command_imports_no_other_command() -> None:
    """`cxr archives` must not wait for the network that `cxr build` runs."""
    code = (
        "import sys; sys.argv = ['cxr', 'archives', 'folder']\n"
        "from cxrkit.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('cxrkit.cli.build', 'onnxruntime', 'cxrkit.reports') "
        "if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_file_of_a_command_is_one(tmp_path: Path) -> None:
    files = {p.stem for p in Path(cli.__file__).parent.glob("*.py")} - {"__init__", *SHARED}
    grouped = {f for f in files if f.partition("_")[0] in cli.GROUPS and "_" in f}
    assert {f"cxr {f.replace('_', ' ', 1)}" for f in grouped} <= COMMANDS.keys()
    assert files - grouped == {*cli.COMMANDS, *cli.GROUPS}
