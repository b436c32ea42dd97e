"""CheXmask: masks of both forms fit the images they are for, and what is broken is named."""

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrkit import archives, claims
from cxrkit.archives import chexmask
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import radiograph
from cxrkit.phantom import chexmask as replica
from cxrkit.records import Record

TABLES = ("ChestX-Ray8.csv", "MIMIC-CXR-JPG.csv", "VinDr-CXR.csv")
ORIGINAL, PREPROCESSED = "OriginalResolution", "Preprocessed"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of 18 images of 96 pixels, and beside it their exact masks."""
    root = tmp_path_factory.mktemp("chexmask")
    replica.write_release(root / "whole", studies=18, seed=3, size=96, masks=root / "masks")
    return root / "whole"


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return shutil.copytree(whole, tmp_path / "copy")


@pytest.fixture
def preprocessed(copy: Path) -> Path:
    """A copy that has no table at original size but for ChestX-ray14, as published."""
    for name in TABLES[1:]:
        (copy / ORIGINAL / name).unlink()
    return copy


def exact(whole: Path, record: Record) -> np.ndarray:
    """The mask that the phantom was rendered with."""
    path = whole.parent / "masks" / "excluded" / f"{Path(record.image).stem}.png"
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED) > 0


def by_id(root: Path) -> dict[str, Record]:
    return {r.image_id: r for r in chexmask.records(root) if not r.fault}


def faults(root: Path) -> list[str]:
    return [r.fault for r in chexmask.records(root) if r.fault]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def rewrite(path: Path, change: Callable[[list[dict[str, str]]], None]) -> None:
    """Change the rows of a table, columns and their order as they are."""
    listed = rows(path)
    columns = list(listed[0])
    change(listed)
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(listed)
    path.write_text(text.getvalue())


def test_every_row_has_its_image(whole: Path) -> None:
    records = by_id(whole)
    ids = [row[c] for t, c in zip(TABLES, ("Image Index", "dicom_id", "image_id"), strict=True)
           for row in rows(whole / ORIGINAL / t)]  # fmt: skip
    assert len(records) == len(ids) == 18
    assert set(records) == {i.removesuffix(".png") for i in ids}
    for record in records.values():
        picture = radiograph.read(whole / record.image)
        assert (record.rows, record.columns) == (picture.rows, picture.columns)
    assert {r.extra["source"] for r in records.values()} == {
        "chestx-ray14", "mimic-cxr-jpg", "vindr-cxr"
    }  # fmt: skip


def test_a_mask_is_both_lungs_exactly(whole: Path) -> None:
    for record in by_id(whole).values():
        lungs, ignored = chexmask.mask(whole, record)
        assert np.array_equal(lungs, exact(whole, record)) and not ignored.any()


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def test_a_preprocessed_mask_is_taken_back_to_the_image(whole: Path, preprocessed: Path) -> None:
    records = [r for r in by_id(preprocessed).values() if r.mask.startswith(PREPROCESSED)]
    assert {r.extra["source"] for r in records} == {"mimic-cxr-jpg", "vindr-cxr"}
    assert all(r.rows is r.columns is None for r in records)
    for record in records:
        lungs, _ = chexmask.mask(preprocessed, record)
        assert iou(lungs, exact(whole, record)) > 0.97
    # Without the step that undoes the crop, a mask of MIMIC-CXR-JPG lies elsewhere.
    cropped = next(r for r in records if r.extra["source"] == "mimic-cxr-jpg")
    truth = exact(whole, cropped)
    large = replica.preprocess(truth.astype(np.uint8) * 255, np.full(truth.shape, 9), False) > 127
    wrong = chexmask.restored(large, truth.shape, chexmask._body(whole / cropped.image))
    assert iou(wrong, truth) < 0.9


@given(
    st.integers(40, 150), st.integers(40, 150), st.integers(0, 12), st.integers(0, 12),
    st.integers(0, 12), st.integers(0, 12),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_crop_pad_and_resize_are_undone(
    height: int, width: int, top: int, left: int, below: int, right: int
) -> None:
    """An F, equal to none of its mirror images, in a picture with an uneven black border."""
    picture = np.zeros((top + height + below, left + width + right), np.uint8)
    picture[top : top + height, left : left + width] = 90
    truth = np.zeros(picture.shape, bool)
    glyph = truth[top : top + height, left : left + width]
    glyph[4 : height - 6, 6:13] = glyph[4:12, 6 : width - 8] = glyph[18:24, 6:28] = True
    large = replica.preprocess(truth.astype(np.uint8) * 255, picture, True) > 127
    back = chexmask.restored(large, truth.shape, (top, left, height, width))
    assert iou(back, truth) > 0.97
    turned = chexmask.restored(large.T, truth.shape, (top, left, height, width))
    assert iou(turned, truth) < 0.9


def test_patients_come_from_names_where_those_hold_them(whole: Path) -> None:
    for record in by_id(whole).values():
        parts = record.image.split("/")
        expected = ("", "")
        if record.extra["source"] == "chestx-ray14":
            expected = (str(int(parts[-1][:8])), "")
        elif record.extra["source"] == "mimic-cxr-jpg":
            expected = (parts[-3].removeprefix("p"), parts[-2].removeprefix("s"))
        assert (record.patient_id, record.study_id) == expected


def test_the_rule_of_the_release_is_told_and_not_applied(whole: Path) -> None:
    listed = {}
    for name in TABLES:
        for row in rows(whole / ORIGINAL / name):
            listed[next(iter(row.values())).removesuffix(".png")] = row
    records = by_id(whole)
    trusted = {i for i, r in records.items() if chexmask.trusted(r)}
    assert trusted == {i for i, row in listed.items() if float(row["Dice RCA (Mean)"]) >= 0.7}
    assert 0 < len(trusted) < len(records) == len(listed)
    for image_id, record in records.items():
        for column in ("Dice RCA (Mean)", "Dice RCA (Max)"):
            assert record.extra[column] == listed[image_id][column]
    assert not chexmask.trusted(Record("chexmask", "a", "a.png"))


def test_chexpert_and_padchest_ids_become_paths(copy: Path) -> None:
    """Path lacks the prefix of the root; ImageID lacks the folder, which PadChest's table has."""
    row = rows(copy / ORIGINAL / TABLES[0])[0]
    image = copy / by_id(copy)[row["Image Index"].removesuffix(".png")].image
    chest = "train/patient00042/study3/view1_frontal.jpg"
    pad = "216840111366964012339356563862009041122518973_00-104-188.png"
    for name, column, value, path in (
        ("CheXpert.csv", "Path", chest, f"chexpert/CheXpert-v1.0-small/{chest}"),
        ("Padchest.csv", "ImageID", pad, f"padchest/17/{pad}"),
    ):
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow([column, *list(row)[1:]])
        writer.writerow([value, *list(row.values())[1:]])
        (copy / ORIGINAL / name).write_text(text.getvalue())
        (copy / path).parent.mkdir(parents=True)
        shutil.copy(image, copy / path)
    records = by_id(copy)
    found = records["train-patient00042-study3-view1_frontal"]
    assert found.image == f"chexpert/CheXpert-v1.0-small/{chest}"
    assert (found.patient_id, found.study_id) == ("patient00042", "patient00042-study3")
    assert records[pad.removesuffix(".png")].image == f"padchest/17/{pad}"
    assert np.array_equal(chexmask.mask(copy, found)[0], chexmask.mask(
        copy, records[row["Image Index"].removesuffix(".png")])[0])  # fmt: skip
    whole_set = next(c for c in chexmask.CARD.claims if not c.erratum)
    assert claims.count(whole_set, archives.table(chexmask, copy)) == 20


def test_only_a_copy_with_all_five_sources_can_tell_the_number_of_masks(whole: Path) -> None:
    found = {claims.count(c, archives.table(chexmask, whole)) for c in chexmask.CARD.claims}
    assert found == {None}


def test_exchanged_height_and_width_are_named(copy: Path) -> None:
    """A mask that is read with them exchanged is plausible and wrong."""

    def exchange(listed: list[dict[str, str]]) -> None:
        for row in listed:
            row["Height"], row["Width"] = row["Width"], row["Height"]

    rewrite(copy / ORIGINAL / "VinDr-CXR.csv", exchange)
    record = next(r for r in by_id(copy).values() if r.extra["source"] == "vindr-cxr")
    with pytest.raises(ItemFault) as caught:
        chexmask.mask(copy, record)
    assert caught.value.code == "E231" and "they are exchanged" in str(caught.value)


@pytest.mark.parametrize("form", [ORIGINAL, PREPROCESSED])
def test_blank_height_and_width(copy: Path, form: str) -> None:
    """At original size nothing tells the shape; a preprocessed picture has always the same."""
    if form == PREPROCESSED:
        (copy / ORIGINAL / "VinDr-CXR.csv").unlink()

    def blank(listed: list[dict[str, str]]) -> None:
        listed[0]["Height"] = listed[0]["Width"] = ""

    rewrite(copy / form / "VinDr-CXR.csv", blank)
    record = by_id(copy)[rows(copy / form / "VinDr-CXR.csv")[0]["image_id"]]
    if form == PREPROCESSED:
        assert chexmask.mask(copy, record)[0].any()
    else:
        with pytest.raises(ItemFault, match=r"E231 .*Height blank and Width blank"):
            chexmask.mask(copy, record)


def test_a_preprocessed_table_may_lack_height_and_width(preprocessed: Path) -> None:
    path = preprocessed / PREPROCESSED / "VinDr-CXR.csv"
    listed = [line.rsplit(",", 2)[0] for line in path.read_text().splitlines()]
    path.write_text("\n".join(listed) + "\n")
    record = by_id(preprocessed)[rows(path)[0]["image_id"]]
    assert chexmask.mask(preprocessed, record)[0].any()


def test_a_mask_of_another_size_and_a_run_past_the_end_are_named(copy: Path) -> None:
    def spoil(listed: list[dict[str, str]]) -> None:
        listed[0]["Left Lung"] = f"{96 * 96} 2"
        listed[1]["Height"] = "95"

    rewrite(copy / ORIGINAL / TABLES[0], spoil)
    ids = [row["Image Index"].removesuffix(".png") for row in rows(copy / ORIGINAL / TABLES[0])]
    records = by_id(copy)
    for image_id, code in zip(ids, ("E232", "E231"), strict=False):
        with pytest.raises(ItemFault) as caught:
            chexmask.mask(copy, records[image_id])
        assert caught.value.code == code
        assert caught.value.path == f"{ORIGINAL}/{TABLES[0]}, {image_id}"


def test_an_image_of_one_gray_has_no_preprocessed_place(preprocessed: Path) -> None:
    record = next(r for r in by_id(preprocessed).values() if r.extra["source"] == "mimic-cxr-jpg")
    cv2.imwrite(str(preprocessed / record.image), np.ones((60, 50), np.uint8))
    with pytest.raises(ItemFault, match=r"E231 .*no pixel above 1"):
        chexmask.mask(preprocessed, record)


def test_a_table_that_changed_after_it_was_listed_is_named(copy: Path) -> None:
    records = by_id(copy)
    path = copy / ORIGINAL / TABLES[0]
    first, second = (row["Image Index"].removesuffix(".png") for row in rows(path)[:2])
    header, *lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([header, *lines[1:], lines[0]]))
    for image_id in (first, second):
        with pytest.raises(ItemFault, match="E207"):
            chexmask.mask(copy, records[image_id])
    path.unlink()
    with pytest.raises(ItemFault, match="E207"):
        chexmask.mask(copy, records[first])


def test_landmarks_with_line_breaks_do_not_shift_the_rows(copy: Path) -> None:
    """A script of the authors prints the array, which has a line per point."""
    before = {i: chexmask.mask(copy, r)[0] for i, r in by_id(copy).items()}

    def printed(listed: list[dict[str, str]]) -> None:
        for row in listed:
            numbers = np.array(row["Landmarks"].split(","), int).reshape(-1, 2)
            row["Landmarks"] = str(numbers)

    rewrite(copy / ORIGINAL / "VinDr-CXR.csv", printed)
    assert rows(copy / ORIGINAL / "VinDr-CXR.csv")[0]["Landmarks"].count("\n") == 119
    after = by_id(copy)
    assert set(after) == set(before)
    for image_id, record in after.items():
        assert np.array_equal(chexmask.mask(copy, record)[0], before[image_id])


BROKEN = {
    "Image Index": ("12.0", "column Image Index: the value is not like"),
    "Dice RCA (Mean)": ("good", "column Dice RCA (Mean): the value is not like"),
    "Height": ("tall", "column Height: the value is not like"),
    "Width": ("-5", "column Width: the value is not like"),
}


@pytest.mark.parametrize("column", BROKEN)
def test_one_broken_row_is_named_and_the_others_stay(copy: Path, column: str) -> None:
    before = by_id(copy)
    value, message = BROKEN[column]
    rewrite(copy / ORIGINAL / TABLES[0], lambda listed: listed[2].update({column: value}))
    after = by_id(copy)
    assert len(after) == len(before) - 1
    (fault,) = faults(copy)
    assert fault.startswith(f"{TABLES[0]}, row 3: ") and message in fault


def test_a_repeated_id_and_a_short_row_are_named(copy: Path) -> None:
    path = copy / ORIGINAL / TABLES[0]
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1], "00000009_000.png,0.9"]) + "\n")
    assert sorted(f.split(": ", 1)[1] for f in faults(copy)) == [
        "2 fields in the row, 9 in the header",
        "column Image Index: the value is in several rows",
        "column Image Index: the value is in several rows",
    ]


def test_two_files_of_one_name_are_a_fault_of_that_image(copy: Path) -> None:
    """A reduced copy beside the original has the same names."""
    record = next(r for r in by_id(copy).values() if r.extra["source"] == "chestx-ray14")
    (copy / "chestx-ray14" / "small").mkdir()
    shutil.copy(copy / record.image, copy / "chestx-ray14" / "small")
    (fault,) = faults(copy)
    assert "several files below chestx-ray14 have this name" in fault


def test_an_image_that_is_not_there_is_a_record_that_is_missing(copy: Path) -> None:
    shutil.rmtree(copy / "vindr-cxr")
    record = next(r for r in by_id(copy).values() if r.extra["source"] == "vindr-cxr")
    assert record.image == f"vindr-cxr/{record.image_id}.dicom"
    with pytest.raises(ItemFault, match="E202"):
        chexmask.mask(copy, record)


def test_a_source_may_be_a_link(copy: Path, tmp_path: Path) -> None:
    before = by_id(copy)
    shutil.move(copy / "chestx-ray14", tmp_path / "elsewhere")
    (copy / "chestx-ray14").symlink_to(tmp_path / "elsewhere")
    assert by_id(copy) == before


@pytest.mark.parametrize("column", ["Image Index", "Dice RCA (Mean)", "Left Lung", "Height"])
def test_a_renamed_column_is_refused(copy: Path, column: str) -> None:
    path = copy / ORIGINAL / TABLES[0]
    path.write_text(path.read_text().replace(column, "renamed", 1))
    with pytest.raises(InputRefused, match=r"E103 .*no column ") as caught:
        chexmask.records(copy)
    assert caught.value.path == f"{ORIGINAL}/{TABLES[0]}"


def test_columns_are_read_by_name_in_any_order(copy: Path) -> None:
    before = {i: chexmask.mask(copy, r)[0] for i, r in by_id(copy).items()}
    path = copy / ORIGINAL / TABLES[0]
    frame = pl.read_csv(path, infer_schema=False)
    frame.select(reversed(frame.columns)).write_csv(path)
    after = by_id(copy)
    assert {i: r.extra["Dice RCA (Mean)"] for i, r in after.items()}.keys() == before.keys()
    assert all(np.array_equal(chexmask.mask(copy, r)[0], before[i]) for i, r in after.items())


def test_a_compressed_table_is_refused_with_the_way_out(copy: Path) -> None:
    path = copy / ORIGINAL / TABLES[0]
    path.rename(path.with_name(f"{path.name}.gz"))
    with pytest.raises(InputRefused, match=r"E103 .*compressed.*gunzip"):
        chexmask.records(copy)


def test_a_table_that_is_no_text_is_refused(copy: Path) -> None:
    path = copy / ORIGINAL / TABLES[0]
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n")
    with pytest.raises(InputRefused, match=r"E103 .*cannot be read: UnicodeDecodeError"):
        chexmask.records(copy)


def test_a_wrong_folder_is_shown_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "Annotations").mkdir()
    with pytest.raises(InputRefused) as caught:
        chexmask.records(tmp_path)
    assert caught.value.code == "E101" and "found Annotations" in str(caught.value)
    assert chexmask.LAYOUT in str(caught.value)


def test_paths_are_the_same_however_the_root_is_written(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = by_id(copy)
    monkeypatch.chdir(copy)
    assert by_id(Path()) == wanted
    assert by_id(Path("..") / copy.name) == wanted
