"""`cxr demo`: the main job on computed radiographs, and how good its masks are."""

import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import typer

from cxrkit.cards.contact_sheet import contact_sheet
from cxrkit.imaging.masks import read_mask, resize_mask
from cxrkit.phantom import mimic_cxr_jpg
from cxrkit.pipeline import progress
from cxrkit.pipeline.build import Options, build


def demo(
    folder: Path = typer.Argument(Path("demo"), help="Where to put archive and dataset."),
    studies: int = typer.Option(200, min=1, help="Studies in the phantom archive."),
    size: int = typer.Option(512, min=256, help="Longer side of its images in pixels."),
) -> None:
    """Render a phantom MIMIC-CXR-JPG archive, build its dataset and draw a contact sheet.

    Example: cxr demo demo --studies 20
    """
    archive, dataset, masks = folder / "archive", folder / "dataset", folder / "true-masks"
    cores = os.cpu_count() or 1
    with progress.shown() as (say, update):
        if not archive.exists():
            say(f"rendering {studies} chest radiograph studies of people who do not exist")
            _render(archive, masks, studies, size, cores)
        summary = build(
            "mimic-cxr-jpg",
            archive,
            dataset,
            Options(workers=cores),
            say,
            update,
        )
    sheet = folder / "contact-sheet.png"
    cv2.imwrite(str(sheet), contact_sheet(dataset, archive, 24, 4))
    typer.echo(
        f"\n{summary.done} frontal radiographs of {summary.inputs} images segmented; "
        f"{sum(summary.skipped.values())} skipped by rule.\n"
        f"Mean Dice against the phantoms' exact masks: {_dice(dataset, masks):.3f}\n\n"
        f"  look      {sheet}\n"
        f"  dataset   {dataset}   (records.parquet, CXLSeg-*.csv, files/, masks/)\n"
        f"  archive   {archive}\n"
        f"  your own  cxr build folder YOUR_IMAGES OUT"
    )


def _render(archive: Path, masks: Path, studies: int, size: int, workers: int) -> None:
    """Render into a folder of another name first: an archive that exists is whole."""
    partial = archive.with_name("archive.partial")
    for leftover in (partial, masks):
        shutil.rmtree(leftover, ignore_errors=True)
    mimic_cxr_jpg.write_release(partial, studies, 0, size, workers, masks, lambda done: None)
    partial.rename(archive)


def _dice(dataset: Path, masks: Path) -> float:
    """Mean Dice of the dataset's masks and the exact ones, at 224 x 224."""
    scores = []
    table = pl.read_parquet(dataset / "records.parquet", columns=["image_id", "mask"])
    for image_id, path in table.iter_rows():
        found, _ = read_mask(dataset / path)
        exact, _ = read_mask(masks / "excluded" / f"{image_id}.png")
        exact = resize_mask(exact, *found.shape)
        scores.append(2 * int((found & exact).sum()) / (int(found.sum()) + int(exact.sum())))
    return float(np.mean(scores))
