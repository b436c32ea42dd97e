"""Recall and precision on real radiographs that no constant was chosen on."""

import hashlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from radiograph_changes import CHANGES

from cxrkit.imaging import radiograph, raster
from cxrkit.quality import fingerprint, near
from cxrkit.quality.groups import components
from cxrkit.segmentation import SIZE

# V7 is left out: the thresholds were chosen on it.
REPORTED = ("guangzhou/chest_xray/train/*/*.jpeg", "shenzhen/images/*.png",
            "chestx-ray14/images/*.png")  # fmt: skip
FIVE = ("exact", "JPEG 50", "half the size", "brighter by 40", "mirrored")
LEAST = {"exact": 0.98, "JPEG 90": 0.98, "JPEG 50": 0.98, "half the size": 0.95,
         "resized to 224 x 224": 0.95, "1.5 times the size": 0.95, "brighter by 40": 0.95,
         "darker by 40": 0.95, "mirrored": 0.95, "cropped 5 %": 0.95,
         "cropped 10 %": 0.85}  # fmt: skip


def chosen(root: Path, number: int) -> list[Path]:
    """So many files, by a hash of their names."""
    paths = [path for pattern in REPORTED for path in root.glob(pattern)]
    assert len(paths) > 400
    return sorted(paths, key=lambda p: hashlib.sha256(p.name.encode()).hexdigest())[:number]


def mark(pixels: np.ndarray) -> bytes:
    """The fingerprint, from pixels reduced as a file's are."""
    factor = raster.reduction(*pixels.shape, SIZE)
    return fingerprint.of(raster.shrink(np.ascontiguousarray(pixels), factor))


def stacked(marks: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(marks), np.uint8).reshape(-1, fingerprint.BYTES)


@pytest.fixture(scope="module")
def originals(real_data: Path) -> list[np.ndarray]:
    return [radiograph.read(path).pixels for path in chosen(real_data, 200)]


def test_copies_are_found_and_nothing_else(originals: list[np.ndarray]) -> None:
    """200 images and five changes of each: 1,200 in which 200 groups of six are hidden."""
    rng = np.random.default_rng(1)
    changed = [CHANGES[name](pixels, rng) for name in FIVE for pixels in originals]
    marks = stacked([mark(pixels) for pixels in (*originals, *changed)])
    links = near.find(marks)
    number = len(originals)
    group = components(links.first, links.second, len(marks))
    truth = np.tile(np.arange(number), 1 + len(FIVE))
    for at, name in enumerate(FIVE, 1):
        recall = (group[at * number : (at + 1) * number] == group[:number]).mean()
        assert recall >= LEAST[name], name
    assert precision(group, truth) >= 0.99


def precision(group: np.ndarray, truth: np.ndarray) -> float:
    """Of the pairs in one group, the share that are copies."""
    pairs = Counter(group.tolist())
    good = Counter(zip(group.tolist(), truth.tolist(), strict=True))
    said = sum(n * (n - 1) for n in pairs.values())
    return sum(n * (n - 1) for n in good.values()) / said


@pytest.mark.slow
def test_every_change(originals: list[np.ndarray]) -> None:
    """Prints the table of docs/duplicates.md: pytest -m slow -s -k every_change."""
    rng = np.random.default_rng(2)
    number = len(originals)
    base = [mark(pixels) for pixels in originals]
    print()
    for name, change in CHANGES.items():
        marks = stacked([*base, *(mark(change(pixels, rng)) for pixels in originals)])
        links = near.find(marks)
        group = components(links.first, links.second, len(marks))
        recall = (group[:number] == group[number:]).mean()
        exact = precision(group, np.tile(np.arange(number), 2)) if len(links.first) else 1.0
        print(f"| {name} | {recall:.3f} | {exact:.4f} |")
        assert recall >= LEAST.get(name, 0.0), name
        assert exact >= 0.99, name
