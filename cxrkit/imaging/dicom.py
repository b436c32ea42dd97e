"""The stored pixels of a DICOM file and its display steps, as one gray plane of 8 bits."""

import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from pydicom import Dataset, FileDataset, dcmread
from pydicom.config import disable_value_validation
from pydicom.dataelem import RawDataElement
from pydicom.pixels.decoders.base import Decoder, get_decoder
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from cxrkit.errors import ItemFault
from cxrkit.imaging import grayscale, raster
from cxrkit.imaging.headers import COPY_AGAIN, PIXEL_LIMIT, Header, check_size, stream_size
from cxrkit.imaging.raster import Plane

# View Position (0018,5101) as it occurs in MIMIC-CXR, CheXpert, Open-i and PadChest.
VIEWS = (
    *("AP", "PA", "LATERAL", "LL", "RL", "LAO", "RAO", "LPO", "RPO", "SWIMMERS", "L5 S1"),
    *("AP AXIAL", "AP LLD", "PA LLD", "AP RLD", "PA RLD", "XTABLE LATERAL"),
    *("AP_HORIZONTAL", "COSTAL", "EXCLUDE"),
)
_PIXEL_DATA = 0x7FE00010
_DEFLATED_LIMIT = 8 * PIXEL_LIMIT
_GRAY = ("MONOCHROME1", "MONOCHROME2")
_COLOUR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420")


@dataclass(frozen=True)
class Stored:
    """The pixels of a gray DICOM file before any display step.

    `values` is (H, W), uint8, int8, uint16 or int16: only the `bits` stored ones, sign extended.
    """

    values: np.ndarray
    bits: int
    photometric_interpretation: str


def is_dicom(head: bytes) -> bool:
    """The content begins like DICOM: with a preamble, or with a group 2 or 8 element and none."""
    if head[128:132] == b"DICM":
        return True
    if head[:2] not in (b"\x02\0", b"\x08\0") or len(head) < 16:
        return False
    element, length = struct.unpack("<HI", head[2:8])
    explicit = head[4:6] in (b"UL", b"UI", b"CS", b"OB", b"DA", b"SH", b"LO")
    return explicit or (element < 0x100 and length <= 64)


def read_dicom(data: bytes, name: str, smallest: int | None) -> tuple[Plane, str]:
    """The gray plane of a DICOM file and its View Position, empty where that is no known one.

    Raises:
        ItemFault: E106 codec not installed, E211 too large, E213 coding that is not read, E214 cut
            off or damaged, E215 without pixels.
    """
    with _quietly(name):
        return _read(data, name, smallest)


def read_stored(data: bytes, name: str) -> Stored:
    """The stored pixel values of a DICOM file of one gray plane.

    Raises:
        ItemFault: as `read_dicom`, and E213 for colour.
    """
    with _quietly(name):
        dataset, decoded = _pixels(data, name)
        if decoded.ndim != 2 or dataset.PhotometricInterpretation not in _GRAY:
            raise _unsupported(name, "colour")
        values = stored_values(decoded, dataset)
        return Stored(values, int(dataset.BitsStored), str(dataset.PhotometricInterpretation))


@contextmanager
def _quietly(name: str) -> Iterator[None]:
    """Whatever goes wrong inside is a fault of ours, and nothing is logged.

    pydicom's warnings and log lines quote element values, which may identify a patient.
    """
    with disable_value_validation(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (ItemFault, MemoryError):
            raise
        # pydicom and its codecs raise whatever the damage happened to break
        except Exception as error:
            raise _damaged(name, "its description or its pixels are damaged") from error


def _read(data: bytes, name: str, smallest: int | None) -> tuple[Plane, str]:
    dataset, stored = _pixels(data, name)
    kind = _syntax(dataset).name
    view = str(dataset.get("ViewPosition") or "").strip().upper()
    view = view if view in VIEWS else ""
    first_step = f"dicom decoded ({kind})"
    if stored.ndim == 3:
        header = Header(int(dataset.Rows), int(dataset.Columns), 3, 8)
        planes = np.ascontiguousarray(stored[..., ::-1])
        return raster.to_gray(planes, header, first_step, smallest), view
    return _gray(dataset, stored, first_step, smallest), view


def _pixels(data: bytes, name: str) -> tuple[FileDataset, np.ndarray]:
    """The description, and the pixels as the codec delivers them."""
    dataset = _dataset(data, name)
    decoder = _decoder(dataset, name)
    _check(dataset, name)
    return dataset, _decoded(decoder, dataset, name)


def _decoded(decoder: Decoder, dataset: Dataset, name: str) -> np.ndarray:
    """(H, W) or (H, W, 3) as the codec delivers it, unused bits and all.

    pydicom would drop unused bits by BitsStored alone, which is wrong where HighBit says otherwise.
    """
    try:
        return decoder.as_array(dataset, index=0, correct_unused_bits=False)[0]  # type: ignore[arg-type]
    # a panic of pylibjpeg-rle, written in Rust, is no Exception
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, SystemExit, MemoryError)):
            raise
        raise _damaged(name, "its pixel data cannot be decoded") from error


def _gray(dataset: Dataset, stored: np.ndarray, first_step: str, smallest: int | None) -> Plane:
    rows, columns = stored.shape
    stored = stored_values(stored, dataset)
    unsigned = np.dtype(f"u{stored.dtype.itemsize}")
    patterns = np.arange(2 ** (8 * stored.dtype.itemsize)).astype(unsigned).view(stored.dtype)
    shown = grayscale.display(dataset, patterns.astype(np.int64), _used_range(stored, dataset))
    pixels = cv2.LUT(stored.view(unsigned), shown.table)
    factor = raster.reduction(rows, columns, smallest)
    trace = [first_step, *shown.trace, *([f"box mean 1/{factor}"] if factor > 1 else [])]
    return Plane(raster.shrink(pixels, factor), rows, columns, tuple(trace), shown.flags)


def stored_values(stored: np.ndarray, dataset: Dataset) -> np.ndarray:
    """(H, W) values of BitsStored bits ending at HighBit: other bits dropped, sign extended."""
    bits, signed = int(dataset.BitsStored), bool(dataset.PixelRepresentation)
    size = 8 * stored.dtype.itemsize
    stored = np.ascontiguousarray(stored, stored.dtype.newbyteorder("="))  # big endian stays so
    raw = stored.view(f"u{stored.dtype.itemsize}")
    # codecs deliver values that start at bit 0 whatever HighBit says
    native = not _syntax(dataset).is_compressed
    shift = int(dataset.get("HighBit", bits - 1)) + 1 - bits if native else 0
    if shift > 0:
        raw = raw >> raw.dtype.type(shift)
    if bits < size and (signed or int(raw.max()) >> bits):
        raw = raw & raw.dtype.type(2**bits - 1)
    if not signed:
        return raw
    left = raw.dtype.type(size - bits)
    extended = (raw << left).view(f"i{stored.dtype.itemsize}")
    return np.asarray(extended >> left.astype(np.int8))


def _used_range(stored: np.ndarray, dataset: Dataset) -> tuple[int, int]:
    """Lowest and highest stored value, without padding (PS3.3 C.7.5.1.1.2)."""
    padding = dataset.get("PixelPaddingValue")
    if padding is not None and not grayscale.has_window(dataset):
        limit = dataset.get("PixelPaddingRangeLimit", padding)
        low, high = sorted((int(padding), int(limit)))
        picture = ((stored < low) | (stored > high)).view(np.uint8)
        if picture.any():
            lowest, highest, _, _ = cv2.minMaxLoc(stored, picture)
            return int(lowest), int(highest)
    return int(stored.min()), int(stored.max())


def _dataset(data: bytes, name: str) -> FileDataset:
    if DeflatedExplicitVRLittleEndian.encode() in data[:2048]:
        _check_deflated(data, name)
    dataset = dcmread(BytesIO(data), force=True)
    if _PIXEL_DATA not in dataset:
        if _is_cut(dataset, data):
            raise _damaged(name, "the file is cut off before its pixels end")
        raise ItemFault(
            "E215",
            name,
            "a DICOM file without pixel data",
            "an image",
            "leave it out: it is a report, a presentation state or a bare header",
        )
    return dataset


def _is_cut(dataset: FileDataset, data: bytes) -> bool:
    """The last element runs past the end of the file, or a part of an element is left over.

    pydicom ends silently there, and a file cut off before its pixels would pass for one without.
    """
    if _syntax(dataset) == DeflatedExplicitVRLittleEndian or not len(dataset):
        return not len(dataset)
    last = dataset.get_item(max(dataset.keys()))
    if isinstance(last, RawDataElement) and last.length != 0xFFFFFFFF:
        return last.value_tell + last.length != len(data)
    # an element of undefined length ends with a delimiter: FFFE,E0DD and a length of 0
    return data[-8:] not in (b"\xfe\xff\xdd\xe0\0\0\0\0", b"\xff\xfe\xe0\xdd\0\0\0\0")


def _check_deflated(data: bytes, name: str) -> None:
    """Raises: ItemFault: E211 where the data set inflates past any image, E214 where it is cut."""
    inflate, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    rest = data[_meta_end(data) :]
    while rest and not inflate.eof:
        total += len(inflate.decompress(rest, 1 << 20))
        rest = inflate.unconsumed_tail
        if total > _DEFLATED_LIMIT:
            raise ItemFault(
                "E211",
                name,
                f"the data set inflates to more than {_DEFLATED_LIMIT} bytes",
                f"at most {PIXEL_LIMIT // 1_000_000} megapixels",
                "check where the file comes from",
            )
    if not inflate.eof:
        raise _damaged(name, "the deflated data set is cut off")


def _meta_end(data: bytes) -> int:
    """Where the file meta information ends: group 2, Explicit VR Little Endian (PS3.10 7.1)."""
    at = 132
    while data[at : at + 2] == b"\x02\0":
        if data[at + 4 : at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT"):
            at += 12 + int.from_bytes(data[at + 8 : at + 12], "little")
        else:
            at += 8 + int.from_bytes(data[at + 6 : at + 8], "little")
    return at


def _syntax(dataset: FileDataset | Dataset) -> UID:
    """The transfer syntax, worked out from the encoding where the file does not state it."""
    meta = getattr(dataset, "file_meta", Dataset())
    stated = meta.get("TransferSyntaxUID")
    if stated:
        return UID(stated)
    implicit, little = dataset.original_encoding
    if implicit:
        return ImplicitVRLittleEndian
    return ExplicitVRLittleEndian if little else ExplicitVRBigEndian


def _check(dataset: Dataset, name: str) -> None:
    """Raises: ItemFault: E211, E213 or E214 for what is plain before anything is decoded."""
    rows, columns = int(dataset.Rows), int(dataset.Columns)
    check_size(rows, columns, name)
    photometric = str(dataset.PhotometricInterpretation)
    if int(dataset.get("NumberOfFrames") or 1) > 1:
        raise _unsupported(name, "several frames")
    if int(dataset.BitsAllocated) not in (8, 16):
        raise _unsupported(name, f"{dataset.BitsAllocated} bits allocated per pixel")
    if not 1 <= int(dataset.BitsStored) <= int(dataset.BitsAllocated):
        raise _unsupported(name, f"{dataset.BitsStored} bits stored per pixel")
    if photometric not in _GRAY and not (photometric in _COLOUR and dataset.BitsAllocated == 8):
        raise _unsupported(name, "a photometric interpretation other than gray or 8-bit RGB")
    if _syntax(dataset).is_compressed:
        stream = stream_size(dataset.PixelData)
        if stream is not None:
            check_size(stream[0], stream[1], name)
            # gdcm can end the whole process where the two disagree
            if stream[:2] != (rows, columns) or stream[2] > int(dataset.BitsAllocated):
                raise _damaged(name, "the stream within announces another size than the file")
        return
    expected = rows * columns * int(dataset.SamplesPerPixel) * int(dataset.BitsAllocated) // 8
    if photometric != "YBR_FULL_422" and len(dataset.PixelData) < expected:
        raise _damaged(name, f"{len(dataset.PixelData)} of {expected} bytes of pixels are there")


def _decoder(dataset: FileDataset, name: str) -> Decoder:
    syntax = _syntax(dataset)
    if "TransferSyntaxUID" not in dataset.file_meta:
        dataset.file_meta.TransferSyntaxUID = syntax
    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:
        label = "an unknown transfer syntax" if syntax.name == syntax else syntax.name
        raise _unsupported(name, f"{label}, which no package here decodes") from None
    if not decoder.is_available:
        raise ItemFault(
            "E106",
            name,
            f"the codec for {syntax.name} is not installed",
            "gdcm or pylibjpeg",
            'pip install "cxrkit[dicom]"',
        )
    return decoder


def _damaged(name: str, observed: str) -> ItemFault:
    return ItemFault("E214", name, observed, "a whole DICOM file", COPY_AGAIN)


def _unsupported(name: str, observed: str) -> ItemFault:
    return ItemFault(
        "E213",
        name,
        observed,
        "one gray or 8-bit RGB frame in a syntax that cxrkit[dicom] decodes",
        "convert it to Explicit VR Little Endian with one frame",
    )
