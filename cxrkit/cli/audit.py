"""`cxr audit`: whether what a dataset card says is true of a copy of the archive."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import archives
from cxrkit.cards.audit import Verdict
from cxrkit.cards.audit import audit as run
from cxrkit.cards.statements import statements
from cxrkit.errors import GateFailed, InputRefused, one_line

_NOTHING = (
    "no checkable statement found: nothing was compared, which does not mean that all is true. "
    "Cards are read in English; numbers need a word for what they count."
)


def audit(
    card: Annotated[Path, typer.Argument(help="The dataset card, a Markdown file.")],
    archive: Annotated[str, typer.Argument(help=", ".join(archives.names()) + ".")],
    root: Annotated[Path, typer.Argument(help="The folder that holds the copy; only read.")],
    headers: Annotated[
        bool, typer.Option("--headers/--no-headers", help="Measure the images, for stated sizes.")
    ] = True,
    workers: Annotated[
        int, typer.Option(min=1, help="Headers read at a time.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="All verdicts as JSON on stdout.")
    ] = False,
) -> None:
    """Say of each number and checkable statement of a dataset card: true, false or unverifiable.

    Told by what is counted on the copy, then by arithmetic within the card, then by what is
    recorded about the release. Exit status 0: nothing is false; 9: something is.

    Example: cxr audit card.md shenzhen SZ-CXR
    """
    said = statements(_text(card))
    verdicts = run(said, archives.load(archive), root, headers, workers)
    print(_json(verdicts) if as_json else _table(verdicts))
    wrong = [v for v in verdicts if v.answer == "false"]
    if wrong:
        raise _refused(card, wrong, len(verdicts))


def _text(card: Path) -> str:
    """Raises: InputRefused: E202, there is no card; E201, it cannot be read."""
    try:
        return card.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        code = "E202" if isinstance(error, FileNotFoundError) else "E201"
        raise InputRefused(
            code, str(card), os.strerror(error.errno or 0), "a Markdown file",
            "give the path of the card",
        ) from error  # fmt: skip


def _refused(card: Path, wrong: Sequence[Verdict], number: int) -> GateFailed:
    few = ", ".join(f"line {v.statement.line} ({v.statement.text})" for v in wrong[:3])
    return GateFailed(
        "E903",
        str(card),
        f"{len(wrong)} of {number} statements are false: {few}{' and more' if wrong[3:] else ''}",
        "statements that hold for this archive",
        "correct these lines, or say which version or part they are about",
    )


def _table(verdicts: Sequence[Verdict]) -> str:
    """Line, verdict, statement and what was found; below, who says so and why."""
    if not verdicts:
        return _NOTHING
    lines = [f"{'line':>5}  {'verdict':12}  statement"]
    for verdict in verdicts:
        answer = verdict.answer.upper() if verdict.answer == "false" else verdict.answer
        text = one_line(verdict.statement.text)
        lines.append(f"{verdict.statement.line:>5}  {answer:12}  {text}")
        found = f"found {verdict.found}" if verdict.found else ""
        by = f"[{verdict.authority}]" if verdict.authority else ""
        told = "; ".join(part for part in (found, verdict.why) if part)
        if told or by:
            lines.append(f"{'':21}{one_line(f'{told} {by}'.strip())}")
    return "\n".join([*lines, "", _summary(verdicts)])


def _summary(verdicts: Sequence[Verdict]) -> str:
    counts = {a: sum(v.answer == a for v in verdicts) for a in ("false", "true", "unverifiable")}
    parts = ", ".join(f"{number} {answer}" for answer, number in counts.items())
    return f"{len(verdicts)} statements: {parts}"


def _json(verdicts: Sequence[Verdict]) -> str:
    rows = [
        {"line": v.statement.line, "verdict": v.answer, "statement": v.statement.text,
         "kind": v.statement.kind, "section": v.statement.section, "found": v.found, "why": v.why,
         "authority": v.authority, "values": v.statement.values, "words": v.statement.words}
        for v in verdicts
    ]  # fmt: skip
    return json.dumps({"statements": rows, "note": "" if rows else _NOTHING}, ensure_ascii=False)
