"""`cxr train segmentation`: lung masks from radiographs."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from cxrkit.cli import gathered

Sources = Annotated[list[str], typer.Argument(help="ARCHIVE:ROOT, once or more.")]
Masks = Annotated[Path | None, typer.Option(help="Masks (255 lung, 127 ignore) by file stem.")]
Convention = Annotated[str, typer.Option(help="The convention of --masks.")]
Repeat = Annotated[list[str], typer.Option(help="ARCHIVE=N: draw its images N times an epoch.")]


def segmentation(
    sources: Sources,
    out: Annotated[Path, typer.Argument(help="The run's folder; give it again to resume.")],
    architecture: Annotated[
        str, typer.Option(help="sa-unet, unet, unet++ or attention-unet.")
    ] = "sa-unet",
    recipe: Annotated[
        str, typer.Option(help="leak-free: patients split first; cxlseg: as published, leaking.")
    ] = "leak-free",
    masks: Masks = None,
    masks_convention: Convention = "included",
    repeat: Repeat = [],  # noqa: B006  # typer copies it
    width: Annotated[int, typer.Option(min=2, help="Channels of the first level.")] = 16,
    keep: Annotated[
        float | None, typer.Option(min=0.5, max=1, help="DropBlock's share of kept pixels.")
    ] = None,
    copies: Annotated[int, typer.Option(min=10, help="Of cxlseg: changed copies in all.")] = 15396,
    coarse_epochs: Annotated[
        int, typer.Option(min=0, help="First epochs at 160 x 160, at half the cost.")
    ] = 0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Images per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest of the schedule.")] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Parts of a batch, one by one.")] = 1,
    average: Annotated[
        float | None, typer.Option(min=0, max=0.9999, help="Decay of averaged weights; 0: none.")
    ] = None,
    patience: Annotated[
        int, typer.Option(min=0, help="Epochs without a better Dice before it stops; 0: never.")
    ] = 0,
    validate: Annotated[float, typer.Option(min=0, max=0.5, help="Share to validate on.")] = 0.05,
    test: Annotated[float, typer.Option(min=0, max=0.5, help="Share to test on.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Of split, order, weights and changes.")] = 0,
    pictures: Annotated[
        bool, typer.Option(help="Show restricted radiographs in report.html too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Train a network on lung masks, patients split first, and write a weights folder to OUT.

    Example: cxr train segmentation shenzhen:SZ-CXR v7:V7 OUT --repeat shenzhen=4
    """
    from cxrkit.training import loop, progress, segmentation_runs

    plan = segmentation_runs.plan(
        recipe,
        architecture,
        {"width": width, "keep": keep, "repeat": gathered.repeats(repeat),
         "coarse_epochs": coarse_epochs},
        {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "average": average,
         "accumulate": accumulate, "patience": patience, "seed": seed},
    )  # fmt: skip
    cases = gathered.cases(sources, masks, masks_convention)
    with progress.shown() as report:
        card: dict[str, Any] = segmentation_runs.run(
            cases, plan, out, loop.device(), report,
            segmentation_runs.Shares(validate, test, copies), pictures,
        )  # fmt: skip
    if not card:
        return
    if as_json:
        print(json.dumps(card["scores"]))
        return
    print(segmentation_runs.text(card))
    print(f"report: {out / 'report.html'}")
