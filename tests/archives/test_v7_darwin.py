"""V7 as Darwin exports it: who is frontal, what tags say, and which JSON file is left aside."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from trees import touch

from cxrkit import archives, claims
from cxrkit.archives import v7
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.records import Record

SQUARE = [{"x": x, "y": y} for x, y in ((1, 1), (5, 1), (5, 8), (1, 8))]
RIGHT = [{"x": p["x"] + 8, "y": p["y"]} for p in SQUARE]


def lungs(count: int) -> list[dict[str, object]]:
    return [{"name": "Lung", "polygon": {"path": path}} for path in (SQUARE, RIGHT, SQUARE)[:count]]


def tagged(*names: str) -> list[dict[str, object]]:
    return [{"name": name, "tag": {}} for name in names]


def write(
    root: Path, image_id: str, annotations: object, original: str, suffix: str = ".png"
) -> None:
    image = {"width": 16, "height": 12, "filename": f"{image_id}{suffix}"}
    content = {
        "image": image | {"original_filename": original},
        "dataset": "x",
        "annotations": annotations,
    }
    touch(root, [f"images/{image_id}{suffix}"])
    (root / "annotations").mkdir(exist_ok=True)
    (root / "annotations" / f"{image_id}.json").write_text(json.dumps(content))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    root = tmp_path / "exported"
    tags = tagged("COVID-19", "Viral Pneumonia", "X-ray", "View/AP Supine", "Sex/M", "Age:64",
                  "location:Harbour City, Old Town", "ICU_admission/Y", "Survival/N")  # fmt: skip
    write(root, "10", [*lungs(2), *tags], "0a7faa2a.jpg")
    write(
        root, "11", [*lungs(2), *tagged("Bacterial Pneumonia")], "person23_bacteria_78.jpeg", ".jpg"
    )
    write(root, "12", tagged("View/L", "Sex/F", "Age:60-70"), "b.jpg")
    write(root, "13", tagged("CT"), "c.jpg")
    write(root, "14", tagged("X-ray", "Sex/unknown"), "d.jpg")
    write(root, "15", lungs(1), "e.jpg")
    write(root, "16", lungs(3), "NORMAL2-IM-0383-0001.jpeg")
    touch(root, ["images/99.png", "annotations/.10.json"])
    return root


def by_id(root: Path) -> dict[str, Record]:
    return {record.image_id: record for record in v7.records(root)}


def test_tags_become_labels_view_sex_age_and_extra(exported: Path) -> None:
    record = by_id(exported)["10"]
    assert record.labels == {"COVID-19": 1, "Viral Pneumonia": 1}
    assert (record.view, record.sex, record.age) == ("AP", "M", 64.0)
    assert (record.rows, record.columns) == (12, 16)
    assert record.extra["location"] == "Harbour City, Old Town"
    assert (record.extra["icu_admission"], record.extra["survival"]) == ("Y", "N")
    assert record.extra["view"] == "AP Supine" and record.extra["age"] == "64"
    assert record.extra["tags"].startswith("COVID-19; Viral Pneumonia; X-ray; View/AP Supine")
    assert record.extra["original_filename"] == "0a7faa2a.jpg"


def test_frontal_is_what_has_two_lungs(exported: Path) -> None:
    found = by_id(exported)
    views = {image_id: (record.view, bool(record.mask)) for image_id, record in found.items()}
    assert views == {
        "10": ("AP", True),
        "11": ("", True),  # a blank view counts as frontal here
        "12": ("LATERAL", False),
        "13": ("CT", False),
        "14": ("NO LUNG", False),
        "15": ("NO LUNG", False),
        "16": ("NO LUNG", False),
        "99": ("", False),  # no JSON file says anything of it
    }
    assert [found[i].extra["lung_outlines"] for i in ("11", "14", "15", "16")] == list("2013")


def test_what_is_no_number_or_sex_stays_empty(exported: Path) -> None:
    found = by_id(exported)
    assert (found["12"].sex, found["12"].age, found["12"].extra["age"]) == ("F", None, "60-70")
    assert (found["14"].sex, found["14"].extra["sex"]) == ("", "unknown")


def test_a_guangzhou_image_keeps_its_patient(exported: Path) -> None:
    patients = {image_id: record.patient_id for image_id, record in by_id(exported).items()}
    assert (patients["11"], patients["16"], patients["10"]) == ("person23", "IM-0383", "")


def test_the_mask_is_the_union_of_the_lungs(exported: Path) -> None:
    cv2.imwrite(str(exported / "images" / "10.png"), np.eye(12, 16, dtype=np.uint8))
    ignore = {"name": "Ignore", "polygon": {"path": SQUARE[:3]}}
    write(exported, "10", [*lungs(2), ignore], "a.jpg")
    cv2.imwrite(str(exported / "images" / "10.png"), np.eye(12, 16, dtype=np.uint8))
    record = by_id(exported)["10"]
    lung, ignored = archives.read_mask(v7, exported, record)
    expected = np.zeros((12, 16), bool)
    expected[1:9, 1:6] = expected[1:9, 9:14] = True
    assert np.array_equal(lung, expected)
    assert ignored.any() and (ignored & ~expected).sum() == 0  # over the lung, which stays lung
    names, drawn = zip(*v7.outlines(exported, record), strict=True)
    assert names == ("Lung", "Lung", "Ignore")
    assert np.array_equal(drawn[0] | drawn[1], lung) and np.array_equal(drawn[2], ignored)


def test_an_outline_for_another_size_than_the_image_is_named(exported: Path) -> None:
    cv2.imwrite(str(exported / "images" / "10.png"), np.eye(12, 17, dtype=np.uint8))
    with pytest.raises(ItemFault, match=r"E231 bad-mask: annotations/10.json: 12 x 16 pixels"):
        v7.mask(exported, by_id(exported)["10"])


@pytest.mark.parametrize("text", ["", "{", '{"image": {"width": "16"}, "annotations": []}', "[]"])
def test_a_broken_file_is_a_faulty_record(exported: Path, text: str) -> None:
    whole = by_id(exported)
    (exported / "annotations" / "10.json").write_text(text)
    found = by_id(exported)
    assert found["10"].fault.startswith("annotations/10.json: ")
    assert (found["10"].labels, found["10"].patient_id, found["10"].mask) == ({}, "", "")
    assert {i: r for i, r in found.items() if i != "10"} == {
        i: r for i, r in whole.items() if i != "10"
    }


def test_two_files_of_one_image_are_both_faulty(exported: Path) -> None:
    text = (exported / "annotations" / "10.json").read_text()
    (exported / "annotations" / "20.json").write_text(text)
    found = by_id(exported)
    assert "another file" in found["10"].fault and "another file" in found["20"].fault
    assert not any(record.image == "images/10.png" for record in found.values())


def test_a_folder_of_broken_files_is_refused(exported: Path) -> None:
    for path in sorted((exported / "annotations").glob("1*.json"))[:4]:
        path.write_text("{")
    with pytest.raises(InputRefused, match=r"E103 bad-table: annotations: 4 of 7 JSON files"):
        v7.records(exported)


def test_without_json_files_the_table_is_asked_for(exported: Path) -> None:
    for path in (exported / "annotations").iterdir():
        path.unlink()
    with pytest.raises(InputRefused, match=r"E102 missing-table: pairs.csv"):
        v7.records(exported)


def test_a_name_cannot_lead_out_of_the_archive(exported: Path) -> None:
    path = exported / "annotations" / "10.json"
    path.write_text(path.read_text().replace("10.png", "../../10.png"))
    assert by_id(exported)["10"].image == "images/10.png"


def test_claims_of_the_json_form_are_counted_and_of_the_table_are_unknown(
    exported: Path, v7_tree: Path
) -> None:
    outlined = next(c for c in v7.CARD.claims if "two Lung" in c.what)
    assert claims.count(outlined, v7.table(exported)) == 1  # of ieee8023; 11 is from Guangzhou
    assert claims.count(outlined, v7.table(v7_tree)) is None
    slices = next(c for c in v7.CARD.claims if c.what == "CT slices")
    assert claims.count(slices, v7.table(exported)) == 1
    child = next(c for c in v7.CARD.claims if c.what == "images from Guangzhou")
    assert claims.count(child, v7.table(exported)) == 2
