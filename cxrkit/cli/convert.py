"""`cxr convert`: an archive's images in another format."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import archives, conversion
from cxrkit.conversion.convert import Options, Summary, convert_archive
from cxrkit.errors import NAMES
from cxrkit.pipeline import progress


def convert(
    archive: Annotated[str, typer.Argument(help=", ".join(archives.names()) + ".")],
    root: Annotated[Path, typer.Argument(help="The folder that holds it; never written to.")],
    out: Annotated[Path, typer.Argument(help="The result: new, empty, or begun before.")],
    recipe: Annotated[str, typer.Option(help=", ".join(conversion.names()) + ".")],
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    max_quarantine: Annotated[
        str,
        typer.Option(
            help="Stop past so many unusable files: 200, or 2%.",
            show_default="past 5% and 50 files",
        ),
    ] = "",
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Convert every image of an archive by a recipe.

    Stopped or killed at any time, the same command goes on where it was and ends in the same
    bytes. Exit status 0: all converted; 3: converted, with unusable files in quarantine.csv.

    Example: cxr convert shenzhen SZ-CXR shenzhen-jpeg --recipe jpeg
    """
    options = Options(recipe, workers, max_quarantine)
    with progress.shown() as (say, update):
        summary = convert_archive(archive, root, out, options, say, update)
    print(_json(summary) if as_json else _text(summary))
    raise typer.Exit(summary.exit_code)


def _json(summary: Summary) -> str:
    return json.dumps(asdict(summary) | {"out": str(summary.out)})


def _text(summary: Summary) -> str:
    """The counts, one to a line, and where to look."""
    heading = {
        "converted": "Converted into",
        "already-converted": "Nothing to do: already converted into",
        "interrupted": "Interrupted; run the same command again to go on with",
    }[summary.status]
    lines = [f"{heading} {summary.out}", f"{summary.inputs:>9} images listed"]
    lines.append(f"{summary.converted:>9} converted")
    lines += [f"{n:>9} skipped: {rule}" for rule, n in summary.skipped.items()]
    lines += [f"{n:>9} quarantined: {c} {NAMES[c]}" for c, n in summary.quarantined.items()]
    if summary.status != "interrupted":
        lines.append("One row per image in conversion.csv.")
    if summary.quarantined and summary.status != "interrupted":
        lines.append("quarantine.csv says what is wrong with each unusable file and what to do.")
    return "\n".join(lines)
