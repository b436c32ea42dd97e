"""`cxr quality`: which lung masks can be trusted."""

import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from cxrkit import sources
from cxrkit.cli import lists
from cxrkit.errors import ItemFault
from cxrkit.pipeline import durable, progress
from cxrkit.pipeline.progress import State
from cxrkit.quality import queue, survey
from cxrkit.quality.assess import VERDICTS
from cxrkit.quality.estimate import GOOD
from cxrkit.quality.unread import Unread

_SHOWN = 10  # reviews that are printed
_NAMED = 5  # masks that could not be looked at that are printed


def quality(
    source: Annotated[str, typer.Argument(help="A dataset, or ARCHIVE:ROOT with lung masks.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Whole radiographs: look at the masks on disk again, on these."),
    ] = None,
    review: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="How many masks a person can look at: those that gain most.",
            show_default="all whose verdict asks for it",
        ),
    ] = None,
    queue_file: Annotated[
        Path | None,
        typer.Option(
            "--list",
            help="Write every mask, reviews first, to this CSV, and those that could not be looked "
            "at beside it in *.quarantine.csv.",
        ),
    ] = None,
    engine: Annotated[str, typer.Option(help="onnxruntime, openvino, or auto.")] = "auto",
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Numbers as JSON on stdout.")] = False,
) -> None:
    """Say of each lung mask how good it probably is, why, and which ones to look at first.

    The estimated Dice is what a mask drawn by a person would give; 90 % lie in its interval. Exit
    status 3: masks could not be looked at; the first are printed, --list and --json name all.

    Example: cxr quality shenzhen:SZ-CXR --review 200 --list queue.csv
    """
    read = sources.read(source)
    if queue_file is not None:
        lists.require(queue_file, "--list", read.root, *([] if images is None else [images]))
    with progress.shown() as (_, update):

        def done(number: int, of: int) -> None:
            update(State(number, of, 0, 0))

        if read.built is not None and images is None:
            items, unread = survey.recorded(read, done)
        else:
            listed, corrupt = survey.listed(read, images)
            items, unread = survey.looked_at(read.name, listed, engine, workers, done)
            unread = [*corrupt, *unread]
    table = queue.queue(items, review)
    where = "--list FILE and --json name all"
    if queue_file is not None:
        durable.replace(queue_file, table.write_csv().encode())
        where = str(lists.write_unread(queue_file, unread))
    print(json.dumps(_json(table, unread)) if as_json else _text(table))
    if unread:
        _name(unread, where)
        raise typer.Exit(ItemFault.exit_code)


def _name(unread: Sequence[Unread], where: str) -> None:
    for one in unread[:_NAMED]:
        print(one.message, file=sys.stderr)
    more = f" ({len(unread) - _NAMED} more than these)" * (len(unread) > _NAMED)
    print(f"{len(unread)} masks could not be looked at{more}: {where}", file=sys.stderr)


def _json(table: pl.DataFrame, unread: Sequence[Unread]) -> dict[str, Any]:
    return {**_numbers(table), "faults": len(unread), "unread": [asdict(one) for one in unread]}


def _numbers(table: pl.DataFrame) -> dict[str, Any]:
    """What the queue holds, by its names."""
    flags = Counter(name for names in table["flags"] for name in names.split())
    accepted = table.filter(pl.col("verdict") == "accept")
    return {
        "masks": table.height,
        **{verdict: table.filter(pl.col("verdict") == verdict).height for verdict in VERDICTS},
        "beyond_budget": int(table["beyond_budget"].sum()),
        "without_estimate": table["estimated_dice"].null_count(),
        "estimated_dice": table["estimated_dice"].mean(),
        "estimated_dice_of_accepted": accepted["estimated_dice"].mean(),
        "expected_below_good_of_accepted": accepted["risk"].sum(),
        "flags": dict(sorted(flags.items())),
    }


def _text(table: pl.DataFrame) -> str:
    """The verdicts, what is expected of the accepted masks, the reasons, the first reviews."""
    found = _numbers(table)
    lines = [f"{found[verdict]:>9} {verdict}" for verdict in VERDICTS]
    if found["beyond_budget"]:
        lines.append(f"{found['beyond_budget']:>9} of the accepted need a review too: --review")
    if found["without_estimate"]:
        lines.append(f"{found['without_estimate']:>9} without an estimate: another network's masks")
    mean, risk = found["estimated_dice_of_accepted"], found["expected_below_good_of_accepted"]
    if mean is not None:
        lines.append(
            f"accepted: estimated mean Dice {mean:.3f}, about {risk:.0f} of them below {GOOD}"
        )
    lines += [f"{number:>9} {name}" for name, number in found["flags"].items()]
    first = table.filter(pl.col("verdict") == "review").head(_SHOWN)
    lines += [f"{image}: {said}" for image, said in first.select("image", "reasons").iter_rows()]
    return "\n".join(lines)
