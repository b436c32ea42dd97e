"""CheXpert: two forms, four states of a label, views, and every published count."""

import csv
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from cxrkit import claims
from cxrkit.archives import chexpert
from cxrkit.errors import InputRefused

LABELS = (
    "No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,Edema,"
    "Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,"
    "Support Devices"
)
HEAD = f"Path,Sex,Age,Frontal/Lateral,AP/PA,{LABELS}"
BLANK = "," * 13
TRAIN = (
    "patient00002/study1/view2_lateral.jpg,Female,0,Lateral,,1.0" + BLANK,
    "patient00002/study1/view1_frontal.jpg,Female,0,Frontal,PA,1.0" + BLANK,
    "patient00010/study2/view1_frontal.jpg,Unknown,90,Frontal,LL," + BLANK,
    "patient00010/study1/view1_frontal.jpg,Male,89,Frontal,AP,,0.0,-1.0,1.0,,,,,,,,,,1.0",
)


def write(folder: Path, form: str) -> None:
    """Four rows of train and one of valid, made up; Path begins with the form's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = "".join(f"{form}/train/{row}\n" for row in TRAIN)
    (folder / "train.csv").write_text(f"{HEAD}\n{rows}")
    valid = f"{form}/valid/patient64541/study1/view1_frontal.jpg,Male,73,Frontal,AP"
    (folder / "valid.csv").write_text(f"{HEAD}\n{valid}{',0.0' * 13},1.0\n")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "stanford" / "CheXpert-v1.0-small", "CheXpert-v1.0-small")
    return tmp_path / "stanford"


def table(root: Path, name: str = "train") -> Path:
    return root / "CheXpert-v1.0-small" / f"{name}.csv"


def test_every_field_is_as_published(root: Path) -> None:
    frontal, lateral, ap, odd, valid = chexpert.records(root)
    assert frontal.image == (
        "CheXpert-v1.0-small/train/patient00002/study1/view1_frontal.jpg"
    )  # fmt: skip
    assert frontal.image_id == "train-patient00002-study1-view1_frontal"
    assert (frontal.patient_id, frontal.study_id) == ("patient00002", "patient00002-study1")
    assert (frontal.view, lateral.view, ap.view, odd.view) == ("PA", "LATERAL", "AP", "LL")
    assert (frontal.sex, frontal.age, ap.sex, odd.sex, odd.age) == ("F", 0, "M", "", 90)
    assert [r.split for r in (frontal, ap, valid)] == ["train", "train", "validate"]
    assert odd.extra == {"Sex": "Unknown", "Frontal/Lateral": "Frontal", "AP/PA": "LL"}
    assert not odd.frontal


def test_a_blank_label_is_not_mentioned_and_names_decide(root: Path) -> None:
    """The fourth label column is Lung Opacity here; other tables have Lung Lesion there."""
    frontal, lateral, ap, odd, valid = chexpert.records(root)
    assert frontal.labels == lateral.labels == {"No Finding": 1}
    assert ap.labels == {
        "Enlarged Cardiomediastinum": 0,
        "Cardiomegaly": -1,
        "Lung Opacity": 1,
        "Support Devices": 1,
    }
    assert odd.labels == {}
    assert len(valid.labels) == 14 and sum(valid.labels.values()) == 1


def test_the_order_of_the_columns_makes_no_difference(root: Path) -> None:
    before = list(chexpert.records(root))
    with table(root).open() as file:
        rows = list(csv.DictReader(file))
    with table(root).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(reversed(rows[0])))
        writer.writeheader()
        writer.writerows(rows)
    assert list(chexpert.records(root)) == before


def test_full_and_small_differ_in_their_folder_only(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "full" / "CheXpert-v1.0", "CheXpert-v1.0")
    small, full = chexpert.table(root), chexpert.table(tmp_path / "full")
    assert small.drop("image").equals(full.drop("image"))
    assert set(full["image"].str.split("/").list.first()) == {"CheXpert-v1.0"}


def test_the_root_may_be_the_folder_of_the_form(root: Path) -> None:
    above = [r.image for r in chexpert.records(root)]
    inside = [r.image for r in chexpert.records(root / "CheXpert-v1.0-small")]
    assert [f"CheXpert-v1.0-small/{image}" for image in inside] == above


def test_both_forms_in_one_folder_are_refused(root: Path) -> None:
    write(root / "CheXpert-v1.0", "CheXpert-v1.0")
    with pytest.raises(InputRefused, match=r"E101 .*several forms: CheXpert-v1.0, CheX"):
        chexpert.records(root)


def test_a_test_table_is_read_where_it_is_there(root: Path) -> None:
    """With the facts of its images or without them; the name of the file tells a lateral one."""
    paths = [f"test/patient64741/study1/view{n}.jpg" for n in ("1_frontal", "2_lateral")]
    rows = "".join(f"{path}{',0.0' * 14}\n" for path in paths)
    table(root, "test").write_text(f"Path,{LABELS}\n{rows}")
    found = [r for r in chexpert.records(root) if r.split == "test"]
    assert [(r.view, r.sex, r.age) for r in found] == [("", "", None), ("LATERAL", "", None)]
    assert found[0].patient_id == "patient64741" and len(found[0].labels) == 14


def test_a_wrong_folder_is_refused_with_what_is_in_it(root: Path) -> None:
    (root / "other").mkdir()
    (root / "other" / "notes.txt").touch()
    with pytest.raises(InputRefused, match=r"E101 .*no train.csv; found notes.txt"):
        chexpert.records(root / "other")


@pytest.mark.parametrize("name", ["train", "valid"])
def test_a_missing_table_is_refused(root: Path, name: str) -> None:
    (root / "CheXpert-v1.0-small" / "train").mkdir()
    table(root, name).unlink()
    with pytest.raises(InputRefused, match=f"E102 missing-table: {name}.csv"):
        chexpert.records(root)


@pytest.mark.parametrize(
    ("old", "new", "observed"),
    [
        ("Lung Lesion", "Lesion", "no column Lung Lesion"),
        ("AP/PA", "View", "no column AP/PA"),
        ("CheXpert-v1.0-small/train/patient000", "12.0/", "column Path: in 4 of 4 rows"),
        ("/train/", "/valid/", "column Path: in 4 of 4 rows"),
    ],
)
def test_a_table_that_is_wrong_throughout_is_refused(
    root: Path, old: str, new: str, observed: str
) -> None:
    table(root).write_text(table(root).read_text().replace(old, new))
    with pytest.raises(InputRefused) as caught:
        chexpert.records(root)
    assert caught.value.code == "E103" and caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("old", "new", "rows"),
    [
        ("patient00010/study2", "patient00010/study1", (3, 4)),
        (",90,", ",ninety,", (3,)),
        (",0.0,-1.0", ",0.0,0.5", (4,)),
        ("Unknown", "Other", (3,)),
        ("Frontal,LL", "Frontal,XX", (3,)),
        ("patient00010/study2", "../patient00010/study2", (3,)),
        (",89,Frontal", ",89,,Frontal", (4,)),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    root: Path, old: str, new: str, rows: tuple[int, ...]
) -> None:
    whole = {r.image_id: r for r in chexpert.records(root)}
    text = table(root).read_text()
    assert old in text
    table(root).write_text(text.replace(old, new))
    found = list(chexpert.records(root))
    bad = [r for r in found if r.fault]
    assert [r.fault.split(":")[0] for r in bad] == [f"train.csv, row {n}" for n in rows]
    fine = [r for r in found if not r.fault]
    assert len(fine) == 5 - len(rows) and all(whole[r.image_id] == r for r in fine)


def _counts(root: Path) -> Callable[[str], int | None]:
    frame = chexpert.table(root)
    by_name = {claim.what: claim for claim in chexpert.CARD.claims}
    return lambda what: claims.count(by_name[what], frame)


def test_claims_count_what_they_say(root: Path) -> None:
    """Against counts made by hand on five rows."""
    count = _counts(root)
    assert count("train images") == 4 and count("validate images") == 1
    assert count("train studies") == 3 and count("train patients") == 2
    assert count("train patients with several images") == 2
    assert count("most train images of a patient") == 2
    assert count("train frontal images") == 3 and count("train lateral images") == 1
    assert count("train images marked Frontal and LL") == 1
    assert count("train Unknown images") == 1 and count("train images of age 0") == 2
    assert count("train images without any label") == 1
    assert count("train No Finding 1") == 2 and count("train Cardiomegaly -1") == 1
    assert count("images") is count("patients") is count("test images") is None


def test_the_published_counts_agree_with_each_other() -> None:
    value = {claim.what: claim.value for claim in chexpert.CARD.claims}
    parts = ("train images", "validate images", "test images")
    assert value["images"] == sum(value[p] for p in parts)
    assert value["train images"] == value["train frontal images"] + value["train lateral images"]
    views = (
        "AP images",
        "PA images",
        "images marked Frontal and LL",
        "images marked Frontal and RL",
    )
    assert value["train frontal images"] == sum(value[f"train {v}"] for v in views)
    sexes = ("Male", "Female", "Unknown")
    assert value["train images"] == sum(value[f"train {s} images"] for s in sexes)


def test_a_table_of_published_size_is_read_in_a_moment(tmp_path: Path) -> None:
    """223,414 rows in about 1 s of processor time; far more would be a loop over rows."""
    number = pl.int_range(223_414, eager=True)
    paths = pl.DataFrame({"n": number}).select(
        pl.format("CheXpert-v1.0/train/patient{}/study1/view1_frontal.jpg,Male,60,Frontal,AP,"
                  ",,,1.0,0.0,,,-1.0,,,,,,1.0", pl.col("n").cast(pl.String).str.zfill(5))
    ).to_series()  # fmt: skip
    write(tmp_path, "CheXpert-v1.0")
    (tmp_path / "train.csv").write_text("\n".join([HEAD, *paths, ""]))
    start = time.process_time()
    assert chexpert.table(tmp_path).height == 223_415
    assert time.process_time() - start < 6
