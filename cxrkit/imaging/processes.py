"""Worker processes that leave Ctrl-C to their parent from their first moment.

A terminal sends it to all of them. What an initializer ignores comes too late: a process that is
still being imported would end with a traceback on the user's screen.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker


@contextmanager
def without_interrupts() -> Iterator[None]:
    """A process that is started in here never gets SIGINT; here it waits until the end."""
    resource_tracker.ensure_running()  # first, since starting it unblocks the signal
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
