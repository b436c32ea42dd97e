"""Is a copy of a published archive complete and correct?"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from cxrkit import archives
from cxrkit.errors import InputRefused
from cxrkit.verification import checksums, facts, files, pictures
from cxrkit.verification.report import GROUPS, NEED_IMAGES, BadFile, Check, Report

Progress = Callable[[str, int, int], None]  # what is being done, files done, and how many


@dataclass(frozen=True)
class Options:
    """What is looked at, and by how many processes; the report does not depend on the latter."""

    skip: tuple[str, ...] = ()  # groups of checks
    sample: int | None = None  # images that are decoded; None: all
    seed: int = 0  # of the sample
    workers: int = 1


def verify(
    archive_name: str,
    root: Path,
    options: Options,
    progress: Progress = lambda what, done, total: None,
) -> Report:
    """Every check of the copy at `root`, in the order of `GROUPS`.

    Raises:
        InputRefused: E101 to E103 as the adapter's `records`, E107 for an unknown group.
    """
    _accept(options)
    looked = [group for group in GROUPS if group not in options.skip]
    archive = archives.load(archive_name)
    table = archives.table(archive, root)
    checks = [Check("layout", "folders and tables", "holds", None, None, "the archive's layout")]
    bad: list[BadFile] = []
    if "tables" in looked:
        checks.append(facts.tables_check(table))
        bad += facts.faulty_rows(table)
    if "claims" in looked:
        marked = archives.annotations(archive, root)
        checks += facts.claim_checks(archive.CARD.claims, table, marked)
    as_published = facts.counts_hold(checks)
    if "ids" in looked:
        checks += facts.id_checks(table, as_published)
    if "splits" in looked:
        checks += facts.split_checks(table, as_published)
    if any(group in looked for group in NEED_IMAGES):
        of_images, bad_images = _of_images(archive_name, root, table, looked, options, progress)
        checks += of_images
        bad += bad_images
    # A broken file can be met in several groups; the first that names it says most.
    once = {(file.path, file.code): file for file in reversed(bad)}
    ordered = tuple(once[key] for key in sorted(once))
    return Report(archive_name, tuple(checks), ordered, options.skip)


def _accept(options: Options) -> None:
    """Raises: InputRefused: E107."""
    known = [group for group in GROUPS if group != "layout"]
    for group in options.skip:
        if group not in known:
            raise InputRefused("E107", "--skip", group, ", ".join(known), "name one of these")


def _of_images(
    name: str,
    root: Path,
    table: pl.DataFrame,
    looked: Iterable[str],
    options: Options,
    progress: Progress,
) -> tuple[list[Check], list[BadFile]]:
    """The checks that open or list the archive's files."""
    checks: list[Check] = []
    bad: list[BadFile] = []
    disk = files.listing(root)
    fine = table.filter(pl.col("fault") == "")
    published: Mapping[str, str] = {}
    if "checksums" in looked:
        said = _saying("checksums", progress)
        verified = checksums.verify(root, disk, options.workers, said)
        checks += verified.checks
        bad += verified.bad
        published = verified.digests
    there = fine.filter([image in disk or (root / image).is_file() for image in fine["image"]])
    if "files" in looked:
        said = _saying("duplicates", progress)
        for check, found in (files.missing(root, fine, disk), files.extra(fine, disk)):
            checks.append(check)
            bad += found
        twice, found = files.duplicated(root, there, published, options.workers, said)
        checks += twice
        bad += found
    if "sizes" in looked:
        said = _saying("headers", progress)
        found_checks, found = pictures.size_checks(root, there, published, options.workers, said)
        checks += found_checks
        bad += found
    if "decode" in looked:
        said = _saying("decoding", progress)
        chosen = pictures.sampled(there, options.sample, options.seed)
        found_checks, found = pictures.decode_checks(
            name, root, chosen, published, options.workers, said
        )
        checks += found_checks
        bad += found
    return checks, bad


def _saying(what: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(what, done, total)
