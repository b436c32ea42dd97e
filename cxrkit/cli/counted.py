"""How `cxr predict` begins, shows its progress and ends."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from cxrkit.cli import lists
from cxrkit.inputs import Inputs
from cxrkit.pipeline import durable, progress
from cxrkit.pipeline.progress import State
from cxrkit.pipeline.run import require_apart

SOURCE = "A radiograph, a folder of them, or ARCHIVE:ROOT (its frontal ones)."
QUARANTINE = "quarantine.csv"
COLUMNS = ("id", "relpath", "code", "message", "remedy")


def begin(inputs: Inputs, out: Path) -> None:
    """Make the folder `out`, apart from what is only read.

    Raises:
        InputRefused: E107, it lies in or around the folder of the radiographs, or cannot be.
    """
    if inputs.root is not None:
        require_apart(inputs.root.resolve(), out.resolve())
    durable.make_folder(out)


@contextmanager
def shown(inputs: Inputs) -> Iterator[Callable[[int], None]]:
    """A function that shows how many images are done: a bar on a terminal, lines elsewhere."""
    with progress.shown() as (_, update):
        yield lambda done: update(State(done, len(inputs.given), 0, 0))


def finish(inputs: Inputs, out: Path, name: str) -> None:
    """Say what was made and skipped; name the faults in quarantine.csv, and exit with 3 then."""
    bad, skipped = len(inputs.faults), inputs.skipped.total()
    typer.echo(f"{inputs.listed - bad - skipped} of {inputs.listed} images: {out / name}")
    if skipped:
        rules = ", ".join(f"{rule} {count}" for rule, count in sorted(inputs.skipped.items()))
        typer.echo(f"{skipped} skipped: {rules}")
    if not bad:
        durable.remove(out / QUARANTINE)
        return
    lists.write(out / QUARANTINE, COLUMNS, (
        (one.id, one.record.image, why.code, str(why), why.remedy) for one, why in inputs.faults
    ))  # fmt: skip
    print(f"{bad} quarantined: {out / QUARANTINE}", file=sys.stderr)
    raise typer.Exit(3)
