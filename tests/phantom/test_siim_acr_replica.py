"""The miniature SIIM-ACR set against the published layout, and both of its forms against itself."""

import csv
import hashlib
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom import dcmread
from pydicom.uid import JPEGBaseline8Bit

from cxrkit.errors import InputRefused
from cxrkit.phantom import siim_acr
from cxrkit.phantom.siim_acr import plan, write_png_release, write_release

STUDIES, SEED, SIZE = 36, 6, 64
FOLDER = "siim-acr-pneumothorax"


def tree(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("siim")
    write_release(root / "dicom", STUDIES, SEED, SIZE, masks=root / "masks")
    write_png_release(root / "png", STUDIES, SEED, SIZE)
    return root


def test_the_table_has_the_blanks_of_the_original(releases: Path) -> None:
    lines = (releases / "dicom" / "train-rle.csv").read_text().splitlines()
    assert lines[0] == "ImageId, EncodedPixels"
    assert all(line.split(",")[1].startswith(" ") for line in lines[1:])
    assert any(line.endswith(", -1") for line in lines)


def test_every_kind_of_image_is_there(releases: Path) -> None:
    with (releases / "dicom" / "train-rle.csv").open() as file:
        rows = [(i, text.strip()) for i, text in list(csv.reader(file))[1:]]
    negative = {i for i, text in rows if text == "-1"}
    outlines = Counter(i for i, text in rows if text != "-1")
    assert set(outlines.values()) == {1, 2, 3, 4}
    assert not negative & set(outlines)
    assert len(rows) == len(negative) + sum(outlines.values())
    planned = plan(STUDIES, SEED)
    assert {i.image_id for i in planned if not i.listed}.isdisjoint(negative | set(outlines))
    assert {i.image_id: i.rows for i in planned if i.rows} == dict(outlines)
    assert 0.15 < len(outlines) / STUDIES < 0.3


def test_the_files_are_named_by_their_uids_and_hold_baseline_jpeg(releases: Path) -> None:
    for image in plan(STUDIES, SEED):
        header = dcmread(releases / "dicom" / image.path)
        assert header.file_meta.TransferSyntaxUID == JPEGBaseline8Bit
        assert image.path == (
            f"dicom-images-train/{header.StudyInstanceUID}/{header.SeriesInstanceUID}/"
            f"{header.SOPInstanceUID}.dcm"
        )
        assert (header.Rows, header.Columns, header.BitsStored) == (SIZE, SIZE, 8)
        assert header.PhotometricInterpretation == "MONOCHROME2"
        assert header.ViewPosition == image.exam.views[0]


def test_the_tree_is_exact(releases: Path) -> None:
    planned = plan(STUDIES, SEED)
    assert set(tree(releases / "dicom")) == {"train-rle.csv", *(i.path for i in planned)}
    listed = [i for i in planned if i.listed]
    names = {p.name for p in (releases / "png" / FOLDER / "png_images").iterdir()}
    assert set(tree(releases / "png")) == {
        *(f"{FOLDER}/{folder}/{n}" for folder in ("png_images", "png_masks") for n in names),
        f"{FOLDER}/stage_1_train_images.csv",
        f"{FOLDER}/stage_1_test_images.csv",
    }
    assert len(names) == len(listed)


def test_png_names_say_number_stage_and_label(releases: Path) -> None:
    folder = releases / "png" / FOLDER
    for stage in ("train", "test"):
        with (folder / f"stage_1_{stage}_images.csv").open() as file:
            rows = list(csv.DictReader(file))
        assert list(rows[0]) == ["new_filename", "ImageId", "has_pneumo"]
        assert [row["ImageId"] for row in rows] == sorted(row["ImageId"] for row in rows)
        for number, row in enumerate(rows):
            assert row["new_filename"] == f"{number}_{stage}_{row['has_pneumo']}_.png"
            mask = cv2.imread(str(folder / "png_masks" / row["new_filename"]), -1)
            assert set(np.unique(mask)) == ({0, 255} if row["has_pneumo"] == "1" else {0})


@given(
    arrays(bool, st.tuples(st.integers(1, 19), st.integers(1, 23))), st.sampled_from((1, 2, 3, 4))
)
@settings(max_examples=150, deadline=None)
def test_outlines_unite_to_the_mask(mask: np.ndarray, rows: int) -> None:
    parts = siim_acr.outlines(mask, rows)
    assert all(part.any() and part.shape == mask.shape for part in parts)
    covered = sum((part.astype(int) for part in parts), np.zeros(mask.shape, int))
    assert np.array_equal(covered > 0, mask)
    if mask.sum() >= 6:
        assert len(parts) == rows
        assert (covered.max() > 1) == (rows == 3)  # readings overlap, parts do not


def test_exact_lung_masks_lie_beside_the_release(releases: Path) -> None:
    ids = {i.image_id for i in plan(STUDIES, SEED)}
    for convention in ("excluded", "included"):
        assert {p.stem for p in (releases / "masks" / convention).iterdir()} == ids


def test_workers_do_not_change_a_byte_and_seeds_do(releases: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        write_release(tmp_path / f"dicom {workers}", 6, SEED, SIZE, workers)
        write_png_release(tmp_path / f"png {workers}", 6, SEED, SIZE, workers)
    for form in ("dicom", "png"):
        assert tree(tmp_path / f"{form} 1") == tree(tmp_path / f"{form} 2")
    write_release(tmp_path / "other", 4, SEED + 1, SIZE)
    assert tree(tmp_path / "other").items().isdisjoint(tree(releases / "dicom").items())


@pytest.mark.parametrize("write", [write_release, write_png_release])
def test_a_filled_folder_and_masks_inside_are_refused(tmp_path: Path, write) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(InputRefused, match="E105"):
        write(tmp_path, 1, 0, SIZE)
    with pytest.raises(InputRefused, match="E107"):
        write(tmp_path / "a", 1, 0, SIZE, masks=tmp_path / "a" / "masks")
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
