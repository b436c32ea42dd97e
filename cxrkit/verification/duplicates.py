"""Files with the same bytes: one radiograph under two names, or a copy that went wrong."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_READ = 1 << 20  # bytes read at a time
_BATCH = 512  # files handed to the threads at a time


def exact(
    root: Path,
    images: Sequence[str],
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> list[tuple[str, ...]]:
    """Groups of two or more paths whose files hold identical bytes, each group and all sorted.

    Only files that share their length with another are read. One that is missing or cannot be read
    is in no group, and neither is an empty one.

    Args:
        root: the folder that the paths start from.
        images: paths with forward slashes.
        workers: threads that read and digest.
        progress: called with the number of images that are done.
    """
    lengths: dict[int, list[str]] = defaultdict(list)
    for image in dict.fromkeys(images):
        lengths[_length(root / image)].append(image)
    alike = [
        path for length, paths in lengths.items() if length > 0 and len(paths) > 1 for path in paths
    ]
    before = len(images) - len(alike)
    progress(before)
    same: dict[str, list[str]] = defaultdict(list)
    for done, (path, digest) in enumerate(digests(root, alike, workers), 1):
        progress(before + done)
        if digest:
            same[digest].append(path)
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


def _length(path: Path) -> int:
    """Bytes of a regular file, -1 where there is none."""
    try:
        return path.stat().st_size if path.is_file() else -1
    except OSError:
        return -1
