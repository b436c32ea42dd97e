"""A short vector for each fingerprint, close for copies and far apart for other chests.

The size of a picture's Fourier coefficients hardly changes when it is cropped, moved or inverted.
A mirror swaps the coefficients of rising and falling waves: their sums stay, their differences
change sign. What all chests share is taken away, and what tells them apart is weighed by Fisher's
discriminant (1936, doi:10.1111/j.1469-1809.1936.tb02137.x) between chests and their changed copies;
`axes.npz` holds it, learnt from rendered chests by benchmarks/duplicates_axes.py.
"""

from functools import cache
from pathlib import Path

import numpy as np

from cxrkit.quality import fingerprint
from cxrkit.quality.fingerprint import SIDE

WAVES = 12  # along each axis; more are finer than a crop leaves in place
AXES = Path(__file__).with_name("axes.npz")
_BLOCK = 1024  # pictures at a time


def vectors(fingerprints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Two (N, D) float32 arrays of (N, BYTES) fingerprints; together each row has length 1.

    `alike` of two fingerprints is the product of their rows in the first array and the absolute
    product of those in the second: 1 for the same picture or its mirror image.
    """
    mean, of_sums, of_differences = _axes()
    kept = np.empty((len(fingerprints), of_sums.shape[1]), np.float32)
    turned = np.empty((len(fingerprints), of_differences.shape[1]), np.float32)
    for at in range(0, len(fingerprints), _BLOCK):
        part = slice(at, at + _BLOCK)
        sums, differences = waves(fingerprint.pictures(fingerprints[part]))
        kept[part], turned[part] = (sums - mean) @ of_sums, differences @ of_differences
    length = np.sqrt((kept * kept).sum(1) + (turned * turned).sum(1)) + np.float32(1e-9)
    kept /= length[:, None]
    turned /= length[:, None]
    return kept, turned


def waves(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums and differences of rising and falling waves of (N, SIDE, SIDE) pictures.

    (N, WAVES * WAVES) and (N, (WAVES - 1) ** 2) float32; square roots of sizes, so that no wave
    outweighs the rest, less their mean and of length 1 together.
    """
    taper = np.sqrt(np.hanning(SIDE + 2)[1:-1])
    window = np.outer(taper, taper).astype(np.float32)
    centred = (pictures - pictures.mean((1, 2), keepdims=True)) * window
    sizes = np.sqrt(np.abs(np.fft.rfft2(centred)[:, :, :WAVES])).astype(np.float32)
    rising = sizes[:, :WAVES]
    falling = np.roll(sizes, -1, axis=1)[:, ::-1][:, :WAVES]
    both = np.stack([rising, falling], 1).reshape(len(pictures), 2, -1)
    both -= both.mean((1, 2), keepdims=True)
    both /= np.sqrt((both * both).sum((1, 2), keepdims=True)) + np.float32(1e-9)
    sums, differences = both[:, 0] + both[:, 1], both[:, 0] - both[:, 1]
    inner = differences.reshape(-1, WAVES, WAVES)[:, 1:, 1:]
    return sums, inner.reshape(len(pictures), -1)


@cache
def _axes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    with np.load(AXES) as file:
        found = [file[name].astype(np.float32) for name in ("mean", "sums", "differences")]
    return found[0], found[1], found[2]
