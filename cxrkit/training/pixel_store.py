"""The pixels of all images of a run in one file on the disk, so that each is read once.

An epoch then costs no decoding and the memory holds what is looked at, whatever the size of the
archive. The file belongs to a run; it is written again where an image has changed.
"""

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.pipeline import durable, lock

PIXELS, SIDECAR, LOCK = "pixels.u8", "pixels.json", "lock"
FAULT = "fault"  # of the facts of an image that could not be read
_SECONDS = 0.5  # between two looks of a process that waits for another
_AT_ONCE = 64  # images between two of which no thread waits for another


class Image(Protocol):
    """What is read has a name."""

    @property
    def archive(self) -> str:
        """The adapter's name."""

    @property
    def image_id(self) -> str:
        """As the archive says."""


I = TypeVar("I", bound=Image)  # noqa: E741  # an image
Facts = dict[str, Any]  # JSON
Read = Callable[[I], tuple[np.ndarray, Facts]]


def fill(
    images: Sequence[I], read: Read[I], fingerprint: str, folder: Path, shape: tuple[int, ...],
    workers: int, progress: Callable[[int, int], None],
) -> tuple[np.ndarray, list[Facts]]:  # fmt: skip
    """The pixels of the images that can be read, and what is known of each image.

    Of several processes of torchrun the first one writes, the others wait for it.

    Args:
        images: in the order of the result.
        read: the pixels of an image, `shape` uint8, and its facts; raises ItemFault.
        fingerprint: of all that decides the pixels; a file with the same one is taken as it is.
        folder: of the pixels alone, below that of the run; there until `remove`.
        shape: of one image's pixels.
        workers: threads; the result does not depend on it.
        progress: called with the images done and their number.

    Returns:
        (N, *shape) uint8, a memory map, in order; and the facts of all images, of one that could
        not be read its `FAULT` alone.

    Raises:
        ResourceExhausted: E601, the disk is full.
        Locked: E801, another run writes there.
    """
    durable.make_folder(folder)
    if int(os.environ.get("RANK", "0")):
        while (facts := _there(folder, fingerprint, shape)) is None:
            time.sleep(_SECONDS)
    else:
        with lock.held(folder / LOCK):
            facts = _there(folder, fingerprint, shape)
            if facts is None:
                facts = _write(images, read, folder, workers, progress)
                text = json.dumps({"fingerprint": fingerprint, "images": facts})
                with durable.replacing(folder / SIDECAR) as scratch:
                    scratch.write_text(text, encoding="utf-8")
    whole = (_sound(facts), *shape)
    pixels = np.memmap(folder / PIXELS, np.uint8, "r", shape=whole) if whole[0] else np.zeros(whole)
    return pixels, facts


def remove(folder: Path) -> None:
    """Take the pixels of a finished run away, with their folder: they are the archive's."""
    for name in (SIDECAR, PIXELS, LOCK):
        (folder / name).unlink(missing_ok=True)
    folder.rmdir()


def stamp(paths: Iterable[Path | None]) -> str:
    """A text that changes where one of the files does, by its size and time."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            status = path.stat() if path else None
        except OSError:
            status = None
        seen = (status.st_size, status.st_mtime_ns) if status else None
        digest.update(f"{path}\0{seen}\0".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _write(
    images: Sequence[I], read: Read[I], folder: Path, workers: int,
    progress: Callable[[int, int], None],
) -> list[Facts]:  # fmt: skip
    (folder / SIDECAR).unlink(missing_ok=True)
    all_facts: list[Facts] = []
    with durable.replacing(folder / PIXELS) as scratch, durable.stream(scratch) as put:
        for pixels, facts in _read(images, read, workers):
            if pixels is not None:
                put(pixels.tobytes())
            all_facts.append(facts)
            progress(len(all_facts), len(images))
    return all_facts


def _read(
    images: Sequence[I], read: Read[I], workers: int
) -> Iterator[tuple[np.ndarray | None, Facts]]:
    def one(image: I) -> tuple[np.ndarray | None, Facts]:
        try:
            return read(image)
        except ItemFault as fault:
            return None, {FAULT: f"{image.archive}:{image.image_id}: {fault}"}

    with ThreadPoolExecutor(max(1, workers)) as pool, _single_threaded():
        for start in range(0, len(images), _AT_ONCE):
            yield from pool.map(one, images[start : start + _AT_ONCE])


@contextlib.contextmanager
def _single_threaded() -> Iterator[None]:
    """OpenCV on one thread: each image has a thread of its own already."""
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def _there(folder: Path, fingerprint: str, shape: tuple[int, ...]) -> list[Facts] | None:
    """The facts of the images, where these very pixels are whole."""
    try:
        sidecar = json.loads((folder / SIDECAR).read_text(encoding="utf-8"))
        facts: list[Facts] = sidecar["images"]
        size = _sound(facts) * int(np.prod(shape))
        whole = (folder / PIXELS).stat().st_size == size
        return facts if whole and sidecar["fingerprint"] == fingerprint else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _sound(facts: Sequence[Facts]) -> int:
    return sum(FAULT not in of for of in facts)
