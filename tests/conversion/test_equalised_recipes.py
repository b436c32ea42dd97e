"""mimic-jpg and chexpert-jpg against the published procedures, written again in numpy alone."""

import io
from pathlib import Path

import cv2
import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless

from cxrkit import archives, conversion
from cxrkit.conversion import chexpert_jpg, equalised, mimic_jpg
from cxrkit.errors import ItemFault
from cxrkit.phantom import dicom_file
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject
from cxrkit.records import Record

RECIPES = {"mimic-jpg": mimic_jpg, "chexpert-jpg": chexpert_jpg}
FOLDER = archives.load("folder")
KINDS = [
    (bits, photometric, syntax)
    for bits in (8, 10, 12, 14, 16)
    for photometric in ("MONOCHROME1", "MONOCHROME2")
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)
]


def equalised_by_definition(pixels: np.ndarray) -> np.ndarray:
    """Level v: 255 / (N - n of the lowest level) times the pixels above it and up to v, rounded."""
    counts = np.bincount(pixels.ravel(), minlength=256)
    lowest = int(np.flatnonzero(counts)[0])
    above = np.cumsum(counts)
    above = (above - above[lowest]).astype(np.float32)
    scale = np.float32(255) / np.float32(pixels.size - counts[lowest])
    return np.rint(above * scale).astype(np.uint8)[pixels]


def by_definition(data: bytes, recipe: str) -> np.ndarray:
    """The picture before it is written, from pydicom's pixel_array."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    stored = dataset.pixel_array
    assert stored.ndim == 2
    if recipe == "mimic-jpg":
        shifted = stored.astype(np.int64) - stored.min()
        pixels = (shifted / shifted.max() * 255).astype(np.uint8)  # float64, cut off
    else:
        scaled = np.abs(stored.astype(np.float32) * np.float32(255.0 / stored.max()))
        pixels = np.clip(np.rint(scaled), 0, 255).astype(np.uint8)
    if dataset.PhotometricInterpretation == "MONOCHROME1":
        pixels = 255 - pixels
    return equalised_by_definition(pixels)


def converted(recipe: str, data: bytes, folder: Path, name: str = "a.dcm") -> bytes:
    (folder / name).write_bytes(data)
    record = Record("folder", "a", name)
    files = conversion.load(recipe).convert(FOLDER, folder, record, "a.jpg")
    assert list(files) == ["a.jpg"]
    return files["a.jpg"]


def before_jpeg(recipe: str, data: bytes, monkeypatch: pytest.MonkeyPatch, folder: Path):
    """What the recipe hands to the JPEG encoder, and the file."""
    seen: list[np.ndarray] = []
    write = equalised.files.jpeg

    def seeing(pixels: np.ndarray) -> bytes:
        seen.append(pixels)
        return write(pixels)

    with monkeypatch.context() as patch:
        patch.setattr(equalised.files, "jpeg", seeing)
        file = converted(recipe, data, folder)
    return seen[0], file


@pytest.fixture(scope="module")
def phantoms() -> list[bytes]:
    """50 chests in all KINDS, with noise in the low bits and a margin that is not used."""
    files = []
    for number in range(50):
        bits, photometric, syntax = KINDS[number * 7 % len(KINDS)]
        rng = np.random.default_rng(number)
        picture = render(Subject(seed=number), 96, 80, rng).radiograph
        data = dicom_file.encode(picture, bits, photometric, syntax, RescaleSlope=2,
                                 RescaleIntercept=-100, WindowCenter=9, WindowWidth=5)  # fmt: skip
        if syntax != RLELossless and bits > 8:  # values between the levels, none at either end
            values = pydicom.dcmread(io.BytesIO(data)).pixel_array * 0.8 + 0.1 * 2**bits
            values = values + rng.integers(-(2 ** (bits - 6)), 2 ** (bits - 6), values.shape)
            data = dicom_file.encode(picture, bits, photometric, syntax,
                                     PixelData=values.astype("<u2").tobytes())  # fmt: skip
        files.append(data)
    return files


@pytest.mark.parametrize("recipe", RECIPES)
def test_fifty_phantoms_equal_the_published_procedure(recipe, phantoms, monkeypatch, tmp_path):
    for data in phantoms:
        wanted = by_definition(data, recipe)
        pixels, file = before_jpeg(recipe, data, monkeypatch, tmp_path)
        assert np.array_equal(pixels, wanted)
        assert file == cv2.imencode(".jpg", wanted)[1].tobytes()  # OpenCV's own quality is 95
        assert 100 < len(np.unique(wanted)) <= 256


def test_the_law_above_can_fail(phantoms, monkeypatch, tmp_path):
    """The two recipes differ, and so does one that equalises before it turns over."""
    differ = turned = 0
    for data in phantoms[:12]:
        mimic, _ = before_jpeg("mimic-jpg", data, monkeypatch, tmp_path)
        differ += not np.array_equal(mimic, by_definition(data, "chexpert-jpg"))
        dataset = pydicom.dcmread(io.BytesIO(data))
        stored = dataset.pixel_array.astype(np.int64)
        plain = ((stored - stored.min()) / np.ptp(stored) * 255).astype(np.uint8)
        if dataset.PhotometricInterpretation == "MONOCHROME1":
            turned += not np.array_equal(mimic, 255 - equalised_by_definition(plain))
    assert differ and turned


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_file_is_one_gray_channel_of_quality_95(recipe, phantoms, tmp_path):
    reference = io.BytesIO()
    Image.new("L", (8, 8)).save(reference, "JPEG", quality=95)
    with Image.open(io.BytesIO(converted(recipe, phantoms[0], tmp_path))) as file:
        assert (file.format, file.mode, file.size) == ("JPEG", "L", (80, 96))
        assert file.quantization == Image.open(reference).quantization
        wanted = by_definition(phantoms[0], recipe).astype(int)
        assert np.abs(np.asarray(file) - wanted).mean() < 3


def stored_file(values: list[list[int]], bits: int, kind: str = "<u2", **elements: object) -> bytes:
    """A DICOM file of these stored values."""
    array = np.array(values)
    elements |= {"PixelData": array.astype(kind).tobytes()}
    if kind == "<i2":
        elements["PixelRepresentation"] = 1
    return dicom_file.encode(np.zeros(array.shape, np.uint8), bits, **elements)


def test_mimic_by_hand(monkeypatch, tmp_path):
    # 100 and 500 of 100..1100 are 0 and .4; times 255 is 0 and 102; 601 gives 127.755: cut off
    values = [[100, 500], [601, 1100]]
    assert mimic_jpg.eight_bits(np.array(values, np.uint16)).tolist() == [[0, 102], [127, 255]]
    # four levels, one pixel each: the lowest is left out, the others are thirds of 255
    pixels, _ = before_jpeg("mimic-jpg", stored_file(values, 12), monkeypatch, tmp_path)
    assert pixels.tolist() == [[0, 85], [170, 255]]
    white = stored_file(values, 12, PhotometricInterpretation="MONOCHROME1")
    pixels, _ = before_jpeg("mimic-jpg", white, monkeypatch, tmp_path)
    assert pixels.tolist() == [[255, 170], [85, 0]]


def test_chexpert_by_hand():
    # times 255 / 1000: 25.5 is a tie, which goes to the even 26; 127.755 is rounded up
    values = np.array([[100, 501], [0, 1000]], np.uint16)
    assert chexpert_jpg.eight_bits(values).tolist() == [[26, 128], [0, 255]]
    signed = np.array([[-100, -4000], [0, 1000]], np.int16)  # absolute values, held to 255
    assert chexpert_jpg.eight_bits(signed).tolist() == [[26, 255], [0, 255]]


def test_equalisation_by_hand():
    pixels = np.array([[10, 10, 10, 10], [20, 20, 30, 30]], np.uint8)
    # 4 of 8 pixels have the lowest level; of the other 4, 2 are up to 20 and 4 up to 30
    wanted = [[0, 0, 0, 0], [128, 128, 255, 255]]  # 255 / 4 * 2 = 127.5: the tie goes to even
    assert equalised.equalised(pixels, "MONOCHROME2").tolist() == wanted
    assert equalised_by_definition(pixels).tolist() == wanted
    # turned over first: 225 and 235 and 245, of which 225 is the lowest
    turned = [[255, 255, 255, 255], [85, 85, 0, 0]]
    assert equalised.equalised(pixels, "MONOCHROME1").tolist() == turned


@pytest.mark.parametrize("kind", ["<i2", "<u2"])
def test_the_whole_range_of_sixteen_bits_does_not_wrap_around(kind):
    low = -32768 if kind == "<i2" else 0
    values = np.array([[low, low + 13107], [low + 65535, low + 32768]]).astype(kind)
    assert mimic_jpg.eight_bits(values).tolist() == [[0, 51], [255, 127]]


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize(
    ("data", "code", "text"),
    [
        (stored_file([[7, 7], [7, 7]], 12), "E216", "same value"),
        (dicom_file.encode(np.eye(9, dtype=np.uint8), 12, NumberOfFrames=2,
                           PixelData=bytes(4 * 81)), "E213", "several frames"),
        (dicom_file.encode(np.eye(9, dtype=np.uint8), 8, "RGB", SamplesPerPixel=3,
                           PlanarConfiguration=0, PixelData=bytes(range(243)) + b"\0"),
         "E213", "colour"),
        (cv2.imencode(".png", np.eye(9, dtype=np.uint8))[1].tobytes(), "E213", "png"),
        (b"", "E210", "zero bytes"),
        (b"<!doctype html>", "E219", "web page"),
        (dicom_file.encode(np.eye(9, dtype=np.uint8), 12)[:-20], "E214", "bytes of pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_is_named(recipe, data, code, text, tmp_path):
    with pytest.raises(ItemFault) as caught:
        converted(recipe, data, tmp_path)
    assert caught.value.code == code and text in caught.value.observed


def test_chexpert_divides_by_a_value_above_zero_and_keeps_some_contrast(tmp_path):
    with pytest.raises(ItemFault) as caught:
        converted("chexpert-jpg", stored_file([[-5, -9], [-7, 0]], 12, "<i2"), tmp_path)
    assert caught.value.code == "E213" and "above 0" in caught.value.observed
    narrow = stored_file([[4000, 4001], [4002, 4003]], 12)  # all become 255
    with pytest.raises(ItemFault) as caught:
        converted("chexpert-jpg", narrow, tmp_path)
    assert caught.value.code == "E216"
    assert converted("mimic-jpg", narrow, tmp_path)  # which subtracts the minimum


def test_names_of_mimic_get_the_path_of_the_release_and_others_keep_theirs():
    from cxrkit import records

    dicom_id = "02aa804e-bde0afdd-112c0b34-7bc16630-4e384014"
    listed = [
        Record("made", dicom_id, "somewhere/x.dcm", "10000032", "50414267"),
        Record("made", "other", "p1/s1/IMG.DCM", "10000032", "50414267"),
        Record("made", "plain", "p1/1.2.840.5", "", ""),
    ]
    table = records.frame(listed)
    assert mimic_jpg.paths(table) == [
        f"files/p10/p10000032/s50414267/{dicom_id}.jpg", "p1/s1/IMG.jpg", "p1/1.2.840.5.jpg",
    ]  # fmt: skip
    assert chexpert_jpg.paths(table) == ["somewhere/x.jpg", "p1/s1/IMG.jpg", "p1/1.2.840.5.jpg"]
