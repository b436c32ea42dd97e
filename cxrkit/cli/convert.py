"""`cxr convert`: an archive's images in another format."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import archives, conversion
from cxrkit.conversion.convert import Options, convert_archive
from cxrkit.pipeline import progress, summary

_WHERE = "One row per image in conversion.csv."


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
        ended = convert_archive(archive, root, out, options, say, update)
    told = (
        summary.as_json(ended, "converted")
        if as_json
        else summary.as_text(ended, "converted", "converted into", _WHERE)
    )
    print(told)
    raise typer.Exit(ended.exit_code)
