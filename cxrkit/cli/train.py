"""`cxr train`: reference models on archives with masks."""

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import typer

from cxrkit.errors import InputRefused
from cxrkit.terms import MASK_CONVENTIONS

app = typer.Typer(help="Train the reference models.", no_args_is_help=True)


@app.command()
def segmentation(
    sources: list[str] = typer.Argument(help="ARCHIVE:ROOT, once or more."),
    out: Path = typer.Argument(help="The run's folder; give it again to resume."),
    masks: Path | None = typer.Option(None, help="Masks (255 lung, 127 ignore) by file stem."),
    masks_convention: str = typer.Option("included", help="The convention of --masks."),
    repeat: list[str] = typer.Option([], help="ARCHIVE=N: draw its images N times an epoch."),
    epochs: int = typer.Option(50, min=1, help="Passes over the training images."),
    batch: int = typer.Option(8, min=1, help="Images per step of the optimiser."),
    learning_rate: float = typer.Option(2e-3, help="Peak of the one-cycle schedule."),
    width: int = typer.Option(16, min=1, help="SA-UNet's start width."),
    keep: float = typer.Option(1.0, min=0.5, max=1, help="DropBlock's share of kept pixels."),
    validate: float = typer.Option(0.05, min=0, max=0.5, help="Share of images to validate on."),
    test: float = typer.Option(0.15, min=0, max=0.5, help="Share of images to test on."),
    seed: int = typer.Option(0, min=0, help="Of split, order, weights and augmentation."),
    as_json: bool = typer.Option(False, "--json", help="Print the scores as JSON only."),
) -> None:
    """Train SA-UNet on lung masks, patients split first, and write a weights folder to OUT.

    Example: cxr train segmentation shenzhen:SZ-CXR v7:V7 OUT --repeat shenzhen=4
    """
    from cxrkit.training import cases, release
    from cxrkit.training import segmentation as training

    if masks_convention not in MASK_CONVENTIONS:
        raise _refused("--masks-convention", masks_convention, " or ".join(MASK_CONVENTIONS))
    gathered = [
        case
        for archive, root in (_pair(source, ":", "ARCHIVE:ROOT") for source in sources)
        for case in cases.gather(archive, Path(root), masks, masks_convention)
    ]
    split = cases.assign_splits(gathered, validate, test, seed)
    repeats = {a: int(n) for a, n in (_pair(r, "=", "--repeat ARCHIVE=N") for r in repeat)}
    recipe = training.Training(epochs, batch, learning_rate, 1e-4, width, keep, seed, repeats)
    report = _silent if as_json else _lines(epochs)
    net = training.train(split, recipe, out, training.device(), report)
    scores = release.write(net, split, recipe, out)["scores"]
    print(json.dumps(scores, indent=None if as_json else 1))


def _pair(text: str, mark: str, form: str) -> tuple[str, str]:
    left, found, right = text.partition(mark)
    if not (left and found and right):
        raise _refused(form, text, form)
    return left, right


def _refused(option: str, observed: str, expected: str) -> InputRefused:
    return InputRefused("E107", option, observed, expected, "see cxr train segmentation --help")


def _silent(row: Mapping[str, float]) -> None:
    """Nothing: --json leaves standard output to the scores."""


def _lines(epochs: int) -> Callable[[Mapping[str, float]], None]:
    """A line per epoch: an epoch takes the better part of a minute, so a bar adds nothing."""
    started, first = time.monotonic(), -1.0

    def line(row: Mapping[str, float]) -> None:
        nonlocal first
        if first < 0:
            first = row["epoch"] - 1
        pace = (time.monotonic() - started) / (row["epoch"] - first)
        left = pace * (epochs - row["epoch"])
        dice = "  ".join(f"{k} {v:.4f}" for k, v in row.items() if k.startswith("dice_"))
        print(
            f"epoch {row['epoch']:.0f}/{epochs}  loss {row['loss']:.4f}  {dice}"
            f"  {row['seconds']:.0f} s, {left / 60:.0f} min left",
            flush=True,
        )

    return line
