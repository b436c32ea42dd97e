"""A miniature JSRT database of phantoms, with masks in the layout of SCR.

Layout and coding from Shiraishi 2000 and van Ginneken 2006: 16-bit values, high byte first, high is
dark, no header; masks as GIF of half the side, in two folds. The heart's mask is the part of the
lungs that heart and mediastinum hide. Clavicles have none, since the phantom knows no outline of
them. Half of the images have a nodule (154 of 247 in the original).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit.phantom import release
from cxrkit.phantom.anatomy import Phantom
from cxrkit.phantom.dicom_file import stored
from cxrkit.phantom.release import Exam

LONG_SIDE = 2048  # pixels of both sides
HIGHEST = 4095  # of 12 bits
KINDS = ((("PA",), 1.0),)
CHANCES = {"nodule": 0.85, "cardiomegaly": 0.1}


@dataclass(frozen=True)
class Image:
    """One radiograph to be."""

    exam: Exam
    stem: str  # JPCLN001 with a nodule, JPCNN001 without

    @property
    def fold(self) -> str:
        """Where SCR has its masks: odd numbers in one fold, even ones in the other."""
        return "fold1" if int(self.stem[-3:]) % 2 else "fold2"


Job = tuple[Image, int, int, Path | None]


def write_release(
    root: Path,
    studies: int,
    seed: int,
    size: int = LONG_SIDE,
    workers: int = 1,
    masks: Path | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> int:
    """Write the release, the same bytes for the same arguments; the number of its images.

    Args:
        root: folder to fill; absent or empty.
        studies: how many patients, each with one image.
        seed: of all that is random.
        size: pixels of both sides of every image; masks have half as many.
        workers: processes that render; the result does not depend on it.
        masks: where the exact lung masks go; outside `root`, absent or empty. None: not written.
        progress: called with the number of finished studies.

    Raises:
        InputRefused: E105 when `root` or `masks` holds something, E107 when `masks` lies in `root`.
    """
    release.accept_folders(root, masks)
    images = plan(studies, seed)
    jobs: list[Job] = [(image, size, seed, masks) for image in images]
    release.write_files(root, jobs, _files, workers, progress)
    return len(images)


def plan(studies: int, seed: int) -> list[Image]:
    """All that is known before a pixel is computed, in order of the names."""
    exams = release.draw_exams(studies, seed, KINDS, chances=CHANCES, once=True)
    images = []
    for letter, nodule in (("L", True), ("N", False)):
        chosen = [exam for exam in exams if ("nodule" in exam.subject.findings) == nodule]
        images += [Image(exam, f"JPC{letter}N{n:03d}") for n, exam in enumerate(chosen, 1)]
    return images


def gif(mask: np.ndarray) -> bytes:
    """A (H, W) bool mask as a GIF file of two colours, black and white (GIF89a specification)."""
    rows, columns = map(int, mask.shape)
    size = columns.to_bytes(2, "little") + rows.to_bytes(2, "little")
    head = b"GIF89a" + size + b"\x80\0\0" + bytes(3) + b"\xff" * 3
    picture = b"," + bytes(4) + size + b"\0" + b"\x02"
    data = _compressed(mask.reshape(-1).astype(int).tolist())
    blocks = [data[at : at + 255] for at in range(0, len(data), 255)]
    return head + picture + b"".join(bytes([len(b)]) + b for b in blocks) + b"\0;"


def _compressed(pixels: list[int]) -> bytes:
    """Pixels of 0 and 1 by LZW: 4 clears the table, 5 ends, codes grow from 3 to 12 bits."""
    codes, width, following = [(4, 3)], 3, 6
    table: dict[tuple[int, int], int] = {}
    prefix, *others = pixels
    for pixel in others:
        known = table.get((prefix, pixel))
        if known is not None:
            prefix = known
            continue
        codes.append((prefix, width))
        if following < 4096:
            table[prefix, pixel] = following
            width += following == 1 << width
            following += 1
        else:
            codes.append((4, width))
            table, width, following = {}, 3, 6
        prefix = pixel
    codes += [(prefix, width), (5, width + (following == 1 << width and width < 12))]
    bits = "".join(f"{code:0{w}b}"[::-1] for code, w in codes)
    return np.packbits([int(bit) for bit in bits], bitorder="little").tobytes()


def _files(job: Job) -> dict[str, bytes]:
    image, size, seed, masks = job
    phantom = release.picture(image.exam, 0, size, size, seed)
    if masks is not None:
        release.write_masks(masks, image.stem, phantom)
    values = HIGHEST - stored(phantom.radiograph, 12)
    files = {f"{image.stem}.IMG": values.astype(">u2").tobytes()}
    half = (size // 2, size // 2)
    for name, mask in _structures(phantom).items():
        cover = cv2.resize(mask.astype(np.uint8) * 255, half, interpolation=cv2.INTER_AREA)
        files[f"scratch/{image.fold}/masks/{name}/{image.stem}.gif"] = gif(cover > 127)
    return files


def _structures(phantom: Phantom) -> dict[str, np.ndarray]:
    lungs = phantom.right_lung | phantom.left_lung
    with_heart = phantom.right_lung_with_heart | phantom.left_lung_with_heart
    return {
        "left lung": phantom.left_lung,
        "right lung": phantom.right_lung,
        "heart": with_heart & ~lungs,
    }
