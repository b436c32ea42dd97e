"""`cxr sections`: reports cut into their sections, one row per report."""

import csv
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer

from cxrkit.labelling import texts
from cxrkit.pipeline import durable
from cxrkit.reports import sections as cut

Style = Literal["mimic", "tolerant"]
Row = tuple[str, ...]


def sections(
    reports: Annotated[
        str, typer.Argument(help="A CSV, a folder of .txt or .xml files, or ARCHIVE:ROOT.")
    ],
    out: Annotated[Path, typer.Argument(help="The CSV to write.")],
    style: Annotated[
        Style,
        typer.Option(
            help="mimic: the procedure and columns of mimic_cxr_sectioned.csv; tolerant: reports "
            "of any hospital, with the places of each section."
        ),
    ] = "mimic",
    id_column: Annotated[str, typer.Option(help="Of the CSV.")] = "id",
    report_column: Annotated[str, typer.Option(help="Of the CSV.")] = "report",
    encoding: Annotated[str, typer.Option(help="Of the CSV or the text files.")] = "utf-8",
) -> None:
    """Write impression, findings, last paragraph and comparison of every report.

    With --style tolerant there is one row per section: id, section, start, end, text. A report
    that cannot be read is named on stderr; exit status 3.

    Example: cxr sections reports.csv mimic_cxr_sectioned.csv
    """
    texts.require_outputs(reports, (out, "OUT"))
    header, rows = _STYLES[style]
    bad = 0
    read = texts.read(reports, id_column, report_column, encoding)
    with (
        durable.replacing(out) as scratch,
        scratch.open("w", newline="", encoding="utf-8") as file,
    ):
        table = csv.writer(file, lineterminator="\n")
        table.writerow(header)
        for text in read:
            if text.fault is not None:
                bad += 1
                print(text.fault, file=sys.stderr)
                continue
            table.writerows(rows(text))
    print(f"sections of the reports in {out}")
    raise typer.Exit(3 if bad else 0)


def _mimic(text: texts.Text) -> Iterator[Row]:
    row = cut.mimic_sectioned(text.id, text.text)
    if row is not None:
        yield row


def _tolerant(text: texts.Text) -> Iterator[Row]:
    for s in cut.tolerant(text.text):
        yield text.id, s.name, str(s.start), str(s.end), text.text[s.start : s.end].strip()


_STYLES: dict[Style, tuple[Row, Callable[[texts.Text], Iterator[Row]]]] = {
    "mimic": (cut.SECTIONED, _mimic),
    "tolerant": (("id", "section", "start", "end", "text"), _tolerant),
}
