"""Blocks of letters are flagged; markers, single words, ribs and catheters are not."""

import cv2
import numpy as np
import pytest

from cxrkit.phantom.anatomy import Subject, render
from cxrkit.quality import lettering, picture_grays


@pytest.fixture(scope="module")
def chest() -> np.ndarray:
    subject = Subject(view="AP", findings=("tube", "line", "fracture"), seed=9)
    film = render(subject, 512, 512, np.random.default_rng(9)).radiograph
    return picture_grays.working(np.asarray(film))


def lettered(
    chest: np.ndarray, lines: list[str], at: tuple[int, int] = (8, 16), ink: int = 255
) -> np.ndarray:
    out = chest.copy()
    for number, line in enumerate(lines):
        place = (at[0], at[1] + 14 * number)
        cv2.putText(out, line, place, cv2.FONT_HERSHEY_SIMPLEX, 0.35, ink, 1, cv2.LINE_AA)
    return out


IDENTITY = ["DOE JOHN 1950", "12-03-2019 10:24"]


def test_a_chest_with_devices_has_no_writing(chest: np.ndarray) -> None:
    assert lettering.burned_in_text(chest) is None


@pytest.mark.parametrize("words", [["L"], ["PORTABLE"], ["AP", "ERECT"]])
def test_a_marker_and_a_word_are_not_flagged(chest: np.ndarray, words: list[str]) -> None:
    assert lettering.burned_in_text(lettered(chest, words)) is None


@pytest.mark.parametrize("at", [(8, 16), (190, 16), (100, 150)])
def test_a_name_and_a_date_are_flagged_wherever_they_stand(
    chest: np.ndarray, at: tuple[int, int]
) -> None:
    flag = lettering.burned_in_text(lettered(chest, IDENTITY, at))
    assert flag is not None and "may name the patient" in flag.reason


def test_dark_letters_on_a_label_are_seen(chest: np.ndarray) -> None:
    labelled = chest.copy()
    labelled[5:40, 5:150] = 245
    assert lettering.burned_in_text(lettered(labelled, IDENTITY, ink=0)) is not None


def test_lines_are_found_where_they_are(chest: np.ndarray) -> None:
    before = set(lettering.text_lines(chest))
    added = set(lettering.text_lines(lettered(chest, IDENTITY))) - before
    assert added and all(x < 160 and y < 40 for x, y, _, _ in added)


def test_stripes_are_no_letters() -> None:
    striped = np.full((320, 320), 100, np.uint8)
    striped[::12] = striped[1::12] = 220  # wires or grid lines
    assert lettering.burned_in_text(striped) is None


def test_colour_marks_are_what_the_reading_says() -> None:
    assert lettering.colour_marks(("colour", "colour-marks")) is not None
    assert lettering.colour_marks(("colour", "alpha")) is None
