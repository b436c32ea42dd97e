"""Local processes that compute blocks. One that dies or hangs names its image, and is replaced.

The parent sends a block through a pipe; the worker says which image it enters, then what became of
the block. Only plain values cross: an error travels as its class and its five texts.
"""

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import cv2

from cxrkit import archives, errors
from cxrkit.errors import CxrkitError
from cxrkit.pipeline import interrupt
from cxrkit.pipeline.block import Block, Result, Setting, compute

# A fresh interpreter for each worker: threads and locks of the parent are not inherited.
START = multiprocessing.get_context("spawn")
ITEM_SECONDS = 60.0  # an image that takes longer hangs its decoder
_START_SECONDS = 300.0  # importing and loading a network from a cold network disk
_ATTEMPTS = 2  # for an image that ends its worker
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


@dataclass(frozen=True)
class Worker:
    """A process that waits for a block at the other end of `connection`."""

    process: BaseProcess
    connection: Connection
    facts: Mapping[str, str]  # what its task loaded that decides the result


@dataclass(frozen=True)
class _Task:
    """A worker's block, the place it has reached, and since when."""

    worker: Worker
    block: Block
    place: int
    since: float


@contextmanager
def started(setting: Setting, count: int) -> Iterator[list[Worker]]:
    """`count` workers that have loaded their task; all are gone afterwards.

    Raises:
        CxrkitError: what a worker met while it loaded, or E301, it died.
    """
    crew: list[Worker] = []
    try:
        pending = [_launched(setting) for _ in range(count)]
        crew.extend(Worker(process, pipe, {}) for process, pipe in pending)
        crew[:] = [_ready(worker) for worker in crew]
        yield crew
    finally:
        for worker in crew:
            _end(worker)


def results(
    crew: list[Worker],
    setting: Setting,
    blocks: Iterator[Block],
    stopped: Callable[[], int],
    seconds: float = ITEM_SECONDS,
) -> Iterator[Result]:
    """The result of every block, in the order in which they are done; ends early when stopped.

    A block whose worker died is tried again; an image that ended two workers is left out of the
    third attempt and quarantined: E301, or E303 where it took longer than `seconds`.

    Raises:
        ResourceExhausted: E601, a worker could not write.
        CxrkitError: E301, workers die although no image is being read; E399, a bug.
    """
    again: deque[Block] = deque()
    tasks: dict[Connection, _Task] = {}
    deaths: Counter[tuple[int, int]] = Counter()
    while not stopped():
        for place, worker in enumerate(crew):
            block = None
            if worker.connection not in tasks:
                block = again.popleft() if again else next(blocks, None)
            if block is not None:
                crew[place] = worker = _sent(worker, block, setting)
                tasks[worker.connection] = _Task(worker, block, 0, time.monotonic())
        if not tasks:
            return
        for connection in wait(list(tasks), timeout=0.2):
            task = tasks[connection]  # type: ignore[index]
            message = _received(task.worker)
            if isinstance(message, int):
                tasks[task.worker.connection] = replace(task, place=message, since=time.monotonic())
            elif isinstance(message, Result):
                del tasks[task.worker.connection]
                yield message
            else:
                again.append(_buried(crew, tasks, task, setting, deaths, "its worker died"))
        for task in list(tasks.values()):
            if task.place < len(task.block.items) and time.monotonic() - task.since > seconds:
                reason = f"it took longer than {seconds:g} s"
                again.append(_buried(crew, tasks, task, setting, deaths, reason))


def _buried(
    crew: list[Worker],
    tasks: dict[Connection, _Task],
    task: _Task,
    setting: Setting,
    deaths: Counter[tuple[int, int]],
    reason: str,
) -> Block:
    """The block of a worker that is gone, to be tried again; a new worker takes its place."""
    hung = reason != "its worker died"
    _end(task.worker)
    del tasks[task.worker.connection]
    how = _how_it_ended(task.worker.process)
    crew[crew.index(task.worker)] = _ready(Worker(*_launched(setting), {}))
    deaths[task.block.index, task.place] += 1
    if deaths[task.block.index, task.place] < _ATTEMPTS:
        return task.block
    if task.place == len(task.block.items):
        raise _dead_worker(f"twice while it wrote a block ({how})")
    fault = ("E303", reason) if hung else ("E301", f"{reason} twice ({how})")
    return replace(task.block, faults={**task.block.faults, task.place: fault})


def _sent(worker: Worker, block: Block, setting: Setting) -> Worker:
    """The worker that took the block: this one, or its replacement if it died while idle."""
    try:
        worker.connection.send(block)
        return worker
    except OSError:
        _end(worker)
        fresh = _ready(Worker(*_launched(setting), {}))
        fresh.connection.send(block)
        return fresh


def _launched(setting: Setting) -> tuple[BaseProcess, Connection]:
    ours, theirs = START.Pipe()
    process = START.Process(target=_serve, args=(theirs, setting, os.getpid()), daemon=True)
    # A worker inherits the mask: signals are the parent's business, even while it is imported.
    # The tracker comes first, since starting it would unblock them.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, interrupt.SIGNALS)
    try:
        process.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    theirs.close()
    return process, ours


def _ready(worker: Worker) -> Worker:
    """The worker once it has loaded what it needs."""
    message = _received(worker) if worker.connection.poll(_START_SECONDS) else None
    if isinstance(message, dict):
        return replace(worker, facts=message)
    _end(worker)
    raise _dead_worker(f"before its first image ({_how_it_ended(worker.process)})")


def _received(worker: Worker) -> Any:
    """The next message; None where the worker is dead.

    Raises:
        CxrkitError: the worker met an error that is not one image's.
    """
    try:
        message = worker.connection.recv()
    except (EOFError, OSError):
        return None
    if isinstance(message, tuple):
        name, texts = message
        raise getattr(errors, name)(*texts)
    return message


def _end(worker: Worker) -> None:
    """Kill the process. Its block is not in the journal, so nothing it leaves counts."""
    if worker.process.is_alive():
        worker.process.kill()
    worker.process.join()
    worker.connection.close()


def _how_it_ended(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"signal {-code}" if code < 0 else f"exit status {code}"


def _dead_worker(when: str) -> CxrkitError:
    return CxrkitError(
        "E301",
        "worker",
        f"a worker died {when}",
        "a worker that lives",
        "free memory or use fewer --workers, and run the same command again",
    )


def _serve(connection: Connection, setting: Setting, parent: int) -> None:
    """A worker's life: load, then one block after the other until the parent is gone."""
    _follow(parent)
    cv2.setNumThreads(1)
    os.environ["POLARS_MAX_THREADS"] = "1"
    try:
        make, facts = setting.task.load(archives.load(setting.archive), setting.root)
        connection.send(dict(facts))
        while True:
            connection.send(compute(connection.recv(), setting.out, make, connection.send))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except CxrkitError as error:
        texts = (error.code, error.path, error.observed, error.expected, error.remedy)
        connection.send((type(error).__name__, texts))
    except Exception as error:
        texts = ("E399", "worker", type(error).__name__, "a result", "report it")
        connection.send(("CxrkitError", texts))


def _follow(parent: int) -> None:
    """Leave signals to the parent, and die with it, however it ends."""
    for number in interrupt.SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(1)
