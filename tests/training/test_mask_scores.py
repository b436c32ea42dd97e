"""Mask scores against hand drawings, scikit-learn's view of the pixels and every pair of edges."""

import math

import numpy as np
import pytest
from sklearn import metrics

from cxrkit.training import card_tables
from cxrkit.training.mask_scores import (
    Agreement,
    ImageScore,
    interval,
    lungs,
    measure,
    siim_dice,
    summary,
    table,
)


def box(top: int, left: int, bottom: int, right: int, size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[top:bottom, left:right] = True
    return mask


def edge(mask: np.ndarray) -> np.ndarray:
    """The pixels of a mask that touch its outside, by looking at all four neighbours."""
    padded = np.pad(mask, 1)
    inside = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inside)


def directed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distance of each edge pixel of `a` to the nearest one of `b`."""
    between = edge(a)[:, None] - edge(b)[None]
    return np.sqrt((between**2).sum(axis=2)).min(axis=1)


def test_shifted_squares_by_hand() -> None:
    found = measure(box(10, 10, 20, 20), box(10, 12, 20, 22))
    assert found.dice == pytest.approx(160 / 200)
    assert found.iou == pytest.approx(80 / 120)
    assert found.hausdorff95 == 2


@pytest.mark.parametrize("seed", range(4))
def test_pixels_are_counted_as_scikit_learn_does(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found, drawn = rng.random((2, 30, 20)) < 0.4
    got, (a, b) = measure(found, drawn), (found.ravel(), drawn.ravel())
    assert got.dice == pytest.approx(metrics.f1_score(b, a), abs=1e-12)
    assert got.iou == pytest.approx(metrics.jaccard_score(b, a), abs=1e-12)
    assert got.recall == pytest.approx(metrics.recall_score(b, a), abs=1e-12)
    assert got.precision == pytest.approx(metrics.precision_score(b, a), abs=1e-12)
    assert siim_dice(found, drawn) == got.dice


def test_distances_are_those_of_every_pair_of_edge_pixels() -> None:
    found, drawn = box(5, 6, 25, 18), box(8, 9, 33, 19)
    there, back = directed(found, drawn), directed(drawn, found)
    got = measure(found, drawn)
    expected = max(np.percentile(there, 95), np.percentile(back, 95))
    assert got.hausdorff95 == pytest.approx(expected, abs=1e-5)
    assert got.surface_distance == pytest.approx(np.concatenate([there, back]).mean(), abs=1e-5)


def test_empty_masks_agree_and_one_empty_mask_scores_nothing() -> None:
    nothing, square = np.zeros((40, 40), bool), box(1, 1, 9, 9)
    assert measure(nothing, nothing) == Agreement(1, 1, 1, 1, 0, 0)
    for pair in ((nothing, square), (square, nothing)):
        assert measure(*pair) == Agreement(0, 0, 0, 0, math.inf, math.inf)
        assert siim_dice(*pair) == 0
    assert siim_dice(nothing, nothing) == 1


def test_each_lung_is_compared_with_its_own_side() -> None:
    right, left = box(5, 3, 35, 15), box(5, 24, 35, 36)
    smaller = box(5, 24, 20, 36)
    got = lungs(right | smaller, right | left)
    assert got.right == measure(right, right)
    assert got.left == measure(smaller, left)
    assert got.whole == measure(right | smaller, right | left)
    assert got.left.recall == pytest.approx(0.5)
    assert got.left.precision == 1


def test_a_lung_that_was_not_found_scores_nothing_on_its_side_only() -> None:
    right, left = box(5, 3, 35, 15), box(5, 24, 35, 36)
    got = lungs(right, right | left)
    assert (got.right.dice, got.left.dice) == (1, 0)
    none = lungs(np.zeros((40, 40), bool), right | left)
    assert (none.right.dice, none.left.dice) == (0, 0)


def test_specks_go_to_the_nearer_lung() -> None:
    right, left = box(5, 3, 35, 15), box(5, 24, 35, 36)
    speck = box(10, 21, 12, 22)  # nearer to the left lung, though it lies right of the right one
    got = lungs(right | left | speck, right | left)
    assert got.right.precision == 1
    assert got.left.precision == pytest.approx(360 / 362)


def test_a_speck_is_no_lung_beside_lungs_grown_together() -> None:
    grown = box(5, 3, 35, 36)
    grown[5:30, 18:21] = False
    assert lungs(grown | box(1, 38, 3, 40), grown).right == measure(grown, grown)


def test_the_interval_is_the_textbook_one_and_patients_count_once() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.95, 0.02, 200).tolist()
    low, high = interval(values, [str(k) for k in range(200)])
    assert low < np.mean(values) < high
    assert high - low == pytest.approx(2 * 1.96 * np.std(values) / 200**0.5, rel=0.12)
    twice = interval([v for v in values for _ in range(2)], [str(k // 2) for k in range(400)])
    assert twice == pytest.approx((low, high))


def image(archive: str, convention: str, dice: float, patient: str, far: float = 3) -> ImageScore:
    found = Agreement(dice, dice / (2 - dice), dice, dice, far, far / 3)
    return ImageScore(archive, convention, patient, {"whole": found})


def test_means_never_mix_archives_or_conventions() -> None:
    scores = [
        image("v7", "included", 0.9, "1"), image("v7", "included", 0.8, "2"),
        image("shenzhen", "excluded", 0.5, "1"), image("v7", "excluded", 0.1, "3"),
    ]  # fmt: skip
    found = summary(scores)
    keys = [(e["archive"], e["mask_convention"], e["dice"], e["patients"]) for e in found]
    assert keys == [
        ("shenzhen", "excluded", 0.5, 1), ("v7", "excluded", 0.1, 1), ("v7", "included", 0.85, 2),
    ]  # fmt: skip
    low, high = found[2]["dice_95_interval"]
    assert (low, high) == (0.8, 0.9)


def test_a_mask_that_was_not_found_has_no_distance_but_a_dice() -> None:
    scores = [image("siim-acr", "", 0.8, "1", 4), image("siim-acr", "", 0, "2", math.inf)]
    (entry,) = summary(scores)
    assert "mask_convention" not in entry
    assert entry["dice"] == 0.4
    assert (entry["hausdorff95"], entry["no_distance"]) == (4, 1)
    assert summary(scores[1:])[0]["hausdorff95"] is None


def test_the_table_has_a_row_for_each_part() -> None:
    both = measure(box(1, 1, 9, 9), box(1, 1, 9, 9))
    scores = [ImageScore("v7", "included", "1", {"whole": both, "right": both, "left": both})]
    made = table(scores)
    assert [row[2] for row in made.rows] == ["whole", "right", "left"]
    assert "1.000 [1.000, 1.000]" in card_tables.markdown(made)
