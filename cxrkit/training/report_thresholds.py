"""Where probabilities become statements: chosen on validation images, for clinical F1.

"No Finding" has no threshold: a report has it where it says nothing else, as the labeler reads it.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxrkit.report_writing.bank import ORDER
from cxrkit.report_writing.report import NORMAL, Probabilities
from cxrkit.report_writing.thresholds import NEVER, Threshold
from cxrkit.training.report_targets import Target

STEPS = 40  # thresholds that are tried for an observation: quantiles of its probabilities
ROUNDS = 5  # passes over the observations; it stops where a pass changes nothing
_DEVICES = ORDER.index("Support Devices")


@dataclass(frozen=True)
class _Truth:
    """Probabilities (n, K) in `ORDER`, and states (n, K): 1, 0 also for not mentioned, -1."""

    probability: np.ndarray
    state: np.ndarray
    normal: np.ndarray  # (n,) bool: "No Finding"


def choose(
    validation: Sequence[Target], known: Sequence[Probabilities], training: Sequence[Target]
) -> dict[str, Threshold]:
    """The thresholds of each observation that the probabilities name.

    Those for "present" give the highest micro F1 over the 14 observations, found by changing one
    after the other. An observation is called uncertain where that raises the F1 that counts
    uncertain as a class of its own and does not lower the first. As many are denied as in the
    reports of training, those with the lowest probabilities.

    Args:
        validation: reports to agree with.
        known: their probabilities.
        training: reports to deny as much as.
    """
    names = [o for o in ORDER if all(o in k for k in known)]
    truth = _Truth(
        np.array([[k.get(o, -1.0) for o in ORDER] for k in known]).reshape(-1, len(ORDER)),
        np.array([[t.labels.get(o, 0) for o in ORDER] for t in validation]),
        np.array([t.labels.get(NORMAL) == 1 for t in validation]),
    )
    present = np.full(len(ORDER), NEVER)
    for k in (ORDER.index(o) for o in names):
        present[k] = _best(truth, k, present, functools.partial(_own_f1, truth, k))
    present = _climbed(truth, names, present, lambda p: (_f1(truth, p, p), p.sum()))
    floor = _f1(truth, present, present)

    def with_uncertain(lower: np.ndarray) -> tuple[float, float]:
        lower = np.minimum(lower, present)
        enough = _f1(truth, present, lower) >= floor
        return (_f1_of_three(truth, present, lower) if enough else -1.0), lower.sum()

    lower = np.minimum(_climbed(truth, names, present, with_uncertain), present)
    labels, sections = [t.labels for t in training], [t.said for t in training]
    shares = {
        o: [_share(o, labels, [said[section] for said in sections]) for section in (0, 1)]
        for o in names
    }
    chosen = {}
    for o in names:
        k = ORDER.index(o)
        free = np.sort(truth.probability[truth.probability[:, k] < lower[k], k])
        denied = [_lowest(free, share) for share in shares[o]]
        chosen[o] = Threshold(float(present[k]), float(lower[k]), *denied)
    return chosen


Score = Callable[[np.ndarray], tuple[float, float]]  # of thresholds; the second breaks ties


def _climbed(truth: _Truth, names: Sequence[str], start: np.ndarray, score: Score) -> np.ndarray:
    """Thresholds that no change of a single one makes better."""
    now = start.copy()
    for _ in range(ROUNDS):
        before = now.copy()
        for name in names:
            k = ORDER.index(name)
            now[k] = _best(truth, k, now, score)
        if (now == before).all():
            break
    return now


def _best(truth: _Truth, k: int, now: np.ndarray, score: Score) -> float:
    """The threshold of one observation with the highest score, the others as they are."""
    tried = np.unique(np.quantile(truth.probability[:, k], np.linspace(0, 1, STEPS)))
    changed = np.repeat(now[None], len(tried) + 2, axis=0)
    changed[:, k] = [now[k], *tried, NEVER]
    return float(max(changed, key=score)[k])


def _own_f1(truth: _Truth, k: int, present: np.ndarray) -> tuple[float, float]:
    """F1 of one observation; of two thresholds as good the higher one."""
    return _pooled(truth.probability[:, k] >= present[k], truth.state[:, k] == 1), present[k]


def _f1(truth: _Truth, present: np.ndarray, lower: np.ndarray) -> float:
    """Micro F1 where uncertain counts as absent, "No Finding" among the observations."""
    said = truth.probability >= present
    normal = _normal(truth.probability >= lower)
    return _pooled(np.column_stack([said, normal]), np.column_stack([truth.state == 1,
                                                                      truth.normal]))  # fmt: skip


def _f1_of_three(truth: _Truth, present: np.ndarray, lower: np.ndarray) -> float:
    """Micro F1 where uncertain is a class of its own."""
    said = truth.probability >= present
    unsure = (truth.probability >= lower) & ~said
    written = [said, unsure, _normal(said | unsure)]
    meant = [truth.state == 1, truth.state == -1, truth.normal]
    return _pooled(np.column_stack(written), np.column_stack(meant))


def _normal(said: np.ndarray) -> np.ndarray:
    return np.asarray(~np.delete(said, _DEVICES, axis=1).any(axis=1))


def _pooled(written: np.ndarray, meant: np.ndarray) -> float:
    both = int((written & meant).sum())
    total = int(written.sum()) + int(meant.sum())
    return 2 * both / total if total else 0.0


def _share(
    name: str, whole: Sequence[Mapping[str, int]], section: Sequence[Mapping[str, int] | None]
) -> float:
    """Of the reports with the section that do not name it otherwise, those that deny it there."""
    asked = [
        part.get(name) == 0
        for labels, part in zip(whole, section, strict=True)
        if part is not None and not labels.get(name)
    ]
    return sum(asked) / len(asked) if asked else 0.0


def _lowest(ranked: np.ndarray, share: float) -> float:
    """The probability up to which a share of the ranked ones lie; below all where it is none."""
    count = round(share * len(ranked))
    return float(ranked[count - 1]) if count else -1.0
