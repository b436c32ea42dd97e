"""PNG, JPEG and TIFF in every coding give the gray plane that Pillow gives."""

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
from conftest import encoded
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph, raster


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "P"])
def test_every_gray_coding_is_one_picture(picture: np.ndarray, mode: str, kind: str):
    data = saved(Image.fromarray(picture).convert(mode), kind)
    result = radiograph.decode(data, "x")
    assert np.array_equal(result.pixels, picture)
    assert (result.rows, result.columns, result.kind, result.flags) == (301, 403, kind.lower(), ())


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_one_bit_is_black_and_white(picture: np.ndarray, kind: str):
    data = saved(Image.fromarray(picture > 90), kind)
    assert np.array_equal(radiograph.decode(data, "x").pixels, np.where(picture > 90, 255, 0))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate", "packbits"])
@pytest.mark.parametrize("deep", [False, True])
def test_tiff_compressions(picture: np.ndarray, compression: str | None, deep: bool):
    pixels = picture.astype(np.uint16) * 200 if deep else picture
    result = radiograph.decode(saved(Image.fromarray(pixels), "TIFF", compression=compression), "x")
    low, high = int(picture.min()), int(picture.max())
    spread = np.floor((picture.astype(float) - low) / (high - low) * 255 + 0.5)
    assert np.array_equal(result.pixels, spread if deep else picture)


def test_big_endian_tiff_of_16_bits(picture: np.ndarray):
    deep = picture.astype(np.uint16) * 200
    big = Image.frombytes("I;16B", (403, 301), deep.astype(">u2").tobytes())
    expected = radiograph.decode(encoded(".png", deep), "x").pixels
    assert np.array_equal(radiograph.decode(saved(big, "TIFF"), "x").pixels, expected)


def test_tiff_where_zero_is_white_is_turned_over(picture: np.ndarray):
    deep = picture.astype(np.uint16) * 200
    # Pillow writes 16 bits as they are under this tag, and turns 8 bits over itself
    data = saved(Image.fromarray(deep), "TIFF", tiffinfo={262: 0})
    expected = radiograph.decode(encoded(".png", 65535 - deep), "x").pixels
    assert np.array_equal(radiograph.decode(data, "x").pixels, expected)
    shallow = saved(Image.fromarray(picture), "TIFF", tiffinfo={262: 0})
    read_back = np.asarray(Image.open(io.BytesIO(shallow)))
    assert np.array_equal(radiograph.decode(shallow, "x").pixels, read_back)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_orientation_is_flagged_and_never_applied(picture: np.ndarray, orientation: int, kind: str):
    exif = Image.Exif()
    exif[274] = orientation
    options = {"tiffinfo": {274: orientation}} if kind == "TIFF" else {"exif": exif}
    image = Image.fromarray(picture)
    turned = radiograph.decode(saved(image, kind, **options), "x")
    assert turned.flags == (f"exif-orientation-{orientation}",)
    assert np.array_equal(turned.pixels, radiograph.decode(saved(image, kind), "x").pixels)


@pytest.mark.parametrize("high", [900, 4095, 65535])
def test_16_bit_png_is_scaled_by_the_range_it_uses(picture: np.ndarray, high: int):
    deep = np.floor(picture.astype(float) / 255 * (high - 50)).astype(np.uint16) + 50
    low, top = int(deep.min()), int(deep.max())
    result = radiograph.decode(encoded(".png", deep), "x")
    expected = np.floor((deep.astype(float) - low) / (top - low) * 255 + 0.5)
    assert np.array_equal(result.pixels, expected)
    assert f"16 bits to 8 by the used range {low} to {top}" in result.trace


def test_a_ramp_over_16_bits_stays_monotone():
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    pixels = radiograph.decode(encoded(".png", ramp), "x").pixels.ravel().astype(int)
    assert (np.diff(pixels) >= 0).all() and pixels[0] == 0 and pixels[-1] == 255


@pytest.mark.parametrize(("kind", "mode"), [("PNG", "RGBA"), ("PNG", "LA"), ("TIFF", "RGBA")])
def test_alpha_is_dropped_and_flagged_where_it_varies(picture: np.ndarray, kind: str, mode: str):
    image = Image.fromarray(picture).convert(mode)
    image.putalpha(Image.fromarray(np.uint8(np.arange(403) % 200 + np.zeros((301, 1)))))
    result = radiograph.decode(saved(image, kind), "x")
    assert np.array_equal(result.pixels, picture)
    assert result.flags == ("alpha",) and "alpha dropped" in result.trace


def test_a_transparent_palette_is_read(picture: np.ndarray):
    data = saved(Image.fromarray(picture).convert("P"), "PNG", transparency=0)
    assert np.array_equal(radiograph.decode(data, "x").pixels, picture)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "JPEG"])
def test_colour_becomes_luma_and_is_flagged(picture: np.ndarray, kind: str):
    colours = np.dstack([picture, picture // 2, 255 - picture])
    image = Image.fromarray(colours)
    data = saved(image, kind, **({"quality": 100, "subsampling": 0} if kind == "JPEG" else {}))
    result = radiograph.decode(data, "x")
    luma = np.asarray(Image.open(io.BytesIO(data)).convert("L")).astype(int)
    assert result.flags == ("colour",) and "colour to luma" in result.trace
    assert np.abs(result.pixels - luma).max() <= (2 if kind == "JPEG" else 1)


def test_a_tint_is_colour_and_no_mark(picture: np.ndarray):
    tinted = np.dstack([picture, picture, np.clip(picture.astype(int) + 30, 0, 255)])
    data = saved(Image.fromarray(tinted.astype(np.uint8)), "PNG")
    assert radiograph.decode(data, "x").flags == ("colour",)


def test_a_small_coloured_mark_in_a_large_jpeg_is_flagged(large: np.ndarray):
    marked = np.dstack([large] * 3)
    marked[100:140, 100:180] = (200, 30, 30)
    plain = saved(Image.fromarray(np.dstack([large] * 3)), "JPEG", quality=90)
    assert radiograph.decode(plain, "x", 224).flags == ()
    data = saved(Image.fromarray(marked), "JPEG", quality=90)
    assert radiograph.decode(data, "x", 224).flags == ("colour", "colour-marks")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"keep_rgb": True}])
def test_jpeg_of_three_equal_channels_is_its_luma(picture: np.ndarray, options: dict[str, Any]):
    image = Image.fromarray(np.dstack([picture] * 3))
    data = saved(image, "JPEG", quality=100, subsampling=0, **options)
    result = radiograph.decode(data, "x")
    assert np.abs(result.pixels.astype(int) - picture).max() <= 2
    assert result.flags == () and "luma of three equal channels" in result.trace


def test_colour_profile_and_gamma_are_ignored_and_said(picture: np.ndarray):
    image = Image.fromarray(picture)
    gamma = PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))
    for data in (
        saved(image, "PNG", pnginfo=gamma),
        saved(image, "JPEG", icc_profile=b"made up" * 40, quality=100),
    ):
        result = radiograph.decode(data, "x")
        assert "colour profile ignored" in result.trace
        assert np.abs(result.pixels.astype(int) - picture).max() <= 2


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_four_colours_are_refused(picture: np.ndarray, kind: str):
    observed = "CMYK" if kind == "JPEG" else "neither gray, RGB nor palette"
    with pytest.raises(ItemFault, match=observed) as caught:
        radiograph.decode(saved(Image.fromarray(picture).convert("CMYK"), kind), "x")
    assert caught.value.code == "E213"


def test_several_pictures_in_one_file_are_refused(picture: np.ndarray):
    image = Image.fromarray(picture)
    more = Image.fromarray(255 - picture)
    for kind in ("TIFF", "PNG"):
        data = saved(image, kind, save_all=True, append_images=[more])
        with pytest.raises(ItemFault) as caught:
            radiograph.decode(data, "x")
        assert caught.value.code == "E213"


def test_other_tiff_samples_are_refused(picture: np.ndarray):
    for image in (Image.fromarray(picture).convert("F"), Image.fromarray(picture).convert("I")):
        with pytest.raises(ItemFault) as caught:
            radiograph.decode(saved(image, "TIFF"), "x")
        assert caught.value.code == "E213"


@pytest.mark.parametrize(
    ("rows", "columns", "smallest", "factor"),
    [
        (3056, 2544, 224, 8),
        (1792, 1792, 224, 8),
        (1785, 1792, 224, 8),
        (1784, 1792, 224, 4),
        (3056, 1000, 224, 4),
        (512, 448, 224, 2),
        (447, 3000, 224, 2),
        (446, 3000, 224, 1),
        (100, 100, 224, 1),
        (3056, 2544, None, 1),
    ],
)
def test_reduction_keeps_both_sides_large_enough(
    rows: int, columns: int, smallest: int | None, factor: int
):
    assert raster.reduction(rows, columns, smallest) == factor


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_shrink_is_the_box_mean_with_the_edge_repeated(picture: np.ndarray, factor: int):
    small = raster.shrink(picture, factor)
    assert small.shape == (-(-301 // factor), -(-403 // factor))
    padded = np.pad(picture, ((0, -301 % factor), (0, -403 % factor)), mode="edge").astype(float)
    boxes = padded.reshape(small.shape[0], factor, small.shape[1], factor).mean(axis=(1, 3))
    assert np.abs(small - boxes).max() <= 0.5


def test_jpeg_of_16_bits_worth_of_levels_is_not_invented(picture: np.ndarray):
    """An 8-bit file is taken as it is: no stretching of its range."""
    narrow = (picture // 4 + 60).astype(np.uint8)
    result = radiograph.decode(encoded(".png", narrow), "x")
    assert np.array_equal(result.pixels, narrow)
    jpeg = radiograph.decode(encoded(".jpg", narrow, cv2.IMWRITE_JPEG_QUALITY, 100), "x")
    assert np.abs(jpeg.pixels.astype(int) - narrow).max() <= 2


def test_a_wrong_colour_profile_changes_nothing_and_is_not_complained_about(
    capfd: pytest.CaptureFixture[str],
) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    plain = cv2.imencode(".png", picture)[1].tobytes()
    body = b"iCCP" + b"RGB\0\0" + zlib.compress(b"no profile" * 20)
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    profiled = plain[:33] + chunk + plain[33:]
    cv2.imdecode(np.frombuffer(profiled, np.uint8), cv2.IMREAD_UNCHANGED)
    assert "iCCP" in capfd.readouterr().err  # what a user would otherwise see, once a file
    found = radiograph.decode(profiled, "a.png")
    assert np.array_equal(found.pixels, picture)
    assert capfd.readouterr().err == ""
