"""The `cxr` command. Each command lives in its own file: parse, call, print.

Only the command that was asked for is imported: listing an archive should not wait for a network.
"""

import errno
import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from cxrkit import outputs
from cxrkit.errors import CxrkitError

COMMANDS = (
    "archives", "audit", "build", "card", "convert", "demo", "duplicates", "label", "leakage",
    "phantom", "quality", "records", "report", "sections", "split", "verify",
)  # fmt: skip
GROUPS = ("compare", "predict", "score", "train")  # commands with commands of their own


def application(names: Iterable[str] = (*COMMANDS, *GROUPS)) -> typer.Typer:
    """The command line with these commands, each the function or group of its file's name."""
    app = typer.Typer(
        name="cxr",
        help="Chest X-ray archives into verified, lung-segmented, documented datasets.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        add_completion=False,
    )
    # Without a callback, an application of one command would take no command's name.
    app.callback()(lambda: None)
    for name in names:
        module: Any = importlib.import_module(f"{__name__}.{name}")
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command()(getattr(module, name))
    return app


def main() -> None:
    """Run the command; a failure of ours is one line on stderr and its exit status."""
    asked = [name for name in sys.argv[1:2] if name in (*COMMANDS, *GROUPS)]
    try:
        with _printing():
            application(asked or (*COMMANDS, *GROUPS))()
    except CxrkitError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # while a command is imported; in a command typer does the same
        sys.exit(130)


@contextmanager
def _printing() -> Iterator[None]:
    """A disk that is too full for what is printed on it ends as one that a file does not fit on."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OSError as error:
        if error.errno not in (*outputs.FULL, errno.EPIPE):
            raise
        # Python writes what is left at its end, and would fail there again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if error.errno == errno.EPIPE:  # who read it has read enough; typer ends so too
            sys.exit(1)
        raise outputs.failure(Path(error.filename or "standard output"), error) from error
