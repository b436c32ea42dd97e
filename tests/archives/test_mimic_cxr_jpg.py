"""MIMIC-CXR-JPG: tables joined by their ids, labels by study, reports beside the images."""

import gzip
import re
from pathlib import Path

import pytest

from cxrkit import claims
from cxrkit import records as rows
from cxrkit.archives import mimic_cxr_jpg
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.phantom import mimic_cxr_jpg as replica
from cxrkit.records import Record

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
    unlabelled, frontal, lateral, blank = mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
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
        "labelled_by": "chexpert",
    }
    assert "labelled_by" not in unlabelled.extra


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


def test_a_row_whose_id_is_corrupt_is_named_too(mimic_cxr_jpg_tree: Path) -> None:
    """It belongs to no image: its study has no labels, and one more record says why."""
    change(mimic_cxr_jpg_tree, "chexpert", "50000003,", "")
    *images, lost = mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
    assert [r.fault for r in images] == [""] * 4 and images[3].labels == {}
    assert lost.fault.startswith("mimic-cxr-2.0.0-chexpert.csv, row 2: 15 fields in the row, 16")
    assert lost.image_id == "mimic-cxr-2.0.0-chexpert.csv-row-2-0"


def test_other_labels_stay_apart(mimic_cxr_jpg_tree: Path) -> None:
    chexpert = mimic_cxr_jpg_tree / "mimic-cxr-2.0.0-chexpert.csv"
    other = chexpert.read_text().replace(",1.0,0.0,,-1.0,", ",0.0,0.0,,,")
    (mimic_cxr_jpg_tree / "mimic-cxr-2.0.0-negbio.csv").write_text(other)
    (mimic_cxr_jpg_tree / "mimic-cxr-2.1.0-test-set-labeled.csv").write_text(
        "study_id,Support Devices,Airspace Opacity,Atelectasis,Cardiomegaly,Consolidation,Edema,"
        "Enlarged Cardiomediastinum,Fracture,Lung Lesion,No Finding,Pleural Effusion,"
        "Pleural Other,Pneumonia,Pneumothorax\n50000003,1.0,-1.0,,,,,,,,0.0,,,,\n"
    )
    _, frontal, lateral, normal = mimic_cxr_jpg.records(mimic_cxr_jpg_tree)
    expected = {"Atelectasis": 1, "Cardiomegaly": 0, "Edema": -1, "Pneumothorax": 0}
    assert frontal.labels == lateral.labels == expected
    assert (
        others(frontal)
        == others(lateral)
        == {
            "negbio.Atelectasis": "0",
            "negbio.Cardiomegaly": "0",
            "negbio.Pneumothorax": "0",
        }
    )
    assert normal.labels == {"No Finding": 1}
    assert others(normal) == {
        "negbio.No Finding": "1",
        "radiologist.No Finding": "0",
        "radiologist.Lung Opacity": "-1",
        "radiologist.Support Devices": "1",
    }
    assert frontal.extra["labelled_by"] == "chexpert negbio"
    assert normal.extra["labelled_by"] == "chexpert negbio radiologist"


def others(record: Record) -> dict[str, str]:
    """The labels that are not CheXpert's."""
    return {k: v for k, v in record.extra.items() if k.startswith(("negbio.", "radiologist."))}


def counts(root: Path) -> dict[str, int | None]:
    """What each claim that is no erratum counts."""
    table = mimic_cxr_jpg.table(root)
    return {c.what: claims.count(c, table) for c in mimic_cxr_jpg.CARD.claims if not c.erratum}


def test_claims_are_counted_and_say_where_they_cannot_be(mimic_cxr_jpg_tree: Path) -> None:
    found = counts(mimic_cxr_jpg_tree)
    expected = {
        "images": 4,
        "patients": 2,
        "studies": 3,
        "labelled studies": 2,
        "studies that CheXpert gave no label": 0,
        "train images": 3,
        "train studies": 2,
        "train patients": 1,
        "labelled train studies": 1,
        "PA images of labelled studies": 1,
        "AP images of labelled studies": 0,
        "images without a view": 1,
        "folders p10 to p19": 2,
        "studies labelled by a radiologist": None,
        "train studies, both programs: Edema 1": None,
        "train studies, the programs differ: Edema": None,
        "train frontal images": None,
    }
    assert {what: found[what] for what in expected} == expected


def test_agreement_is_counted_by_study_and_a_blank_differs(mimic_cxr_jpg_tree: Path) -> None:
    chexpert = (mimic_cxr_jpg_tree / "mimic-cxr-2.0.0-chexpert.csv").read_text()
    other = chexpert.replace(",1.0,0.0,,-1.0,", ",1.0,1.0,0.0,-1.0,")
    (mimic_cxr_jpg_tree / "mimic-cxr-2.0.0-negbio.csv").write_text(other)
    found = counts(mimic_cxr_jpg_tree)
    agreed, differ = "train studies, both programs: {} {}", "train studies, the programs differ: {}"
    assert found[agreed.format("Atelectasis", 1)] == 1  # two images, one study
    assert found[agreed.format("Edema", -1)] == 1
    assert found[agreed.format("Cardiomegaly", 1)] == 0
    assert found[differ.format("Cardiomegaly")] == found[differ.format("Consolidation")] == 1
    assert found[differ.format("Pneumothorax")] == 0


def test_a_row_without_any_label_is_not_a_missing_row(mimic_cxr_jpg_tree: Path) -> None:
    path = mimic_cxr_jpg_tree / "mimic-cxr-2.0.0-chexpert.csv"
    path.write_text(path.read_text() + "10000001,50000001" + "," * 14 + "\n")
    found = counts(mimic_cxr_jpg_tree)
    assert found["labelled studies"] == 3 and found["studies that CheXpert gave no label"] == 1


def test_the_published_numbers_add_up() -> None:
    """Second source: the sums that the releases and the paper print."""
    number = {c.what: c.value for c in mimic_cxr_jpg.CARD.claims if not c.erratum}
    splits = ("train", "validate", "test")
    for what in ("images", "studies", "patients"):
        assert sum(number[f"{s} {what}"] for s in splits) == number[what]
    views = [number[f"{v} images of labelled studies"] for v in ("AP", "PA", "LATERAL", "LL")]
    views += [number["images of labelled studies with another view"]]
    views += [number["images of labelled studies without a view"]]
    assert sum(views) == number["images"] - 27  # of the 8 studies without labels
    filled = sum(number[f"{s} {k} images"] for s in splits for k in ("frontal", "lateral"))
    assert filled + 150 == number["images"]
    # Errata carry the value that is false, and it differs from what is true.
    wrong = [c for c in mimic_cxr_jpg.CARD.claims if c.erratum]
    assert len(wrong) == 3 and all(c.value != number[c.what] for c in wrong)


def change(root: Path, table: str, old: str, new: str) -> None:
    """Replace a text in one of the tables."""
    path = root / f"mimic-cxr-2.0.0-{table}.csv"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


@pytest.mark.parametrize("table", ["chexpert", "negbio"])
def test_labels_whose_study_ids_became_numbers_are_refused(tmp_path: Path, table: str) -> None:
    """Their rows would find no image: every label would be lost without a word."""
    root = tmp_path / "mimic"
    replica.write_release(root, studies=4, seed=0, size=64)
    path = root / f"mimic-cxr-2.0.0-{table}.csv.gz"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    subject, study, *labels = lines[1].split(",")
    assert lines[0].startswith("subject_id,study_id,")
    rest = [re.sub("^([0-9]+),([0-9]+),", r"\1.0,\2.0,", line) for line in lines[1:]]
    path.write_bytes(gzip.compress("\n".join([lines[0], *rest, ""]).encode()))
    with pytest.raises(InputRefused, match=r"E103.*column study_id: in 4 of 4 rows"):
        mimic_cxr_jpg.records(root)
    one = [lines[0], ",".join((subject, f"{study}.0", *labels)), *lines[2:], ""]
    path.write_bytes(gzip.compress("\n".join(one).encode()))
    (fault,) = [r.fault for r in mimic_cxr_jpg.records(root) if r.fault]
    assert fault.startswith(f"{path.name}, row 1: column study_id: the value is not like")


def test_an_image_id_of_the_split_that_is_none_is_a_fault(tmp_path: Path) -> None:
    root = tmp_path / "mimic"
    replica.write_release(root, studies=4, seed=0, size=64)
    path = root / "mimic-cxr-2.0.0-split.csv.gz"
    text = gzip.decompress(path.read_bytes()).decode()
    path.write_bytes(gzip.compress(text.replace("\n", "\n?", 1).encode()))
    (fault,) = [r.fault for r in mimic_cxr_jpg.records(root) if r.fault]
    assert fault.startswith(f"{path.name}, row 1: column dicom_id: the value is not like")
