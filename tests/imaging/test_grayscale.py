"""The table equals pydicom's own functions, pixel by pixel, for every kind of grayscale step."""

import io

import numpy as np
import pydicom
import pytest
from conftest import make_dicom
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut

from cxrkit.imaging import grayscale, radiograph


def stored_ramp(bits: int, signed: bool) -> np.ndarray:
    """Every stored value that the bits hold, 256 to a row."""
    low = -(2 ** (bits - 1)) if signed else 0
    kind = "i" if signed else "u"
    values = np.arange(low, low + 2**bits)
    return values.reshape(-1, min(256, 2 ** (bits // 2))).astype(f"{kind}{1 if bits == 8 else 2}")


def by_pydicom(data: bytes) -> np.ndarray:
    """pydicom's modality LUT and VOI LUT, then its output range to 0-255, then polarity."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    shown = apply_voi_lut(apply_modality_lut(dataset.pixel_array, dataset), dataset)
    if "VOILUTSequence" in dataset:
        low, high = 0, 2 ** dataset.VOILUTSequence[0].LUTDescriptor[2] - 1
    else:
        signed, bits = dataset.PixelRepresentation, dataset.BitsStored
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        if "ModalityLUTSequence" in dataset:
            low, high = 0, 2 ** dataset.ModalityLUTSequence[0].LUTDescriptor[2] - 1
        elif "RescaleSlope" in dataset:
            slope, intercept = dataset.RescaleSlope, dataset.RescaleIntercept
            low, high = low * slope + intercept, high * slope + intercept
    levels = grayscale.eight_bits((shown - low) / (high - low))
    return 255 - levels if dataset.PhotometricInterpretation == "MONOCHROME1" else levels


def lut(first: int, entries: np.ndarray, bits: int) -> list[Dataset]:
    item = Dataset()
    item.add_new("LUTDescriptor", "US" if first >= 0 else "SS", [len(entries), first, bits])
    item.add_new("LUTData", "OW", entries.astype("<u2").tobytes())
    return [item]


@pytest.mark.parametrize("polarity", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID", None])
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 15, 16])
def test_window_equals_pydicom(bits: int, signed: bool, function: str | None, polarity: str):
    span = 2**bits
    elements: dict[str, object] = {
        "WindowCenter": span * 0.4 - (span / 2 if signed else 0),
        "WindowWidth": span * 0.37,
        "PhotometricInterpretation": polarity,
    }
    if function:
        elements["VOILUTFunction"] = function
    data = make_dicom(stored_ramp(bits, signed), bits, **elements)
    result = radiograph.decode(data, "ramp")
    assert np.array_equal(result.pixels, by_pydicom(data))
    assert any(step.startswith("window") for step in result.trace)


@pytest.mark.parametrize(("slope", "intercept"), [(1, -1024), (0.25, 7.5), (2, 0)])
def test_rescale_comes_before_the_window(slope: float, intercept: float):
    data = make_dicom(
        stored_ramp(12, False),
        12,
        RescaleSlope=slope,
        RescaleIntercept=intercept,
        WindowCenter=2048 * slope + intercept,
        WindowWidth=900 * slope,
    )
    result = radiograph.decode(data, "ramp")
    assert np.array_equal(result.pixels, by_pydicom(data))
    assert result.trace[1] == f"rescale slope {slope:g} intercept {intercept:g}"
    assert result.trace[2].startswith("window")


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_voi_lut_sequence_equals_pydicom(bits: int, signed: bool):
    entries = np.round(np.linspace(0, 1, 900) ** 0.6 * (2**bits - 1))
    first = -500 if signed else 700
    # pydicom keeps the place in an array of the table's own type, too narrow for 8 bits
    if bits == 8:
        entries = entries[:256]
    values = stored_ramp(12, signed)
    values = np.clip(values, first - 90, first + len(entries) - 1).astype(values.dtype)
    data = make_dicom(values, 12, VOILUTSequence=lut(first, entries, bits))
    result = radiograph.decode(data, "ramp")
    assert np.array_equal(result.pixels, by_pydicom(data))
    assert "VOI LUT" in result.trace


def test_voi_lut_goes_before_a_window_and_its_last_entry_serves_all_above():
    entries = np.arange(1024)
    data = make_dicom(
        stored_ramp(12, False),
        12,
        VOILUTSequence=lut(100, entries, 10),
        WindowCenter=5,
        WindowWidth=2,
    )
    pixels = radiograph.decode(data, "ramp").pixels.ravel()
    assert (pixels[:101] == 0).all() and (pixels[1123:] == 255).all()
    assert pixels[100 + 512] == round(512 / 1023 * 255)


def test_modality_lut_equals_pydicom():
    entries = np.round(np.sqrt(np.arange(4096) / 4095) * 65535)
    data = make_dicom(
        stored_ramp(12, False),
        12,
        ModalityLUTSequence=lut(0, entries, 16),
        WindowCenter=30000,
        WindowWidth=20000,
    )
    result = radiograph.decode(data, "ramp")
    assert np.array_equal(result.pixels, by_pydicom(data))
    assert result.trace[1] == "modality LUT"


def test_four_ways_to_say_one_phantom_give_one_picture():
    """MONOCHROME1 or 2, with a window or with the same window as a table."""
    ramp = stored_ramp(12, False)
    width = np.clip((np.arange(4096) - 1000) / 2000, 0, 1)
    table = np.round(width * 65535)
    turned = np.round((1 - width) * 65535)[::-1]
    window = {"WindowCenter": 2000, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    inverse = {"WindowCenter": 2095, "WindowWidth": 2000, "VOILUTFunction": "LINEAR_EXACT"}
    low_is_white = {"PhotometricInterpretation": "MONOCHROME1"}
    files = [
        make_dicom(ramp, 12, **window),
        make_dicom(ramp, 12, VOILUTSequence=lut(0, table, 16)),
        make_dicom(4095 - ramp, 12, **inverse, **low_is_white),
        make_dicom(4095 - ramp, 12, VOILUTSequence=lut(0, turned, 16), **low_is_white),
    ]
    pictures = [radiograph.decode(data, "ramp").pixels.astype(int) for data in files]
    for other in pictures[1:]:
        assert np.abs(other - pictures[0]).max() <= 1  # 65,535 is no multiple of 2,000


def test_polarity_is_turned_once_however_often_it_is_stated():
    ramp = stored_ramp(12, False)
    plain = radiograph.decode(make_dicom(ramp, 12), "ramp").pixels
    mono1 = {"PhotometricInterpretation": "MONOCHROME1"}
    inverse = {"PresentationLUTShape": "INVERSE"}
    for elements in (mono1, inverse, mono1 | inverse):
        result = radiograph.decode(make_dicom(ramp, 12, **elements), "ramp")
        assert np.array_equal(result.pixels, 255 - plain)
        assert sum("inverted" in step for step in result.trace) == 1
    identity = make_dicom(ramp, 12, PresentationLUTShape="IDENTITY")
    assert np.array_equal(radiograph.decode(identity, "ramp").pixels, plain)


def test_without_a_window_the_used_range_is_spread_and_said():
    values = np.array([[300, 400], [500, 700]], np.uint16)
    result = radiograph.decode(make_dicom(values, 12), "x")
    assert result.pixels.tolist() == [[0, 64], [128, 255]]
    assert "no window: used range 300 to 700" in result.trace


def test_padding_is_no_part_of_the_used_range():
    values = np.array([[0, 300, 400], [0, 500, 700]], np.uint16)
    data = make_dicom(values, 12, PixelPaddingValue=0)
    assert radiograph.decode(data, "x").pixels.tolist() == [[0, 0, 64], [0, 128, 255]]


@pytest.mark.parametrize("width", [0, -5, 0.5])
def test_a_window_that_the_standard_forbids_is_flagged_and_not_used(width: float):
    values = np.array([[300, 400], [500, 700]], np.uint16)
    result = radiograph.decode(make_dicom(values, 12, WindowCenter=500, WindowWidth=width), "x")
    assert result.flags == ("window-unusable",)
    assert result.pixels.tolist() == [[0, 64], [128, 255]]


def test_the_first_of_several_windows_counts():
    values = stored_ramp(12, False)
    one = make_dicom(values, 12, WindowCenter=1000, WindowWidth=500)
    two = make_dicom(values, 12, WindowCenter=[1000, 3000], WindowWidth=[500, 900])
    result = radiograph.decode(two, "x")
    assert np.array_equal(result.pixels, radiograph.decode(one, "x").pixels)
    assert "window 1000/500 LINEAR (first of 2)" in result.trace


def test_output_rises_with_the_stored_value():
    """A ramp over all 16 bits is never cut to its low byte."""
    pixels = radiograph.decode(make_dicom(stored_ramp(16, False), 16), "ramp").pixels.ravel()
    assert (np.diff(pixels.astype(int)) >= 0).all() and set(pixels.tolist()) == set(range(256))
