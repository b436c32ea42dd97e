"""Every radiograph and its lung mask at 224 x 224, as `pixel_store` keeps them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit import archives, frontal, segmentation
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks, radiograph
from cxrkit.segmentation import SIZE, Recipe, Segmenter
from cxrkit.terms import MaskConvention
from cxrkit.training import pixel_store
from cxrkit.training.samples import Sample


@dataclass(frozen=True)
class Planes:
    """`pixels` (N, 2, 224, 224) uint8 of `samples`: the radiograph, and the lungs as 0 and 255."""

    pixels: np.ndarray
    samples: tuple[Sample, ...]  # those that could be read, with the view and size of their file
    left_out: tuple[tuple[Sample, str], ...]  # and why, one line each

    def chosen(self, keep: Sequence[bool]) -> tuple[list[Sample], np.ndarray]:
        """Some of the samples, and their rows of `pixels` as numbers."""
        rows = np.flatnonzero(keep)
        return [self.samples[k] for k in rows], rows


def convention(samples: Sequence[Sample], wanted: MaskConvention) -> MaskConvention:
    """The mask convention of the samples: of the datasets among them, else the wanted one.

    Raises:
        InputRefused: E107, two conventions.
    """
    own = {s.mask_convention or wanted for s in samples}
    if len(own) == 1:
        return own.pop()
    raise InputRefused(
        "E107", "--mask-convention", " and ".join(sorted(own)), "one convention of all lung masks",
        "choose that of the datasets, or build them with one convention",
    )  # fmt: skip


def make(
    samples: Sequence[Sample], folder: Path, wanted: MaskConvention, workers: int,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Planes:  # fmt: skip
    """The planes of the samples, from `folder` where they are there, else written to it.

    Args:
        samples: radiographs; one without a mask is segmented by the shipped network.
        folder: of the run.
        wanted: the mask convention of the samples without a mask.
        workers: threads; the result does not depend on it.
        progress: called with the images done and their number.

    Raises: as `convention` and `pixel_store.fill`.
    """
    segmenter = segmentation.load(convention(samples, wanted), "onnxruntime")
    pixels, images = pixel_store.fill(
        samples, lambda sample: read(sample, segmenter), _fingerprint(samples, segmenter), folder,
        (2, SIZE, SIZE), workers, progress,
    )  # fmt: skip
    kept, left = [], []
    for sample, found in zip(samples, images, strict=True):
        if pixel_store.FAULT in found:
            left.append((sample, str(found[pixel_store.FAULT])))
        else:
            kept.append(replace(sample, **found))
    return Planes(pixels, tuple(kept), tuple(left))


def read(sample: Sample, segmenter: Segmenter) -> tuple[np.ndarray, dict[str, Any]]:
    """The (2, 224, 224) uint8 planes of a sample, and the view and size of its file.

    Raises:
        ItemFault: it cannot be read or is not frontal; E240, no lung is found on it.
    """
    if sample.fault:
        raise ItemFault(
            "E103", sample.image_id, sample.fault, "a whole row", "use the published table"
        )
    path = sample.image or sample.lungs
    if path is None:
        raise ItemFault("E202", sample.image_id, "it has no file", "an image", "look at its record")
    picture = radiograph.read(path, smallest=SIZE)
    blank = archives.load(sample.archive).CARD.blank_view_is_frontal
    if rule := frontal.rule_against(sample.view or picture.view, blank):
        raise ItemFault("E107", path.name, rule, "a frontal radiograph", "leave it out")
    squashed = segmentation.squash(picture.pixels)
    if sample.mask is not None:
        lung, _ = masks.read_mask(sample.mask)
        lung = masks.resize_mask(lung, SIZE, SIZE)
    else:
        lung = segmentation.segment(squashed, segmenter, Recipe()).mask
    facts: dict[str, Any] = {"view": sample.view or picture.view}
    if sample.rows is None or sample.columns is None:
        facts |= {"rows": picture.rows, "columns": picture.columns}
    return np.stack([squashed, lung.astype(np.uint8) * 255]), facts


def _fingerprint(samples: Sequence[Sample], segmenter: Segmenter) -> str:
    """A digest of which files there are, how large and how old, and of the network."""
    digest = hashlib.sha256(f"{segmenter.weights_sha256}\0{segmenter.convention}".encode())
    for s in samples:
        digest.update(f"\0{s.archive}\0{s.image_id}\0{s.fault}".encode())
        digest.update(pixel_store.stamp((s.image, s.lungs, s.mask)).encode())
    return digest.hexdigest()
