"""`cxr verify`: whether a copy of an archive is complete and correct."""

import csv
import io
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import archives
from cxrkit.cli import stages
from cxrkit.errors import NAMES, GateFailed
from cxrkit.pipeline import durable
from cxrkit.pipeline.run import require_file
from cxrkit.verification.report import GROUPS, NEED_IMAGES, Check, Report
from cxrkit.verification.verify import Options
from cxrkit.verification.verify import verify as run

_SUMMARY = {
    "holds": "hold", "false": "false as published", "differs": "differ", "failed": "failed",
    "unverifiable": "unverifiable",
}  # fmt: skip
_ALWAYS = ("holds", "false", "differs")  # named in the last line even where there is none


def verify(
    archive: Annotated[str, typer.Argument(help=", ".join(archives.names()) + ".")],
    root: Annotated[Path, typer.Argument(help="The folder that holds the copy; only read.")],
    tables_only: Annotated[
        bool, typer.Option("--tables-only", help="Leave the image files alone.")
    ] = False,
    skip: Annotated[
        list[str] | None,
        typer.Option(help=f"Leave out a group of checks: {', '.join(GROUPS[1:])}."),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(min=0, help="Decode so many images, chosen by hash.", show_default="all"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the sample.")] = 0,
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    bad_list: Annotated[
        Path | None, typer.Option("--list", help="Write every bad file to this CSV.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All checks as JSON on stdout.")] = False,
) -> None:
    """Compare a copy of an archive with what is published about it.

    Exit status 0: all holds, numbers known to be false apart; 9: something differs or is damaged.

    Example: cxr verify shenzhen SZ-CXR --skip claims
    """
    if bad_list is not None:
        require_file(bad_list, "--list", root)
    left_out = (*(NEED_IMAGES if tables_only else ()), *(skip or ()))
    options = Options(tuple(dict.fromkeys(left_out)), sample, seed, workers)
    with stages.shown() as update:
        report = run(archive, root, options, update)
    print(_json(report) if as_json else _text(report))
    if bad_list is not None:
        _write_list(report, bad_list)
    if not report.as_published:
        raise _refused(report, root)


def _refused(report: Report, root: Path) -> GateFailed:
    wrong = [c for c in report.checks if c.status in ("differs", "failed")]
    few = ", ".join(c.what for c in wrong[:3]) + (" and more" if wrong[3:] else "")
    return GateFailed(
        "E902",
        str(root),
        f"{len(wrong)} of {len(report.checks)} checks do not hold: {few}",
        f"a whole copy of {report.archive}",
        "see the notes above; --list FILE names every bad file",
    )


def _write_list(report: Report, path: Path) -> None:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("relpath", "code", "name", "message"))
    rows.writerows((bad.path, bad.code, NAMES[bad.code], bad.message) for bad in report.bad)
    durable.replace(path, os.fsencode(text.getvalue()))


def _json(report: Report) -> str:
    return json.dumps(
        {
            "archive": report.archive,
            "checks": [asdict(check) for check in report.checks],
            "skipped": report.skipped,
            "counts": dict(report.counts),
            "bad_files": len(report.bad),
            "exit_status": 0 if report.as_published else GateFailed.exit_code,
        }
    )


def _text(report: Report) -> str:
    """The checks as a table, what there is to say about them, and their numbers."""
    wide = max(len(check.what) for check in report.checks)
    lines = [f"{'':12}  {'':{wide}}  {'published':>9}  {'found':>9}  source"]
    group = ""
    for check in report.checks:
        lines += [check.group] if check.group != group else []
        group = check.group
        lines.append(
            f"{_word(check):12}  {check.what:{wide}}  {_number(check.claimed):>9}  "
            f"{_number(check.found):>9}  {check.source}".rstrip()
        )
    noted = [check for check in report.checks if check.note]
    lines += ["", *(_noted(check) for check in noted)] if noted else []
    if report.skipped:
        lines += ["", f"not looked at: {', '.join(report.skipped)}"]
    numbers = report.counts.items()
    said = [f"{n} {_SUMMARY[s]}" for s, n in numbers if n or s in _ALWAYS]
    return "\n".join([*lines, "", ", ".join(said)])


def _noted(check: Check) -> str:
    claimed = "" if check.claimed is None else f" {_number(check.claimed)}"
    return f"{_word(check)}: {check.what}{claimed}: {check.note}"


def _word(check: Check) -> str:
    """What counts against the copy is written large."""
    return check.status.upper() if check.status in ("differs", "failed") else check.status


def _number(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"
