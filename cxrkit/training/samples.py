"""Frontal radiographs with their labels and reports, and in which split each patient is.

For what is learnt from a whole radiograph: classification and report generation. They come from an
archive, or from a dataset of `cxr build`, which brings its lung masks and its split.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from cxrkit import archives, dataset, frontal
from cxrkit.archives import Archive
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.pipeline import assemble, labels, seal
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS, SPLITS, MaskConvention, Split, observations
from cxrkit.training import cases

_BUILT = (  # columns of a dataset's records.parquet
    "archive", "image_id", "image", "patient_id", "view", "sex", "age", "rows", "columns",
    *OBSERVATIONS, "labels", "extra", "split", "report", "segmented", "mask", "mask_convention",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """One frontal radiograph of a patient.

    `labels` holds the archive's own names and, where they are one of the 14 observations, those
    too. `image` is None for a dataset without its archive, whose `lungs` are the lungs alone.
    `mask` is the dataset's lung mask; an archive's own masks are not used, since they cover only
    some images, and which ones may hang on the label.
    """

    archive: str
    image_id: str
    patient_id: str  # the image itself where the archive names no patient
    view: str
    sex: str
    age: float | None  # years
    split: Split | Literal[""]
    labels: Mapping[str, int]  # 1, 0, -1; not mentioned: not there
    report: str
    image: Path | None
    lungs: Path | None
    mask: Path | None
    mask_convention: MaskConvention | Literal[""] = ""  # of `mask`
    extra: Mapping[str, str] = field(default_factory=dict)  # the archive's other columns
    fault: str = ""  # of the archive's table: its image is left out
    rows: int | None = None  # of the source
    columns: int | None = None


def gather(
    source: str, images: Path | None = None, reports: bool = True, published: bool = False
) -> list[Sample]:
    """The frontal radiographs of a dataset of `cxr build` or of ARCHIVE:ROOT, sorted by image.

    Args:
        source: the dataset's folder, or an adapter's name, a colon and the archive's folder.
        images: the folder of the archive that the dataset was built from; without it a dataset has
            no whole radiographs.
        reports: read the reports of an archive, which are many files; labels that an archive has
            only in its reports are read in any case.
        published: keep the archive's own split; without it, an archive's images have none yet.

    Raises:
        InputRefused: E101, no such source or no frontal image; and as the adapter's `records`.
        IntegrityFailure: E501, a dataset's run.json or records.parquet is damaged.
    """
    if is_dataset(source):
        found = _of_dataset(Path(source), images)
    else:
        name, colon, root = source.partition(":")
        if not colon or name not in archives.names():
            raise InputRefused(
                "E101", source, "no dataset of cxr build and no ARCHIVE:ROOT",
                f"a folder with {assemble.RECORDS}, or one of {', '.join(archives.names())} and "
                "its folder", "check the path",
            )  # fmt: skip
        found = list(_of_archive(name, Path(root), reports, published))
    if not found:
        raise InputRefused(
            "E101", source, "no frontal radiograph", "one or more", "check the source's views"
        )
    return found


def is_dataset(source: str) -> bool:
    """Whether a source is the folder of a dataset, not an archive."""
    return (Path(source) / assemble.RECORDS).is_file()


def split(samples: Iterable[Sample], validate: float, test: float, seed: int) -> list[Sample]:
    """The samples with their split: their own, else whole patients by the order of a seeded hash.

    Where an archive's own split has no validation part, it is taken from the patients to train on.

    Args:
        samples: of one or more archives.
        validate: share of an archive's images to validate on.
        test: share to test on.
        seed: of the order.

    Raises:
        InputRefused: E107, an image is there twice; E109, a patient is in two splits, or some
            images of an archive have a split and some have none.
    """
    listed = list(samples)
    cases.require_once(listed)
    bare = [s for s in listed if not s.split]
    own = [s for s in listed if s.split]
    half = sorted({s.archive for s in bare} & {s.archive for s in own})
    if half:
        count = sum(s.archive == half[0] for s in bare)
        raise InputRefused(
            "E109", half[0], f"{count} of its images have no published split", "one for each image",
            "leave --published-split away",
        )  # fmt: skip
    out = cases.assign_splits(bare, validate, test, seed)
    for archive in sorted({s.archive for s in own}):
        mine = [s for s in own if s.archive == archive]
        if validate and all(s.split != "validate" for s in mine):
            learnt = cases.assign_splits((s for s in mine if s.split == "train"), validate, 0, seed)
            mine = [s for s in mine if s.split != "train"] + learnt
        out += mine
    _require_whole_patients(out)
    return sorted(out, key=lambda s: (s.archive, s.image_id))


def _require_whole_patients(samples: Iterable[Sample]) -> None:
    where: dict[tuple[str, str], set[str]] = {}
    for sample in samples:
        where.setdefault((sample.archive, sample.patient_id), set()).add(sample.split)
    torn = [key for key, splits in where.items() if len(splits) > 1]
    if torn:
        raise InputRefused(
            "E109", torn[0][0], f"{len(torn)} patients are in more than one split",
            "each patient in one", "leave --published-split away",
        )  # fmt: skip


def _of_archive(name: str, root: Path, reports: bool, published: bool) -> Iterator[Sample]:
    archive = archives.load(name)
    by_report = not archive.CARD.labels_belong_to
    readable = hasattr(archive, "report") and (reports or by_report)
    for record in archive.records(root):
        if frontal.rule_of(record, archive):
            continue
        fault = record.fault
        report = ""
        if readable and not fault:
            try:
                report = archive.report(root, record) or ""  # type: ignore[attr-defined]
            except ItemFault as error:
                fault = str(error)
        sample = _of_record(record, _labels(record, report, archive), root / record.image)
        own = record.split if published and record.split in SPLITS else ""
        yield replace(sample, report=report, split=own, fault=fault)


def _labels(record: Record, report: str, archive: Archive) -> dict[str, int]:
    """The archive's own labels, under their names and as observations; else those of its report."""
    if record.labels:
        return {**record.labels, **observations(record.labels)}
    return dict(labels.of(record, report, archive.CARD).first) if report else {}


def _of_dataset(folder: Path, images: Path | None) -> list[Sample]:
    run = seal.run_of(folder)
    if run is None:
        raise InputRefused(
            "E101", str(folder), "no whole dataset", f"a folder with {seal.SUMS}",
            "run cxr build to its end",
        )  # fmt: skip
    table = dataset.read(folder, _BUILT).sort("image")
    return [_of_row(row, folder, images) for row in table.iter_rows(named=True)]


def _of_row(row: Mapping[str, Any], folder: Path, images: Path | None) -> Sample:
    own = {name: row[name] for name in OBSERVATIONS if row[name] is not None}
    record = Record(
        row["archive"], row["image_id"], row["image"], row["patient_id"], view=row["view"],
        sex=row["sex"], age=row["age"], rows=row["rows"], columns=row["columns"],
        extra=json.loads(row["extra"]),
    )  # fmt: skip
    whole = None if images is None else images / row["image"]
    return replace(
        _of_record(record, {**json.loads(row["labels"]), **own}, whole),
        split=row["split"],
        report=row["report"] or "",
        lungs=folder / row["segmented"],
        mask=folder / row["mask"],
        mask_convention=row["mask_convention"],
    )


def _of_record(record: Record, found: Mapping[str, int], image: Path | None) -> Sample:
    return Sample(
        archive=record.archive,
        image_id=record.image_id,
        patient_id=record.patient_id or f"image:{record.image_id}",
        view=record.view,
        sex=record.sex,
        age=record.age,
        split="",
        labels=found,
        report="",
        image=image,
        lungs=None,
        mask=None,
        extra=record.extra,
        fault=record.fault,
        rows=record.rows,
        columns=record.columns,
    )
