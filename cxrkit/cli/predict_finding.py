"""`cxr predict finding`: masks of a pneumothorax for radiographs."""

from pathlib import Path
from typing import Annotated

import typer

from cxrkit import finding_masks, inputs
from cxrkit.cli import counted, lists
from cxrkit.finding_masks import Found
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given

TABLE, BOXES = "findings.csv", "boxes.csv"
# EncodedPixels as in the challenge's table: gaps and lengths down columns, -1 where nothing is.
COLUMNS = ("id", "image", "rows", "columns", "probability", "parts", "share", "EncodedPixels")
BOX_COLUMNS = ("id", "image", "x_min", "y_min", "x_max", "y_max", "probability")


def finding(
    model: Annotated[Path, typer.Argument(help="A folder of `cxr train finding`.")],
    source: Annotated[str, typer.Argument(metavar="INPUT", help=counted.SOURCE)],
    out: Annotated[Path, typer.Argument(help="Folder for findings.csv and boxes.csv.")],
    precision: Annotated[str, typer.Option(help="float32, or int8: faster.")] = "float32",
) -> None:
    """Write what a finding's network sees on each radiograph of INPUT: masks, boxes, probability.

    Masks are run lengths of the radiograph's own size, as in the SIIM-ACR challenge.

    Example: cxr predict finding FINDER MY_IMAGES OUT
    """
    finder = finding_masks.load(model, precision)
    given = inputs.listed(source)
    counted.begin(given, out)

    def find(one: Given, picture: Radiograph) -> tuple[Radiograph, Found]:
        return picture, finding_masks.find(picture, finder)

    with (
        counted.shown(given) as progress,
        lists.table(out / TABLE, COLUMNS) as put,
        lists.table(out / BOXES, BOX_COLUMNS) as put_box,
    ):
        for one, (picture, found) in inputs.each(given, find, progress, finder.size):
            name = (one.id, one.record.image)
            put((*name, picture.rows, picture.columns, f"{found.probability:.4f}",
                            len(found.boxes), f"{found.mask.mean():.6f}", found.rle))  # fmt: skip
            for box in found.boxes:
                corners = (box.x_min, box.y_min, box.x_max, box.y_max)
                put_box((*name, *corners, f"{box.probability:.4f}"))
    counted.finish(given, out, TABLE)
