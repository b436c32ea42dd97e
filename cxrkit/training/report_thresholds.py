"""Where probabilities become statements: chosen on validation images, for clinical F1."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cxrkit.report_writing.bank import DEVICES, ORDER
from cxrkit.report_writing.report import NORMAL, Probabilities
from cxrkit.report_writing.thresholds import NEVER, Threshold
from cxrkit.training.report_targets import Target

STEPS = 40  # thresholds that are tried for an observation: quantiles of its probabilities
ROUNDS = 5  # passes over the observations; it stops where a pass changes nothing
_COLUMNS = (*ORDER, NORMAL)
_ILL = np.array([o not in (DEVICES, NORMAL) for o in _COLUMNS])


@dataclass(frozen=True)
class _Truth:
    """Probabilities (n, K) of `_COLUMNS`, and states (n, K): 1, -1, and 0 also for not mentioned.

    An observation without a probability has -1, which no threshold reaches.
    """

    probability: np.ndarray
    state: np.ndarray


Score = Callable[[np.ndarray], tuple[float, float]]  # of (K,) thresholds; the second breaks ties


def choose(
    validation: Sequence[Target], known: Sequence[Probabilities], training: Sequence[Target]
) -> dict[str, Threshold]:
    """The thresholds of each observation that the probabilities name.

    Those for "present" give the highest micro F1 over the 14 observations that changing one after
    the other leads to. An observation is called uncertain where that raises the F1 that counts
    uncertain as a class of its own and does not lower the first. As many are denied as in the
    reports of training, those with the lowest probabilities.

    Args:
        validation: reports to agree with.
        known: their probabilities.
        training: reports to deny as much as.
    """
    truth = _Truth(
        np.array([[k.get(o, -1.0) for o in _COLUMNS] for k in known]),
        np.array([[t.labels.get(o, 0) for o in _COLUMNS] for t in validation]),
    )
    names = [o for o in _COLUMNS if all(o in k for k in known)]
    present = _present(truth, names)
    lower = _uncertain(truth, [o for o in names if o != NORMAL], present)
    denied = _denied(truth, names, lower, training)
    return {
        o: Threshold(float(present[k]), float(lower[k]), *denied.get(o, (-1.0, -1.0)))
        for k, o in enumerate(_COLUMNS)
        if o in names
    }


def _present(truth: _Truth, names: Sequence[str]) -> np.ndarray:
    """From which probability on each is present; also from saying nothing at all upwards.

    A weak classifier shall do no worse than a report that says nothing.
    """
    silent = np.full(len(_COLUMNS), NEVER)
    own = silent.copy()
    for k in (_COLUMNS.index(o) for o in names if o != NORMAL):
        own[k] = _best(truth, k, own, functools.partial(_own_f1, truth, k))
    score = functools.partial(_f1_of_two, truth)
    tops = [_climbed(truth, names, start, score) for start in (own, silent)]
    return np.asarray(max(tops, key=score))


def _uncertain(truth: _Truth, names: Sequence[str], present: np.ndarray) -> np.ndarray:
    """From which probability on each is uncertain, at most where it is present."""
    floor = _f1(truth, present, present)

    def score(lower: np.ndarray) -> tuple[float, float]:
        lower = np.minimum(lower, present)
        kept = _f1(truth, present, lower) >= floor
        return (_f1_of_three(truth, present, lower) if kept else -1.0), float(lower.sum())

    return np.asarray(np.minimum(_climbed(truth, names, present, score), present))


def _climbed(truth: _Truth, names: Sequence[str], start: np.ndarray, score: Score) -> np.ndarray:
    """Thresholds that no change of a single one makes better."""
    now = start.copy()
    for _ in range(ROUNDS):
        before = now.copy()
        for k in (_COLUMNS.index(o) for o in names):
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
    f1 = _pooled(truth.probability[:, k] >= present[k], truth.state[:, k] == 1)
    return f1, float(present[k])


def _f1_of_two(truth: _Truth, present: np.ndarray) -> tuple[float, float]:
    """Micro F1 with nothing uncertain; of thresholds as good those that say less."""
    return _f1(truth, present, present), float(present.sum())


def _f1(truth: _Truth, present: np.ndarray, lower: np.ndarray) -> float:
    """Micro F1 over the 14 observations where uncertain counts as absent."""
    return _pooled(_said(truth, present, lower)[0], truth.state == 1)


def _f1_of_three(truth: _Truth, present: np.ndarray, lower: np.ndarray) -> float:
    """Micro F1 over the 14 observations where uncertain is a class of its own."""
    written = np.column_stack(_said(truth, present, lower))
    return _pooled(written, np.column_stack([truth.state == 1, truth.state == -1]))


def _said(truth: _Truth, present: np.ndarray, lower: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What reports say is present, and what uncertain, (n, K) bool; as `thresholds.states`."""
    normal = truth.probability[:, -1] >= present[-1]
    told = (truth.probability >= lower) & ~(normal[:, None] & _ILL)
    sure = told & (truth.probability >= present)
    sure[:, -1] = ~told[:, _ILL].any(axis=1)
    unsure = told & ~sure
    unsure[:, -1] = False
    return sure, unsure


def _pooled(written: np.ndarray, meant: np.ndarray) -> float:
    both = int((written & meant).sum())
    total = int(written.sum()) + int(meant.sum())
    return 2 * both / total if total else 0.0


def _denied(
    truth: _Truth, names: Sequence[str], lower: np.ndarray, training: Sequence[Target]
) -> dict[str, tuple[float, float]]:
    """Up to which probability the findings and the impression say that each is absent."""
    labels, sections = [t.labels for t in training], [t.said for t in training]
    out = {}
    for o in (o for o in names if o != NORMAL):
        k = _COLUMNS.index(o)
        free = np.sort(truth.probability[truth.probability[:, k] < lower[k], k])
        shares = [_share(o, labels, [said[section] for said in sections]) for section in (0, 1)]
        out[o] = (_lowest(free, shares[0]), _lowest(free, shares[1]))
    return out


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
