"""report.html of a run on a finding: how it is detected, and the images that it is worst at."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrkit import finding_masks
from cxrkit.finding_masks import Finder
from cxrkit.imaging import masks, radiograph
from cxrkit.training import curves, finding_cases, ranking, run_page
from cxrkit.training.finding_scores import FindingScore
from cxrkit.training.loop import Row
from cxrkit.training.run_page import Figure, Page, Picture

WORST = 4  # pictures of missed or badly outlined findings, and as many of false ones
_SIDE = 384  # pixels of a picture
_DRAWN, _FOUND = (80, 200, 80), (60, 120, 255)  # blue, green, red: green drawn, orange found


def write(
    out: Path, card: Mapping[str, Any], rows: Sequence[Row], scores: Sequence[FindingScore],
    finder: Finder, pictures: bool,
) -> None:  # fmt: skip
    """Write report.html to the run's folder.

    Args:
        out: the run's folder.
        card: with the scores.
        rows: of the log.
        scores: of the test images.
        finder: that made them.
        pictures: show radiographs of archives under an agreement too.
    """
    shown = worst(scores) if pictures or run_page.shows_pictures(card) else []
    page = Page(
        title=str(card["title"]),
        card=card,
        rows=rows,
        figures=[_roc(scores)],
        pictures=[picture(s, finder) for s in shown],
    )
    run_page.write(out, page)


def worst(scores: Sequence[FindingScore]) -> list[FindingScore]:
    """The sick images with the lowest Dice, then the healthy ones with the largest masks."""
    sick = sorted((s for s in scores if s.drawn), key=lambda s: (s.dice, s.case.image_id))
    healthy = [s for s in scores if s.found and not s.drawn]
    healthy.sort(key=lambda s: (-s.found, s.case.image_id))
    return sick[:WORST] + healthy[:WORST]


def picture(score: FindingScore, finder: Finder) -> Picture:
    """A radiograph with the outlines of what was drawn, green, and of what was found, orange."""
    read = radiograph.read(score.case.image, smallest=finder.size)
    found = finding_masks.find(read, finder).mask
    drawn = finding_cases.read_mask(score.case)
    gray = finding_masks.squash(radiograph.read(score.case.image, smallest=_SIDE).pixels, _SIDE)
    image = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR)
    for mask, colour in ((drawn, _DRAWN), (found, _FOUND)):
        small = masks.resize_mask(mask, _SIDE, _SIDE).astype(np.uint8)
        outlines, _ = cv2.findContours(small, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(image, outlines, -1, colour, 1)
    caption = (
        f"{score.case.archive} {score.case.image_id}: Dice {score.dice:.2f}, largest probability "
        f"{score.probability:.2f}. Green drawn, orange found."
    )
    return Picture(caption, cv2.imencode(".png", image)[1].tobytes())


def _roc(scores: Sequence[FindingScore]) -> Figure:
    """Detection by the largest probability; the dot is the decision of the masks."""
    probability = np.array([s.probability for s in scores])
    truth = np.array([int(s.drawn > 0) for s in scores])
    found = np.array([s.found > 0 for s in scores])
    x, y = ranking.roc(probability, truth)
    used = (float(found[truth == 0].mean()), float(found[truth == 1].mean()))
    note = f"AUROC {ranking.auroc(probability, truth):.3f}"
    words = (
        "Images with the finding told from those without by their largest probability, test "
        "images. The dot: images with a mask, after the threshold and without small parts."
    )
    return Figure(words, curves.roc("Detection", [curves.Curve("float32", x, y, note, used)]))
