"""The exposed field, frames and clipping of drawn pictures small enough to count by hand."""

import numpy as np
import pytest

from cxrkit.quality import picture_grays


@pytest.fixture
def chest() -> np.ndarray:
    """Two dark lungs in a bright body, no pixel pure black or white."""
    picture = np.full((300, 300), 180, np.uint8)
    picture[60:240, 40:130] = picture[60:240, 170:260] = 60
    return picture


def test_the_field_is_what_is_inside_a_black_or_white_frame(chest: np.ndarray) -> None:
    for value in (0, 255):
        framed = np.pad(chest, ((20, 30), (0, 50)), constant_values=value)
        rows, columns = picture_grays.field(framed)
        assert (rows, columns) == (slice(20, 320), slice(0, 300))


def test_a_gray_margin_is_no_frame(chest: np.ndarray) -> None:
    framed = np.pad(chest, 20, constant_values=90)
    assert picture_grays.field(framed) == (slice(0, 340), slice(0, 340))


def test_letters_on_a_frame_do_not_end_it(chest: np.ndarray) -> None:
    framed = np.pad(chest, ((40, 0), (0, 0)))
    framed[10:18, 5:12] = 250
    assert picture_grays.field(framed)[0] == slice(40, 340)


def test_a_frame_without_a_picture_is_all_field() -> None:
    nothing = np.zeros((50, 60), np.uint8)
    assert picture_grays.field(nothing) == (slice(0, 50), slice(0, 60))


@pytest.mark.parametrize(("margin", "flagged"), [(20, False), (43, False), (45, True), (90, True)])
def test_a_wide_border_is_flagged_from_its_share_on(
    chest: np.ndarray, margin: int, flagged: bool
) -> None:
    framed = np.pad(chest, margin)  # 1 - (300 / (300 + 2 margin))^2: .22 .396 .41 .61
    flag = picture_grays.wide_border(framed)
    assert (flag is not None) == flagged
    if flag:
        assert f"{1 - 300**2 / (300 + 2 * margin) ** 2:.0%} of the picture" in flag.reason


@pytest.mark.parametrize(("value", "name"), [(0, "black"), (255, "white")])
def test_clipped_lungs_or_bodies_are_flagged(chest: np.ndarray, value: int, name: str) -> None:
    assert picture_grays.clipped_exposure(chest) is None
    clipped = chest.copy()
    clipped[60:240, 40:90] = value  # 10.0 % of the picture: the limit
    assert picture_grays.clipped_exposure(clipped) is None
    clipped[60:240, 90:95] = value
    flag = picture_grays.clipped_exposure(clipped)
    assert flag is not None and f"11% of the exposed field is pure {name}" in flag.reason


def test_black_air_beside_the_body_is_not_clipped(chest: np.ndarray) -> None:
    airy = chest.copy()
    airy[:, :30] = airy[:, -30:] = 0
    airy[100, :] = 180  # an arm, so that no column is all frame
    airy[::20, :] = 180
    assert picture_grays.clipped_exposure(airy) is None


def test_blank_needs_few_grays_beneath_the_noise() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 25, (400, 400))
    even = np.clip(100 + noise, 0, 255).astype(np.uint8)
    flag = picture_grays.blank(even)
    assert flag is not None and "limit 24" in flag.reason
    slope = np.clip(100 + np.linspace(-20, 20, 400)[None] + noise, 0, 255).astype(np.uint8)
    assert picture_grays.blank(slope) is None


@pytest.mark.parametrize("shape", [(3000, 2000), (640, 2000), (321, 320), (224, 300)])
def test_the_working_picture_has_a_shorter_side_of_320_at_most(shape: tuple[int, int]) -> None:
    picture = picture_grays.working(np.zeros(shape, np.uint8))
    assert min(picture.shape) == min(320, *shape)
    assert picture.shape[0] / picture.shape[1] == pytest.approx(shape[0] / shape[1], rel=0.01)
