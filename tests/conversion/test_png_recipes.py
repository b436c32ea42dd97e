"""png and jpeg are the standard reading; dicom-to-png16 loses nothing."""

import io
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, RLELossless

from cxrkit import archives, conversion
from cxrkit.conversion import dicom_to_png16
from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph
from cxrkit.phantom import dicom_file
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject
from cxrkit.records import Record

CHEST = render(Subject(seed=5), 90, 70, np.random.default_rng(5)).radiograph
FOLDER = archives.load("folder")


def converted(recipe: str, data: bytes, folder: Path, name: str = "x.dcm") -> bytes:
    (folder / name).write_bytes(data)
    module = conversion.load(recipe)
    path = module.paths(archives.rows.frame([Record("folder", "x", name)]))[0]
    files = module.convert(FOLDER, folder, Record("folder", "x", name), path)
    assert list(files) == [path] and path == ("x.jpg" if "jp" in recipe else "x.png")
    return files[path]


def stored_again(png: bytes) -> np.ndarray:
    """The stored values of a file of dicom-to-png16, as docs/converting.md says."""
    with Image.open(io.BytesIO(png)) as file:
        assert file.mode in ("I;16", "I") and file.format == "PNG"
        pixels, text = np.asarray(file).astype(int), file.text
    bits = int(text["BitsStored"])
    if text["PhotometricInterpretation"] == "MONOCHROME1":
        pixels = 2**bits - 1 - pixels
    return pixels - 2 ** (bits - 1) if text["PixelRepresentation"] == "1" else pixels


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian, RLELossless])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
def test_sixteen_bits_give_back_what_pydicom_reads(bits, photometric, syntax, tmp_path):
    """Modality LUT, window and unused bits change nothing."""
    steps = {"RescaleSlope": 2, "RescaleIntercept": -7, "WindowCenter": 40, "WindowWidth": 3}
    data = dicom_file.encode(CHEST, bits, photometric, syntax, **steps)
    png = converted("dicom-to-png16", data, tmp_path)
    assert np.array_equal(stored_again(png), pydicom.dcmread(io.BytesIO(data)).pixel_array)
    # Air is dark: turned over where it was not, and not scaled.
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), dicom_file.stored(CHEST, bits))


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [10, 12, 16])
def test_signed_values_come_back_with_their_sign(bits, photometric, tmp_path):
    rng = np.random.default_rng(bits)
    values = rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), CHEST.shape)
    values[0, :2] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    signed = {"PixelRepresentation": 1, "PixelData": values.astype("<i2").tobytes()}
    data = dicom_file.encode(CHEST, bits, photometric, **signed)
    assert np.array_equal(stored_again(converted("dicom-to-png16", data, tmp_path)), values)


def test_by_hand():
    stored = radiograph.dicom.Stored(np.array([[-2, -1], [0, 1]], np.int8), 2, "MONOCHROME1")
    assert dicom_to_png16.shown(stored).tolist() == [[3, 2], [1, 0]]


def test_nothing_else_of_the_dicom_file_is_kept(tmp_path):
    data = dicom_file.encode(CHEST, 12, PatientName="Roe^Jane", PatientID="4711")
    for recipe in ("dicom-to-png16", "png", "jpeg", "mimic-jpg", "chexpert-jpg"):
        file = converted(recipe, data, tmp_path)
        assert b"Roe" not in file and b"4711" not in file
    with Image.open(io.BytesIO(converted("dicom-to-png16", data, tmp_path))) as file:
        assert set(file.text) == {"BitsStored", "PixelRepresentation", "PhotometricInterpretation"}


@pytest.mark.parametrize("voi", [{}, {"WindowCenter": 2000, "WindowWidth": 3000}])
def test_png_and_jpeg_are_the_standard_reading(voi, tmp_path):
    data = dicom_file.encode(CHEST, 12, "MONOCHROME1", **voi)
    wanted = radiograph.decode(data, "x").pixels
    with Image.open(io.BytesIO(converted("png", data, tmp_path))) as file:
        assert file.mode == "L" and np.array_equal(np.asarray(file), wanted)
    reference = io.BytesIO()
    Image.new("L", (8, 8)).save(reference, "JPEG", quality=95)
    with Image.open(io.BytesIO(converted("jpeg", data, tmp_path))) as file:
        assert file.mode == "L" and file.quantization == Image.open(reference).quantization
        assert np.abs(np.asarray(file).astype(int) - wanted).mean() < 2


def test_other_kinds_are_read_too_but_have_no_stored_values(tmp_path):
    jpeg = io.BytesIO()
    Image.fromarray(CHEST).save(jpeg, "JPEG")
    with Image.open(io.BytesIO(converted("png", jpeg.getvalue(), tmp_path, "x.jpg"))) as file:
        assert np.array_equal(np.asarray(file), radiograph.decode(jpeg.getvalue(), "x").pixels)
    with pytest.raises(ItemFault) as caught:
        converted("dicom-to-png16", jpeg.getvalue(), tmp_path, "x.jpg")
    assert caught.value.code == "E213" and "jpeg" in caught.value.observed
