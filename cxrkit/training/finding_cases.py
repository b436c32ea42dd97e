"""Radiographs with masks of a finding: which there are, what is drawn on them, in which split.

An archive takes part whose card says that its masks are of a pneumothorax. A radiograph that is
labelled free of it has an empty mask, whether or not a file says so. All are read once before
anything is learnt, so a file that nothing can be made of is known from the start.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrkit import archives
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.finding_masks import squash
from cxrkit.frontal import rule_against
from cxrkit.imaging import masks, radiograph, runlength, sizes
from cxrkit.terms import SPLITS, Split, observations
from cxrkit.training import pixel_store
from cxrkit.training.cases import OfArchive, require_once

FINDING = "pneumothorax"  # the only one that an archive's card names
OBSERVATION = "Pneumothorax"
# Kept larger than learnt, so that zooming in stays sharp; the radiographs themselves have 1024.
SPARE, PUBLISHED_SIDE = 10 / 7, 1024


@dataclass(frozen=True)
class FindingCase(OfArchive):
    """One radiograph, and whether the finding is on it."""

    positive: bool
    split: Split = "train"


@dataclass(frozen=True)
class Gathered:
    """The radiographs of an archive of which it is known whether the finding is on them."""

    cases: tuple[FindingCase, ...]
    left_out: tuple[str, ...]  # a line for each corrupt row
    unknown: int  # frontal radiographs with neither label nor mask


@dataclass(frozen=True)
class Stored:
    """The cases that could be read, their radiographs at one size, and the others."""

    cases: tuple[FindingCase, ...]
    pixels: np.ndarray  # (N, side, side) uint8, a memory map
    masks: tuple[str, ...]  # run lengths (coco) of the same size
    left_out: tuple[str, ...]  # a line for each

    def pair(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The radiograph, (side, side) uint8, and the finding, bool, of a case."""
        image = np.asarray(self.pixels[place])
        return image, runlength.decode(self.masks[place], (len(image), len(image)), "coco")

    def places(self, split: Split) -> list[int]:
        """The numbers of the cases of a split."""
        return [k for k, case in enumerate(self.cases) if case.split == split]


def gather(archive: str, root: Path) -> Gathered:
    """The frontal radiographs of an archive with a known finding, sorted by image path.

    The label decides, 1 or 0; where there is none, an image with a mask is taken to have it, and
    one without is unknown.

    Raises:
        InputRefused: E101, the archive has no masks of a finding, or no radiograph that is known;
            and as the adapter's `records`.
    """
    adapter = archives.load(archive)
    if adapter.CARD.mask_of != FINDING:
        own = f"masks of {adapter.CARD.mask_of}" if adapter.CARD.mask_of else "no masks"
        fitting = [n for n in archives.names() if archives.load(n).CARD.mask_of == FINDING]
        raise InputRefused(
            "E101", archive, own, f"an archive with masks of {FINDING}: {', '.join(fitting)}",
            "use one of these",
        )  # fmt: skip
    cases, left_out, unknown = [], [], 0
    for record in adapter.records(root):
        if record.fault:
            left_out.append(f"{archive}: {record.fault}")
            continue
        if rule_against(record.view, adapter.CARD.blank_view_is_frontal):
            continue
        label = observations(record.labels).get(OBSERVATION, 1 if record.mask else None)
        if label in (0, 1):
            cases.append(FindingCase(archive, root, record, label == 1))
        else:
            unknown += 1
    if not cases:
        raise InputRefused(
            "E101", str(root), f"no {archive} image has a label or a mask of {FINDING}", "some",
            "give the archive with its table of masks",
        )  # fmt: skip
    return Gathered(tuple(cases), tuple(left_out), unknown)


def require_learnable(cases: Sequence[FindingCase]) -> None:
    """Check that each image is there once, and each split has some with and without the finding.

    Raises:
        InputRefused: E107, an image is there twice; E109, one patient only or an empty split; E108,
            a split without images that have the finding, or without any that have not.
    """
    require_once(cases)
    patients = {(c.archive, c.patient_id) for c in cases}
    if len(patients) < 2:
        raise InputRefused(
            "E109", "the sources", f"{len(patients)} patient",
            "patients to learn from and others to test on", "give more of the archive",
        )  # fmt: skip
    for split in SPLITS:
        own = [c.positive for c in cases if c.split == split]
        if not own:
            raise InputRefused(
                "E109", split, "no image is in this split", "one or more",
                "give more images, or another --validate, --test or --seed",
            )  # fmt: skip
        if not 0 < sum(own) < len(own):
            raise InputRefused(
                "E108", f"{FINDING}, {split}", f"{sum(own)} images with it, {len(own) - sum(own)} "
                "without", "one or more of each", "give more images, or another --seed",
            )  # fmt: skip


def read_mask(case: FindingCase) -> np.ndarray:
    """The finding, (H, W) bool of the radiograph's own size.

    Raises:
        ItemFault: E231, the mask has another size than the image, or is empty where the label says
            that it is not; and as `archives.read_mask`.
    """
    if case.record.mask:
        adapter = archives.load(case.archive)
        mask, _ = archives.read_mask(adapter, case.root, case.record)
        masks.check_size(mask, case.record.mask, case.image)
    else:
        size = sizes.read_size(case.image)
        mask = np.zeros((size.rows, size.columns), bool)
    if bool(mask.any()) != case.positive:
        named = "has" if case.positive else "has not"
        raise ItemFault(
            "E231", case.record.mask or case.record.image,
            f"{int(mask.sum())} pixels, and the label says that the image {named} {FINDING}",
            "a mask and a label that agree", "leave the image out, or mend the archive's table",
        )  # fmt: skip
    return mask


def stored_side(size: int) -> int:
    """Pixels of the stored radiographs for a network of this size."""
    return max(size, min(PUBLISHED_SIDE, int(size * SPARE)))


def store(
    cases: Sequence[FindingCase], folder: Path, side: int, workers: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Stored:  # fmt: skip
    """The cases at (side, side), from `folder` where they are there, else written to it.

    Args:
        cases: with their splits.
        folder: of the run.
        side: see `stored_side`.
        workers: threads; the result does not depend on it.
        progress: called with the images done and their number.

    Raises: as `pixel_store.fill`.
    """
    pixels, images = pixel_store.fill(
        cases, lambda case: _read(case, side), _fingerprint(cases, side), folder, (side, side),
        workers, progress,
    )  # fmt: skip
    fault = pixel_store.FAULT
    kept = tuple(case for case, of in zip(cases, images, strict=True) if fault not in of)
    texts = tuple(str(of["mask"]) for of in images if fault not in of)
    return Stored(kept, pixels, texts, tuple(str(of[fault]) for of in images if fault in of))


def _read(case: FindingCase, side: int) -> tuple[np.ndarray, dict[str, str]]:
    pixels = radiograph.read(case.image, smallest=side).pixels
    mask = masks.resize_mask(read_mask(case), side, side)
    return squash(pixels, side), {"mask": runlength.encode(mask, "coco")}


def _fingerprint(cases: Sequence[FindingCase], side: int) -> str:
    """A digest of which files there are, how large and how old."""
    digest = hashlib.sha256(f"{side}".encode())
    for c in cases:
        digest.update(f"\0{c.archive}\0{c.image_id}\0{c.positive}".encode())
        mask = c.root / c.record.mask if c.record.mask else None
        digest.update(pixel_store.stamp((c.image, mask)).encode())
    return digest.hexdigest()
