"""SIIM-ACR: both forms say the same, masks are unions, and what is broken is named."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from pydicom import dcmread

from cxrkit import archives, claims
from cxrkit.archives import siim_acr
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import dicom, radiograph
from cxrkit.phantom import dicom_file
from cxrkit.phantom import siim_acr as replica
from cxrkit.records import Record

STUDIES, SEED, SIZE = 36, 4, 64
FOLDER = "siim-acr-pneumothorax"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same studies as the competition's form and as the PNG form, in two folders."""
    root = tmp_path_factory.mktemp("siim")
    replica.write_release(root / "competition", STUDIES, SEED, SIZE)
    replica.write_png_release(root / "png", STUDIES, SEED, SIZE)
    return root


@pytest.fixture
def competition(both: Path, tmp_path: Path) -> Path:
    """A copy of the competition's form to break."""
    return shutil.copytree(both / "competition", tmp_path / "competition")


@pytest.fixture
def png(both: Path, tmp_path: Path) -> Path:
    """A copy of the PNG form to break."""
    return shutil.copytree(both / "png", tmp_path / "png")


def rows(root: Path) -> list[tuple[str, str]]:
    """ImageId and text of every row, read without the package."""
    with (root / "train-rle.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["ImageId", " EncodedPixels"]
    return [(image_id, text.strip()) for image_id, text in lines[1:]]


def rewrite(root: Path, change: Callable[[list[str]], list[str]]) -> None:
    """Change the lines of the table behind its header."""
    header, *lines = (root / "train-rle.csv").read_text().splitlines()
    (root / "train-rle.csv").write_text("\n".join([header, *change(lines)]) + "\n")


def by_id(root: Path) -> dict[str, Record]:
    return {r.image_id: r for r in siim_acr.records(root) if not r.fault}


def faults(root: Path) -> list[str]:
    return [r.fault for r in siim_acr.records(root) if r.fault]


def walked(text: str, rows_: int, columns: int) -> np.ndarray:
    """A mask by the competition's description: gaps and lengths, pixel by pixel, down columns."""
    mask = np.zeros((rows_, columns), bool)
    place, numbers = 0, list(map(int, text.split())) if text != "-1" else []
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        place += gap
        for _ in range(length):
            mask[place % rows_, place // rows_] = True
            place += 1
    return mask


def test_a_mask_is_the_union_of_all_rows_of_its_image(both: Path) -> None:
    root = both / "competition"
    records, texts = by_id(root), {}
    for image_id, text in rows(root):
        texts.setdefault(image_id, []).append(text)
    assert {len(t) for t in texts.values()} == {1, 2, 3, 4}
    lost = 0
    for image_id, listed in texts.items():
        found, ignored = siim_acr.mask(root, records[image_id])
        parts = [walked(text, SIZE, SIZE) for text in listed]
        assert np.array_equal(found, np.logical_or.reduce(parts)) and not ignored.any()
        assert records[image_id].labels == {"Pneumothorax": int(listed != ["-1"])}
        assert records[image_id].extra["rle_rows"] == str(len(listed))
        lost += int((found & ~parts[-1]).sum())
    assert lost > 0  # the last row alone would be another mask


def test_both_forms_say_the_same(both: Path) -> None:
    dicoms, pngs = by_id(both / "competition"), by_id(both / "png")
    assert {i for i, r in dicoms.items() if r.labels} == set(pngs)
    for image_id, record in pngs.items():
        other = dicoms[image_id]
        assert record.labels == other.labels
        masks = [
            siim_acr.mask(both / form, r)[0]
            for form, r in (("png", record), ("competition", other))
        ]
        assert np.array_equal(*masks)
        assert masks[0].any() == bool(record.labels["Pneumothorax"])
        stored = cv2.imread(str(both / "png" / record.image), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(stored, dcmread(both / "competition" / other.image).pixel_array)
    assert {r.split for r in dicoms.values()} == {""}
    assert {r.split for r in pngs.values()} == {"train", "test"}


def test_study_and_path_come_from_the_folders(both: Path) -> None:
    for image_id, record in by_id(both / "competition").items():
        header = dcmread(both / "competition" / record.image, stop_before_pixels=True)
        assert header.SOPInstanceUID == image_id
        assert header.StudyInstanceUID == record.study_id
        assert record.patient_id == ""


def test_an_image_without_a_row_is_not_negative(both: Path) -> None:
    listed = {image_id for image_id, _ in rows(both / "competition")}
    others = [r for i, r in by_id(both / "competition").items() if i not in listed]
    assert len(others) == 1
    assert (others[0].labels, others[0].mask, others[0].extra) == ({}, "", {"rle_rows": "0"})


def test_a_row_without_an_image_is_a_record_that_is_missing(competition: Path) -> None:
    rewrite(competition, lambda lines: [*lines, "1.2.3.4, 3 2", "1.2.3.4, 9 1"])
    record = by_id(competition)["1.2.3.4"]
    assert record.image == "dicom-images-train/1.2.3.4.dcm"
    with pytest.raises(ItemFault, match="E202"):
        radiograph.read(competition / record.image)


def test_stage_lists_beside_the_table_give_the_split(competition: Path, png: Path) -> None:
    for stage in ("train", "test"):
        shutil.copy(png / FOLDER / f"stage_1_{stage}_images.csv", competition)
    wanted = {i: r.split for i, r in by_id(png).items()}
    assert {i: r.split for i, r in by_id(competition).items() if r.labels} == wanted


def test_annotations_are_the_rows(both: Path) -> None:
    marked = siim_acr.annotations(both / "competition")
    found = [(i, t or "-1") for i, t in marked.select("image_id", "rle").iter_rows()]
    assert found == rows(both / "competition")
    assert marked["value"].to_list() == [int(text != "-1") for _, text in found]
    assert siim_acr.annotations(both / "png").is_empty()


def test_claims_count_images_rows_and_outlines(both: Path) -> None:
    counted = {
        form: {
            c.what: claims.count(
                c,
                archives.table(siim_acr, both / form)
                if c.table == "records"
                else siim_acr.annotations(both / form),
            )
            for c in siim_acr.CARD.claims
            if not c.erratum
        }
        for form in ("competition", "png")
    }
    listed = rows(both / "competition")
    outlined = [i for i, text in listed if text != "-1"]
    per_image = pl.Series(outlined).value_counts()["count"].to_list()
    expected = {
        "images with a label": len({i for i, _ in listed}),
        "images without pneumothorax": len(listed) - len(outlined),
        "images with pneumothorax": len(set(outlined)),
        "rows": len(listed),
        "rows with an outline": len(outlined),
        "images with several outlines": sum(n > 1 for n in per_image),
        "images with 2 outlines": per_image.count(2),
        "images with 3 outlines": per_image.count(3),
        "images with 4 outlines": per_image.count(4),
        "images with 10 outlines": 0,
        "train images": None,
        "test images": None,
    }
    assert {what: counted["competition"][what] for what in expected} == expected
    assert counted["png"]["images with a label"] == expected["images with a label"]
    assert counted["png"]["rows"] is counted["png"]["images with 2 outlines"] is None
    assert counted["png"]["test images"] == sum(i.test for i in replica.plan(STUDIES, SEED))


BROKEN = {
    "-1 and an outline": (
        lambda i: [f"{i}, -1"],
        "column EncodedPixels: the image has both -1 and an outline",
    ),
    "letters": (lambda i: [f"{i}, 3 x"], "column EncodedPixels: the value is not like"),
    "an odd count": (lambda i: [f"{i}, 3 2 5"], "column EncodedPixels: the value is not like"),
    "blank": (lambda i: [f"{i},"], "column EncodedPixels: the value is not like"),
    "three fields": (lambda i: [f"{i}, 3 2, 5"], "3 fields in the row, 2 in the header"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_one_broken_row_makes_its_image_a_fault_and_no_other(competition: Path, kind: str) -> None:
    """What is left of the image would be a wrong mask."""
    before = by_id(competition)
    positive = next(i for i, text in rows(competition) if text != "-1")
    lines, message = BROKEN[kind]
    rewrite(competition, lambda old: [*old, *lines(positive)])
    after = by_id(competition)
    assert set(before) - set(after) == {positive}
    assert all(before[i] == after[i] for i in after)
    (fault,) = faults(competition)
    assert fault.startswith("train-rle.csv, row ") and message in fault
    assert positive not in set(siim_acr.annotations(competition)["image_id"])


@pytest.mark.parametrize("bad", ["12.0", "", "1.2.826.0.1E5", "1.2.3/4"])
def test_a_row_that_names_no_image_is_one_fault(competition: Path, bad: str) -> None:
    before = by_id(competition)
    rewrite(competition, lambda old: [*old, f"{bad}, 3 2", f"{bad}, 4 2"])
    assert by_id(competition) == before
    assert [f.split(":")[1] for f in faults(competition)] == [" column ImageId"] * 2


def test_ids_read_as_numbers_refuse_the_table(competition: Path) -> None:
    rewrite(competition, lambda old: [f"{n}.0,{line.split(',')[1]}" for n, line in enumerate(old)])
    with pytest.raises(InputRefused, match=r"E103 .*train-rle.csv: column ImageId"):
        siim_acr.records(competition)


def test_a_run_past_the_end_of_the_image_is_named(competition: Path) -> None:
    image_id = next(i for i, text in rows(competition) if text != "-1")
    rewrite(
        competition,
        lambda old: (
            [o for o in old if not o.startswith(image_id)] + [f"{image_id}, {SIZE * SIZE - 1} 2"]
        ),
    )
    with pytest.raises(ItemFault) as caught:
        siim_acr.mask(competition, by_id(competition)[image_id])
    assert caught.value.code == "E232"
    assert caught.value.path == f"train-rle.csv, {image_id}"


def test_the_size_is_the_files_own_and_no_pixel_is_decoded(
    competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image of 40 x 64: with an assumed 1024 the outline would lie elsewhere."""
    image_id = next(i for i, text in rows(competition) if text != "-1")
    path = competition / by_id(competition)[image_id].image
    pixels = np.arange(40 * 64, dtype=np.uint8).reshape(40, 64)
    path.write_bytes(dicom_file.encode(pixels, bits=8, instance=image_id))
    rewrite(
        competition,
        lambda old: [o for o in old if not o.startswith(image_id)] + [f"{image_id}, 39 2 38 3"],
    )
    monkeypatch.setattr(dicom, "read_dicom", None)
    found, _ = siim_acr.mask(competition, by_id(competition)[image_id])
    assert np.array_equal(found, walked("39 2 38 3", 40, 64))
    assert found[39, 0] and found[0, 1] and found[39, 1] and found[1, 2] and found.sum() == 5


def test_a_mask_of_another_size_is_named(png: Path) -> None:
    record = next(iter(by_id(png).values()))
    cv2.imwrite(str(png / record.mask), np.zeros((SIZE, SIZE - 1), np.uint8))
    with pytest.raises(ItemFault) as caught:
        siim_acr.mask(png, record)
    assert caught.value.code == "E231" and caught.value.path == record.mask


def test_a_png_without_a_row_has_no_label(png: Path) -> None:
    shutil.copy(
        png / by_id(png)[max(by_id(png))].image, png / FOLDER / "png_images/99_train_0_.png"
    )
    record = by_id(png)["99_train_0_"]
    assert (record.labels, record.mask, record.split) == ({}, "", "")


def test_an_image_in_both_stages_is_a_fault(png: Path) -> None:
    train, test = (png / FOLDER / f"stage_1_{s}_images.csv" for s in ("train", "test"))
    again = train.read_text().splitlines()[1].split(",")[1]
    test.write_text(test.read_text() + f"98_test_0_.png,{again},0\n")
    before = faults(png)
    assert len(before) == 2
    assert all("column ImageId: the value is in several rows" in fault for fault in before)


@pytest.mark.parametrize("value", ["2", "yes", ""])
def test_a_label_that_is_none_is_a_fault(png: Path, value: str) -> None:
    table = png / FOLDER / "stage_1_train_images.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1][:-1] + value
    table.write_text("\n".join(lines) + "\n")
    (fault,) = faults(png)
    assert fault.startswith("stage_1_train_images.csv, row 1: column has_pneumo")


def test_the_root_may_be_the_png_folder_itself(png: Path) -> None:
    inside = by_id(png / FOLDER)
    assert {i: f"{FOLDER}/{r.image}" for i, r in inside.items()} == {
        i: r.image for i, r in by_id(png).items()
    }


@pytest.mark.parametrize(
    ("form", "path"),
    [
        ("competition", "train-rle.csv"),
        ("png", f"{FOLDER}/stage_1_train_images.csv"),
        ("png", f"{FOLDER}/stage_1_test_images.csv"),
    ],
)
def test_a_missing_table_and_a_renamed_column_are_refused(
    both: Path, tmp_path: Path, form: str, path: str
) -> None:
    root = shutil.copytree(both / form, tmp_path / form)
    text = (root / path).read_text()
    (root / path).write_text(text.replace("ImageId", "Image", 1))
    with pytest.raises(InputRefused, match=r"E103 .*no column ImageId"):
        siim_acr.records(root)
    (root / path).unlink()
    with pytest.raises(InputRefused, match=f"E102 .*{Path(path).name}"):
        siim_acr.records(root)


def test_a_wrong_folder_is_shown_with_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "stage_2_train_images").mkdir()
    with pytest.raises(InputRefused) as caught:
        siim_acr.records(tmp_path)
    assert "found stage_2_train_images" in str(caught.value)
    assert siim_acr.LAYOUT in str(caught.value)


def test_two_forms_in_one_folder_are_refused(competition: Path, png: Path) -> None:
    shutil.copytree(png / FOLDER, competition / FOLDER)
    with pytest.raises(InputRefused, match=r"E101 .*both forms in one folder"):
        siim_acr.records(competition)


def test_two_files_of_one_name_are_refused(competition: Path) -> None:
    path = sorted((competition / "dicom-images-train").rglob("*.dcm"))[0]
    other = competition / "dicom-images-train" / "again" / path.name
    other.parent.mkdir()
    shutil.copy(path, other)
    with pytest.raises(InputRefused, match=r"E103 .*the same name as"):
        siim_acr.records(competition)


def test_a_table_that_changes_is_read_anew(competition: Path) -> None:
    image_id = next(i for i, text in rows(competition) if text == "-1")
    assert not siim_acr.mask(competition, by_id(competition)[image_id])[0].any()
    rewrite(competition, lambda old: [o for o in old if not o.startswith(image_id)]
            + [f"{image_id}, 0 1"])  # fmt: skip
    assert siim_acr.mask(competition, by_id(competition)[image_id])[0].sum() == 1


def test_paths_are_the_same_however_the_root_is_written(
    competition: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = by_id(competition)
    monkeypatch.chdir(competition)
    assert by_id(Path()) == wanted
    assert by_id(Path("..") / competition.name) == wanted
