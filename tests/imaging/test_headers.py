"""Size limits and damage are found in the header, before any decoder allocates."""

import struct
import subprocess
import sys
import time
import zlib

import numpy as np
import pytest
from conftest import encoded, make_dicom

from cxrkit.errors import ItemFault
from cxrkit.imaging import headers, radiograph


def png_chunk(kind: bytes, body: bytes) -> bytes:
    checksum = zlib.crc32(kind + body).to_bytes(4, "big")
    return len(body).to_bytes(4, "big") + kind + body + checksum


def huge_png(rows: int, columns: int, bits: int) -> bytes:
    header = struct.pack(">IIBBBBB", columns, rows, bits, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1_000_000))
    chunks = ((b"IHDR", header), (b"IDAT", pixels), (b"IEND", b""))
    return headers.PNG_SIGNATURE + b"".join(png_chunk(*chunk) for chunk in chunks)


def huge_jpeg(rows: int, columns: int) -> bytes:
    small = encoded(".jpg", np.zeros((16, 16), np.uint8))
    at = small.index(b"\xff\xc0") + 5
    return small[:at] + struct.pack(">HH", rows, columns) + small[at + 4 :]


def huge_tiff(rows: int, columns: int) -> bytes:
    fields = [(256, columns), (257, rows), (258, 8), (259, 1), (262, 1), (273, 8), (279, 1)]
    body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + body + bytes(4)


BOMBS = {
    "png": huge_png(65535, 65535, 8),
    "1-bit png": huge_png(100_000, 100_000, 1),
    "jpeg": huge_jpeg(65535, 65535),
    "tiff": huge_tiff(65535, 65535),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_header_of_too_many_pixels_is_refused_at_once(kind: str):
    began = time.perf_counter()
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(BOMBS[kind], "x")
    assert caught.value.code == "E211"
    assert time.perf_counter() - began < 0.1


def test_a_bomb_takes_no_memory():
    """Each bomb is refused within 50 MB more than the imports take."""
    code = (
        "import resource, sys\n"
        "from cxrkit.errors import ItemFault\n"
        "from cxrkit.imaging import radiograph\n"
        "data = sys.stdin.buffer.read()\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "try:\n    radiograph.decode(data, 'x', 224)\n"
        "except ItemFault as fault:\n    print(fault.code, (peak() - before) // 1024)\n"
    )
    for data in (BOMBS["1-bit png"], BOMBS["jpeg"]):
        run = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True)
        told, megabytes = run.stdout.split()
        assert told == b"E211" and int(megabytes) < 50


def test_just_within_the_limit_is_not_refused_for_its_size():
    headers.check_size(10_000, 10_000, "x")
    with pytest.raises(ItemFault):
        headers.check_size(10_000, 10_001, "x")
    with pytest.raises(ItemFault) as caught:
        headers.check_size(0, 10, "x")
    assert caught.value.code == "E212"


def test_a_side_that_no_decoder_takes_is_refused():
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(huge_png(2, 2_000_000, 8), "x")
    assert caught.value.code == "E211"


def test_a_compressed_text_bomb_in_a_png_is_harmless(picture: np.ndarray):
    plain = encoded(".png", picture)
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))
    began = time.perf_counter()
    result = radiograph.decode(plain[:33] + text + plain[33:], "x")
    assert np.array_equal(result.pixels, picture)
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff"])
def test_every_cut_is_named(suffix: str):
    """Cut at every 7th byte, from the signature to the last byte."""
    pixels = np.random.default_rng(1).integers(0, 255, (24, 40), dtype=np.uint8)
    whole = encoded(suffix, pixels)
    radiograph.decode(whole, "x")
    for cut in (*range(16, len(whole) - 1, 7), len(whole) - 1):
        with pytest.raises(ItemFault) as caught:
            radiograph.decode(whole[:cut], "x")
        assert caught.value.code == "E214", cut


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("smallest", [None, 64])
def test_a_cut_jpeg_with_an_end_marker_is_named_too(
    picture: np.ndarray, share: float, smallest: int | None
):
    """libjpeg paints the rest gray and says nothing."""
    whole = encoded(".jpg", picture)
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(whole[: int(len(whole) * share)] + b"\xff\xd9", "x", smallest)
    assert caught.value.code == "E214"


def test_a_picture_that_ends_in_the_gray_of_missing_data_is_read(picture: np.ndarray):
    """The suspicion alone is no fault: such a corner occurs."""
    pixels = picture.copy()
    pixels[200:] = 128
    result = radiograph.decode(encoded(".jpg", pixels), "x")
    assert result.pixels[-1, -1] == 128


def test_bytes_after_the_end_of_a_jpeg_are_tolerated(picture: np.ndarray):
    whole = encoded(".jpg", picture)
    expected = radiograph.decode(whole, "x").pixels
    for trailer in (b"\0" * 500, b"made up \xff\xd8\xff trailer"):
        assert np.array_equal(radiograph.decode(whole + trailer, "x").pixels, expected)


def test_the_end_marker_of_a_thumbnail_does_not_count(picture: np.ndarray):
    whole = encoded(".jpg", picture)
    thumbnail = encoded(".jpg", picture[:40, :40])
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = whole[:2] + segment + whole[2:]
    radiograph.decode(with_thumbnail, "x")
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(with_thumbnail[: len(with_thumbnail) * 3 // 5], "x")
    assert caught.value.code == "E214"


def test_a_flipped_bit_in_a_png_is_found(picture: np.ndarray):
    whole = bytearray(encoded(".png", picture))
    whole[len(whole) // 2] ^= 4
    with pytest.raises(ItemFault, match="checksum") as caught:
        radiograph.decode(bytes(whole), "x")
    assert caught.value.code == "E214"


def test_tiff_strips_outside_the_file_are_named():
    for at, count in ((60_000, 1), (8, 60_000)):
        fields = [(256, 9), (257, 9), (258, 8), (259, 1), (262, 1), (273, at), (279, count)]
        body = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in fields)
        data = b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + body + bytes(100)
        with pytest.raises(ItemFault, match="past the end") as caught:
            radiograph.decode(data, "x")
        assert caught.value.code == "E214"


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".dcm"])
@pytest.mark.parametrize("seed", range(4))
def test_random_damage_gives_a_picture_or_a_fault(suffix: str, seed: int):
    """Nothing but our own fault leaves the reader, whatever bytes change."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 255, (24, 40), dtype=np.uint8)
    whole = make_dicom(pixels, 8) if suffix == ".dcm" else encoded(suffix, pixels)
    for _ in range(100):
        damaged = bytearray(whole)
        # half of the damage goes to the first 600 bytes, where the structure is
        for reach in (600, len(whole)):
            damaged[rng.integers(8, min(reach, len(whole)))] = rng.integers(256)
        try:
            result = radiograph.decode(bytes(damaged), "x")
        except ItemFault:
            continue
        assert result.pixels.dtype == np.uint8 and result.pixels.ndim == 2


def test_a_tiff_directory_outside_the_file_is_named():
    for offset in (5000, 2**32 - 1):
        with pytest.raises(ItemFault) as caught:
            radiograph.decode(b"II*\0" + offset.to_bytes(4, "little"), "x")
        assert caught.value.code == "E214"
