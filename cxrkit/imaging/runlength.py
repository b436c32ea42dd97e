"""Run-length masks: text <-> (H, W) bool arrays. Not DICOM RLE Lossless, which holds pixel data.

    dialect            scan order    numbers                             no mask  used by
    siim               column-major  (gap since the last run, length)    -1       SIIM-ACR 2019
    kaggle             column-major  (start from 1, length)              ""       most competitions
    chexmask           row-major     (start from 1, length)              ""       CheXmask
    coco-uncompressed  column-major  counts, zeros first, sum H x W      "H x W"  COCO
    coco               column-major  the same counts, in letters         letters  COCO

COCO letters: from the fourth count on the difference to the count two before; each number in groups
of 5 bits, low ones first, bit 6 set where more follow, plus 48. For a 3 x 4 mask drawn
0110 / 0100 / 0000 the five texts are: 3 2 1 1 - 4 2 7 1 - 2 2 6 1 - 3 2 1 1 5 - 321O4.
"""

import re
from collections.abc import Iterable
from typing import Literal, get_args

import numpy as np

from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging.masks import nearest

Dialect = Literal["siim", "kaggle", "chexmask", "coco", "coco-uncompressed"]
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
_LONGEST_NUMBER = 12  # letters, 60 bits


def encode(mask: np.ndarray, dialect: Dialect) -> str:
    """The text of a (H, W) bool mask.

    Raises:
        InputRefused: E107 for an unknown dialect.
    """
    _check_dialect(dialect)
    flat = (mask if dialect == "chexmask" else mask.T).reshape(-1)
    counts = _counts(flat)
    if dialect == "coco":
        return _letters(counts)
    if dialect == "coco-uncompressed":
        return _words(counts)
    runs = counts[: len(counts) // 2 * 2].reshape(-1, 2)
    if dialect == "siim":
        return _words(runs) if len(runs) else "-1"
    starts = np.cumsum(counts)[: 2 * len(runs) : 2] + 1
    return _words(np.column_stack([starts, runs[:, 1]]))


def decode(text: str, shape: tuple[int, int], dialect: Dialect) -> np.ndarray:
    """The (rows, columns) bool mask of a text; brackets and commas between numbers are accepted.

    Raises:
        InputRefused: E107 for an unknown dialect.
        ItemFault: E232 for a text that is no such mask: letters, an odd count of numbers, negative
            numbers, a run outside the image, counts that do not add up to the image.
    """
    _check_dialect(dialect)
    rows, columns = shape
    size = rows * columns
    if dialect == "coco":
        counts = _from_letters(text.strip())
    elif dialect == "coco-uncompressed":
        counts = _numbers(text)
    elif dialect == "siim":
        counts = np.array([size]) if text.strip() == "-1" else _from_gaps(_paired(text), size)
    else:
        counts = _from_starts(_paired(text), size)
    if (counts < 0).any():
        raise _fault("a negative number", "counts from 0")
    if (counts > size).any() or int(counts.sum()) != size:
        raise _fault("runs that do not add up to the image", f"{rows} x {columns} pixels")
    flat = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    if dialect == "chexmask":
        return flat.reshape(rows, columns)
    return np.ascontiguousarray(flat.reshape(columns, rows).T)


def decode_union(texts: Iterable[str], shape: tuple[int, int], dialect: Dialect) -> np.ndarray:
    """The pixels that any of the texts covers: SIIM-ACR gives one text per region or reader.

    Raises:
        InputRefused, ItemFault: as `decode`.
    """
    union = np.zeros(shape, bool)
    for text in texts:
        union |= decode(text, shape, dialect)
    return union


def encode_scaled(mask: np.ndarray, rows: int, columns: int) -> str:
    """The "coco" text of a (h, w) bool mask enlarged to rows x columns, without enlarging it.

    Equal to `encode(resize_mask(mask, rows, columns), "coco")`. A change of value at (small row r,
    large column j) lies at the first large row that takes its value from r or below.
    """
    first_row = np.searchsorted(nearest(mask.shape[0], rows), np.arange(mask.shape[0]))
    tall = mask.T[nearest(mask.shape[1], columns)]  # (columns, h)
    changes = _changes(tall.reshape(-1))
    column, row = np.divmod(changes, mask.shape[0])
    places, times = np.unique(column * rows + first_row[row], return_counts=True)
    # where the mask shrinks, two changes that meet undo each other
    places = places[(times % 2 == 1) & (places < rows * columns)]
    return _letters(np.diff(places, prepend=0, append=rows * columns))


def pack_bits(masks: np.ndarray) -> bytes:
    """(F, H, W) bool as DICOM SEG pixel data (PS3.5 8.1.1): first pixel in the lowest bit.

    Frames follow each other without filling up a byte; the bytes are not padded to an even count.
    """
    return np.packbits(masks.reshape(-1), bitorder="little").tobytes()


def unpack_bits(data: bytes, shape: tuple[int, int, int]) -> np.ndarray:
    """(frames, rows, columns) bool from DICOM SEG pixel data, with or without a padding byte.

    Raises:
        ItemFault: E232 where the bytes are too few or too many.
    """
    count = int(np.prod(shape))
    needed = -(-count // 8)
    if len(data) not in (needed, needed + needed % 2):
        raise _fault(f"{len(data)} bytes of bits", f"{needed} bytes")
    bits = np.unpackbits(np.frombuffer(data, np.uint8), count=count, bitorder="little")
    return bits.astype(bool).reshape(shape)


def _changes(flat: np.ndarray) -> np.ndarray:
    """Where a bool sequence changes, with a False before its first pixel."""
    changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    return np.concatenate([[0], changes]) if flat[0] else changes


def _counts(flat: np.ndarray) -> np.ndarray:
    """Lengths of the runs of False, True, False, ... that make up the sequence."""
    return np.diff(_changes(flat), prepend=0, append=len(flat))


def _words(numbers: np.ndarray) -> str:
    return " ".join(map(str, numbers.ravel().tolist()))


def _numbers(text: str) -> np.ndarray:
    words = re.sub(r"[\[\](),]", " ", text).split()
    if not all(re.fullmatch(r"-?[0-9]{1,10}", word) for word in words):
        raise _fault("something other than whole numbers", "numbers separated by blanks")
    return np.array(words, dtype=np.int64)


def _paired(text: str) -> np.ndarray:
    numbers = _numbers(text)
    if len(numbers) % 2:
        raise _fault(f"an odd count of {len(numbers)} numbers", "pairs of start and length")
    if (numbers < 0).any():
        raise _fault("a negative number", "starts and lengths from 0")
    return numbers


def _from_gaps(numbers: np.ndarray, size: int) -> np.ndarray:
    """Counts from (gap, length) pairs: those numbers, and the zeros after the last run."""
    rest = size - int(numbers.sum())
    if rest < 0:
        raise _fault(f"a run that ends {-rest} pixels outside the image", f"{size} pixels")
    if not len(numbers):
        raise _fault("no number", "pairs of gap and length, or -1 for no mask")
    return np.append(numbers, rest)


def _from_starts(pairs: np.ndarray, size: int) -> np.ndarray:
    """Counts from (start from 1, length) pairs, which may overlap or come in any order."""
    pairs = pairs.reshape(-1, 2)
    pairs = pairs[np.argsort(pairs[:, 0], kind="stable")]
    starts, ends = pairs[:, 0] - 1, pairs.sum(axis=1) - 1
    if len(pairs) and (starts[0] < 0 or ends.max() > size):
        raise _fault("a run outside the image", f"{size} pixels counted from 1")
    ends = np.maximum.accumulate(ends)
    before = np.concatenate([[0], ends])
    starts = np.maximum(starts, before[:-1])
    return np.append(np.column_stack([starts - before[:-1], ends - starts]), size - before[-1])


def _letters(counts: np.ndarray) -> str:
    numbers = counts.astype(np.int64)
    numbers[3:] -= counts[1:-2]
    letters = np.zeros((len(numbers), _LONGEST_NUMBER), np.uint8)
    used = np.zeros(letters.shape, bool)
    more = np.ones(len(numbers), bool)
    for place in range(_LONGEST_NUMBER):
        used[:, place] = more
        group = numbers & 31
        numbers = numbers >> 5
        more = more & (numbers != np.where(group & 16, -1, 0))
        letters[:, place] = group + 32 * more + 48
        if not more.any():
            break
    return letters[used].tobytes().decode("ascii")


def _from_letters(text: str) -> np.ndarray:
    codes = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - 48
    if not len(codes) or (codes < 0).any() or (codes > 63).any() or codes[-1] & 32:
        raise _fault("letters that no COCO text has", "letters from 0 to o")
    last = np.flatnonzero(codes & 32 == 0)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > _LONGEST_NUMBER:
        raise _fault("a number of more than 60 bits", "counts of pixels")
    shifts = 5 * (np.arange(len(codes)) - np.repeat(first, lengths))
    numbers = np.add.reduceat((codes & 31) << shifts, first)
    negative = codes[last] & 16 != 0
    numbers[negative] -= np.left_shift(1, 5 * lengths[negative])
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers


def _check_dialect(dialect: str) -> None:
    if dialect not in DIALECTS:
        raise InputRefused(
            "E107",
            "run-length dialect",
            f"the name {dialect!r}",
            " or ".join(DIALECTS),
            "name the dialect that the archive documents",
        )


def _fault(observed: str, expected: str) -> ItemFault:
    return ItemFault(
        "E232",
        "run-length text",
        observed,
        expected,
        "check the dialect and the image size, or download the table again",
    )
