"""Builds killed at any moment and resumed end in the bytes of an uninterrupted one.

Chosen points: a SIGKILL before every n-th durable operation, see kill_points.py, with a stand-in
for the network. Random times: the real command on a phantom archive.
"""

import hashlib
import os
import random
import shutil
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

IMAGES = 100
CHOSEN = 100  # kill points, half of them with two workers
RANDOM = 50  # kills
SEED = 20261121


@pytest.fixture(scope="module")
def pictures(fast: Path) -> Path:
    return kill_points.write_pictures(fast / "pictures", IMAGES)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_kill_at_chosen_operations(pictures, fast, workers):
    folder = fast / f"chosen-{workers}"
    folder.mkdir()
    (counted,) = killed_at("build", pictures, folder, "sound", workers, [])
    last, points = counted["operations"], CHOSEN // 2
    assert last > 1_000
    numbers = {1 + round(n * (last - 1) / (points - 1)) for n in range(points)}
    # Two workers' operations differ a little from run to run: the last few may not come.
    words = [f"any:{n}" if workers == 1 else f"any:{min(n, last - 20)}" for n in sorted(numbers)]
    words[::4] = [f"{word},any:{last // 3}" for word in words[::4]]  # the resumed run too
    words += ["append:1", "append:2,append:1", "append:1,append:3"]
    for result in killed_at("build", pictures, folder, "sound", workers, words):
        kill_points.require_resumed(result)


@pytest.mark.parametrize(
    ("store", "points"),
    [
        ("skip-if-exists", [f"any:{n}" for n in range(1_000, 1_006)]),
        ("torn-tail", ["append:1,append:3"]),
    ],
)
def test_a_store_that_is_broken_on_purpose_is_caught(pictures, fast, store, points):
    """The test above can fail."""
    folder = fast / store
    folder.mkdir()
    results = killed_at("build", pictures, folder, store, 1, points)[1:]
    assert len(results) == len(points)
    assert any(not result["equal"] for result in results)


@pytest.fixture(scope="module")
def phantom(fast: Path) -> Path:
    """A phantom archive with about as many frontal images as IMAGES."""
    root = fast / "phantom"
    command = ["phantom", "mimic-cxr-jpg", str(root), "--studies", "104", "--size", "256"]
    subprocess.run([*CXR, *command, "--seed", "3"], check=True, capture_output=True)
    return root


CXR = (sys.executable, "-c", "from cxrkit.cli import main; main()")


def start(root: Path, out: Path, workers: int) -> subprocess.Popen:
    command = ["build", "mimic-cxr-jpg", str(root), str(out), "--workers", str(workers)]
    return subprocess.Popen(
        [*CXR, *command], start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def finish(root: Path, out: Path, workers: int) -> float:
    """Build to the end; gives the seconds after the output appeared."""
    existed, process = out.exists(), start(root, out, workers)
    while not existed and not out.exists() and process.poll() is None:
        time.sleep(0.005)
    began = time.monotonic()
    _, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return time.monotonic() - began


def test_a_kill_at_random_times_of_the_real_command(phantom, fast):
    before = radiographs.tree(phantom)
    took = {w: finish(phantom, fast / f"whole-{w}", w) for w in (1, 2)}
    expected = radiographs.tree(fast / "whole-1")
    assert radiographs.tree(fast / "whole-2") == expected  # 1 and 2 workers: equal bytes
    assert 95 <= sum(name.startswith("masks/") for name in expected) <= 110
    rng, kills, attempt = random.Random(SEED), 0, 0
    out = fast / "killed"
    while kills < RANDOM:
        workers, attempt = 1 + attempt % 2, attempt + 1
        process = start(phantom, out, workers)
        while not (out / "runs").exists() and process.poll() is None:
            time.sleep(0.005)
        try:
            process.wait(rng.uniform(0, took[workers]))
        except subprocess.TimeoutExpired:
            kill = os.kill if attempt % 5 == 0 else os.killpg  # workers must follow their parent
            kill(process.pid, signal.SIGKILL)
            kills += 1
        process.communicate()
        seen = radiographs.tree(out)
        assert all(expected.get(name) == sha256 for name, sha256 in seen.items())
        if process.returncode == 0 or attempt % 3 == 0:
            finish(phantom, out, 3 - workers)
            assert radiographs.tree(out) == expected, f"seed {SEED}, attempt {attempt}"
            assert sorted(p.name for p in (out / "runs").iterdir()) == ["journal", "lock"]
            shutil.rmtree(out)
    if out.exists():
        finish(phantom, out, 2)
        assert radiographs.tree(out) == expected
    assert radiographs.tree(phantom) == before  # the archive was only read


def test_signals_end_a_run_cleanly(phantom, fast):
    expected = radiographs.tree(fast / "whole-1") if (fast / "whole-1").exists() else None
    rng, out = random.Random(SEED), fast / "signalled"
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)) * 4:
        process = start(phantom, out, 2)
        process.stderr.readline()  # it has looked at the archive and begins
        time.sleep(rng.uniform(0.05, 1.2))
        os.killpg(process.pid, number)  # as a terminal does: the workers get it too
        text, errors = process.communicate(timeout=60)
        assert process.returncode in (status, 0), errors.decode()
        assert b"Traceback" not in errors and (b"Interrupted" in text or process.returncode == 0)
        assert not (out / "runs" / "tmp").exists()
        if process.returncode == 0:
            shutil.rmtree(out)
    finish(phantom, out, 2)
    found = radiographs.tree(out)
    assert expected is None or found == expected
    lines = (out / "SHA256SUMS.txt").read_text().splitlines()
    names = {line.split("  ", 1)[1]: line.split("  ", 1)[0] for line in lines}
    assert found == names | {
        "SHA256SUMS.txt": hashlib.sha256((out / "SHA256SUMS.txt").read_bytes()).hexdigest()
    }
