"""Which images of an archive are built, in which blocks, under which identifiers.

The archive's list is walked twice: once to count, to number patients and studies and to take a
digest of everything listed, once to cut it into blocks. So memory holds the identifiers, not the
records.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cxrkit import archives, frontal
from cxrkit.archives import Archive
from cxrkit.errors import InputRefused, ItemFault, ResourceExhausted
from cxrkit.pipeline import block, identifiers
from cxrkit.pipeline.block import Block
from cxrkit.records import Record
from cxrkit.terms import Split


@dataclass(frozen=True)
class Item:
    """One image to build, with its identifiers in the dataset."""

    record: Record
    patient: str  # 8 digits
    study: str  # 8 digits
    image: str  # 40 hexadecimal digits
    split: Split

    @property
    def folder(self) -> str:
        """The folder of the image below files/ and masks/."""
        return f"p{self.patient[:2]}/p{self.patient}/s{self.study}"

    @property
    def outputs(self) -> tuple[str, str, str]:
        """The image, its published JPEG mask and its lossless mask, relative to the dataset."""
        name = f"{self.folder}/{self.image}"
        return f"files/{name}.jpg", f"files/{name}-mask.jpg", f"masks/{name}.png"


@dataclass(frozen=True)
class Plan:
    """What the archive lists: `records` = `selected` + all of `skipped`."""

    records: int
    selected: int
    skipped: Mapping[str, int]  # by rule
    reports: bool  # at least one report is there
    digest: str  # SHA-256 of everything listed
    patients: Mapping[str, str]  # patient key to number, where the archive has no MIMIC numbers
    studies: Mapping[str, str]
    folders: int  # of patients and studies below files/


def survey(archive: Archive, root: Path) -> Plan:
    """The plan for the archive at `root`, from its list alone.

    Raises:
        InputRefused: E101 to E103 from the archive; E103, two images share one identifier.
    """
    skipped: Counter[str] = Counter()
    digest, seen = hashlib.sha256(), array("Q")
    patients: set[str] = set()
    studies: set[str] = set()
    kept_patients: set[str] = set()
    kept_studies: set[str] = set()
    reports = False
    name = ""
    for record in archive.records(root):
        name = record.archive
        digest.update(line_of(record))
        if rule := frontal.rule_of(record, archive):
            skipped[rule] += 1
            continue
        seen.append(_fingerprint(record))
        reports = reports or _has_report(archive, root, record)
        if identifiers.are_mimic(record):
            kept_patients.add(record.patient_id)
            kept_studies.add(record.study_id)
        else:
            patients.add(identifiers.patient_key(record))
            studies.add(identifiers.study_key(record))
    if not seen and not skipped:
        raise archives.no_image(archive, root)
    _require_unique(seen, archive, root)
    return Plan(
        records=len(seen) + skipped.total(),
        selected=len(seen),
        skipped=dict(sorted(skipped.items())),
        reports=reports,
        digest=digest.hexdigest(),
        patients=identifiers.numbers(name, "1", patients, kept_patients),
        studies=identifiers.numbers(name, "5", studies, kept_studies),
        folders=sum(map(len, (patients, studies, kept_patients, kept_studies))),
    )


def blocks(archive: Archive, root: Path, plan: Plan, seed: int) -> Iterator[Block]:
    """All blocks in order.

    Raises:
        InputRefused: E207, the archive no longer lists what the plan saw.
        ResourceExhausted: E202, it can no longer be listed at all.
    """
    return block.cut(_items(archive, root, plan, seed))


def _items(archive: Archive, root: Path, plan: Plan, seed: int) -> Iterator[Item]:
    digest = hashlib.sha256()
    for record in _listed_again(archive, root):
        digest.update(line_of(record))
        if not frontal.rule_of(record, archive):
            yield _item(record, plan, seed, root)
    if digest.hexdigest() != plan.digest:
        raise _changed(root)


def _listed_again(archive: Archive, root: Path) -> Iterator[Record]:
    """The records; what refuses them now, after they were listed before, is a disk that is gone."""
    try:
        yield from archive.records(root)
    except InputRefused as refused:
        raise gone(root, f"the archive can no longer be listed: {refused.observed}") from refused


def gone(root: Path, observed: str) -> ResourceExhausted:
    """The failure of a run whose archive vanished."""
    return ResourceExhausted(
        "E202",
        str(root),
        observed,
        "the archive's files",
        "is the disk still mounted? then run the same command again: it goes on",
    )


def _item(record: Record, plan: Plan, seed: int, root: Path) -> Item:
    patient = identifiers.patient_key(record)
    split = identifiers.split_of(seed, record.archive, patient)
    if identifiers.are_mimic(record):
        return Item(record, record.patient_id, record.study_id, record.image_id, split)
    study = identifiers.study_key(record)
    if patient not in plan.patients or study not in plan.studies:
        raise _changed(root)
    image = identifiers.image_number(record.archive, record.image_id)
    return Item(record, plan.patients[patient], plan.studies[study], image, split)


def _changed(root: Path) -> InputRefused:
    return InputRefused(
        "E207",
        str(root),
        "the archive's list changed while it was read",
        "the same files during the whole run",
        "wait until the archive is complete, then build it into a new folder",
    )


def line_of(record: Record) -> bytes:
    """Everything the archive says of the image, as one line."""
    facts = vars(record) | {"labels": dict(record.labels), "extra": dict(record.extra)}
    return json.dumps(facts).encode("ascii") + b"\n"


def _fingerprint(record: Record) -> int:
    """64 bits of the image's identifier in the dataset."""
    mimic = identifiers.are_mimic(record)
    number = record.image_id if mimic else identifiers.image_number(record.archive, record.image_id)
    return int(number.replace("-", "")[:16], 16)


def _require_unique(seen: "array[int]", archive: Archive, root: Path) -> None:
    if np.unique(np.array(seen, np.uint64)).size == len(seen):
        return
    counts = Counter(seen)
    twice = next(r for r in archive.records(root) if counts[_fingerprint(r)] > 1)
    raise InputRefused(
        "E103",
        twice.image,
        "two images of the archive share its identifier",
        "one identifier for each image",
        "remove the copy from the archive",
    )


def _has_report(archive: Archive, root: Path, record: Record) -> bool:
    report = getattr(archive, "report", None)
    try:
        return report is not None and report(root, record) is not None
    except ItemFault:
        return True  # it is there and cannot be read: quarantined with its image
