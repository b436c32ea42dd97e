"""Rendered chests, and their fingerprints."""

import numpy as np

from cxrkit.phantom.anatomy import draw_subject, render
from cxrkit.quality import fingerprint


def chest(number: int) -> np.ndarray:
    """(288, 256) uint8, another one for each number."""
    rng = np.random.default_rng(number)
    return render(draw_subject(rng), 288, 256, rng).radiograph


def stacked(pictures: list[np.ndarray]) -> np.ndarray:
    """(N, BYTES) uint8 fingerprints."""
    data = b"".join(fingerprint.of(np.ascontiguousarray(p)) for p in pictures)
    return np.frombuffer(data, np.uint8).reshape(len(pictures), -1)
