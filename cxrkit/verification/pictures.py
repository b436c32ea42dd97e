"""Every image and mask of a copy: its announced size, and whether it can be decoded."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from cxrkit import archives
from cxrkit import records as rows
from cxrkit.archives import Archive
from cxrkit.errors import ItemFault
from cxrkit.imaging import processes, radiograph, sizes
from cxrkit.records import Record
from cxrkit.verification.report import BadFile, Check, bad_file, of_files

_TABLES = (".csv", ".csv.gz")  # of run lengths, a row for each mask
_CHUNK = 16  # records that a process decodes at a time
_SMALLEST = 224  # pixels; a JPEG is read to its end whatever the size it is decoded at


def size_checks(
    root: Path,
    table: pl.DataFrame,
    published: Mapping[str, str],
    workers: int,
    progress: Callable[[int, int], None],
) -> tuple[list[Check], list[BadFile]]:
    """Headers that can be read, sizes as in the table, and names that fit the content.

    Args:
        root: the archive.
        table: records whose images are there.
        published: digests of files that are as published.
        workers: processes that read.
        progress: called with the images done and their number.
    """
    images = table["image"].to_list()
    found = sizes.measure(root, images, workers, lambda done: progress(done, len(images)))
    unread = [
        BadFile(image, fault[:4], fault[5:])
        for image, fault in found.filter(pl.col("fault") != "").select("image", "fault").iter_rows()
    ]
    kinds = Counter(found.filter(pl.col("fault") == "")["kind"])
    note = ", ".join(f"{number:,} {kind}" for kind, number in sorted(kinds.items()))
    other = _other_sizes(table, found)
    known = table.filter(pl.col("rows").is_not_null() & pl.col("columns").is_not_null()).height
    misnamed = [
        BadFile(image, "E217", f"its content is {kind}")
        for image, kind in found.select("image", "kind").iter_rows()
        if kind and radiograph.wrong_extension(image, kind)
    ]
    total = len(images)
    checks = [
        of_files("sizes", "headers that can be read", total, unread, "the files", published, note),
        of_files("sizes", "sizes as in the table", known, other, "the archive's table", published),
        of_files("sizes", "names that fit the content", total, misnamed, "the files", published),
    ]
    if not known:
        why = "no table says how large the images are"
        checks[1] = Check(
            "sizes", checks[1].what, "unverifiable", None, None, checks[1].source, why
        )
    return checks, [*unread, *other, *misnamed]


def _other_sizes(table: pl.DataFrame, found: pl.DataFrame) -> list[BadFile]:
    both = found.select("image", pl.col("rows").alias("h"), pl.col("columns").alias("w")).hstack(
        table.select("rows", "columns")
    )
    other = both.filter((pl.col("h") != pl.col("rows")) | (pl.col("w") != pl.col("columns")))
    return [
        BadFile(image, "E221", f"{h} x {w} pixels (expected {rows} x {columns} as in the table)")
        for image, h, w, rows, columns in other.iter_rows()
    ]


def sampled(table: pl.DataFrame, number: int | None, seed: int) -> pl.DataFrame:
    """So many of the records in their order, chosen by a hash of the seed and their ids; or all.

    A record's hash does not depend on the others, so a larger sample holds the smaller one.
    """
    if number is None or number >= table.height:
        return table
    ranks = [hashlib.sha256(f"{seed}:{i}".encode()).hexdigest() for i in table["image_id"]]
    chosen = sorted(range(table.height), key=lambda row: ranks[row])[:number]
    return table[sorted(chosen)]


def decode_checks(
    archive: str,
    root: Path,
    chosen: pl.DataFrame,
    published: Mapping[str, str],
    workers: int,
    progress: Callable[[int, int], None],
) -> tuple[list[Check], list[BadFile]]:
    """Images that can be decoded; masks that can, have their image's size and show a lung.

    Args:
        archive: the adapter's name.
        root: the archive.
        chosen: the records whose files are decoded.
        published: digests of files that are as published.
        workers: processes that decode.
        progress: called with the records done and their number.
    """
    images: list[BadFile] = []
    masks: list[BadFile] = []
    done = 0
    chunks = (list(rows.from_frame(part)) for part in chosen.iter_slices(_CHUNK))
    decode = partial(_decode, archive, root)
    for number, of_images, of_masks in processes.each(decode, chunks, _died, workers):
        images += of_images
        masks += of_masks
        done += number
        progress(done, chosen.height)
    masked = chosen.filter(pl.col("mask") != "").height
    for bad in (images, masks):
        bad.sort(key=lambda file: file.path)
    checks = [
        of_files(
            "decode", "images that can be decoded", chosen.height, images, "the files", published
        )
    ]
    if masked:
        what = "masks that fit their images"
        shared = {mask for mask in chosen["mask"].unique() if mask.endswith(_TABLES)}
        if shared:  # the table tells whether the release itself is so, not the image
            published = dict.fromkeys((b.path for b in masks if shared <= set(published)), "")
        checks.append(of_files("decode", what, masked, masks, "the files", published))
    return checks, [*images, *masks]


_Found = tuple[int, list[BadFile], list[BadFile]]


def _died(record: Record) -> _Found:
    message = "the process that decoded it died (expected an image)"
    return 1, [BadFile(record.image, "E301", message)], []


def _decode(name: str, root: Path, records: Sequence[Record]) -> _Found:
    archive = archives.load(name)
    images: list[BadFile] = []
    masks: list[BadFile] = []
    for record in records:
        try:
            picture = radiograph.read(root / record.image, _SMALLEST)
        except Exception as error:  # one file must never stop the others
            images.append(bad_file(record.image, _fault(error)))
            continue  # what a mask must fit is unknown
        try:
            _check_mask(archive, root, record, (picture.rows, picture.columns))
        except Exception as error:
            masks.append(_bad_mask(record, _fault(error)))
    return len(records), images, masks


def _bad_mask(record: Record, fault: ItemFault) -> BadFile:
    """The mask file; the image, where one table holds the masks of many."""
    if not record.mask.endswith(_TABLES):
        return bad_file(record.mask, fault)
    bad = bad_file(record.image, fault)
    return replace(bad, message=f"its mask in {record.mask}: {bad.message}")


def _fault(error: Exception) -> ItemFault:
    """The error as a fault of one file; nothing of a foreign error's text is shown."""
    if isinstance(error, ItemFault):
        return error
    if isinstance(error, MemoryError):
        return ItemFault("E302", "", "memory ran out", "an image that fits", "use fewer workers")
    return ItemFault("E399", "", type(error).__name__, "a result", "report it")


def _check_mask(archive: Archive, root: Path, record: Record, size: tuple[int, int]) -> None:
    """Raises: ItemFault: E231 for a mask of another size or without a lung, and as `read_mask`."""
    if not record.mask:
        return
    mask, _ = archives.read_mask(archive, root, record)
    if mask.shape != size:
        raise ItemFault(
            "E231",
            record.mask,
            f"{mask.shape[0]} x {mask.shape[1]} pixels",
            f"{size[0]} x {size[1]} as the image",
            "use image and mask of one release",
        )
    # A lateral view or a CT slice may have an empty mask, as in V7.
    frontal = record.frontal or (not record.view and archive.CARD.blank_view_is_frontal)
    if archive.CARD.mask_of == "lungs" and frontal and not mask.any():
        raise ItemFault("E231", record.mask, "no pixel is marked", "a lung", "copy the file again")
