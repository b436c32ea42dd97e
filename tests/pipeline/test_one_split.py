"""Patients who share a file get one split, by a rule of rows alone, and the proof is counted."""

import hashlib
import json
import shutil
from collections import defaultdict

import polars as pl
import pytest
from radiographs import rows, run, tree

from cxrkit.pipeline import assemble, identifiers, one_split
from cxrkit.terms import SPLITS


def line(image: int, patient: int, study: int, file: int, split: str = "") -> dict:
    row = {
        "source_sha256": hashlib.sha256(str(file).encode()).hexdigest(),
        "dataset_patient_id": f"1{patient:07d}", "dataset_study_id": f"5{study:07d}",
        "split": split or identifiers.split_of(0, "x", str(patient)), "image_id": f"i{image}",
    }  # fmt: skip
    return {"outcome": "built", "why": "", "row": row}


def joined(*lines: dict) -> tuple[list[str], dict[str, int]]:
    """The splits in order, and the counts."""
    found, counts = one_split.joined(lambda: [list(lines[:2]), list(lines[2:])])
    return [x["row"]["split"] for block in found() for x in block], counts


def test_patients_that_a_chain_of_files_joins_have_the_split_of_the_smallest() -> None:
    splits, counts = joined(
        line(0, 3, 30, 100, "test"), line(1, 2, 20, 100, "train"), line(2, 2, 21, 101, "train"),
        line(3, 1, 10, 101, "validate"), line(4, 4, 40, 104, "test"),
    )  # fmt: skip
    assert splits == ["validate"] * 4 + ["test"]
    assert counts == {
        "patients": 4, "patients in several splits": 0, "studies": 5,
        "studies in several splits": 0, "files": 5, "equal files in several splits": 0,
        "joined groups": 1, "joined patients": 3, "moved patients": 2,
    }  # fmt: skip


def test_without_equal_files_nothing_changes() -> None:
    lines = [[line(n, n // 2, n, n) for n in range(40)]]
    found, counts = one_split.joined(given := lambda: lines)
    assert found is given
    assert (counts["joined groups"], counts["moved patients"], counts["patients"]) == (0, 0, 20)


def test_what_is_not_built_joins_nobody() -> None:
    quarantined = {"outcome": "quarantined", "why": "E214", "row": {"sha256": "00"}}
    lines = [line(0, 1, 1, 1), quarantined, {"outcome": "skipped", "why": "report-missing"}]
    found, counts = one_split.joined(lambda: [lines])
    assert (counts["files"], counts["patients"]) == (1, 1)
    assert [*found()] == [lines]
    assert joined()[1]["patients"] == 0


def test_the_proof_counts_what_the_rows_say() -> None:
    """It can fail: a study of two patients, whom no file joins, crosses and is counted."""
    _, counts = joined(line(0, 1, 10, 100, "train"), line(1, 2, 10, 101, "test"))
    assert counts["studies in several splits"] == 1
    assert counts["patients in several splits"] == 0


@pytest.mark.usefixtures("stand_ins")
def test_a_build_puts_equal_files_into_one_split_and_says_so(
    root, out, tmp_path, monkeypatch
) -> None:
    run(root, out)
    before = pl.read_parquet(out / "records.parquet")
    by_split = defaultdict(list)
    for row in before.iter_rows(named=True):
        by_split[row["split"]].append(row["image"])
    # One radiograph of each split under a new name, which is a patient of its own.
    for name in SPLITS:
        image = by_split[name][0]
        for copy in range(4):
            shutil.copy(root / image, root / f"a/copy-{name}-{copy}.{image.rpartition('.')[2]}")
    grown, two = tmp_path / "grown", tmp_path / "two"
    run(root, grown)
    run(root, two, workers=2)
    with monkeypatch.context() as patch, pytest.raises(ZeroDivisionError):
        patch.setattr(assemble, "write_tables", lambda *_: 1 / 0)
        run(root, tmp_path / "cut off")
    run(root, tmp_path / "cut off")
    assert tree(grown) == tree(two) == tree(tmp_path / "cut off")
    after = pl.read_parquet(grown / "records.parquet")
    several = after.group_by("source_sha256").agg(pl.col("split").n_unique(), pl.len())
    assert several["split"].max() == 1 and (several["len"] == 5).sum() == 3
    # By the hash alone fifteen patients in three groups would not all agree.
    moved = after.filter(
        pl.Series([
            identifiers.split_of(0, "folder", f"image {r['image_id']}") != r["split"]
            for r in after.iter_rows(named=True)
        ])
    )  # fmt: skip
    proof = json.loads((grown / "run.json").read_text())["split_proof"]
    assert proof.pop("not examined") == one_split.NOT_EXAMINED
    assert proof == {
        "patients": 82, "patients in several splits": 0, "studies": 82,
        "studies in several splits": 0, "files": 82, "equal files in several splits": 0,
        "joined groups": 3, "joined patients": 15, "moved patients": moved.height,
    }  # fmt: skip
    assert moved.height > 0
    split = {r["dicom_id"]: r["split"] for r in rows(grown, "CXLSeg-split.csv")}
    assert split == dict(after.select("dataset_image_id", "split").iter_rows())
    # Nobody else moved.
    others = before.join(after, on="image_id", suffix=" after").filter(
        ~pl.col("source_sha256").is_in(moved["source_sha256"].implode())
    )
    assert others["split"].equals(others["split after"].alias("split")) and others.height >= 60
