"""`cxr train segmentation`: lung masks from radiographs."""

import json
from typing import Annotated, Any

import typer

from cxrkit.cli import gathered
from cxrkit.cli import train_options as option


def segmentation(
    sources: option.Sources,
    out: option.Out,
    architecture: option.Architecture = "sa-unet",
    recipe: Annotated[
        str, typer.Option(help="leak-free: patients split first; cxlseg: as published, leaking.")
    ] = "leak-free",
    masks: option.Masks = None,
    masks_convention: option.MasksConvention = "included",
    repeat: option.Repeat = [],  # noqa: B006  # typer copies it
    width: option.Width = 16,
    keep: Annotated[
        float | None, typer.Option(min=0.5, max=1, help="DropBlock's share of kept pixels.")
    ] = None,
    copies: Annotated[int, typer.Option(min=10, help="Of cxlseg: changed copies in all.")] = 15396,
    coarse_epochs: option.CoarseEpochs = 0,
    epochs: option.Epochs = None,
    batch: option.Batch = None,
    learning_rate: option.LearningRate = None,
    accumulate: option.Accumulate = 1,
    average: option.Average = None,
    patience: option.Patience = 0,
    validate: option.Validate = 0.05,
    test: option.Test = 0.15,
    seed: option.Seed = 0,
    pictures: option.Pictures = False,
    as_json: option.AsJson = False,
) -> None:
    """Train a network on lung masks, patients split first, and write a weights folder to OUT.

    Example: cxr train segmentation shenzhen:SZ-CXR v7:V7 OUT --repeat shenzhen=4
    """
    from cxrkit.training import loop, progress, segmentation_runs

    plan = segmentation_runs.plan(
        recipe,
        architecture,
        {"width": width, "keep": keep, "repeat": gathered.repeats(repeat, sources),
         "coarse_epochs": coarse_epochs},
        {"epochs": epochs, "batch": batch, "learning_rate": learning_rate, "average": average,
         "accumulate": accumulate, "patience": patience, "seed": seed},
    )  # fmt: skip
    cases, faults = gathered.cases(sources, masks, masks_convention, out)
    with progress.shown() as report:
        card: dict[str, Any] = segmentation_runs.run(
            cases, plan, out, loop.device(), report,
            segmentation_runs.Shares(validate, test, copies), pictures, faults,
        )  # fmt: skip
    if not card:
        return
    if as_json:
        print(json.dumps(card["scores"]))
        return
    print(segmentation_runs.text(card))
    print(f"report: {out / 'report.html'}")
