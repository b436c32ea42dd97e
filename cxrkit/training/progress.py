"""How far a training run is: a bar on a terminal, a line per epoch and every half minute elsewhere.

Everything goes to stderr, so that standard output holds results alone.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from cxrkit.training.loop import Event

_SECONDS = 30.0  # between two plain lines within an epoch


@contextmanager
def shown(unit: str = "images") -> Iterator[Callable[[Event], None]]:
    """A function that shows each event on stderr; `unit` names the samples."""
    if not sys.stderr.isatty():
        yield _lines(unit)
        return
    with Progress(
        TextColumn("epoch {task.fields[epoch]}"), BarColumn(), TextColumn("{task.fields[state]}"),
        console=Console(stderr=True),
    ) as bar:  # fmt: skip
        task = bar.add_task("", total=None, epoch="", state="")

        def update(event: Event) -> None:
            done = (event.epoch - 1) * event.steps + event.step
            bar.update(
                task, total=event.epochs * event.steps, completed=done,
                epoch=f"{event.epoch}/{event.epochs}", state=_state(event, unit),
            )  # fmt: skip
            if event.row is not None:
                bar.console.print(_row(event.row))

        yield update


def _lines(unit: str) -> Callable[[Event], None]:
    last = time.monotonic()

    def update(event: Event) -> None:
        nonlocal last
        now = time.monotonic()
        if event.row is None and now - last < _SECONDS:
            return
        last = now
        where = f"epoch {event.epoch}/{event.epochs}"
        text = f"step {event.step}/{event.steps}" if event.row is None else _row(event.row)
        print(f"{where}  {text}  {_state(event, unit)}", file=sys.stderr, flush=True)

    return update


def _state(event: Event, unit: str) -> str:
    return f"loss {event.loss:.4f}  {event.rate:.1f} {unit}/s  {_duration(event.left)} left"


def _row(row: Mapping[str, float]) -> str:
    beside = ("epoch", "loss", "learning_rate", "seconds")
    return "  ".join(f"{name} {value:.4f}" for name, value in row.items() if name not in beside)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
