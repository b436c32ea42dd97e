"""`cxr train classification`: observations from radiographs."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.classification import INPUTS
from cxrkit.cli.gathered import refused
from cxrkit.terms import MaskConvention


def classification(
    sources: Annotated[
        list[str], typer.Argument(help="ARCHIVE:ROOT or a dataset of cxr build, once or more.")
    ],
    out: Annotated[Path, typer.Argument(help="The run's folder; give it again to resume.")],
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
    mask_convention: Annotated[
        MaskConvention, typer.Option(help="Of the lung masks: the lung behind the heart or not.")
    ] = "excluded",
    published_split: Annotated[
        bool, typer.Option(help="Keep the split that the archives published.")
    ] = False,
    mirror: Annotated[
        bool, typer.Option(help="Learn from mirrored copies: where no side matters.")
    ] = False,
    operating_point: Annotated[
        str, typer.Option(help="youden, or sensitivity=0.9: chosen on the validation images.")
    ] = "youden",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the images.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Images per step.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest of the schedule.")] = None,
    accumulate: Annotated[int, typer.Option(min=1, help="Parts of a batch, one by one.")] = 1,
    average: Annotated[
        float | None,
        typer.Option(min=0, max=0.9999, help="Decay of the averaged weights; 0: none."),
    ] = None,
    start: Annotated[
        Path | None,
        typer.Option(help="A finished run on the same split, whose weights it starts from."),
    ] = None,
    patience: Annotated[
        int, typer.Option(min=0, help="Epochs without a better AUROC before it stops; 0: never.")
    ] = 0,
    validate: Annotated[float, typer.Option(min=0, max=0.5, help="Share to validate on.")] = 0.15,
    test: Annotated[float, typer.Option(min=0, max=0.5, help="Share to test on.")] = 0.25,
    seed: Annotated[int, typer.Option(min=0, help="Of split, order, weights and changes.")] = 0,
    workers: Annotated[
        int, typer.Option(min=1, help="Threads that read images.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    pictures: Annotated[
        bool, typer.Option(help="Show restricted radiographs in report.html too.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
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
        _one_of("--input", name, INPUTS)
    _one_of("--uncertain", uncertain, targets.UNCERTAIN)
    _one_of("--not-mentioned", not_mentioned, targets.NOT_MENTIONED)
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


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise refused(option, value, " or ".join(allowed))


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
