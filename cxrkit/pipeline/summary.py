"""What a run of `cxr build` or `cxr convert` came to, and how it is told."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cxrkit.errors import NAMES


@dataclass(frozen=True)
class Summary:
    """What became of every record: inputs = done + all of quarantined + all of skipped.

    `status` is the work's word for success ("built"), "already-built" or "interrupted"; an
    interrupted run counts what is done.
    """

    status: str
    out: Path
    inputs: int
    done: int
    quarantined: Mapping[str, int]  # by code
    skipped: Mapping[str, int]  # by rule
    exit_code: int


def as_json(summary: Summary, outcome: str) -> str:
    """One JSON object; the number of what is done is under the work's word for it."""
    facts = asdict(summary) | {"out": str(summary.out)}
    return json.dumps({outcome if k == "done" else k: value for k, value in facts.items()})


def as_text(summary: Summary, outcome: str, into: str, where: str) -> str:
    """The counts, one to a line, and where to look.

    Args:
        summary: of the run.
        outcome: the work's word for success, "built".
        into: the same before the name of the folder, "converted into".
        where: a line that says what is in the folder.
    """
    heading = {
        outcome: into.capitalize(),
        f"already-{outcome}": f"Nothing to do: already {into}",
        "interrupted": "Interrupted; run the same command again to go on with",
    }[summary.status]
    lines = [f"{heading} {summary.out}", f"{summary.inputs:>9} images listed"]
    lines.append(f"{summary.done:>9} {outcome}")
    lines += [f"{n:>9} skipped: {rule}" for rule, n in summary.skipped.items()]
    lines += [f"{n:>9} quarantined: {c} {NAMES[c]}" for c, n in summary.quarantined.items()]
    if summary.status != "interrupted":
        lines.append(where)
    if summary.quarantined and summary.status != "interrupted":
        lines.append("quarantine.csv says what is wrong with each unusable file and what to do.")
    return "\n".join(lines)
