"""Scores of archives: never across archives or conventions, distances only where there are some."""

from pathlib import Path

import numpy as np
import pytest

from cxrkit.records import Record
from cxrkit.segmentation import Recipe, Segmenter
from cxrkit.training import published
from cxrkit.training.cases import Case, gather, read
from cxrkit.training.evaluation import Score, evaluate, evaluate_copies, summary
from cxrkit.training.mask_scores import Agreement, LungScore


def agreement(dice: float, distance: float = 0) -> Agreement:
    return Agreement(dice, dice, dice, dice, distance, distance)


def scores(values: list[float], patients: list[str], archive: str = "v7") -> list[Score]:
    return [
        Score(
            Case(archive, Path(), Record(archive, str(i), "x.png", patient_id=p), None, "included"),
            LungScore(agreement(v), agreement(v), agreement(v)),
            np.zeros((2, 2), bool),
        )
        for i, (v, p) in enumerate(zip(values, patients, strict=True))
    ]


def test_summary_is_per_archive_and_convention() -> None:
    found = summary(scores([0.9, 0.8], ["1", "2"]))
    assert list(found) == ["v7"]
    assert found["v7"]["dice"] == pytest.approx(0.85)
    assert found["v7"]["dice_lowest"] == pytest.approx(0.8)
    assert found["v7"]["mask_convention"] == "included"


def test_a_mask_that_was_not_found_scores_zero(drawn_archive: Path) -> None:
    cases = gather("shenzhen", drawn_archive, None, "included")[:2]
    blind = Segmenter("excluded", "none", "", lambda image: np.zeros_like(image))
    found = evaluate(cases, {"excluded": blind}, Recipe())
    assert [s.lungs.whole.dice for s in found] == [0, 0]
    assert summary(found)["shenzhen"]["hausdorff95_pixels"] is None  # there is no distance


def test_each_case_is_scored_by_its_own_convention(drawn_archive: Path) -> None:
    cases = gather("shenzhen", drawn_archive, None, "included")[:2]
    dark = Segmenter("excluded", "none", "", lambda image: (image < 0.4).astype(np.float32))
    blind = Segmenter("included", "none", "", lambda image: np.zeros_like(image))
    found = evaluate(cases, {"excluded": dark, "included": blind}, Recipe())
    parts = [part for s in found for part in (s.lungs.whole, s.lungs.right, s.lungs.left)]
    assert all(part.dice > 0.9 for part in parts)
    assert all(s.figures()["dice_right"] == s.lungs.right.dice for s in found)


def test_copies_are_scored_as_they_were_changed(drawn_archive: Path) -> None:
    cases = gather("shenzhen", drawn_archive, None, "included")
    copies = published.deal(cases, 40, seed=0)[:6]
    pairs = {(c.archive, c.image_id): read(c) for c in cases}
    inside = np.float32(0.02)  # what a warp leaves empty is black
    dark = Segmenter(
        "mixed", "none", "", lambda image: ((image < 0.4) & (image > inside)).astype(np.float32)
    )
    found = evaluate_copies(copies, pairs, dark, Recipe(), 0)
    assert np.mean([s.lungs.whole.dice for s in found]) > 0.9
    assert len(found) == 6


def test_archives_are_never_averaged() -> None:
    found = summary(scores([0.9], ["1"]) + scores([0.5], ["1"], "guangzhou"))
    assert {name: s["dice"] for name, s in found.items()} == {"guangzhou": 0.5, "v7": 0.9}
