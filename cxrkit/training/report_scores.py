"""How good written reports are, for the card, the page and the table of a report model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from cxrkit.labelling import scores
from cxrkit.labelling.scores import Scores
from cxrkit.report_writing.report import Report
from cxrkit.reports import labeler
from cxrkit.reports.clinical import Policy
from cxrkit.terms import OBSERVATIONS
from cxrkit.training.patient_bootstrap import estimate, resample
from cxrkit.training.report_targets import Target


@dataclass(frozen=True)
class Written:
    """The reports that one way of writing gave for the test images, and their scores."""

    name: str
    reports: tuple[Report, ...]
    scores: Scores


def judge(name: str, reports: Sequence[Report], targets: Sequence[Target]) -> Written:
    """The scores of reports for targets in the same order, those of `cxr score reports`."""
    found = scores.score([r.text for r in reports], [t.text for t in targets])
    return Written(name, tuple(reports), found)


def as_card(every: Sequence[Written], targets: Sequence[Target]) -> dict[str, object]:
    """What a card says of the written reports, the floor of a constant report beside them.

    The floor is that of `cxr score reports`: the most frequent normal report of the test images
    themselves, so that it is no model but the best that saying nothing can do.
    """
    references = [t.text for t in targets]
    constant, floor = scores.floor(references)
    meant = [dict(t.labels) for t in targets]
    patients = [f"{t.sample.archive}:{t.sample.patient_id}" for t in targets]
    said = {w.name: [labeler.label(r.text) for r in w.reports] for w in every}
    said["constant report"] = [labeler.label(constant)] * len(targets)
    found = {w.name: w.scores for w in every} | {"constant report": floor}
    return {
        "reports": {
            name: {**_clinical(said[name], meant, patients, s), **_wording(s)}
            for name, s in found.items()
        },
        "label_f1_of_observations": _observations(found, said, meant),
    }


def _clinical(
    said: Sequence[dict[str, int]], meant: Sequence[dict[str, int]], patients: Sequence[str],
    found: Scores,
) -> dict[str, object]:  # fmt: skip
    """Label F1 under each policy; micro F1 with its interval over patients."""
    drawn = resample(patients)
    counts = np.array([_hits(a, b) for a, b in zip(said, meant, strict=True)], float)
    totals = drawn.totals(np.arange(len(said)), counts)
    with np.errstate(invalid="ignore"):
        resampled = 2 * totals[:, 0] / totals[:, 1]
    micro = estimate(found.labels["absent"].micro, resampled)
    out: dict[str, object] = dict(micro.as_dict("label_f1_micro"))
    out["label_f1_macro"] = round(found.labels["absent"].macro, 4)
    out["label_f1_five"] = round(found.labels["absent"].micro_five, 4)
    for policy in get_args(Policy)[1:]:
        out[f"label_f1_micro_uncertain_{policy}"] = round(found.labels[policy].micro, 4)
    return out


def _hits(said: dict[str, int], meant: dict[str, int]) -> tuple[int, int]:
    """Observations that both say are present, and how often either does: F1 is 2 first / second."""
    mine = {o for o, state in said.items() if state == 1}
    theirs = {o for o, state in meant.items() if state == 1}
    return len(mine & theirs), len(mine) + len(theirs)


def _wording(found: Scores) -> dict[str, float]:
    return {
        **{f"bleu_{n}": round(score, 4) for n, score in enumerate(found.bleu, 1)},
        "rouge_l": round(found.rouge_l, 4),
        "cider_d": round(found.cider_d, 4),
        "meteor_lite": round(found.meteor_lite, 4),
    }


def _observations(
    found: dict[str, Scores], said: dict[str, list[dict[str, int]]], meant: list[dict[str, int]]
) -> dict[str, dict[str, object]]:
    """By observation: how many references have it, and of each way of writing, how many and F1."""
    out: dict[str, dict[str, object]] = {}
    for o in OBSERVATIONS:
        row: dict[str, object] = {"references": sum(m.get(o) == 1 for m in meant)}
        for name, scored in found.items():
            value = scored.labels["absent"].per_observation[o]
            row[f"{name}, written"] = sum(s.get(o) == 1 for s in said[name])
            row[f"{name}, F1"] = None if value is None else round(value, 4)
        out[o] = row
    return out
