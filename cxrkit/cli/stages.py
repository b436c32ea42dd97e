"""How far a command of several stages is, such as reading and then matching images."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Update = Callable[[str, int, int], None]  # the stage, images done, and how many
_SECONDS = 10.0  # between two plain lines


@contextmanager
def shown() -> Iterator[Update]:
    """A function that shows on stderr how far it is: a bar on a terminal, else lines."""
    if not sys.stderr.isatty():
        yield lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description:>10}"), BarColumn(), MofNCompleteColumn())
    rate = TextColumn("{task.fields[rate]}")
    with Progress(*columns, rate, Remaining(), console=Console(stderr=True)) as bar:
        tasks = {}
        began = {}

        def update(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what], began[what] = bar.add_task(what, rate=""), time.monotonic()
            pace = done / max(time.monotonic() - began[what], 1e-3)
            bar.update(tasks[what], total=total, completed=done, rate=f"{pace:,.0f}/s")

        yield update


def lines() -> Update:
    """The function that prints lines."""
    last = time.monotonic()
    began: dict[str, float] = {}

    def update(what: str, done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        start = began.setdefault(what, now)
        if now - last < _SECONDS or now == start:
            return
        last, pace = now, done / (now - start)
        left = f"{(total - done) / pace:,.0f} s left" if pace else "waiting"
        print(f"{what}: {done} of {total}, {pace:,.1f}/s, {left}", file=sys.stderr, flush=True)

    return update
