"""`cxr train report`: reports from radiographs."""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from cxrkit.classification import INPUTS
from cxrkit.cli import train_options as option
from cxrkit.cli.gathered import refused, require_one_of
from cxrkit.errors import InputRefused
from cxrkit.pipeline.run import require_apart
from cxrkit.report_writing.writers import KINDS, WIDEST


def report(
    source: Annotated[
        str, typer.Argument(help="ARCHIVE:ROOT with reports, or a dataset of cxr build.")
    ],
    out: option.Out,
    model: Annotated[str, typer.Option(help="constant, nearest, sentences or decoder.")],
    images: Annotated[
        Path | None, typer.Option(help="The archive of a dataset: whole radiographs.")
    ] = None,
    classifier: Annotated[
        Path | None, typer.Option(help="A folder of cxr train classification; its split is kept.")
    ] = None,
    architecture: Annotated[
        str, typer.Option(help="Of the classifier trained here: small or densenet121.")
    ] = "small",
    input: Annotated[str, typer.Option(help="What it sees: image, lungs or both.")] = "image",
    uncertain: Annotated[
        str, typer.Option(help="What an uncertain label teaches it: ones, zeros or ignore.")
    ] = "ignore",
    classifier_epochs: Annotated[
        int | None, typer.Option(min=1, help="Its passes over the images.")
    ] = None,
    mask_convention: option.MaskConvention = "excluded",
    epochs: Annotated[int, typer.Option(min=1, help="The decoder's passes.")] = 30,
    batch: Annotated[int, typer.Option(min=1, help="Reports per step of the decoder.")] = 32,
    learning_rate: Annotated[float, typer.Option(help="Highest of its schedule.")] = 2e-3,
    patience: Annotated[
        int, typer.Option(min=0, help="Its epochs without a better label F1; 0: never stops.")
    ] = 12,
    width: Annotated[int, typer.Option(min=4, help="Of its layers, a multiple of 4.")] = 160,
    least: Annotated[int, typer.Option(min=1, help="Places that make a word known.")] = 3,
    longest: Annotated[int, typer.Option(min=8, help="Words of a report.")] = 160,
    beam: Annotated[
        int, typer.Option(min=1, max=WIDEST, help="Candidates of its search; 1: greedy.")
    ] = 3,
    published_split: option.PublishedSplit = False,
    validate: option.Validate = 0.15,
    test: option.Test = 0.2,
    seed: option.Seed = 0,
    workers: option.Workers = option.CORES,
    as_json: option.AsJson = False,
) -> None:
    """Train a report generator, patients split first, and write a model's folder to OUT.

    It learns the findings and impression of each report; images without either are left out. Test
    reports are scored as by cxr score reports.

    Example: cxr train report mimic-cxr-jpg:MIMIC-CXR-JPG OUT --model sentences
    """
    from cxrkit.training import classification_runs, loop, progress, report_runs, samples, targets
    from cxrkit.training.classification import Choice
    from cxrkit.training.report_generation import Choice as Decoder
    from cxrkit.training.report_observer import Observer, Room

    require_one_of("--model", model, KINDS)
    require_one_of("--input", input, INPUTS)
    require_one_of("--uncertain", uncertain, targets.UNCERTAIN)
    require_one_of("--architecture", architecture, tuple(classification_runs.RECIPES))
    _require_alone()
    if width % 4:
        raise refused("--width", str(width), "a multiple of 4")
    for place in (Path(source.partition(":")[2] or source), images, classifier):
        if place is not None:
            require_apart(place.resolve(), out.resolve())
    recipe = replace(classification_runs.RECIPES[architecture], seed=seed)
    if classifier_epochs is not None:
        recipe = replace(recipe, epochs=classifier_epochs)
    choice: Any = {"input": input, "uncertain": uncertain, "architecture": architecture}
    plan = report_runs.Plan(
        kind=model,  # type: ignore[arg-type]  # checked
        observer=Observer(classifier, Choice((), **choice), recipe, mask_convention),
        decoder=Decoder(width=width, least=least, longest=longest, beam=beam),
        recipe=loop.Recipe(epochs, batch, learning_rate, patience=patience, seed=seed),
        validate=validate,
        test=test,
        seed=seed,
    )
    gathered = samples.gather(source, images, published=published_split)
    with progress.shown() as shown:
        room = Room(out, loop.device(), shown, _reading(), workers)
        card = report_runs.run(gathered, plan, room)
    if as_json:
        print(json.dumps(card["scores"]))
        return
    print(report_runs.text(card))
    print(f"report: {out / 'report.html'}")


def _require_alone() -> None:
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputRefused(
            "E107", "torchrun", "several processes", "one: a decoder is small",
            "train the classifier with torchrun and give it with --classifier",
        )  # fmt: skip


def _reading() -> Callable[[int, int], None]:
    """A line on stderr for each tenth of the images that are read."""

    def line(done: int, of: int) -> None:
        if done * 10 // of > (done - 1) * 10 // of:
            print(f"read {done:,} of {of:,} images", file=sys.stderr, flush=True)

    return line
