"""How far a build is: a bar on a terminal, a line every ten seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

_SECONDS = 10.0  # between two plain lines


@dataclass(frozen=True)
class State:
    """Images done, of how many, how many of them before this run, and how many quarantined."""

    done: int
    images: int
    before: int
    quarantined: int


@contextmanager
def shown() -> Iterator[tuple[Callable[[str], None], Callable[[State], None]]]:
    """Two functions that write to stderr: a line of text, and the state."""
    if not sys.stderr.isatty():
        yield _plain, _lines()
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    ) as bar:
        task, began = bar.add_task("images", total=None, rate=""), time.monotonic()

        def update(state: State) -> None:
            rate = _rate(state, began)
            bar.update(
                task,
                total=state.images,
                completed=state.done,
                rate=f"{rate:.1f}/s  {state.quarantined} quarantined",
            )

        yield bar.console.print, update


def _plain(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _lines() -> Callable[[State], None]:
    began = last = time.monotonic()

    def update(state: State) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _SECONDS:
            return
        last, rate = now, _rate(state, began)
        left = f"{(state.images - state.done) / rate:,.0f} s left" if rate else "waiting"
        _plain(
            f"{state.done} of {state.images} images, {rate:.1f}/s, {left}, "
            f"{state.quarantined} quarantined"
        )

    return update


def _rate(state: State, began: float) -> float:
    """Images per second of this run."""
    seconds = time.monotonic() - began
    return (state.done - state.before) / seconds if seconds > 0 else 0.0
