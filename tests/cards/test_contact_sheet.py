"""The contact sheet shows what is in the dataset."""

from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit.cards.contact_sheet import GAP, contact_sheet


def dataset(folder: Path, count: int) -> Path:
    """An archive of flat gray images with one square of lung each, and its dataset."""
    rows = []
    for i in range(count):
        image = np.full((300, 260), 40 + 10 * i, np.uint8)
        image[0, 0] = 0
        mask = np.zeros((224, 224), np.uint8)
        mask[60:120, 60:120] = 255
        product = np.where(mask > 0, 40 + 10 * i, 0).astype(np.uint8)
        for name, pixels in ((f"{i}.png", image), (f"{i}-mask.png", mask), (f"{i}-s.png", product)):
            cv2.imwrite(str(folder / name), pixels)
        rows.append({"image": f"{i}.png", "mask": f"{i}-mask.png", "segmented": f"{i}-s.png"})
    pl.DataFrame(rows).write_parquet(folder / "records.parquet")
    return folder


def test_tiles_are_laid_out_in_rows(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 5)
    sheet = contact_sheet(folder, folder, count=5, across=3)
    assert sheet.shape == (2 * (224 + 2 * GAP), 3 * (448 + 2 * GAP), 3)
    assert sheet[-224:, -448:].max() == 0  # the sixth place stays empty


def test_outline_and_product_stand_where_the_mask_is(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 1)
    tile = contact_sheet(folder, folder, count=1, across=1)[GAP:-GAP, GAP:-GAP]
    coloured = (tile.max(axis=2).astype(int) - tile.min(axis=2)) > 40
    ys, xs = np.nonzero(coloured)
    assert 58 <= ys.min() <= 61 and 118 <= ys.max() <= 121
    assert 58 <= xs.min() <= 61 and 118 <= xs.max() <= 121
    product = tile[:, 224:]
    assert product[90, 90].tolist() == [40, 40, 40]
    assert product[10, 10].tolist() == [0, 0, 0]


def test_more_tiles_than_records_shows_each_once(tmp_path: Path) -> None:
    folder = dataset(tmp_path, 2)
    assert contact_sheet(folder, folder, count=24, across=4).shape[0] == 224 + 2 * GAP
