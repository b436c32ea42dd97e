"""Worker processes that leave Ctrl-C to their parent from their first moment, and survive a file.

A terminal sends it to all of them. What an initializer ignores comes too late: a process that is
still being imported would end with a traceback on the user's screen.
"""

import multiprocessing
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import resource_tracker
from typing import TypeVar

import cv2

from cxrkit.errors import ItemFault

_SPAWN = multiprocessing.get_context("spawn")  # threads of OpenCV do not survive a fork
_AHEAD = 4  # chunks for each process that are on their way

Item = TypeVar("Item")
Made = TypeVar("Made")


def made(
    make: Callable[[Sequence[Item]], Made],
    chunks: Iterator[list[Item]],
    workers: int,
    died: Callable[[Item], Made],
) -> Iterator[Made]:
    """What `make` gives for each chunk, in the order in which they are done.

    A file can end the process that decodes it. Then all that was on its way is made once more, one
    item at a time, and what ended a process alone becomes what `died` gives for it.

    Args:
        make: runs in the processes, so it is a function of a module, or a partial one.
        chunks: of items; they are taken as they are needed.
        workers: processes.
        died: runs here.
    """
    chunk = next(chunks, None)
    while chunk:
        suspects: list[Item] = []
        with _processes(workers) as pool:
            running: dict[Future[Made], list[Item]] = {}
            while running or (chunk and not suspects):
                while chunk and not suspects and len(running) < _AHEAD * workers:
                    try:
                        running[_submit(pool, make, chunk)] = chunk
                    except BrokenProcessPool:
                        suspects += chunk
                    chunk = next(chunks, None)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    tried = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects += tried
                    else:
                        yield future.result()
        yield from _one_by_one(make, suspects, died)


def fault_of(error: Exception, path: str = "") -> ItemFault:
    """The error as a fault of one file; nothing of a foreign error's text is shown."""
    if isinstance(error, ItemFault):
        return error
    if isinstance(error, MemoryError):
        return ItemFault("E302", path, "memory ran out", "an image that fits", "use fewer workers")
    return ItemFault("E399", path, type(error).__name__, "a result", "report it")


def _one_by_one(
    make: Callable[[Sequence[Item]], Made], items: Sequence[Item], died: Callable[[Item], Made]
) -> Iterator[Made]:
    waiting = deque(items)
    while waiting:
        with _processes(1) as pool:
            alive = True
            while waiting and alive:
                item = waiting.popleft()
                try:
                    yield _submit(pool, make, [item]).result()
                except BrokenProcessPool:
                    alive = False
                    yield died(item)


def _processes(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, _SPAWN, _begin)


def _submit(
    pool: ProcessPoolExecutor, make: Callable[[Sequence[Item]], Made], chunk: list[Item]
) -> "Future[Made]":
    with without_interrupts():  # this may start a process
        return pool.submit(make, chunk)


def _begin() -> None:
    """One process is one thread of work, and Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)


@contextmanager
def without_interrupts() -> Iterator[None]:
    """A process that is started in here never gets SIGINT; here it waits until the end.

    Blocking it is what the process inherits. It does not keep the signal from another thread of
    this process, of which libraries have some, and Python would interrupt this one then, in the
    middle of a start: so a handler keeps it too.
    """
    resource_tracker.ensure_running()  # first, since starting it unblocks the signal
    came: list[int] = []
    in_main = threading.current_thread() is threading.main_thread()  # others have no handlers
    handler = signal.getsignal(signal.SIGINT)
    if in_main:
        signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if in_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
            if came:
                signal.raise_signal(signal.SIGINT)
