"""`cxr build`: an archive in, a dataset out."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import archives
from cxrkit.pipeline import progress, summary
from cxrkit.pipeline.build import Options
from cxrkit.pipeline.build import build as run
from cxrkit.segmentation import weights_folder
from cxrkit.terms import MaskConvention

_WHERE = "Images in files/, masks in masks/, one row per image in records.parquet."


def build(
    archive: Annotated[str, typer.Argument(help=", ".join(archives.names()) + ".")],
    root: Annotated[Path, typer.Argument(help="The folder that holds it; never written to.")],
    out: Annotated[Path, typer.Argument(help="The dataset: new, empty, or begun before.")],
    mask_convention: Annotated[
        MaskConvention, typer.Option(help="The lung behind the heart: in the mask or not.")
    ] = "excluded",
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    engine: Annotated[
        str, typer.Option(help="onnxruntime, openvino, or auto: OpenVINO where installed.")
    ] = "auto",
    weights: Annotated[
        str,
        typer.Option(help="shipped; small: faster; or the OUT of `cxr train segmentation`."),
    ] = "shipped",
    precision: Annotated[
        str, typer.Option(help="int8, or float32: the network as it was trained, slower.")
    ] = "int8",
    min_quality: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Quarantine masks with a lower estimated Dice, such as 0.7.",
            show_default="none",
        ),
    ] = None,
    max_quarantine: Annotated[
        str,
        typer.Option(
            help="Stop past so many unusable files: 200, or 2%.",
            show_default="past 5% and 50 files",
        ),
    ] = "",
    seed: Annotated[int, typer.Option(help="Of the train, validate and test split.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Segment the lungs of every frontal radiograph of an archive and write a dataset.

    Stopped or killed at any time, the same command goes on where it was and ends in the same
    bytes. Exit status 0: all built; 3: built, with unusable files listed in quarantine.csv.

    Example: cxr build shenzhen SZ-CXR shenzhen-224
    """
    network = weights_folder(weights)
    options = Options(
        mask_convention, engine, seed, workers, precision, network, min_quality, max_quarantine
    )
    with progress.shown() as (say, update):
        ended = run(archive, root, out, options, say, update)
    told = (
        summary.as_json(ended, "built")
        if as_json
        else summary.as_text(ended, "built", "built", _WHERE)
    )
    print(told)
    raise typer.Exit(ended.exit_code)
