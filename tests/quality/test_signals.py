"""The signals of a mask, against what they are by their words."""

import numpy as np
import pytest
from drawings import lungs, measured

from cxrkit.quality import signals
from cxrkit.quality.signals import NAMES


def named(right: np.ndarray, left: np.ndarray, probability: np.ndarray) -> dict[str, float]:
    row = signals.signals(right, left, probability, measured(right, left))
    assert row.shape == (len(NAMES),) and row.dtype == np.float32
    return dict(zip(NAMES, row.tolist(), strict=True))


def test_a_network_that_is_sure_agrees_with_its_own_mask() -> None:
    right, left = lungs()
    found = named(right, left, (right | left).astype(np.float32))
    for name in ("expected", "found", "meant", "certain", "weaker"):
        assert found[name] == pytest.approx(1)
    for name in ("unsure_outside", "unsure_edge", "wider", "narrower", "unsure_base"):
        assert found[name] == pytest.approx(0)
    assert found["agreement"] > 0.99  # cleaning rounds the outline


def test_half_a_mask_holds_half_of_what_is_expected() -> None:
    right, left = lungs()
    nothing = np.zeros_like(left)
    found = named(right, nothing, (right | left).astype(np.float32))
    share = right.sum() / (right | left).sum()
    assert found["found"] == pytest.approx(share)
    assert found["meant"] == pytest.approx(1)
    assert found["expected"] == pytest.approx(2 * share / (1 + share))
    assert found["imbalance"] == signals._RATIO


def test_doubt_is_counted_where_it_is() -> None:
    right, left = lungs()
    sure = (right | left).astype(np.float32)
    rows = np.flatnonzero((right | left).any(axis=1))
    base = sure.copy()
    base[rows[-1] - 20 :] *= 0.6
    found = named(right, left, base)
    assert found["unsure_base"] > 0.01
    assert found["unsure_apex"] == found["unsure_middle"] == 0
    assert found["certain"] < 1 and found["weaker"] < 1


def test_a_row_stays_finite_whatever_the_mask() -> None:
    rng = np.random.default_rng(0)
    for mask in (np.eye(224, dtype=bool), rng.random((224, 224)) > 0.5, np.ones((224, 224), bool)):
        row = signals.signals(
            mask, np.zeros_like(mask), np.zeros((224, 224), np.float32),
            measured(mask, np.zeros_like(mask)),
        )  # fmt: skip
        assert np.isfinite(row).all()
