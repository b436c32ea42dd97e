"""report.html of a segmentation run: its curves, its scores, and the masks it got most wrong."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrkit.training import run_page
from cxrkit.training.cases import read_for_test
from cxrkit.training.evaluation import Score
from cxrkit.training.loop import Row
from cxrkit.training.run_page import Page, Picture

WORST = 12  # test images shown
FOUND, DRAWN = (60, 160, 255), (80, 220, 80)  # blue, green, red: orange and green


def write(
    out: Path,
    card: Mapping[str, Any],
    scores: Sequence[Score],
    rows: Sequence[Row],
    pictures: bool,
) -> None:
    """Write report.html to the folder `out`.

    Args:
        out: the run's folder.
        card: its card.
        scores: of the test images.
        rows: of the log.
        pictures: show radiographs of archives under an agreement too.
    """
    shown = pictures or run_page.shows_pictures(card)
    worst = sorted(scores, key=lambda s: (s.lungs.whole.dice, s.case.image_id))[:WORST]
    page = Page(
        title=str(card["title"]),
        card=card,
        rows=rows,
        pictures=[_picture(s) for s in worst] if shown else (),
    )
    run_page.write(out, page)


def _picture(score: Score) -> Picture:
    image, drawn, ignore = read_for_test(score.case)
    whole = score.lungs.whole
    words = (
        f"{score.case.archive} {score.case.image_id}: Dice {whole.dice:.3f}, recall "
        f"{whole.recall:.3f}, precision {whole.precision:.3f}; found in orange, drawn in green"
    )
    return Picture(words, outlines(image, score.found, drawn & ~ignore))


def outlines(image: np.ndarray, found: np.ndarray, drawn: np.ndarray) -> bytes:
    """A PNG of the (H, W) uint8 radiograph with the borders of both (H, W) bool masks on it."""
    canvas = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    for mask, colour in ((drawn, DRAWN), (found, FOUND)):
        lines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, lines, -1, colour, 1)
    return cv2.imencode(".png", canvas)[1].tobytes()
