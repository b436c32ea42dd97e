"""Files with the same bytes: one radiograph under two names, or a copy that went wrong."""

import hashlib
import os
import stat
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType

_Key = int | tuple[int, int]
_NOTHING: Mapping[str, str] = MappingProxyType({})
_READ = 1 << 20  # bytes read at a time
_END = 4096  # bytes at each end that are looked at first
_BATCH = 512  # files handed to the threads at a time


def exact(
    root: Path,
    images: Sequence[str],
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
    known: Mapping[str, str] = _NOTHING,
) -> list[tuple[str, ...]]:
    """Groups of two or more paths whose files hold identical bytes, each group and all sorted.

    Only files that share their length and both of their ends with another are read whole. One that
    is missing or cannot be read is in no group, and neither is an empty one.

    Args:
        root: the folder that the paths start from.
        images: paths with forward slashes.
        workers: threads that read and digest.
        progress: called with the number of images that are done.
        known: SHA-256 by path, for files that need not be read again.
    """
    listed = list(dict.fromkeys(images))
    lengths = _shared((_length(root / image), image) for image in listed)
    alike = _shared((_ends(root / image), image) for image in lengths)
    unread = [image for image in alike if image not in known]
    same: dict[str, list[str]] = defaultdict(list)
    for image in known.keys() & set(alike):
        same[known[image]].append(image)
    progress(len(listed) - len(unread))
    for done, (image, digest) in enumerate(digests(root, unread, workers), 1):
        if digest:
            same[digest].append(image)
        progress(len(listed) - len(unread) + done)
    return sorted(tuple(sorted(paths)) for paths in same.values() if len(paths) > 1)


def digests(root: Path, paths: Iterable[str], workers: int = 1) -> Iterator[tuple[str, str]]:
    """Each path with the SHA-256 of its file in hexadecimal, in order; "" where it is unreadable.

    The threads run at once: hashlib lets go of Python's lock while it digests.
    """
    listed = list(paths)
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        # In batches, so that a caller who stops early does not wait for the whole archive.
        for at in range(0, len(listed), _BATCH):
            batch = listed[at : at + _BATCH]
            yield from zip(batch, pool.map(lambda path: _digest(root / path), batch), strict=True)


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    try:
        if not path.is_file():  # opening a pipe would wait for ever
            return ""
        with path.open("rb", buffering=0) as file:
            while data := file.read(_READ):
                found.update(data)
    except OSError:
        return ""
    return found.hexdigest()


def _shared(keyed: Iterable[tuple[_Key | None, str]]) -> list[str]:
    """The paths whose key another path has too; None is no key."""
    found: dict[_Key | None, list[str]] = defaultdict(list)
    for key, path in keyed:
        found[key].append(path)
    return [p for key, paths in found.items() if key is not None and len(paths) > 1 for p in paths]


def _length(path: Path) -> int | None:
    """Bytes of a regular file that is not empty."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) and status.st_size else None


def _ends(path: Path) -> tuple[int, int] | None:
    """A file's length and a checksum of its first and last bytes, which tell most files apart."""
    try:
        with path.open("rb", buffering=0) as file:
            first = file.read(_END)
            length = file.seek(0, os.SEEK_END)
            file.seek(max(length - _END, 0))
            return length, zlib.crc32(file.read(_END), zlib.crc32(first))
    except OSError:
        return None
