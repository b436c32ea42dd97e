"""The size that an image file announces, read from its first bytes; no pixel is decoded.

The first 16 kB tell, and where they do not, what lies behind them: a JPEG up to its frame header, a
TIFF's directory, a DICOM data set up to Bits Stored. A file that is cut off later than that passes.
"""

import multiprocessing
import os
import signal
import stat
import struct
import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from itertools import repeat
from pathlib import Path
from typing import BinaryIO

import polars as pl
from pydicom.filereader import data_element_generator
from pydicom.tag import BaseTag
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian

from cxrkit.errors import ItemFault, one_line
from cxrkit.imaging import headerless, headers, processes, radiograph
from cxrkit.imaging.headers import COPY_AGAIN

COLUMNS = {
    "image": pl.String,
    "rows": pl.Int32,
    "columns": pl.Int32,
    "kind": pl.String,
    "bits": pl.Int32,
    "bytes": pl.Int64,
    "fault": pl.String,
}

_HEAD = 16_384  # bytes read at first; they hold the size, but for long comments and large values
_NO_SIZE = (0, 0, 0)  # of a DICOM file that is no image
_CHUNK = 256  # images that a process takes at a time
# Starting a process costs as much as the headers of so many images. Threads were measured to be
# slower than one alone on a local disk: they fight over Python's lock.
_MANY = 8192
_INFLATED = 1 << 20  # bytes of a deflated data set that are looked at
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOFn: ITU-T T.81 B.1.1.3
_LONE = frozenset({0x01, *range(0xD0, 0xD9)})  # markers without a segment
_ROWS, _COLUMNS, _BITS = 0x00280010, 0x00280011, 0x00280101  # Rows, Columns, Bits Stored
_SYNTAX = 0x00020010  # Transfer Syntax UID

_Rows = list[tuple[object, ...]]


@dataclass(frozen=True)
class Size:
    """What a header announces: pixels, the kind of file, and bits of a sample.

    `kind` is "png", "jpeg", "tiff", "gif", "dicom", or "headerless" for the .IMG files of JSRT.
    """

    rows: int
    columns: int
    kind: str
    bits: int


def read_size(path: Path) -> Size:
    """The announced size of the image at `path`, told from its content.

    The name decides for .IMG files alone, whose size is that of the square that they fill.

    Raises:
        ItemFault: E201 unreadable, E202 missing, E203 not a file, E210 empty, E211 too large, E212
            no image, E214 cut off before its size, E215 DICOM without a size, E218, E219.
    """
    with _silent():
        return _read(path)


def measure(
    root: Path,
    images: Sequence[str],
    workers: int = 1,
    progress: Callable[[int], None] = lambda done: None,
) -> pl.DataFrame:
    """The sizes of many images as a table with `COLUMNS`, one row each in the order given.

    `fault` is a code and a message, empty where nothing is wrong; then `rows`, `columns` and `bits`
    are null and `kind` is empty. `bytes` is null only where there is no file.

    Args:
        root: the folder that the paths start from.
        images: paths with forward slashes.
        workers: processes, for as many images as are worth starting them; the result is the same.
        progress: called with the number of images that are done.
    """
    rows: _Rows = []
    chunks = [images[at : at + _CHUNK] for at in range(0, len(images), _CHUNK)]
    for made in _made(root, chunks, workers if len(images) >= _MANY else 1):
        rows += made
        progress(len(rows))
    return pl.DataFrame(rows, COLUMNS, orient="row")


def _made(root: Path, chunks: Sequence[Sequence[str]], workers: int) -> Iterator[_Rows]:
    if workers <= 1:
        yield from (_rows(root, chunk) for chunk in chunks)
        return
    # Ctrl-C is the parent's business.
    ignored = (signal.SIGINT, signal.SIG_IGN)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, signal.signal, ignored) as pool:
        with processes.without_interrupts():
            made = pool.map(_rows, repeat(root), chunks)
        yield from made


def _rows(root: Path, images: Sequence[str]) -> _Rows:
    with _silent():
        return [_row(root, image) for image in images]


@contextmanager
def _silent() -> Iterator[None]:
    """Without pydicom's warnings, which quote values."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _row(root: Path, image: str) -> tuple[object, ...]:
    path = root / image
    try:
        length = path.stat().st_size
    except OSError:
        length = None
    try:
        size = _read(path)
    except ItemFault as fault:
        text = one_line(f"{fault.code} {fault.observed} (expected {fault.expected})")
        return image, None, None, "", None, length, text
    return image, size.rows, size.columns, size.kind, size.bits, length, ""


def _read(path: Path) -> Size:
    if not _regular(path):
        radiograph.file_bytes(path)  # says what is wrong
    try:
        with path.open("rb", buffering=0) as file:
            return _size(file, path.name)
    except OSError:
        radiograph.file_bytes(path)
        raise


def _regular(path: Path) -> bool:
    """A file that may be read; a pipe would block when it is opened."""
    try:
        status = path.stat()
    except OSError:
        return False
    readable = stat.S_ISREG(status.st_mode) and bool(status.st_mode & 0o444)
    return readable and status.st_size <= radiograph.BYTE_LIMIT


def _size(file: BinaryIO, name: str) -> Size:
    head = file.read(_HEAD)
    kind = "gif" if head[:6] in headers.GIF_SIGNATURES else radiograph.sniff(head)
    if not kind:
        fault = radiograph.no_image(head, name)
        if fault.code != "E212" or not name.lower().endswith(headerless.SUFFIX):
            raise fault
        side = headerless.side(file.seek(0, os.SEEK_END), name)
        return Size(side, side, "headerless", headerless.HIGHEST.bit_length())
    try:
        rows, columns, bits = _READERS[kind](BytesIO(head))
    except (EOFError, struct.error, zlib.error) as error:
        if len(head) < _HEAD:
            raise _cut(name) from error
        rows, columns, bits = _further(file, kind, name)
    if (rows, columns, bits) == _NO_SIZE:
        raise ItemFault(
            "E215",
            name,
            "a DICOM file without rows, columns and bits",
            "an image",
            "leave it out: it is a report, a presentation state or a bare header",
        )
    headers.check_size(rows, columns, name)
    return Size(rows, columns, kind, bits)


def _further(file: BinaryIO, kind: str, name: str) -> tuple[int, int, int]:
    """From the file itself, where the first bytes were too few."""
    file.seek(0)
    try:
        return _READERS[kind](BufferedReader(file))  # type: ignore[type-var]
    except (EOFError, struct.error, zlib.error) as error:
        raise _cut(name) from error


def _png(file: BinaryIO) -> tuple[int, int, int]:
    """Rows, columns and bits in the first chunk (W3C PNG 11.2.1)."""
    columns, rows, bits = struct.unpack(">IIB", file.read(25)[16:])
    return rows, columns, bits


def _gif(file: BinaryIO) -> tuple[int, int, int]:
    """Rows and columns of the logical screen (GIF89a, 18); a palette's samples have 8 bits."""
    columns, rows = struct.unpack("<HH", file.read(10)[6:])
    return rows, columns, 8


def _jpeg(file: BinaryIO) -> tuple[int, int, int]:
    """Rows, columns and bits in the first frame header."""
    file.seek(2)
    while True:
        byte = file.read(1)
        while byte and byte != b"\xff":
            byte = file.read(1)
        while byte == b"\xff":
            byte = file.read(1)
        if not byte or byte in b"\xd9\xda":  # a scan, or the end, comes before any frame
            raise EOFError
        if byte[0] == 0 or byte[0] in _LONE:
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if byte[0] in _FRAMES:
            bits, rows, columns = struct.unpack(">BHH", file.read(5))
            return rows, columns, bits
        if length < 2:
            raise EOFError
        file.seek(length - 2, 1)


def _tiff(file: BinaryIO) -> tuple[int, int, int]:
    """Rows, columns and bits in the first directory (TIFF 6.0, section 2)."""
    order = "<" if file.read(4)[:2] == b"II" else ">"
    (start,) = struct.unpack(order + "I", file.read(4))
    file.seek(start)
    (count,) = struct.unpack(order + "H", file.read(2))
    found = {256: 0, 257: 0, 258: 1}  # ImageWidth, ImageLength, BitsPerSample and its default
    for tag, kind, number, value in struct.iter_unpack(order + "HHI4s", file.read(12 * count)):
        if tag not in found or kind not in (3, 4):  # SHORT, LONG
            continue
        if kind == 3 and number > 2:  # more than four bytes: they lie elsewhere
            file.seek(struct.unpack(order + "I", value)[0])
            value = file.read(2)
        short = kind == 3
        (found[tag],) = struct.unpack(order + ("H" if short else "I"), value[: 2 if short else 4])
    return found[257], found[256], found[258]


def _dicom(file: BinaryIO) -> tuple[int, int, int]:
    """Rows, columns and bits stored; `_NO_SIZE` where what comes behind them is there instead."""
    try:
        found, ended = _elements(file)
    except Exception as error:  # pydicom raises whatever the damage happened to break
        raise EOFError from error
    if len(found) == 3:
        return found[_ROWS], found[_COLUMNS], found[_BITS]
    if ended:
        raise EOFError
    return _NO_SIZE


def _elements(file: BinaryIO) -> tuple[dict[int, int], bool]:
    """The three elements by tag, and whether the file ended before anything came behind them."""
    file.seek(132 if file.read(132)[128:] == b"DICM" else 0)
    syntax = b""
    # The file meta information is Explicit VR Little Endian whatever follows (PS3.10 7.1).
    for _, value in _until(file, 0x0002FFFF, (_SYNTAX,), False, True):
        syntax = value.rstrip(b"\0 ")
    if syntax == DeflatedExplicitVRLittleEndian.encode():
        inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        file = BytesIO(inflate.decompress(file.read(_INFLATED), _INFLATED))
    begins = file.tell()
    first = file.read(6)
    file.seek(begins)
    # Some files state another encoding than they have; two capitals are a VR.
    implicit = not (first[4:6].isalpha() and first[4:6].isupper())
    little = syntax != ExplicitVRBigEndian.encode()
    code = "<H" if little else ">H"
    wanted = (_ROWS, _COLUMNS, _BITS)
    found = {
        tag: int(struct.unpack(code, value[:2])[0])
        for tag, value in _until(file, _BITS, wanted, implicit, little)
    }
    return found, not file.read(1)


def _until(
    file: BinaryIO, last: int, wanted: tuple[int, ...], implicit: bool, little: bool
) -> Iterator[tuple[int, bytes]]:
    """Tag and value of the wanted elements; the file is left at the first one past `last`."""
    elements = data_element_generator(
        file,
        implicit,
        little,
        stop_when=lambda tag, vr, length: tag > last,
        specific_tags=[BaseTag(tag) for tag in wanted],
    )
    for element in elements:
        # pydicom adds the character set to what is wanted
        if element.tag in wanted and isinstance(element.value, bytes):
            yield int(element.tag), element.value


_READERS: dict[str, Callable[[BinaryIO], tuple[int, int, int]]] = {
    "png": _png,
    "gif": _gif,
    "jpeg": _jpeg,
    "tiff": _tiff,
    "dicom": _dicom,
}


def _cut(name: str) -> ItemFault:
    return ItemFault("E214", name, "the header ends before its size", "a whole file", COPY_AGAIN)
