"""`cxr train quality`: the calibration behind the estimated Dice of lung masks."""

import json
from functools import partial
from typing import Annotated, Any

import typer

from cxrkit import segmentation
from cxrkit.cli import gathered
from cxrkit.cli import train_options as option


def quality(
    sources: option.Sources,
    out: option.Out,
    weights: Annotated[
        str, typer.Option(help="The network it is measured on: a folder, shipped or small.")
    ] = "shipped",
    masks: option.Masks = None,
    masks_convention: option.MasksConvention = "included",
    repeat: option.Repeat = [],  # noqa: B006  # typer copies it
    folds: Annotated[int, typer.Option(min=2, help="Parts of the patients.")] = 3,
    networks: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Each learns without one part, and makes its masks.",
            show_default="one for each part",
        ),
    ] = None,
    copies: Annotated[int, typer.Option(min=0, help="Changed copies of each radiograph.")] = 3,
    epochs: Annotated[int, typer.Option(min=1, help="Of each network.")] = 20,
    coarse_epochs: option.CoarseEpochs = 14,
    width: option.Width = 16,
    validate: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share that --weights was validated on.")
    ] = 0.05,
    test: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share that --weights was tested on.")
    ] = 0.15,
    seed: Annotated[int, typer.Option(min=0, help="Of the split that --weights knew.")] = 0,
    as_json: option.AsJson = False,
) -> None:
    """Calibrate the estimated Dice of masks, with cross-fitted networks.

    What it is off by is measured on the patients that --weights was validated and tested on.

    Example: cxr train quality shenzhen:SZ-CXR v7:V7 OUT --repeat shenzhen=4
    """
    from cxrkit.training import cases as training_cases
    from cxrkit.training import loop, progress, segmentation_runs
    from cxrkit.training import quality as task

    plan = segmentation_runs.plan(
        "leak-free", "sa-unet",
        {"width": width, "repeat": gathered.repeats(repeat, sources),
         "coarse_epochs": coarse_epochs},
        {"epochs": epochs, "average": 0.99},
    )  # fmt: skip
    cases, _ = gathered.cases(sources, masks, masks_convention, out)
    split = training_cases.assign_splits(cases, validate, test, seed)
    networks = networks or folds
    if networks > folds:
        raise gathered.refused("--networks", str(networks), f"at most --folds, {folds}")
    settings = task.Settings(folds=folds, networks=networks, copies=copies)
    folder = segmentation.weights_folder(weights)
    with progress.shown() as report:
        card: dict[str, Any] = task.run(
            split, plan, settings, folder, out, loop.device(), report, partial(typer.echo, err=True)
        )
    print(json.dumps(card["scores"]) if as_json else _text(card["scores"]))


def _text(scores: dict[str, dict[str, Any]]) -> str:
    """A line for each kind of mask."""
    wide = max(map(len, scores))
    return "\n".join(
        f"{name:{wide}}  {s['masks']:6,} masks  r {s['pearson_r']:.3f}  "
        f"error {s['mean_absolute_error']:.4f}  in the interval {s['in_interval']:.1%}  "
        f"AUROC {s['auroc_below_good'] or float('nan'):.3f}"
        for name, s in scores.items()
    )
