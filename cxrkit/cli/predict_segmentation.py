"""`cxr predict segmentation`: lung masks for radiographs."""

import csv
from pathlib import Path
from typing import Annotated

import cv2
import typer

from cxrkit import inputs
from cxrkit import segmentation as lungs
from cxrkit.cli import counted
from cxrkit.imaging import masks, runlength
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given

COLUMNS = (
    "id", "image", "mask", "mask_convention", "rows", "columns", "lung_share", "right_share",
    "left_share", "certainty", "mask_rle",
)  # fmt: skip


def segmentation(
    model: Annotated[str, typer.Argument(help="OUT of `cxr train`, or: shipped, small.")],
    source: Annotated[str, typer.Argument(metavar="INPUT", help=counted.SOURCE)],
    out: Annotated[Path, typer.Argument(help="Folder for masks/ and masks.csv.")],
    mask_convention: Annotated[
        str, typer.Option(help="excluded or included: the lung behind the heart.")
    ] = "excluded",
    precision: Annotated[str, typer.Option(help="int8 or float32.")] = "int8",
    engine: Annotated[str, typer.Option(help="auto, onnxruntime or openvino.")] = "auto",
) -> None:
    """Write a lung mask for each radiograph of INPUT, at its own size, and a table of them.

    Example: cxr predict segmentation shipped MY_IMAGES OUT
    """
    folder = lungs.weights_folder(model)
    segmenter = lungs.load(mask_convention, engine, precision, folder)  # type: ignore[arg-type]
    given = inputs.listed(source)
    (out / "masks").mkdir(parents=True, exist_ok=True)

    def mask(one: Given, picture: Radiograph) -> tuple[object, ...]:
        found = lungs.segment(lungs.squash(picture.pixels), segmenter, lungs.Recipe())
        name = f"masks/{one.id}.png"
        at_source = masks.resize_mask(found.mask, picture.rows, picture.columns)
        cv2.imwrite(str(out / name), at_source.astype("uint8") * 255)
        shares = (f"{part.mean():.4f}" for part in (found.mask, found.right, found.left))
        return (
            one.id, one.record.image, name, mask_convention, picture.rows, picture.columns,
            *shares, f"{found.certainty:.4f}", runlength.encode(at_source, "coco"),
        )  # fmt: skip

    with (
        counted.shown(len(given)) as progress,
        (out / "masks.csv").open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(row for _, row in inputs.each(given, mask, out, progress))
    counted.finish(len(given), out, "masks.csv")
