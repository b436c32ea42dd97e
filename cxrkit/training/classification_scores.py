"""How well observations are found: ranking, decisions at a threshold, calibration, by subgroup.

Truth is 1, 0, or NaN where an image says nothing about the observation; such an image counts for
the others only. Thresholds are chosen on validation images and applied to test images. Intervals
are 95 %, by bootstrap over patients: each resample draws the patients once, for all observations
and subgroups alike, and one in which a score is not defined is left out of its interval.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from cxrkit.errors import GateFailed, InputRefused
from cxrkit.training import ranking
from cxrkit.training.calibration import Calibration, calibration
from cxrkit.training.calibration import temperature as temperature
from cxrkit.training.patient_bootstrap import RESAMPLES, Estimate, Resamples, estimate, resample
from cxrkit.training.ranking import auprc as auprc
from cxrkit.training.ranking import auroc as auroc
from cxrkit.training.ranking import precision_recall as precision_recall
from cxrkit.training.ranking import roc as roc

Rule = Literal["youden", "sensitivity"]
RULES: tuple[Rule, ...] = get_args(Rule)
UNKNOWN = "unknown"  # the subgroup of images whose value is blank
_AREAS = ("auroc", "auprc")
_SHARES = ("sensitivity", "specificity", "ppv", "npv", "f1", "accuracy")
ESTIMATES = (*_AREAS, *_SHARES)


@dataclass(frozen=True)
class OperatingPoint:
    """From which probability an observation counts as found, and how that was chosen."""

    threshold: float
    rule: str  # in words
    sensitivity: float  # on the images it was chosen on
    specificity: float

    def as_dict(self) -> dict[str, object]:
        """For a card; the threshold in full, since predictions are made with it."""
        return {
            "threshold": self.threshold,
            "rule": self.rule,
            "sensitivity_validate": round(self.sensitivity, 4),
            "specificity_validate": round(self.specificity, 4),
        }


@dataclass(frozen=True)
class Predictions:
    """Probabilities and truth of a split, (N images, K observations)."""

    observations: tuple[str, ...]
    probability: np.ndarray  # (N, K) in 0-1
    truth: np.ndarray  # (N, K) 1, 0, NaN
    patients: Sequence[str]  # of each image; "" is not known
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)  # "sex": of each image
    split: str = "test"


@dataclass(frozen=True)
class Confusion:
    """Images at the threshold."""

    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int


@dataclass(frozen=True)
class Scores:
    """How one observation is found in one set of images."""

    images: int  # whose truth is known
    positive: int
    threshold: float
    estimates: Mapping[str, Estimate]  # by the names in ESTIMATES
    confusion: Confusion
    calibration: Calibration | None  # None where there is no image

    def as_dict(self) -> dict[str, Any]:
        """For a card, rounded to four digits; None is not defined."""
        found = {"images": self.images, "positive": self.positive, **_as_dict(self.estimates)}
        found["at_threshold"] = {"threshold": self.threshold, **found["at_threshold"]}
        found["confusion"] = dict(vars(self.confusion))
        if self.calibration:
            found["calibration"] = self.calibration.as_dict()
        return found


@dataclass(frozen=True)
class Report:
    """All scores of a split."""

    split: str
    images: int
    patients: int
    observations: Mapping[str, Scores]
    macro: Mapping[str, Estimate]  # mean over observations; None where one is not defined
    micro: Mapping[str, Estimate]  # all pairs of image and observation as one
    subgroups: Mapping[str, Mapping[str, Mapping[str, Scores]]]  # attribute, value, observation

    def as_dict(self) -> dict[str, object]:
        """For a card, rounded to four digits."""
        averages = {"macro": self.macro, "micro": self.micro}
        return {
            "split": self.split,
            "images": self.images,
            "patients": self.patients,
            "intervals": "95 %, bootstrap over patients; resamples without a class are left out",
            "observations": {name: s.as_dict() for name, s in self.observations.items()},
            "averages": {kind: _as_dict(found) for kind, found in averages.items()},
            "subgroups": {
                attribute: {
                    value: {name: _without_plots(s.as_dict()) for name, s in scores.items()}
                    for value, scores in values.items()
                }
                for attribute, values in self.subgroups.items()
            },
        }


def operating_point(
    probability: np.ndarray,
    truth: np.ndarray,
    rule: Rule = "youden",
    target: float = 0.90,
    observation: str = "observation",
    split: str = "validate",
) -> OperatingPoint:
    """The threshold of an observation, one of its probabilities; that one and above count as found.

    Args:
        probability: (n,) of validation images.
        truth: (n,) 1, 0, NaN.
        rule: "youden", the largest sum of sensitivity and specificity (Youden 1950), of several the
            more sensitive one; "sensitivity", the highest threshold that is sensitive enough.
        target: the least sensitivity of the second rule; the first has no use for it.
        observation: its name, for the message.
        split: its name, for the message.

    Raises:
        InputRefused: E107, no such rule or target; E108, a class is missing.
    """
    if rule not in RULES or not 0 < target <= 1:
        raise InputRefused(
            "E107", "--operating-point", f"rule {rule}, target {target:g}",
            f"one of {', '.join(RULES)}, a target above 0 and up to 1", "choose one of them",
        )  # fmt: skip
    known = ~np.isnan(truth)
    found, true = probability[known].astype(np.float64), truth[known]
    require_classes(true, observation, split)
    values = np.unique(found)
    positive, negative = np.sort(found[true == 1]), np.sort(found[true == 0])
    hit = len(positive) - np.searchsorted(positive, values, side="left")
    clear = np.searchsorted(negative, values, side="left")
    if rule == "youden":
        best = int(np.argmax(hit * len(negative) + clear * len(positive)))  # whole numbers: exact
        words = "largest sum of sensitivity and specificity"
    else:
        best = int(np.flatnonzero(hit / len(positive) >= target)[-1])
        words = f"highest threshold with a sensitivity of {target:g}"
    return OperatingPoint(
        float(values[best]), words, float(hit[best] / len(positive)),
        float(clear[best] / len(negative)),
    )  # fmt: skip


def score(
    found: Predictions,
    thresholds: Mapping[str, float],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """All scores of the predictions.

    Args:
        found: of the test images.
        thresholds: of each observation, chosen on validation images.
        resamples: of the patients.
        seed: of the resamples.

    Raises:
        InputRefused: E108, an observation lacks a class, or truth is none of 1, 0, NaN.
        GateFailed: E901, a probability is not a number in 0-1.
    """
    _require_sound(found)
    drawn = resample(found.patients, resamples, seed)
    everyone = np.arange(len(found.truth))
    whole = _by_observation(found, everyone, thresholds, drawn)
    pooled = _pooled(found, thresholds, drawn)
    values = {name: np.mean([r.values[name] for r in whole.values()], axis=0) for name in ESTIMATES}
    subgroups = {}
    for attribute, given in found.groups.items():
        of = np.array([value or UNKNOWN for value in given])
        subgroups[attribute] = {
            value: {
                name: r.scores
                for name, r in _by_observation(
                    found, np.flatnonzero(of == value), thresholds, drawn
                ).items()
            }
            for value in sorted(set(of.tolist()), key=lambda v: (v == UNKNOWN, v))
        }
    return Report(
        found.split,
        len(everyone),
        drawn.patients,
        {name: r.scores for name, r in whole.items()},
        {name: estimate(v[0], v[1:]) for name, v in values.items()},
        {name: estimate(v[0], v[1:]) for name, v in pooled.items()},
        subgroups,
    )


def require_classes(truth: np.ndarray, observation: str, split: str) -> None:
    """Pass where the truth of an observation holds positive and negative images.

    Raises:
        InputRefused: E108.
    """
    for value, word in ((1, "positive"), (0, "negative")):
        if not (truth == value).any():
            raise InputRefused(
                "E108", observation, f"no {word} image in the split {split}",
                "positive and negative ones", "leave this observation out, or split otherwise",
            )  # fmt: skip


def age_group(age: float | None) -> str:
    """The subgroup of an age in years, "" where it is not known."""
    if age is None or np.isnan(age):
        return ""
    return next((name for limit, name in _AGES if age < limit), "80 and over")


_AGES = ((18, "0 to 17"), (40, "18 to 39"), (60, "40 to 59"), (80, "60 to 79"))


@dataclass(frozen=True)
class _Resampled:
    """Scores, and each estimate as it is (place 0) and in the resamples (from place 1)."""

    scores: Scores
    values: Mapping[str, np.ndarray]


def _by_observation(
    found: Predictions, images: np.ndarray, thresholds: Mapping[str, float], drawn: Resamples
) -> dict[str, _Resampled]:
    scored = {}
    for place, name in enumerate(found.observations):
        known = images[~np.isnan(found.truth[images, place])]
        probability = found.probability[known, place].astype(np.float64)
        truth = found.truth[known, place].astype(np.float64)
        values, confusion = _measured(probability, truth, known, thresholds[name], drawn)
        scores = Scores(
            len(known),
            int(truth.sum()),
            thresholds[name],
            {key: estimate(v[0], v[1:]) for key, v in values.items()},
            confusion,
            calibration(probability, truth) if len(known) else None,
        )
        scored[name] = _Resampled(scores, values)
    return scored


def _pooled(
    found: Predictions, thresholds: Mapping[str, float], drawn: Resamples
) -> dict[str, np.ndarray]:
    known = ~np.isnan(found.truth)
    limits = np.broadcast_to([thresholds[name] for name in found.observations], known.shape)
    probability, truth = (x[known].astype(np.float64) for x in (found.probability, found.truth))
    return _measured(probability, truth, np.nonzero(known)[0], limits[known], drawn)[0]


def _measured(
    probability: np.ndarray,
    truth: np.ndarray,
    images: np.ndarray,
    threshold: float | np.ndarray,
    drawn: Resamples,
) -> tuple[dict[str, np.ndarray], Confusion]:
    """Each of ESTIMATES as it is and in the resamples, and the images at the threshold."""
    above = probability >= threshold
    cells = np.stack([above & (truth == 1), above & (truth == 0),
                      ~above & (truth == 1), ~above & (truth == 0)], axis=1)  # fmt: skip
    counts = cells.sum(axis=0)
    shares = _shares(np.vstack([counts, drawn.totals(images, cells)]))
    once = [ranking.auroc(probability, truth), ranking.auprc(probability, truth)]
    both = 0 < truth.sum() < len(truth)
    areas = (
        ranking.resampled_areas(probability, truth, images, drawn)
        if both
        else np.full((len(drawn.drawn), 2), np.nan)
    )
    values = dict(zip(_AREAS, np.vstack([once, areas]).T, strict=True)) | shares
    return values, Confusion(*(int(n) for n in counts))


def _as_dict(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    """Estimates for a card, those of decisions apart."""
    areas, shares = (
        {key: value for name in names for key, value in estimates[name].as_dict(name).items()}
        for names in (_AREAS, _SHARES)
    )
    return {**areas, "at_threshold": shares}


def _without_plots(scores: dict[str, Any]) -> dict[str, Any]:
    """Scores of a subgroup without the points of its reliability plot, which would fill a card."""
    scores.get("calibration", {}).pop("reliability", None)
    return scores


def _shares(cells: np.ndarray) -> dict[str, np.ndarray]:
    """The shares of (n, 4) confusion counts; NaN where nothing stands below the line.

    F1 needs a positive image too: without one it would be 0 however good the decisions are.
    """
    hit, false, missed, clear = cells.T.astype(np.float64)
    f1 = 2 * hit / np.where(hit + missed > 0, 2 * hit + false + missed, np.nan)
    with np.errstate(invalid="ignore"):
        found = (
            hit / (hit + missed), clear / (clear + false), hit / (hit + false),
            clear / (clear + missed), f1,
            (hit + clear) / (hit + false + missed + clear),
        )  # fmt: skip
    return dict(zip(_SHARES, found, strict=True))


def _require_sound(found: Predictions) -> None:
    for place, name in enumerate(found.observations):
        truth, probability = found.truth[:, place], found.probability[:, place]
        other = ~np.isnan(truth) & (truth != 0) & (truth != 1)
        if other.any():
            raise InputRefused(
                "E108", name, f"{int(other.sum())} labels of the split {found.split} are neither "
                "1 nor 0", "1, 0 or none", "decide what uncertain labels count as",
            )  # fmt: skip
        require_classes(truth, name, found.split)
        wrong = ~((probability >= 0) & (probability <= 1))
        if wrong.any():
            raise GateFailed(
                "E901", name, f"{int(wrong.sum())} probabilities of the split {found.split} are no "
                "number in 0-1", "numbers in 0-1", "lower the learning rate and train again",
            )  # fmt: skip
