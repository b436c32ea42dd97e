"""A picture of a dataset: radiographs with the outline of their lung masks beside the product."""

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit.imaging import radiograph
from cxrkit.imaging.masks import read_mask
from cxrkit.segmentation import SIZE, squash

OUTLINE = (80, 220, 80)  # BGR
GAP = 6  # pixels between tiles


def contact_sheet(dataset: Path, root: Path, count: int, across: int) -> np.ndarray:
    """A (H, W, 3) uint8 BGR picture of `count` records spread evenly over a dataset.

    Each tile is 448 x 224: the radiograph with its mask's outline, and the segmented image.

    Args:
        dataset: what `cxr build` wrote.
        root: the archive it was built from.
        count: how many records at most.
        across: tiles in a row.
    """
    table = pl.read_parquet(dataset / "records.parquet", columns=["image", "mask", "segmented"])
    places = np.unique(np.linspace(0, table.height - 1, min(count, table.height)).astype(int))
    tiles = [_tile(dataset, root, table.row(int(i), named=True)) for i in places]
    empty = np.zeros_like(tiles[0])
    tiles += [empty] * (-len(tiles) % across)
    rows = [np.hstack(tiles[i : i + across]) for i in range(0, len(tiles), across)]
    return np.vstack(rows)


def _tile(dataset: Path, root: Path, record: dict[str, str]) -> np.ndarray:
    pixels = squash(radiograph.read(root / record["image"], smallest=SIZE).pixels)
    mask, _ = read_mask(dataset / record["mask"])
    product = radiograph.read(dataset / record["segmented"]).pixels
    outlined = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(outlined, contours, -1, OUTLINE, 1, cv2.LINE_AA)
    pair = np.hstack([outlined, cv2.cvtColor(product, cv2.COLOR_GRAY2BGR)])
    framed: np.ndarray = cv2.copyMakeBorder(
        pair, GAP, GAP, GAP, GAP, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )
    return framed
