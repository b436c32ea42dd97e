"""`cxr train finding`: masks of a pneumothorax from radiographs."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.cli import gathered


def finding(
    sources: Annotated[list[str], typer.Argument(help="ARCHIVE:ROOT, once or more.")],
    out: Annotated[Path, typer.Argument(help="The run's folder; give it again to resume.")],
    architecture: Annotated[
        str, typer.Option(help="sa-unet, unet, unet++ or attention-unet.")
    ] = "sa-unet",
    size: Annotated[
        int, typer.Option(help="Pixels of both sides: a multiple of 16 from 64 to 1024.")
    ] = 224,
    positive_share: Annotated[
        float, typer.Option(min=0.1, max=0.9, help="Share of draws that have the finding.")
    ] = 0.5,
    width: Annotated[int, typer.Option(min=2, help="Channels of the first level.")] = 16,
    keep: Annotated[
        float, typer.Option(min=0.5, max=1, help="Share of values kept while it learns.")
    ] = 1.0,
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Images per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest of the schedule.")] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Parts of a batch, one by one.")] = 1,
    average: Annotated[
        float | None, typer.Option(min=0, max=0.9999, help="Decay of averaged weights; 0: none.")
    ] = None,
    patience: Annotated[
        int, typer.Option(min=0, help="Epochs without a better score before it stops; 0: never.")
    ] = 0,
    validate: Annotated[float, typer.Option(min=0, max=0.5, help="Share to validate on.")] = 0.1,
    test: Annotated[float, typer.Option(min=0, max=0.5, help="Share to test on.")] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Of split, order, weights and changes.")] = 0,
    workers: Annotated[
        int,
        typer.Option(min=1, help="Threads that read images.", show_default="one for each core"),
    ] = os.cpu_count() or 1,
    pictures: Annotated[
        bool, typer.Option(help="Show restricted radiographs in report.html too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
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
            [_source(text) for text in sources],
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


def _source(text: str) -> tuple[str, Path]:
    archive, root = gathered.pair(text, ":", "ARCHIVE:ROOT")
    return archive, Path(root)
