"""Is a copy of a published archive complete and correct?"""

from collections.abc import Callable, Collection, Mapping
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
    verified = _NO_SUMS
    disk = files.listing(root) if set(looked) & set(NEED_IMAGES) else set()
    if "checksums" in looked:
        said = _saying("checksums", progress)
        verified = checksums.verify(root, disk, options.workers, said)
        checks += verified.checks
        bad += verified.bad
    if "claims" in looked:
        marked = archives.annotations(archive, root)
        checks += facts.claim_checks(archive.CARD.claims, table, marked)
    if "tables" in looked:
        checks.append(facts.tables_check(table, verified.tables is True))
        bad += facts.faulty_rows(table)
    counts = facts.counts_hold(checks)
    as_published = counts if verified.tables is None else verified.tables
    if "ids" in looked:
        checks += facts.id_checks(table, as_published)
    if "splits" in looked:
        checks += facts.split_checks(table, as_published)
    copy = _Copy(archive_name, root, table.filter(pl.col("fault") == ""), disk, verified.digests)
    for group, look in _GROUPS.items():
        if group in looked:
            found, bad_files = look(copy, options, progress)
            checks += found
            bad += bad_files
    # A broken file can be met in several groups; the first that names it says most.
    once = {(file.path, file.code): file for file in reversed(bad)}
    ordered = sorted(checks, key=lambda check: GROUPS.index(check.group))
    bad_files = [once[key] for key in sorted(once)]
    return Report(archive_name, tuple(ordered), tuple(bad_files), options.skip)


@dataclass(frozen=True)
class _Copy:
    """What the checks of images need: records without a fault, files, digests as published."""

    archive: str
    root: Path
    table: pl.DataFrame
    disk: Collection[str]
    published: Mapping[str, str]

    def there(self) -> pl.DataFrame:
        """The records whose images are there."""
        images = self.table["image"]
        return self.table.filter([i in self.disk or (self.root / i).is_file() for i in images])


_Found = tuple[list[Check], list[BadFile]]


def _files(copy: _Copy, options: Options, progress: Progress) -> _Found:
    checks: list[Check] = []
    bad: list[BadFile] = []
    absent = archives.load(copy.archive).CARD.absent
    missing = files.missing(copy.root, copy.table, copy.disk, absent)
    for check, found in (missing, files.extra(copy.table, copy.disk)):
        checks.append(check)
        bad += found
    said = _saying("duplicates", progress)
    twice = files.duplicated(copy.root, copy.there(), copy.published, options.workers, said)
    return [*checks, *twice[0]], [*bad, *twice[1]]


def _sizes(copy: _Copy, options: Options, progress: Progress) -> _Found:
    said = _saying("headers", progress)
    return pictures.size_checks(copy.root, copy.there(), copy.published, options.workers, said)


def _decode(copy: _Copy, options: Options, progress: Progress) -> _Found:
    said = _saying("decoding", progress)
    chosen = pictures.sampled(copy.there(), options.sample, options.seed)
    return pictures.decode_checks(
        copy.archive, copy.root, chosen, copy.published, options.workers, said
    )


_NO_SUMS = checksums.Verified((), (), {}, None)
_GROUPS = {"files": _files, "sizes": _sizes, "decode": _decode}


def _accept(options: Options) -> None:
    """Raises: InputRefused: E107."""
    known = [group for group in GROUPS if group != "layout"]
    for group in options.skip:
        if group not in known:
            raise InputRefused("E107", "--skip", group, ", ".join(known), "name one of these")


def _saying(what: str, progress: Progress) -> Callable[[int, int], None]:
    return lambda done, total: progress(what, done, total)
