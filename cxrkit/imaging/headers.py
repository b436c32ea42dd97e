"""What a PNG, JPEG, TIFF or GIF file says of itself, read from its bytes before it is decoded.

Size limits and most damage are found here, so a file of 100 bytes that announces 65,535 x 65,535
pixels costs nothing. JPEG markers: ITU-T T.81 B.1; PNG chunks: W3C PNG 5; TIFF fields: TIFF 6.0;
GIF blocks: GIF89a specification.
"""

import re
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from cxrkit.errors import ItemFault

# Largest radiographs seen: 5,600 x 4,700 (V7) and 4,892 x 4,020 (Montgomery), 26 and 20 megapixels.
# 100 megapixels at 16 bits are 200 MB, which with its copies stays below 1.5 GiB for one image.
PIXEL_LIMIT = 100_000_000
SIDE_LIMIT = 65_535  # what Rows, Columns and a JPEG header can say; PNG decoders stop at a million

COPY_AGAIN = "copy or download the file again"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
GIF_SIGNATURES = (b"GIF87a", b"GIF89a")
ORIENTATION = 274  # TIFF and EXIF tag 0x0112
_NO_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})  # TEM, RST0-7, SOI: markers without a segment
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn without DHT, JPG, DAC
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")  # a marker that ends a scan
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type to samples per pixel
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 6: 1, 7: 1, 8: 2, 9: 4}  # field type to bytes
_TIFF_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}


@dataclass(frozen=True)
class Header:
    """One picture's announced size and coding; `orientation` is the EXIF value, 1 when absent."""

    rows: int
    columns: int
    channels: int
    bits: int  # per sample
    palette: bool = False
    orientation: int = 1
    profile: bool = False  # an ICC profile or a gamma value is attached
    end: int = 0  # where the picture ends in the file, for JPEG


@dataclass(frozen=True)
class Fields:
    """The first directory of a TIFF file: tag to values, and where each tag's value lies."""

    values: Mapping[int, tuple[int, ...]]
    offsets: Mapping[int, int]
    order: str  # "<" or ">"
    pages: int  # 1, or 2 for "more than one", or 0 where the file ends before it says so


def check_size(rows: int, columns: int, name: str) -> None:
    """Raises: ItemFault: E211 above a limit, E212 without a row or a column."""
    if rows * columns > PIXEL_LIMIT or max(rows, columns) > SIDE_LIMIT:
        raise ItemFault(
            "E211",
            name,
            f"the header announces {rows} x {columns} pixels",
            f"at most {PIXEL_LIMIT // 1_000_000} megapixels and {SIDE_LIMIT} a side",
            "check where the file comes from, and export it at the size of a radiograph",
        )
    if rows < 1 or columns < 1:
        raise ItemFault(
            "E212",
            name,
            f"the header announces {rows} x {columns} pixels",
            "at least one row and one column",
            COPY_AGAIN,
        )


def jpeg(data: bytes, name: str) -> Header:
    """The header of a JPEG file whose scans run to an end-of-image marker.

    Raises:
        ItemFault: E211 too large, E213 not 8-bit gray or three colours, E214 cut off.
    """
    frame: Header | None = None
    orientation, profile, at = 1, False, 2
    while True:
        marker, body, at = _segment(data, at, name)
        if marker in _FRAMES:
            frame = _frame(marker, body, name)
        elif marker == 0xE1 and body[:6] == b"Exif\0\0":
            orientation = _exif_orientation(body[6:])
        elif marker == 0xE2 and body[:12] == b"ICC_PROFILE\0":
            profile = True
        elif marker == 0xDA:
            break
        elif marker == 0xD9:
            raise _cut(name, "the file ends before its picture begins")
    if frame is None:
        raise _cut(name, "a scan begins without a frame header")
    end = _end_of_image(data, at, name)
    return Header(frame.rows, frame.columns, frame.channels, 8, False, orientation, profile, end)


def _segment(data: bytes, at: int, name: str) -> tuple[int, bytes, int]:
    """The marker at or after `at`, its body, and the place behind it."""
    while True:
        at = data.find(b"\xff", at)
        while 0 <= at < len(data) - 1 and data[at + 1] == 0xFF:  # fill bytes
            at += 1
        if at < 0 or at + 2 > len(data):
            raise _cut(name, f"no end-of-image marker in {len(data)} bytes")
        marker = data[at + 1]
        if marker == 0xD9:
            return marker, b"", at + 2
        if marker and marker not in _NO_LENGTH:
            break
        at += 2
    length = int.from_bytes(data[at + 2 : at + 4], "big")
    stop = at + 2 + length
    if length < 2 or stop > len(data):
        raise _cut(name, f"a segment runs past the end of {len(data)} bytes")
    return marker, data[at + 4 : stop], stop


def _frame(marker: int, body: bytes, name: str) -> Header:
    if len(body) < 6:
        raise _cut(name, "the frame header is too short")
    bits, rows, columns, channels = struct.unpack(">BHHB", body[:6])
    check_size(rows, columns, name)
    if channels == 4:
        raise _unsupported(name, "a JPEG with four colours (CMYK or YCCK)")
    if channels not in (1, 3) or bits != 8 or marker not in (0xC0, 0xC1, 0xC2, 0xC9, 0xCA):
        raise _unsupported(
            name, f"a JPEG of {bits} bits and {channels} components, SOF{marker & 15}"
        )
    return Header(rows, columns, channels, bits)


def _end_of_image(data: bytes, at: int, name: str) -> int:
    """Where the end-of-image marker lies. A length may hide 0xFFD9, so scans are walked."""
    while True:
        found = _MARKER.search(data, at)
        if found is None:
            raise _cut(name, f"no end-of-image marker in {len(data)} bytes")
        if data[found.start() + 1] == 0xD9:
            return found.start()
        _, _, at = _segment(data, found.start(), name)


def stream_size(fragments: bytes) -> tuple[int, int, int] | None:
    """Rows, columns and bits in the JPEG or JPEG 2000 stream within encapsulated DICOM pixels.

    A decoder believes the stream, not the elements around it. None where there is no such stream
    (RLE).
    """
    start = fragments.find(b"\xff\x4f\xff\x51", 0, 4096)  # SOC, SIZ: ITU-T T.800 A.5.1
    if start >= 0 and len(fragments) >= start + 43:
        right, bottom, left, top = struct.unpack(">4I", fragments[start + 8 : start + 24])
        return bottom - top, right - left, (fragments[start + 42] & 127) + 1
    at = fragments.find(b"\xff\xd8\xff", 0, 4096)
    while at >= 0:
        marker, body, at = _segment(fragments, at, "")
        if (marker in _FRAMES or marker == 0xF7) and len(body) >= 5:  # SOF55 is JPEG-LS
            bits, rows, columns = struct.unpack(">BHH", body[:5])
            return rows, columns, bits
        if marker in (0xD9, 0xDA):
            break
    return None


def png(data: bytes, name: str) -> Header:
    """The header of a PNG file whose chunks are all there, with right checksums.

    Raises:
        ItemFault: E211 too large, E213 animated, E214 cut off or damaged.
    """
    if data[12:16] != b"IHDR" or len(data) < 33:
        raise _cut(name, "the file ends inside its header")
    columns, rows, bits, colour = struct.unpack(">IIBB", data[16:26])
    check_size(rows, columns, name)
    orientation, profile, at = 1, False, 8
    while True:
        kind, body, at = _chunk(data, at, name)
        if kind == b"IEND":
            break
        if kind == b"acTL":
            raise _unsupported(name, "an animated PNG")
        if kind == b"eXIf":
            orientation = _exif_orientation(bytes(body))
        profile = profile or kind in (b"iCCP", b"gAMA")
    return Header(
        rows, columns, _PNG_CHANNELS.get(colour, 0), bits, colour == 3, orientation, profile
    )


def _chunk(data: bytes, at: int, name: str) -> tuple[bytes, memoryview, int]:
    length = int.from_bytes(data[at : at + 4], "big")
    stop = at + 12 + length
    if stop > len(data):
        raise _cut(name, f"a chunk runs past the end of {len(data)} bytes")
    checked = memoryview(data)[at + 4 : stop - 4]
    if zlib.crc32(checked) != int.from_bytes(data[stop - 4 : stop], "big"):
        raise _cut(name, f"a checksum is wrong at byte {at}")
    return data[at + 4 : at + 8], checked[4:], stop


def tiff_fields(data: bytes) -> Fields | None:
    """The first directory of a TIFF or EXIF block, or None where it is not whole."""
    order = {b"II": "<", b"MM": ">"}.get(data[:2], "")
    if not order or len(data) < 8 or struct.unpack(order + "H", data[2:4])[0] != 42:
        return None
    start: int = struct.unpack(order + "I", data[4:8])[0]
    if start + 2 > len(data):
        return None
    count: int = struct.unpack(order + "H", data[start : start + 2])[0]
    stop = start + 2 + 12 * count
    if stop > len(data):
        return None
    values: dict[int, tuple[int, ...]] = {}
    offsets: dict[int, int] = {}
    for at in range(start + 2, stop, 12):
        tag, kind, n, inline = struct.unpack(order + "HHII", data[at : at + 12])
        size = n * _TIFF_SIZES.get(kind, 0)
        offset = at + 8 if size <= 4 else inline
        if kind in _TIFF_CODES and offset + size <= len(data):
            code = f"{order}{n}{_TIFF_CODES[kind]}"
            values[tag] = struct.unpack(code, data[offset : offset + size])
            offsets[tag] = offset
    pages = 0
    if stop + 4 <= len(data):
        pages = 2 if any(data[stop : stop + 4]) else 1
    return Fields(MappingProxyType(values), MappingProxyType(offsets), order, pages)


def tiff(data: bytes, fields: Fields, name: str) -> Header:
    """The header of a TIFF file of one page whose strips or tiles all lie within the file.

    Raises:
        ItemFault: E211 too large, E213 several pages or a coding that is not read, E214 cut off.
    """
    first = {tag: values[0] for tag, values in fields.values.items() if values}
    rows, columns = first.get(257, 0), first.get(256, 0)
    check_size(rows, columns, name)
    bits, channels, photometric = first.get(258, 1), first.get(277, 1), first.get(262, 1)
    if fields.pages > 1:
        raise _unsupported(name, "a TIFF of several pages")
    if bits not in (1, 8, 16) or channels > 4 or first.get(339, 1) != 1:
        raise _unsupported(name, f"a TIFF of {bits} bits and {channels} samples per pixel")
    if photometric not in (0, 1, 2, 3, 6):
        raise _unsupported(name, "a TIFF that is neither gray, RGB nor palette")
    if fields.pages == 0:
        raise _cut(name, "the file ends inside its directory")
    values = fields.values
    starts = values.get(324) or values.get(273) or ()
    counts = values.get(325) or values.get(279) or ()
    if not starts or len(starts) != len(counts):
        raise _cut(name, "the file does not say where its pixels are")
    if any(start + count > len(data) for start, count in zip(starts, counts, strict=True)):
        raise _cut(name, f"its pixels run past the end of {len(data)} bytes")
    orientation = first.get(ORIENTATION, 1)
    palette, profile = photometric == 3, 34675 in fields.values
    return Header(rows, columns, channels, bits, palette, orientation, profile)


def gif(data: bytes, name: str) -> Header:
    """The header of a GIF file of one picture whose blocks run to the trailer.

    Raises:
        ItemFault: E211 too large, E213 none or several pictures, E214 cut off.
    """
    if len(data) < 13:
        raise _cut(name, "the file ends inside its header")
    columns, rows, packed = struct.unpack("<HHB", data[6:11])
    check_size(rows, columns, name)
    pictures, at = 0, 13 + _colour_table(packed)
    while data[at : at + 1] != b";":
        block = data[at : at + 1]
        if block == b",":
            pictures += 1
            local = data[at + 9] if at + 9 < len(data) else 0
            at += 11 + _colour_table(local)  # the descriptor, its table, the code size
        elif block == b"!":
            at += 2
        else:
            raise _cut(name, f"no trailer in {len(data)} bytes")
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    if pictures != 1:
        raise _unsupported(name, f"a GIF of {pictures} pictures")
    return Header(rows, columns, 3, 8, palette=True, end=at)


def _colour_table(packed: int) -> int:
    """Bytes of the colour table that follows a GIF descriptor with this byte of flags."""
    return 3 << (packed % 8 + 1) if packed & 128 else 0


def _exif_orientation(block: bytes) -> int:
    """The orientation of an EXIF block, 1 to 8; 1 where there is none."""
    fields = tiff_fields(block)
    value = fields.values.get(ORIENTATION, (1,)) if fields else (1,)
    return value[0] if value and 1 <= value[0] <= 8 else 1


def _cut(name: str, observed: str) -> ItemFault:
    return ItemFault("E214", name, observed, "a whole file", COPY_AGAIN)


def _unsupported(name: str, observed: str) -> ItemFault:
    return ItemFault(
        "E213", name, observed, "one picture, gray or RGB", "export it as an 8-bit gray PNG"
    )
