"""`cxr train finding`: masks of a pneumothorax from radiographs."""

import json
from dataclasses import replace
from typing import Annotated

import typer

from cxrkit.cli import gathered
from cxrkit.cli import train_options as option


def finding(
    sources: option.Sources,
    out: option.Out,
    architecture: option.Architecture = "sa-unet",
    size: Annotated[
        int, typer.Option(help="Pixels of both sides: a multiple of 16 from 64 to 1024.")
    ] = 224,
    positive_share: Annotated[
        float, typer.Option(min=0.1, max=0.9, help="Share of draws that have the finding.")
    ] = 0.5,
    width: option.Width = 16,
    keep: Annotated[
        float, typer.Option(min=0.5, max=1, help="Share of values kept while it learns.")
    ] = 1.0,
    epochs: option.Epochs = None,
    batch: option.Batch = None,
    learning_rate: option.LearningRate = None,
    accumulate: option.Accumulate = 1,
    average: option.Average = None,
    patience: option.Patience = 0,
    validate: option.Validate = 0.1,
    test: option.Test = 0.15,
    seed: option.Seed = 0,
    workers: option.Workers = option.CORES,
    pictures: option.Pictures = False,
    as_json: option.AsJson = False,
) -> None:
    """Train a network on masks of a pneumothorax, patients split first, and write it to OUT.

    Threshold and smallest part are chosen on the validation images by the score of the SIIM-ACR
    challenge, and measured on the test images.

    Example: cxr train finding siim-acr:SIIM OUT
    """
    from cxrkit.training import finding_release, finding_segmentation, loop, progress

    given = {
        "epochs": epochs, "batch": batch, "learning_rate": learning_rate, "average": average,
        "accumulate": accumulate, "patience": patience, "seed": seed,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    with progress.shown() as report:
        card = finding_release.run(
            gathered.roots(sources, out),
            finding_segmentation.Settings(architecture, width, keep, size, positive_share),
            replace(finding_segmentation.RECIPE, **changes),  # type: ignore[arg-type]
            finding_release.Shares(validate, test),
            out,
            loop.device(),
            report,
            workers,
            pictures,
        )
    if not card:  # another process of torchrun writes the results
        return
    if as_json:
        print(json.dumps(card["scores"]))
        return
    print(finding_release.text(card))
    print(f"report: {out / 'report.html'}")
