"""Stored values are the same in every transfer syntax and bit layout; bad files are named."""

import io
import zlib

import numpy as np
import pydicom
import pytest
from conftest import chest, make_dicom
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cxrkit.errors import ItemFault
from cxrkit.imaging import dicom, radiograph

SYNTAXES = [
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
    RLELossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
]
STORED = np.round(chest(101, 74) * 4095).astype(np.uint16)
WINDOW = {"WindowCenter": 2000, "WindowWidth": 3000}


def fault(data: bytes, code: str) -> ItemFault:
    with pytest.raises(ItemFault) as caught:
        radiograph.decode(data, "x.dcm")
    assert caught.value.code == code, str(caught.value)
    return caught.value


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("kind", ["12 bits", "16 bits", "signed", "8 bits"])
def test_one_phantom_in_eight_syntaxes_is_one_picture(syntax: str, kind: str):
    stored, bits = {
        "12 bits": (STORED, 12),
        "16 bits": ((STORED * 16).astype(np.uint16), 16),
        "signed": (STORED.astype(np.int16) - 2048, 12),
        "8 bits": ((STORED >> 4).astype(np.uint8), 8),
    }[kind]
    window = {"WindowCenter": float(np.mean(stored)), "WindowWidth": float(np.ptp(stored)) * 0.7}
    plain = radiograph.decode(make_dicom(stored, bits, **window), "x")
    other = radiograph.decode(make_dicom(stored, bits, syntax, **window), "x")
    assert np.array_equal(other.pixels, plain.pixels)
    assert (other.rows, other.columns, other.kind) == (101, 74, "dicom")
    assert other.trace[1:] == plain.trace[1:]
    assert len(set(plain.pixels.ravel().tolist())) > 100


def spread(bits: int) -> np.ndarray:
    """(101, 74) uint16: the chest over the whole range of the bits, both ends included."""
    values = chest(101, 74)
    share = (values - values.min()) / (values.max() - values.min())
    return np.round(share * (2**bits - 1)).astype(np.uint16)


def expected(stored: np.ndarray, bits: int) -> np.ndarray:
    """Stored values over the whole range as 8 bits, half up, in whole numbers."""
    top = 2**bits - 1
    return ((2 * 255 * stored.astype(np.int64) + top) // (2 * top)).astype(np.uint8)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("voi", ["none", "window", "table", "table of 16 bits"])
def test_one_phantom_is_one_picture_however_it_is_written(
    syntax: str, bits: int, photometric: str, voi: str
):
    """Exact in every syntax, with no VOI step, a window over the range or a table of equal values.

    Within one level where the file itself rounds: a table with other output bits than stored ones.
    No tie is rounded twice by MONOCHROME1: 2^bits - 1 is odd, so no value lies between two levels.
    """
    values, top = spread(bits), 2**bits - 1
    entries = np.arange(2**bits)
    elements: dict[str, object] = {"PhotometricInterpretation": photometric}
    if voi == "window":  # PS3.3 C.11.2.1.2.1: from center - 0.5 - (width - 1) / 2 on
        elements |= {"WindowCenter": 2 ** (bits - 1), "WindowWidth": 2**bits}
    elif voi == "table":
        elements["VOILUTSequence"] = table(entries, bits, syntax)
    elif voi == "table of 16 bits":
        elements["VOILUTSequence"] = table(np.round(entries * (65535 / top)), 16, syntax)
    stored = top - values if photometric == "MONOCHROME1" else values
    found = radiograph.decode(make_dicom(stored, bits, syntax, **elements), "x")
    wanted = expected(values, bits)
    if voi != "table of 16 bits" or bits == 16:
        assert np.array_equal(found.pixels, wanted)
    assert np.abs(found.pixels.astype(int) - wanted).max() <= 1
    assert (found.pixels == wanted).mean() > 0.95
    plain = radiograph.decode(make_dicom(stored, bits, **in_little_endian(elements, syntax)), "x")
    assert np.array_equal(found.pixels, plain.pixels)  # whatever is rounded, in every syntax alike
    assert any(step.startswith("VOI LUT") for step in found.trace) == voi.startswith("table")


def table(entries: np.ndarray, bits: int, syntax: str) -> list[pydicom.Dataset]:
    """A VOI LUT sequence from stored value 0 on, in the byte order of the syntax."""
    item = pydicom.Dataset()
    item.add_new("LUTDescriptor", "US", [len(entries) % 65536, 0, bits])
    order = ">u2" if syntax == ExplicitVRBigEndian else "<u2"
    item.add_new("LUTData", "OW", entries.astype(order).tobytes())
    return [item]


def in_little_endian(elements: dict[str, object], syntax: str) -> dict[str, object]:
    if "VOILUTSequence" not in elements or syntax != ExplicitVRBigEndian:
        return elements
    item = elements["VOILUTSequence"][0]
    words = np.frombuffer(item.LUTData, ">u2")
    return elements | {"VOILUTSequence": table(words, item.LUTDescriptor[2], "")}


def test_the_law_above_can_fail():
    """A picture turned over before its window, or one with a narrower window, is another one."""
    values = spread(12)
    narrow = make_dicom(values, 12, WindowCenter=2048, WindowWidth=3800)
    assert (
        np.abs(radiograph.decode(narrow, "x").pixels - expected(values, 12).astype(int)).max() > 1
    )
    white = make_dicom(values, 12, PhotometricInterpretation="MONOCHROME1")
    assert not np.array_equal(radiograph.decode(white, "x").pixels, expected(values, 12))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_read_stored_gives_what_pydicom_gives(syntax: str, bits: int, signed: bool):
    values = spread(bits).astype(np.int64) - (2 ** (bits - 1) if signed else 0)
    kind = f"{'i' if signed else 'u'}{1 if bits == 8 else 2}"
    white = {"PhotometricInterpretation": "MONOCHROME1", "WindowCenter": 5, "WindowWidth": 9}
    data = make_dicom(values.astype(kind), bits, syntax, **white)
    found = dicom.read_stored(data, "x")
    assert np.array_equal(found.values, values)
    assert np.array_equal(found.values, pydicom.dcmread(io.BytesIO(data)).pixel_array)
    assert (found.bits, found.photometric_interpretation) == (bits, "MONOCHROME1")
    assert found.values.dtype == np.dtype(kind) and found.values.dtype.isnative


def test_read_stored_refuses_colour_by_name():
    gray = (STORED >> 4).astype(np.uint8)
    with pytest.raises(ItemFault) as caught:
        dicom.read_stored(make_dicom(np.dstack([gray] * 3), 8), "x.dcm")
    assert caught.value.code == "E213" and "colour" in caught.value.observed


def test_a_window_of_one_is_a_threshold():
    ramp = np.arange(4096, dtype=np.uint16).reshape(64, 64)
    for center in (2000, 2000.5):
        data = make_dicom(ramp, 12, WindowCenter=center, WindowWidth=1)
        bright = radiograph.decode(data, "x").pixels.ravel()
        assert (bright[:2000] == 0).all() and (bright[2001:] == 255).all()
        assert bright[2000] == (255 if center == 2000 else 0)  # PS3.3: dark up to center - 0.5


@pytest.mark.parametrize("bits", [8, 10, 12, 14])
@pytest.mark.parametrize("signed", [False, True])
def test_unused_bits_are_dropped_and_the_sign_is_extended(bits: int, signed: bool):
    """Overlay planes and burnt-in bits above BitsStored change nothing."""
    low = -(2 ** (bits - 1)) if signed else 0
    values = (np.round(chest(40, 31) * (2**bits - 1)) + low).astype(np.int64)
    kind = np.int16 if signed else np.uint16
    dirty = (values & (2**bits - 1)) | (np.arange(31) % 2 << bits)
    dirty = dirty.astype(np.uint16).view(kind)
    window = {"WindowCenter": low + 2 ** (bits - 1), "WindowWidth": 2**bits * 0.8}
    clean = radiograph.decode(make_dicom(values.astype(kind), bits, **window), "x")
    masked = radiograph.decode(make_dicom(dirty, bits, **window), "x")
    assert np.array_equal(masked.pixels, clean.pixels)


@pytest.mark.parametrize("signed", [False, True])
def test_high_bit_says_where_the_stored_bits_lie(signed: bool):
    values = STORED.astype(np.int64) - (2048 if signed else 0)
    kind = np.int16 if signed else np.uint16
    window = {"WindowCenter": float(values.mean()), "WindowWidth": 3000}
    low = make_dicom(values.astype(kind), 12, **window)
    shifted = ((values & 4095) << 4).astype(np.uint16).view(kind)
    high = make_dicom(shifted, 12, HighBit=15, **window)
    assert np.array_equal(radiograph.decode(high, "x").pixels, radiograph.decode(low, "x").pixels)


def test_stored_values_equal_pydicom():
    for syntax in SYNTAXES:
        data = make_dicom(STORED.astype(np.int16) - 2048, 12, syntax)
        dataset = pydicom.dcmread(io.BytesIO(data))
        assert np.array_equal(
            dicom.stored_values(dataset.pixel_array, dataset), dataset.pixel_array
        )


def test_a_file_without_preamble_or_meta_information_is_read():
    plain = make_dicom(STORED, 12, **WINDOW)
    expected = radiograph.decode(plain, "x").pixels
    meta = 132
    while plain[meta : meta + 2] == b"\x02\0":
        long = plain[meta + 4 : meta + 6] == b"OB"
        at, size, head = (meta + 8, 4, 12) if long else (meta + 6, 2, 8)
        meta += head + int.from_bytes(plain[at : at + size], "little")
    for bare in (plain[132:], plain[meta:]):
        assert radiograph.sniff(bare) == "dicom"
        assert np.array_equal(radiograph.decode(bare, "x").pixels, expected)


@pytest.mark.parametrize(("stated", "view"), [(" pa ", "PA"), ("AP", "AP"), ("Anna", ""), ("", "")])
@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_view_is_one_of_the_known_ones_or_empty(stated: str, view: str):
    assert radiograph.decode(make_dicom(STORED, 12, ViewPosition=stated), "x").view == view


def test_rgb_of_equal_channels_is_gray_and_of_others_flagged():
    gray = (STORED >> 4).astype(np.uint8)
    plain = radiograph.decode(make_dicom(np.dstack([gray] * 3), 8), "x")
    assert np.array_equal(plain.pixels, gray) and plain.flags == ()
    coloured = np.dstack([gray, gray, gray // 2])
    result = radiograph.decode(make_dicom(coloured, 8), "x")
    luma = 0.299 * coloured[..., 0] + 0.587 * coloured[..., 1] + 0.114 * coloured[..., 2]
    assert result.flags == ("colour",)
    assert np.abs(result.pixels - luma).max() < 1


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda uid: uid.keyword)
@pytest.mark.parametrize("share", [0.04, 0.3, 0.6, 0.9, 0.999])
def test_a_cut_file_is_named(syntax: str, share: float):
    whole = make_dicom(STORED, 12, syntax)
    fault(whole[: int(len(whole) * share)], "E214")


def test_the_missing_bytes_are_counted():
    caught = fault(make_dicom(STORED, 12)[:-5000], "E214")
    assert (
        caught.observed
        == f"{2 * STORED.size - 5000} of {2 * STORED.size} bytes of pixels are there"
    )


def test_a_file_cut_before_its_pixels_is_not_taken_for_one_without():
    whole = make_dicom(STORED, 12)
    start = len(whole) - 2 * STORED.size
    codes = set()
    for cut in range(200, start):
        with pytest.raises(ItemFault) as caught:
            radiograph.decode(whole[:cut], "x")
        codes.add(caught.value.code)
    # a cut between two elements cannot be told from a file that ends there
    assert codes == {"E214", "E215"}


def test_a_file_without_pixels_is_named():
    dataset = pydicom.dcmread(io.BytesIO(make_dicom(STORED, 12)))
    del dataset.PixelData
    stream = io.BytesIO()
    dataset.save_as(stream)
    assert fault(stream.getvalue(), "E215").remedy


def test_a_header_that_announces_too_many_pixels_is_refused():
    fault(make_dicom(STORED, 12, Rows=65535, Columns=65535), "E211")


def test_a_stream_larger_than_its_header_says_is_refused():
    """A decoder believes the JPEG 2000 stream, so its size is checked too."""
    data = bytearray(make_dicom(STORED, 12, JPEG2000Lossless))
    size = data.find(b"\xff\x4f\xff\x51") + 8
    data[size : size + 8] = (60000).to_bytes(4, "big") * 2
    fault(bytes(data), "E211")


def test_a_stream_of_another_size_than_the_file_says_is_damage():
    """gdcm can end the process there."""
    for syntax in (JPEGLosslessSV1, JPEGLSLossless):
        data = make_dicom(STORED, 12, syntax)
        other = data.replace(b"\0\x65\0\x4a", b"\0\x64\0\x4a")
        assert "another size" in str(fault(other, "E214"))
    data = make_dicom(STORED, 12, JPEG2000Lossless)
    other = data.replace(b"\0\0\0\x4a\0\0\0\x65", b"\0\0\0\x4a\0\0\0\x66", 1)
    assert "another size" in str(fault(other, "E214"))


def test_a_panic_of_the_rle_codec_is_a_fault():
    plain = make_dicom(STORED, 12, RLELossless)
    start = plain.rfind(b"\xfe\xff\x00\xe0") + 8 + 64  # the first segment of the frame
    rng = np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(plain)
        damaged[rng.integers(start, len(plain) - 8)] = rng.integers(256)
        try:
            radiograph.decode(bytes(damaged), "x")
        except ItemFault as caught:
            assert caught.code == "E214"


def test_a_deflated_bomb_is_refused_without_inflating_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(dicom, "_DEFLATED_LIMIT", 4_000_000)
    plain = make_dicom(STORED, 12, DeflatedExplicitVRLittleEndian)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = deflate.compress(bytes(50_000_000)) + deflate.flush()
    fault(plain[: dicom._meta_end(plain)] + bomb, "E211")


@pytest.mark.parametrize(
    "elements",
    [
        {"NumberOfFrames": 2},
        {"BitsAllocated": 32, "BitsStored": 32},
        {"PhotometricInterpretation": "PALETTE COLOR"},
        {"BitsStored": 0},
    ],
)
def test_other_codings_are_refused_by_name(elements: dict[str, object]):
    fault(make_dicom(STORED, 12, **elements), "E213")


def test_a_syntax_that_nothing_decodes_is_refused():
    uid = b"1.2.840.10008.1.2.4.100\0"  # MPEG2
    plain = make_dicom(STORED, 12, JPEG2000Lossless)
    data = plain.replace(b"UI\x16\x00" + JPEG2000Lossless.encode(), b"UI\x18\x00" + uid)
    assert data != plain
    assert "cxrkit[dicom]" in str(fault(data, "E213"))


def test_a_missing_codec_names_what_to_install(monkeypatch: pytest.MonkeyPatch):
    data = make_dicom(STORED, 12, JPEGLSLossless)
    decoder = dicom.get_decoder(JPEGLSLossless)
    monkeypatch.setattr(decoder, "_available", {})
    assert 'pip install "cxrkit[dicom]"' in str(fault(data, "E106"))


def test_messages_warnings_and_log_hold_no_patient_text(
    recwarn: pytest.WarningsRecorder, caplog: pytest.LogCaptureFixture
):
    names = {"PatientName": "Doe^Jane", "PatientAge": "45 years", "ViewPosition": "Jane Doe"}
    whole = make_dicom(STORED, 12, JPEG2000Lossless, **names)
    recwarn.clear()
    caplog.clear()
    for cut in (400, 700, len(whole) // 2):
        with pytest.raises(ItemFault) as caught:
            radiograph.decode(whole[:cut], "x")
        assert "Doe" not in str(caught.value) and "45" not in str(caught.value)
    assert radiograph.decode(whole, "x").view == ""
    uid = b"1.2.840.10008.1.2.4.90"
    assert "45" not in str(fault(whole.replace(uid, b"Doe^Jane.45.years.old."), "E213"))
    assert not recwarn.list
    assert "Doe" not in caplog.text and "45" not in caplog.text
