"""The tables of a dataset from its committed blocks, read one by one.

CXLSeg's four CSVs have exactly the columns that its published scripts join on: the identifiers are
shared by all four, DicomPath by metadata and segmented (where it is the same text), nothing else.
A fifth holds the NegBio reading of the reports; no published script opens it.
"""

import errno
import itertools
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from cxrkit import dataset
from cxrkit.outputs import writing
from cxrkit.pipeline import csv_files, durable, one_split, quarantine
from cxrkit.pipeline.block import Line, Lines
from cxrkit.terms import OBSERVATIONS

RECORDS, SCHEMA = dataset.RECORDS, dataset.SCHEMA
QUARANTINE = "quarantine.csv"
_IDS = ("dicom_id", "subject_id", "study_id")
_PUBLISHED = (
    "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns", "StudyDate",
    "StudyTime", "ProcedureCodeSequence_CodeMeaning", "ViewCodeSequence_CodeMeaning",
    "PatientOrientationCodeSequence_CodeMeaning",
)  # fmt: skip
CSVS = {
    "CXLSeg-metadata.csv": (*_IDS, "Reports", *_PUBLISHED, "DicomPath"),
    "CXLSeg-segmented.csv": (*_IDS, "DicomPath", *OBSERVATIONS),
    "CXLSeg-split.csv": (*_IDS, "split"),
    "CXLSeg-mask.csv": (*_IDS, "DicomPath"),
    "CXLSeg-negbio.csv": (*_IDS, *OBSERVATIONS),
    QUARANTINE: quarantine.COLUMNS,
}
TABLES = (*CSVS, RECORDS)

_CHUNK = 256  # blocks to a row group of records.parquet: 8,192 rows


def outputs(row: Line) -> Iterator[tuple[str, str, int]]:
    """Path, SHA-256 and bytes of the three files of a built image, from its row."""
    for name in ("segmented", "mask_jpeg", "mask"):
        yield row[name], row[f"{name}_sha256"], row[f"{name}_bytes"]


def write_tables(out: Path, lines: Lines) -> Counter[str]:
    """Write TABLES below `out` and say how often each outcome and each split occurs.

    `lines` gives the lines of all blocks in order, one block after the other, each time anew. The
    counts hold the proof of the split too, see `one_split`, under "proof patients" and so on.

    Raises:
        ResourceExhausted: E601.
    """
    scratch = out / "runs" / "tmp"
    lines, proof = one_split.joined(lines)
    counts = _write_csvs(scratch, lines())
    _write_records(scratch, lines())
    counts.update({f"proof {what}": number for what, number in proof.items()})
    durable.publish(out, [(scratch / name, out / name) for name in TABLES])
    return counts


def _write_csvs(scratch: Path, blocks: Iterable[list[Line]]) -> Counter[str]:
    splits: Counter[str] = Counter()

    def cells(line: Line) -> dict[str, Sequence[object]]:
        if line["outcome"] == "built":
            splits[f"split {line['row']['split']}"] += 1
        return _cells(line)

    return csv_files.write(scratch, CSVS, blocks, cells) + splits


def _cells(line: Line) -> dict[str, Sequence[object]]:
    """The values of an item's row in each CSV that has one for it."""
    row = line.get("row", {})
    if line["outcome"] == "quarantined":
        return {QUARANTINE: [row[name] for name in quarantine.COLUMNS]}
    if line["outcome"] == "skipped":
        return {}
    ids = [row["dataset_image_id"], row["dataset_patient_id"], row["dataset_study_id"]]
    extra = json.loads(row["extra"])
    known = {"ViewPosition": row["view"], "Rows": row["rows"], "Columns": row["columns"]}
    published = [known.get(name, extra.get(name)) for name in _PUBLISHED]
    path, negbio = row["segmented"], json.loads(row["negbio"])
    return {
        "CXLSeg-metadata.csv": [*ids, row["report"], *published, path],
        "CXLSeg-segmented.csv": [*ids, path, *(row[name] for name in OBSERVATIONS)],
        "CXLSeg-split.csv": [*ids, row["split"]],
        "CXLSeg-mask.csv": [*ids, row["mask_jpeg"]],
        "CXLSeg-negbio.csv": [*ids, *(negbio.get(name) for name in OBSERVATIONS)],
    }


def _write_records(scratch: Path, blocks: Iterable[list[Line]]) -> None:
    """records.parquet in row groups of a fixed size: its bytes depend on the rows alone."""
    chunks: list[Path] = []
    iterator = iter(blocks)
    while (group := list(itertools.islice(iterator, _CHUNK))) or not chunks:
        built = [line["row"] for lines in group for line in lines if line["outcome"] == "built"]
        frame = pl.DataFrame(built, schema=SCHEMA, orient="row")
        chunks.append(scratch / f"records-{len(chunks):06d}")
        with _writing(chunks[-1]):
            frame.write_parquet(chunks[-1])
    with _writing(scratch / RECORDS):
        pl.scan_parquet(chunks).sink_parquet(
            scratch / RECORDS,
            compression="zstd",
            compression_level=3,
            row_group_size=_CHUNK * 32,
            maintain_order=True,
        )
    for chunk in chunks:
        durable.remove(chunk)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """As `outputs.writing`, for polars, which calls a full disk a file "out of specification"."""
    with writing(path):
        try:
            yield
        except pl.exceptions.PolarsError as error:
            free = os.statvfs(path.parent).f_bavail
            raise OSError(errno.EIO if free else errno.ENOSPC, "polars") from error
