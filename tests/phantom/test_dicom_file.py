"""A phantom's DICOM file holds what was asked for, as pydicom reads it, in every syntax."""

import io

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_voi_lut
from pydicom.uid import JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from cxrkit.errors import InputRefused
from cxrkit.phantom import dicom_file

RAMP = np.linspace(0, 255, 37 * 23).astype(np.uint8).reshape(37, 23)
EXACT = [syntax for syntax in dicom_file.SYNTAXES if syntax != JPEGBaseline8Bit]


def read(data: bytes) -> pydicom.FileDataset:
    return pydicom.dcmread(io.BytesIO(data))


@pytest.mark.parametrize("syntax", EXACT, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_stored_values_are_the_picture_spread_over_the_bits(syntax, bits, photometric):
    dataset = read(dicom_file.encode(RAMP, bits, photometric, syntax))
    wanted = np.rint(RAMP * ((2**bits - 1) / 255)).astype(int)
    if photometric == "MONOCHROME1":
        wanted = 2**bits - 1 - wanted
    assert np.array_equal(dataset.pixel_array, wanted)
    assert dataset.file_meta.TransferSyntaxUID == syntax
    assert (dataset.BitsStored, dataset.PhotometricInterpretation) == (bits, photometric)


def test_jpeg_baseline_is_close_and_only_for_eight_bits():
    found = read(dicom_file.encode(RAMP, 8, syntax=JPEGBaseline8Bit)).pixel_array
    assert np.abs(found.astype(int) - RAMP).mean() < 1
    with pytest.raises(InputRefused) as refused:
        dicom_file.encode(RAMP, 12, syntax=JPEGBaseline8Bit)
    assert refused.value.code == "E107"


def test_a_syntax_that_only_gdcm_writes_is_refused():
    with pytest.raises(InputRefused, match="RLELossless"):
        dicom_file.encode(RAMP, 12, syntax=JPEGLSLossless)


@pytest.mark.parametrize("syntax", EXACT, ids=lambda uid: uid.keyword)
def test_a_voi_lut_maps_the_stored_values_from_zero_on(syntax):
    entries = (np.arange(4096) ** 2 // 256).astype(np.uint16)
    dataset = read(dicom_file.encode(RAMP, 12, syntax=syntax, voi_lut=entries))
    shown = apply_voi_lut(dataset.pixel_array, dataset)
    assert np.array_equal(shown, entries[dataset.pixel_array])


@pytest.mark.parametrize("syntax", dicom_file.SYNTAXES, ids=lambda uid: uid.keyword)
def test_the_same_input_gives_the_same_bytes(syntax):
    bits = 8 if syntax == JPEGBaseline8Bit else 12
    first = dicom_file.encode(RAMP, bits, syntax=syntax, ViewPosition="PA")
    assert dicom_file.encode(RAMP, bits, syntax=syntax, ViewPosition="PA") == first
    assert dicom_file.encode(RAMP, bits, syntax=syntax, ViewPosition="AP") != first
    assert syntax != RLELossless or len(first) < 2 * RAMP.size + 3000
