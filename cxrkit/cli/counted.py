"""How `cxr predict` shows its progress and ends."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cxrkit import inputs
from cxrkit.pipeline import progress
from cxrkit.pipeline.progress import State

SOURCE = "A radiograph, a folder of them, or ARCHIVE:ROOT."


@contextmanager
def shown(images: int) -> Iterator[Callable[[int], None]]:
    """A function that shows how many images are done: a bar on a terminal, lines elsewhere."""
    with progress.shown() as (_, update):
        yield lambda done: update(State(done, images, 0, 0))


def finish(images: int, out: Path, table: str) -> None:
    """Say what was made; exit with 3 where an image was quarantined."""
    bad = inputs.quarantined(out)
    typer.echo(f"{images - bad} of {images} images: {out / table}")
    if bad:
        print(f"{bad} quarantined: {out / inputs.QUARANTINE}", file=sys.stderr)
        raise typer.Exit(3)
