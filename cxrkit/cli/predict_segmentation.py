"""`cxr predict segmentation`: lung masks for radiographs."""

import csv
from pathlib import Path
from typing import Annotated

import cv2
import typer

from cxrkit import inputs, outputs
from cxrkit import segmentation as lungs
from cxrkit.cli import counted, lists
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks, runlength
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given, Inputs
from cxrkit.pipeline import durable

TABLE = "masks.csv"
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
    counted.begin(given, out)
    _require_ours(out, given)

    def mask(one: Given, picture: Radiograph) -> tuple[object, ...]:
        found = lungs.segment(lungs.squash(picture.pixels), segmenter, lungs.Recipe())
        name = f"masks/{one.id}.png"
        at_source = masks.resize_mask(found.mask, picture.rows, picture.columns)
        white = cv2.imencode(".png", at_source.astype("uint8") * 255)[1]
        durable.write(scratch / name, white.tobytes())
        shares = (f"{part.mean():.4f}" for part in (found.mask, found.right, found.left))
        return (
            one.id, one.record.image, name, mask_convention, picture.rows, picture.columns,
            *shares, f"{found.certainty:.4f}", runlength.encode(at_source, "coco"),
        )  # fmt: skip

    with counted.shown(given) as progress, outputs.filled(out, last=TABLE) as scratch:
        durable.make_folder(scratch / "masks")
        with lists.table(scratch / TABLE, COLUMNS) as put:
            for _, row in inputs.each(given, mask, progress):
                put(row)
    counted.finish(given, out, TABLE)


def _require_ours(out: Path, given: Inputs) -> None:
    """Check that `out` holds no masks but those of an earlier run, which are replaced.

    Raises:
        InputRefused: E105, a mask is there that no table of ours names; E107, it is what is read.
    """
    folder = out / "masks"
    if any(folder.resolve() in one.path.resolve().parents for one in given.given):
        raise InputRefused(
            "E107", str(out), "its masks are what is read", "another folder", "choose another OUT"
        )
    named = set()
    if (out / TABLE).is_file():
        with (out / TABLE).open(newline="", encoding="utf-8") as file:
            named = {row.get("mask") for row in csv.DictReader(file)}
    for path in sorted(folder.rglob("*")) if folder.exists() else ():
        if path.relative_to(out).as_posix() not in named:
            raise InputRefused(
                "E105", str(path), f"is there, and {TABLE} does not name it",
                "masks of an earlier run, or none", "choose another OUT, or take it away",
            )  # fmt: skip
