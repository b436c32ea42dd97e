"""How close a written report is to its reference in what it says: F1 over observations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from cxrkit.terms import OBSERVATIONS

FIVE = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural Effusion")
Policy = Literal["absent", "present", "own"]  # what -1 counts as


@dataclass(frozen=True)
class Counts:
    """Agreement on one observation."""

    both: int = 0
    written_only: int = 0
    reference_only: int = 0

    @property
    def f1(self) -> float | None:
        """2 TP / (2 TP + FP + FN); None where neither side has the observation."""
        total = 2 * self.both + self.written_only + self.reference_only
        return 2 * self.both / total if total else None


@dataclass(frozen=True)
class Clinical:
    """F1 of labels, 0-1. A macro mean leaves out observations that neither side has."""

    micro: float
    macro: float
    micro_five: float
    per_observation: Mapping[str, float | None]


def f1(
    written: Sequence[Mapping[str, int]], reference: Sequence[Mapping[str, int]], policy: Policy
) -> Clinical:
    """Label F1 of written against reference labels over the 14 observations.

    Under "own" an uncertain label is a class of its own beside present. Not CheXbert's F1.
    """
    counts = {o: _count(o, written, reference, policy) for o in OBSERVATIONS}
    scores = {o: _pooled(list(c.values())).f1 for o, c in counts.items()}
    defined = [score for score in scores.values() if score is not None]
    every = [c for by_class in counts.values() for c in by_class.values()]
    five = [c for o in FIVE for c in counts[o].values()]
    return Clinical(
        micro=_pooled(every).f1 or 0.0,
        macro=sum(defined) / len(defined) if defined else 0.0,
        micro_five=_pooled(five).f1 or 0.0,
        per_observation=scores,
    )


def _count(
    observation: str,
    written: Sequence[Mapping[str, int]],
    reference: Sequence[Mapping[str, int]],
    policy: Policy,
) -> dict[int, Counts]:
    classes = (1, -1) if policy == "own" else (1,)
    out = {}
    for state in classes:
        both = written_only = reference_only = 0
        for a, b in zip(written, reference, strict=True):
            mine = _is(a.get(observation), state, policy)
            theirs = _is(b.get(observation), state, policy)
            both += mine and theirs
            written_only += mine and not theirs
            reference_only += theirs and not mine
        out[state] = Counts(both, written_only, reference_only)
    return out


def _is(value: int | None, state: int, policy: Policy) -> bool:
    if policy == "present" and value == -1:
        value = 1
    return value == state


def _pooled(counts: Sequence[Counts]) -> Counts:
    return Counts(
        sum(c.both for c in counts),
        sum(c.written_only for c in counts),
        sum(c.reference_only for c in counts),
    )
