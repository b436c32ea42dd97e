"""Worker processes that leave Ctrl-C to their parent from their first moment.

A terminal sends it to all of them. What an initializer ignores comes too late: a process that is
still being imported would end with a traceback on the user's screen.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


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
