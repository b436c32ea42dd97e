"""Classifiers on the same test images side by side, and how sure their difference is.

The images of a patient are drawn together, and each resample is scored by both classifiers, so the
interval is that of the difference (paired), which is narrower than that of either score.
"""

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from cxrkit.training import ranking
from cxrkit.training.card_tables import Table
from cxrkit.training.classification_scores import Predictions
from cxrkit.training.patient_bootstrap import Estimate, Resamples, estimate, resample

MEAN = "mean of the observations"


def differences(
    runs: Mapping[str, Predictions],
) -> dict[str, dict[str, dict[str, dict[str, object]]]]:
    """For each observation and each pair of runs, both AUROCs and their difference, for a card.

    Args:
        runs: by name; the same observations, images, truth and patients in the same order.
    """
    first = next(iter(runs.values()))
    drawn = resample(first.patients)
    areas = {name: _areas(found, drawn) for name, found in runs.items()}
    names = list(first.observations)
    rows = {name: k for k, name in enumerate(names)} | ({MEAN: -1} if len(names) > 1 else {})
    return {
        name: {
            f"{b} - {a}": {
                a: _score(areas[a][:, k]).as_dict("auroc"),
                b: _score(areas[b][:, k]).as_dict("auroc"),
                "difference": _score(areas[b][:, k] - areas[a][:, k]).as_dict("auroc"),
            }
            for a, b in combinations(runs, 2)
        }
        for name, k in rows.items()
    }


def table(runs: Mapping[str, Predictions]) -> Table:
    """A row for each observation and pair, each AUROC with its 95 % interval."""
    rows = []
    for name, pairs in differences(runs).items():
        for pair, found in pairs.items():
            b, a = pair.split(" - ")
            scores = (f"{a} {_cell(found[a])}", f"{b} {_cell(found[b])}")
            rows.append((name, *scores, f"{pair} {_cell(found['difference'], signed=True)}"))
    columns = ("observation", "AUROC", "AUROC", "difference")
    note = "95 % intervals, paired bootstrap over patients of the same test images"
    return Table("Inputs compared", columns, tuple(rows), note)


def text(found: Table) -> str:
    """The table for a terminal."""
    lines = [found.columns, *found.rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(found.columns))]
    padded = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in lines]
    return "\n".join([*(line.rstrip() for line in padded), found.note])


def _areas(found: Predictions, drawn: Resamples) -> np.ndarray:
    """(1 + resamples, K + 1): AUROC as it is, then of each resample; the last column the mean."""
    columns = []
    for k in range(len(found.observations)):
        known = np.flatnonzero(np.isfinite(found.truth[:, k]))
        probability, truth = found.probability[known, k], found.truth[known, k]
        resampled = ranking.resampled_areas(probability, truth, known, drawn)[:, 0]
        columns.append(np.append(ranking.auroc(probability, truth), resampled))
    each = np.stack(columns, axis=1)
    return np.concatenate([each, each.mean(axis=1, keepdims=True)], axis=1)


def _score(values: np.ndarray) -> Estimate:
    return estimate(float(values[0]), values[1:])


def _cell(found: Mapping[str, object], signed: bool = False) -> str:
    value, interval = found["auroc"], found.get("auroc_95_interval")
    form = "+.3f" if signed else ".3f"
    if not isinstance(value, float) or not isinstance(interval, list):
        return "not defined"
    return f"{value:{form}} [{interval[0]:{form}}, {interval[1]:{form}}]"
