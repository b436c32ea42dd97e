"""Every dialect against drawings, against a plain loop, and against itself at odd sizes."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pydicom.pixels.utils import pack_bits as pydicom_pack_bits

from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import runlength
from cxrkit.imaging.masks import resize_mask

DRAWN = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)
EXAMPLE = {
    "siim": "3 2 1 1",
    "kaggle": "4 2 7 1",
    "chexmask": "2 2 6 1",
    "coco": "321O4",
    "coco-uncompressed": "3 2 1 1 5",
}
EMPTY = {"siim": "-1", "kaggle": "", "chexmask": "", "coco": "<", "coco-uncompressed": "12"}


def letter_f(rows: int = 37, columns: int = 53) -> np.ndarray:
    """An F: equal to none of its mirror images or turns."""
    mask = np.zeros((rows, columns), bool)
    mask[4:33, 6:13] = mask[4:10, 6:40] = mask[16:21, 6:30] = True
    return mask


MASKS = arrays(bool, st.tuples(st.integers(1, 23), st.integers(1, 23)))


@pytest.mark.parametrize("dialect", runlength.DIALECTS)
def test_the_drawn_example(dialect: runlength.Dialect):
    assert runlength.encode(DRAWN, dialect) == EXAMPLE[dialect]
    assert np.array_equal(runlength.decode(EXAMPLE[dialect], (3, 4), dialect), DRAWN)


@pytest.mark.parametrize("dialect", runlength.DIALECTS)
def test_an_empty_mask(dialect: runlength.Dialect):
    assert runlength.encode(np.zeros((3, 4), bool), dialect) == EMPTY[dialect]
    decoded = runlength.decode(EMPTY[dialect], (3, 4), dialect)
    assert decoded.shape == (3, 4) and decoded.dtype == bool and not decoded.any()


def test_siim_counts_gaps_down_columns():
    decoded = runlength.decode("1 2 1 1", (3, 2), "siim")
    assert decoded.tolist() == [[False, False], [True, True], [True, False]]
    assert not runlength.decode(" -1", (3, 2), "siim").any()


@pytest.mark.parametrize("dialect", runlength.DIALECTS)
def test_an_f_comes_back_and_only_in_its_own_dialect(dialect: runlength.Dialect):
    mask = letter_f()
    text = runlength.encode(mask, dialect)
    decoded = runlength.decode(text, (37, 53), dialect)
    assert np.array_equal(decoded, mask) and decoded.flags.c_contiguous
    for other in runlength.DIALECTS:
        if other != dialect:
            try:
                wrong = runlength.decode(text, (37, 53), other)
            except ItemFault:
                continue
            assert not np.array_equal(wrong, mask)


@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_decoding_undoes_encoding(mask: np.ndarray):
    for dialect in runlength.DIALECTS:
        text = runlength.encode(mask, dialect)
        assert np.array_equal(runlength.decode(text, mask.shape, dialect), mask)


def by_walking(text: str, rows: int, columns: int, dialect: str) -> np.ndarray:
    """A mask by the description of a dialect, pixel by pixel."""
    mask = np.zeros((rows, columns), bool)
    numbers, end = [int(word) for word in text.split()], 0
    for first, length in zip(numbers[::2], numbers[1::2], strict=True):
        begin = end + first if dialect == "siim" else first - 1
        end = begin + length
        for place in range(begin, end):
            across, down = (place % columns, place // columns), (place // rows, place % rows)
            column, row = across if dialect == "chexmask" else down
            mask[row, column] = True
    return mask


@given(st.integers(7, 40), st.integers(7, 40), st.integers(0, 33), st.integers(0, 33))
@settings(max_examples=100, deadline=None)
def test_a_glyph_at_any_place_of_a_canvas_that_is_not_square(
    rows: int, columns: int, top: int, left: int
):
    """An F in all dialects and as DICOM SEG bits, read by walking, too, where they have runs."""
    columns += rows == columns
    top, left = min(top, rows - 7), min(left, columns - 7)
    mask = np.zeros((rows, columns), bool)
    mask[top : top + 7, left] = mask[top, left : left + 6] = True
    mask[top + 3, left : left + 4] = True
    for dialect in runlength.DIALECTS:
        text = runlength.encode(mask, dialect)
        assert np.array_equal(runlength.decode(text, mask.shape, dialect), mask)
        if not dialect.startswith("coco"):
            assert np.array_equal(by_walking(text, rows, columns, dialect), mask)
    packed = runlength.pack_bits(mask[None])
    bits = [packed[n // 8] >> n % 8 & 1 for n in range(mask.size)]
    assert np.array_equal(np.array(bits, bool).reshape(mask.shape), mask)
    assert np.array_equal(runlength.unpack_bits(packed, (1, rows, columns))[0], mask)


def counts_by_loop(mask: np.ndarray) -> list[int]:
    """COCO's counts, pixel by pixel."""
    counts, value = [0], False
    for pixel in mask.T.ravel():
        if bool(pixel) != value:
            counts.append(0)
            value = not value
        counts[-1] += 1
    return counts


def letters_by_loop(counts: list[int]) -> str:
    """COCO's letters, by the description in its reference code: one group of 5 bits at a time."""
    text = ""
    for i, count in enumerate(counts):
        number = count - counts[i - 2] if i > 2 else count
        more = True
        while more:
            group = number & 31
            number >>= 5
            more = number != -1 if group & 16 else number != 0
            text += chr(48 + group + 32 * more)
    return text


@given(MASKS)
@settings(max_examples=150, deadline=None)
def test_coco_equals_a_plain_loop(mask: np.ndarray):
    counts = counts_by_loop(mask)
    assert runlength.encode(mask, "coco-uncompressed") == " ".join(map(str, counts))
    assert runlength.encode(mask, "coco") == letters_by_loop(counts)


def test_coco_letters_of_long_runs():
    mask = np.zeros((3056, 2544), bool)
    mask[100:2900, 300:310] = mask[7, 900] = True
    counts = [int(n) for n in runlength.encode(mask, "coco-uncompressed").split()]
    assert sum(counts) == mask.size
    assert runlength.encode(mask, "coco") == letters_by_loop(counts)
    assert np.array_equal(runlength.decode(letters_by_loop(counts), mask.shape, "coco"), mask)


def test_runs_that_overlap_or_come_unordered_are_united():
    assert runlength.decode("7 1 4 2 5 1", (3, 4), "kaggle").tolist() == DRAWN.tolist()
    assert runlength.decode("2 4 3 1", (2, 3), "chexmask").tolist() == [[0, 1, 1], [1, 1, 0]]


def test_brackets_and_commas_are_accepted():
    assert np.array_equal(runlength.decode("[3, 2, 1, 1, 5]", (3, 4), "coco-uncompressed"), DRAWN)


def test_the_union_of_several_texts():
    """SIIM-ACR: keeping only the last row would lose the rest."""
    texts = ["0 2", "1 3", "-1"]
    union = runlength.decode_union(texts, (3, 4), "siim")
    assert union.T.ravel().tolist() == [True] * 4 + [False] * 8
    assert not runlength.decode_union([], (3, 4), "siim").any()


@pytest.mark.parametrize(
    ("text", "dialect"),
    [
        ("3 2 1", "siim"),
        ("3 2 8 1", "siim"),
        ("-3 2", "siim"),
        ("-1 2", "siim"),
        ("", "siim"),
        ("nan", "siim"),
        ("1.5 2", "siim"),
        ("4", "kaggle"),
        ("0 2", "kaggle"),
        ("12 2", "kaggle"),
        ("-4 2", "kaggle"),
        ("4 -2", "kaggle"),
        ("-1", "kaggle"),
        ("13 1", "chexmask"),
        ("9999999999 9999999999", "chexmask"),
        ("99999999999 1", "chexmask"),
        ("3 2 1 1", "coco-uncompressed"),
        ("3 2 1 1 6", "coco-uncompressed"),
        ("13 -1", "coco-uncompressed"),
        ("", "coco-uncompressed"),
        ("", "coco"),
        ("321O", "coco"),
        ("321Oé", "coco"),
        ("321O~", "coco"),
        ("321oo", "coco"),
        ("o" * 40 + "4", "coco"),
        ("3 2", "coco"),
        ("OOOO", "coco"),
    ],
)
def test_a_text_that_is_no_mask_of_this_size_is_refused(text: str, dialect: runlength.Dialect):
    with pytest.raises(ItemFault) as caught:
        runlength.decode(text, (3, 4), dialect)
    assert caught.value.code == "E232"


def test_counts_that_wrap_around_to_the_right_sum_are_refused():
    """64 counts of 2^58 and one of 12 add up to 12 in 64 bits."""
    text = letters_by_loop([2**58] * 64 + [12])
    with pytest.raises(ItemFault) as caught:
        runlength.decode(text, (3, 4), "coco")
    assert caught.value.code == "E232"


@given(st.text(alphabet="0123456789 -,[]oOP<", max_size=30), st.sampled_from(runlength.DIALECTS))
@settings(max_examples=300, deadline=None)
def test_any_text_gives_a_mask_or_a_fault(text: str, dialect: runlength.Dialect):
    try:
        mask = runlength.decode(text, (5, 7), dialect)
    except ItemFault as fault:
        assert fault.code == "E232"
    else:
        assert mask.shape == (5, 7) and mask.dtype == bool


def test_an_unknown_dialect_is_refused_by_name():
    for call in (
        lambda: runlength.decode("1 2", (3, 4), "yolo"),  # type: ignore[arg-type]
        lambda: runlength.encode(DRAWN, "yolo"),  # type: ignore[arg-type]
    ):
        with pytest.raises(InputRefused, match="siim or kaggle or chexmask") as caught:
            call()
        assert caught.value.code == "E107"


@given(MASKS, st.integers(1, 67), st.integers(1, 67))
@settings(max_examples=300, deadline=None)
def test_scaled_text_equals_the_text_of_the_resized_mask(mask: np.ndarray, rows: int, columns: int):
    expected = runlength.encode(resize_mask(mask, rows, columns), "coco")
    assert runlength.encode_scaled(mask, rows, columns) == expected


@pytest.mark.parametrize("size", [(3056, 2544), (2021, 1999), (224, 224), (225, 223), (100, 3000)])
def test_scaled_text_of_a_lung_mask(size: tuple[int, int]):
    y, x = np.mgrid[:224, :224] / 224
    lungs = ((x - 0.3) / 0.14) ** 2 + ((y - 0.5) / 0.3) ** 2 < 1
    lungs |= ((x - 0.7) / 0.13) ** 2 + ((y - 0.52) / 0.28) ** 2 < 1
    text = runlength.encode_scaled(lungs, *size)
    assert np.array_equal(runlength.decode(text, size, "coco"), resize_mask(lungs, *size))
    fastest = min(_seconds(lambda: runlength.encode_scaled(lungs, *size)) for _ in range(20))
    assert fastest < 0.010  # 1 ms on an idle core


def _seconds(call) -> float:  # type: ignore[no-untyped-def]
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


@given(arrays(bool, st.tuples(st.integers(1, 4), st.integers(1, 9), st.integers(1, 9))))
@settings(max_examples=100, deadline=None)
def test_bits_equal_pydicom_and_come_back(masks: np.ndarray):
    packed = runlength.pack_bits(masks)
    assert packed == pydicom_pack_bits(masks.astype(np.uint8).ravel(), pad=False)
    assert np.array_equal(runlength.unpack_bits(packed, masks.shape), masks)
    padded = packed + b"\0" * (len(packed) % 2)
    assert np.array_equal(runlength.unpack_bits(padded, masks.shape), masks)


def test_bits_of_the_drawn_example():
    """Row by row, first pixel lowest: 0110 0100 0000 is 0x26, 0x00; frames share a byte."""
    assert runlength.pack_bits(DRAWN[None]) == b"\x26\x00"
    assert runlength.pack_bits(np.stack([DRAWN, DRAWN])) == b"\x26\x60\x02"
    with pytest.raises(ItemFault) as caught:
        runlength.unpack_bits(b"\x26", (1, 3, 4))
    assert caught.value.code == "E232"
