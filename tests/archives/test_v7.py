"""V7: the table joined to the files, views, ids that stay text."""

import csv
import re
from pathlib import Path

import pytest
from trees import touch

from cxrkit.archives import v7
from cxrkit.errors import InputRefused
from cxrkit.terms import observations


def test_rows_and_images_meet_by_id(v7_tree: Path) -> None:
    records = {record.image_id: record for record in v7.records(v7_tree)}
    assert [*records] == ["0012", "13", "14", "15", "99"]
    supine = records["0012"]
    assert (supine.image, supine.mask) == ("images/0012.png", "masks/0012.png")
    assert (supine.patient_id, supine.view, supine.extra["view"]) == ("007", "AP", "AP Supine")
    assert records["13"].image == "images/13.jpg" and records["13"].view == ""
    assert records["14"].mask == "" and records["14"].extra["finding"] == "COVID-19, ARDS"


def test_only_pa_and_ap_are_frontal(v7_tree: Path) -> None:
    views = {record.image_id: (record.view, record.frontal) for record in v7.records(v7_tree)}
    assert views["0012"] == ("AP", True)
    assert views["14"] == ("LATERAL", False)
    assert views["15"] == ("CORONAL", False)


def test_a_row_without_image_and_an_image_without_row_are_records(v7_tree: Path) -> None:
    records = {record.image_id: record for record in v7.records(v7_tree)}
    assert records["15"].image == "images/15.png"
    assert not (v7_tree / records["15"].image).exists()
    assert (records["99"].patient_id, records["99"].extra) == ("", {})


def test_covid_is_a_label_of_its_own_and_none_of_the_14(v7_tree: Path) -> None:
    labels = {record.image_id: record.labels for record in v7.records(v7_tree)}
    assert labels["14"] == labels["0012"] == {"COVID-19": 1}  # "COVID-19, ARDS" names it too
    assert labels["99"] == {}
    assert not any(observations(found) for found in labels.values())


def test_columns_that_the_adapter_does_not_know_are_kept(v7_tree: Path) -> None:
    table = v7_tree / "pairs.csv"
    table.write_text("v7_image_id,original_filename,source,patient_id,view,finding,image_license,Age\n"
                     "13,b.jpg,s,8,PA,x,CC BY 4.0,064\n")  # fmt: skip
    assert next(r for r in v7.records(v7_tree) if r.image_id == "13").extra["Age"] == "064"


def test_a_renamed_column_is_refused(v7_tree: Path) -> None:
    table = v7_tree / "pairs.csv"
    table.write_text(table.read_text().replace("patient_id", "patient"))
    with pytest.raises(InputRefused, match=r"E103 bad-table: pairs.csv: no column patient_id"):
        v7.records(v7_tree)


def test_ids_read_as_numbers_are_refused(v7_tree: Path) -> None:
    table = v7_tree / "pairs.csv"
    table.write_text(re.sub(r"(?m)^(\d+),", r"\1.0,", table.read_text()))
    with pytest.raises(InputRefused, match=r"E103 bad-table: pairs.csv: column v7_image_id"):
        v7.records(v7_tree)


def test_rows_with_one_id_are_faulty_and_their_image_has_no_other_record(v7_tree: Path) -> None:
    """An image without its row would have no patient, and be built."""
    table = v7_tree / "pairs.csv"
    table.write_text(table.read_text().replace("\n13,", "\n14,"))
    found = list(v7.records(v7_tree))
    faulty = [record for record in found if record.fault]
    assert [record.fault.split(": ")[0] for record in faulty] == [
        "pairs.csv, row 1",
        "pairs.csv, row 3",
    ]
    assert all("several rows" in record.fault and not record.patient_id for record in faulty)
    assert {r.image_id for r in found if not r.fault} == {"0012", "13", "15", "99"}
    assert next(r for r in found if r.image_id == "13").patient_id == ""


@pytest.mark.parametrize(
    ("old", "new"),
    [("\n13,", "\n../13,"), ("\n13,", "\n,"), ("\n13,b.jpg,", "\n13,b.jpg,more,")],
)
def test_a_corrupt_row_is_a_faulty_record_and_the_others_are_used(
    v7_tree: Path, old: str, new: str
) -> None:
    whole = {r.image_id: r for r in v7.records(v7_tree)}
    table = v7_tree / "pairs.csv"
    table.write_text(table.read_text().replace(old, new))
    found = list(v7.records(v7_tree))
    assert [r.fault.split(": ")[0] for r in found if r.fault] == ["pairs.csv, row 3"]
    for record in found:
        if record.image_id in ("0012", "14", "15", "99"):
            assert record == whole[record.image_id]


def test_a_missing_table_is_refused(v7_tree: Path) -> None:
    (v7_tree / "pairs.csv").unlink()
    with pytest.raises(InputRefused, match=r"E102 missing-table: pairs.csv"):
        v7.records(v7_tree)


def test_two_images_of_one_id_are_refused(v7_tree: Path) -> None:
    touch(v7_tree, ["images/13.png"])
    with pytest.raises(InputRefused, match=r"images/13.png: the same id as images/13.jpg"):
        v7.records(v7_tree)


def test_real_files(real_data: Path) -> None:
    root = real_data / "v7"
    records = list(v7.records(root))
    with (root / "pairs.csv").open(newline="") as file:
        patients = {row["v7_image_id"]: row["patient_id"] for row in csv.DictReader(file)}
    assert {r.image_id: r.patient_id for r in records} == patients
    assert len(records) == 206 and len(set(patients.values())) == 113
    assert all((root / r.image).is_file() and (root / r.mask).is_file() for r in records)
    assert sum(r.frontal for r in records) == 205  # one row says "Coronal"
    assert all(r.labels == {"COVID-19": 1} for r in records)
    for record in records[::40]:
        lung, ignore = v7.mask(root, record)
        assert 0.02 < lung.mean() < 0.8 and not (lung & ignore).any()
