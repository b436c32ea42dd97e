"""Every check finds what it is for, and says nothing of drawn lungs."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from drawings import ellipse, lungs, measured, picture, shapes

from cxrkit.quality import mask_checks
from cxrkit.quality.measures import Measures, measure
from cxrkit.segmentation import tell_apart

NOTHING = np.zeros((224, 224), bool)


def sound() -> Measures:
    return measured(*lungs())


@cache
def broken() -> dict[str, Measures]:
    """For each check a mask that it is for."""
    right, left = lungs()
    own, of = picture(right | left), shapes()
    holed = right & ~ellipse(68, 112, 12, 20)
    speck = left | ellipse(112, 208, 9, 7)
    comb = right.copy()
    comb[::3] = False
    comb[:, 66:70] |= right[:, 66:70]
    return {
        "empty": measure(own, NOTHING, NOTHING, of),
        "one_lung": measured(right, NOTHING),
        "small": measured(ellipse(90, 112, 12, 20), ellipse(130, 112, 12, 20)),
        "large": measured(ellipse(56, 112, 56, 112), ellipse(168, 112, 56, 112)),
        "imbalanced": measured(right, ellipse(156, 140, 14, 30)),
        "touches_border": measured(*(np.roll(m, s, 1) for m, s in ((right, -45), (left, 45)))),
        "holes": measured(holed, left),
        "extra_parts": measured(right, speck),
        "jagged": measured(comb, left),
        "off_the_lungs": measured(right, left, picture(NOTHING)),
        "odd_shape": measured(ellipse(112, 60, 90, 14), ellipse(112, 160, 20, 14)),
    }


@pytest.mark.parametrize("name", mask_checks.CHECKS)
def test_a_check_finds_what_it_is_for(name: str) -> None:
    reason = mask_checks.CHECKS[name](broken()[name])
    assert reason and "\n" not in reason


def test_drawn_lungs_give_no_flag() -> None:
    assert mask_checks.flags(sound()) == ()


def test_an_empty_mask_is_only_empty() -> None:
    assert [flag.name for flag in mask_checks.flags(broken()["empty"])] == ["empty"]


def test_a_reason_names_what_was_measured_and_the_limit() -> None:
    found = mask_checks.flags(replace(sound(), holes=0.31))
    assert [flag.name for flag in found] == ["holes"]
    assert "31.0%" in found[0].reason and "2%" in found[0].reason
    right_absent = replace(sound(), imbalance=30.0, right=0.001)
    assert "right lung" in mask_checks.one_lung(right_absent)


def test_few_drawn_masks_of_patients_that_set_no_limit_are_flagged(
    real_data: Path,
) -> None:
    """Masks that set no limit: those of the patients that were held back."""
    from cxrkit.quality import estimate
    from cxrkit.training import cases

    by = estimate.load()
    listed = [
        *cases.gather("v7", real_data / "v7", None, "included"),
        *cases.gather(
            "guangzhou", real_data / "guangzhou", real_data / "guangzhou/v7_masks", "included"
        ),
    ]
    held = [c for c in cases.assign_splits(listed, 0.05, 0.15, 0) if c.split != "train"]
    flagged = []
    for case in held:
        image, lung, _ = cases.read_for_test(case)
        found = measure(image, *tell_apart(lung), by.shapes[case.convention])
        flagged += [case.image_id] * bool(mask_checks.flags(found))
    assert len(held) > 100
    assert len(flagged) <= 0.02 * len(held), flagged
