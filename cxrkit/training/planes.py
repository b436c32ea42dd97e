"""Every radiograph and its lung mask at 224 x 224, in one file on the disk.

An epoch then costs no decoding and the memory holds what is looked at, whatever the size of the
archive. The file belongs to a run; it is written again where its images or masks have changed.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrkit import segmentation
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks, radiograph
from cxrkit.pipeline import durable, lock
from cxrkit.segmentation import SIZE, Recipe, Segmenter
from cxrkit.terms import FRONTAL_VIEWS, MaskConvention
from cxrkit.training.samples import Sample

PIXELS, SIDECAR, LOCK = "planes.u8", "planes.json", "lock"
_SECONDS = 0.5  # between two looks of a process that waits for another
_AT_ONCE = 64  # images between two of which no thread waits for another


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

    Raises:
        InputRefused: E107, two mask conventions.
        ResourceExhausted: E601, the disk is full.
        Locked: E801, another run writes there.
    """
    segmenter = segmentation.load(convention(samples, wanted), "onnxruntime")
    fingerprint = _fingerprint(samples, segmenter)
    durable.make_folder(folder)
    if int(os.environ.get("RANK", "0")):  # of torchrun's processes the first one writes
        while (images := _there(folder, fingerprint)) is None:
            time.sleep(_SECONDS)
    else:
        with lock.held(folder / LOCK):
            images = _there(folder, fingerprint)
            if images is None:
                images = _write(samples, folder, segmenter, workers, progress)
                text = json.dumps({"fingerprint": fingerprint, "images": images})
                with durable.replacing(folder / SIDECAR) as scratch:
                    scratch.write_text(text, encoding="utf-8")
    kept, left = [], []
    for sample, found in zip(samples, images, strict=True):
        if "fault" in found:
            left.append((sample, str(found["fault"])))
        else:
            kept.append(replace(sample, **found))
    shape = (len(kept), 2, SIZE, SIZE)
    pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=shape) if kept else np.zeros(shape)
    return Planes(pixels, tuple(kept), tuple(left))


def remove(folder: Path) -> None:
    """Take the planes of a finished run away: they are pixels of the archive."""
    for name in (SIDECAR, PIXELS, LOCK):
        (folder / name).unlink(missing_ok=True)


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
    if not sample.view and picture.view and picture.view not in FRONTAL_VIEWS:
        raise ItemFault(
            "E107", path.name, f"the file says view {picture.view}", "a frontal radiograph",
            "leave it out",
        )  # fmt: skip
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


def _write(
    samples: Sequence[Sample], folder: Path, segmenter: Segmenter, workers: int,
    progress: Callable[[int, int], None],
) -> list[dict[str, Any]]:  # fmt: skip
    """Write the pixels; what was found of each image, or its fault."""
    (folder / SIDECAR).unlink(missing_ok=True)
    images: list[dict[str, Any]] = []
    with durable.replacing(folder / PIXELS) as scratch, durable.stream(scratch) as put:
        for planes, facts in _read(samples, segmenter, workers):
            if planes is not None:
                put(planes.tobytes())
            images.append(facts)
            progress(len(images), len(samples))
    return images


def _read(
    samples: Sequence[Sample], segmenter: Segmenter, workers: int
) -> Iterator[tuple[np.ndarray | None, dict[str, Any]]]:
    def one(sample: Sample) -> tuple[np.ndarray | None, dict[str, Any]]:
        try:
            return read(sample, segmenter)
        except ItemFault as fault:
            name = f"{sample.archive}:{sample.image_id}"
            return None, {"fault": f"{name}: {fault}"}

    with ThreadPoolExecutor(max(1, workers)) as pool, _single_threaded():
        for start in range(0, len(samples), _AT_ONCE):
            yield from pool.map(one, samples[start : start + _AT_ONCE])


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """OpenCV on one thread: each image has a thread of its own already."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _fingerprint(samples: Sequence[Sample], segmenter: Segmenter) -> str:
    """A digest of which files there are, how large and how old, and of the network."""
    digest = hashlib.sha256(segmenter.weights_sha256.encode())
    for s in samples:
        digest.update(f"{segmenter.convention}\0{s.archive}\0{s.image_id}\0{s.fault}".encode())
        for path in (s.image, s.lungs, s.mask):
            try:
                status = path.stat() if path else None
            except OSError:
                status = None
            stamp = (status.st_size, status.st_mtime_ns) if status else None
            digest.update(f"\0{path}\0{stamp}".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _there(folder: Path, fingerprint: str) -> list[dict[str, Any]] | None:
    """What was found of each image, where these very planes are whole."""
    try:
        facts = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
        images: list[dict[str, Any]] = facts["images"]
        kept = sum("fault" not in image for image in images)
        whole = (folder / PIXELS).stat().st_size == kept * 2 * SIZE * SIZE
        return images if whole and facts["fingerprint"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
