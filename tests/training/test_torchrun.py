"""Two processes of torchrun learn as one does: the same losses, about the same weights."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

CXR, TORCHRUN = (str(Path(sys.executable).with_name(name)) for name in ("cxr", "torchrun"))
TWO = (TORCHRUN, "--standalone", "--nproc-per-node", "2", "--no-python")
OPTIONS = ("--epochs", "3", "--width", "2", "--batch", "4", "--validate", "0.2")


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def losses(out: Path) -> list[float]:
    with (out / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_have_the_curve_of_one(drawn_archive: Path, tmp_path: Path) -> None:
    tail = ["train", "segmentation", f"shenzhen:{drawn_archive}"]
    run([CXR, *tail, str(tmp_path / "one"), *OPTIONS])
    run([*TWO, CXR, *tail, str(tmp_path / "two"), *OPTIONS])
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 3
    # Sums of bfloat16 products in another order; two other seeds differ by some .1.
    assert np.allclose(one, two, rtol=0.01)
    mine, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert mine.keys() == theirs.keys()
    apart = [np.abs(mine[k] - theirs[k]).max() for k in mine if mine[k].dtype == np.float32]
    assert max(apart) < 0.05


@pytest.mark.slow
def test_two_processes_share_the_pixels_that_one_of_them_reads(tmp_path: Path) -> None:
    run([CXR, "phantom", "siim-acr", str(tmp_path / "siim"), "--studies", "60", "--size", "64"])
    task = ["train", "finding", f"siim-acr:{tmp_path / 'siim'}"]
    settings = [
        "--size",
        "64",
        "--epochs",
        "2",
        "--width",
        "2",
        "--validate",
        "0.3",
        "--test",
        "0.3",
    ]
    run([CXR, *task, str(tmp_path / "one"), *settings])
    run([*TWO, CXR, *task, str(tmp_path / "two"), *settings])
    assert np.allclose(losses(tmp_path / "one"), losses(tmp_path / "two"), rtol=0.01)
    left = [{p.name for p in (tmp_path / name).iterdir()} for name in ("one", "two")]
    assert left[0] == left[1] and "radiographs" not in left[1]
