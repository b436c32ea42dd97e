"""Any radiograph file as one gray (H, W) uint8 image with air dark, and how it came to be.

The kind is told from the content; a name is used in messages only, except for .IMG files of JSRT,
which have no header. EXIF rotation is never applied.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.imaging import dicom, headerless, raster
from cxrkit.imaging.headers import PIXEL_LIMIT, PNG_SIGNATURE

# 16-bit RGBA of the most pixels that are read, without compression.
BYTE_LIMIT = 8 * PIXEL_LIMIT

_SUFFIXES = {
    "jpg": "jpeg", "jpeg": "jpeg", "jpe": "jpeg", "jfif": "jpeg", "png": "png", "tif": "tiff",
    "tiff": "tiff", "dcm": "dicom", "dicom": "dicom", "gif": "gif", "bmp": "bmp", "webp": "webp",
    "jp2": "jp2",
}  # fmt: skip
_LFS_POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class Radiograph:
    """A radiograph as it is used from here on.

    `pixels` is (H, W) uint8 with air dark, at the source's size or reduced by 2, 4 or 8; `rows` and
    `columns` are the source's size. `trace` names each step in order, `flags` what a person should
    look at ("colour", "colour-marks" beside it where little of the picture is coloured, "alpha",
    "exif-orientation-6"), `view` is the DICOM View Position where it is one of the known ones, else
    empty.
    """

    pixels: np.ndarray
    rows: int
    columns: int
    kind: str
    trace: tuple[str, ...]
    flags: tuple[str, ...]
    view: str = ""


def sniff(head: bytes) -> str:
    """ "jpeg", "png", "tiff" or "dicom" from a file's first 132 bytes or more; else empty."""
    if head[:3] == b"\xff\xd8\xff":
        return "jpeg"
    if head[:8] == PNG_SIGNATURE:
        return "png"
    if head[:4] in (b"II*\0", b"MM\0*"):
        return "tiff"
    return "dicom" if dicom.is_dicom(head) else ""


def wrong_extension(name: str, kind: str) -> bool:
    """The name ends in the suffix of another kind of image. No or an unknown suffix is fine."""
    known = _SUFFIXES.get(PurePath(name).suffix.lower().lstrip("."), "")
    return known not in ("", kind)


def decode(data: bytes, name: str, smallest: int | None = None) -> Radiograph:
    """The radiograph in `data`; `name` appears in messages, and decides for .IMG alone.

    With `smallest`, the image is reduced by the largest of 8, 4, 2 that leaves both sides at least
    that long: JPEG while it is decoded, all others by the box mean.

    Raises:
        ItemFault: E210 to E219 as listed in docs/reading.md, E106 where a codec is not installed.
    """
    kind, view = sniff(data[:256]), ""
    if kind == "jpeg":
        plane = raster.read_jpeg(data, name, smallest)
    elif kind == "png":
        plane = raster.read_png(data, name, smallest)
    elif kind == "tiff":
        plane = raster.read_tiff(data, name, smallest)
    elif kind == "dicom":
        plane, view = dicom.read_dicom(data, name, smallest)
    elif _may_be_headerless(data, name):
        kind, plane = "headerless", headerless.read(data, name, smallest)
    else:
        raise no_image(data, name)
    if plane.pixels.min() == plane.pixels.max():
        raise ItemFault(
            "E216",
            name,
            "every pixel has the same value",
            "a radiograph",
            "export the image again, or leave it out",
        )
    return Radiograph(plane.pixels, plane.rows, plane.columns, kind, plane.trace, plane.flags, view)


def read(path: Path, smallest: int | None = None) -> Radiograph:
    """The radiograph in the file at `path`; see `decode`.

    Raises:
        ItemFault: as `decode`, and E201 unreadable, E202 missing, E203 not a file.
    """
    return decode(file_bytes(path), path.name, smallest)


def _may_be_headerless(data: bytes, name: str) -> bool:
    """Called .IMG, and neither empty nor a pointer nor a web page."""
    return name.lower().endswith(headerless.SUFFIX) and no_image(data, name).code == "E212"


def file_bytes(path: Path) -> bytes:
    """The content of a regular file; a pipe or a device is refused without opening it.

    Raises:
        ItemFault: E201 unreadable, E202 missing, E203 not a file, E211 larger than BYTE_LIMIT.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ItemFault(
                "E203", path.name, "a folder, a pipe or a device", "a file", "remove or rename it"
            )
        # root may read such a file; a run as root must still give what a user's run gives
        if not status.st_mode & 0o444:
            raise _unreadable(path.name, "no read permission")
        if status.st_size > BYTE_LIMIT:
            raise ItemFault(
                "E211", path.name, f"{status.st_size} bytes", f"at most {BYTE_LIMIT} bytes",
                "check where the file comes from",
            )  # fmt: skip
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ItemFault(
            "E202", path.name, "there is no such file", "a file", "restore it from the archive"
        ) from error
    except OSError as error:
        raise _unreadable(path.name, os.strerror(error.errno or 0)) from error


def _unreadable(name: str, observed: str) -> ItemFault:
    return ItemFault(
        "E201", name, observed, "a readable file", "give read permission, or check the disk"
    )


def no_image(data: bytes, name: str) -> ItemFault:
    """The fault of a file whose content is no image that is read."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data:
        return ItemFault("E210", name, "zero bytes", "an image", "copy or download the file again")
    if head.startswith(_LFS_POINTER):
        return ItemFault(
            "E218", name, "a Git LFS pointer", "the image itself", "run git lfs pull in the archive"
        )
    if head.startswith((b"<!doctype html", b"<head")) or b"<html" in head:
        return ItemFault(
            "E219", name, "a web page", "an image", "log in and download the file again"
        )
    return ItemFault(
        "E212",
        name,
        "the content is of no known kind of image",
        "PNG, JPEG, TIFF or DICOM",
        "convert it, or remove it from the folder",
    )
