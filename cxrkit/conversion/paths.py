"""Output paths of a conversion: those of the archive with another suffix, kept distinct."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence

import polars as pl

# Of images as archives name them. The last part of a UID is no suffix: 1.2.840.10008.5 stays whole.
_SUFFIX = re.compile(r"\.(dcm|dicom|png|jpe?g|jpe|jfif|tiff?|img)(\.gz)?$", re.IGNORECASE)
_NAME_BYTES = 255  # of a file name, on every common file system
_DIGITS = 8  # of SHA-256 behind a name that is not distinct


def renamed(table: pl.DataFrame, suffix: str) -> list[str]:
    """Each record's own path with `suffix` in place of the image's suffix, see `distinct`."""
    images = table["image"].to_list()
    return distinct([_SUFFIX.sub("", image) + suffix for image in images], images)


def distinct(paths: Sequence[str], images: Sequence[str]) -> list[str]:
    """The paths, where necessary with eight hexadecimal digits behind the stem.

    The digits are of the SHA-256 of the record's own path. They are added to all paths that meet,
    also where a file system takes capital for small letters, to one that is the folder of another
    too, and to a name that is too long, which is cut.
    """
    counts = Counter(map(folded, paths))
    folders = {folder for path in paths for folder in _folders(folded(path))}
    return [
        _numbered(path, image)
        if counts[folded(path)] > 1 or folded(path) in folders or _is_long(path)
        else path
        for path, image in zip(paths, images, strict=True)
    ]


def clashes(outputs: Sequence[str]) -> list[str]:
    """The outputs that are alike to some file system, or the folder of another one."""
    counts = Counter(map(folded, outputs))
    folders = {folder for path in outputs for folder in _folders(folded(path))}
    return [p for p in outputs if counts[folded(p)] > 1 or folded(p) in folders]


def is_plain(path: str) -> bool:
    """The path is relative, stays in its folder, and can be a line of a table of sums."""
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    inside = all(part not in ("", ".", "..") for part in path.split("/"))
    return inside and "\\" not in path and not any(unicodedata.category(c) == "Cc" for c in path)


def folded(path: str) -> str:
    """The path as a file system sees it that takes capital for small letters (APFS, NTFS)."""
    return unicodedata.normalize("NFC", path).casefold()


def _folders(path: str) -> Iterator[str]:
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _is_long(path: str) -> bool:
    return len(path.rpartition("/")[2].encode("utf-8")) > _NAME_BYTES


def _numbered(path: str, image: str) -> str:
    folder, slash, name = path.rpartition("/")
    stem, dot, suffix = name.rpartition(".")
    end = f"-{hashlib.sha256(image.encode()).hexdigest()[:_DIGITS]}{dot}{suffix}"
    room = _NAME_BYTES - len(end.encode())
    return f"{folder}{slash}{stem.encode()[:room].decode(errors='ignore')}{end}"
