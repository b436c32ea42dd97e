"""What the grays of a picture say: nothing shown, a frame over much of it, exposure cut off.

Limits are from the 580 radiographs of training and validation (docs/pictures.md), never from the
test patients or ChestX-ray14.
"""

import cv2
import numpy as np

from cxrkit.quality.flags import Flag

WORKING = 320  # pixels of the shorter side at which pictures are checked, where they have as many
# A line of pixels is frame where nearly all are black or nearly all white; markers cover the rest.
BLACK, WHITE, FRAME_SHARE = 14, 241, 0.97

COARSE = 16  # cells across: their means do not know the noise of a detector
# Grays between the 1st and 99th percentile of the cells: 51 in the flattest radiograph, 200 in
# most; 10 in an unexposed detector's strong noise.
BLANK_RANGE = 24
# Of the picture: .084 in the widest fiftieth of V7 and .37 in the widest of all, whose lungs are
# still large enough.
BORDER_SHARE = 0.40
# Of the exposed field, black and white: .012 and .047 in the worst hundredth of V7, .0058 and .0019
# of Guangzhou. Lungs fill about a third.
CLIPPED_SHARE = 0.10


def working(pixels: np.ndarray) -> np.ndarray:
    """The (H, W) uint8 picture, averaged down to a shorter side of 320 where it is longer."""
    rows, columns = pixels.shape
    share = WORKING / min(rows, columns)
    if share >= 1:
        return pixels
    size = (max(1, round(columns * share)), max(1, round(rows * share)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA))


def field(picture: np.ndarray) -> tuple[slice, slice]:
    """Rows and columns of a (H, W) uint8 picture without the black or white frame around them.

    The whole picture where nothing would be left.
    """
    rows = _inside(picture, 1)
    columns = _inside(picture[rows], 0)
    again = _inside(picture[rows, columns], 1)  # corners of the frame are gone now
    rows = slice(rows.start + again.start, rows.start + again.stop)
    if picture[rows, columns].size == 0:
        return slice(0, picture.shape[0]), slice(0, picture.shape[1])
    return rows, columns


def blank(picture: np.ndarray) -> Flag | None:
    """Nothing is shown: within its frame the picture is even but for noise."""
    cells = cv2.resize(picture[field(picture)], (COARSE, COARSE), interpolation=cv2.INTER_AREA)
    low, high = np.percentile(cells, (1, 99))
    if high - low >= BLANK_RANGE:
        return None
    return Flag(
        "blank",
        f"nothing is shown: {high - low:.0f} grays between its darkest and brightest part "
        f"(limit {BLANK_RANGE})",
    )


def wide_border(picture: np.ndarray) -> Flag | None:
    """Shutters or a frame cover much of the picture."""
    share = 1 - picture[field(picture)].size / picture.size
    if share <= BORDER_SHARE:
        return None
    return Flag(
        "wide_border",
        f"a black or white border covers {share:.0%} of the picture (limit {BORDER_SHARE:.0%})",
    )


def clipped_exposure(picture: np.ndarray) -> Flag | None:
    """Much of the body is pure black or pure white: what was there is lost.

    Black that reaches the edge of the exposed field is the air around the body.
    """
    shown = np.ascontiguousarray(picture[field(picture)])
    white = np.count_nonzero(shown >= 254) / shown.size
    black = _enclosed((shown <= 1).astype(np.uint8)) / shown.size
    for share, name in ((black, "black"), (white, "white")):
        if share > CLIPPED_SHARE:
            return Flag(
                "clipped_exposure",
                f"{share:.0%} of the exposed field is pure {name} (limit {CLIPPED_SHARE:.0%})",
            )
    return None


def _inside(picture: np.ndarray, axis: int) -> slice:
    """From the first to the last line along `axis` that is no frame; empty where all are."""
    if picture.size == 0:
        return slice(0, 0)
    frame = np.maximum(_share(picture <= BLACK, axis), _share(picture >= WHITE, axis))
    kept = np.flatnonzero(frame < FRAME_SHARE)
    return slice(int(kept[0]), int(kept[-1]) + 1) if len(kept) else slice(0, 0)


def _share(marked: np.ndarray, axis: int) -> np.ndarray:
    """The marked share of each line along `axis`, float64: a mean, ten times as fast."""
    sums = cv2.reduce(marked.view(np.uint8), axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S)
    return np.asarray(sums.ravel() / marked.shape[axis])


def _enclosed(marked: np.ndarray) -> int:
    """How many marked pixels of a (H, W) uint8 mask no path of marked ones joins to its edge."""
    if not cv2.countNonZero(marked):
        return 0
    count, parts, stats, _ = cv2.connectedComponentsWithStats(marked, ltype=cv2.CV_16U)
    edge = np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]])
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[np.unique(edge)] = 0
    return int(areas[1:].sum()) if count > 1 else 0
