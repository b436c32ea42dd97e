"""Published lung masks as (H, W) bool arrays, and their size changed without blending pixels."""

from collections.abc import Collection
from pathlib import Path

import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.imaging import headers, radiograph, raster, sizes

_JPEG_THRESHOLD = 127  # CXLSeg's JPEG masks hold 16 levels; above 127 is lung


def read_mask(
    path: Path,
    lung: Collection[int] = (255,),
    ignore: Collection[int] = (),
    background: Collection[int] = (0,),
) -> tuple[np.ndarray, np.ndarray]:
    """The lung and the ignored pixels of a published mask, two (H, W) bool arrays.

    Every value in the file must be declared. Palettes and 1-bit files are read as their gray
    levels (1-bit: 0 and 255); colours must be equal; where only alpha varies, alpha is the mask.
    A GIF is read by the levels of its palette. A JPEG mask is lung above 127, whatever is declared.
    V7: `ignore=(127,)`. Grays may be declared as background, where a mask was resized; without a
    lung they are no outline, and a mask of 0 and 1 is not an empty one.

    Raises:
        ItemFault: E231 for an undeclared value or grays without a lung, and as `radiograph.read`
            for a file that is none.
    """
    data = radiograph.file_bytes(path)
    kind = radiograph.sniff(data[:256])
    if kind == "jpeg":
        if ignore:
            raise _bad(path, "a JPEG with pixels to ignore", "a lossless mask")
        plane = raster.read_jpeg(data, path.name, None).pixels
        return plane > _JPEG_THRESHOLD, np.zeros(plane.shape, bool)
    if data[:6] in headers.GIF_SIGNATURES:
        kind = "gif"
    if kind not in ("png", "tiff", "gif"):
        raise radiograph.no_image(data, path.name)
    values = _values(raster.planes(data, kind, path.name), path)
    found = set(np.unique(values).tolist())
    declared = {*lung, *ignore, *background}
    if found.isdisjoint({*lung, *ignore}):
        declared = {min(background), *ignore, max(lung)}
    undeclared = sorted(found - declared)
    if undeclared:
        shown = ", ".join(map(str, undeclared[:8])) + (" and more" if undeclared[8:] else "")
        raise _bad(path, f"pixel values {shown}", f"only {sorted(declared)}")
    return np.isin(values, list(lung)), np.isin(values, list(ignore))


def check_size(mask: np.ndarray, name: str, image: Path) -> None:
    """Pass where the mask has as many rows and columns as the image in the file announces.

    Raises:
        ItemFault: E231, they differ; and as `sizes.read_size` for the image.
    """
    announced = sizes.read_size(image)
    rows, columns = announced.rows, announced.columns
    if mask.shape != (rows, columns):
        raise ItemFault(
            "E231",
            name,
            f"{mask.shape[0]} x {mask.shape[1]} pixels",
            f"the {rows} x {columns} of {image.name}",
            "take image and mask from the same release; one of them was resized",
        )


def resize_mask(mask: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """A (H, W) bool mask at (rows, columns) by the nearest pixel, with separate x and y scales."""
    by_column = np.take(mask, nearest(mask.shape[1], columns), axis=1)
    return np.take(by_column, nearest(mask.shape[0], rows), axis=0)


def nearest(old: int, new: int) -> np.ndarray:
    """(new,) int64: for each new pixel the old one that holds its centre, floor((i + 1/2) old/new).

    In integers, so that every user of the rule agrees to the pixel.
    """
    return (2 * np.arange(new, dtype=np.int64) + 1) * old // (2 * new)


def _values(planes: np.ndarray, path: Path) -> np.ndarray:
    """The one plane that holds the mask."""
    planes, alpha = raster.split_alpha(planes)
    if alpha is not None and planes.min() == planes.max() and alpha.min() != alpha.max():
        return alpha
    if planes.ndim == 2:
        return planes
    if (planes[..., :1] != planes).any():
        raise _bad(path, "colours", "gray values")
    return np.ascontiguousarray(planes[..., 0])


def _bad(path: Path, observed: str, expected: str) -> ItemFault:
    return ItemFault(
        "E231", path.name, observed, expected, "check that the file is the mask that was published"
    )
