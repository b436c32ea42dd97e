"""Pictures for a page: two images of each class with the outline of their mask, 320 pixels wide."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit import archives
from cxrkit import records as rows
from cxrkit.archives import Archive
from cxrkit.cards.document import Figure
from cxrkit.errors import ItemFault
from cxrkit.imaging import masks, radiograph
from cxrkit.records import LABEL, Record

SIDE = 320  # pixels of the longer side
_CLASSES = 6  # the most frequent ones are shown
_EACH = 2  # images of a class
_TRIES = 8  # images looked at until one can be read
_OUTLINE = (80, 220, 80)  # BGR

Mask = np.ndarray  # (H, W) bool
Reader = Callable[[Record], tuple[np.ndarray, tuple[int, int], Mask | None]]


@dataclass(frozen=True)
class Class:
    """Images that are shown together: what is said of them and which they are."""

    name: str
    chosen: pl.Expr


def of_archive(archive: Archive, root: Path) -> Reader:
    """Reads an archive's image, its size (rows, columns), and its own mask where it has one."""

    def read(record: Record) -> tuple[np.ndarray, tuple[int, int], Mask | None]:
        found = radiograph.read(root / record.image, smallest=SIDE)
        mask = archives.read_mask(archive, root, record)[0] if record.mask else None
        return found.pixels, (found.rows, found.columns), mask

    return read


def of_dataset(folder: Path) -> Reader:
    """Reads an image of a dataset with its lossless mask."""

    def read(record: Record) -> tuple[np.ndarray, tuple[int, int], Mask | None]:
        found = radiograph.read(folder / record.image)
        mask, _ = masks.read_mask(folder / record.mask)
        return found.pixels, (found.rows, found.columns), mask

    return read


def pictures(table: pl.DataFrame, observations: Sequence[str], read: Reader) -> list[Figure]:
    """The figures of a records table, two for each class; the same ones for the same table."""
    found = []
    for place, shown in enumerate(classes(table, observations)):
        images = _readable(table.filter(shown.chosen.fill_null(False)), read)
        for number, (pixels, caption) in zip(range(1, _EACH + 1), images, strict=False):
            data = cv2.imencode(".png", pixels)[1].tobytes()
            name = f"class-{place + 1}-{number}.png"
            found.append(Figure(name, ", ".join(filter(None, (shown.name, caption))), data))
    return found


def classes(table: pl.DataFrame, observations: Sequence[str]) -> list[Class]:
    """Present for each of the most frequent observations, and absent where there is only one."""
    if not observations:
        return [Class("", pl.lit(True))]
    if len(observations) == 1:
        (name,) = observations
        column = pl.col(LABEL + name)
        return [Class(f"{name}: absent", column == 0), Class(f"{name}: present", column == 1)]
    often = {o: int((table[LABEL + o] == 1).sum()) for o in observations}
    frequent = sorted((o for o in observations if often[o]), key=lambda o: (-often[o], o))
    return [Class(o, pl.col(LABEL + o) == 1) for o in frequent[:_CLASSES]]


def drawn(pixels: np.ndarray, size: tuple[int, int], mask: Mask | None) -> tuple[np.ndarray, str]:
    """The (H, W, 3) picture of a (H, W) radiograph, and what is to be said of its mask.

    A mask of another size than the image is not drawn: where it lies is unknown.
    """
    rows_, columns = size
    scale = SIDE / max(rows_, columns)
    high, wide = max(1, round(rows_ * scale)), max(1, round(columns * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.cvtColor(
        cv2.resize(pixels, (wide, high), interpolation=method), cv2.COLOR_GRAY2BGR
    )
    if mask is None:
        return picture, ""
    if mask.shape != size:
        return picture, f"its mask is {mask.shape[0]} x {mask.shape[1]} and not drawn"
    small = masks.resize_mask(mask, high, wide).astype(np.uint8)
    contours, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, _OUTLINE, 1, cv2.LINE_8)
    return picture, "mask outlined"


def _readable(table: pl.DataFrame, read: Reader) -> Iterator[tuple[np.ndarray, str]]:
    """Pictures of images that can be read, from places spread over the table; masked ones first."""
    masked = table.filter(pl.col("mask") != "")
    chosen = masked if masked.height >= _EACH else table
    order = [0.3, 0.7, 0.5, 0.1, 0.9, 0.2, 0.4, 0.6, 0.8]
    places = dict.fromkeys(int(share * chosen.height) for share in order[: _TRIES + 1])
    if chosen.is_empty():
        return
    for record in rows.from_frame(chosen[list(places)]):
        try:
            pixels, size, mask = read(record)
        except ItemFault:
            continue
        picture, said = drawn(pixels, size, mask)
        yield picture, ", ".join(filter(None, (record.image_id, said)))
