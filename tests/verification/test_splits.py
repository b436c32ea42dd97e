"""Torn patients and contradicting ids, against sets collected row by row."""

from collections import defaultdict

import numpy as np
import pytest

from cxrkit import records
from cxrkit.records import Record
from cxrkit.verification.splits import CONFLICTS, PATIENTS, ids_that_disagree, patients_across


def record(number: int, **fields: str) -> Record:
    return Record("made-up", f"i{number}", f"{number:03}.png", **fields)


def made_up(seed: int) -> list[Record]:
    rng = np.random.default_rng(seed)
    return [
        record(
            number,
            patient_id=str(rng.choice(["", "1", "2", "03", "3", "4"])),
            study_id=str(rng.choice(["", "s1", "s2", "s3", "s4", "s5", "s6"])),
            split=str(rng.choice(["", "train", "validate", "test"], p=[0.2, 0.6, 0.1, 0.1])),
            sex=str(rng.choice(["", "F", "M"], p=[0.5, 0.4, 0.1])),
        )
        for number in range(14)
    ]


@pytest.mark.parametrize("seed", range(12))
def test_patients_across_are_those_with_two_splits(seed: int) -> None:
    rows = made_up(seed)
    splits, images = defaultdict(set), defaultdict(int)
    for row in rows:
        if row.patient_id and row.split:
            splits[row.patient_id].add(row.split)
            images[row.patient_id] += 1
    expected = [
        (p, " ".join(sorted(found)), images[p]) for p, found in sorted(splits.items())
        if len(found) > 1
    ]  # fmt: skip
    assert patients_across(records.frame(rows)).rows() == expected


@pytest.mark.parametrize("seed", range(12))
def test_ids_that_disagree_are_those_with_two_values(seed: int) -> None:
    rows = made_up(seed)
    patients, sexes = defaultdict(list), defaultdict(list)
    for row in rows:
        if row.study_id and row.patient_id:
            patients[row.study_id].append(row.patient_id)
        if row.patient_id and row.sex:
            sexes[row.patient_id].append(row.sex)
    expected = sorted(
        (what, key, " ".join(sorted(set(values))), len(values))
        for what, found in (
            ("study with several patients", patients),
            ("patient with several sexes", sexes),
        )
        for key, values in found.items()
        if len(set(values)) > 1
    )
    assert ids_that_disagree(records.frame(rows)).rows() == expected


def test_one_moved_image_is_seen() -> None:
    rows = [record(n, patient_id=str(n // 2), split="train") for n in range(6)]
    assert patients_across(records.frame(rows)).height == 0
    moved = [*rows[:-1], record(5, patient_id="2", split="test")]
    assert patients_across(records.frame(moved)).rows() == [("2", "test train", 2)]


def test_one_file_with_two_records_is_seen() -> None:
    rows = [Record("x", "a", "same.png"), Record("x", "b", "same.png"), Record("x", "c", "c.png")]
    assert ids_that_disagree(records.frame(rows)).rows() == [
        ("file with several records", "same.png", "a b", 2)
    ]


def test_blank_values_and_faulty_rows_contradict_nothing() -> None:
    rows = [
        record(0, patient_id="1", sex="F"),
        record(1, patient_id="1"),
        Record("made-up", "t-row-3", "t-row-3", patient_id="1", sex="M", fault="t.csv, row 3: bad"),
    ]
    assert ids_that_disagree(records.frame(rows)).height == 0


def test_the_columns_do_not_depend_on_the_rows() -> None:
    for rows in ([], made_up(0)):
        assert dict(patients_across(records.frame(rows)).schema) == PATIENTS
        assert dict(ids_that_disagree(records.frame(rows)).schema) == CONFLICTS
