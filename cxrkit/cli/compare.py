"""`cxr compare`: networks, archives and recipes side by side, with intervals."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cxrkit.cli import gathered
from cxrkit.cli import train_options as option
from cxrkit.pipeline import durable

WHAT = ("networks", "archives", "recipes")
COLUMNS = {
    "networks": {
        "network": "network", "parameters": "parameters", "archive": "archive",
        "convention": "mask_convention", "images": "images", "Dice": "dice", "IoU": "iou",
        "recall": "recall", "precision": "precision", "HD95 px": "hausdorff95_pixels",
        "ASSD px": "surface_distance_pixels", "right lung": "dice_right", "left lung": "dice_left",
        "ms, float32": "milliseconds_float32", "ms, int8": "milliseconds_int8",
    },
    "archives": {
        "trained on": "trained", "tested on": "tested", "convention": "mask_convention",
        "images": "images", "Dice": "dice",
    },
    "recipes": {
        "recipe": "recipe", "archive": "archive", "images": "images", "Dice": "dice", "IoU": "iou",
    },
}  # fmt: skip

app = typer.Typer(help="Compare what was trained on one split.", no_args_is_help=True)
app.callback()(lambda: None)


@app.command()
def segmentation(
    sources: option.Sources,
    out: Annotated[Path, typer.Argument(help="A folder of runs; give it again to resume.")],
    what: Annotated[
        str, typer.Option(help="networks: the four; archives: each on each; recipes: the leak.")
    ] = "networks",
    architecture: Annotated[
        str, typer.Option(help="Of archives and recipes: sa-unet, unet, unet++ or attention-unet.")
    ] = "sa-unet",
    masks: option.Masks = None,
    masks_convention: option.MasksConvention = "included",
    repeat: option.Repeat = [],  # noqa: B006  # typer copies it
    width: option.Width = 16,
    copies: Annotated[int, typer.Option(min=10, help="Of the published recipe.")] = 15396,
    coarse_epochs: option.CoarseEpochs = 0,
    epochs: option.Epochs = None,
    batch: option.Batch = None,
    learning_rate: option.LearningRate = None,
    validate: option.Validate = 0.05,
    test: option.Test = 0.15,
    seed: option.Seed = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Train what is compared on the same leak-free split and print the table with intervals.

    Example: cxr compare segmentation shenzhen:SZ-CXR v7:V7 OUT --what networks
    """
    from cxrkit.training import comparison, loop, progress, segmentation_runs

    gathered.require_one_of("--what", what, WHAT)
    compared = {
        "networks": comparison.networks,
        "archives": comparison.archives_grid,
        "recipes": comparison.recipes,
    }[what]
    plan = segmentation_runs.plan(
        "leak-free", architecture,
        {"width": width, "repeat": gathered.repeats(repeat, sources),
         "coarse_epochs": coarse_epochs},
        {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "seed": seed},
    )  # fmt: skip
    cases, _ = gathered.cases(sources, masks, masks_convention, out)
    shares = segmentation_runs.Shares(validate, test, copies)
    with progress.shown() as report:
        rows = compared(cases, plan, out, loop.device(), report, shares)
    table = comparison.markdown(rows, COLUMNS[what])
    _write(out, what, rows, table)
    print(json.dumps(rows) if as_json else table)


def _write(out: Path, what: str, rows: Sequence[Mapping[str, Any]], table: str) -> None:
    durable.replace(out / f"{what}.json", f"{json.dumps(rows, indent=1)}\n".encode())
    durable.replace(out / f"{what}.md", f"{table}\n".encode())
