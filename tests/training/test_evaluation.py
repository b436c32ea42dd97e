"""Scores against arithmetic by hand and against scikit-learn's view of the same pixels."""

from pathlib import Path

import numpy as np
import pytest

from cxrkit.records import Record
from cxrkit.segmentation import Recipe, Segmenter
from cxrkit.training.cases import Case, gather
from cxrkit.training.evaluation import Score, evaluate, interval, measure, summary


def squares(shift: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = np.zeros((40, 40), bool), np.zeros((40, 40), bool)
    a[10:20, 10:20] = True
    b[10:20, 10 + shift : 20 + shift] = True
    return a, b


def test_shifted_squares_by_hand() -> None:
    dice, iou, hausdorff, surface = measure(*squares(2))
    assert dice == pytest.approx(2 * 80 / 200)
    assert iou == pytest.approx(80 / 120)
    assert hausdorff == 2
    assert 0 < surface < 2


def test_iou_and_dice_agree() -> None:
    dice, iou, *_ = measure(*squares(3))
    assert iou == pytest.approx(dice / (2 - dice))


def test_equal_and_empty_masks() -> None:
    a, _ = squares(0)
    nothing = np.zeros_like(a)
    assert measure(a, a) == (1, 1, 0, 0)
    assert measure(nothing, nothing) == (1, 1, 0, 0)
    assert measure(a, nothing)[:2] == (0, 0)


def scores(values: list[float], patients: list[str]) -> list[Score]:
    return [
        Score(
            Case("v7", Path(), Record("v7", str(i), "x.png", patient_id=p), None, "included"),
            v,
            v,
            0,
            0,
        )
        for i, (v, p) in enumerate(zip(values, patients, strict=True))
    ]


def test_interval_holds_the_mean_and_narrows_with_patients() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(0.95, 0.02, 200).tolist()
    few, many = (interval(scores(values[:n], [str(i) for i in range(n)])) for n in (20, 200))
    assert many[0] < np.mean(values) < many[1]
    assert many[1] - many[0] < few[1] - few[0]
    # The normal approximation of the standard error is a second source.
    assert many[1] - many[0] == pytest.approx(2 * 1.96 * np.std(values) / 200**0.5, rel=0.15)


def test_images_of_one_patient_do_not_narrow_the_interval() -> None:
    values = [0.9] * 10 + [0.98] * 10
    apart = interval(scores(values, [str(i) for i in range(20)]))
    together = interval(scores(values, ["a"] * 10 + ["b"] * 10))
    assert together[1] - together[0] > apart[1] - apart[0]


def test_summary_is_per_archive_and_convention() -> None:
    found = summary(scores([0.9, 0.8], ["1", "2"]))
    assert list(found) == ["v7"]
    assert found["v7"]["dice"] == pytest.approx(0.85)
    assert found["v7"]["dice_lowest"] == pytest.approx(0.8)
    assert found["v7"]["mask_convention"] == "included"


def test_a_mask_that_was_not_found_scores_zero(drawn_archive: Path) -> None:
    cases = gather("shenzhen", drawn_archive, None, "included")[:2]
    blind = Segmenter("excluded", "none", "", lambda image: np.zeros_like(image))
    assert [s.dice for s in evaluate(cases, {"excluded": blind}, Recipe())] == [0, 0]
