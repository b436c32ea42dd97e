"""The border probe: a mark beside the lungs is found, a clean border is not accused."""

import numpy as np
import pytest
from made_up_samples import choice, data
from sklearn.linear_model import LogisticRegression

from cxrkit.classification import Calibration, Classifier
from cxrkit.training import border_probe
from cxrkit.training.classification_results import measure


def knowing(drawn) -> Classifier:
    """A classifier that tells by the brightest part of the lungs."""

    def infer(image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = image[0][60:160, 50:174]
        return np.array([(inside > 0.75).mean() * 40 - 2]), np.ones((1, 7, 7), np.float32)

    calibration = (Calibration(0.0, 1.0, 0.5),)
    return Classifier(("Disc",), calibration, "image", "excluded", np.ones((1, 1)), "", infer)


@pytest.mark.parametrize("mark", [True, False])
def test_a_mark_beside_the_lungs_is_an_alarm_and_a_clean_border_is_none(mark: bool) -> None:
    drawn = data(200, seed=3, mark=mark)
    found = measure(drawn, knowing(drawn), choice())
    assert bool(found.warnings) == mark
    assert (found.probe["Disc"]["auroc"] > 0.95) == mark
    if mark:
        assert found.warnings[0].startswith("Disc: the border of the image alone predicts it")


def test_the_probe_is_blind_to_the_middle() -> None:
    drawn = data(20)
    before = border_probe.features(drawn.pixels, drawn.samples)
    other = drawn.pixels.copy()
    other[:, 0, 18:-18, 18:-18] = 255 - other[:, 0, 18:-18, 18:-18]
    assert np.array_equal(border_probe.features(other, drawn.samples), before)
    other[:, 0, :10] = 0
    assert not np.allclose(border_probe.features(other, drawn.samples), before)


def test_the_size_of_the_file_is_seen() -> None:
    drawn = data(5)
    seen = border_probe.features(drawn.pixels, drawn.samples)
    assert np.allclose(seen[:, -3:], [np.log(300), np.log(280), np.log(300 / 280)])


def test_the_fit_is_that_of_another_library() -> None:
    rng = np.random.default_rng(0)
    seen = rng.normal(3, 2, (80, 6))
    labels = (seen[:, 0] + rng.normal(0, 2, 80) > 3).astype(np.float64)
    ours = border_probe.fit(seen, labels, 2.0)
    scaled = (seen - seen.mean(0)) / seen.std(0)
    theirs = LogisticRegression(C=1 / 2.0, tol=1e-8, max_iter=2000).fit(scaled, labels)
    assert np.allclose(ours.weights[:-1], theirs.coef_[0], atol=2e-3)
    assert np.allclose(ours.score(seen), theirs.decision_function(scaled), atol=5e-3)


@pytest.mark.parametrize(
    ("area", "low", "network", "alarms"),
    [
        (0.75, 0.65, 0.95, True),  # surely above chance
        (0.66, 0.55, 0.70, True),  # as good as the network
        (0.66, 0.55, 0.90, False),
        (0.66, 0.45, 0.66, False),  # perhaps chance
    ],
)
def test_an_alarm_needs_certainty_or_a_network_that_is_no_better(
    area: float, low: float, network: float, alarms: bool
) -> None:
    assert bool(border_probe.alarm("Disc", area, low, network)) == alarms
