"""Time, memory and recall of matching many fingerprints on this machine.

    nice -n 10 python benchmarks/duplicates.py [--images 250000] [--workers 2] [--crowd 0]

The fingerprints are made up: drawn with the mean and the variation of rendered chests, so that they
are as alike as chests are. One in a hundred has a near copy planted, cropped by up to 8 % of each
axis and with noise added, one in four of them mirrored or inverted. `--crowd` adds so many noisy
copies of one image. What is left of pairs that were not planted is printed as `not planted`.
"""

import argparse
import resource
import time

import numpy as np

from cxrkit.phantom.anatomy import draw_subject, render
from cxrkit.quality import alignment, fingerprint, groups, near
from cxrkit.quality.fingerprint import SIDE

CHESTS = 150
# Of smooth noise that each has for itself: with it as many pairs are candidates, and as many of
# these pass the first look, as among real chests.
OWN = 2.0
NOISE = 0.3  # in values of a fingerprint, whose spread is about 2.8


def chests() -> np.ndarray:
    """(CHESTS, places) float32 pictures of rendered chests."""
    marks = []
    for number in range(CHESTS):
        rng = np.random.default_rng(10_000 + number)
        marks.append(fingerprint.of(render(draw_subject(rng), 192, 160, rng).radiograph))
    data = np.frombuffer(b"".join(marks), np.uint8).reshape(CHESTS, -1)
    return fingerprint.pictures(data).reshape(CHESTS, -1)


def packed(pictures: np.ndarray) -> np.ndarray:
    """Pictures as fingerprints."""
    values = (np.clip(np.rint(pictures), -7, 7) + 8).astype(np.uint8).reshape(len(pictures), -1, 2)
    return np.asarray(values[:, :, 0] << 4 | values[:, :, 1])


def drawn(number: int, known: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(number, BYTES) fingerprints of made-up chests."""
    mean = known.mean(0)
    out = np.empty((number, fingerprint.BYTES), np.uint8)
    for at in range(0, number, 2000):
        part = out[at : at + 2000]
        weights = rng.standard_normal((len(part), CHESTS), np.float32) / np.sqrt(CHESTS)
        own = rng.standard_normal((len(part), SIDE, SIDE), np.float32)
        smooth = alignment.smoothed(own) * OWN
        part[:] = packed(mean + weights @ (known - mean) + smooth.reshape(len(part), -1))
    return out


def copied(fingerprints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A near copy of each."""
    pictures = fingerprint.pictures(fingerprints)
    place = np.zeros((len(pictures), 4), np.float32)
    for stretch, shift in ((0, 1), (2, 3)):
        before, after = rng.uniform(0, 0.08, (2, len(pictures)))  # of half a side
        place[:, stretch], place[:, shift] = -(before + after) / 2, (before - after) / 2
    pictures = alignment.view(pictures, place)
    pictures[::8] = pictures[::8, :, ::-1]
    pictures[1::8] *= -1
    return packed(pictures + NOISE * rng.standard_normal(pictures.shape).astype(np.float32))


def main() -> None:
    """Draw, match, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=250_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--crowd", type=int, default=0)
    given = parser.parse_args()
    rng = np.random.default_rng(0)
    planted = given.images // 100
    marks = np.empty((given.images + given.crowd, fingerprint.BYTES), np.uint8)
    marks[: given.images - planted] = drawn(given.images - planted, chests(), rng)
    marks[given.images - planted : given.images] = copied(marks[:planted], rng)
    for at in range(given.images, len(marks), 1000):
        part = marks[at : at + 1000]
        noisy = fingerprint.pictures(np.repeat(marks[planted : planted + 1], len(part), 0))
        part[:] = packed(noisy + NOISE * rng.standard_normal(noisy.shape).astype(np.float32))
    print(f"{len(marks):,} fingerprints drawn", flush=True)
    before = resource.getrusage(resource.RUSAGE_SELF)
    began, said = time.perf_counter(), 0.0

    def progress(done: int, total: int) -> None:
        nonlocal said
        taken = time.perf_counter() - began
        if taken - said > 30:
            said = taken
            print(f"  {done:,} of {total:,} after {taken:.0f} s", flush=True)

    links = near.find(marks, given.workers, progress)
    taken = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    group = groups.components(links.first, links.second, len(marks))
    copies = np.arange(planted)
    found = (group[copies] == group[given.images - planted + copies]).mean()
    crowd = np.unique(group[given.images :]).size
    others = np.unique(group).size
    expected = given.images - planted  # the crowd is one of them
    print(f"{len(marks):,} fingerprints, {given.workers} workers: {taken:.0f} s")
    print(f"  processor time {used.ru_utime - before.ru_utime:.0f} s")
    size = marks.nbytes / 2**20
    print(f"  peak memory {used.ru_maxrss / 2**20:.2f} GiB, {size:.0f} MiB of it fingerprints")
    print(f"  planted copies found {found:.4f} of {planted:,}; not compared {links.left_out:,}")
    print(f"  groups of the crowd {crowd}; images {others:,} of {expected:,} that differ")


if __name__ == "__main__":
    main()
