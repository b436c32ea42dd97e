"""Records and their table are two forms of one thing."""

from dataclasses import replace

import polars as pl
import pytest

from cxrkit import records, tables
from cxrkit.records import Record

RECORDS = [
    Record("x", "1", "a/1.png", "007", "s1", "PA", "m/1.png", "train", "F", 4.5, 10, 20,
           {"Edema": 1, "Mass": 0}, {"note": "a", "01": ""}),
    Record("x", "2", "a/2.png", labels={"Edema": -1}),
    Record("x", "3", "a/3.png", extra={"note": "b"}, fault="t.csv, row 3: 2 fields"),
]  # fmt: skip


def test_a_table_gives_the_same_records_back() -> None:
    assert list(records.from_frame(records.frame(RECORDS))) == RECORDS
    assert list(records.from_frame(records.frame([]))) == []


def test_not_mentioned_is_null_and_blank_is_blank() -> None:
    table = records.frame(RECORDS, ("Hernia", "Edema"))
    assert table.columns == [
        *records.FIELDS, "labels.Hernia", "labels.Edema", "labels.Mass", "extra.note", "extra.01",
    ]  # fmt: skip
    assert table["labels.Hernia"].to_list() == [None, None, None]
    assert table["labels.Edema"].to_list() == [1, -1, None]
    assert table["labels.Mass"].to_list() == [0, None, None]
    assert table["extra.01"].to_list() == ["", None, None]
    assert table["labels.Edema"].dtype == pl.Int8


def test_a_part_of_the_columns_becomes_a_whole_table_in_order() -> None:
    part = pl.DataFrame(
        {"image": ["b.png", "a.png"], "image_id": ["b", None], "age": [3, None],
         "labels.Edema": [1, None], "extra.z": ["1", None], "left out": ["x", "y"]}
    )  # fmt: skip
    table = records.completed(part, "x", ("Mass", "Edema"))
    assert list(records.from_frame(table)) == [
        Record("x", "", "a.png"),
        Record("x", "b", "b.png", age=3.0, labels={"Edema": 1}, extra={"z": "1"}),
    ]
    assert table.columns[len(records.FIELDS) :] == ["labels.Mass", "labels.Edema", "extra.z"]
    assert dict(zip(table.columns, table.dtypes, strict=True))["age"] == pl.Float64


def test_a_faulty_row_keeps_its_place_and_nothing_else() -> None:
    part = pl.DataFrame(
        {"image": ["b.png", "b.png", "c.png"], "image_id": ["b", "b", "c"],
         "labels.Edema": [1, 1, 0],
         tables.FAULT: ["t.csv, row 1: column id: twice", "t.csv, row 2: column id: twice", ""]}
    )  # fmt: skip
    fine, *bad = records.from_frame(records.completed(part, "x", ("Edema",)))
    assert fine == Record("x", "c", "c.png", labels={"Edema": 0})
    assert [r.fault for r in bad] == part[tables.FAULT].to_list()[:2]
    assert [r.image_id for r in bad] == ["t.csv-row-1-0", "t.csv-row-2-1"]
    assert all(r == replace(Record("x", r.image_id, r.image_id), fault=r.fault) for r in bad)


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_frontal_views(view: str) -> None:
    assert Record("x", "1", "1.png", view=view).frontal
    assert not Record("x", "1", "1.png", view="LATERAL").frontal


def test_text_that_is_not_utf_8_makes_a_faulty_row_and_spares_the_others() -> None:
    bad = Record("x", "4", "b\udcff/4.png", patient_id="\udcff", labels={"Edema": 1})
    worse = Record("x", "5", "c/5.png", extra={"note": "\udcfe"})
    table = records.frame([*RECORDS, bad, worse])
    assert list(records.from_frame(table))[:3] == RECORDS
    assert table["image"].to_list()[3:] == ["b\\udcff/4.png", "c/5.png"]
    assert table["fault"].to_list()[3:] == [
        "b\\udcff/4.png: the name is not UTF-8: rename the file",
        "c/5.png: text that is not UTF-8",
    ]
    assert table["patient_id"][3] == "" and table["labels.Edema"][3] is None


def test_a_path_that_is_utf_8_has_no_fault() -> None:
    assert records.name_fault("a b/\u65e5\u672c.png") == ""


def test_a_fault_of_a_file_is_a_row_of_its_path() -> None:
    fault = "a/b\\udcff.png: the name is not UTF-8: rename the file"
    table = records.completed(pl.DataFrame({"image": [""], tables.FAULT: [fault]}), "x", ())
    (record,) = records.from_frame(table)
    assert (record.image, record.image_id) == ("a/b\\udcff.png-0", "a-b\\udcff.png-0")
    assert record.fault == fault
