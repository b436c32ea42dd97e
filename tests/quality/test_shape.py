"""The shape model: near for what it was fitted on, far for what nobody drew."""

import numpy as np
import pytest
from drawings import lungs, shapes

from cxrkit.quality import shape
from cxrkit.training import damage


def test_place_and_size_do_not_matter() -> None:
    of, mask = shapes(), np.logical_or(*lungs())
    there = of.distance(mask)
    assert of.distance(np.roll(mask, (9, -11), (0, 1))) == pytest.approx(there)


def test_drawn_lungs_are_near_and_spoilt_ones_are_far() -> None:
    of = shapes()
    rng = np.random.default_rng(8)
    fresh = [np.logical_or(*lungs(rng)) for _ in range(20)]
    near = np.array([of.distance(m) for m in fresh])
    spoilt = np.array([of.distance(damage.one_lung(m, rng)) for m in fresh])
    assert near[:, 1].max() < spoilt[:, 1].min()
    assert 0.5 < np.median(near[:, 0]) < 1.5  # a drawn mask's coordinates have deviation 1


def test_directions_are_those_of_a_principal_component_analysis() -> None:
    from sklearn.decomposition import PCA

    rng = np.random.default_rng(1)
    masks = [np.logical_or(*lungs(rng)) for _ in range(30)]
    of = shape.fit(masks, 4)
    table = np.array([shape.boxed(m) for m in (*masks, *(m[:, ::-1] for m in masks))], float)
    peer = PCA(4, svd_solver="full").fit(table)
    assert np.abs((of.directions * peer.components_).sum(axis=1)) == pytest.approx(np.ones(4))
    assert of.deviations**2 == pytest.approx(peer.explained_variance_ * 59 / 60, rel=1e-4)
