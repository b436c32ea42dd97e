"""The four CSVs as CXLSeg's published split scripts read them, and records.parquet."""

import csv
import json

import polars as pl
import pytest

from cxrkit.errors import ResourceExhausted
from cxrkit.pipeline import assemble, durable, quarantine
from cxrkit.terms import OBSERVATIONS

REPORT = 'FINDINGS: "clear",\n\tno effusion\r\n  -- end'


def line(number: int, outcome: str = "built") -> dict:
    if outcome == "skipped":
        return {"outcome": "skipped", "why": "report-missing"}
    if outcome == "quarantined":
        row = dict.fromkeys(quarantine.COLUMNS, "x") | {"bytes": None, "relpath": f"{number}.png"}
        return {"outcome": outcome, "why": "E214", "row": row}
    path = f"p10/p1{number:07d}/s5{number:07d}/i{number}"
    row = {name: None if kind != pl.String else "" for name, kind in assemble.SCHEMA.items()}
    row |= {
        "dataset_image_id": f"i{number}", "dataset_patient_id": f"1{number:07d}",
        "dataset_study_id": f"5{number:07d}", "segmented": f"files/{path}.jpg",
        "mask_jpeg": f"files/{path}-mask.jpg", "mask": f"masks/{path}.png", "view": "PA",
        "split": ("train", "validate", "test")[number % 3], "report": REPORT, "rows": 3056,
        "columns": 2544, "Edema": 1, "Fracture": -1, "age": 61.5, "lung_share": 0.25,
        "negbio": json.dumps({"Edema": 0}), "source_sha256": f"{number:016x}" + 48 * "0",
        "extra": json.dumps({"StudyDate": "21800506", "StudyTime": "213014.531"}),
    }  # fmt: skip
    return {"outcome": "built", "why": "", "row": row}


@pytest.fixture
def blocks() -> list[list[dict]]:
    return [
        [line(0), line(1, "quarantined"), line(2)],
        [line(3, "skipped"), line(4), line(5), line(6)],
    ]


@pytest.fixture
def out(tmp_path, blocks):
    durable.make_folder(tmp_path / "runs/tmp")
    counts = assemble.write_tables(tmp_path, lambda: blocks)
    proof = {name: counts.pop(name) for name in sorted(counts) if name.startswith("proof ")}
    assert proof["proof patients"] == 5 and not sum(n for p, n in proof.items() if "several" in p)
    assert counts == {
        "built": 5, "skipped report-missing": 1, "quarantined E214": 1, "split train": 2,
        "split test": 2, "split validate": 1,
    }  # fmt: skip
    return tmp_path


def read(out, name):
    with (out / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_columns_are_the_published_ones(out):
    def header(name):
        return (out / name).read_text(encoding="utf-8").split("\n", 1)[0].split(",")

    ids = ["dicom_id", "subject_id", "study_id"]
    assert header("CXLSeg-segmented.csv") == [*ids, "DicomPath", *OBSERVATIONS]
    assert len(header("CXLSeg-segmented.csv")) == 18
    assert header("CXLSeg-split.csv") == [*ids, "split"]
    assert header("CXLSeg-mask.csv") == [*ids, "DicomPath"]
    assert header("CXLSeg-negbio.csv") == [*ids, *OBSERVATIONS]
    assert {row["Edema"] for row in read(out, "CXLSeg-negbio.csv")} == {"0"}
    assert header("CXLSeg-metadata.csv") == [
        *ids, "Reports", "PerformedProcedureStepDescription", "ViewPosition", "Rows", "Columns",
        "StudyDate", "StudyTime", "ProcedureCodeSequence_CodeMeaning",
        "ViewCodeSequence_CodeMeaning", "PatientOrientationCodeSequence_CodeMeaning", "DicomPath",
    ]  # fmt: skip
    shared = set(header("CXLSeg-metadata.csv")) & set(header("CXLSeg-segmented.csv"))
    assert shared == {*ids, "DicomPath"}


def test_natural_joins_of_the_published_scripts_give_one_row_per_image(out):
    tables = {n: pl.read_csv(out / n) for n in assemble.CSVS if n.startswith("CXLSeg")}
    segmented = tables["CXLSeg-segmented.csv"]

    def join(other: pl.DataFrame) -> pl.DataFrame:
        return segmented.join(other, on=[c for c in other.columns if c in segmented.columns])

    assert join(tables["CXLSeg-metadata.csv"]).height == 5
    classification = join(tables["CXLSeg-split.csv"])
    assert classification.height == 5
    assert classification.drop("dicom_id", "subject_id", "study_id", "split").width == 15
    masks = tables["CXLSeg-mask.csv"].rename({"DicomPath": "DicomPathMask"})
    assert join(masks).height == 5
    assert all(dtype.is_numeric() or dtype == pl.String for dtype in segmented.dtypes)
    assert segmented["Edema"].to_list() == [1] * 5 and segmented["Fracture"].to_list() == [-1] * 5


def test_reports_and_published_columns_come_back_unchanged(out):
    rows = read(out, "CXLSeg-metadata.csv")
    assert {row["Reports"] for row in rows} == {REPORT}
    assert {(r["StudyDate"], r["StudyTime"]) for r in rows} == {("21800506", "213014.531")}
    assert {(r["ViewPosition"], r["Rows"], r["Columns"]) for r in rows} == {("PA", "3056", "2544")}
    assert b"\r" not in (out / "CXLSeg-split.csv").read_bytes()


def test_quarantine_has_its_columns_and_rows(out):
    rows = read(out, "quarantine.csv")
    assert tuple(rows[0]) == quarantine.COLUMNS and [r["relpath"] for r in rows] == ["1.png"]
    assert rows[0]["bytes"] == ""


def test_records_have_one_row_per_image_with_types(out):
    records = pl.read_parquet(out / "records.parquet")
    assert records.schema == pl.Schema(assemble.SCHEMA)
    assert records["dataset_image_id"].to_list() == ["i0", "i2", "i4", "i5", "i6"]
    assert records["Edema"].to_list() == [1] * 5 and records["Edema"].dtype == pl.Int8
    assert records["Cardiomegaly"].null_count() == 5


def test_nothing_built_still_gives_all_tables(tmp_path):
    durable.make_folder(tmp_path / "runs/tmp")
    for name, blocks in (("none", []), ("bad", [[line(1, "quarantined")]])):
        out = tmp_path / name
        durable.make_folder(out / "runs/tmp")
        assemble.write_tables(out, lambda blocks=blocks: blocks)
        assert pl.read_parquet(out / "records.parquet").height == 0
        assert {p.name for p in out.iterdir()} == {*assemble.TABLES, "runs"}
        assert not list((out / "runs/tmp").iterdir())


def test_records_depend_on_the_rows_alone(tmp_path, monkeypatch):
    """Not on where a quarantined item shifts the blocks, and row groups have one size."""
    monkeypatch.setattr(assemble, "_CHUNK", 2)
    lines = [line(n) for n in range(400)]
    files = []
    for place in (None, 0, 31, 77):
        out = tmp_path / str(place)
        durable.make_folder(out / "runs/tmp")
        shifted = list(lines)
        if place is not None:
            shifted.insert(place, line(999, "quarantined"))
        blocks = [shifted[i : i + 32] for i in range(0, len(shifted), 32)]
        assemble.write_tables(out, lambda blocks=blocks: blocks)
        files.append((out / "records.parquet").read_bytes())
    assert len(set(files)) == 1


@pytest.mark.parametrize("method", ["write_parquet", "sink_parquet"])
def test_a_full_disk_while_polars_writes_is_a_resource(tmp_path, blocks, monkeypatch, method):
    durable.make_folder(tmp_path / "runs/tmp")

    def full(*_: object, **__: object) -> None:
        raise pl.exceptions.ComputeError("File out of specification")

    owner = pl.DataFrame if method == "write_parquet" else pl.LazyFrame
    monkeypatch.setattr(owner, method, full)
    with pytest.raises(ResourceExhausted) as failure:
        assemble.write_tables(tmp_path, lambda: blocks)
    assert failure.value.code == "E601" and not (tmp_path / "records.parquet").exists()
