"""Scores of classifiers against scikit-learn and counting by hand, and where they must fail."""

import json
import time
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from cxrkit.errors import GateFailed, InputRefused
from cxrkit.training import classification_scores as cs
from cxrkit.training.calibration import Point, calibration
from cxrkit.training.classification_scores import Predictions, operating_point, score, temperature
from cxrkit.training.patient_bootstrap import Estimate, resample

EXACT = 1e-12
NAN = float("nan")


@st.composite
def judged(draw: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, with many ties, and truth with both classes."""
    number = draw(st.integers(2, 60))
    steps = draw(st.sampled_from([2, 5, 1000]))
    tied = draw(st.lists(st.integers(0, steps), min_size=number, max_size=number))
    truth = draw(st.lists(st.integers(0, 1), min_size=number, max_size=number))
    truth[0], truth[1] = 0, 1
    return np.array(tied) / steps, np.array(truth, float)


def predictions(
    number: int = 300, observations: int = 3, seed: int = 0, per_patient: int = 1
) -> Predictions:
    rng = np.random.default_rng(seed)
    truth = (rng.random((number, observations)) < 0.3).astype(float)
    logits = rng.normal(size=truth.shape) + 1.2 * truth
    truth[rng.random(truth.shape) < 0.1] = NAN
    names = ("Edema", "Fracture", "Pneumonia", "Nodule")[:observations]
    patients = [f"p{k // per_patient}" for k in range(number)]
    return Predictions(names, 1 / (1 + np.exp(-logits)), truth, patients)


def half(found: Predictions) -> dict[str, float]:
    return dict.fromkeys(found.observations, 0.5)


@given(judged())
@settings(max_examples=150, deadline=None)
def test_areas_are_those_of_scikit_learn_with_ties(found: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = found
    assert cs.auroc(p, y) == pytest.approx(metrics.roc_auc_score(y, p), abs=EXACT)
    assert cs.auprc(p, y) == pytest.approx(metrics.average_precision_score(y, p), abs=EXACT)


@given(judged(), st.floats(0, 1))
@settings(max_examples=60, deadline=None)
def test_decisions_and_brier_are_those_of_scikit_learn(
    found: tuple[np.ndarray, np.ndarray], threshold: float
) -> None:
    p, y = found
    of = Predictions(("Edema",), p[:, None], y[:, None], [str(k) for k in range(len(y))])
    scores = score(of, {"Edema": threshold}, resamples=2).observations["Edema"]
    above = p >= threshold
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = {
            "f1": metrics.f1_score(y, above),
            "sensitivity": metrics.recall_score(y, above),
            "specificity": metrics.recall_score(1 - y, ~above),
            "ppv": metrics.precision_score(y, above, zero_division=np.nan),
            "npv": metrics.precision_score(1 - y, ~above, zero_division=np.nan),
            "accuracy": metrics.accuracy_score(y, above),
        }
    for name, value in expected.items():
        got = scores.estimates[name].value
        assert (np.nan if got is None else got) == pytest.approx(value, abs=EXACT, nan_ok=True)
    tn, fp, fn, tp = metrics.confusion_matrix(y, above).ravel()
    assert scores.confusion == cs.Confusion(tp, fp, fn, tn)
    assert scores.calibration is not None
    assert scores.calibration.brier == pytest.approx(metrics.brier_score_loss(y, p), abs=EXACT)


@given(judged())
@settings(max_examples=40, deadline=None)
def test_curves_enclose_their_areas(found: tuple[np.ndarray, np.ndarray]) -> None:
    p, y = found
    false, hit = cs.roc(p, y)
    assert np.trapezoid(hit, false) == pytest.approx(cs.auroc(p, y), abs=EXACT)
    recall, precision = cs.precision_recall(p, y)
    steps = np.diff(recall, prepend=0) @ precision
    assert steps == pytest.approx(cs.auprc(p, y), abs=EXACT)


def test_a_tie_counts_one_half() -> None:
    # One positive, tied with one of two negatives, above the other: (1 + 0.5) / 2.
    assert cs.auroc(np.array([0.5, 0.5, 0.1]), np.array([1.0, 0.0, 0.0])) == 0.75
    assert np.isnan(cs.auroc(np.array([0.5, 0.1]), np.array([1.0, 1.0])))


@given(judged(), st.integers(0, 5))
@settings(max_examples=25, deadline=None)
def test_resampled_areas_are_those_of_the_images_drawn(
    found: tuple[np.ndarray, np.ndarray], seed: int
) -> None:
    p, y = found
    drawn = resample([str(k // 2) for k in range(len(y))], resamples=5, seed=seed)
    got = cs.ranking.resampled_areas(p, y, np.arange(len(y)), drawn)
    for counts, (auroc, auprc) in zip(drawn.drawn, got, strict=True):
        images = np.repeat(np.arange(len(y)), counts[drawn.of])
        if len(set(y[images])) < 2:
            assert np.isnan(auroc) and np.isnan(auprc)
            continue
        assert auroc == pytest.approx(metrics.roc_auc_score(y[images], p[images]), abs=EXACT)
        assert auprc == pytest.approx(
            metrics.average_precision_score(y[images], p[images]), abs=EXACT
        )


def test_each_resample_draws_as_many_patients_as_there_are() -> None:
    drawn = resample(["a", "b", "b", "", "", "c"], resamples=50)
    assert drawn.patients == 5  # the two unknown ones are not one patient
    assert (drawn.drawn.sum(axis=1) == 5).all()
    assert len(np.unique(drawn.drawn, axis=0)) > 20


def test_doubled_images_narrow_an_image_bootstrap_and_not_a_patient_bootstrap() -> None:
    once = predictions(200, 1)
    twice = [np.repeat(x, 2, axis=0) for x in (once.probability, once.truth)]
    by_patient = [p for p in once.patients for _ in range(2)]
    by_image = [f"{k}" for k in range(400)]

    def width(found: Predictions) -> float:
        e = score(found, half(found)).observations["Edema"].estimates["auroc"]
        assert e.low is not None and e.high is not None and e.value is not None
        assert e.low < e.value < e.high
        return e.high - e.low

    honest = width(Predictions(("Edema",), *twice, by_patient))
    assert honest == pytest.approx(width(once), rel=1e-9)
    assert width(Predictions(("Edema",), *twice, by_image)) == pytest.approx(
        honest / 2**0.5, rel=0.12
    )


def test_the_interval_of_auroc_is_that_of_hanley_and_mcneil() -> None:
    rng = np.random.default_rng(4)
    y = np.repeat([1.0, 0.0], [300, 700])
    p = rng.normal(size=1000) + 1.2 * y
    p = 1 / (1 + np.exp(-p))
    of = Predictions(("Edema",), p[:, None], y[:, None], [str(k) for k in range(1000)])
    e = score(of, {"Edema": 0.5}).observations["Edema"].estimates["auroc"]
    assert e.value is not None and e.low is not None and e.high is not None
    a, q1, q2 = e.value, e.value / (2 - e.value), 2 * e.value**2 / (1 + e.value)
    error = ((a * (1 - a) + 299 * (q1 - a * a) + 699 * (q2 - a * a)) / (300 * 700)) ** 0.5
    assert e.high - e.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_two_thousand_resamples_of_five_thousand_images_take_under_a_second() -> None:
    found = predictions(5000, 1)
    known = ~np.isnan(found.truth[:, 0])
    started = time.process_time()
    drawn = resample(found.patients)
    areas = cs.ranking.resampled_areas(
        found.probability[known, 0], found.truth[known, 0], np.flatnonzero(known), drawn
    )
    assert areas.shape == (2000, 2)
    assert time.process_time() - started < 1.0


def test_resamples_without_a_class_are_left_out_and_counted() -> None:
    truth = np.array([1.0, *[0.0] * 9])[:, None]
    of = Predictions(("Edema",), np.linspace(0.9, 0.1, 10)[:, None], truth, list("abcdefghij"))
    e = score(of, {"Edema": 0.5}).observations["Edema"].estimates["auroc"]
    # The one patient with the observation is missing from (9/10)^10 = 35 % of the resamples.
    assert e.drawn == 2000
    assert e.resamples == pytest.approx(2000 * (1 - 0.9**10), rel=0.05)
    assert e.as_dict("auroc")["auroc_resamples"] == e.resamples


def test_macro_is_the_mean_and_micro_pools_the_pairs() -> None:
    found = predictions()
    report = score(found, half(found), resamples=50)
    known = ~np.isnan(found.truth)
    each = [
        metrics.roc_auc_score(found.truth[known[:, k], k], found.probability[known[:, k], k])
        for k in range(3)
    ]
    assert report.macro["auroc"].value == pytest.approx(np.mean(each), abs=EXACT)
    y, p = found.truth[known], found.probability[known]
    assert report.micro["auroc"].value == pytest.approx(metrics.roc_auc_score(y, p), abs=EXACT)
    assert report.micro["f1"].value == pytest.approx(metrics.f1_score(y, p >= 0.5), abs=EXACT)
    assert report.micro["f1"].value != report.macro["f1"].value


def test_youden_is_the_best_of_every_threshold_tried() -> None:
    found = predictions(200, 1, seed=3)
    known = ~np.isnan(found.truth[:, 0])
    p, y = found.probability[known, 0], found.truth[known, 0]
    chosen = operating_point(p, y)
    sums = {t: (p[y == 1] >= t).mean() + (p[y == 0] < t).mean() for t in p}
    assert chosen.sensitivity + chosen.specificity == pytest.approx(max(sums.values()))
    assert chosen.threshold in p


def test_the_sensitive_rule_is_the_highest_threshold_that_is_sensitive_enough() -> None:
    p = np.arange(1, 21) / 20
    y = np.array([0.0, 1.0] * 10)
    chosen = operating_point(p, y, "sensitivity", 0.90)
    assert chosen.threshold == 0.2  # nine of the ten positives are at 0.2 or above
    assert chosen.sensitivity == 0.9
    assert operating_point(p, y, "sensitivity", 1.0).threshold == 0.1


def test_equal_sums_take_the_more_sensitive_threshold() -> None:
    p, y = np.array([0.2, 0.4, 0.6, 0.8]), np.array([1.0, 0.0, 1.0, 0.0])
    chosen = operating_point(p, y)
    assert (chosen.threshold, chosen.sensitivity) == (0.2, 1.0)


@pytest.mark.parametrize(("rule", "target"), [("best", 0.9), ("sensitivity", 0), ("youden", 1.1)])
def test_an_unknown_rule_or_target_is_refused(rule: Any, target: float) -> None:
    with pytest.raises(InputRefused, match="E107"):
        operating_point(np.array([0.1, 0.9]), np.array([0.0, 1.0]), rule, target)


@pytest.mark.parametrize(("value", "word"), [(0.0, "positive"), (1.0, "negative")])
def test_a_class_that_is_missing_is_named_with_its_split(value: float, word: str) -> None:
    found = predictions()
    found.truth[:, 1] = value
    with pytest.raises(InputRefused, match=f"E108.*Fracture.*no {word}.*split test"):
        score(found, half(found))
    with pytest.raises(InputRefused, match=f"E108.*Fracture.*no {word}.*split validate"):
        operating_point(found.probability[:, 1], found.truth[:, 1], observation="Fracture")


@pytest.mark.parametrize("wrong", [-1.0, 0.5, 2.0])
def test_a_label_that_is_none_is_refused(wrong: float) -> None:
    found = predictions()
    found.truth[5, 2] = wrong
    with pytest.raises(InputRefused, match=r"E108.*Pneumonia.*1 labels"):
        score(found, half(found))


@pytest.mark.parametrize("wrong", [NAN, 1.5, float("inf")])
def test_a_probability_that_is_none_stops_the_scoring(wrong: float) -> None:
    found = predictions()
    found.probability[5, 2] = wrong
    with pytest.raises(GateFailed, match=r"E901.*Pneumonia"):
        score(found, half(found))


def test_subgroups_are_scored_as_if_alone_and_none_is_dropped() -> None:
    found = predictions(300, 2)
    sex = ["F" if k % 2 else "M" for k in range(300)]
    view = ["PA"] * 297 + ["AP"] + [""] * 2
    found = Predictions(
        found.observations, found.probability, found.truth, found.patients,
        {"sex": sex, "view": view},
    )  # fmt: skip
    report = score(found, half(found), resamples=100)
    assert list(report.subgroups["view"]) == ["AP", "PA", "unknown"]
    own = np.array(sex) == "F"
    known = own & ~np.isnan(found.truth[:, 0])
    y, p = found.truth[known, 0], found.probability[known, 0]
    women = report.subgroups["sex"]["F"]["Edema"]
    assert (women.images, women.positive) == (len(y), int(y.sum()))
    assert women.estimates["auroc"].value == pytest.approx(metrics.roc_auc_score(y, p), abs=EXACT)
    alone = report.subgroups["view"]["AP"]["Edema"]
    assert alone.images == 1
    assert alone.estimates["auroc"] == Estimate(None, None, None, 0, 100)
    assert alone.as_dict()["auroc"] is None


def test_a_report_is_json_and_keeps_the_threshold_in_full() -> None:
    found = predictions()
    report = score(found, dict.fromkeys(found.observations, 0.123456789), resamples=20)
    text = json.loads(json.dumps(report.as_dict(), allow_nan=False))
    edema = text["observations"]["Edema"]
    assert edema["at_threshold"]["threshold"] == 0.123456789
    low, high = edema["auroc_95_interval"]
    assert low <= edema["auroc"] <= high
    assert set(text["averages"]) == {"macro", "micro"}


def test_the_same_seed_gives_the_same_intervals_and_another_does_not() -> None:
    found = predictions()
    one, same = (score(found, half(found), resamples=50, seed=1) for _ in range(2))
    assert one == same
    assert score(found, half(found), resamples=50, seed=2).macro != one.macro


@pytest.mark.parametrize(
    ("age", "group"), [(None, ""), (NAN, ""), (0, "0 to 17"), (17.9, "0 to 17"), (18, "18 to 39"),
                       (79, "60 to 79"), (80, "80 and over"), (101, "80 and over")],
)  # fmt: skip
def test_an_age_belongs_to_one_group(age: float | None, group: str) -> None:
    assert cs.age_group(age) == group


def test_calibration_by_hand() -> None:
    p = np.array([0.01, 0.01, 0.99, 0.99])
    found = calibration(p, np.array([0.0, 1.0, 1.0, 1.0]))
    assert found.points == (Point(0.01, 0.5, 2), Point(0.99, 1.0, 2))
    assert found.ece == pytest.approx(0.5 * 0.49 + 0.5 * 0.01)
    assert found.brier == pytest.approx((0.01**2 + 0.99**2 + 2 * 0.01**2) / 4)


def test_a_bin_reaches_up_to_its_upper_edge() -> None:
    p = np.array([0.0, 1 / 15, 1.0])  # the first two share the first of 15 bins
    assert [x.images for x in calibration(p, np.array([0.0, 1.0, 1.0])).points] == [2, 1]


def test_adaptive_bins_hold_equal_numbers_and_ties_stay_together() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(1500) ** 4
    y = (rng.random(1500) < p).astype(float)
    order = np.argsort(p)
    expected = sum(abs(p[part].mean() - y[part].mean()) / 15 for part in np.array_split(order, 15))
    assert calibration(p, y).ece_adaptive == pytest.approx(expected, abs=0.01)
    tied, truth = np.full(100, 0.3), np.repeat([1.0, 0.0], 50)
    assert calibration(tied, truth).ece_adaptive == pytest.approx(0.2)
    assert calibration(tied, truth[::-1]).ece_adaptive == pytest.approx(0.2)


def test_the_error_falls_when_an_overconfident_network_is_cooled() -> None:
    rng = np.random.default_rng(1)
    honest = rng.normal(0, 1.5, 4000)
    y = (rng.random(4000) < 1 / (1 + np.exp(-honest))).astype(float)
    loud = 3 * honest
    found = temperature(loud[:2000], y[:2000])
    assert found == pytest.approx(3, rel=0.1)
    before, after = (
        calibration(1 / (1 + np.exp(-loud[2000:] / t)), y[2000:]).ece for t in (1, found)
    )
    assert after < before / 3


def test_the_temperature_is_where_the_cross_entropy_is_lowest() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (500, 2))
    y = (rng.random((500, 2)) < 1 / (1 + np.exp(-logits / 2))).astype(float)
    y[::7, 0] = NAN
    known = ~np.isnan(y)

    def loss(t: float) -> float:
        p = 1 / (1 + np.exp(-logits[known] / t))
        return float(metrics.log_loss(y[known], p))

    found = temperature(logits, y)
    assert loss(found) <= min(loss(found * 1.001), loss(found / 1.001))
