"""Conversions killed at any moment and resumed end in the bytes of an uninterrupted one.

As test_crash.py for builds, with fewer points: the store is the same, see kill_points.py.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import radiographs

pytestmark = pytest.mark.slow

IMAGES = 70
CHOSEN = 15  # kill points for each number of workers
RANDOM = 8  # kills
SEED = 20261122


@pytest.fixture(scope="module")
def fast() -> Iterator[Path]:
    """A folder in memory where there is one: what a killed process wrote is seen alike there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def pictures(fast: Path) -> Path:
    radiographs.write_folder(fast / "pictures", IMAGES)
    (fast / "pictures" / "a" / "empty.png").touch()  # so that there is something to quarantine
    return fast / "pictures"


def killed_at(pictures: Path, folder: Path, store: str, workers: int, points: list[str]) -> list:
    """What kill_points.py says of each point."""
    script = Path(__file__).with_name("kill_points.py")
    arguments = ["convert", str(pictures), str(folder), store, str(workers), *points]
    done = subprocess.run(
        [sys.executable, str(script), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_at_chosen_operations(pictures, fast, workers):
    folder = fast / f"chosen-{workers}"
    folder.mkdir()
    (counted,) = killed_at(pictures, folder, "sound", workers, [])
    last = counted["operations"] - 20  # those of two workers differ a little from run to run
    assert last > 200
    words = [f"any:{1 + round(n * (last - 1) / (CHOSEN - 1))}" for n in range(CHOSEN)]
    words[::4] = [f"{word},any:{last // 3}" for word in words[::4]]  # the resumed run too
    words += ["append:1", "append:2,append:1", "append:1,append:3"]
    for result in killed_at(pictures, folder, "sound", workers, words):
        assert result["killed"][0] == -signal.SIGKILL, result
        assert result["resumed"] == 3 and result["equal"] and result["whole_files"], result
        assert result["left"] == ["journal", "lock"], result


@pytest.mark.parametrize(
    ("store", "points"),
    [("skip-if-exists", [f"any:{n}" for n in range(100, 106)]),
     ("torn-tail", ["append:1,append:3"])],
)  # fmt: skip
def test_a_store_that_is_broken_on_purpose_is_caught(pictures, fast, store, points):
    """The test above can fail."""
    folder = fast / store
    folder.mkdir()
    results = killed_at(pictures, folder, store, 1, points)[1:]
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
