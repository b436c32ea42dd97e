"""The published checksums of an archive, SHA256SUMS.txt, against its files."""

import os
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cxrkit.errors import InputRefused
from cxrkit.verification.duplicates import digests
from cxrkit.verification.report import BadFile, Check, named, of_files

LIST = "SHA256SUMS.txt"

# PhysioNet writes one space between digest and path; sha256sum two, or a space and a star.
_LINE = re.compile(r"([0-9A-Fa-f]{64}) [ *]?([^ *].*)")


@dataclass(frozen=True)
class Published:
    """The digests of a list by path, and the lines that are none."""

    digests: Mapping[str, str]
    broken: tuple[BadFile, ...]


@dataclass(frozen=True)
class Verified:
    """The checks, the bad files, and the digest of each file that is as published.

    `tables` says whether all tables that the list names are as published; None where it names none.
    """

    checks: tuple[Check, ...]
    bad: tuple[BadFile, ...]
    digests: Mapping[str, str]
    tables: bool | None


def read(root: Path) -> Published | None:
    """The archive's list of checksums; None where it has none.

    A path that leaves the archive is a broken line, and so is one that has two digests.

    Raises:
        InputRefused: E103, the list is there and cannot be read.
    """
    path = root / LIST
    if not path.is_file():
        return None
    try:
        text = os.fsdecode(path.read_bytes())
    except OSError as error:
        raise InputRefused(
            "E103", LIST, type(error).__name__, "a readable list", "check its permissions"
        ) from error
    found: dict[str, str] = {}
    broken = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        match = _LINE.fullmatch(line)
        name = match[2].removeprefix("./") if match else ""
        if match is None or _outside(name) or found.get(name, match[1].lower()) != match[1].lower():
            broken.append(BadFile(f"{LIST}, line {number}", "E103", "no digest and path"))
        else:
            found[name] = match[1].lower()
    return Published(found, tuple(broken))


def verify(
    root: Path,
    disk: Collection[str],
    workers: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Verified:
    """Every listed file against its digest, and the files that the list does not name.

    Args:
        root: the archive.
        disk: its visible files, paths with forward slashes.
        workers: threads that digest.
        progress: called with the files done and their number.
    """
    what = "files with the published checksum"
    published = read(root)
    if published is None:
        note = f"there is no {LIST} in the archive's folder"
        unknown = Check("checksums", what, "unverifiable", None, None, LIST, note)
        return Verified((unknown,), (), {}, None)
    there = [path for path in published.digests if path in disk or (root / path).is_file()]
    absent = published.digests.keys() - set(there)
    bad = [BadFile(path, "E202", f"{LIST} lists it") for path in sorted(absent)]
    bad += published.broken
    same: dict[str, str] = {}
    for done, (path, digest) in enumerate(digests(root, there, workers), 1):
        if digest == published.digests[path]:
            same[path] = digest
        else:
            code, message = ("E220", f"SHA-256 is not that of {LIST}") if digest else _UNREADABLE
            bad.append(BadFile(path, code, message))
        progress(done, len(there))
    total = len(published.digests) + len(published.broken)
    first = of_files("checksums", what, total, bad, LIST)
    unlisted = sorted(set(disk) - published.digests.keys() - {LIST})
    tables = {path for path in published.digests if path.endswith((".csv", ".csv.gz"))}
    whole = tables <= same.keys() if tables else None
    return Verified((first, _unlisted(unlisted)), tuple(bad), same, whole)


_UNREADABLE = ("E201", "it cannot be read")


def _unlisted(paths: list[str]) -> Check:
    """No failure: reports are put beside the images, and wget leaves its index.html files."""
    what = "files that no checksum covers"
    if not paths:
        return Check("checksums", what, "holds", 0, 0, LIST)
    note = f"{named(paths)}: whether they are as published cannot be told"
    return Check("checksums", what, "unverifiable", 0, len(paths), LIST, note)


def _outside(path: str) -> bool:
    """Not below the archive's folder."""
    return "\0" in path or path.startswith("/") or ".." in PurePosixPath(path).parts
