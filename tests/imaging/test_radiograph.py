"""One function for every kind of file; each broken file gets its own fault."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import chest, encoded, make_dicom

from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph


def fault(path: Path) -> ItemFault:
    with pytest.raises(ItemFault) as caught:
        radiograph.read(path)
    return caught.value


def at_224(pixels: np.ndarray, interpolation: int) -> np.ndarray:
    return cv2.resize(pixels, (224, 224), interpolation=interpolation).astype(float)


BROKEN = {
    "zero.png": (b"", "E210"),
    "blank.png": (encoded(".png", np.full((40, 50), 7, np.uint8)), "E216"),
    "blank.jpg": (encoded(".jpg", np.full((40, 50), 7, np.uint8)), "E216"),
    "blank16.png": (encoded(".png", np.full((40, 50), 700, np.uint16)), "E216"),
    "blank.dcm": (make_dicom(np.full((40, 50), 700, np.uint16), 12), "E216"),
    "page.jpg": (b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Log in</body></html>", "E219"),
    "page.png": (b"<?xml version='1.0'?>\n<HTML lang='en'></HTML>", "E219"),
    "pointer.png": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12345\n",
        "E218",
    ),
    "text.jpg": (b"no image, only words\n", "E212"),
    "short.png": (b"\x89PN", "E212"),
    "zip.dcm": (b"PK\x03\x04" + bytes(500), "E212"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_each_broken_file_has_its_own_fault(tmp_path: Path, name: str):
    data, code = BROKEN[name]
    (tmp_path / name).write_bytes(data)
    caught = fault(tmp_path / name)
    assert (caught.code, caught.path) == (code, name)
    assert caught.remedy and "\n" not in str(caught)


def test_what_to_do_about_a_pointer_and_a_page_is_said():
    for name, words in (("pointer.png", "git lfs pull"), ("page.jpg", "log in")):
        with pytest.raises(ItemFault, match=words):
            radiograph.decode(BROKEN[name][0], name)


def test_missing_folder_pipe_and_device(tmp_path: Path):
    assert fault(tmp_path / "absent.png").code == "E202"
    (tmp_path / "dangling.png").symlink_to(tmp_path / "absent.png")
    assert fault(tmp_path / "dangling.png").code == "E202"
    (tmp_path / "file.txt").write_text("x")
    assert fault(tmp_path / "file.txt" / "below.png").code == "E202"
    (tmp_path / "folder.png").mkdir()
    assert fault(tmp_path / "folder.png").code == "E203"
    os.mkfifo(tmp_path / "pipe.png")
    assert fault(tmp_path / "pipe.png").code == "E203"
    assert fault(Path("/dev/null")).code == "E203"
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert fault(tmp_path / "loop.png").code == "E201"


def test_a_file_without_read_permission_is_unreadable_for_root_too(
    tmp_path: Path, picture: np.ndarray
):
    path = tmp_path / "closed.png"
    path.write_bytes(encoded(".png", picture))
    path.chmod(0)
    assert fault(path).code == "E201"
    path.chmod(0o400)
    assert radiograph.read(path).rows == 301


def test_a_file_of_impossible_size_is_not_read(tmp_path: Path):
    path = tmp_path / "sparse.png"
    with path.open("wb") as file:
        file.truncate(radiograph.BYTE_LIMIT + 1)
    assert fault(path).code == "E211"


def test_the_kind_comes_from_the_content(tmp_path: Path, picture: np.ndarray):
    files = {
        "jpeg": encoded(".jpg", picture),
        "png": encoded(".png", picture),
        "tiff": encoded(".tiff", picture),
        "dicom": make_dicom(picture, 8),
        "": b"nothing of the sort",
    }
    for kind, data in files.items():
        assert radiograph.sniff(data[:256]) == kind
    (tmp_path / "wrong.dcm").write_bytes(files["png"])
    result = radiograph.read(tmp_path / "wrong.dcm")
    assert result.kind == "png" and np.array_equal(result.pixels, picture)


@pytest.mark.parametrize(
    ("name", "kind", "wrong"),
    [
        ("a.png", "png", False),
        ("a.JPG", "jpeg", False),
        ("p/a.jpeg", "jpeg", False),
        ("a.tif", "tiff", False),
        ("a.DCM", "dicom", False),
        ("a", "dicom", False),
        ("1.2.840.10008", "dicom", False),
        ("a.dcm.bin", "dicom", False),
        ("a.png", "jpeg", True),
        ("a.jpg", "png", True),
        ("a.jpg", "dicom", True),
        ("a.gif", "png", True),
    ],
)
def test_wrong_extension(name: str, kind: str, wrong: bool):
    assert radiograph.wrong_extension(name, kind) is wrong


def test_the_trace_names_the_steps_in_order(large: np.ndarray):
    jpeg = radiograph.decode(encoded(".jpg", large), "x", 224)
    assert jpeg.trace == ("jpeg decoded at 1/8",)
    deep = large.astype(np.uint16) * 16
    elements = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 600}
    mono1 = {"WindowWidth": 1200, "PhotometricInterpretation": "MONOCHROME1"}
    dicom = radiograph.decode(make_dicom(deep, 12, **elements, **mono1), "x", 224)
    assert dicom.trace == (
        "dicom decoded (Explicit VR Little Endian)",
        "rescale slope 1 intercept -1024",
        "window 600/1200 LINEAR",
        "MONOCHROME1 inverted",
        "12 bits to 8",
        "box mean 1/8",
    )
    assert (dicom.rows, dicom.columns, dicom.pixels.shape) == (1811, 2045, (227, 256))


@pytest.mark.parametrize("shape", [(1811, 2045), (1100, 950), (600, 1301)])
def test_reduced_reading_hardly_changes_the_picture(shape: tuple[int, int]):
    """Below one grey level on average at 224 x 224, whatever the file format."""
    pixels = np.round(chest(*shape) * 255).astype(np.uint8)
    full = at_224(pixels, cv2.INTER_AREA)
    spread = {"WindowCenter": 127.5, "WindowWidth": 255, "VOILUTFunction": "LINEAR_EXACT"}
    files = {
        "jpeg": encoded(".jpg", pixels, cv2.IMWRITE_JPEG_QUALITY, 95),
        "png": encoded(".png", pixels),
        "dicom": make_dicom(pixels, 8, **spread),
    }
    small = {}
    for kind, data in files.items():
        result = radiograph.decode(data, "x", 224)
        assert min(result.pixels.shape) >= 224 and result.pixels.shape != shape
        small[kind] = at_224(result.pixels, cv2.INTER_LINEAR)
        assert np.abs(small[kind] - full).mean() < 1
    assert np.abs(small["jpeg"] - small["png"]).mean() < 0.5
    assert np.abs(small["dicom"] - small["png"]).mean() < 0.5


def test_real_jpegs_read_reduced_stay_close_to_the_full_picture(real_data: Path):
    """At twice the wanted size and reduced by area: below one level, for sharp pictures too.

    At the wanted size itself and resized linearly, sharp pictures differ by up to two levels, still
    less than full decoding followed by linear resizing, which is the published recipe.
    """
    paths = sorted((real_data / "guangzhou" / "original").rglob("*.jpeg"))
    assert paths
    close, linear, published = [], [], []
    for path in paths:
        full = radiograph.read(path)
        expected = at_224(full.pixels, cv2.INTER_AREA)
        twice = at_224(radiograph.read(path, smallest=448).pixels, cv2.INTER_AREA)
        close.append(np.abs(twice - expected).mean())
        reduced = radiograph.read(path, smallest=224)
        assert (reduced.rows, reduced.columns) == full.pixels.shape
        assert reduced.flags == full.flags
        once = at_224(reduced.pixels, cv2.INTER_LINEAR)
        linear.append(np.abs(once - expected).mean())
        published.append(np.abs(at_224(full.pixels, cv2.INTER_LINEAR) - expected).mean())
        as_png = radiograph.decode(encoded(".png", full.pixels), path.name, 224)
        assert np.abs(at_224(as_png.pixels, cv2.INTER_LINEAR) - once).mean() < 0.5
    assert max(close) < 1
    assert max(linear) < 2 and np.mean(linear) < 0.8 * np.mean(published)
