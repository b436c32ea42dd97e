"""Conversions killed at any moment and resumed end in the bytes of an uninterrupted one.

As test_crash.py for builds, with fewer points: the store is the same, see kill_points.py.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import kill_points
import pytest
import radiographs
from kill_points import killed_at

pytestmark = pytest.mark.slow

IMAGES = 70
CHOSEN = 15  # kill points for each number of workers
RANDOM = 8  # kills
SEED = 20261122


@pytest.fixture(scope="module")
def pictures(fast: Path) -> Path:
    return kill_points.write_pictures(fast / "pictures", IMAGES)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_at_chosen_operations(pictures, fast, workers):
    folder = fast / f"chosen-{workers}"
    folder.mkdir()
    (counted,) = killed_at("convert", pictures, folder, "sound", workers, [])
    last = counted["operations"] - 20  # those of two workers differ a little from run to run
    assert last > 200
    words = [f"any:{1 + round(n * (last - 1) / (CHOSEN - 1))}" for n in range(CHOSEN)]
    words[::4] = [f"{word},any:{last // 3}" for word in words[::4]]  # the resumed run too
    words += ["append:1", "append:2,append:1", "append:1,append:3"]
    for result in killed_at("convert", pictures, folder, "sound", workers, words):
        kill_points.require_resumed(result)


@pytest.mark.parametrize(
    ("store", "points"),
    [("skip-if-exists", [f"any:{n}" for n in range(100, 106)]),
     ("torn-tail", ["append:1,append:3"])],
)  # fmt: skip
def test_a_store_that_is_broken_on_purpose_is_caught(pictures, fast, store, points):
    """The test above can fail."""
    folder = fast / store
    folder.mkdir()
    results = killed_at("convert", pictures, folder, store, 1, points)[1:]
    assert len(results) == len(points)
    assert any(not result["equal"] for result in results)


def test_a_kill_at_random_times_of_the_real_command(pictures, fast):
    code = "from cxrkit.cli import main; main()"

    def start(out: Path, workers: int) -> subprocess.Popen:
        command = ["convert", "folder", str(pictures), str(out), "--recipe", "jpeg"]
        return subprocess.Popen(
            [sys.executable, "-c", code, *command, "--workers", str(workers)],
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    whole = start(fast / "whole", 2)
    assert whole.communicate()[1] and whole.returncode == 3
    expected, rng, kills = radiographs.tree(fast / "whole"), random.Random(SEED), 0
    out = fast / "killed"
    while kills < RANDOM:
        process = start(out, 1 + kills % 2)
        while not (out / "runs").exists() and process.poll() is None:
            time.sleep(0.005)
        try:
            process.wait(rng.uniform(0, 1.2))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
        seen = radiographs.tree(out)
        assert all(expected.get(name) == sha256 for name, sha256 in seen.items())
        if process.returncode == 3:
            out = fast / f"killed-{kills}"
    last = start(out, 2)
    last.communicate()
    assert last.returncode == 3 and radiographs.tree(out) == expected
