"""What is measured of a mask, against drawings whose figures are known."""

import math
from pathlib import Path

import numpy as np
import pytest
from drawings import ellipse, lungs, measured, picture, shapes
from scipy import ndimage

from cxrkit.quality.measures import measure
from cxrkit.segmentation import tell_apart
from cxrkit.training import cases


def test_a_rectangle_has_the_figures_of_a_rectangle() -> None:
    mask = np.zeros((224, 224), bool)
    mask[40:180, 20:80] = True
    nothing = np.zeros_like(mask)
    found = measured(mask, nothing, np.full((224, 224), 90, np.uint8))
    assert found.area == found.right == pytest.approx(140 * 60 / 224**2)
    assert (found.left, found.imbalance, found.parts, found.extra) == (0, math.inf, 1, 0)
    assert found.outline == pytest.approx(2 * (139 + 59) / math.sqrt(140 * 60))
    assert (found.holes, found.border, found.contrast, found.edge) == (0, 0, 0, 0)
    assert 1 < found.jagged < 1.05  # smoothing rounds the corners


def test_two_lungs_are_compared() -> None:
    right, left = ellipse(70, 100, 28, 60), ellipse(156, 120, 20, 50)
    found = measured(right, left)
    assert found.imbalance == pytest.approx(right.sum() / left.sum())
    rows = [np.flatnonzero(lung.any(axis=1)) for lung in (right, left)]
    assert found.tops == pytest.approx((rows[1][0] - rows[0][0]) / 224)
    assert found.bottoms == pytest.approx(abs(rows[1][-1] - rows[0][-1]) / 224)


def test_holes_are_what_scipy_fills() -> None:
    right, left = lungs()
    holed = right & ~ellipse(68, 112, 9, 14)
    filled = ndimage.binary_fill_holes(holed | left).sum() / (holed | left).sum() - 1
    assert measured(holed, left).holes == pytest.approx(filled)
    assert measured(right, left).holes == 0


def test_parts_beside_the_lungs_are_a_share_of_the_mask() -> None:
    right, left = lungs()
    speck = ellipse(112, 205, 5, 5)
    found = measured(right, left | speck)
    assert found.parts == 3
    assert found.extra == pytest.approx(speck.sum() / (right | left | speck).sum())


def test_an_outline_on_the_border_is_seen() -> None:
    right, left = lungs()
    down = np.roll(right, 60, axis=0)
    down[:60] = False
    assert measured(down, left).border > 0.05
    assert measured(right, left).border == 0


def test_an_edge_is_where_the_radiograph_brightens_outwards() -> None:
    right, left = lungs()
    own = picture(right | left)
    good, inverted = measured(right, left, own), measured(right, left, 255 - own)
    assert good.edge > 0.95 and good.contrast > 0.5
    assert inverted.edge < 0.05 and inverted.contrast < -0.5
    moved = measured(np.roll(right, 25, axis=1), np.roll(left, 25, axis=1), own)
    assert moved.edge < 0.6 * good.edge


def test_a_rough_outline_is_longer() -> None:
    right, left = lungs()
    comb = right.copy()
    comb[::4] = False
    comb |= right & (np.add.outer(np.zeros(224), np.arange(224)) < 68)
    assert measured(comb, left).jagged > 1.15 > measured(right, left).jagged


def test_an_empty_mask_has_no_figures() -> None:
    nothing = np.zeros((224, 224), bool)
    found = measured(nothing, nothing, np.full((224, 224), 9, np.uint8))
    assert found.area == 0 and found.shape == math.inf


def test_real_drawn_lungs_measure_alike_mirrored(real_data: Path) -> None:
    """What is left and right must not matter, apart from the side that each lung is on."""
    of = shapes()
    case = cases.gather("shenzhen", real_data / "shenzhen", None, "excluded")[3]
    image, mask, _ = cases.read_for_test(case)
    there = measure(image, *tell_apart(mask), of)
    back = measure(image[:, ::-1].copy(), *tell_apart(mask[:, ::-1]), of)
    assert (there.right, there.left) == (back.left, back.right)
    for name in ("area", "imbalance", "holes", "outline", "edge", "contrast", "bright"):
        assert getattr(there, name) == pytest.approx(getattr(back, name), abs=2e-3), name
