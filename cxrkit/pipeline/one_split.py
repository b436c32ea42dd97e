"""Patients with files of the same bytes get one split, and the proof that nothing crosses.

The split of a patient is a hash and known before a file is read (docs/decisions/0001). Only when
all files were read is it known that two patients share one: the same radiograph under two names, or
one person under two numbers. Such patients all get the split of the one with the smallest number.
Memory holds 25 bytes an image, a few times over while they are sorted.
"""

from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from cxrkit.pipeline.block import Line, Lines
from cxrkit.quality import groups
from cxrkit.terms import SPLITS

NOT_EXAMINED = (
    "pictures that are alike and not equal in bytes: cxr duplicates finds them, cxr split keeps "
    "them together"
)


@dataclass(frozen=True)
class _Rows:
    """Of each built image 64 bits of the SHA-256 of its file, its numbers, its place in SPLITS."""

    files: np.ndarray  # (images,) uint64
    patients: np.ndarray  # (images,) int64
    studies: np.ndarray  # (images,) int64
    splits: np.ndarray  # (images,) int8


def joined(lines: Lines) -> tuple[Lines, dict[str, int]]:
    """The lines with one split for patients who share a file, and the counts of the proof.

    `patients`, `studies` and `files` are in the dataset, each with how many are in several splits,
    counted after the joining; `joined groups` and `joined patients` shared files, and
    `moved patients` got another split than their hash says.

    Args:
        lines: of all blocks in order, each time anew.
    """
    rows = _rows(lines())
    patients, first, place = np.unique(rows.patients, return_index=True, return_inverse=True)
    _, shared = np.unique(rows.files, return_inverse=True)
    smallest = np.full(shared.max(initial=-1) + 1, patients.size)
    np.minimum.at(smallest, shared, place)
    group = groups.components(place, smallest[shared], patients.size)
    # `patients` ascends, so the root of a group is its smallest number.
    before = rows.splits[first]
    after = before[group]
    moved = {f"{patients[at]}": SPLITS[after[at]] for at in np.flatnonzero(before != after)}
    sizes = np.bincount(group, minlength=patients.size)
    splits = after[place]
    counts = {
        "patients": int(patients.size),
        "patients in several splits": _crossing(rows.patients, splits),
        "studies": int(np.unique(rows.studies).size),
        "studies in several splits": _crossing(rows.studies, splits),
        "files": int(rows.files.size),
        "equal files in several splits": _crossing(rows.files, splits),
        "joined groups": int((sizes > 1).sum()),
        "joined patients": int(sizes[sizes > 1].sum()),
        "moved patients": len(moved),
    }
    if not moved:
        return lines, counts
    return lambda: ([_with(line, moved) for line in block] for block in lines()), counts


def _rows(blocks: Iterable[list[Line]]) -> _Rows:
    files, patients, studies, splits = array("Q"), array("q"), array("q"), array("b")
    for row in _built(blocks):
        files.append(int(row["source_sha256"][:16], 16))
        patients.append(int(row["dataset_patient_id"]))
        studies.append(int(row["dataset_study_id"]))
        splits.append(SPLITS.index(row["split"]))
    return _Rows(
        np.array(files, np.uint64), np.array(patients, np.int64), np.array(studies, np.int64),
        np.array(splits, np.int8),
    )  # fmt: skip


def _built(blocks: Iterable[list[Line]]) -> Iterator[Mapping[str, str]]:
    for block in blocks:
        yield from (line["row"] for line in block if line["outcome"] == "built")


def _with(line: Line, moved: Mapping[str, str]) -> Line:
    """The line, with another split where its patient was moved."""
    split = moved.get(line.get("row", {}).get("dataset_patient_id", ""))
    if line["outcome"] != "built" or split is None:
        return line
    return {**line, "row": {**line["row"], "split": split}}


def _crossing(keys: np.ndarray, splits: np.ndarray) -> int:
    """How many keys have images in more than one split."""
    pairs = np.unique(np.stack([keys.astype(np.uint64), splits.astype(np.uint64)]), axis=1)
    return int((np.unique(pairs[0], return_counts=True)[1] > 1).sum())
