"""Sizes from headers, against Pillow and pydicom, which read the same files on their own."""

import io
import os
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import encoded, make_dicom
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
)

from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph, sizes
from cxrkit.imaging.sizes import Size, measure, read_size
from cxrkit.phantom.dicom_file import encode


def saved(picture: np.ndarray, **options: object) -> bytes:
    """The file that Pillow writes."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def files(picture: np.ndarray) -> dict[str, tuple[bytes, str, int]]:
    """Content, kind and bits by name; all are 301 x 403."""
    deep = picture.astype(np.uint16) * 257
    stored = picture.astype(np.uint16) * 16
    colour = np.repeat(picture[..., None], 3, axis=2)
    exif = Image.Exif()
    exif[274] = 6  # a rotated orientation changes nothing
    return {
        "gray.png": (encoded(".png", picture), "png", 8),
        "deep.png": (encoded(".png", deep), "png", 16),
        "bit.png": (saved(picture > 99, format="png"), "png", 1),
        "gray.jpg": (encoded(".jpg", picture), "jpeg", 8),
        "colour.jpeg": (encoded(".jpg", colour), "jpeg", 8),
        "progressive.jpg": (saved(picture, format="jpeg", progressive=True), "jpeg", 8),
        "exif.jpg": (
            saved(picture, format="jpeg", exif=exif, icc_profile=bytes(60_000), comment=b"a" * 999),
            "jpeg",
            8,
        ),
        "gray.tif": (encoded(".tiff", picture), "tiff", 8),
        "deep.tif": (saved(deep, format="tiff"), "tiff", 16),
        "colour.tif": (saved(colour, format="tiff"), "tiff", 8),
        "mask.gif": (saved(picture, format="gif"), "gif", 8),
        "explicit.dcm": (make_dicom(stored, 12), "dicom", 12),
        "implicit.dcm": (make_dicom(stored, 12, ImplicitVRLittleEndian), "dicom", 12),
        "big.dcm": (make_dicom(stored, 12, ExplicitVRBigEndian), "dicom", 12),
        "deflated.dcm": (make_dicom(stored, 12, DeflatedExplicitVRLittleEndian), "dicom", 12),
        "jpeg2000.dcm": (make_dicom(stored, 12, JPEG2000Lossless), "dicom", 12),
        "bare.dcm": (make_dicom(stored, 12)[132:], "dicom", 12),
        "nested.dcm": (with_sequences(make_dicom(stored, 12)), "dicom", 12),
    }


def with_sequences(data: bytes) -> bytes:
    """The file with sequences and a large private value before Rows, whose items have Rows too."""
    dataset = dcmread(io.BytesIO(data))
    item = Dataset()
    item.Rows, item.Columns = 7, 9
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.ReferencedImageSequence = Sequence([item, item])
    dataset.ReferencedImageSequence.is_undefined_length = True
    dataset.ReferencedStudySequence = Sequence([item])
    dataset.add_new(0x00190010, "LO", "MADE UP")
    dataset.add_new(0x00191001, "OB", bytes(3_000_000))
    stream = io.BytesIO()
    dataset.save_as(stream)
    return stream.getvalue()


@pytest.fixture
def folder(files: dict[str, tuple[bytes, str, int]], tmp_path: Path) -> Path:
    for name, (data, _, _) in files.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def test_every_kind_announces_its_size(
    folder: Path, files: dict[str, tuple[bytes, str, int]]
) -> None:
    found = {name: read_size(folder / name) for name in files}
    assert found == {name: Size(301, 403, kind, bits) for name, (_, kind, bits) in files.items()}


def test_pillow_and_pydicom_agree(folder: Path) -> None:
    for path in folder.iterdir():
        size = read_size(path)
        if size.kind == "dicom":
            other = dcmread(path, force=True, stop_before_pixels=True)
            assert (size.rows, size.columns, size.bits) == (
                other.Rows,
                other.Columns,
                other.BitsStored,
            )
        else:
            with Image.open(path) as other:
                assert (size.columns, size.rows) == other.size


def test_the_reader_of_radiographs_agrees(folder: Path) -> None:
    for path in folder.iterdir():
        if path.suffix != ".gif" and path.name not in ("bit.png", "exif.jpg"):
            size, read = read_size(path), radiograph.read(path)
            assert (size.rows, size.columns, size.kind) == (read.rows, read.columns, read.kind)


def test_real_radiographs_agree_with_pillow(real_data: Path) -> None:
    files = [p for p in sorted(real_data.rglob("*")) if p.suffix in (".png", ".jpeg", ".jpg")][::9]
    assert len(files) > 20
    for path in files:
        with Image.open(path) as image:
            size = read_size(path)
            assert (size.columns, size.rows, size.kind) == (*image.size, image.format.lower())


def test_no_pixel_is_read(tmp_path: Path, large: np.ndarray) -> None:
    """What stands behind the header does not matter: here it is cut away."""
    for suffix, data, kept in (
        (".png", encoded(".png", large), 26),
        (".jpg", encoded(".jpg", large), 700),
        (".dcm", encode(large), 1000),
    ):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(data[:kept])
        assert len(data) > 100 * kept
        assert (read_size(path).rows, read_size(path).columns) == large.shape


def code(path: Path) -> str:
    with pytest.raises(ItemFault) as caught:
        read_size(path)
    assert path.name in str(caught.value)
    return caught.value.code


def test_a_file_without_a_header_is_the_square_that_it_fills(tmp_path: Path) -> None:
    path = tmp_path / "JPCLN001.IMG"
    path.write_bytes(np.arange(50 * 50, dtype=">u2").tobytes())
    assert read_size(path) == Size(50, 50, "headerless", 12)
    assert radiograph.read(path).kind == "headerless"
    path.write_bytes(bytes(4999))
    assert code(path) == "E214"
    path.write_bytes(b"<html></html>")
    assert code(path) == "E219"
    (tmp_path / "other.raw").write_bytes(bytes(5000))
    assert code(tmp_path / "other.raw") == "E212"


def test_what_is_wrong_is_named_as_by_the_reader(tmp_path: Path, picture: np.ndarray) -> None:
    png, jpeg = encoded(".png", picture), encoded(".jpg", picture)
    huge = png[:16] + struct.pack(">II", 60_000, 60_000) + png[24:]
    contents = {
        "E210": b"",
        "E211": huge,
        "E212": b"no image at all",
        "E214": make_dicom(picture, 8)[:300],
        "E218": b"version https://git-lfs.github.com/spec/v1\n",
        "E219": b"<!DOCTYPE html><html></html>",
    }
    for expected, data in contents.items():
        path = tmp_path / expected
        path.write_bytes(data)
        assert code(path) == expected
        with pytest.raises(ItemFault) as read:
            radiograph.read(path)
        assert read.value.code == expected
    for number, cut in enumerate((png[:20], jpeg[:60], jpeg[:2] + b"\xff\xd9", b"II*\0\xff\0\0")):
        path = tmp_path / f"cut-{number}"
        path.write_bytes(cut)
        assert code(path) in ("E212", "E214")
    (tmp_path / "folder").mkdir()
    assert code(tmp_path / "folder") == "E203"
    assert code(tmp_path / "absent") == "E202"
    os.mkfifo(tmp_path / "pipe")
    assert code(tmp_path / "pipe") == "E203"
    (tmp_path / "E210").chmod(0)
    assert code(tmp_path / "E210") == "E201"


def test_a_dicom_file_that_is_no_image_has_no_size(tmp_path: Path, picture: np.ndarray) -> None:
    dataset = dcmread(io.BytesIO(make_dicom(picture, 8)))
    del dataset.Rows, dataset.Columns
    dataset.save_as(tmp_path / "report.dcm")
    assert code(tmp_path / "report.dcm") == "E215"


@pytest.mark.filterwarnings("error")
def test_any_byte_may_be_wrong(tmp_path: Path, files: dict[str, tuple[bytes, str, int]]) -> None:
    """A damaged header gives a size or a fault of ours, never anything else."""
    rng = np.random.default_rng(3)
    path = tmp_path / "damaged"
    for name in ("exif.jpg", "deep.tif", "nested.dcm", "implicit.dcm", "deflated.dcm", "mask.gif"):
        data = files[name][0]
        for _ in range(120):
            damaged = bytearray(data[:4000])
            for _ in range(4):
                damaged[rng.integers(min(900, len(damaged)))] = rng.integers(256)
            path.write_bytes(damaged)
            try:
                assert read_size(path).rows > 0
            except ItemFault as fault:
                assert "\n" not in str(fault)


def test_measure_is_a_row_for_each_image_in_their_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sizes, "_CHUNK", 64)
    (folder / "sub").mkdir()
    (folder / "sub" / "web\npage.png").write_bytes(b"<html>")
    images = ["mask.gif", "absent.png", "gray.png", "sub/web\npage.png", "explicit.dcm"] * 30
    seen: list[int] = []
    table = measure(folder, images, 1, seen.append)
    assert dict(table.schema) == sizes.COLUMNS
    assert table["image"].to_list() == images
    assert table["kind"].to_list()[:5] == ["gif", "", "png", "", "dicom"]
    assert table["rows"].to_list()[:5] == [301, None, 301, None, 301]
    assert table["bits"].to_list()[:5] == [8, None, 8, None, 12]
    lengths = [None if i == "absent.png" else (folder / i).stat().st_size for i in images]
    assert table["bytes"].to_list() == lengths
    faults = table["fault"].to_list()[:5]
    assert [text[:4] for text in faults] == ["", "E202", "", "E219", ""]
    assert not any("\n" in text for text in faults)
    assert seen == [64, 128, 150]
    monkeypatch.setattr(sizes, "_MANY", 0)
    assert measure(folder, images, 2).equals(table)


def test_nothing_measured_is_an_empty_table(tmp_path: Path) -> None:
    assert dict(measure(tmp_path, []).schema) == sizes.COLUMNS


def test_a_wrong_size_would_be_seen(folder: Path, picture: np.ndarray) -> None:
    cv2.imwrite(str(folder / "gray.png"), picture[:-1])
    assert read_size(folder / "gray.png") != Size(301, 403, "png", 8)
