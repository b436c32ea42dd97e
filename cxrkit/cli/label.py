"""`cxr label`: reports in, labels out, with the evidence where it is asked for."""

import contextlib
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from cxrkit.errors import InputRefused
from cxrkit.labelling import comparison, evidence, run, texts
from cxrkit.labelling.run import Options, Part, Summary
from cxrkit.pipeline import durable, quarantine
from cxrkit.reports.labeler import Mode, Vocabulary

_SHOWN = 500  # reports on the page of evidence: more make a page that no browser scrolls


def label(
    reports: Annotated[
        str,
        typer.Argument(
            help="A CSV, a folder of .txt or Open-i .xml files, or ARCHIVE:ROOT; with --compare "
            "the first table."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The CSV to write; with --compare the second table.")],
    mode: Annotated[Mode, typer.Option(help="strict, chexpert or negbio.")] = "strict",
    vocabulary: Annotated[
        Vocabulary, typer.Option(help="chexpert, chestx-ray14 or all.")
    ] = "chexpert",
    part: Annotated[
        Part,
        typer.Option(
            help="What is labelled: findings-impression, mimic (the section that MIMIC-CXR's "
            "labels were read from) or whole."
        ),
    ] = "findings-impression",
    explain: Annotated[
        Path | None, typer.Option(help="Also write every mention here: FILE.csv or FILE.html.")
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare two tables of labels instead.")
    ] = False,
    id_column: Annotated[str, typer.Option(help="Of the CSV.")] = "id",
    report_column: Annotated[str, typer.Option(help="Of the CSV.")] = "report",
    encoding: Annotated[str, typer.Option(help="Of the CSV or the text files.")] = "utf-8",
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Label radiology reports: 1 present, 0 absent, -1 uncertain, blank not mentioned.

    Everything runs on this machine, without Java, downloads or a network. Reports that cannot be
    read are listed beside OUT in *.quarantine.csv; exit status 3.

    Example: cxr label reports.csv labels.csv --mode chexpert
    """
    if compare:
        _print_comparison(Path(reports), out, id_column, as_json)
        return
    if explain is not None and explain.suffix not in (".csv", ".html"):
        raise InputRefused("E107", "--explain", "another suffix", ".csv or .html", "name it so")
    explained = [(explain, "--explain")] if explain is not None else []
    texts.require_outputs(reports, (out, "OUT"), (quarantine.beside(out), "OUT"), *explained)
    options = Options(mode, vocabulary, part, workers)

    def read() -> Iterator[texts.Text]:
        return texts.read(reports, id_column, report_column, encoding)

    with _progress() as progress:
        summary = run.label(read(), out, options, progress)
    if explain is not None:
        _explain(read(), explain, options)
    print(_json(summary) if as_json else _text(summary))
    raise typer.Exit(3 if summary.quarantined else 0)


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[int], None]]:
    """Reports done and the rate: a bar on a terminal, a line per 100,000 elsewhere."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:>9,.0f} reports"), TimeElapsedColumn(),
               TextColumn("{task.speed:,.0f}/s"))  # fmt: skip
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("reports", total=None)
        said = 0

        def show(done: int) -> None:
            nonlocal said
            bar.update(task, completed=done)
            if not console.is_terminal and done // 100_000 > said:
                said = done // 100_000
                print(f"{done:,} reports", file=sys.stderr, flush=True)

        yield show


def _explain(reports: Iterator[texts.Text], path: Path, options: Options) -> None:
    sound = (text for text in reports if text.fault is None)
    with (
        durable.replacing(path) as scratch,
        scratch.open("w", encoding="utf-8", newline="") as file,
    ):
        if path.suffix == ".csv":
            file.write(evidence.csv_line(evidence.COLUMNS))
            for row in evidence.rows(sound, options):
                file.write(evidence.csv_line(row))
            return
        file.write(evidence.HEAD)
        for text in itertools.islice(sound, _SHOWN):
            file.write(evidence.article(text, options))
        if next(sound, None) is not None:
            file.write(f"<p>Only the first {_SHOWN} reports are shown; a CSV holds all.</p>\n")
        file.write(evidence.TAIL)


def _json(summary: Summary) -> str:
    return json.dumps(asdict(summary) | {"out": str(summary.out)})


def _text(summary: Summary) -> str:
    lines = [f"{summary.labelled:>9} reports labelled in {summary.out}"]
    if summary.blank:
        lines.append(f"{summary.blank:>9} without any label")
    if summary.quarantined:
        lines.append(f"{summary.quarantined:>9} quarantined: see *.quarantine.csv beside it")
    return "\n".join(lines)


def _print_comparison(first: Path, second: Path, id_column: str, as_json: bool) -> None:
    found = comparison.compare(first, second, id_column)
    if as_json:
        counts = {
            name: [[*pair, number] for pair, number in sorted(by_pair.items())]
            for name, by_pair in found.counts.items()
        }
        print(json.dumps({
            "reports": found.reports, "only_first": found.only_first,
            "only_second": found.only_second, "counts": counts,
            "disagreements": found.disagreements.rows(),
        }))  # fmt: skip
        return
    print(f"{found.reports} reports in both, {found.only_first} only in the first, "
          f"{found.only_second} only in the second")  # fmt: skip
    for name, by_pair in found.counts.items():
        apart = {pair: n for pair, n in by_pair.items() if pair[0] != pair[1]}
        detail = ", ".join(
            f"{comparison.WORDS.get(a, a)}/{comparison.WORDS.get(b, b)} {n}"
            for (a, b), n in sorted(apart.items(), key=lambda item: -item[1])
        )
        print(f"{name:28} {sum(apart.values()):>8} differ  {detail}")
    for row in found.disagreements.head(20).iter_rows():
        print("  " + "  ".join(str(cell) or "blank" for cell in row))
    if found.disagreements.height > 20:
        print(f"  and {found.disagreements.height - 20} more: --json lists all")
