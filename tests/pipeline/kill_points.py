"""Builds and conversions killed at a chosen durable operation, then resumed; run as a script.

    kill_points.py COMMAND ROOT FOLDER STORE WORKERS POINT...

Every write, sync, rename, new folder and removal of `cxrkit.pipeline.durable` is counted, in the
parent and its workers together. At the chosen one the whole process group gets SIGKILL: before the
operation or, for a write, after half of it. POINT is `any:17` (the 17th operation) or `append:2`
(the 2nd line of the journal); `any:17,any:90` kills the resumed run too. `count` prints how many
there are. STORE is `sound`, or one of two that are broken on purpose.

Prints one JSON object per point. This is its own process because each run is a fork of it, with
everything imported; the network is a cheap stand-in. The tests start it by `killed_at`.
"""

import contextlib
import fcntl
import functools
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import radiographs

from cxrkit.errors import CxrkitError
from cxrkit.pipeline import durable, journal

COUNTED = ("mkdir", "open", "write", "fsync", "ftruncate", "replace", "unlink", "rmdir")
FORK = multiprocessing.get_context("fork")


class Counting:
    """The os module with the calls of COUNTED counted."""

    def __init__(self, count: Callable[[str, Callable[[], object]], object]) -> None:
        self.count = count

    def __getattr__(self, name: str) -> object:
        function = getattr(os, name)
        return functools.partial(self.counted, name, function) if name in COUNTED else function

    def counted(self, name: str, function: Callable, *arguments: object) -> object:
        def half() -> object:
            if name == "write":
                descriptor, data = arguments
                return os.write(descriptor, data[: len(data) // 2])
            return None

        self.count(name, half)
        return function(*arguments)


def arm(kind: str, number: int, counter, killed: bool) -> None:
    """Count from here on, and kill this process group at that number of that kind."""
    appending = False

    def count(name: str, half: Callable[[], object]) -> None:
        if kind == "append" and not (appending and name == "write"):
            return
        with counter.get_lock():
            counter.value += 1
            if killed and counter.value == number:
                half()
                os.killpg(0, signal.SIGKILL)

    append, syncfs = durable.append, durable._SYNCFS

    def marked(*arguments: object) -> None:
        nonlocal appending
        appending = True
        append(*arguments)
        appending = False

    def counted_syncfs(descriptor: int) -> int:
        count("syncfs", lambda: None)
        return syncfs(descriptor)

    durable.append = marked
    durable.os = Counting(count)
    if syncfs is not None:
        durable._SYNCFS = counted_syncfs


def skip_if_exists() -> None:
    """A store that writes in place and takes a file that is there for a good one."""

    def publish(root: Path, moves: list[tuple[Path, Path]]) -> None:
        for source, target in moves:
            if not target.exists():
                durable.make_folder(target.parent)
                durable.write(target, source.read_bytes())

    durable.publish = publish


def keep_torn_tail() -> None:
    """A journal whose next line starts right behind a torn one."""
    journal.cut_tail = lambda out, found: None


COMMANDS = {"build": radiographs.run, "convert": radiographs.convert}
STORES = {"sound": lambda: None, "skip-if-exists": skip_if_exists, "torn-tail": keep_torn_tail}


def forked(
    command: str, root: Path, out: Path, store: str, workers: int, kind: str = "any",
    number: int = 0,
) -> tuple[int, int]:  # fmt: skip
    """Exit status and operations of one run in a fork; -9 where it was killed at `number`."""
    wait_until_free(out / "runs" / "lock")
    counter = FORK.Value("q", 0)  # a new one each time: whoever is killed keeps its lock
    process = os.fork()
    if process:
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), counter.get_obj().value
    os.setsid()
    arm(kind, number, counter, number > 0)
    STORES[store]()
    try:
        os._exit(COMMANDS[command](root, out, workers=workers).exit_code)
    except CxrkitError as error:
        print(error, file=sys.stderr)
        os._exit(error.exit_code)
    finally:
        os._exit(70)


def wait_until_free(path: Path) -> None:
    """Forked workers share the lock of their parent, and may die a moment after it."""
    while path.exists():
        with path.open() as file, contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(0.01)


def main(
    command: str, root: Path, folder: Path, store: str, workers: int, points: list[str]
) -> None:
    whole = folder / "whole"
    if not whole.exists():
        status, operations = forked(command, root, whole, "sound", workers)
        assert status in (0, 3), status
        print(json.dumps({"operations": operations}), flush=True)
    expected = radiographs.tree(whole)
    for point in points:
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        statuses, whole_files = [], True
        for word in point.split(","):
            kind, number = word.split(":")
            statuses.append(forked(command, root, out, store, workers, kind, int(number))[0])
            seen = radiographs.tree(out) if out.exists() else {}
            whole_files &= all(expected.get(name) == sha256 for name, sha256 in seen.items())
        last, _ = forked(command, root, out, store, workers)
        left = sorted(p.name for p in (out / "runs").iterdir())
        result = {
            "point": point, "killed": statuses, "whole_files": whole_files, "resumed": last,
            "equal": radiographs.tree(out) == expected, "left": left,
        }  # fmt: skip
        print(json.dumps(result), flush=True)


def write_pictures(root: Path, count: int) -> Path:
    """`count` pictures and an empty file in `root`, so that there is something to quarantine."""
    radiographs.write_folder(root, count)
    (root / "a" / "empty.png").touch()
    return root


def killed_at(
    command: str, root: Path, folder: Path, store: str, workers: int, points: list[str]
) -> list[dict]:
    """What this script prints of each point, and of the whole run where it is the first."""
    arguments = [command, str(root), str(folder), store, str(workers), *points]
    done = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def require_resumed(result: dict) -> None:
    """The run was killed, and the one that went on left what an uninterrupted one leaves."""
    assert result["killed"][0] == -signal.SIGKILL, result
    assert result["resumed"] == 3 and result["equal"] and result["whole_files"], result
    assert result["left"] == ["journal", "lock"], result


if __name__ == "__main__":
    radiographs.use_stand_ins(pytest.MonkeyPatch())
    command, root, folder, store, workers, *points = sys.argv[1:]
    main(command, Path(root), Path(folder), store, int(workers), points)
