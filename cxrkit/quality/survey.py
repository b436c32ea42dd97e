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
from cxrkit.quality import estimate, picture_kind, pictures
from cxrkit.quality.assess import Quality, assess
from cxrkit.quality.estimate import Estimate
from cxrkit.quality.flags import Flag
from cxrkit.quality.queue import Item
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


@dataclass(frozen=True)
class Fault:
    """A mask that could not be looked at."""

    image: str
    error: ItemFault


def recorded(source: Source, progress: Progress) -> list[Item]:
    """What `cxr build` found of each mask of a dataset; a file that it did not write is flagged.

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
    found = []
    for done, row in enumerate(built.iter_rows(named=True), 1):
        flags = [Flag(name, reason) for name, reason in json.loads(row["quality_flags"]).items()]
        file = source.root / row["mask"]
        quality = Quality(_estimate(row), (*_changed(file, row["mask_sha256"]), *flags))
        found.append(
            Item(row["image_id"], row["patient_id"], row["segmented"], row["mask"], quality)
        )
        progress(done, built.height)
    return found


def _estimate(row: Mapping[str, Any]) -> Estimate | None:
    if row["estimated_dice"] is None:
        return None
    names = ("estimated_dice", "dice_low", "dice_high", "dice_risk", "dice_gain")
    return Estimate(*(row[name] for name in names))


def _changed(file: Path, sha256: str) -> list[Flag]:
    try:
        same = hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    except OSError:
        return [Flag("missing", "the mask file cannot be read")]
    return [] if same else [Flag("changed", "the mask file is not the one that was built")]


def listed(source: Source, images: Path | None) -> list[Mask]:
    """The masks to look at: those of a dataset on the radiographs in `images`, or an archive's own.

    Raises:
        InputRefused: E101, there is no lung mask; E107, the whole radiographs are not named.
    """
    if source.built is not None:
        if images is None:
            raise _no_images(source.name, "the archive that it was built from")
        return [_of_row(row, source.root, images) for row in source.built.iter_rows(named=True)]
    name = source.name.partition(":")[0]
    card = archives.load(name).CARD if name in archives.names() else None
    masked = [r for r in records.from_frame(source.table) if r.mask and not r.fault]
    if card is None or card.mask_of != "lungs" or not masked:
        raise InputRefused(
            "E101", source.name, "no lung mask", "a dataset of cxr build, or an archive with masks",
            "build it first",
        )  # fmt: skip
    conventions = _EITHER[card.mask_convention or "mixed"]
    if card.mask_convention == "mixed" and images is None:
        raise _no_images(source.name, "the release that its masks were made for")
    return [
        Mask(r.image_id, r.patient_id, r.image, r.mask, (images or source.root) / r.image,
             source.root, r, conventions)
        for r in masked
    ]  # fmt: skip


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
    archive: str, given: Sequence[Mask], engine: str, workers: int, progress: Progress
) -> tuple[list[Item], list[Fault]]:
    """The masks with their quality, found anew from radiograph and mask, and those that have none.

    Args:
        archive: the adapter of the masks' records; of a dataset's masks any.
        given: the masks.
        engine: as `segmentation.load`.
        workers: processes.
        progress: called with the masks done and their number.
    """
    work = partial(_look, archive, engine)
    chunks = (list(given[at : at + _CHUNK]) for at in range(0, len(given), _CHUNK))
    items: list[Item] = []
    faults: list[Fault] = []
    for found, bad in processes.each(work, chunks, _died, workers):
        items += found
        faults += bad
        progress(len(items) + len(faults), len(given))
    key = {mask.image_id: place for place, mask in enumerate(given)}
    return sorted(items, key=lambda i: key[i.image_id]), sorted(faults, key=lambda f: f.image)


def _died(mask: Mask) -> tuple[list[Item], list[Fault]]:
    error = ItemFault(
        "E301", mask.name, "the process that read it died", "an image", "look at the file"
    )
    return [], [Fault(mask.name, error)]


def _look(archive: str, engine: str, given: list[Mask]) -> tuple[list[Item], list[Fault]]:
    items: list[Item] = []
    faults: list[Fault] = []
    for mask in given:
        try:
            quality = _quality(archive, engine, mask)
        except ItemFault as fault:
            faults.append(Fault(mask.name, fault))
        else:
            items.append(Item(mask.image_id, mask.patient_id, mask.name, mask.mask, quality))
    return items, faults


def _quality(archive: str, engine: str, mask: Mask) -> Quality:
    picture = radiograph.read(mask.radiograph, smallest=SIZE)
    squashed = segmentation.squash(picture.pixels)
    drawn = masks.resize_mask(_read(archive, mask), SIZE, SIZE)
    right, left = segmentation.tell_apart(drawn)
    by = estimate.load()
    of_image = pictures.flags(picture.pixels, _pictures(), picture.flags)
    preprocessed = segmentation.preprocess(squashed)
    found = [
        assess(squashed, right, left, _segmenter(c, engine).infer(preprocessed), c, by, of_image)
        for c in mask.conventions
    ]
    return max(found, key=lambda q: q.estimate.dice if q.estimate else 0.0)


def _read(archive: str, mask: Mask) -> np.ndarray:
    if mask.record is None:
        return masks.read_mask(mask.file)[0]
    return archives.read_mask(archives.load(archive), mask.file, mask.record)[0]


@lru_cache(maxsize=1)
def _pictures() -> picture_kind.Network:
    return picture_kind.load()


@lru_cache(maxsize=2)
def _segmenter(convention: MaskConvention, engine: str) -> Segmenter:
    return segmentation.load(convention, engine)
