"""From the competition's form to PNG files and back: the same masks, the same text."""

import csv
import io
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from PIL import Image
from pydicom import dcmread

from cxrkit import archives, conversion
from cxrkit.archives import siim_acr
from cxrkit.conversion import convert, siim_png, siim_rle
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.phantom import dicom_file
from cxrkit.phantom import siim_acr as replica

FOLDER = "siim-acr-pneumothorax"
HEADER = "ImageId, EncodedPixels"
GLYPH = np.zeros((11, 7), bool)  # an F: equal to none of its mirror images or turns
GLYPH[1:10, 1] = GLYPH[1, 1:6] = GLYPH[4, 1:4] = True


def converted(recipe: conversion.Recipe, root: Path, out: Path) -> list[str]:
    """Every record that can be, written below `out` as the engine does; ids of the others."""
    table = archives.table(siim_acr, root).filter(pl.col("fault") == "")
    paths, done, refused = recipe.paths(table), [], []
    assert len(set(paths)) == len(paths)
    records = [r for r in siim_acr.records(root) if not r.fault]
    written: dict[str, bytes] = {}
    for record, path in zip(records, paths, strict=True):
        try:
            made = recipe.convert(siim_acr, root, record, path)
        except ItemFault as fault:
            assert fault.code == "E231"
            refused.append(record.image_id)
            done.append(False)
            continue
        assert tuple(made) == conversion.outputs(recipe, path)
        written |= made
        done.append(True)
    for path, data in {**written, **recipe.tables(table, paths, done)}.items():
        (out / path).parent.mkdir(parents=True, exist_ok=True)
        (out / path).write_bytes(data)
    return refused


def joined(out: Path) -> str:
    """What `cat train-rle/*.csv` gives."""
    return "".join(p.read_text() for p in sorted((out / "train-rle").iterdir()))


def texts(table: str) -> dict[str, list[str]]:
    """The texts of each image, with their blank."""
    lines = list(csv.reader(io.StringIO(table)))
    assert ",".join(lines[0]) == HEADER
    found: dict[str, list[str]] = {}
    for image_id, text in lines[1:]:
        found.setdefault(image_id, []).append(text)
    return found


@pytest.fixture(scope="module")
def trip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A competition, its PNG form, and the table made of that."""
    root = tmp_path_factory.mktemp("trip")
    replica.write_release(root / "competition", studies=36, seed=9, size=64)
    (root / "refused").write_text(
        "\n".join(converted(siim_png, root / "competition", root / "png"))
    )
    assert converted(siim_rle, root / "png", root / "rle") == []
    return root


def test_png_and_back_gives_the_same_text_or_that_of_the_union(trip: Path) -> None:
    before = texts((trip / "competition" / "train-rle.csv").read_text())
    after = texts(joined(trip / "rle"))
    assert set(after) == set(before)
    several = 0
    records = {r.image_id: r for r in siim_acr.records(trip / "competition")}
    for image_id, (text,) in after.items():
        if len(before[image_id]) == 1:
            assert [text] == before[image_id]
        else:
            several += 1
            union, _ = siim_acr.mask(trip / "competition", records[image_id])
            assert text == f" {replica.gaps(union)}" and text not in before[image_id]
    assert several >= 3


def test_the_table_that_comes_back_is_read_as_the_competitions(trip: Path, tmp_path: Path) -> None:
    shutil.copytree(trip / "competition", tmp_path / "again")
    (tmp_path / "again" / "train-rle.csv").write_text(joined(trip / "rle"))
    before = {r.image_id: r for r in siim_acr.records(trip / "competition")}
    for record in siim_acr.records(tmp_path / "again"):
        assert record.labels == before[record.image_id].labels
        if record.mask:
            masks = [siim_acr.mask(root, record)[0] for root in
                     (tmp_path / "again", trip / "competition")]  # fmt: skip
            assert np.array_equal(*masks)


def test_the_png_form_is_that_of_the_imitated_release(trip: Path, tmp_path: Path) -> None:
    """With its stage lists beside the competition's table, every file has the same pixels."""
    replica.write_png_release(tmp_path / "imitated", studies=36, seed=9, size=64)
    shutil.copytree(trip / "competition", tmp_path / "competition")
    for stage in ("train", "test"):
        name = f"stage_1_{stage}_images.csv"
        shutil.copy(tmp_path / "imitated" / FOLDER / name, tmp_path / "competition")
    converted(siim_png, tmp_path / "competition", tmp_path / "made")
    paths = [p.relative_to(tmp_path / "imitated") for p in (tmp_path / "imitated").rglob("*.*")]
    made = {p.relative_to(tmp_path / "made") for p in (tmp_path / "made").rglob("*.*")}
    assert set(paths) == made and len(made) > 60
    for path in paths:
        both = [tmp_path / form / path for form in ("imitated", "made")]
        if path.suffix == ".csv":
            assert both[0].read_bytes() == both[1].read_bytes()
        else:
            assert np.array_equal(*(cv2.imread(str(p), -1) for p in both))


def test_without_stage_lists_every_image_is_in_train(trip: Path) -> None:
    folder = trip / "png" / FOLDER
    assert (folder / "stage_1_test_images.csv").read_text() == "new_filename,ImageId,has_pneumo\n"
    lines = (folder / "stage_1_train_images.csv").read_text().splitlines()
    ids = [line.split(",")[1] for line in lines[1:]]
    assert ids == sorted(ids) and len(ids) == 35
    for number, line in enumerate(lines[1:]):
        name, image_id, label = line.split(",")
        assert name == f"{number}_train_{label}_.png"
        picture = Image.open(folder / "png_images" / name)
        mask = Image.open(folder / "png_masks" / name)
        assert picture.mode == mask.mode == "L" and picture.size == mask.size
        (file,) = (trip / "competition").rglob(f"{image_id}.dcm")
        assert np.array_equal(np.asarray(picture), dcmread(file).pixel_array)
        assert {v for _, v in mask.getcolors()} == ({0, 255} if label == "1" else {0})


def test_an_image_without_a_row_is_refused_and_not_negative(trip: Path) -> None:
    listed = texts((trip / "competition" / "train-rle.csv").read_text())
    refused = (trip / "refused").read_text().split()
    assert len(refused) == 1 and not set(refused) & set(listed)


def test_the_other_form_is_refused_by_siim_png(trip: Path) -> None:
    with pytest.raises(InputRefused, match=r"E101 .*the PNG form"):
        siim_png.paths(archives.table(siim_acr, trip / "png"))


def test_siim_rle_takes_both_forms(trip: Path, tmp_path: Path) -> None:
    converted(siim_rle, trip / "competition", tmp_path)
    assert joined(tmp_path) == joined(trip / "rle")


def competition(root: Path, pixels: np.ndarray, *, bits: int = 8, photometric: str) -> Path:
    """One image of that kind with one outline, the glyph where it has its size."""
    path = root / "dicom-images-train" / "1.2.3" / "1.2.4" / "1.2.5.dcm"
    path.parent.mkdir(parents=True)
    path.write_bytes(
        dicom_file.encode(pixels, bits=bits, photometric=photometric, instance="1.2.5")
    )
    (root / "train-rle.csv").write_text(f"{HEADER}\n1.2.5, {replica.gaps(GLYPH)}\n")
    return root


def test_a_glyph_on_a_canvas_that_is_not_square(tmp_path: Path) -> None:
    pixels = np.arange(77, dtype=np.uint8).reshape(11, 7)
    root = competition(tmp_path / "a", pixels, photometric="MONOCHROME2")
    converted(siim_png, root, tmp_path / "png")
    mask = np.asarray(Image.open(tmp_path / "png" / FOLDER / "png_masks" / "0_train_1_.png"))
    assert np.array_equal(mask, GLYPH * np.uint8(255))
    picture = Image.open(tmp_path / "png" / FOLDER / "png_images" / "0_train_1_.png")
    assert np.array_equal(np.asarray(picture), pixels)
    converted(siim_rle, tmp_path / "png", tmp_path / "rle")
    assert joined(tmp_path / "rle") == (root / "train-rle.csv").read_text()


@pytest.mark.parametrize(("bits", "photometric"), [(12, "MONOCHROME2"), (8, "MONOCHROME1")])
def test_other_pixels_than_the_published_kind_are_refused(
    tmp_path: Path, bits: int, photometric: str
) -> None:
    """Stored values of another kind would need a conversion that nobody asked for."""
    pixels = np.arange(77, dtype=np.uint8).reshape(11, 7)
    root = competition(tmp_path / "a", pixels, bits=bits, photometric=photometric)
    table = archives.table(siim_acr, root)
    (record,) = siim_acr.records(root)
    with pytest.raises(ItemFault, match=f"E213 .*{bits} bits of {photometric}"):
        siim_png.convert(siim_acr, root, record, siim_png.paths(table)[0])


def test_an_image_that_was_not_converted_is_in_no_table(trip: Path) -> None:
    table = archives.table(siim_acr, trip / "competition")
    paths = siim_png.paths(table)
    first = siim_png.tables(table, paths, [False] * len(paths))
    assert set(first.values()) == {b"new_filename,ImageId,has_pneumo\n"}
    one = [bool(path.endswith("_1_.png")) for path in paths]
    lines = siim_png.tables(table, paths, one)[f"{FOLDER}/stage_1_train_images.csv"].split()
    assert len(lines) == 1 + sum(one) and all(line.endswith(b",1") for line in lines[1:])


def test_the_engine_gives_the_same_files_and_names_what_it_refused(
    trip: Path, tmp_path: Path
) -> None:
    """Through `cxr convert`: there, back, and behind one another the table."""
    for recipe, source in (("siim-png", trip / "competition"), ("siim-rle", tmp_path / "siim-png")):
        summary = convert.convert_archive(
            "siim-acr",
            source,
            tmp_path / recipe,
            convert.Options(recipe),
            lambda line: None,
            lambda state: None,
        )
        refused = {"E231": 1} if recipe == "siim-png" else {}
        assert (summary.done, dict(summary.quarantined)) == (35, refused)
    assert joined(tmp_path / "siim-rle") == joined(trip / "rle")
    for path in (trip / "png").rglob("*.*"):
        same = tmp_path / "siim-png" / path.relative_to(trip / "png")
        assert same.read_bytes() == path.read_bytes()
