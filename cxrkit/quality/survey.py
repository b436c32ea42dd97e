"""The quality of every mask of a dataset or an archive, file by file."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit import archives, records, segmentation
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks, processes, radiograph
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.quality import estimate, picture_kind, pictures, unread
from cxrkit.quality.assess import Quality, assess
from cxrkit.quality.estimate import Estimate
from cxrkit.quality.flags import Flag
from cxrkit.quality.queue import Item
from cxrkit.quality.unread import Stage, Unread
from cxrkit.records import Record
from cxrkit.segmentation import SIZE, Segmenter
from cxrkit.sources import Source
from cxrkit.terms import MASK_CONVENTIONS, MaskConvention

_CHUNK = 16  # masks that a process looks at together
# Of an archive whose masks follow one convention or the other, nobody knows which: the one that
# fits a mask better is taken.
_EITHER: Mapping[str, tuple[MaskConvention, ...]] = {
    "excluded": ("excluded",), "included": ("included",), "mixed": MASK_CONVENTIONS,
}  # fmt: skip

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Mask:
    """A mask to look at, and the whole radiograph that it is of."""

    image_id: str
    patient_id: str
    name: str  # of the image, below the source
    mask: str  # the same of its mask
    radiograph: Path
    file: Path  # a PNG of 0 and 255; of an archive's own mask its root
    record: Record | None  # of the archive whose own mask it is
    conventions: tuple[MaskConvention, ...]


def recorded(source: Source, progress: Progress) -> tuple[list[Item], list[Unread]]:
    """What `cxr build` found of each mask of a dataset that can be read, and the other masks.

    A file that is not the one that was built is flagged `changed`.

    Raises:
        InputRefused: E103, the dataset was built before masks were looked at.
    """
    built = source.built
    if built is None or "estimated_dice" not in built.columns:
        raise InputRefused(
            "E103", source.name, "it says nothing of the masks' quality",
            "records.parquet with the column estimated_dice",
            "build it again, or name its radiographs with --images",
        )  # fmt: skip
    items, left = list[Item](), list[Unread]()
    for done, row in enumerate(built.iter_rows(named=True), 1):
        flags = [Flag(name, reason) for name, reason in json.loads(row["quality_flags"]).items()]
        name, image = row["image_id"], row["segmented"]
        try:
            changed = _changed(source.root / row["mask"], row["mask_sha256"])
        except ItemFault as fault:
            left.append(unread.of(source.name, name, image, "mask", fault))
        else:
            quality = Quality(_estimate(row), (*changed, *flags))
            items.append(Item(name, row["patient_id"], image, row["mask"], quality))
        progress(done, built.height)
    return items, left


def _estimate(row: Mapping[str, Any]) -> Estimate | None:
    if row["estimated_dice"] is None:
        return None
    names = ("estimated_dice", "dice_low", "dice_high", "dice_risk", "dice_gain")
    return Estimate(*(row[name] for name in names))


def _changed(file: Path, sha256: str) -> list[Flag]:
    """A flag, where the file is not the one that was built.

    Raises:
        ItemFault: as `masks.read_mask`; the bytes that were built are not decoded.
    """
    if hashlib.sha256(radiograph.file_bytes(file)).hexdigest() == sha256:
        return []
    masks.read_mask(file)
    return [Flag("changed", "the mask file is not the one that was built")]


def listed(source: Source, images: Path | None) -> tuple[list[Mask], list[Unread]]:
    """The masks to look at, and the corrupt rows of an archive, which may have named more.

    They are those of a dataset on the radiographs in `images`, or an archive's own.

    Raises:
        InputRefused: E101, there is no lung mask or no folder `images`; E107, the whole radiographs
            are not named.
    """
    if images is not None and not images.is_dir():
        raise InputRefused(
            "E101", str(images), "there is no such folder", "the folder of the whole radiographs",
            "check --images",
        )  # fmt: skip
    if source.built is not None:
        if images is None:
            raise _no_images(source.name, "the archive that it was built from")
        rows = source.built.iter_rows(named=True)
        return [_of_row(row, source.root, images) for row in rows], []
    name = source.name.partition(":")[0]
    card = archives.load(name).CARD if name in archives.names() else None
    found = list(records.from_frame(source.table))
    masked = [r for r in found if r.mask]
    corrupt = [r for r in found if r.fault]
    if card is None or card.mask_of != "lungs" or not masked:
        raise InputRefused(
            "E101", source.name, f"no lung mask{f', {len(corrupt)} corrupt rows' * bool(corrupt)}",
            "a dataset of cxr build, or an archive with masks",
            "build it first",
        )  # fmt: skip
    conventions = _EITHER[card.mask_convention or "mixed"]
    if card.mask_convention == "mixed" and images is None:
        raise _no_images(source.name, "the release that its masks were made for")
    chosen = [
        Mask(r.image_id, r.patient_id, r.image, r.mask, (images or source.root) / r.image,
             source.root, r, conventions)
        for r in masked
    ]  # fmt: skip
    return chosen, [unread.of_row(source.name, r.image_id, r.image, r.fault) for r in corrupt]


def _no_images(name: str, which: str) -> InputRefused:
    return InputRefused(
        "E107", name, "its images hold the lungs alone", "whole radiographs",
        f"name the folder of {which} with --images",
    )  # fmt: skip


def _of_row(row: Mapping[str, Any], root: Path, images: Path) -> Mask:
    return Mask(
        row["image_id"], row["patient_id"], row["segmented"], row["mask"],
        images / row["image"], root / row["mask"], None, (row["mask_convention"],),
    )  # fmt: skip


def looked_at(
    name: str, given: Sequence[Mask], engine: str, workers: int, progress: Progress
) -> tuple[list[Item], list[Unread]]:
    """The masks with their quality, found anew from radiograph and mask, and those that have none.

    Args:
        name: of the source, as `Source.name`.
        given: its masks.
        engine: as `segmentation.load`.
        workers: processes.
        progress: called with the masks done and their number.
    """
    work, died = partial(_look, name, engine), partial(_died, name)
    chunks = (list(given[at : at + _CHUNK]) for at in range(0, len(given), _CHUNK))
    items, left = list[Item](), list[Unread]()
    for found, bad in processes.each(work, chunks, died, workers):
        items += found
        left += bad
        progress(len(items) + len(left), len(given))
    key = {mask.image_id: place for place, mask in enumerate(given)}
    return sorted(items, key=lambda i: key[i.image_id]), sorted(left, key=lambda u: u.image)


def _died(name: str, mask: Mask) -> tuple[list[Item], list[Unread]]:
    fault = ItemFault(
        "E301", mask.name, "the process that read it died", "an image", "look at the file"
    )
    return [], [unread.of(name, mask.image_id, mask.name, "read", fault)]


def _look(name: str, engine: str, given: list[Mask]) -> tuple[list[Item], list[Unread]]:
    items, left = list[Item](), list[Unread]()
    for mask in given:
        stage: Stage = "read"
        try:
            picture = radiograph.read(mask.radiograph, smallest=SIZE)
            stage = "mask"
            drawn = masks.resize_mask(_read(name, mask), SIZE, SIZE)
        except ItemFault as fault:
            left.append(unread.of(name, mask.image_id, mask.name, stage, fault))
            continue
        quality = _quality(picture, drawn, mask.conventions, engine)
        items.append(Item(mask.image_id, mask.patient_id, mask.name, mask.mask, quality))
    return items, left


def _read(name: str, mask: Mask) -> np.ndarray:
    if mask.record is None:
        return masks.read_mask(mask.file)[0]
    archive = archives.load(name.partition(":")[0])
    return archives.read_mask(archive, mask.file, mask.record)[0]


def _quality(
    picture: Radiograph, drawn: np.ndarray, conventions: Sequence[MaskConvention], engine: str
) -> Quality:
    squashed = segmentation.squash(picture.pixels)
    right, left = segmentation.tell_apart(drawn)
    by = estimate.load()
    of_image = pictures.flags(picture.pixels, _pictures(), picture.flags)
    preprocessed = segmentation.preprocess(squashed)
    found = [
        assess(squashed, right, left, _segmenter(c, engine).infer(preprocessed), c, by, of_image)
        for c in conventions
    ]
    return max(found, key=lambda q: q.estimate.dice if q.estimate else 0.0)


@lru_cache(maxsize=1)
def _pictures() -> picture_kind.Network:
    return picture_kind.load()


@lru_cache(maxsize=2)
def _segmenter(convention: MaskConvention, engine: str) -> Segmenter:
    return segmentation.load(convention, engine)
