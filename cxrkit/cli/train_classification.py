"""`cxr train classification`: observations from radiographs."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.classification import INPUTS
from cxrkit.cli import train_options as option
from cxrkit.cli.gathered import refused, require_one_of


def classification(
    sources: Annotated[
        list[str], typer.Argument(help="ARCHIVE:ROOT or a dataset of cxr build, once or more.")
    ],
    out: option.Out,
    observations: Annotated[
        str, typer.Option(help="Names with commas, or NAME=extra.COLUMN:VALUE OF 1/VALUE OF 0.")
    ],
    input: Annotated[
        str,
        typer.Option(help="image, lungs or both; several with commas are trained and compared."),
    ] = "image",
    uncertain: Annotated[
        str, typer.Option(help="What an uncertain label teaches: ones, zeros or ignore.")
    ] = "ignore",
    not_mentioned: Annotated[
        str, typer.Option(help="What a label that is not there says: zeros or ignore.")
    ] = "zeros",
    architecture: Annotated[str, typer.Option(help="small or densenet121.")] = "small",
    width: Annotated[
        int, typer.Option(min=0, help="Channels of the first convolution; 0: its own.")
    ] = 0,
    images: Annotated[
        list[Path],
        typer.Option(help="The archive of each dataset, in their order: whole radiographs."),
    ] = [],  # noqa: B006  # typer copies it
    mask_convention: option.MaskConvention = "excluded",
    published_split: option.PublishedSplit = False,
    mirror: Annotated[
        bool, typer.Option(help="Learn from mirrored copies: where no side matters.")
    ] = False,
    operating_point: Annotated[
        str, typer.Option(help="youden, or sensitivity=0.9: chosen on the validation images.")
    ] = "youden",
    epochs: option.Epochs = None,
    batch: option.Batch = None,
    learning_rate: option.LearningRate = None,
    accumulate: option.Accumulate = 1,
    average: option.Average = None,
    start: Annotated[
        Path | None,
        typer.Option(help="A finished run on the same split, whose weights it starts from."),
    ] = None,
    patience: option.Patience = 0,
    validate: option.Validate = 0.15,
    test: option.Test = 0.25,
    seed: option.Seed = 0,
    workers: option.Workers = option.CORES,
    pictures: option.Pictures = False,
    as_json: option.AsJson = False,
) -> None:
    """Train a classifier, patients split first, and write a model's folder to OUT.

    Labels are those of the sources; patients are split by a seeded hash where a source brings no
    split. Several inputs are trained on the same split, each in a folder below OUT, and compared.

    Example: cxr train classification guangzhou:chest_xray OUT --observations Pneumonia

    Example: cxr train classification guangzhou:chest_xray OUT --input image,lungs
    --observations Bacterial=extra.cause:bacteria/virus
    """
    from cxrkit.training import classification_runs as runs
    from cxrkit.training import loop, progress, targets

    inputs = input.split(",")
    for name in inputs:
        require_one_of("--input", name, INPUTS)
    require_one_of("--uncertain", uncertain, targets.UNCERTAIN)
    require_one_of("--not-mentioned", not_mentioned, targets.NOT_MENTIONED)
    rule, target = _operating_point(operating_point)
    changes = {
        "epochs": epochs, "batch": batch, "learning_rate": learning_rate, "average": average,
        "accumulate": accumulate, "patience": patience, "seed": seed,
    }  # fmt: skip
    plan = runs.plan(
        architecture,
        {"observations": targets.parse(observations), "uncertain": uncertain,
         "not_mentioned": not_mentioned, "width": width, "mirror": mirror},
        changes, inputs, rule, target, start,
    )  # fmt: skip
    samples = runs.gather(sources, images, out, published_split, validate, test, seed)
    with progress.shown() as report:
        done = runs.run(
            samples, plan, out, mask_convention, workers, loop.device(), report, _say, pictures
        )
    if not done:  # another process of torchrun writes the results
        return
    for line in done.warnings:
        print(f"warning: {line}", file=sys.stderr)
    print(json.dumps(done.scores) if as_json else done.text)


def _operating_point(text: str) -> tuple[str, float]:
    rule, _, target = text.partition("=")
    form = "youden, or sensitivity=0.9"
    try:
        share = float(target or "0.9")
    except ValueError as error:
        raise refused("--operating-point", text, form) from error
    if rule not in ("youden", "sensitivity") or not 0 < share <= 1:
        raise refused("--operating-point", text, form)
    return rule, share


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
