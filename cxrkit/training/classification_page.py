"""report.html of a classifier: its curves, what it confuses, and where it looks when it errs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrkit.classification import Classifier, activation, channels
from cxrkit.training import curves, ranking, run_page
from cxrkit.training.classification import Choice, Data
from cxrkit.training.classification_results import Results
from cxrkit.training.classification_scores import Scores
from cxrkit.training.curves import Bar, Curve
from cxrkit.training.loop import Row
from cxrkit.training.patient_bootstrap import Estimate
from cxrkit.training.run_page import Figure, Page, Picture

WORST = 6  # pictures of each observation, and
PICTURES = 24  # in all: more make the page too heavy to send
_RELIABLE = 4  # observations with a reliability plot and a confusion table of their own


def write(
    out: Path, card: Mapping[str, Any], data: Data, choice: Choice, classifier: Classifier,
    results: Results, rows: Sequence[Row], pictures: bool,
) -> None:  # fmt: skip
    """Write report.html to the folder `out`.

    Args:
        out: the run's folder.
        card: its card.
        data: what was learnt from and tested on.
        choice: what was learnt.
        classifier: as it is used.
        results: of the test images.
        rows: of the log.
        pictures: show radiographs of archives under an agreement too.
    """
    shown = pictures or run_page.shows_pictures(card)
    macro = results.report.macro["auroc"]
    key = [("AUROC, mean of the observations" if len(choice.names) > 1 else "AUROC", _with(macro))]
    run_page.write(
        out,
        Page(
            title=str(card["title"]),
            card=card,
            rows=rows,
            figures=figures(results),
            pictures=worst(data, choice, classifier, results) if shown else (),
            key=key,
        ),
    )


def figures(results: Results) -> list[Figure]:
    """ROC and precision-recall curves, reliability, confusion, and AUROC by subgroup."""
    roc, recall = "ROC on the test images", "Precision and recall on the test images"
    each = list(results.report.observations.items())
    found = [
        Figure(roc, curves.roc(roc, [_roc(results, k) for k in range(len(each))])),
        Figure(
            recall, curves.precision_recall(recall, [_recall(results, k) for k in range(len(each))])
        ),
    ]
    for name, scores in each[:_RELIABLE]:
        found += [_reliability(name, scores), _confusion(name, scores)]
    bars = {
        f"{attribute}: {name}" if len(each) > 1 else attribute: [
            _bar(value, scored[name]) for value, scored in values.items()
        ]
        for name, _ in each[:_RELIABLE]
        for attribute, values in results.report.subgroups.items()
    }
    if bars:
        by = "AUROC by subgroup of the test images"
        found.append(Figure(by, curves.bars(by, bars)))
    return found


def worst(data: Data, choice: Choice, classifier: Classifier, results: Results) -> list[Picture]:
    """The test images whose probability is furthest from the truth, with what spoke for it."""
    probability, truth = results.predictions.probability, results.predictions.truth
    wrong = np.where(np.isfinite(truth), np.abs(probability - truth), -1)
    places, found = data.places("test"), []
    for k, name in enumerate(choice.names):
        for n in np.argsort(-wrong[:, k], kind="stable")[:WORST]:
            if wrong[n, k] > 0.5:
                found.append((float(wrong[n, k]), int(n), k, name))
    found.sort(key=lambda entry: -entry[0])
    pictures = []
    for _, n, k, name in found[:PICTURES]:
        image, lungs = data.planes(int(places[n]))
        features = classifier.infer(channels(image, lungs, choice.input))[1]
        png = overlay(image, lungs, activation(features, classifier.head)[k])
        said = "present" if truth[n, k] == 1 else "absent"
        image_id = data.samples[places[n]].image_id
        words = f"{image_id}: {name} {said}, probability {probability[n, k]:.2f}"
        pictures.append(Picture(words, png))
    return pictures


def overlay(image: np.ndarray, lungs: np.ndarray, attribution: np.ndarray) -> bytes:
    """A PNG of the radiograph, what spoke for an observation in red, the lungs outlined.

    Args:
        image: (224, 224) uint8.
        lungs: (224, 224) bool.
        attribution: (224, 224) float32, 0 and more; scaled to its own highest value.
    """
    red = attribution / attribution.max() if attribution.max() > 0 else attribution
    weight = (0.6 * red)[..., None]
    colour = np.array([40.0, 40.0, 230.0])  # blue, green, red
    mixed = image[..., None] * (1 - weight) + colour * weight
    canvas = np.ascontiguousarray(np.round(mixed).astype(np.uint8))
    outline, _ = cv2.findContours(lungs.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(canvas, outline, -1, (200, 200, 60), 1)
    return cv2.imencode(".png", canvas)[1].tobytes()


def _roc(results: Results, k: int) -> Curve:
    name, probability, truth, scores = _known(results, k)
    x, y = ranking.roc(probability, truth)
    sensitivity, specificity = (
        scores.estimates[key].value or 0.0 for key in ("sensitivity", "specificity")
    )
    note = f"AUROC {_with(scores.estimates['auroc'])}"
    return Curve(name, x, y, note, (1 - specificity, sensitivity))


def _recall(results: Results, k: int) -> Curve:
    name, probability, truth, scores = _known(results, k)
    x, y = ranking.precision_recall(probability, truth)
    precision, recall = (scores.estimates[key].value for key in ("ppv", "sensitivity"))
    used = None if precision is None or recall is None else (recall, precision)
    note = f"AUPRC {_with(scores.estimates['auprc'])}"
    return Curve(name, x, y, note, used, scores.positive / scores.images)


def _known(results: Results, k: int) -> tuple[str, np.ndarray, np.ndarray, Scores]:
    name = results.predictions.observations[k]
    truth = results.predictions.truth[:, k]
    known = np.isfinite(truth)
    probability = results.predictions.probability[known, k]
    return name, probability, truth[known], results.report.observations[name]


def _reliability(name: str, scores: Scores) -> Figure:
    title = f"{name}: whether a probability means what it says"
    bins = scores.calibration
    points = [] if bins is None else [(p.probability, p.share, p.images) for p in bins.points]
    note = "" if bins is None else f"ECE {bins.ece:.3f}, Brier {bins.brier:.3f}"
    return Figure(title, curves.reliability(title, points, note))


def _confusion(name: str, scores: Scores) -> Figure:
    title = f"{name}: decisions at the operating point, threshold {scores.threshold:.3f}"
    c = scores.confusion
    counts = ((c.true_positive, c.false_negative), (c.false_positive, c.true_negative))
    return Figure(title, curves.confusion(title, ("present", "absent"), counts))


def _bar(value: str, scores: Scores) -> Bar:
    found = scores.estimates["auroc"]
    note = f"n = {scores.images}, {scores.positive} with it"
    return Bar(value, found.value, found.low, found.high, note)


def _with(found: Estimate) -> str:
    if found.value is None:
        return "not defined"
    if found.low is None or found.high is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
