"""A file that is nothing but values: name and length decide, and a high value is dark."""

from pathlib import Path

import numpy as np
import pytest
from conftest import chest, encoded

from cxrkit.errors import ItemFault
from cxrkit.imaging import headerless, radiograph


def img(display: np.ndarray) -> bytes:
    """The file of a (n, n) picture of 0 to 4095, air dark, written value by value."""
    return b"".join((4095 - int(v)).to_bytes(2, "big") for v in display.reshape(-1))


def fault(data: bytes, name: str = "JPCLN001.IMG") -> ItemFault:
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(data, name)
    return caught.value


def test_a_high_value_is_dark_and_the_high_byte_comes_first():
    display = np.array([[0, 4095], [2048, 1024]])
    assert img(display)[:4] == b"\x0f\xff\x00\x00"
    picture = radiograph.decode(img(display), "JPCNN093.IMG")
    assert picture.pixels.tolist() == [[0, 255], [128, 64]]
    assert (picture.rows, picture.columns, picture.kind) == (2, 2, "headerless")
    assert "turned over (4095 - value)" in picture.trace[0]
    assert picture.trace[1] == "16 bits to 8 by the used range 0 to 4095"


def test_the_used_range_is_spread():
    picture = radiograph.decode(img(np.array([[1000, 1100], [1200, 1400]])), "a.img")
    assert picture.pixels.tolist() == [[0, 64], [128, 255]]


def test_a_large_one_is_reduced_by_the_box_mean():
    display = np.round(chest(256, 256) * 4095).astype(int)
    whole = radiograph.decode(img(display), "JPCLN001.IMG")
    small = radiograph.decode(img(display), "JPCLN001.IMG", smallest=64)
    mean = whole.pixels.reshape(64, 4, 64, 4).mean((1, 3))
    assert (small.rows, small.columns, small.pixels.shape) == (256, 256, (64, 64))
    assert np.abs(small.pixels - mean).max() <= 0.5


@pytest.mark.parametrize("name", ["JPCLN001.png", "JPCLN001", "JPCLN001.IMG.dat"])
def test_another_name_is_no_image(name: str):
    data = img(np.arange(16).reshape(4, 4))
    assert radiograph.decode(data, "JPCLN001.IMG").rows == 4
    assert fault(data, name).code == "E212"


def test_another_length_is_cut_off():
    data = img(np.arange(16).reshape(4, 4))
    for length in (31, 30, 1, 6):
        assert fault(data[:length]).code == "E214"
    assert "8388608" in str(fault(data[:30]))


def test_a_value_of_more_than_twelve_bits_is_named():
    """So a file of low byte first, or of 16 bits, is not read as noise."""
    data = img(np.arange(16).reshape(4, 4))
    swapped = np.frombuffer(data, ">u2").astype("<u2").tobytes()
    caught = fault(swapped)
    assert caught.code == "E212" and "65295" in caught.observed  # 0xFF0F: 4095 read backwards


def test_what_is_no_image_under_this_name_keeps_its_fault():
    assert fault(b"").code == "E210"
    assert fault(b"version https://git-lfs.github.com/spec/v1\n").code == "E218"
    assert fault(b"<!DOCTYPE html><html></html>").code == "E219"
    assert fault(img(np.zeros((4, 4)))).code == "E216"


def test_a_real_png_called_img_is_a_png(picture: np.ndarray):
    assert radiograph.decode(encoded(".png", picture), "a.img").kind == "png"


def test_a_side_above_the_limit_is_refused_by_its_length_alone():
    with pytest.raises(ItemFault) as caught:
        headerless.side(2 * 10_001**2, "a.IMG")
    assert caught.value.code == "E211"
    assert headerless.side(8_388_608, "JPCLN001.IMG") == 2048


def test_a_file_on_disk_is_read(tmp_path: Path):
    (tmp_path / "JPCLN001.IMG").write_bytes(img(np.arange(16).reshape(4, 4)))
    assert radiograph.read(tmp_path / "JPCLN001.IMG").rows == 4
