"""The planes of a PNG, JPEG or TIFF file, decoded and brought to one gray plane of 8 bits."""

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.imaging import headers
from cxrkit.imaging.headers import COPY_AGAIN, Header

# JPEG rounds chroma, so gray saved in colour differs by a few levels between its channels.
GRAY_TOLERANCE = 8
# Arrows and lettering are saturated and small; the tint of a scanned film is weak and everywhere.
MARK_DIFFERENCE = 48  # between the channels of a pixel
MARK_SHARE = 0.2  # of the picture at most

_REDUCED_GRAY = {
    1: cv2.IMREAD_GRAYSCALE,
    2: cv2.IMREAD_REDUCED_GRAYSCALE_2,
    4: cv2.IMREAD_REDUCED_GRAYSCALE_4,
    8: cv2.IMREAD_REDUCED_GRAYSCALE_8,
}
# Entropy-coded bytes without a marker among them: a decoder that ran out of data reads them.
_PROBE = bytes(range(1, 255, 3)) * 8
_PHOTOMETRIC = 262  # TIFF tag; 0 WhiteIsZero, 1 BlackIsZero
_EXTRA_SAMPLES = 338  # TIFF tag; 1 alpha already multiplied, 2 alpha
_NO_DATA = 128  # the gray that libjpeg paints where the data ended early


@dataclass(frozen=True)
class Plane:
    """One gray plane, (H, W) uint8, with the steps that led to it and what to look at."""

    pixels: np.ndarray
    rows: int
    columns: int
    trace: tuple[str, ...]
    flags: tuple[str, ...]


def reduction(rows: int, columns: int, smallest: int | None) -> int:
    """The largest of 8, 4, 2, 1 by which both sides can shrink and stay at least `smallest`."""
    if smallest is None:
        return 1
    sides = (rows, columns)
    return next((n for n in (8, 4, 2) if all(-(-side // n) >= smallest for side in sides)), 1)


def shrink(pixels: np.ndarray, factor: int) -> np.ndarray:
    """The mean of each factor x factor box, sides rounded up; edge boxes repeat the last pixel."""
    if factor == 1:
        return pixels
    rows, columns = pixels.shape
    below, right = -rows % factor, -columns % factor
    if below or right:
        pixels = cv2.copyMakeBorder(pixels, 0, below, 0, right, cv2.BORDER_REPLICATE)
    size = (pixels.shape[1] // factor, pixels.shape[0] // factor)
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def read_jpeg(data: bytes, name: str, smallest: int | None) -> Plane:
    """The luma plane of a JPEG file, reduced while it is decoded.

    Raises:
        ItemFault: E211 too large, E213 coding that is not read, E214 cut off.
    """
    header = headers.jpeg(data, name)
    factor = reduction(header.rows, header.columns, smallest)
    pixels = _decode(data, _REDUCED_GRAY[factor], name)
    if _padded(data, header, pixels, factor):
        raise ItemFault("E214", name, "the picture data ends early", "a whole file", COPY_AGAIN)
    trace = ["jpeg decoded" if factor == 1 else f"jpeg decoded at 1/{factor}"]
    flags = header_flags(header)
    if header.channels == 3:
        if found := _colour(_decode(data, cv2.IMREAD_REDUCED_COLOR_8, name)):
            flags += found
            trace.append("colour to luma")
        else:
            trace.append("luma of three equal channels")
    if header.profile:
        trace.append("colour profile ignored")
    return Plane(pixels, header.rows, header.columns, tuple(trace), tuple(flags))


def read_png(data: bytes, name: str, smallest: int | None) -> Plane:
    """The gray plane of a PNG file.

    Raises:
        ItemFault: E211 too large, E213 animated, E214 cut off or damaged.
    """
    header = headers.png(data, name)
    planes = _decode(data, cv2.IMREAD_UNCHANGED, name)
    return to_gray(planes, header, "png decoded", smallest)


def planes(data: bytes, kind: str, name: str) -> np.ndarray:
    """The (H, W) or (H, W, channels) planes of a PNG, GIF or TIFF file, values as stored.

    Those of a GIF are its colours.
    """
    if kind == "tiff":
        return tiff_planes(data, name)[1]
    if kind == "gif":
        headers.gif(data, name)
    else:
        headers.png(data, name)
    return _decode(data, cv2.IMREAD_UNCHANGED, name)


def read_tiff(data: bytes, name: str, smallest: int | None) -> Plane:
    """The gray plane of a TIFF file of one page; WhiteIsZero is turned over.

    Raises:
        ItemFault: E211 too large, E213 coding that is not read, E214 cut off or damaged.
    """
    header, planes = tiff_planes(data, name)
    return to_gray(planes, header, "tiff decoded", smallest)


def tiff_planes(data: bytes, name: str) -> tuple[Header, np.ndarray]:
    """The header and the (H, W) or (H, W, channels) planes of a TIFF file, black at zero.

    OpenCV applies the orientation always, WhiteIsZero to 8 bits only, and multiplies colours by
    their alpha. So these fields are set to 1 in a copy (as it lies, BlackIsZero, already
    multiplied), and the picture is turned over here.
    """
    fields = headers.tiff_fields(data)
    if fields is None:
        raise ItemFault("E214", name, "its directory is not there", "a whole file", COPY_AGAIN)
    header = headers.tiff(data, fields, name)
    white_is_zero = fields.values.get(_PHOTOMETRIC) == (0,)
    plain = bytearray(data)
    for tag in (headers.ORIENTATION, _PHOTOMETRIC, _EXTRA_SAMPLES):
        if tag in fields.offsets and (tag != _PHOTOMETRIC or white_is_zero):
            struct.pack_into(fields.order + "H", plain, fields.offsets[tag], 1)
    planes = _decode(bytes(plain), cv2.IMREAD_UNCHANGED, name)
    return header, ~planes if white_is_zero else planes


def to_gray(planes: np.ndarray, header: Header, first_step: str, smallest: int | None) -> Plane:
    """One plane of 8 bits from decoded (H, W) or (H, W, channels) uint8 or uint16 in BGR order."""
    trace = [first_step]
    flags = header_flags(header)
    planes, alpha = split_alpha(planes)
    if alpha is not None:
        constant = alpha.min() == alpha.max()
        trace.append("alpha dropped")
        flags += [] if constant else ["alpha"]
    if header.profile:
        trace.append("colour profile ignored")
    if planes.dtype != np.uint8:
        low, high = int(planes.min()), int(planes.max())
        trace.append(f"16 bits to 8 by the used range {low} to {high}")
        planes = cv2.LUT(planes, ramp(low, high))
    if planes.ndim == 3:
        if found := _colour(planes):
            flags += found
            trace.append("colour to luma")
            planes = cv2.cvtColor(planes, cv2.COLOR_BGR2GRAY)
        else:
            trace.append("one of three equal channels")
            planes = np.ascontiguousarray(planes[..., 1])
    factor = reduction(header.rows, header.columns, smallest)
    if factor > 1:
        trace.append(f"box mean 1/{factor}")
    return Plane(shrink(planes, factor), header.rows, header.columns, tuple(trace), tuple(flags))


def ramp(low: int, high: int) -> np.ndarray:
    """(65536,) uint8 table: low to 0, high to 255, a straight line between, clipped outside."""
    if low == high:
        return np.zeros(65536, np.uint8)
    fraction = (np.arange(65536) - low) / (high - low)
    return np.floor(fraction.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def split_alpha(planes: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The planes without their alpha channel, and that channel or None."""
    if planes.ndim == 3 and planes.shape[2] in (2, 4):
        colours = planes[..., 0] if planes.shape[2] == 2 else planes[..., :3]
        return np.ascontiguousarray(colours), np.ascontiguousarray(planes[..., -1])
    return planes, None


def header_flags(header: Header) -> list[str]:
    """What the header alone gives a person to look at."""
    return [] if header.orientation == 1 else [f"exif-orientation-{header.orientation}"]


def _decode(data: bytes, mode: int, name: str) -> np.ndarray:
    """What OpenCV decodes; EXIF orientation is never applied."""
    unchanged = mode == cv2.IMREAD_UNCHANGED  # -1: it would swallow further bits
    mode = mode if unchanged else mode | cv2.IMREAD_IGNORE_ORIENTATION
    pixels = cv2.imdecode(np.frombuffer(_without_profile(data), np.uint8), mode)
    if pixels is None:
        raise ItemFault("E214", name, "the picture data is damaged", "a whole file", COPY_AGAIN)
    return np.asarray(pixels)


def _without_profile(data: bytes) -> bytes:
    """A PNG without its colour profile; anything else as it is.

    OpenCV does not apply the profile, and libpng writes about it to standard error.
    """
    at = 8
    while data.startswith(b"\x89PNG") and data[at + 4 : at + 8] not in (b"IDAT", b""):
        following = at + 12 + int.from_bytes(data[at : at + 4], "big")
        if data[at + 4 : at + 8] == b"iCCP":
            return data[:at] + data[following:]
        at = following
    return data


def _colour(planes: np.ndarray) -> list[str]:
    """The flags of (H, W, 3) uint8: none for gray, "colour", and "colour-marks" beside it.

    Gray differs between its channels by JPEG's rounding at most. Marks are strongly coloured and
    cover a small share of the picture.
    """
    blue, green, red = cv2.split(planes)
    difference = cv2.max(cv2.absdiff(blue, green), cv2.absdiff(red, green))
    if int(difference.max()) <= GRAY_TOLERANCE:
        return []
    strong = np.count_nonzero(np.asarray(difference) > MARK_DIFFERENCE)
    return ["colour", "colour-marks"] if 0 < strong <= MARK_SHARE * difference.size else ["colour"]


def _padded(data: bytes, header: Header, pixels: np.ndarray, factor: int) -> bool:
    """libjpeg ran out of data before the last block, though an end marker is there.

    It then paints the rest gray without an error. Bytes put before the end marker tell: a decoder
    that had all its data skips them, one that ran out draws them.
    """
    if pixels[-1, -1] != _NO_DATA:
        return False
    longer = data[: header.end] + _PROBE + b"\xff\xd9"
    probed = cv2.imdecode(np.frombuffer(longer, np.uint8), _REDUCED_GRAY[factor] | 128)
    return probed is None or not np.array_equal(probed, pixels)
