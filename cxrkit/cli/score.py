"""`cxr score`: how good written reports are."""

import json
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.errors import InputRefused
from cxrkit.labelling import scores, texts

app = typer.Typer(help="Score what a model wrote.", no_args_is_help=True)


@app.command()
def reports(
    written: Annotated[Path, typer.Argument(help="A CSV of the reports that were written.")],
    references: Annotated[Path, typer.Argument(help="A CSV of the reports of radiologists.")],
    id_column: Annotated[str, typer.Option(help="Of both CSVs.")] = "id",
    report_column: Annotated[str, typer.Option(help="Of both CSVs.")] = "report",
    encoding: Annotated[str, typer.Option(help="Of both CSVs.")] = "utf-8",
    as_json: Annotated[bool, typer.Option("--json", help="All figures as JSON.")] = False,
) -> None:
    """Score reports against references: BLEU, ROUGE-L, CIDEr-D, METEOR-lite and label F1.

    Beside them stand the scores of one constant normal report for every study: wording alone says
    little. Studies are matched by id; a study without a written report is refused.

    Example: cxr score reports written.csv reports.csv
    """
    mine, truth = (
        _texts(path, id_column, report_column, encoding) for path in (written, references)
    )
    missing, more = truth.keys() - mine.keys(), mine.keys() - truth.keys()
    if missing or more:
        remedies = ["write the missing ones as ''"] * bool(missing)
        remedies += ["leave out those without a reference, or add it"] * bool(more)
        raise InputRefused(
            "E103", written.name,
            f"{len(missing)} studies without a written report, {len(more)} that have no reference",
            "one report for each reference", "; ".join(remedies),
        )  # fmt: skip
    ids = sorted(truth)
    found = scores.score([mine[i] for i in ids], [truth[i] for i in ids])
    constant, floor = scores.floor([truth[i] for i in ids])
    if as_json:
        print(json.dumps({
            "studies": len(ids), "written": scores.as_dict(found),
            "constant": scores.as_dict(floor), "constant_words": len(constant.split()),
        }))  # fmt: skip
        return
    print(f"{len(ids)} studies")
    print(scores.table({"written": found, "constant report": floor}))


def _texts(path: Path, id_column: str, report_column: str, encoding: str) -> dict[str, str]:
    out: dict[str, str] = {}
    for text in texts.read(str(path), id_column, report_column, encoding):
        if text.fault is not None:
            raise InputRefused(
                text.fault.code, f"{path.name}, {text.fault.path}", text.fault.observed,
                text.fault.expected, text.fault.remedy,
            )  # fmt: skip
        out[text.id] = text.text
    if not out:
        raise InputRefused("E103", path.name, "no report in it", "a row per report", "check it")
    return out
