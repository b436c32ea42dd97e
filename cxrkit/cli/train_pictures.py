"""`cxr train pictures`: the network behind the checks of pictures."""

import json
import sys
from typing import Annotated

import typer

from cxrkit.cli import gathered
from cxrkit.cli import train_options as option


def pictures(
    sources: Annotated[list[str], typer.Argument(help="ARCHIVE:ROOT of frontal radiographs.")],
    out: option.Out,
    unseen: Annotated[
        list[str], typer.Option(help="ARCHIVE:ROOT to measure on only; once or more.")
    ] = [],  # noqa: B006  # typer copies it
    epochs: Annotated[int, typer.Option(min=1, help="Passes over --draws pictures.")] = 12,
    draws: Annotated[int, typer.Option(min=64, help="Pictures of an epoch.")] = 12800,
    phantoms: Annotated[int, typer.Option(min=10, help="Computed chests to learn from.")] = 1000,
    scenes: Annotated[int, typer.Option(min=10, help="Computed pictures of others.")] = 3000,
    measured: Annotated[
        int, typer.Option(min=1, help="Computed pictures of each kind to measure on.")
    ] = 100,
    seed: option.Seed = 0,
    as_json: option.AsJson = False,
) -> None:
    """Train the network that tells turned, mirrored, inverted, lateral and foreign pictures.

    Example: cxr train pictures shenzhen:SZ-CXR v7:V7 OUT
    """
    from dataclasses import replace

    from cxrkit.training import picture_release, progress
    from cxrkit.training import pictures as training

    gathered.roots([*sources, *unseen], out)
    settings = training.Settings(draws, phantoms, scenes)
    recipe = replace(training.RECIPE, epochs=epochs, seed=seed)
    with progress.shown("pictures") as report:
        card = picture_release.run(
            sources, unseen, settings, recipe, out, report,
            lambda line: print(line, file=sys.stderr, flush=True), measured,
        )  # fmt: skip
    print(json.dumps(card["scores"]) if as_json else picture_release.text(card))
