"""The estimate: trees as scikit-learn grows them, intervals that hold, and the shipped numbers."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import GradientBoostingRegressor

from cxrkit.errors import IntegrityFailure
from cxrkit.quality import estimate
from cxrkit.quality.estimate import CALIBRATION, GROUPS, Calibration, Trees
from cxrkit.quality.signals import NAMES
from cxrkit.terms import MASK_CONVENTIONS
from cxrkit.training import quality


def test_complete_trees_say_what_the_grown_ones_say() -> None:
    """Ties at a threshold and leaves above the last level included."""
    rng = np.random.default_rng(0)
    data = np.round(rng.random((400, 5)), 1).astype(np.float32)
    target = data[:, 0] * 2 + (data[:, 1] > 0.5) + rng.normal(0, 0.1, 400)
    settings = quality.Settings(trees=40, depth=3)
    trees = quality.fit(data, target, settings)
    peer = GradientBoostingRegressor(
        n_estimators=40, max_depth=3, learning_rate=settings.rate, subsample=0.5, max_features=0.4,
        min_samples_leaf=10, random_state=0,
    ).fit(data, target)  # fmt: skip
    assert [trees.sums(row) for row in data] == pytest.approx(peer.predict(data), abs=1e-5)


def made_up(errors: np.ndarray) -> Calibration:
    """One tree that says the logarithm of 1 - Dice that stands in the first signal."""
    levels = np.log(np.linspace(0.011, 0.5, 9))
    feature = np.zeros((1, 7), np.int16)
    order = [4, 2, 6, 1, 3, 5, 7]
    threshold = np.array([[levels[i] for i in order]], np.float32)
    value = np.array([(levels[:-1] + levels[1:]) / 2], np.float32)
    both = {(c, g): errors for c in MASK_CONVENTIONS for g in GROUPS}
    return Calibration((), {}, Trees(0.0, feature, threshold, value), both)


def test_an_estimate_lies_in_its_interval_and_worse_masks_risk_and_gain_more() -> None:
    by = made_up(np.linspace(-1, 1, 99))
    found = [
        estimate.estimate(np.full(len(NAMES), at, np.float32), "included", by)
        for at in np.log(np.linspace(0.02, 0.5, 20))
    ]
    assert all(f.low < f.dice < f.high for f in found)
    for name, sign in (("dice", -1), ("risk", 1), ("gain", 1)):
        steps = np.diff([getattr(f, name) for f in found]) * sign
        assert (steps >= 0).all() and steps.max() > 0


def test_nine_in_ten_lie_in_the_interval_by_construction() -> None:
    """The errors that it was made of are the errors that it meets."""
    rng = np.random.default_rng(1)
    errors = rng.normal(0, 0.4, 4000)
    by = made_up(np.percentile(errors[:2000], np.arange(1, 100)))
    at = np.full(len(NAMES), np.log(0.05), np.float32)
    found = estimate.estimate(at, "excluded", by)
    row = np.append(at, np.float32(1))
    truth = estimate.dice_of(by.trees.sums(row) + errors[2000:])
    assert ((truth >= found.low) & (truth <= found.high)).mean() == pytest.approx(0.9, abs=0.02)


def test_number_and_dice_are_inverse() -> None:
    dice = np.linspace(0, 1, 50)
    assert estimate.dice_of(estimate.number(dice)) == pytest.approx(dice)


def test_the_shipped_numbers_are_those_of_their_card_and_of_the_shipped_network() -> None:
    from cxrkit import segmentation

    card = json.loads((CALIBRATION / "card.json").read_text())
    data = (CALIBRATION / card["files"]["numbers"]["file"]).read_bytes()
    assert hashlib.sha256(data).hexdigest() == card["files"]["numbers"]["sha256"]
    assert tuple(card["signals"]) == NAMES
    by = estimate.load()
    assert segmentation.weights_sha256() in by.networks
    assert set(by.shapes) == set(MASK_CONVENTIONS)
    assert all((np.diff(errors) >= 0).all() for errors in by.errors.values())


def test_numbers_of_another_file_are_refused(tmp_path: Path) -> None:
    for name in ("card.json", quality.NUMBERS):
        (tmp_path / name).write_bytes((CALIBRATION / name).read_bytes())
    (tmp_path / quality.NUMBERS).write_bytes(b"no numbers")
    with pytest.raises(IntegrityFailure, match="E503"):
        estimate.load(tmp_path)
