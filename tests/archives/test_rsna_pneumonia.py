"""RSNA pneumonia: boxes and labels of the tables, and what is broken in them is named."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from cxrkit import archives, claims
from cxrkit.archives import rsna_pneumonia
from cxrkit.errors import InputRefused
from cxrkit.phantom import rsna_pneumonia as replica
from cxrkit.records import Record

LABELS, CLASSES = "stage_2_train_labels.csv", "stage_2_detailed_class_info.csv"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("rsna") / "whole"
    replica.write_release(root, studies=40, seed=5, size=64)
    return root


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(whole, tmp_path / "copy")


def rows(root: Path, name: str = LABELS) -> list[dict[str, str]]:
    with (root / name).open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(root: Path, name: str, change: Callable[[list[str]], list[str]]) -> None:
    header, *lines = (root / name).read_text().splitlines()
    (root / name).write_text("\n".join([header, *change(lines)]) + "\n")


def by_id(root: Path) -> dict[str, Record]:
    return {r.image_id: r for r in rsna_pneumonia.records(root) if not r.fault}


def faults(root: Path) -> list[str]:
    return [r.fault for r in rsna_pneumonia.records(root) if r.fault]


def positive(root: Path) -> str:
    """An image with a box."""
    return next(row["patientId"] for row in rows(root) if row["Target"] == "1")


def test_every_train_image_has_target_and_class(whole: Path) -> None:
    records = by_id(whole)
    classes = {row["patientId"]: row["class"] for row in rows(whole, CLASSES)}
    targets = {row["patientId"]: int(row["Target"]) for row in rows(whole)}
    assert set(classes.values()) == {"Normal", "No Lung Opacity / Not Normal", "Lung Opacity"}
    train = {i: r for i, r in records.items() if r.split == "train"}
    assert {i: r.labels["Lung Opacity"] for i, r in train.items()} == targets
    assert {i: r.extra["class"] for i, r in train.items()} == classes
    assert all(r.image == f"stage_2_train_images/{i}.dcm" for i, r in train.items())
    assert all((whole / r.image).is_file() for r in records.values())


def test_test_images_have_no_label(whole: Path) -> None:
    test = [r for r in by_id(whole).values() if r.split == "test"]
    assert {f"{r.image_id}.dcm" for r in test} == {
        p.name for p in (whole / "stage_2_test_images").iterdir()
    }
    assert len(test) == 5
    assert all((r.labels, r.extra, r.patient_id) == ({}, {}, "") for r in test)


def test_a_patient_id_is_no_patient(whole: Path) -> None:
    assert {r.patient_id for r in by_id(whole).values()} == {""}


def test_a_box_is_corner_and_size(copy: Path) -> None:
    one, two = (row["patientId"] for row in rows(copy)[:2])
    rewrite(
        copy,
        LABELS,
        lambda old: (
            [f"{one},264.0,152.0,213.0,379.0,1", f"{one},562.0,152.5,256.0,453.0,1"]
            + [o for o in old if not o.startswith(one)]
        ),
    )
    rewrite(
        copy,
        CLASSES,
        lambda old: [f"{one},Lung Opacity"] + [o for o in old if not o.startswith(one)],
    )
    marked = rsna_pneumonia.annotations(copy)
    box = marked.filter(pl.col("image_id") == one).select("x_min", "y_min", "x_max", "y_max")
    assert box.rows() == [(264.0, 152.0, 477.0, 531.0), (562.0, 152.5, 818.0, 605.5)]
    assert marked.height == len(rows(copy))
    blank = marked.filter(pl.col("image_id") == two)
    assert blank.height and blank["value"].to_list() == [
        int(row["Target"]) for row in rows(copy) if row["patientId"] == two
    ]


def test_an_image_without_a_box_has_a_row_without_one(whole: Path) -> None:
    marked = rsna_pneumonia.annotations(whole)
    none = marked.filter(pl.col("value") == 0)
    assert none["x_min"].null_count() == none.height > 0
    assert marked.filter(pl.col("value") == 1)["x_max"].null_count() == 0


def test_claims_count_rows_boxes_and_classes(whole: Path) -> None:
    tables = {
        "records": archives.table(rsna_pneumonia, whole),
        "annotations": rsna_pneumonia.annotations(whole),
    }
    found = {
        c.what: claims.count(c, tables[c.table])
        for c in rsna_pneumonia.CARD.claims
        if not c.erratum
    }
    listed = rows(whole)
    per_image = pl.Series([row["patientId"] for row in listed]).value_counts()["count"].to_list()
    classes = {row["patientId"]: row["class"] for row in rows(whole, CLASSES)}
    assert found["rows"] == len(listed)
    assert found["boxes"] == sum(row["Target"] == "1" for row in listed)
    assert found["train images"] == len(classes) == 35
    assert found["test images"] == 5
    assert found["images of 1 row"] == per_image.count(1)
    assert found["images of 2 rows"] == per_image.count(2) > 0
    for name in set(classes.values()):
        assert found[name] == list(classes.values()).count(name)
    assert found["images with Target 1"] == found["Lung Opacity"]
    # The tables do not hold view and sex: unknown is not zero.
    assert found["PA images"] is found["M images"] is None


def test_a_copy_without_test_images_cannot_tell_their_number(copy: Path) -> None:
    shutil.rmtree(copy / "stage_2_test_images")
    claim = next(c for c in rsna_pneumonia.CARD.claims if c.what == "test images")
    assert claims.count(claim, archives.table(rsna_pneumonia, copy)) is None


BROKEN = {
    "text for a number": ("{i},a,1,2,3,1", "column x: the value is not like"),
    "a box half there": ("{i},1,2,3,,1", "column Target: a box just where it is 1"),
    "no box where one is": ("{i},,,,,1", "column Target: a box just where it is 1"),
    "a negative corner": ("{i},-1,2,3,4,1", "column x: the value is not like"),
    "no extent": ("{i},1,2,0,4,1", "column width: the box has no extent"),
    "another target": ("{i},,,,,0", "column Target: the image has both 0 and 1"),
    "a target that is none": ("{i},1,2,3,4,2", "column Target: the value is not like"),
    "a field too many": ("{i},1,2,3,4,1,9", "7 fields in the row, 6 in the header"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_one_broken_row_makes_its_image_a_fault_and_no_other(copy: Path, kind: str) -> None:
    before, image_id = by_id(copy), positive(copy)
    line, message = BROKEN[kind]
    rewrite(copy, LABELS, lambda old: [*old, line.format(i=image_id)])
    after = by_id(copy)
    assert set(before) - set(after) == {image_id}
    assert all(before[i] == after[i] for i in after)
    (fault,) = faults(copy)
    assert fault.startswith(f"{LABELS}, row ") and message in fault
    assert image_id not in set(rsna_pneumonia.annotations(copy)["image_id"])


def test_tables_that_contradict_each_other_are_named(copy: Path) -> None:
    image_id = positive(copy)
    rewrite(
        copy, CLASSES, lambda old: [o for o in old if not o.startswith(image_id)]
        + [f"{image_id},Normal"],
    )  # fmt: skip
    (fault,) = faults(copy)
    assert f"column Target: {CLASSES} contradicts it" in fault


def test_two_classes_of_one_image_are_named(copy: Path) -> None:
    image_id = positive(copy)
    rewrite(copy, CLASSES, lambda old: [*old, f"{image_id},Normal"])
    (fault,) = faults(copy)
    assert fault.startswith(f"{CLASSES}, row ") and "column class: the image has several" in fault


def test_an_image_without_a_class_keeps_its_label(copy: Path) -> None:
    image_id = positive(copy)
    rewrite(copy, CLASSES, lambda old: [o for o in old if not o.startswith(image_id)])
    record = by_id(copy)[image_id]
    assert (record.labels, record.extra) == ({"Lung Opacity": 1}, {})


@pytest.mark.parametrize("bad", ["12.0", "", "0004cfab", "../x"])
@pytest.mark.parametrize("name", [LABELS, CLASSES])
def test_a_row_that_names_no_image_is_one_fault(copy: Path, name: str, bad: str) -> None:
    before = by_id(copy)
    end = ",,,,,0" if name == LABELS else ",Normal"
    rewrite(copy, name, lambda old: [*old, f"{bad}{end}"])
    assert by_id(copy) == before
    (fault,) = faults(copy)
    assert fault.startswith(f"{name}, row ") and "column patientId" in fault


@pytest.mark.parametrize(("name", "column"), [(LABELS, "Target"), (CLASSES, "class")])
def test_a_missing_table_and_a_renamed_column_are_refused(
    copy: Path, name: str, column: str
) -> None:
    text = (copy / name).read_text()
    (copy / name).write_text(text.replace(column, "renamed", 1))
    with pytest.raises(InputRefused, match=f"E103 .*no column {column}"):
        rsna_pneumonia.records(copy)
    (copy / name).unlink()
    with pytest.raises(InputRefused, match=f"E102 .*{name}"):
        rsna_pneumonia.records(copy)


def test_ids_read_as_numbers_refuse_the_table(copy: Path) -> None:
    rewrite(copy, LABELS, lambda old: [f"{n}.0,,,,,0" for n in range(len(old))])
    with pytest.raises(InputRefused, match=r"E103 .*column patientId"):
        rsna_pneumonia.records(copy)


def test_a_wrong_folder_is_shown_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "dicom-images-train").mkdir()
    with pytest.raises(InputRefused) as caught:
        rsna_pneumonia.records(tmp_path)
    assert "found dicom-images-train" in str(caught.value)
    assert rsna_pneumonia.LAYOUT in str(caught.value)


def test_a_row_without_an_image_is_a_record_that_is_missing(copy: Path) -> None:
    image_id = positive(copy)
    (copy / by_id(copy)[image_id].image).unlink()
    assert by_id(copy)[image_id].labels == {"Lung Opacity": 1}
