"""Draws the pictures of docs/quality.md and docs/pictures.md from computed radiographs.

    python benchmarks/documentation_pictures.py [FOLDER]

What stands under each is what cxrkit says of it now; the true Dice is against the rendered lungs.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from cxrkit import segmentation
from cxrkit.phantom.anatomy import Phantom, draw_subject, render
from cxrkit.quality import estimate, picture_kind, pictures
from cxrkit.quality.assess import assess
from cxrkit.segmentation import Recipe, segment, squash, tell_apart
from cxrkit.training import damage
from cxrkit.training.quality_rows import dice

FOLDER = Path(__file__).parents[1] / "docs" / "images"
ROWS, COLUMNS = 640, 512  # of a phantom
TILE, LINE, ACROSS = 300, 22, 4  # pixels of a tile and of a line below it, tiles in a row
COLOURS = {"accept": (90, 200, 90), "review": (40, 180, 250), "reject": (90, 90, 250)}  # BGR
WHITE, DARK = (235, 235, 235), (24, 24, 24)

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]
MASKS: dict[str, Change] = {
    "made by the network": lambda mask, rng: mask,
    "grown": damage.grown,
    "shifted": damage.shifted,
    "cut": damage.cut,
    "one lung": damage.one_lung,
    "spilt": damage.spilt,
    "joined": damage.joined,
    "ragged": damage.ragged,
}


def phantom(seed: int, view: str = "PA", findings: tuple[str, ...] = ()) -> Phantom:
    """A computed adult."""
    rng = np.random.default_rng(seed)
    subject = replace(draw_subject(rng), age="adult", stature=1.0, view=view, findings=findings)
    return render(subject, ROWS, COLUMNS, rng)


def masks() -> list[np.ndarray]:
    """Tiles of masks: found, outlined by verdict; rendered, in white; and what is said of it."""
    segmenter, by = segmentation.load("excluded", "onnxruntime"), estimate.load()
    tiles = []
    for seed, (name, change) in enumerate(MASKS.items()):
        shown = phantom(seed)
        image = squash(shown.radiograph)
        lungs = segment(image, segmenter, Recipe())
        mask = change(lungs.mask, np.random.default_rng(seed))
        found = assess(image, *tell_apart(mask), lungs.probability, "excluded", by)
        assert found.estimate is not None
        truth = squash((shown.right_lung | shown.left_lung).astype(np.uint8) * 255) > 127
        said = found.estimate
        words = [
            f"{name}: true Dice {dice(mask, truth):.2f}",
            f"estimated {said.dice:.2f}, 90 %: {said.low:.2f} to {said.high:.2f}",
            " ".join([found.verdict, *(flag.name for flag in found.flags)]),
        ]
        outlines = [(truth, WHITE), (mask, COLOURS[found.verdict])]
        tiles.append(tile(image, words, outlines, COLOURS[found.verdict]))
    return tiles


def checked() -> list[np.ndarray]:
    """Tiles of pictures and the flags of each."""
    network = picture_kind.load()
    first, second = phantom(1).radiograph, phantom(2).radiograph
    lettered = first.copy()
    for row, text in ((40, "DOE JANE 1950-01-01"), (70, "14:35 PORTABLE ERECT")):
        cv2.putText(lettered, text, (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)
    framed = cv2.copyMakeBorder(first, 160, 160, 160, 160, cv2.BORDER_CONSTANT, value=0)
    shown = {
        "as it should be": first,
        "a negative": 255 - first,
        "turned": np.rot90(first, -1),
        "mirrored": first[:, ::-1],
        "from the side": phantom(1, "LATERAL").radiograph,
        "two in one": np.hstack([first, second]),
        "a wide frame": framed,
        "names and times": lettered,
    }
    tiles = []
    for name, picture in shown.items():
        found = pictures.flags(np.ascontiguousarray(picture), network)
        verdict = "review" if found else "accept"
        words = [name, " ".join(flag.name for flag in found) or "no flag"]
        tiles.append(tile(fitted(picture), words, [], COLOURS[verdict]))
    return tiles


def tile(
    image: np.ndarray,
    words: Sequence[str],
    outlines: Sequence[tuple[np.ndarray, tuple[int, int, int]]],
    colour: tuple[int, int, int],
) -> np.ndarray:
    """A gray square with outlines of masks and lines below it, the last one in colour."""
    canvas = cv2.cvtColor(cv2.resize(image, (TILE, TILE)), cv2.COLOR_GRAY2BGR)
    for mask, line in outlines:
        large = cv2.resize(mask.astype(np.uint8), (TILE, TILE), interpolation=cv2.INTER_NEAREST)
        edges, _ = cv2.findContours(large, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, edges, -1, line, 1 if line == WHITE else 2, cv2.LINE_AA)
    foot = np.full((LINE * len(words) + 8, TILE, 3), DARK, np.uint8)
    for number, text in enumerate(words, 1):
        ink = colour if number == len(words) else WHITE
        cv2.putText(foot, text, (6, LINE * number - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.44, ink, 1,
                    cv2.LINE_AA)  # fmt: skip
    return cv2.copyMakeBorder(
        np.vstack([canvas, foot]), 3, 3, 3, 3, cv2.BORDER_CONSTANT, value=(0, 0, 0)
    )


def fitted(picture: np.ndarray) -> np.ndarray:
    """A (H, W) picture in a square, its aspect ratio kept."""
    rows, columns = picture.shape
    side = max(rows, columns)
    up, left = (side - rows) // 2, (side - columns) // 2
    return cv2.copyMakeBorder(
        picture, up, side - rows - up, left, side - columns - left, cv2.BORDER_CONSTANT, value=24
    )


def write(path: Path, tiles: Sequence[np.ndarray]) -> None:
    """All tiles in one PNG file."""
    rows = [np.hstack(tiles[at : at + ACROSS]) for at in range(0, len(tiles), ACROSS)]
    cv2.imwrite(str(path), np.vstack(rows), [cv2.IMWRITE_PNG_COMPRESSION, 9])


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    write(folder / "quality.png", masks())
    write(folder / "pictures.png", checked())
