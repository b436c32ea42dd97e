"""Who is writing a dataset: one run at a time.

The lock is the kernel's, so it dies with the process that holds it, however that ends. The file's
text only says who that is.
"""

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cxrkit.errors import Locked
from cxrkit.outputs import writing


@contextmanager
def held(path: Path) -> Iterator[str]:
    """Hold the lock file at `path`; gives what is left of a holder that died, else "".

    Raises:
        Locked: E801, another run holds it; the message names its process, host and start.
        InputRefused, ResourceExhausted: as `outputs.writing`.
    """
    with writing(path):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise _locked(path, _text(descriptor)) from error
        left = _text(descriptor)
        with writing(path):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps({"holder": _self()}).encode(), 0)
        try:
            yield left
        finally:
            os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _self() -> str:
    started = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime())
    return f"process {os.getpid()} on {platform.node()}, started {started}, boot {_boot()}"


def _boot() -> str:
    """The kernel's identifier of this boot, so that a process number means something."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return "unknown"


def _text(descriptor: int) -> str:
    try:
        return str(json.loads(os.pread(descriptor, 4096, 0))["holder"])
    except (ValueError, KeyError, TypeError):
        return ""


def _locked(path: Path, holder: str) -> Locked:
    return Locked(
        "E801",
        str(path.parent.parent),
        f"another run writes it: {holder or 'it does not say which'}",
        "one run at a time",
        "wait for that run, or end it, and run the same command again",
    )
