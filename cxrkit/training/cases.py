"""Radiographs with lung masks for training: which, in what convention, in which split."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

import cv2
import numpy as np

from cxrkit import archives
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks, radiograph
from cxrkit.records import Record
from cxrkit.segmentation import SIZE, squash
from cxrkit.terms import MASK_CONVENTIONS, MaskConvention, Split

STORED = 320  # pixels: what a training image is kept at, so that zooming in stays sharp
ATTACHED_VALUES = {"lung": (255,), "ignore": (127,)}


@dataclass(frozen=True)
class OfArchive:
    """A radiograph of an archive."""

    archive: str
    root: Path
    record: Record

    @property
    def image_id(self) -> str:
        """As the archive says."""
        return self.record.image_id

    @property
    def patient_id(self) -> str:
        """The patient, or the image itself where the archive names none."""
        return self.record.patient_id or f"image:{self.record.image_id}"

    @property
    def extra(self) -> Mapping[str, str]:
        """The archive's other columns."""
        return self.record.extra

    @property
    def image(self) -> Path:
        """The radiograph's file."""
        return self.root / self.record.image


@dataclass(frozen=True)
class Case(OfArchive):
    """One radiograph and its lung mask: the archive's own, or the file that was attached."""

    attached: Path | None
    convention: MaskConvention
    split: Split = "train"


class OfPatient(Protocol):
    """A frozen dataclass of one image of a patient, such as `Case`."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def archive(self) -> str:
        """The adapter's name."""

    @property
    def image_id(self) -> str:
        """As the archive says."""

    @property
    def patient_id(self) -> str:
        """The patient, or the image itself where the archive names none."""

    @property
    def split(self) -> str:
        """train, validate or test."""

    @property
    def extra(self) -> Mapping[str, str]:
        """The archive's other columns."""


P = TypeVar("P", bound=OfPatient)


@dataclass(frozen=True)
class Pair:
    """A case in memory, squashed to (STORED, STORED): image uint8, lung and ignore bool."""

    case: Case
    image: np.ndarray
    lung: np.ndarray
    ignore: np.ndarray


def gather(
    archive: str, root: Path, attached: Path | None, attached_convention: MaskConvention
) -> list[Case]:
    """The records of an archive that have a lung mask, and the corrupt rows, sorted by image path.

    Args:
        archive: an adapter's name.
        root: the archive's folder.
        attached: a folder of masks for records without their own, matched by file stem.
        attached_convention: the convention of those masks (255 lung, 127 ignore).

    Raises:
        InputRefused: E101, the archive is not there or none of its records has a mask.
    """
    adapter = archives.load(archive)
    own = adapter.CARD.mask_convention
    stems = {p.stem: p for p in sorted(attached.glob("*.png"))} if attached else {}
    cases = []
    for record in adapter.records(root):
        if record.fault:
            cases.append(Case(archive, root, record, None, attached_convention))
        elif record.mask and own in MASK_CONVENTIONS:
            cases.append(Case(archive, root, record, None, own))
        elif Path(record.image).stem in stems:
            file = stems[Path(record.image).stem]
            cases.append(Case(archive, root, record, file, attached_convention))
    if all(case.record.fault for case in cases):
        raise InputRefused(
            "E101", str(root), f"no {archive} image has a lung mask", "masks",
            "give their folder with --masks",
        )  # fmt: skip
    return cases


def sound(listed: Iterable[Case]) -> tuple[list[Case], list[str]]:
    """The cases whose radiograph and mask can be read, and a line for each of the others."""
    good, left_out = [], []
    for case in listed:
        try:
            if case.record.fault:
                raise ItemFault(
                    "E103", case.record.image, case.record.fault, "a whole row",
                    "mend the archive's table",
                )  # fmt: skip
            read(case)
            good.append(case)
        except ItemFault as fault:
            left_out.append(f"{case.archive}:{case.image_id}: {fault}")
    return good, left_out


def require_once(listed: Iterable[OfPatient]) -> None:
    """Check that no image is there twice.

    Raises:
        InputRefused: E107, one is.
    """
    seen: set[tuple[str, str]] = set()
    for one in listed:
        name = (one.archive, one.image_id)
        if name in seen:
            raise InputRefused(
                "E107", ":".join(name), "the image is there twice", "each archive once",
                "name no archive twice, neither itself nor as a dataset",
            )  # fmt: skip
        seen.add(name)


def assign_splits(cases: Iterable[P], validate: float, test: float, seed: int) -> list[P]:
    """The cases with their split: whole patients, per archive, in the order of a seeded hash.

    Patients are taken into test until it holds its share of the archive's images, then into
    validate; the rest trains. Nothing is augmented before this.
    """
    by_archive: dict[str, dict[str, list[P]]] = {}
    for case in cases:
        by_archive.setdefault(case.archive, {}).setdefault(case.patient_id, []).append(case)
    out = []
    for archive, patients in sorted(by_archive.items()):
        total = sum(len(group) for group in patients.values())
        order = sorted(patients, key=lambda p: place(seed, archive, p))
        taken = 0
        for patient in order:
            split: Split = "train"
            if taken < test * total:
                split = "test"
            elif taken < (test + validate) * total:
                split = "validate"
            taken += len(patients[patient])
            out += [replace(case, split=split) for case in patients[patient]]
    return sorted(out, key=lambda c: (c.archive, c.image_id))


def split_hash(cases: Iterable[OfPatient]) -> str:
    """SHA-256 of the sorted (archive, image, split) lines: names the split without listing it."""
    lines = sorted(f"{c.archive}\t{c.image_id}\t{c.split}\n" for c in cases)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_mask(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """The lung and the ignored pixels of the case, two bool arrays of the image's size."""
    if case.attached:
        return masks.read_mask(case.attached, **ATTACHED_VALUES)
    return archives.read_mask(archives.load(case.archive), case.root, case.record)


def read(case: Case) -> Pair:
    """The case at (STORED, STORED), the image averaged down, the mask by nearest neighbour."""
    pixels = radiograph.read(case.image, smallest=STORED).pixels
    lung, ignore = read_mask(case)
    return Pair(
        case,
        cv2.resize(pixels, (STORED, STORED), interpolation=cv2.INTER_AREA),
        masks.resize_mask(lung, STORED, STORED),
        masks.resize_mask(ignore, STORED, STORED),
    )


def read_for_test(case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Image uint8, lung and ignore bool, all (224, 224), by the steps of `cxr build`."""
    pixels = radiograph.read(case.image, smallest=SIZE).pixels
    lung, ignore = read_mask(case)
    return (
        squash(pixels),
        masks.resize_mask(lung, SIZE, SIZE),
        masks.resize_mask(ignore, SIZE, SIZE),
    )


def place(seed: int, archive: str, patient: str) -> str:
    """A patient's place in the seeded order, as text that sorts."""
    return hashlib.sha256(f"{seed}\0{archive}\0{patient}".encode()).hexdigest()
