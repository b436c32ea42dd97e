"""`cxr predict report`: a draft report for each radiograph."""

from pathlib import Path
from typing import Annotated

import typer

from cxrkit import inputs
from cxrkit.cli import counted, lists
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given
from cxrkit.report_writing import seen, writers

COLUMNS = ("id", "report", "findings", "impression")
TABLE = "reports.csv"


def report(
    model: Annotated[Path, typer.Argument(help="A folder of `cxr train report`.")],
    source: Annotated[str, typer.Argument(metavar="INPUT", help=counted.SOURCE)],
    out: Annotated[Path, typer.Argument(help="Folder for reports.csv.")],
    beam: Annotated[
        int | None, typer.Option(help="Candidates of a decoder's search; 1: greedy.")
    ] = None,
) -> None:
    """Write a draft report for each radiograph of INPUT to a table for `cxr score reports`.

    A draft may be false: no radiologist has read it.

    Example: cxr predict report REPORTER MY_IMAGES OUT
    """
    writer = writers.load(model, beam)
    see = seen.looking(writer.classifier)
    given = inputs.listed(source)
    counted.begin(given, out)

    def written(one: Given, picture: Radiograph) -> tuple[str, ...]:
        draft = writer.write(see(picture.pixels))
        return one.id, draft.text, *draft.sections

    with counted.shown(given) as progress, lists.table(out / TABLE, COLUMNS) as put:
        for _, row in inputs.each(given, written, progress):
            put(row)
    counted.finish(given, out, TABLE)
