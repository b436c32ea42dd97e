"""Training killed at random moments and begun again ends in the same bytes."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

KILLS = 10
EPOCHS = 4
WRITTEN = (
    "model.onnx", "model-int8.onnx", "model.safetensors", "model.json", "card.json", "card.md",
    "split.csv", "test.csv", "trained_on.csv",
)  # fmt: skip


def command(archive: Path, out: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("cxr")), "train", "segmentation",
        f"shenzhen:{archive}", str(out), "--epochs", str(EPOCHS), "--width", "2", "--batch", "4",
        "--repeat", "shenzhen=12", "--validate", "0.2",
    ]  # fmt: skip


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of what a run leaves, its last checkpoint included."""
    last = sorted((out / "checkpoints").glob("step-*.safetensors"))[-1]
    files = [*(out / name for name in WRITTEN), last]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.mark.slow
def test_ten_kills_and_the_weights_are_those_of_the_straight_run(
    drawn_archive: Path, tmp_path: Path
) -> None:
    started = time.monotonic()
    subprocess.run(command(drawn_archive, tmp_path / "whole"), check=True, capture_output=True)
    whole = time.monotonic() - started
    rng = np.random.default_rng(0)
    kills, rounds, while_training = 0, 0, 0
    while kills < KILLS:
        out = tmp_path / f"killed-{rounds}"
        rounds += 1
        while True:
            run = subprocess.Popen(
                command(drawn_archive, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                # The later kills come, the more epochs are behind them.
                assert run.wait(timeout=float(rng.uniform(0.3, 0.9)) * whole) == 0
                break
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills += 1
                while_training += not (out / "model.safetensors").exists()
        assert digests(out) == digests(tmp_path / "whole")
    assert while_training >= KILLS // 2
