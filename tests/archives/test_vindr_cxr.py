"""VinDr-CXR: two forms, every reader kept, labels united by the majority."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from trees import touch

from cxrkit import claims
from cxrkit.archives import vindr_cxr
from cxrkit.errors import InputRefused

A, B, C, D = ("a" * 32, "b" * 32, "c" * 32, "d" * 32)
FINDINGS = (
    "Aortic enlargement,Atelectasis,Calcification,Cardiomegaly,Clavicle fracture,Consolidation,"
    "Edema,Emphysema,Enlarged PA,ILD,Infiltration,Lung Opacity,Lung cavity,Lung cyst,"
    "Mediastinal shift,Nodule/Mass,Pleural effusion,Pleural thickening,Pneumothorax,"
    "Pulmonary fibrosis,Rib fracture,Other lesion,COPD,Lung tumor,Pneumonia,Tuberculosis"
)
BOX = "x_min,y_min,x_max,y_max"


def label_row(who: str, *names: str) -> str:
    """A row of image labels, the names as train spells them."""
    columns = [*FINDINGS.split(","), "Other diseases", "No finding"]
    assert set(names) <= set(columns)
    return f"{who},{','.join(str(int(c in names)) for c in columns)}"


@pytest.fixture
def physionet(tmp_path: Path) -> Path:
    """Two images of train, three readers each, and two of test; made up."""
    root = tmp_path / "physionet"
    touch(root, [f"train/{A}.dicom", f"train/{B}.dicom", f"test/{C}.dicom", f"test/{D}.dicom"])
    tables = {
        "annotations_train": [
            f"image_id,rad_id,class_name,{BOX}",
            f"{A},R10,Pleural effusion,10.5,20,30,40.25",
            f"{A},R10,Pleural effusion,50,60,70,80",
            f"{A},R8,Pleural effusion,11,21,31,41",
            f"{A},R9,No finding,,,,",
            f"{B},R8,No finding,,,,",
            f"{B},R9,Rib fracture,1,2,3,4",
        ],
        "image_labels_train": [
            f"image_id,rad_id,{FINDINGS},Other diseases,No finding",
            label_row(f"{A},R10", "Pleural effusion", "Pneumonia"),
            label_row(f"{A},R8", "Pleural effusion", "Other diseases"),
            label_row(f"{A},R9", "No finding"),
            label_row(f"{B},R8", "No finding"),
            label_row(f"{B},R9", "Rib fracture"),
            label_row(f"{B},R17"),
        ],
        "annotations_test": [
            f"image_id,class_name,{BOX}",
            f"{C},Nodule/Mass,5,6,7,8",
            f"{D},No finding,,,,",
        ],
        "image_labels_test": [
            f"image_id,{FINDINGS},Other disease,No finding",
            label_row(C, "Nodule/Mass", "Other diseases"),
            label_row(D, "No finding"),
        ],
    }
    (root / "annotations").mkdir()
    for name, lines in tables.items():
        (root / "annotations" / f"{name}.csv").write_text("\n".join((*lines, "")))
    return root


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """One image of train with three readers, one of test."""
    root = tmp_path / "kaggle"
    touch(root, [f"train/{A}.dicom", f"test/{C}.dicom", "test/notes.txt"])
    (root / "train.csv").write_text(
        f"image_id,class_name,class_id,rad_id,{BOX}\n"
        f"{A},Cardiomegaly,3,R10,691.0,1375.0,1653.0,1831.0\n"
        f"{A},Cardiomegaly,3,R8,690,1375,1650,1830\n"
        f"{A},Aortic enlargement,0,R8,1,2,3,4\n"
        f"{A},No finding,14,R9,,,,\n"
    )
    return root


def table(root: Path, name: str) -> Path:
    return root / "annotations" / f"{name}.csv"


def test_labels_are_what_two_of_three_readers_say(physionet: Path) -> None:
    consensus, _, first, second = vindr_cxr.records(physionet)
    assert (first.image, first.image_id, first.split) == (f"train/{A}.dicom", A, "train")
    assert len(first.labels) == len(second.labels) == len(consensus.labels) == 28
    assert {n for n, v in first.labels.items() if v} == {"Pleural effusion"}
    assert {n for n, v in second.labels.items() if v} == set(), "three readers, three opinions"
    assert first.patient_id == first.study_id == first.view == first.sex == ""


def test_the_consensus_of_test_is_taken_as_published(physionet: Path) -> None:
    """Its column of other diseases is named differently."""
    consensus, nothing, *_ = vindr_cxr.records(physionet)
    assert consensus.split == nothing.split == "test"
    assert {n for n, v in consensus.labels.items() if v} == {"Nodule/Mass", "Other disease"}
    assert {n for n, v in nothing.labels.items() if v} == {"No finding"}


def test_every_reader_is_kept_with_boxes_in_pixels(physionet: Path) -> None:
    rows = vindr_cxr.annotations(physionet).rows(named=True)
    said = [(r["image_id"][0], r["reader"], r["observation"], r["value"]) for r in rows]
    assert said == [
        ("a", "R10", "Pleural effusion", 1),
        ("a", "R10", "Pleural effusion", 1),
        ("a", "R10", "Pneumonia", 1),
        ("a", "R8", "Pleural effusion", 1),
        ("a", "R8", "Other disease", 1),
        ("a", "R9", "No finding", 1),
        ("b", "R17", "No finding", 0),  # read it and marked nothing at all
        ("b", "R8", "No finding", 1),
        ("b", "R9", "Rib fracture", 1),
        ("c", "", "Nodule/Mass", 1),
        ("c", "", "Other disease", 1),
        ("d", "", "No finding", 1),
    ]
    assert [rows[0][c] for c in BOX.split(",")] == [10.5, 20, 30, 40.25]
    assert [rows[2][c] for c in BOX.split(",")] == [None] * 4, "a global label has no box"


def test_kaggle_knows_fifteen_names_and_nothing_of_test(kaggle: Path) -> None:
    test, train = vindr_cxr.records(kaggle)
    assert (test.image, test.split, test.labels) == (f"test/{C}.dicom", "test", {})
    assert len(train.labels) == 15
    assert {n for n, v in train.labels.items() if v} == {"Cardiomegaly"}
    assert vindr_cxr.annotations(kaggle).height == 4


def test_claims_of_kaggle_are_null_where_the_tables_are_physionets(
    physionet: Path, kaggle: Path
) -> None:
    by_name = {c.what: c for c in vindr_cxr.CARD.claims}

    def count(what: str, root: Path) -> int | None:
        claim = by_name[what]
        read = vindr_cxr.table if claim.table == "records" else vindr_cxr.annotations
        return claims.count(claim, read(root))

    assert count("rows of train.csv", physionet) is None
    assert count("rows of train.csv", kaggle) == 4
    assert count("Cardiomegaly rows", kaggle) == 2 and count("Cardiomegaly images", kaggle) == 1
    assert count("readings of train", physionet) == 6 and count("readings of train", kaggle) == 3
    assert count("readers", physionet) == 4 and count("test images", physionet) == 2


def test_the_published_counts_agree_with_each_other() -> None:
    value = {c.what: c.value for c in vindr_cxr.CARD.claims}
    rows = [v for w, v in value.items() if w.endswith(" rows")]
    assert len(rows) == 15 and sum(rows) == value["rows of train.csv"]
    assert value["No finding rows"] == 3 * value["No finding images"]
    assert value["train images"] + value["test images"] == value["images"]


def test_a_wrong_folder_and_a_mixture_are_refused(physionet: Path, kaggle: Path) -> None:
    with pytest.raises(InputRefused, match=r"E101 .*no folder train; found annotations_test\.csv"):
        vindr_cxr.records(physionet / "annotations")
    (physionet / "train.csv").write_bytes((kaggle / "train.csv").read_bytes())
    with pytest.raises(InputRefused, match=r"E101 .*both annotations and train\.csv"):
        vindr_cxr.records(physionet)


@pytest.mark.parametrize("kind", ["annotations", "image_labels"])
@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_table_is_refused(physionet: Path, kind: str, split: str) -> None:
    table(physionet, f"{kind}_{split}").unlink()
    with pytest.raises(InputRefused, match=f"E102 missing-table: {kind}_{split}.csv"):
        vindr_cxr.records(physionet)


def test_kaggle_without_its_table_is_refused(kaggle: Path) -> None:
    (kaggle / "train.csv").unlink()
    with pytest.raises(InputRefused, match=r"E102 missing-table: train\.csv"):
        vindr_cxr.records(kaggle)


@pytest.mark.parametrize(
    ("name", "edit", "observed"),
    [
        ("annotations_train", lambda t: t.replace("rad_id", "reader"), "no column rad_id"),
        ("image_labels_train", lambda t: t.replace("Other diseases", "Other"), "no column Other d"),
        ("image_labels_test", lambda t: t.replace("Lung cyst", "Cyst"), "no column Lung cyst"),
        ("image_labels_train", lambda t: t.replace(A, "1.0").replace(B, "2.0"), "column image_id"),
        ("image_labels_train", lambda t: re.sub(r",R(\d)", r",\1.0", t), "column rad_id: in 6"),
        ("annotations_train", lambda t: re.sub(r",R(\d)", r",\1", t), "column rad_id: in 6 of"),
    ],
)
def test_a_table_that_is_wrong_throughout_is_refused(
    physionet: Path, name: str, edit: Callable[[str], str], observed: str
) -> None:
    table(physionet, name).write_text(edit(table(physionet, name).read_text()))
    with pytest.raises(InputRefused) as caught:
        vindr_cxr.records(physionet)
    assert caught.value.code == "E103" and caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("annotations_train", ",10.5,", ",wide,", "annotations_train.csv, row 1: column x_min"),
        ("annotations_train", ",40.25", ",", "annotations_train.csv, row 1: column x_max: the box"),
        ("annotations_train", "R9,No f", "R9,Covid,No f", "annotations_train.csv, row 4: 8 fields"),
        ("annotations_train", f"{A},R9,No finding", f"{A},R9,Covid", "annotations_train.csv, row "),
        ("image_labels_train", f"{A},R8", f"{A},R10", "image_labels_train.csv, row 1: column im"),
        ("image_labels_train", f"{A},R8,0", f"{A},R8,2", "image_labels_train.csv, row 2: column A"),
    ],
)
def test_a_corrupt_row_makes_its_image_faulty_and_leaves_the_others(
    physionet: Path, name: str, old: str, new: str, fault: str
) -> None:
    """With one of its readers unknown, an image has no majority."""
    whole = {r.image_id: r for r in vindr_cxr.records(physionet)}
    text = table(physionet, name).read_text()
    assert old in text
    table(physionet, name).write_text(text.replace(old, new))
    found = list(vindr_cxr.records(physionet))
    bad = [r for r in found if r.fault]
    assert len(bad) == 1 and bad[0].fault.startswith(fault) and not bad[0].labels
    assert {r.image_id for r in found if not r.fault} == {B, C, D}
    assert all(whole[r.image_id] == r for r in found if not r.fault)
    assert set(vindr_cxr.annotations(physionet)["image_id"]) == {B, C, D}


def test_a_corrupt_row_of_an_unknown_image_is_a_record_of_its_own(physionet: Path) -> None:
    path = table(physionet, "image_labels_train")
    path.write_text(path.read_text().replace(f"{B},R17", "b.0,R17"))
    found = list(vindr_cxr.records(physionet))
    assert [r.fault.split(":")[0] for r in found if r.fault] == ["image_labels_train.csv, row 6"]
    assert {r.image_id for r in found if not r.fault} == {A, B, C, D}


def test_an_image_of_both_parts_is_named(physionet: Path) -> None:
    path = table(physionet, "image_labels_test")
    path.write_text(path.read_text().replace(C, A))
    found = list(vindr_cxr.records(physionet))
    bad = [r for r in found if r.fault]
    assert [r.fault for r in bad] == [
        "image_labels_test.csv, row 1: column image_id: the image is in train too"
    ]
    ids = [r.image_id for r in found]
    assert len(set(ids)) == len(ids) and {A, B, D} <= set(ids)
