"""Training killed at random moments and begun again ends in the same bytes."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

ROUNDS = 5
WRITTEN = ("sa_unet.onnx", "sa_unet-int8.onnx", "card.json", "split.csv", "test.csv")


def command(archive: Path, out: Path) -> list[str]:
    return [
        str(Path(sys.executable).with_name("cxr")), "train", "segmentation",
        f"shenzhen:{archive}", str(out), "--epochs", "6", "--width", "2", "--batch", "4",
    ]  # fmt: skip


def digests(out: Path) -> dict[str, str]:
    """SHA-256 of what a run leaves, its last checkpoint included."""
    files = [*(out / name for name in WRITTEN), out / "checkpoints" / "epoch-006.safetensors"]
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.mark.slow
def test_killed_training_resumes_to_the_same_bytes(drawn_archive: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    subprocess.run(command(drawn_archive, tmp_path / "whole"), check=True, capture_output=True)
    whole = time.monotonic() - started
    rng = np.random.default_rng(0)
    kills = 0
    for number in range(ROUNDS):
        out = tmp_path / f"killed-{number}"
        while True:
            run = subprocess.Popen(
                command(drawn_archive, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                assert run.wait(timeout=float(rng.uniform(0.2, 1.1)) * whole) == 0
                break
            except subprocess.TimeoutExpired:
                run.kill()
                run.wait()
                kills += 1
        assert digests(out) == digests(tmp_path / "whole")
    assert kills > 0
