"""One mask in many codings is one mask; sizes change without inventing pixels."""

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from conftest import encoded
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from test_runlength import letter_f

from cxrkit.errors import ItemFault
from cxrkit.imaging import masks, radiograph

F = letter_f()
GRAY = np.where(F, 255, 0).astype(np.uint8)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def gif(image: Image.Image, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "GIF", **options)
    return stream.getvalue()


def turned_palette() -> Image.Image:
    """Index 0 is white and lung, index 3 black."""
    image = Image.fromarray(np.where(F, 0, 3).astype(np.uint8), "P")
    image.putpalette([255, 255, 255] + [9, 9, 9] * 2 + [0, 0, 0])
    return image


def alpha_only() -> Image.Image:
    image = Image.new("RGBA", (53, 37), (255, 255, 255, 0))
    image.putalpha(Image.fromarray(GRAY))
    return image


CODINGS = {
    "0 and 255": (encoded(".png", GRAY), {}),
    "0 and 1": (encoded(".png", F.astype(np.uint8)), {"lung": (1,)}),
    "255 ignored": (
        encoded(".png", np.where(F, 1, 0).astype(np.uint8)),
        {"lung": (1,), "ignore": (255,)},
    ),
    "0 is lung": (encoded(".png", 255 - GRAY), {"lung": (0,), "background": (255,)}),
    "two labels": (
        encoded(".png", np.where(F, 1 + (np.arange(53) > 20), 0).astype(np.uint8)),
        {"lung": (1, 2)},
    ),
    "rgb": (encoded(".png", np.dstack([GRAY] * 3)), {}),
    "palette": (png(Image.fromarray(GRAY).convert("P")), {}),
    "1 bit": (png(Image.fromarray(F)), {}),
    "alpha only": (png(alpha_only()), {}),
    "opaque alpha": (png(Image.fromarray(GRAY).convert("RGBA")), {}),
    "16 bits": (encoded(".png", np.where(F, 65535, 0).astype(np.uint16)), {"lung": (65535,)}),
    "tiff": (encoded(".tiff", GRAY), {}),
    "gif": (gif(Image.fromarray(GRAY)), {}),
    "gif of a turned palette": (gif(turned_palette()), {}),
    "gif with a comment, interlaced": (
        gif(Image.fromarray(GRAY), comment="drawn by hand", interlace=1),
        {},
    ),
}


@pytest.mark.parametrize("coding", CODINGS)
def test_one_mask_in_many_codings(tmp_path: Path, coding: str):
    data, values = CODINGS[coding]
    (tmp_path / "mask.png").write_bytes(data)
    lung, ignore = masks.read_mask(tmp_path / "mask.png", **values)
    assert lung.dtype == ignore.dtype == bool
    assert np.array_equal(lung, F) and not ignore.any() and ignore.shape == F.shape


def test_ignored_pixels_are_neither_lung_nor_background(tmp_path: Path):
    gray = GRAY.copy()
    gray[6:9, 6:20] = 127
    (tmp_path / "v7.png").write_bytes(encoded(".png", gray))
    lung, ignore = masks.read_mask(tmp_path / "v7.png", ignore=(127,))
    assert np.array_equal(ignore, gray == 127) and np.array_equal(lung, gray == 255)


@pytest.mark.parametrize("quality", [50, 75, 95])
def test_a_jpeg_mask_is_lung_above_127(tmp_path: Path, quality: int):
    (tmp_path / "mask.jpg").write_bytes(encoded(".jpg", GRAY, cv2.IMWRITE_JPEG_QUALITY, quality))
    lung, ignore = masks.read_mask(tmp_path / "mask.jpg")
    assert (lung == F).mean() >= 0.995 and not ignore.any()
    with pytest.raises(ItemFault) as caught:
        masks.read_mask(tmp_path / "mask.jpg", ignore=(127,))
    assert caught.value.code == "E231"


def test_an_undeclared_value_is_listed(tmp_path: Path):
    gray = GRAY.copy()
    gray[0, :3] = (17, 42, 127)
    (tmp_path / "mask.png").write_bytes(encoded(".png", gray))
    with pytest.raises(ItemFault, match="17, 42, 127") as caught:
        masks.read_mask(tmp_path / "mask.png")
    assert caught.value.code == "E231"
    (tmp_path / "blurred.png").write_bytes(encoded(".png", cv2.GaussianBlur(GRAY, (9, 9), 0)))
    with pytest.raises(ItemFault, match="and more"):
        masks.read_mask(tmp_path / "blurred.png")


def test_grays_declared_as_background_are_an_outline_of_lungs_alone(tmp_path: Path):
    values = {"background": range(128), "lung": range(128, 256)}
    gray = GRAY.copy()
    gray[0, :2] = (1, 90)
    (tmp_path / "mask.png").write_bytes(encoded(".png", gray))
    assert np.array_equal(masks.read_mask(tmp_path / "mask.png", **values)[0], F)
    (tmp_path / "mask.png").write_bytes(encoded(".png", np.where(F, 0, gray).astype(np.uint8)))
    with pytest.raises(ItemFault, match=r"pixel values 1, 90 \(expected only \[0, 255\]\)"):
        masks.read_mask(tmp_path / "mask.png", **values)


def test_a_coloured_mask_is_refused(tmp_path: Path):
    colours = np.dstack([GRAY, GRAY * 0, GRAY * 0])
    (tmp_path / "mask.png").write_bytes(encoded(".png", colours))
    with pytest.raises(ItemFault) as caught:
        masks.read_mask(tmp_path / "mask.png")
    assert caught.value.code == "E231"


def test_an_empty_mask_is_a_mask_and_a_broken_file_is_none(tmp_path: Path):
    (tmp_path / "empty.png").write_bytes(encoded(".png", GRAY * 0))
    assert not masks.read_mask(tmp_path / "empty.png")[0].any()
    faults = {"zero.png": (b"", "E210"), "cut.png": (encoded(".png", GRAY)[:60], "E214")}
    for name, (data, code) in faults.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ItemFault) as caught:
            masks.read_mask(tmp_path / name)
        assert caught.value.code == code


@pytest.mark.parametrize("interlace", [0, 1])
def test_a_gif_cut_anywhere_is_refused(tmp_path: Path, interlace: int):
    """Its decoder would be content with some of these."""
    whole = gif(Image.fromarray(GRAY), interlace=interlace)
    path = tmp_path / "mask.gif"
    path.write_bytes(whole)
    assert np.array_equal(masks.read_mask(path)[0], F)
    for length in range(7, len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ItemFault) as caught:
            masks.read_mask(path)
        assert caught.value.code == "E214"


def test_a_gif_of_several_pictures_or_of_too_many_pixels_is_refused(tmp_path: Path):
    moving = gif(Image.fromarray(GRAY), save_all=True, append_images=[Image.fromarray(255 - GRAY)])
    large = gif(Image.fromarray(GRAY))
    large = large[:6] + b"\xff\xff\xff\xff" + large[10:]
    for data, code in ((moving, "E213"), (large, "E211")):
        (tmp_path / "mask.gif").write_bytes(data)
        with pytest.raises(ItemFault) as caught:
            masks.read_mask(tmp_path / "mask.gif")
        assert caught.value.code == code


def test_a_gif_is_no_radiograph(tmp_path: Path):
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(gif(Image.fromarray(GRAY)), "a.gif")
    assert caught.value.code == "E212"


def test_a_mask_of_another_size_than_its_image_is_named(tmp_path: Path):
    image = tmp_path / "a.jpg"
    image.write_bytes(encoded(".jpg", GRAY))
    masks.check_size(F, "masks/a.png", image)
    for other in (F[:-1], F[:, 1:], F.T):
        with pytest.raises(ItemFault, match=r"masks/a.png: \d+ x \d+ pixels") as caught:
            masks.check_size(other, "masks/a.png", image)
        assert caught.value.code == "E231"
    with pytest.raises(ItemFault) as caught:
        masks.check_size(F, "masks/a.png", tmp_path / "absent.png")
    assert caught.value.code == "E202"


def test_resizing_by_hand():
    mask = np.array([[1, 0], [0, 0], [0, 1]], bool)
    doubled = masks.resize_mask(mask, 6, 6)
    assert np.array_equal(doubled, np.kron(mask, np.ones((2, 3), bool)))
    assert masks.resize_mask(mask, 1, 2).tolist() == [[False, False]]
    assert masks.nearest(4, 2).tolist() == [1, 3]
    assert masks.nearest(2, 5).tolist() == [0, 0, 1, 1, 1]


@given(
    arrays(bool, st.tuples(st.integers(1, 30), st.integers(1, 30))),
    st.integers(1, 90),
    st.integers(1, 90),
)
@settings(max_examples=150, deadline=None)
def test_each_new_pixel_is_the_old_one_under_its_centre(mask: np.ndarray, rows: int, columns: int):
    resized = masks.resize_mask(mask, rows, columns)
    assert resized.shape == (rows, columns) and resized.dtype == bool
    height, width = mask.shape
    for i in range(0, rows, 7):
        for j in range(0, columns, 7):
            old = mask[(2 * i + 1) * height // (2 * rows), (2 * j + 1) * width // (2 * columns)]
            assert resized[i, j] == old


def test_enlarging_by_whole_factors_and_back_changes_nothing():
    for rows, columns in ((37 * 3, 53 * 5), (37, 53)):
        there = masks.resize_mask(F, rows, columns)
        assert np.array_equal(masks.resize_mask(there, 37, 53), F)


def test_a_circle_survives_the_squash_to_224_and_back():
    """Separate x and y scales: a letterbox would shift it."""
    y, x = np.mgrid[:3056, :2544]
    circle = (x - 1000) ** 2 + (y - 1900) ** 2 < 600**2
    back = masks.resize_mask(masks.resize_mask(circle, 224, 224), 3056, 2544)
    assert (back & circle).sum() / (back | circle).sum() >= 0.98


def test_v7_masks_hold_the_declared_values(real_data: Path):
    paths = sorted((real_data / "v7" / "masks").glob("*.png"))[:20]
    assert paths
    for path in paths:
        lung, ignore = masks.read_mask(path, ignore=(127,))
        assert 0.02 < lung.mean() < 0.8 and not (lung & ignore).any()
