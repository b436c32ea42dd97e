import os
import signal
import subprocess
import sys

import pytest

from cxrkit.errors import Locked
from cxrkit.pipeline import lock

HOLD = (
    "import pathlib, sys, time\n"
    "from cxrkit.pipeline import lock\n"
    "with lock.held(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)\n"
)


@pytest.fixture
def holder(tmp_path):
    path = tmp_path / "runs" / "lock"
    path.parent.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "held\n"
    yield path, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_the_second_run_is_told_who_holds_it_and_a_dead_holder_does_not(holder):
    path, process = holder
    with pytest.raises(Locked) as locked, lock.held(path):
        pass
    assert locked.value.code == "E801" and locked.value.exit_code == 8
    assert f"process {process.pid} on " in str(locked.value) and "started 20" in str(locked.value)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with lock.held(path) as left:
        assert f"process {process.pid} on " in left  # taken over, with a notice
    with lock.held(path) as left:
        assert left == ""


def test_a_run_that_fails_leaves_no_holder(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path / "lock"):
        raise ZeroDivisionError
    with lock.held(tmp_path / "lock") as left:
        assert left == ""


def test_a_garbled_lock_file_is_taken(tmp_path):
    (tmp_path / "lock").write_bytes(b"\xff{")
    with lock.held(tmp_path / "lock") as left:
        assert left == ""
