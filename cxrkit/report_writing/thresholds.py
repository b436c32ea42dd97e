"""From probabilities to what a report says: which observations are present, unsure, denied."""

from collections.abc import Mapping
from dataclasses import dataclass

from cxrkit.report_writing.bank import DEVICES, ORDER
from cxrkit.report_writing.report import NORMAL, Probabilities

NEVER = 2.0  # a threshold above every probability


@dataclass(frozen=True)
class Threshold:
    """Of one observation, all chosen on validation images or counted in training reports.

    At `present` and above it is said to be present, from `uncertain` up to there to be uncertain
    (never, where the two are equal), and at or below `denied` the findings say that it is absent;
    `denied_again` is for the impression. Where "No Finding" reaches its own `present`, nothing is
    said to be present or uncertain but devices.
    """

    present: float
    uncertain: float
    denied: float
    denied_again: float


def states(
    known: Probabilities, thresholds: Mapping[str, Threshold]
) -> tuple[dict[str, int], dict[str, int]]:
    """What findings and impression say, 1, 0 or -1; an observation without a key is not mentioned.

    The impression repeats what is present or uncertain.
    """
    findings, impression = dict[str, int](), dict[str, int]()
    normal = NORMAL in thresholds and known.get(NORMAL, -1.0) >= thresholds[NORMAL].present
    for name in ORDER:
        if name not in thresholds or name not in known:
            continue
        t, p = thresholds[name], known[name]
        if p >= t.uncertain and (name == DEVICES or not normal):
            findings[name] = impression[name] = 1 if p >= t.present else -1
            continue
        if p <= t.denied:
            findings[name] = 0
        if p <= t.denied_again:
            impression[name] = 0
    return findings, impression
