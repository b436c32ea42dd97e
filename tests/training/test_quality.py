"""The calibration: nobody is measured on what taught, errors are those of unseen patients."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from cxrkit.errors import InputRefused
from cxrkit.quality import estimate, shape
from cxrkit.quality.signals import NAMES
from cxrkit.segmentation import WEIGHTS
from cxrkit.training import cases, quality, quality_rows, segmentation_runs
from cxrkit.training.cases import Case, assign_splits, gather
from cxrkit.training.quality import Settings
from cxrkit.training.quality_rows import Row

QUICK = Settings(folds=2, copies=1, trees=60)


@pytest.fixture(scope="module")
def listed(drawn_archive: Path) -> list[Case]:
    return gather("shenzhen", drawn_archive, None, "included")


def test_parts_hold_whole_patients_and_about_as_many_images(listed: list[Case]) -> None:
    many = [replace(c, archive=a) for a in ("a", "b") for c in listed]
    many += [replace(c, archive="a") for c in listed[:3]]  # three patients with two images
    found = quality.folds(many, 3)
    assert found.keys() == {(c.archive, c.patient_id) for c in many}
    for archive in ("a", "b"):
        sizes = Counter(found[c.archive, c.patient_id] for c in many if c.archive == archive)
        assert set(sizes) == {0, 1, 2} and max(sizes.values()) - min(sizes.values()) <= 2


def test_rows_are_own_changed_and_spoilt_masks_with_their_true_dice(listed: list[Case]) -> None:
    drawn = [cases.read_for_test(c)[1] for c in listed]
    shapes = {"excluded": shape.fit(drawn, 4)}
    infer = {"excluded": lambda image: (image < 0.5).astype(np.float32)}  # lungs are drawn dark
    found = list(quality_rows.rows(listed[:4], infer, shapes, 2, 0))
    again = list(quality_rows.rows(listed[:4], infer, shapes, 2, 0))
    assert [(r.kind, r.dice) for r in found] == [(r.kind, r.dice) for r in again]
    kinds = Counter(r.kind for r in found)
    assert kinds["own"] == 4 and kinds["drawn-spoilt"] == 12 and kinds["changed"] <= 8
    own = [r.dice for r in found if r.kind == "own"]
    assert min(own) > 0.9 > np.mean([r.dice for r in found if r.kind == "drawn-spoilt"])


def made_up(listed: list[Case], count: int, seed: int) -> list[Row]:
    """Rows whose first signal tells the Dice but for some noise, larger for masks that are bad."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(count):
        case = listed[int(rng.integers(len(listed)))]
        dice = float(1 - rng.beta(1, 6))
        row = rng.normal(0, 1, len(NAMES)).astype(np.float32)
        row[0] = np.log(1.01 - dice) + rng.normal(0, 0.3)
        convention = "included" if rng.random() < 0.5 else "excluded"
        out.append(Row(replace(case, convention=convention), "own", row, dice))
    return out


def test_nine_in_ten_new_masks_lie_in_their_intervals(listed: list[Case]) -> None:
    table, fresh = made_up(listed, 3000, 0), made_up(listed, 3000, 1)
    by = quality.calibrate(table, quality.folds(listed, 2), {}, (), QUICK)
    found = quality.scores(fresh, by)
    assert found["all"]["in_interval"] == pytest.approx(0.9, abs=0.02)
    for convention in ("excluded", "included"):
        assert found[f"all, {convention}"]["in_interval"] == pytest.approx(0.9, abs=0.03)
    middle = [estimate.estimate(r.signals, r.case.convention, by).dice for r in fresh]
    truth = np.array([r.dice for r in fresh])
    assert found["all"]["pearson_r"] == round(float(np.corrcoef(truth, middle)[0, 1]), 4)
    expected = roc_auc_score(truth < estimate.GOOD, -np.array(middle))
    assert found["all"]["auroc_below_good"] == round(float(expected), 4)


def test_errors_of_patients_that_taught_would_be_too_small(listed: list[Case]) -> None:
    """What cross-fitting is for: signals that name the patient teach nothing about new ones."""
    table = made_up(listed, 1200, 0)
    rng = np.random.default_rng(7)
    better = {c.patient_id: rng.normal(0, 1) for c in listed}
    named = []
    for r in table:
        row = r.signals.copy()
        row[1] = int(r.case.patient_id)
        dice = float(estimate.dice_of(row[0] + better[r.case.patient_id]))
        named.append(replace(r, signals=row, dice=dice))
    by = quality.calibrate(named, quality.folds(listed, 2), {}, (), QUICK)
    fitted = np.array([by.trees.sums(np.append(r.signals, r.case.convention == "excluded")
                                     .astype(np.float32)) for r in named])  # fmt: skip
    seen = np.std(estimate.number(np.array([r.dice for r in named])) - fitted)
    spread = np.percentile(by.errors["included", "good"], (16, 84))
    assert np.ptp(spread) / 2 > 2 * seen


def test_masks_of_one_convention_are_refused(listed: list[Case], tmp_path: Path) -> None:
    plan = segmentation_runs.plan("leak-free", "sa-unet", {}, {})
    with pytest.raises(InputRefused, match=r"E107 .*both conventions"):
        quality.run(
            assign_splits(listed, 0.1, 0.2, 0), plan, QUICK, WEIGHTS, tmp_path, "cpu",
            lambda event: None, lambda text: None,
        )  # fmt: skip
