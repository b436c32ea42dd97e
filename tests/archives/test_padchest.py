"""PadChest: lists in Python's notation, an unnamed column, projections, years of birth."""

import ast
import csv
import gzip
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from trees import touch

from cxrkit import claims
from cxrkit.archives import padchest
from cxrkit.errors import InputRefused

TABLE = "PADCHEST_chest_x_ray_images_labels_160K_01.02.19.csv"
HEADER = (
    ",ImageID,ImageDir,StudyDate_DICOM,StudyID,PatientID,PatientBirth,PatientSex_DICOM,"
    "ViewPosition_DICOM,Projection,Pediatric,MethodProjection,Modality_DICOM,Manufacturer_DICOM,"
    "PhotometricInterpretation_DICOM,PixelRepresentation_DICOM,PixelAspectRatio_DICOM,"
    "SpatialResolution_DICOM,BitsStored_DICOM,WindowCenter_DICOM,WindowWidth_DICOM,Rows_DICOM,"
    "Columns_DICOM,XRayTubeCurrent_DICOM,Exposure_DICOM,ExposureInuAs_DICOM,ExposureTime_DICOM,"
    "RelativeXRayExposure_DICOM,ReportID,Report,MethodLabel,Labels,Localizations,"
    "LabelsLocalizationsBySentence,LabelCUIS,LocalizationsCUIS"
)
COLUMNS = HEADER.split(",")
# As long as the published ones, too long for any number type.
PATIENT, STUDY = "7" + "1234567890" * 3 + "12345", "9" + "0987654321" * 3 + "0987654"
Rows = list[dict[str, str]]


def row(name: str, **cells: str) -> dict[str, str]:
    """A row of the table; every cell is made up."""
    known = {
        "ImageID": f"{name}.png",
        "ImageDir": "0",
        "StudyDate_DICOM": "20140915",
        "StudyID": STUDY,
        "PatientID": PATIENT,
        "PatientBirth": "1930.0",
        "PatientSex_DICOM": "F",
        "Projection": "PA",
        "BitsStored_DICOM": "12",
        "Rows_DICOM": "2000",
        "Columns_DICOM": "1700.0",
        "Report": "derram pleural , derech .",
        "MethodLabel": "Physician",
        "Labels": "['normal']",
        "Localizations": "['loc right', 'loc right']",
        "LabelsLocalizationsBySentence": "[['normal'], ['loc right']]",
    }
    return dict.fromkeys(COLUMNS, "") | known | cells


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "bimcv"
    touch(folder, ["0/a_00-001.png", "12/b_00 - 030 - 080.png"])
    write(folder, [
        row("a_00-001", Labels="['pleural effusion', ' unchanged', 'pleural effusion', '']"),
        row("b_00 - 030 - 080", ImageDir="12", Projection="L", Labels="[]"),
        row("c", Projection="AP_horizontal", Labels="", PatientBirth="", PatientSex_DICOM="M"),
        row("d", Projection="COSTAL", Labels="nan", Report="", PatientBirth="2020"),
        row("e", Projection="AP", Labels="[\"kerley's lines\", 'tube']", StudyDate_DICOM=""),
    ])  # fmt: skip
    return folder


def write(folder: Path, rows: Rows) -> None:
    with (folder / TABLE).open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows({**r, "": str(n)} for n, r in enumerate(rows))


def read(folder: Path) -> Rows:
    with (folder / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


def by_id(folder: Path) -> dict[str, padchest.Record]:
    return {r.image_id: r for r in padchest.records(folder)}


def test_every_field_is_as_published(root: Path) -> None:
    records = by_id(root)
    first, spaced = records["a_00-001"], records["b_00 - 030 - 080"]
    assert (first.image, spaced.image) == ("0/a_00-001.png", "12/b_00 - 030 - 080.png")
    assert (first.patient_id, first.study_id) == (PATIENT, STUDY)
    assert (first.age, first.sex, first.split) == (84, "F", "")
    assert (first.rows, first.columns) == (2000, 1700)
    assert first.extra["MethodLabel"] == "Physician" and first.extra["BitsStored_DICOM"] == "12"
    assert first.extra["Localizations"] == "['loc right', 'loc right']"
    assert first.extra["LabelsLocalizationsBySentence"] == "[['normal'], ['loc right']]"
    assert "" not in first.extra and not set(first.extra) & {"Labels", "ImageID", "PatientID"}
    read_elsewhere = {"ImageID", "ImageDir", "StudyID", "PatientID", "PatientSex_DICOM", "Labels",
                      "Rows_DICOM", "Columns_DICOM", ""}  # fmt: skip
    assert set(first.extra) == set(COLUMNS) - read_elsewhere


def test_labels_are_whole_entries_once_and_without_spaces(root: Path) -> None:
    """'tube' inside another word is no tube; a blank cell and [] say nothing."""
    records = by_id(root)
    assert records["a_00-001"].labels == {"pleural effusion": 1, "unchanged": 1}
    assert records["e"].labels == {"kerley's lines": 1, "tube": 1}
    assert [records[i].labels for i in ("b_00 - 030 - 080", "c", "d")] == [{}, {}, {}]


@pytest.mark.parametrize(
    "text",
    [
        "['a']", "['a', 'b c']", "[]", "['a', ' b', 'a']", "[\"a'b\"]", "['a\\'b', 'c']", "['']",
        "['a, b', 'c']", "['a','b']", "[ 'a' , 'b' ]", "['a', 'b',]", "['a' 'b']", "[u'a']",
    ],
)  # fmt: skip
def test_a_list_is_read_as_python_reads_it(text: str) -> None:
    expected = {entry.strip() for entry in ast.literal_eval(text)} - {""}
    wide, no_lists = padchest._labels(pl.Series(["['other']", text, ""]))
    found = wide.filter(Labels=text).row(0, named=True)
    assert {n.removeprefix("labels.") for n, v in found.items() if v == 1} == expected
    assert no_lists == []


@pytest.mark.parametrize("text", ["a", "['a'", "['a', 1]", "{'a'}", "'a'", "[['a']]", "['a', b]"])
def test_what_is_no_list_of_texts_is_none(text: str) -> None:
    wide, no_lists = padchest._labels(pl.Series(["['other']", text, ""]))
    assert no_lists == [text] and wide.columns == ["Labels", "labels.other"]


def test_projections_become_views(root: Path) -> None:
    records = by_id(root)
    assert {i: r.view for i, r in records.items()} == {
        "a_00-001": "PA", "b_00 - 030 - 080": "LATERAL", "c": "AP", "d": "COSTAL", "e": "AP",
    }  # fmt: skip
    assert records["c"].extra["Projection"] == "AP_horizontal" and records["c"].frontal
    assert not records["b_00 - 030 - 080"].frontal and not records["d"].frontal


def test_an_age_that_cannot_be_is_empty(root: Path) -> None:
    records = by_id(root)
    assert records["c"].age is None, "no year of birth"
    assert records["d"].age is None, "born after the study"
    assert records["e"].age is None, "no date"


def test_the_report_is_the_row_s_or_none(root: Path) -> None:
    records = by_id(root)
    assert padchest.report(root, records["a_00-001"]) == "derram pleural , derech ."
    assert padchest.report(root, records["d"]) is None


def test_a_gzipped_table_gives_the_same_records(root: Path) -> None:
    plain = list(padchest.records(root))
    path = root / TABLE
    path.with_name(f"{TABLE}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    assert list(padchest.records(root)) == plain


def test_claims_are_counted_on_rows(root: Path) -> None:
    table = padchest.table(root)
    counts = {c.what: claims.count(c, table) for c in padchest.CARD.claims}
    assert counts == {"images": 5, "patients": 1}


def test_a_wrong_folder_is_refused_with_what_is_in_it(root: Path) -> None:
    with pytest.raises(InputRefused, match=r"E101 .*no numbered folder; found a_00-001\.png"):
        padchest.records(root / "0")


def test_a_missing_table_is_refused(root: Path) -> None:
    (root / TABLE).unlink()
    with pytest.raises(InputRefused, match="E102 missing-table: PADCHEST"):
        padchest.records(root)


@pytest.mark.parametrize(
    ("edit", "observed"),
    [
        (lambda r: {("Projektion" if k == "Projection" else k): v for k, v in r.items()},
         "no column Projection"),
        (lambda r: r | {"PatientID": "8.3986e+35"}, "column PatientID: in 5 of 5 rows"),
        (lambda r: r | {"StudyID": f"{STUDY}.0"}, "column StudyID: in 5 of 5 rows"),
        (lambda r: r | {"ImageID": "a.png"}, "column ImageID: in 5 of 5 rows"),
        (lambda r: r | {"Labels": "pleural effusion"}, "column Labels: in 5 of 5 rows"),
        (lambda r: r | {"Labels": str([f"{r['']}-{n}" for n in range(500)])},
         "column Labels: 2500 different labels"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_throughout_is_refused(
    root: Path, edit: Callable[[dict[str, str]], dict[str, str]], observed: str
) -> None:
    rows = [edit(r) for r in read(root)]
    with (root / TABLE).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    with pytest.raises(InputRefused) as caught:
        padchest.records(root)
    assert caught.value.code == "E103" and caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"Labels": "['tube', "}, "Labels"),
        ({"PatientBirth": "nineteen"}, "PatientBirth"),
        ({"StudyDate_DICOM": "2014-09-15"}, "StudyDate_DICOM"),
        ({"ImageID": "../a.png"}, "ImageID"),
        ({"ImageDir": "1.5"}, "ImageDir"),
        ({"PatientID": "8.3e+35"}, "PatientID"),
        ({"PatientSex_DICOM": "male"}, "PatientSex_DICOM"),
        ({"Rows_DICOM": "tall"}, "Rows_DICOM"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    root: Path, cells: dict[str, str], column: str
) -> None:
    whole = by_id(root)
    rows = read(root)
    write(root, [*rows[:2], rows[2] | cells, *rows[3:]])
    found = list(padchest.records(root))
    bad = [r for r in found if r.fault]
    assert [r.fault.split(": the value")[0] for r in bad] == [f"{TABLE}, row 3: column {column}"]
    fine = [r for r in found if not r.fault]
    assert len(fine) == 4 and all(whole[r.image_id] == r for r in fine)


def test_a_repeated_image_is_named(root: Path) -> None:
    rows = read(root)
    write(root, [*rows, rows[0]])
    faults = [r.fault for r in padchest.records(root) if r.fault]
    assert [f.split(":")[0] for f in faults] == [f"{TABLE}, row {n}" for n in (1, 6)]
