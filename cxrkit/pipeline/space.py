"""How much disk a build needs, told before it begins."""

import os
from pathlib import Path

from cxrkit import outputs
from cxrkit.errors import ResourceExhausted
from cxrkit.pipeline import durable

# Mean bytes of the three files of an image, measured on radiographs of Shenzhen, V7 and Guangzhou;
# a file takes whole blocks of the disk.
_FILES = (10_300, 7_300, 1_100)
_ROW = 3_300  # bytes of an image's row in its block, the four CSVs, the sums and records.parquet
_REPORT = 3 * 700  # a report, in three of these


def needed(images: int, folders: int, reports: bool, out: Path) -> int:
    """Bytes on the disk that holds `out` for so many images in so many folders of p and s."""
    files = sum(on_disk(size, out) for size in _FILES)
    rows = _ROW + (_REPORT if reports else 0)
    return images * (files + rows) + 2 * folders * on_disk(1, out)  # below files/ and below masks/


def on_disk(size: int, out: Path) -> int:
    """Bytes that a file of this size takes on the disk that holds `out`: whole blocks."""
    block = os.statvfs(_existing(out)).f_frsize
    return -(-size // block) * block


def require(amount: int, out: Path) -> None:
    """Check that the disk has so many bytes left.

    Raises:
        ResourceExhausted: E601, it has not.
    """
    status = os.statvfs(_existing(out))
    free = status.f_bavail * status.f_frsize
    if amount > free:
        raise ResourceExhausted(
            "E601",
            str(out),
            f"{free / 1e6:,.0f} MB free",
            f"about {amount / 1e6:,.0f} MB",
            "make room, or choose a folder on another disk",
        )


def require_writable(out: Path) -> None:
    """Make the folder, and check that a file can be written there.

    Raises:
        InputRefused, ResourceExhausted: as `outputs.writing`.
    """
    outputs.require_folder(out)
    durable.make_folder(out / "runs" / "tmp")


def _existing(path: Path) -> Path:
    """The path or the nearest folder above it that exists."""
    path = path.absolute()
    return next(folder for folder in (path, *path.parents) if folder.exists())
