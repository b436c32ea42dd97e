"""Worker processes: many items worked on at once, and Ctrl-C left to the parent.

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

_SPAWN = multiprocessing.get_context("spawn")  # threads of OpenCV do not survive a fork
_AHEAD = 4  # chunks for each process that are on their way

Item = TypeVar("Item")
Found = TypeVar("Found")


def each(
    work: Callable[[list[Item]], Found],
    chunks: Iterator[list[Item]],
    died: Callable[[Item], Found],
    workers: int,
) -> Iterator[Found]:
    """What `work` finds in each chunk, in the order in which they are done.

    A file can end the process that reads it. Then all that was on its way is worked on once more,
    one item at a time, so that the item is known.

    Args:
        work: a function that can be pickled, and raises for no single item.
        chunks: items to be worked on together.
        died: what is found of an item that ended its process.
        workers: processes.
    """
    chunk = next(chunks, None)
    while chunk:
        suspects: list[Item] = []
        with _pool(workers) as pool:
            running: dict[Future[Found], list[Item]] = {}
            while running or (chunk and not suspects):
                while chunk and not suspects and len(running) < _AHEAD * workers:
                    try:
                        running[_submit(pool, work, chunk)] = chunk
                    except BrokenProcessPool:
                        suspects += chunk
                    chunk = next(chunks, None)
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    tried = running.pop(future)
                    if isinstance(future.exception(), BrokenProcessPool):
                        suspects += tried
                    else:
                        yield future.result()
        yield from _one_by_one(work, suspects, died)


def _one_by_one(
    work: Callable[[list[Item]], Found], items: Sequence[Item], died: Callable[[Item], Found]
) -> Iterator[Found]:
    waiting = deque(items)
    while waiting:
        with _pool(1) as pool:
            alive = True
            while waiting and alive:
                item = waiting.popleft()
                try:
                    yield _submit(pool, work, [item]).result()
                except BrokenProcessPool:
                    alive = False
                    yield died(item)


def _pool(count: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(count, _SPAWN, _begin)


def _submit(
    pool: ProcessPoolExecutor, work: Callable[[list[Item]], Found], chunk: list[Item]
) -> "Future[Found]":
    with without_interrupts():  # this may start a process
        return pool.submit(work, chunk)


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
