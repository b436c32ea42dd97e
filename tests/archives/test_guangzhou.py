"""Guangzhou: patients from names, splits and classes from folders."""

import re
from pathlib import Path

from trees import touch

from cxrkit.archives import guangzhou


def test_a_person_is_one_patient_whatever_the_cause(guangzhou_tree: Path) -> None:
    records = {r.image_id: r for r in guangzhou.records(guangzhou_tree)}
    bacteria, virus = records["person23_bacteria_78"], records["person23_virus_53"]
    assert bacteria.patient_id == virus.patient_id == "person23"
    assert (bacteria.extra["cause"], virus.extra["cause"]) == ("bacteria", "virus")
    assert records["person1946_bacteria_4874"].patient_id == "person1946"


def test_a_normal_image_is_grouped_by_its_first_number(guangzhou_tree: Path) -> None:
    normal = [r for r in guangzhou.records(guangzhou_tree) if r.extra["class"] == "NORMAL"]
    assert {r.image_id: r.patient_id for r in normal} == {
        "IM-0001-0001": "IM-0001",
        "IM-0429-0001": "IM-0429",
        "IM-0429-0001-0001": "IM-0429",
        "NORMAL2-IM-0429-0001-0002": "IM-0429",
    }


def test_split_and_pneumonia_come_from_the_folders(guangzhou_tree: Path) -> None:
    found = {
        (r.split, r.extra["class"], r.labels["Pneumonia"])
        for r in guangzhou.records(guangzhou_tree)
    }
    assert found == {
        ("train", "PNEUMONIA", 1),
        ("train", "NORMAL", 0),
        ("validate", "PNEUMONIA", 1),
        ("test", "NORMAL", 0),
    }
    # "Normal" is what the archive says; "No Finding" it does not say.
    assert all(set(r.labels) == {"Pneumonia"} for r in guangzhou.records(guangzhou_tree))


def test_the_root_may_be_chest_xray_itself(guangzhou_tree: Path) -> None:
    above = list(guangzhou.records(guangzhou_tree))
    inside = list(guangzhou.records(guangzhou_tree / "chest_xray"))
    assert [f"chest_xray/{r.image}" for r in inside] == [r.image for r in above]
    assert [r.image_id for r in inside] == [r.image_id for r in above]


def test_a_name_in_two_folders_gives_two_ids(guangzhou_tree: Path) -> None:
    """Copies of the set enlarge `val` with images of `train`."""
    touch(guangzhou_tree, ["chest_xray/val/PNEUMONIA/person23_virus_53.jpeg"])
    ids = [r.image_id for r in guangzhou.records(guangzhou_tree) if "person23_virus" in r.image]
    assert ids == ["train-PNEUMONIA-person23_virus_53.jpeg", "val-PNEUMONIA-person23_virus_53.jpeg"]


def test_real_files(real_data: Path) -> None:
    root = real_data / "guangzhou"
    records = list(guangzhou.records(root))
    names = [p.name for p in (root / "chest_xray").rglob("*.jpeg")]
    # A second way to the patients: the first run of digits after "person" or "IM-".
    numbers = {re.split(r"[_-]", n.replace("NORMAL2-", "").replace("IM-", "IM"))[0] for n in names}
    assert {r.patient_id.replace("-", "") for r in records} == numbers
    assert len(records) == len(names) == 420
    assert sum(r.labels["Pneumonia"] for r in records) == 221
    assert {r.image_id for r in records} == {p.stem for p in (root / "v7_masks").iterdir()}
