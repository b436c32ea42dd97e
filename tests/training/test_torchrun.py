"""Two processes of torchrun learn as one does: the same losses, the same weights."""

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

OPTIONS = ("--epochs", "3", "--width", "2", "--batch", "4", "--validate", "0.2")


def run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


def losses(out: Path) -> list[float]:
    with (out / "log.csv").open(newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


@pytest.mark.slow
def test_two_processes_have_the_curve_of_one(drawn_archive: Path, tmp_path: Path) -> None:
    cxr = str(Path(sys.executable).with_name("cxr"))
    torchrun = str(Path(sys.executable).with_name("torchrun"))
    tail = ["train", "segmentation", f"shenzhen:{drawn_archive}"]
    run([cxr, *tail, str(tmp_path / "one"), *OPTIONS])
    run([
        torchrun, "--standalone", "--nproc-per-node", "2", "--no-python",
        cxr, *tail, str(tmp_path / "two"), *OPTIONS,
    ])  # fmt: skip
    one, two = losses(tmp_path / "one"), losses(tmp_path / "two")
    assert len(one) == 3
    # Sums of bfloat16 products in another order; two other seeds differ by some .1.
    assert np.allclose(one, two, rtol=0.01)
    mine, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert mine.keys() == theirs.keys()
    apart = [np.abs(mine[k] - theirs[k]).max() for k in mine if mine[k].dtype == np.float32]
    assert max(apart) < 0.05
