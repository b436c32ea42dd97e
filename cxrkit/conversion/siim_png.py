"""SIIM-ACR pneumothorax from the competition's form to the reorganised PNG form.

Every DICOM file that `train-rle.csv` lists becomes a PNG image of its stored 8-bit values and a PNG
mask, 0 and 255, of the union of its rows; two tables lead back from the new names to the ImageIds.
Names are number_stage_label_.png, numbered from 0 within a stage in the order of the ImageIds. The
order of the published numbers is not known, so an image has another number there.

The stage is that of `stage_1_train_images.csv` and `stage_1_test_images.csv` where they lie beside
`train-rle.csv`. The competition itself has no such lists: without them every image is in train, and
the table of the test stage is empty.
"""

from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import archives
from cxrkit.archives import Archive
from cxrkit.conversion import files, stored_pixels
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.records import Record

ARCHIVES: tuple[str, ...] = ("siim-acr",)

_FOLDER = "siim-acr-pneumothorax"
_IMAGES, _MASKS = f"{_FOLDER}/png_images/", f"{_FOLDER}/png_masks/"
_STAGES = ("train", "test")


def paths(table: pl.DataFrame) -> list[str]:
    """`siim-acr-pneumothorax/png_images/<number>_<stage>_<label>_.png` of each record.

    An image without a row has no label and so no such name; `convert` refuses it.

    Raises:
        InputRefused: E101, the records are those of the PNG form.
    """
    if table["mask"].str.ends_with(".png").any():
        raise InputRefused(
            "E101",
            ARCHIVES[0],
            "the PNG form",
            "the competition's form, dicom-images-train/ and train-rle.csv",
            "give the folder of the competition",
        )
    return (_IMAGES + _named(table)["name"]).to_list()


def outputs(path: str) -> tuple[str, ...]:
    """The image and its mask."""
    return path, path.replace(_IMAGES, _MASKS, 1)


def convert(archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
    """The image, values as stored, and its mask.

    Raises:
        ItemFault: E213, other pixels than 8 bits of MONOCHROME2; E231, the image has no row; and as
            `stored_pixels.read` and the archive's `mask`.
    """
    if not record.labels:
        raise ItemFault(
            "E231",
            record.image,
            "the image has no row, so no mask is known",
            "an image that train-rle.csv lists",
            "leave it out",
        )
    stored = stored_pixels.read(root, record)
    if stored.values.dtype != np.uint8 or stored.photometric_interpretation != "MONOCHROME2":
        raise ItemFault(
            "E213",
            record.image,
            f"{stored.bits} bits of {stored.photometric_interpretation}",
            "8 bits of MONOCHROME2, as published",
            "use the recipe png, which makes 8 bits of any radiograph",
        )
    mask, _ = archives.read_mask(archive, root, record)
    image_path, mask_path = outputs(path)
    return {
        image_path: files.png(stored.values),
        mask_path: files.png(mask.astype(np.uint8) * 255),
    }


def tables(table: pl.DataFrame, paths: list[str], converted: list[bool]) -> dict[str, bytes]:
    """The table of each stage: new_filename, ImageId, has_pneumo of the converted images."""
    done = _named(table).filter(pl.Series(converted, dtype=pl.Boolean)).sort("number")
    written = {}
    for stage in _STAGES:
        rows = done.filter(pl.col("stage") == stage).select("name", "image_id", "label").iter_rows()
        lines = ["new_filename,ImageId,has_pneumo", *(f"{n},{i},{label}" for n, i, label in rows)]
        text = "".join(f"{line}\n" for line in lines)
        written[f"{_FOLDER}/stage_1_{stage}_images.csv"] = text.encode()
    return written


def _named(table: pl.DataFrame) -> pl.DataFrame:
    """image_id, stage, label, number and name of each record, in the order of the table."""
    label, image_id = pl.col("labels.Pneumothorax"), pl.col("image_id")
    stage = pl.when(pl.col("split") == "test").then(pl.lit("test")).otherwise(pl.lit("train"))
    frame = table.select(image_id, stage.alias("stage"), label.alias("label"))
    number = pl.when(pl.col("label").is_not_null()).then(image_id).rank("ordinal").over("stage") - 1
    frame = frame.with_columns(number.alias("number"))
    name = pl.format("{}_{}_{}_.png", "number", "stage", "label")
    return frame.with_columns(name.fill_null(image_id + ".png").alias("name"))
