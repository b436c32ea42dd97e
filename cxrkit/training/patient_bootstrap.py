"""95 % intervals by resampling patients: several images of one patient are not several witnesses.

Percentile bootstrap (Efron 1979, doi:10.1214/aos/1176344552): patients are drawn with replacement,
as many as there are, and all images of a drawn patient come with it. A resample in which a score
is not defined (no positive image in it, say) is left out of that score's interval, and counted.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 2000
_AT_ONCE = 2_000_000  # numbers held at a time: 16 MB
_DIGITS = 4  # of a score in a card


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval; None where it is not defined."""

    value: float | None
    low: float | None
    high: float | None
    resamples: int  # in which it is defined
    drawn: int  # all of them

    def as_dict(self, name: str) -> dict[str, object]:
        """For a card: {name: value, name_95_interval: [low, high]}, rounded to four digits.

        How many resamples made the interval is added where the score is not defined in all.
        """
        if self.value is None:
            return {name: None}
        found: dict[str, object] = {name: round(self.value, _DIGITS)}
        if self.low is not None and self.high is not None:
            found[f"{name}_95_interval"] = [round(self.low, _DIGITS), round(self.high, _DIGITS)]
        if self.resamples < self.drawn:
            found[f"{name}_resamples"] = self.resamples
        return found


@dataclass(frozen=True)
class Resamples:
    """How often each resample drew each patient, and which patient each image is of."""

    of: np.ndarray  # (images,) number of the image's patient
    drawn: np.ndarray  # (resamples, patients) uint16

    @property
    def patients(self) -> int:
        """How many there are."""
        return int(self.drawn.shape[1])

    def weights(self, images: np.ndarray) -> Iterator[np.ndarray]:
        """How often each of these images is in each resample: (some resamples, images) uint16."""
        patients = self.of[images]
        step = max(1, _AT_ONCE // max(1, len(images)))
        for start in range(0, len(self.drawn), step):
            yield np.take(self.drawn[start : start + step], patients, axis=1)

    def totals(self, images: np.ndarray, values: np.ndarray) -> np.ndarray:
        """The sum of the images' values in each resample: (images, k) to (resamples, k)."""
        by_patient = np.zeros((self.patients, values.shape[1]))
        np.add.at(by_patient, self.of[images], values)
        step = max(1, _AT_ONCE // self.patients)
        parts = range(0, len(self.drawn), step)
        return np.concatenate([self.drawn[p : p + step] @ by_patient for p in parts])


def resample(patients: Sequence[str], resamples: int = RESAMPLES, seed: int = 0) -> Resamples:
    """Draw patients with replacement; an image of an unknown patient ("") is one of its own."""
    names = [f"patient {p}" if p else f"image {i}" for i, p in enumerate(patients)]
    # In the order of their first image: a patient keeps its draws when ids are written otherwise.
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    people, rng = len(number), np.random.default_rng(seed)
    drawn = np.empty((resamples, people), np.uint16)
    for row in drawn:
        row[:] = np.bincount(rng.integers(0, people, people), minlength=people)
    return Resamples(np.array([number[name] for name in names]), drawn)


def estimate(value: float, resampled: np.ndarray) -> Estimate:
    """The estimate of a score from its values in the resamples, NaN where it is not defined."""
    value = float(value)
    if np.isnan(value):
        return Estimate(None, None, None, 0, len(resampled))
    defined = resampled[~np.isnan(resampled)]
    if not len(defined):
        return Estimate(value, None, None, 0, len(resampled))
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, float(low), float(high), len(defined), len(resampled))
