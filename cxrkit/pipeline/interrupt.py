"""Whether somebody asked the run to end: Ctrl-C, a terminal that closed, a scheduler's signal.

A signal only sets a mark, which the run looks at between two steps; so it never stops in the
middle of one, and what is committed stays.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def watched() -> Iterator[Callable[[], int]]:
    """A function that gives 0, or the exit status once a signal came: 130, or 143 for the others.

    Outside the main thread, where Python delivers no signal, it always gives 0.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: 0
        return
    status = 0

    def mark(number: int, _: FrameType | None) -> None:
        nonlocal status
        status = status or (130 if number == signal.SIGINT else 143)

    before = {number: signal.signal(number, mark) for number in SIGNALS}
    try:
        yield lambda: status
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
