"""Learn `cxrkit/quality/axes.npz` from rendered chests and their copies; the same bytes each time.

    nice -n 10 python benchmarks/duplicates_axes.py [--chests 400]

No real radiograph is involved. Within is the scatter of a chest and its changed copies, between
that of different chests; the axes are those of the largest quotients, each weighed by how much of
the difference along it is not a copy's.
"""

import argparse

import cv2
import numpy as np

from cxrkit.phantom.anatomy import draw_subject, render
from cxrkit.quality import fingerprint, spectrum

ROWS, COLUMNS = 256, 224
AXES = 48  # of the sums, and of the differences
SMOOTHING = 0.1  # of the mean scatter within, added to each direction


def changed(pixels: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """Copies as they circulate: cropped, framed, equalised."""
    rows, columns = pixels.shape
    out = []
    for share in (0.05, 0.1, 0.1, 0.15):
        height, width = round(rows * (1 - share)), round(columns * (1 - share))
        y, x = rng.integers(rows - height + 1), rng.integers(columns - width + 1)
        out.append(pixels[y : y + height, x : x + width])
    for share in (0.05, 0.1):
        y, x = round(rows * share), round(columns * share)
        out.append(pixels[y : rows - y, x : columns - x])
    out.append(cv2.copyMakeBorder(pixels, 12, 12, 11, 11, cv2.BORDER_CONSTANT, value=0))
    out.append(cv2.createCLAHE(2.0, (8, 8)).apply(pixels))
    return out


def best(between: np.ndarray, within: np.ndarray) -> np.ndarray:
    """(D, AXES): the directions with the most between for their within."""
    within = within + SMOOTHING * np.trace(within) / len(within) * np.eye(len(within))
    root = np.linalg.inv(np.linalg.cholesky(within))
    quotients, vectors = np.linalg.eigh(root @ between @ root.T)
    quotients, vectors = quotients[::-1][:AXES], vectors[:, ::-1][:, :AXES]
    found = root.T @ vectors * np.sqrt(quotients / (1 + quotients))
    return np.asarray(found * np.sign(found[np.abs(found).argmax(0), range(AXES)]))


def main() -> None:
    """Render, learn, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chests", type=int, default=400)
    given = parser.parse_args()
    marks: list[list[bytes]] = []
    for number in range(given.chests):
        rng = np.random.default_rng(number)
        pixels = render(draw_subject(rng), ROWS, COLUMNS, rng).radiograph
        marks.append([fingerprint.of(p) for p in (pixels, *changed(pixels, rng))])
    data = np.frombuffer(b"".join(b for row in marks for b in row), np.uint8)
    pictures = fingerprint.pictures(data.reshape(-1, fingerprint.BYTES))
    found = {}
    for name, features in zip(("sums", "differences"), spectrum.waves(pictures), strict=True):
        by_chest = features.reshape(len(marks), -1, features.shape[1]).astype(np.float64)
        first, copies = by_chest[:, 0], by_chest[:, 1:]
        # The differences of a chest and of its mirror image are each other's negatives: mean 0.
        mean = first.mean(0) if name == "sums" else np.zeros(first.shape[1])
        apart = (copies - first[:, None]).reshape(-1, first.shape[1])
        within = apart.T @ apart / len(apart) / 2
        found[name] = best((first - mean).T @ (first - mean) / len(first), within)
        if name == "sums":
            found["mean"] = mean
    axes = {name: value.astype(np.float32) for name, value in found.items()}
    np.savez(spectrum.AXES, **axes)  # type: ignore[arg-type]  # arrays by name
    print({name: value.shape for name, value in found.items()}, spectrum.AXES.stat().st_size)


if __name__ == "__main__":
    main()
