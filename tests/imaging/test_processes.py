"""Ctrl-C in the first moments of worker processes, which are still being imported then."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from cxrkit.imaging import processes
from cxrkit.phantom import folder

CXR = (sys.executable, "-c", "from cxrkit.cli import main; main()")
# A process that is hit as soon as it is there; it ends by itself or by the signal.
HIT_AT_ONCE = """
import contextlib, multiprocessing, os, signal, time
from cxrkit.imaging import processes
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(0,))
    with {around}:
        process.start()
    os.kill(process.pid, signal.SIGINT)
    process.join()
    print(process.exitcode)
"""


def test_the_signal_waits_until_the_end() -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        with processes.without_interrupts():
            os.kill(os.getpid(), signal.SIGINT)
            assert came == []
        assert came == [signal.SIGINT]
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize(
    ("around", "untouched"),
    [("processes.without_interrupts()", True), ("contextlib.nullcontext()", False)],
)
def test_a_process_never_gets_the_signal(tmp_path: Path, around: str, untouched: bool) -> None:
    """The second shows that the first can fail."""
    script = tmp_path / "hit.py"
    script.write_text(HIT_AT_ONCE.format(around=around))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert (done.stdout.strip() == "0") == untouched, done.stderr
    assert not (untouched and done.stderr)


@pytest.mark.parametrize("wait", [0.0, 0.3])
def test_verify_ends_without_a_traceback(tmp_path: Path, wait: float) -> None:
    root = tmp_path / "folder"
    folder.write_release(root, studies=4, seed=0, size=64)
    process = subprocess.Popen(
        [*CXR, "verify", "folder", str(root), "--workers", "2"],
        start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    parent = psutil.Process(process.pid)
    while process.poll() is None and not spawned(parent):
        time.sleep(0.002)
    time.sleep(wait)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors.decode()
    assert b"Traceback" not in errors, errors.decode()


def spawned(parent: psutil.Process) -> bool:
    """A worker is there; the tracker of resources is none."""
    return any("spawn_main" in " ".join(child.cmdline()) for child in parent.children())
