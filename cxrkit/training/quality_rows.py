"""Masks with their true Dice, to learn from what a mask without a drawn one gives away.

Each radiograph gives its own mask, masks of changed copies of it (other exposures, opacities, gas,
devices: where networks fail), and each of these spoilt once, as well as the drawn mask spoilt once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cxrkit.quality.measures import measure
from cxrkit.quality.shape import Shapes
from cxrkit.quality.signals import signals
from cxrkit.segmentation import SIZE, Recipe, clean, preprocess, tell_apart
from cxrkit.terms import MaskConvention
from cxrkit.training import cases
from cxrkit.training.augment import augment, generator
from cxrkit.training.cases import Case
from cxrkit.training.damage import damaged

Kind = Literal["own", "changed", "spoilt", "drawn-spoilt"]
# A network's outputs by convention, each (224, 224) float32 in 0-1 from a preprocessed image.
Infer = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Row:
    """One mask: whose it is, how it came about, its signals, and its true Dice."""

    case: Case
    kind: Kind
    signals: np.ndarray  # (len(signals.NAMES),) float32
    dice: float


def rows(
    listed: Sequence[Case],
    infer: Mapping[MaskConvention, Infer],
    shapes: Mapping[MaskConvention, Shapes],
    copies: int,
    seed: int,
) -> Iterator[Row]:
    """The rows of the cases in order, about `3 + 3 * copies` of each.

    Args:
        listed: radiographs with drawn masks.
        infer: of a network that never saw them.
        shapes: of drawn masks, by convention.
        copies: changed copies of each radiograph.
        seed: of changes and damages.
    """
    drawn: dict[tuple[str, str], list[np.ndarray]] = {}
    for case in listed:
        mask = cases.read_for_test(case)[1]
        drawn.setdefault((case.archive, case.convention), []).append(mask)
    for case in listed:
        others = drawn[case.archive, case.convention]
        for number, (kind, image, lung, ignore) in enumerate(_pictures(case, copies, seed)):
            probability = infer[case.convention](preprocess(image))
            rng = generator(seed, 1, number, case.image_id)
            for name, mask in _masks(kind, probability, lung, others, rng):
                right, left = tell_apart(mask)
                measured = measure(image, right, left, shapes[case.convention])
                found = signals(right, left, probability, measured)
                yield Row(case, name, found, dice(mask & ~ignore, lung & ~ignore))


def _pictures(
    case: Case, copies: int, seed: int
) -> Iterator[tuple[Kind, np.ndarray, np.ndarray, np.ndarray]]:
    """The radiograph as `cxr build` squashes it, then its changed copies: image, lung, ignore."""
    yield "own", *cases.read_for_test(case)
    pair = cases.read(case) if copies else None
    for number in range(1, copies + 1):
        assert pair is not None
        rng = generator(seed, 0, number, case.image_id)
        image, lung, ignore = augment(pair.image, pair.lung, pair.ignore, SIZE, rng)
        yield "changed", image, lung > 0.5, ignore > 0.5


def _masks(
    kind: Kind,
    probability: np.ndarray,
    lung: np.ndarray,
    others: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> Iterator[tuple[Kind, np.ndarray]]:
    own = clean(probability > Recipe().threshold, Recipe())
    if own.any():
        yield kind, own
        yield "spoilt", damaged(own, others, rng)
    if lung.any():
        yield "drawn-spoilt", damaged(lung, others, rng)


def dice(a: np.ndarray, b: np.ndarray) -> float:
    """2|A and B| / (|A| + |B|) of two bool masks; two empty ones agree: 1."""
    total = int(a.sum()) + int(b.sum())
    return 2 * int((a & b).sum()) / total if total else 1.0
