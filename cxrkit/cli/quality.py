"""`cxr quality`: which lung masks can be trusted."""

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer

from cxrkit import sources
from cxrkit.errors import ItemFault
from cxrkit.pipeline import durable, progress
from cxrkit.pipeline.progress import State
from cxrkit.pipeline.run import require_file
from cxrkit.quality import queue, survey
from cxrkit.quality.assess import VERDICTS
from cxrkit.quality.estimate import GOOD
from cxrkit.quality.survey import Fault

_SHOWN = 10  # reviews that are printed


def quality(
    source: Annotated[str, typer.Argument(help="A dataset, or ARCHIVE:ROOT with lung masks.")],
    images: Annotated[
        Path | None,
        typer.Option(help="Whole radiographs: look at the masks on disk again, on these."),
    ] = None,
    review: Annotated[
        int | None,
        typer.Option(min=0, help="How many masks a person can look at.", show_default="all"),
    ] = None,
    queue_file: Annotated[
        Path | None, typer.Option("--list", help="Write every mask, reviews first, to this CSV.")
    ] = None,
    engine: Annotated[str, typer.Option(help="onnxruntime, openvino, or auto.")] = "auto",
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="Numbers as JSON on stdout.")] = False,
) -> None:
    """Say of each lung mask how good it probably is, why, and which ones to look at first.

    The estimated Dice is what a mask drawn by a person would give; 90 % lie in its interval.

    Example: cxr quality shenzhen:SZ-CXR --review 200 --list queue.csv
    """
    read = sources.read(source)
    if queue_file is not None:
        require_file(queue_file, "--list", read.root)
    faults: list[Fault] = []
    with progress.shown() as (_, update):

        def done(number: int, of: int) -> None:
            update(State(number, of, 0, 0))

        if read.built is not None and images is None:
            items = survey.recorded(read, done)
        else:
            listed = survey.listed(read, images)
            archive = source.partition(":")[0]
            items, faults = survey.looked_at(archive, listed, engine, workers, done)
    table = queue.queue(items, review)
    if queue_file is not None:
        durable.replace(queue_file, table.write_csv().encode())
    print(json.dumps(_numbers(table, faults)) if as_json else _text(table, faults))
    for fault in faults[:5]:
        print(fault.error, file=sys.stderr)
    if faults:
        print(f"{len(faults)} masks could not be looked at", file=sys.stderr)
        raise typer.Exit(ItemFault.exit_code)


def _numbers(table: pl.DataFrame, faults: list[Fault]) -> dict[str, Any]:
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
        "faults": len(faults),
    }


def _text(table: pl.DataFrame, faults: list[Fault]) -> str:
    """The verdicts, what is expected of the accepted masks, the reasons, the first reviews."""
    found = _numbers(table, faults)
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
