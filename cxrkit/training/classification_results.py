"""What a finished classifier finds: calibrated on the validation images, measured on the test ones.

Everything is computed by the ONNX file that is shipped, so that the figures are those of the files.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cxrkit.classification import (
    Calibration,
    Classifier,
    activation,
    channels,
    probability,
    share_inside,
)
from cxrkit.training import attribution, border_probe, ranking
from cxrkit.training import classification_scores as scoring
from cxrkit.training.classification import Choice, Data
from cxrkit.training.classification_scores import OperatingPoint, Predictions, Report, Rule
from cxrkit.training.patient_bootstrap import Resamples, estimate, resample
from cxrkit.training.samples import Sample

Infer = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Decision:
    """How the logits of one observation become a probability and a decision."""

    calibration: Calibration
    point: OperatingPoint


@dataclass(frozen=True)
class Results:
    """The test images as the classifier sees them, and the scores."""

    predictions: Predictions
    inside: np.ndarray  # (N, K) the attribution's share inside the lungs, or not a number
    lungs: np.ndarray  # (N,) the lungs' share of the image's area
    report: Report
    attribution: Mapping[str, Mapping[str, object]]  # by observation
    probe: Mapping[str, Mapping[str, object]]  # by observation
    warnings: tuple[str, ...]


def decide(
    data: Data, choice: Choice, weights: np.ndarray, infer: Infer, rule: Rule, target: float
) -> tuple[Decision, ...]:
    """Temperature and operating point of each observation, from the validation images.

    Args:
        data: as it was learnt from.
        choice: what was learnt.
        weights: (K,) of the images with each observation in the loss. They move a logit by their
            logarithm, which is taken back before the temperature is fitted.
        infer: the network.
        rule: of the operating point.
        target: its least sensitivity, where the rule is that.
    """
    places = data.places("validate")
    raw = np.stack([infer(_input(data, int(k), choice))[0] for k in places]).astype(np.float64)
    found = []
    for k, name in enumerate(choice.names):
        truth, shift = data.judged[places, k], float(np.log(weights[k]))
        temperature = scoring.temperature(raw[:, k] - shift, truth)
        plain = Calibration(shift, temperature, 0.5)
        values = np.array([probability(x, plain) for x in raw[:, k].tolist()])
        point = scoring.operating_point(values, truth, rule, target, name)
        found.append(Decision(Calibration(shift, temperature, point.threshold), point))
    return tuple(found)


def measure(data: Data, classifier: Classifier, choice: Choice) -> Results:
    """All that is measured on the test images."""
    places = data.places("test")
    samples = [data.samples[k] for k in places]
    found, inside, lungs = _seen(data, places, classifier, choice)
    truth = data.judged[places].astype(np.float64)
    predictions = Predictions(
        choice.names, found, truth, [_patient(s) for s in samples], _groups(samples)
    )
    thresholds = {
        name: c.threshold
        for name, c in zip(classifier.observations, classifier.calibration, strict=True)
    }
    drawn = resample(predictions.patients)
    report = scoring.score(predictions, thresholds)
    shares = attribution.shares(choice.names, inside, lungs, truth, drawn)
    probes, warnings = _probes(data, places, predictions, drawn)
    return Results(predictions, inside, lungs, report, shares, probes, warnings)


def _seen(
    data: Data, places: np.ndarray, classifier: Classifier, choice: Choice
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (n, K), shares of the attribution inside the lungs (n, K), lungs (n,)."""
    found, inside, lungs = [], [], []
    for place in places.tolist():
        mask = data.planes(place)[1]
        logits, features = classifier.infer(_input(data, place, choice))
        pairs = zip(logits.tolist(), classifier.calibration, strict=True)
        found.append([probability(logit, calibration) for logit, calibration in pairs])
        shares = [share_inside(a, mask) for a in activation(features, classifier.head)]
        inside.append([np.nan if share is None else share for share in shares])
        lungs.append(mask.mean())
    return np.array(found), np.array(inside), np.array(lungs)


def _probes(
    data: Data, places: np.ndarray, predictions: Predictions, drawn: Resamples
) -> tuple[dict[str, dict[str, object]], tuple[str, ...]]:
    """For each observation how well the border predicts it, and the alarms."""
    seen = border_probe.features((data.pixels[row] for row in data.rows), data.samples)
    train, validate = (
        np.array([s.split == split for s in data.samples]) for split in ("train", "validate")
    )
    found: dict[str, dict[str, object]] = {}
    alarms = []
    for k, name in enumerate(predictions.observations):
        # What was taught on the training images; elsewhere what is known.
        labels = np.where(train, data.taught[:, k], data.judged[:, k])
        probe = border_probe.choose(seen, labels, train, validate)
        known = np.flatnonzero(np.isfinite(predictions.truth[:, k]))
        logits, truth = probe.score(seen[places[known]]), predictions.truth[known, k]
        areas = ranking.resampled_areas(logits, truth, known, drawn)[:, 0]
        area = estimate(ranking.auroc(logits, truth), areas)
        network = ranking.auroc(predictions.probability[known, k], truth)
        found[name] = {**area.as_dict("auroc"), "auroc_network": round(network, 4)}
        line = border_probe.alarm(name, area.value or 0.0, area.low or 0.0, network)
        alarms += [line] if line else []
    return found, tuple(alarms)


def as_card(
    results: Results, decisions: Sequence[Decision], names: Sequence[str]
) -> dict[str, Any]:
    """What a card says of the results."""
    return {
        "scores": {
            **results.report.as_dict(),
            "operating_points": {
                name: d.point.as_dict() for name, d in zip(names, decisions, strict=True)
            },
            "attribution on images with the observation": results.attribution,
            "border probe": results.probe,
        },
        "limits": list(results.warnings),
    }


def _input(data: Data, place: int, choice: Choice) -> np.ndarray:
    return channels(*data.planes(place), choice.input)


def _patient(sample: Sample) -> str:
    """Patients of two archives are two, whatever their names."""
    return f"{sample.archive}:{sample.patient_id}"


def _groups(samples: Sequence[Sample]) -> dict[str, list[str]]:
    """Subgroups by what is known of at least one image."""
    groups = {
        "sex": [s.sex for s in samples],
        "age": [scoring.age_group(s.age) for s in samples],
        "view": [s.view for s in samples],
        "archive": [s.archive for s in samples],
    }
    return {name: values for name, values in groups.items() if any(values)}
