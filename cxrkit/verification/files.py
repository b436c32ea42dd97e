"""Which images of an archive are missing, which are too many, and which are there twice."""

import os
import posixpath
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl

from cxrkit.verification.duplicates import exact
from cxrkit.verification.report import BadFile, Check, of_files

# Radiographs are published as these; GIF is left out, which archives use for masks alone.
_SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".tif", ".tiff", ".dcm", ".dicom"))
_SOURCE = "the archive's records"


def listing(root: Path) -> set[str]:
    """Every visible file below `root`, paths with forward slashes; links to folders are followed.

    Hidden files and folders, a leading dot, are left out.
    """
    found: set[str] = set()
    seen: set[str] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link to a folder above would never end
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = Path(folder).relative_to(root).as_posix()
        start = "" if place == "." else f"{place}/"
        found.update(start + name for name in names if not name.startswith("."))
    return found


def missing(
    root: Path, table: pl.DataFrame, disk: Collection[str], absent: int
) -> tuple[Check, list[BadFile]]:
    """Images and masks that records name and that are not there.

    Up to `absent` of them are missing in the release itself and do not count against a copy.
    """
    wanted = sorted(_named(table))
    bad = [
        BadFile(path, "E202", "a record names it, and there is no such file")
        for path in wanted
        if path not in disk and not (root / path).is_file()
    ]
    check = of_files("files", "images and masks that records name", len(wanted), bad, _SOURCE)
    if 0 < len(bad) <= absent:
        note = f"{check.note}; the release itself lacks {absent}"
        check = replace(check, status="false", note=note)
    return check, bad


def extra(table: pl.DataFrame, disk: Iterable[str]) -> tuple[Check, list[BadFile]]:
    """Images among those of the archive, or among its masks, that no record names.

    Looked for below the folder that holds all images and in the folders of masks, among files with
    the suffixes of images.
    """
    images = _column(table, "image")
    below = os.path.commonpath([_folder(image) for image in images]) if images else ""
    below = f"{below}/" if below else ""
    beside = {_folder(mask) for mask in _column(table, "mask")}
    suffixes = _SUFFIXES | {_suffix(image) for image in images} - {""}
    there = [
        path
        for path in disk
        if _suffix(path) in suffixes and (path.startswith(below) or _folder(path) in beside)
    ]
    bad = [BadFile(path, "E223", "no record names it") for path in sorted({*there} - _named(table))]
    check = of_files("files", "images and masks that are there", len(there), bad, _SOURCE)
    return replace(check, claimed=check.found, found=check.claimed), bad


def duplicated(
    root: Path,
    table: pl.DataFrame,
    published: Mapping[str, str],
    workers: int,
    progress: Callable[[int, int], None],
) -> tuple[list[Check], list[BadFile]]:
    """Images whose bytes are those of another one: of another patient, or of the same.

    A release may hold a radiograph of a patient twice, as V7 does; only published checksums tell
    whether it is the copy that does. One radiograph of two patients is wrong in any case.

    Args:
        root: the archive.
        table: records whose images are there.
        published: digests that are known, of files that are as published.
        workers: threads that read.
        progress: called with the images done and their number.
    """
    patients = dict(table.select("image", "patient_id").iter_rows())
    images = list(patients)
    torn: list[BadFile] = []
    alike: list[BadFile] = []
    for group in exact(root, images, workers, lambda n: progress(n, len(images)), published):
        several = len({patients[image] for image in group} - {""}) > 1
        also = " of another patient" if several else ""
        (torn if several else alike).extend(
            BadFile(image, "E222", f"the same bytes as {group[0]}{also}") for image in group[1:]
        )
    about = (len(images), torn, "counted", published)
    first = of_files("files", "images that are of one patient alone", *about)
    about = (len(images), alike, "counted", published)
    second = of_files("files", "images with bytes of their own", *about)
    if second.status == "failed":
        note = f"{second.note}; whether the release has them twice too cannot be told"
        second = replace(second, status="unverifiable", note=note)
    return [first, second], [*torn, *alike]


def _named(table: pl.DataFrame) -> set[str]:
    return {*_column(table, "image"), *_column(table, "mask")}


def _column(table: pl.DataFrame, name: str) -> list[str]:
    values: list[str] = table.filter(pl.col(name) != "")[name].to_list()
    return values


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _suffix(path: str) -> str:
    return posixpath.splitext(path)[1].lower()
