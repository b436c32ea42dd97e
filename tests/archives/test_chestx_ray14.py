"""ChestX-ray14: both tables, the official lists, the boxes, and images found where they lie."""

import csv
import gzip
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from trees import touch

from cxrkit import claims
from cxrkit.archives import chestx_ray14
from cxrkit.errors import InputRefused

V2020 = "Data_Entry_2017_v2020.csv"
HEAD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
OLDER_HEAD = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImageWidth,OriginalImageHeight,OriginalImagePixelSpacing_x,"
    "OriginalImagePixelSpacing_y,"
)
ROWS = (
    "00000005_001.png,Effusion|Pleural_Thickening,1,5,58,M,PA,2682,2749,0.143,0.143",
    "00000005_000.png,No Finding,0,5,57,M,AP,2500,2048,0.168,0.168",
    "00028173_003.png,Infiltration,0,28173,0,F,PA,2992,2991,0.143,0.143",
    "00024717_000.png,Hernia,0,24717,95,F,PA,2992,2991,0.143,0.143",
)
BOXES = (
    "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
    "00028173_003.png,Infiltrate,225.084745762712,547.5,86.25,79.25\n"
    "00000005_001.png,Effusion,10,20,30,40,,,\n"
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four images, made up; one file is on no disk."""
    folder = tmp_path / "nih"
    touch(folder, ["images_001/images/00000005_000.png", "images_001/images/00000005_001.png"])
    touch(folder, ["images_012/images/00028173_003.png", "images_012/images/notes.txt"])
    (folder / V2020).write_text("\n".join((HEAD, *ROWS, "")))
    (folder / "BBox_List_2017.csv").write_text(BOXES)
    (folder / "train_val_list.txt").write_text("00000005_000.png\n00000005_001.png")
    (folder / "test_list.txt").write_text("00024717_000.png\n00028173_003.png")
    return folder


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_every_field_is_as_published(root: Path) -> None:
    first, second, absent, last = chestx_ray14.records(root)
    assert first.image == "images_001/images/00000005_000.png"
    assert (first.image_id, first.patient_id, first.view, first.split, first.sex, first.age) == (
        "00000005_000", "5", "AP", "train", "M", 57.0,
    )  # fmt: skip
    assert first.labels == {"No Finding": 1}
    assert second.labels == {"Effusion": 1, "Pleural_Thickening": 1}
    assert (last.labels, last.split, last.age) == ({"Infiltration": 1}, "test", 0.0)
    assert absent.labels == {"Hernia": 1}
    assert second.extra == {
        "Finding Labels": "Effusion|Pleural_Thickening",
        "Follow-up #": "1",
        "Patient Age": "58",
        "OriginalImageWidth": "2682",
        "OriginalImageHeight": "2749",
        "OriginalImagePixelSpacing_x": "0.143",
        "OriginalImagePixelSpacing_y": "0.143",
        "list": "train_val_list",
    }


def test_the_size_before_the_release_is_not_the_file_s(root: Path) -> None:
    assert {(r.rows, r.columns) for r in chestx_ray14.records(root)} == {(None, None)}


def test_an_absent_file_has_the_place_of_the_release(root: Path) -> None:
    """00024717_000 is the last image of images_010; that folder is not there."""
    images = [r.image for r in chestx_ray14.records(root)]
    assert images[2] == "images_010/images/00024717_000.png"


def test_one_folder_of_images_is_read_too(root: Path) -> None:
    touch(root, ["images/00024717_000.png"])
    assert next(chestx_ray14.records(root)).image == "images/00024717_000.png"
    for name in ("images_001", "images_012"):
        for path in (root / name / "images").iterdir():
            path.unlink()
        (root / name / "images").rmdir()
        (root / name).rmdir()
    assert [r.image for r in chestx_ray14.records(root)] == [
        f"images/{stem}.png"
        for stem in ("00000005_000", "00000005_001", "00024717_000", "00028173_003")
    ]


def test_the_older_table_gives_the_same_facts(root: Path) -> None:
    """Ages as 058Y, follow-ups as 001, other names of the size columns, one column of nothing."""
    new = list(chestx_ray14.records(root))
    older = [OLDER_HEAD]
    for row in ROWS:
        cells = row.split(",")
        cells[2], cells[4] = cells[2].zfill(3), f"{cells[4].zfill(3)}Y"
        older.append(",".join((*cells, "")))
    (root / V2020).unlink()
    (root / "Data_Entry_2017.csv").write_text("\n".join((*older, "")))
    old = list(chestx_ray14.records(root))
    changed = ("Follow-up #", "Patient Age")
    for one, other in zip(new, old, strict=True):
        assert (one.image, one.age, one.labels, one.split) == (
            other.image, other.age, other.labels, other.split,
        )  # fmt: skip
        assert {k: v for k, v in one.extra.items() if k not in changed} == {
            k: v for k, v in other.extra.items() if k not in changed
        }
    assert old[1].extra["Follow-up #"] == "001" and old[1].extra["Patient Age"] == "058Y"


@pytest.mark.parametrize(
    ("text", "years"),
    [("060Y", 60), ("412Y", None), ("412", None), ("100", 100), ("006M", 0.5), ("", None),
     ("007D", 7 / 365.25), ("052W", 52 * 7 / 365.25)],
)  # fmt: skip
def test_an_impossible_age_is_empty_and_kept_as_published(
    root: Path, text: str, years: float | None
) -> None:
    change(root / V2020, ",58,M", f",{text},M")
    record = list(chestx_ray14.records(root))[1]
    assert record.age == (None if years is None else pytest.approx(years))
    assert record.extra["Patient Age"] == text and not record.fault


def test_an_image_in_no_list_or_in_two_has_no_split(root: Path) -> None:
    (root / "test_list.txt").write_text("00000005_000.png\n00028173_003.png")
    both, train, neither, test = chestx_ray14.records(root)
    assert [r.split for r in (both, train, neither, test)] == ["", "train", "", "test"]
    assert both.extra["list"] == "train_val_list test_list"
    assert neither.extra["list"] == ""


def test_boxes_are_corners_and_infiltrate_is_infiltration(root: Path) -> None:
    boxes = chestx_ray14.annotations(root).rows(named=True)
    assert [(b["image_id"], b["observation"], b["reader"], b["value"]) for b in boxes] == [
        ("00028173_003", "Infiltration", "", 1),
        ("00000005_001", "Effusion", "", 1),
    ]
    assert [b["x_min"] for b in boxes] == [225.084745762712, 10]
    assert boxes[1]["x_max"] == 40 and boxes[1]["y_max"] == 60
    assert boxes[0]["y_max"] == 547.5 + 79.25


def test_a_wrong_folder_is_refused_with_what_is_in_it(root: Path) -> None:
    with pytest.raises(InputRefused, match=r"E101 .*found 00000005_000\.png"):
        chestx_ray14.records(root / "images_001" / "images")
    with pytest.raises(InputRefused, match="found nothing"):
        chestx_ray14.records(root / "absent")


@pytest.mark.parametrize("name", [V2020, "train_val_list.txt", "test_list.txt"])
def test_a_missing_table_or_list_is_refused(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(InputRefused, match=f"E102 missing-table: {name}"):
        chestx_ray14.records(root)


def test_missing_boxes_stop_only_the_boxes(root: Path) -> None:
    (root / "BBox_List_2017.csv").unlink()
    assert len(list(chestx_ray14.records(root))) == 4
    with pytest.raises(InputRefused, match="E102 missing-table: BBox_List_2017"):
        chestx_ray14.annotations(root)


def _floats(text: str) -> str:
    head, *rows = csv.reader(text.splitlines())
    return "\n".join(",".join((*r[:3], f"{r[3]}.0", *r[4:])) for r in (head, *rows)).replace(
        "Patient ID.0", "Patient ID"
    )


@pytest.mark.parametrize(
    ("edit", "observed"),
    [
        (lambda t: t.replace("View Position", "View"), "no column View Position"),
        (_floats, "column Patient ID: in 4 of 4 rows"),
        (lambda t: t.replace(".png", ".jpg"), "column Image Index: in 4 of 4 rows"),
        (lambda t: t.replace("00000005_001", "00000005_000").replace("00024717", "00028173")
                    .replace("28173_000", "28173_003"), "column Image Index: in 4 of 4 rows the"),
    ],
)  # fmt: skip
def test_a_table_that_is_wrong_throughout_is_refused(
    root: Path, edit: Callable[[str], str], observed: str
) -> None:
    (root / V2020).write_text(edit((root / V2020).read_text()))
    with pytest.raises(InputRefused) as caught:
        chestx_ray14.records(root)
    assert caught.value.code == "E103" and caught.value.observed.startswith(observed)


@pytest.mark.parametrize(
    ("old", "new", "faults"),
    [
        ("00024717_000", "00000005_000", [2, 4]),
        (",58,M", ",old,M", [1]),
        (",95,F", ",9.5,F", [4]),
        ("Hernia", "Hernia|Covid", [4]),
        ("Hernia", "", [4]),
        (",0,F,PA", ",0,X,PA", [3]),
        ("Infiltration,0,", "Infiltration,0,,", [3]),
        (",M,AP", ",M,LL", [2]),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_used(
    root: Path, old: str, new: str, faults: list[int]
) -> None:
    whole = {r.image_id: r for r in chestx_ray14.records(root)}
    change(root / V2020, old, new)
    found = list(chestx_ray14.records(root))
    bad = [r for r in found if r.fault]
    assert [r.fault.split(":")[0] for r in bad] == [f"{V2020}, row {n}" for n in faults]
    assert all(r.labels == r.extra == {} and not r.patient_id for r in bad)
    fine = [r for r in found if not r.fault]
    assert len(fine) == 4 - len(faults) and all(whole[r.image_id] == r for r in fine)


def test_a_line_that_is_no_image_costs_one_split_and_a_wrong_list_is_refused(root: Path) -> None:
    (root / "test_list.txt").write_text("00024717_000.png\n00028173_003.png\n\nfoo")
    *found, bad = chestx_ray14.records(root)
    assert [r.split for r in found] == ["train", "train", "test", "test"]
    assert not any(r.fault for r in found)
    assert bad.fault.startswith("test_list.txt, row 4: ") and bad.labels == bad.extra == {}
    (root / "test_list.txt").write_text("<html>\n<p>\n00024717_000.png")
    with pytest.raises(InputRefused, match=r"E103 .*test_list.txt: column .*: in 2 of 3 rows"):
        chestx_ray14.records(root)
    (root / "test_list.txt").write_bytes(b"\xff\xfe00024717_000.png")
    with pytest.raises(InputRefused, match=r"E103 .*test_list.txt"):
        chestx_ray14.records(root)
    (root / "test_list.txt").write_text("\n \n")
    with pytest.raises(InputRefused, match=r"E103 .*test_list.txt: no line"):
        chestx_ray14.records(root)


@pytest.mark.parametrize(
    "line", ["0002817_003.png", "00028173_003", "00028173_003.png x", "\u2028x"]
)
def test_an_image_whose_line_is_corrupt_has_no_split_and_the_line_is_named(
    root: Path, line: str
) -> None:
    (root / "train_val_list.txt").write_text(f"{line}\n00000005_000.png\n00000005_001.png\r\n")
    (root / "test_list.txt").write_text("00024717_000.png\n")
    *found, bad = chestx_ray14.records(root)
    assert [(r.split, r.fault) for r in found] == [
        ("train", ""), ("train", ""), ("test", ""), ("", ""),
    ]  # fmt: skip
    assert (bad.image, bad.image_id) == ("train_val_list.txt-row-1-0",) * 2
    assert bad.fault.startswith("train_val_list.txt, row 1: column Image Index: ")
    assert not bad.split


def test_an_image_that_is_in_one_list_twice_is_named(root: Path) -> None:
    (root / "test_list.txt").write_text("00024717_000.png\n28173\n00028173_003.png\n")
    (root / "train_val_list.txt").write_text(
        "00000005_000.png\n00000005_001.png\n00000005_001.png\n00000006_000.png\n00000007_000.png"
    )
    records = list(chestx_ray14.records(root))
    faults = sorted(r.fault for r in records if r.fault)
    assert [f.split(":")[0] for f in faults] == [
        "test_list.txt, row 2",
        "train_val_list.txt, row 2",
    ]
    assert [r.split for r in records if not r.fault] == ["train", "test", "test"]


@pytest.mark.parametrize(
    ("old", "new"),
    [("86.25", "wide"), ("Infiltrate", "Covid"), ("00028173_003", "28173"), (",79.25", "")],
)
def test_a_row_that_is_no_box_is_named(root: Path, old: str, new: str) -> None:
    change(root / "BBox_List_2017.csv", old, new)
    with pytest.raises(InputRefused, match=r"E103 .*1 of 2 rows.*BBox_List_2017\.csv, row 1"):
        chestx_ray14.annotations(root)


def test_a_box_that_is_there_twice_is_named_and_two_boxes_of_an_image_are_not(root: Path) -> None:
    path = root / "BBox_List_2017.csv"
    path.write_text(f"{BOXES}00000005_001.png,Effusion,10,20,30,41,,,\n")
    assert chestx_ray14.annotations(root).height == 3
    path.write_text(
        f"{path.read_text()}00000005_001.png,Mass,10,20,30,41,,,\n"
        "00000005_001.png,Effusion,10,20,30,40,,,\n"
    )
    with pytest.raises(InputRefused, match=r"E103 .*2 of 5 rows.*BBox_List_2017\.csv, row 2: .*"):
        chestx_ray14.annotations(root)


def test_every_published_count_is_found_in_the_real_tables(real_data: Path) -> None:
    """Also by a second way: the csv module and sets."""
    root = real_data / "chestx-ray14"
    start = time.process_time()
    table = chestx_ray14.table(root)
    assert time.process_time() - start < 3  # seconds of the processor; 0.5 when it is quiet
    counted = {"records": table, "annotations": chestx_ray14.annotations(root)}
    for claim in chestx_ray14.CARD.claims:
        found = claims.count(claim, counted[claim.table])
        assert (found == claim.value) == (not claim.erratum), claim.what
    with gzip.open(root / f"{V2020}.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    listed = set((root / "test_list.txt").read_text().split())
    assert {f"{i}.png" for i in table.filter(split="test")["image_id"]} == listed
    sets = [{r["Patient ID"] for r in rows if (r["Image Index"] in listed) == t} for t in (1, 0)]
    assert not sets[0] & sets[1]
    by_id = {r["Image Index"]: set(r["Finding Labels"].split("|")) for r in rows}
    for record in list(chestx_ray14.records(root))[::97]:
        assert set(record.labels) == by_id[f"{record.image_id}.png"]
    names = {r["Image Index"] for r in rows}
    assert set(counted["annotations"]["image_id"] + ".png") <= names


def test_the_real_images_are_found(real_data: Path) -> None:
    root = real_data / "chestx-ray14"
    images = {r.image for r in chestx_ray14.records(root)}
    assert {f"images/{p.name}" for p in (root / "images").iterdir()} <= images
