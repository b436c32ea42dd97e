"""Damages spoil a mask, each in its way, and by the generator alone."""

import cv2
import numpy as np
import pytest

from cxrkit.training import damage
from cxrkit.training.damage import DAMAGES, Damage, damaged
from cxrkit.training.quality_rows import dice


@pytest.fixture(scope="module")
def mask() -> np.ndarray:
    canvas = np.zeros((224, 224), np.uint8)
    for x in (70, 154):
        cv2.ellipse(canvas, (x, 112), (28, 64), 0, 0, 360, 1, -1)
    return canvas > 0


@pytest.mark.parametrize("way", DAMAGES, ids=lambda way: way.__name__)
def test_a_damage_costs_dice_and_is_the_same_for_the_same_seed(
    way: Damage, mask: np.ndarray
) -> None:
    before = mask.copy()
    found = [way(mask, np.random.default_rng(seed)) for seed in range(12)]
    again = way(mask, np.random.default_rng(0))
    assert np.array_equal(mask, before)
    assert np.array_equal(found[0], again)
    assert all(f.dtype == bool and f.shape == mask.shape for f in found)
    assert np.mean([dice(f, mask) for f in found]) < 0.95


def test_grown_and_shrunk_are_what_they_say(mask: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    assert (damage.grown(mask, rng) >= mask).all()
    assert (damage.shrunk(mask, rng) <= mask).all()
    assert (damage.cut(mask, rng) <= mask).all()
    assert (damage.holed(mask, rng) <= mask).all()
    assert (damage.spilt(mask, rng) >= mask).all()
    assert (damage.joined(mask, rng) >= mask).all()


def test_one_lung_leaves_one_part(mask: np.ndarray) -> None:
    for seed in range(6):
        left = damage.one_lung(mask, np.random.default_rng(seed)).astype(np.uint8)
        assert cv2.connectedComponents(left)[0] == 2
        assert left.sum() == pytest.approx(mask.sum() / 2, rel=0.02)


def test_a_damaged_mask_is_never_empty_and_sometimes_anothers(mask: np.ndarray) -> None:
    other = np.roll(mask, 30, axis=0)
    rng = np.random.default_rng(4)
    found = [damaged(mask, [other], rng) for _ in range(200)]
    assert all(f.any() for f in found)
    assert any(np.array_equal(f, other) for f in found)
    speck = np.zeros((224, 224), bool)
    speck[100:103, 100:103] = True
    assert all(damaged(speck, [other], rng).any() for _ in range(100))


def test_dice_of_masks_that_are_empty() -> None:
    nothing, all_of_it = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    assert (dice(nothing, nothing), dice(nothing, all_of_it), dice(all_of_it, all_of_it)) == (
        1,
        0,
        1,
    )
