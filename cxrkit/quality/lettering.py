"""Writing in a picture: lines of burned-in letters, coloured marks.

Side markers and one or two words (L, R, PORTABLE, AP ERECT) are in most radiographs and do no harm.
Names, dates and times do: they tell who was imaged, and networks learn to read them instead of the
lungs (Zech 2018, doi:10.1371/journal.pmed.1002683).
"""

from collections.abc import Sequence

import cv2
import numpy as np

from cxrkit.quality.flags import Flag

LETTER = np.ones((9, 9), np.uint8)  # strokes are thinner
WORD = np.ones((1, 7), np.uint8)  # gaps between letters are narrower
INK = 45  # grays above or below their surroundings
LOWEST, HIGHEST = 4, 16  # pixels of a line of letters, at a shorter side of at most 320
# A line of letters: its width in heights, its ink, how often the ink changes along a row and pixel,
# and the share of its columns that reach over most of its height. Catheters, ribs and wires have
# one stroke, and it is not upright.
WIDTH, FILL, CHANGES, UPRIGHT = 2.5, (0.25, 0.85), 0.15, 0.5
# Of all lines together, each in its own heights; a letter is about .75 wide. PORTABLE is 6 to 8, AP
# ERECT over MOBILE 10. Of 580 radiographs 15 lie above, all with dates, times, machine settings or
# several lines of notes; 150 phantoms with L, R and PORTABLE reach 9.8.
TEXT_LENGTH = 12.0


def burned_in_text(picture: np.ndarray) -> Flag | None:
    """More writing than a side marker and two words, in a (H, W) uint8 picture of `working` size.

    Suspected by shape alone, not read. Letters lower than 4 pixels here, about 1.3 % of the
    picture's shorter side, are not seen.
    """
    lines = text_lines(picture)
    length = _length(lines)
    if length <= TEXT_LENGTH:
        return None
    return Flag(
        "burned_in_text",
        f"what looks like {len(lines)} lines of writing, about {length / 0.75:.0f} letters "
        f"(limit {TEXT_LENGTH / 0.75:.0f}): they may name the patient",
    )


def text_lines(picture: np.ndarray) -> list[tuple[int, int, int, int]]:
    """What looks like lines of letters, the bright or the dark ones: x, y, width and height.

    Of the two those that are longer together: the gaps between bright letters look like dark ones.
    """
    bright, dark = (_lines(picture, hat) for hat in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT))
    return max(bright, dark, key=_length)


def colour_marks(reading: Sequence[str]) -> Flag | None:
    """Coloured arrows or letters, as the flags of the reading say (imaging/raster.py)."""
    if "colour-marks" not in reading:
        return None
    return Flag("colour_marks", "coloured marks on a gray radiograph: arrows or letters")


def _lines(picture: np.ndarray, hat: int) -> list[tuple[int, int, int, int]]:
    ink = np.asarray(cv2.morphologyEx(picture, hat, LETTER) >= INK).astype(np.uint8)
    joined = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, WORD)
    _, _, stats, _ = cv2.connectedComponentsWithStats(joined, ltype=cv2.CV_16U)
    high, wide = stats[:, cv2.CC_STAT_HEIGHT], stats[:, cv2.CC_STAT_WIDTH]
    alike = (high >= LOWEST) & (high <= HIGHEST) & (wide >= WIDTH * high)
    return [
        (x, y, width, height)
        for x, y, width, height in stats[alike, :4].tolist()
        if _is_text(ink[y : y + height, x : x + width])
    ]


def _length(lines: Sequence[tuple[int, int, int, int]]) -> float:
    """The width of all lines, each in its own heights."""
    return sum(width / height for _, _, width, height in lines)


def _is_text(ink: np.ndarray) -> bool:
    """Whether the (h, w) ink, 0 or 1, of a line is upright strokes beside each other."""
    height, width = ink.shape
    if not FILL[0] <= ink.mean() <= FILL[1]:
        return False
    if np.count_nonzero(ink[:, 1:] != ink[:, :-1]) < CHANGES * height * width:
        return False
    inked = ink[:, ink.any(axis=0)]
    reach = height - inked[::-1].argmax(axis=0) - inked.argmax(axis=0)
    return bool((reach >= 0.6 * height).mean() >= UPRIGHT)
