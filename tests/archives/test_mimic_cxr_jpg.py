"""MIMIC-CXR-JPG: tables joined by their ids, labels by study, reports beside the images."""

import gzip
from pathlib import Path

import pytest

from cxrkit import records as rows
from cxrkit.archives import mimic_cxr_jpg
from cxrkit.errors import InputRefused, ItemFault

ID = "00000000-00000000-00000000-00000000-0000000"


def test_paths_follow_the_published_tree_in_order(mimic_cxr_jpg_tree: Path) -> None:
    assert [r.image for r in mimic_cxr_jpg.records(mimic_cxr_jpg_tree)] == [
        f"files/p10/p10000001/s50000001/{ID}d.jpg",
        f"files/p10/p10000001/s50000002/{ID}a.jpg",
        f"files/p10/p10000001/s50000002/{ID}b.jpg",
        f"files/p11/p11000001/s50000003/{ID}c.jpg",
    ]


def test_every_image_of_a_study_has_its_labels(mimic_cxr_jpg_tree: Path) -> None:
    unlabelled, frontal, lateral, normal = mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
    expected = {"Atelectasis": 1, "Cardiomegaly": 0, "Edema": -1, "Pneumothorax": 0}
    assert frontal.labels == lateral.labels == expected
    assert normal.labels == {"No Finding": 1}
    assert unlabelled.labels == {}


def test_facts_of_the_image(mimic_cxr_jpg_tree: Path) -> None:
    _, frontal, lateral, blank = mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
    assert (frontal.image_id, frontal.patient_id, frontal.study_id) == (
        f"{ID}a",
        "10000001",
        "50000002",
    )
    assert (frontal.view, frontal.rows, frontal.columns, frontal.split) == (
        "PA",
        3056,
        2544,
        "train",
    )
    assert (frontal.frontal, lateral.frontal, blank.frontal) == (True, False, False)
    assert (blank.view, blank.split) == ("", "test")
    assert frontal.extra == {
        "PerformedProcedureStepDescription": "CHEST (PA, LAT)",
        "StudyDate": "21800506",
        "StudyTime": "5014.5",
        "ProcedureCodeSequence_CodeMeaning": "",
        "ViewCodeSequence_CodeMeaning": "",
        "PatientOrientationCodeSequence_CodeMeaning": "Erect",
    }


def test_gzipped_tables_give_the_same_records(mimic_cxr_jpg_tree: Path) -> None:
    plain = list(mimic_cxr_jpg.records(mimic_cxr_jpg_tree))
    for table in list(mimic_cxr_jpg_tree.glob("*.csv")):
        table.with_name(f"{table.name}.gz").write_bytes(gzip.compress(table.read_bytes()))
        table.unlink()
    assert list(mimic_cxr_jpg.records(mimic_cxr_jpg_tree)) == plain


def test_blocks_of_rows_leave_no_seam(
    mimic_cxr_jpg_tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = list(mimic_cxr_jpg.records(mimic_cxr_jpg_tree))
    monkeypatch.setattr(rows, "_BLOCK", 3)
    assert list(mimic_cxr_jpg.records(mimic_cxr_jpg_tree)) == whole


def test_the_report_of_the_study_or_none(mimic_cxr_jpg_tree: Path) -> None:
    without, frontal, lateral, no_folder = mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
    text = "FINAL REPORT\n FINDINGS: Clear lungs.\n"
    assert mimic_cxr_jpg.report(mimic_cxr_jpg_tree, frontal) == text
    assert mimic_cxr_jpg.report(mimic_cxr_jpg_tree, lateral) == text
    assert mimic_cxr_jpg.report(mimic_cxr_jpg_tree, without) is None
    assert mimic_cxr_jpg.report(mimic_cxr_jpg_tree, no_folder) is None


def test_a_report_that_is_a_folder_is_a_fault(mimic_cxr_jpg_tree: Path) -> None:
    first = next(iter(mimic_cxr_jpg.records(mimic_cxr_jpg_tree)))
    (mimic_cxr_jpg_tree / "files/p10/p10000001/s50000001.txt").mkdir()
    with pytest.raises(ItemFault, match=r"E201 unreadable: files/p10/p10000001/s50000001.txt"):
        mimic_cxr_jpg.report(mimic_cxr_jpg_tree, first)


@pytest.mark.parametrize("table", ["metadata", "split", "chexpert"])
def test_a_missing_table_is_refused(mimic_cxr_jpg_tree: Path, table: str) -> None:
    (mimic_cxr_jpg_tree / f"mimic-cxr-2.0.0-{table}.csv").unlink()
    with pytest.raises(InputRefused, match=f"E102 missing-table: mimic-cxr-2.0.0-{table}.csv"):
        mimic_cxr_jpg.records(mimic_cxr_jpg_tree)


@pytest.mark.parametrize(
    ("table", "old", "new", "observed"),
    [
        ("metadata", "ViewPosition", "View", "no column ViewPosition"),
        ("chexpert", "Lung Opacity", "Airspace Opacity", "no column Lung Opacity"),
        ("split", "split\n", "fold\n", "no column split"),
        ("metadata", f"{ID}", "1.0e+", "column dicom_id: in 4 of 4 rows the value is not like"),
        ("metadata", ",10000001,", ",10000001.0,", "column subject_id: in 3 of 4 rows"),
        ("metadata", ",3056,", ",tall,", "column Rows: in 4 of 4 rows the value is not like"),
        ("chexpert", "50000003", "50000002", "column study_id: in 2 of 2 rows the value is in se"),
    ],
)
def test_a_table_that_is_wrong_throughout_is_refused(
    mimic_cxr_jpg_tree: Path, table: str, old: str, new: str, observed: str
) -> None:
    change(mimic_cxr_jpg_tree, table, old, new)
    with pytest.raises(InputRefused) as caught:
        mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
    assert caught.value.code == "E103"
    assert caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("table", "old", "new", "faults"),
    [
        ("split", ",test", ",val", ["split.csv, row 3: column split: the value is not like"]),
        (
            "metadata",
            f"{ID}a",
            f"{ID}b",
            [f"metadata.csv, row {n}: column dicom_id: the value is in several" for n in (1, 2)],
        ),
        ("metadata", ",11000001,", ",../11,", ["metadata.csv, row 3: column subject_id:"]),
        ("metadata", f"{ID}a", "..", ["metadata.csv, row 2: column dicom_id:"]),
        (
            "chexpert",
            ",-1.0,",
            ",2.0,",
            [f"chexpert.csv, row 1: column {o}:" for o in ("Edema", "Edema")],
        ),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    mimic_cxr_jpg_tree: Path, table: str, old: str, new: str, faults: list[str]
) -> None:
    """A fault of a study's labels is one of each of its images."""
    whole = list(mimic_cxr_jpg.records(mimic_cxr_jpg_tree))
    change(mimic_cxr_jpg_tree, table, old, new)
    found = list(mimic_cxr_jpg.records(mimic_cxr_jpg_tree))
    bad = [r for r in found if r.fault]
    assert len(bad) == len(faults)
    for record, start in zip(bad, faults, strict=True):
        assert record.fault.startswith(f"mimic-cxr-2.0.0-{start}")
        assert record.labels == record.extra == {} and record.patient_id == ""
    fine = [r for r in found if not r.fault]
    assert len(fine) == 4 - len(faults) and all(r in whole for r in fine)


def change(root: Path, table: str, old: str, new: str) -> None:
    """Replace a text in one of the tables."""
    path = root / f"mimic-cxr-2.0.0-{table}.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
