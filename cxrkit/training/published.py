"""CXLSeg's recipe for its lung model to the letter (doi:10.13026/9cy4-f535), with its leak.

Radiographs of four classes are copied with flips, rotations, zooms, crops and scales until the
classes are about as large (3,940 tuberculosis, 3,619 COVID-19, 3,987 pneumonia, 3,850 normal), and
only then are the copies divided 80:10:10 at random: copies of one radiograph come to stand on both
sides. All masks teach one output, whatever convention they follow. Adam at 5e-5, 20 epochs, 224 x
224, CLAHE, BCE + Dice. The page gives neither batch (5, as in its code) nor DropBlock (.9).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrkit.errors import InputRefused
from cxrkit.terms import SPLITS, Split
from cxrkit.training.cases import Case
from cxrkit.training.loop import Recipe

RECIPE = Recipe(
    epochs=20, batch=5, learning_rate=5e-5, optimiser="adam", schedule="constant", weight_decay=0.0
)
KEEP = 0.9
COPIES = {"tuberculosis": 3940, "COVID-19": 3619, "pneumonia": 3987, "normal": 3850}
SHARES: dict[Split, float] = {"train": 0.8, "validate": 0.1, "test": 0.1}


@dataclass(frozen=True)
class Copy:
    """One fixed copy of a radiograph, in the split that the copy was dealt to."""

    case: Case
    number: int  # from 0, which is a changed copy too
    split: Split


def deal(cases: Sequence[Case], total: int, seed: int) -> list[Copy]:
    """`total` copies in the published proportions of the classes, dealt to splits one by one.

    Args:
        cases: radiographs with masks; each class that is there is copied to its share.
        total: 15,396 as published; fewer cost less.
        seed: of the dealing.

    Raises:
        InputRefused: E109, too few copies for the three splits.
    """
    by_class: dict[str, list[Case]] = {}
    for case in cases:
        by_class.setdefault(class_of(case), []).append(case)
    whole = sum(COPIES[name] for name in by_class)
    made: list[tuple[Case, int]] = []
    for name, group in sorted(by_class.items()):
        for k in range(round(total * COPIES[name] / whole)):
            made.append((group[k % len(group)], k // len(group)))
    counts = {split: int(share * len(made)) for split, share in SHARES.items()}
    if min(counts.values()) < 1:
        raise InputRefused(
            "E109", "--copies", f"{total} copies", "enough for three splits", "ask for more"
        )  # fmt: skip
    counts["train"] += len(made) - sum(counts.values())
    dealt = np.random.default_rng([seed, 7]).permutation(
        [SPLITS.index(split) for split, count in counts.items() for _ in range(count)]
    )
    return [Copy(case, number, SPLITS[k]) for (case, number), k in zip(made, dealt, strict=True)]


def class_of(case: Case) -> str:
    """The class that the recipe balances: a key of `COPIES`."""
    labels = case.record.labels
    if labels.get("Tuberculosis") == 1:
        return "tuberculosis"
    if labels.get("Pneumonia") == 1:
        return "pneumonia"
    return "COVID-19" if case.archive == "v7" else "normal"
