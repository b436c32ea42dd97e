"""Figures as an XML parser reads them: points lie where their numbers say, words are words."""

import math
import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest

from cxrkit.training import curves, plot
from cxrkit.training.curves import Bar, Curve, Series
from cxrkit.training.plot import Axis

SVG = "{http://www.w3.org/2000/svg}"


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def words(svg: str) -> list[str]:
    return [t.text or "" for t in parsed(svg).iter(f"{SVG}text")]


def lines(svg: str) -> list[list[tuple[float, float]]]:
    """The points of every curve that is longer than the sample of a legend."""
    found = []
    for line in parsed(svg).iter(f"{SVG}polyline"):
        pairs = [pair.split(",") for pair in line.attrib["points"].split()]
        points = [(float(x), float(y)) for x, y in pairs]
        if points[0][1] != points[-1][1] or abs(points[0][0] - points[-1][0]) != 20:
            found.append(points)
    return found


def ticks(svg: str, anchor: str) -> dict[str, float]:
    """Where the number of each tick stands: right of x ("middle"), or beside y ("end")."""
    place = "x" if anchor == "middle" else "y"
    numbers = [t for t in parsed(svg).iter(f"{SVG}text") if t.get("text-anchor") == anchor]
    return {
        t.text: float(t.attrib[place]) - 4 * (anchor == "end")
        for t in numbers
        if t.text and re.fullmatch(r"[\d.]+", t.text)
    }


TWO = [Series("loss", [1, 2, 3, 4], [8, 4, 2, 1]), Series("validation", [1, 2, 3, 4], [8, 6, 5, 5])]
CURVE = Curve("Edema", [0, 0.2, 1], [0, 0.8, 1], "AUROC 0.80", (0.2, 0.8), 0.1)
EVERY: list[Callable[[str], str]] = [
    lambda title: curves.learning(title, TWO, "loss", log=True),
    lambda title: curves.learning(title, TWO, "loss"),
    lambda title: curves.learning(title, [], "loss"),
    lambda title: curves.roc(title, [CURVE]),
    lambda title: curves.roc(title, [CURVE] * 14),
    lambda title: curves.precision_recall(title, [CURVE] * 3),
    lambda title: curves.reliability(title, [(0.1, 0.2, 50), (0.7, 0.5, 5)], "ECE 0.1"),
    lambda title: curves.reliability(title, []),
    lambda title: curves.confusion(title, ["a", "not a"], [[3, 1], [0, 0]]),
    lambda title: curves.bars(title, {"a": [Bar("F", 0.8, 0.7, 0.9), Bar("M", None, None, None)]}),
]  # fmt: skip


@pytest.mark.parametrize("draw", EVERY)
def test_every_figure_is_xml_by_itself_for_light_and_dark(draw: Callable[[str], str]) -> None:
    svg = draw('A < B & "C"')
    root = parsed(svg)
    title = root.find(f"{SVG}title")
    assert title is not None and title.text == 'A < B & "C"'
    assert "prefers-color-scheme:dark" in svg
    assert not re.search(r"script|href|url\(|@import|nan|inf\b", svg)
    assert svg == draw('A < B & "C"')
    wide, high = (float(root.attrib[name]) for name in ("width", "height"))
    for points in lines(svg):
        assert all(0 <= x <= wide and 0 <= y <= high for x, y in points)


def test_a_learning_curve_passes_through_its_numbers() -> None:
    svg = curves.learning("t", [Series("dice", [1, 2, 3], [0.2, 0.6, 0.8])], "Dice")
    across, up = ticks(svg, "middle"), ticks(svg, "end")
    (points,) = lines(svg)
    assert [x for x, _ in points] == pytest.approx([across["1"], across["2"], across["3"]], abs=0.1)
    assert points[1][1] == pytest.approx(up["0.6"], abs=0.11)
    assert "epoch" in words(svg) and "Dice" in words(svg)


def test_equal_factors_are_equal_steps_on_a_logarithmic_axis() -> None:
    (first, _) = lines(curves.learning("t", TWO, "loss", log=True))
    steps = np.diff([y for _, y in first])
    assert steps == pytest.approx([steps[0]] * 3, abs=0.2)
    (first, _) = lines(curves.learning("t", TWO, "loss"))
    steps = np.diff([y for _, y in first])
    assert steps == pytest.approx([steps[0], steps[0] / 2, steps[0] / 4], abs=0.2)


def test_several_series_have_a_legend_and_differ_in_style() -> None:
    svg = curves.learning("t", TWO, "loss")
    assert {"loss", "validation"} <= set(words(svg))
    styles = {line.attrib["class"] for line in parsed(svg).iter(f"{SVG}polyline")}
    assert styles == {"line la", "line lb"}
    alone = words(curves.learning("t", TWO[:1], "y"))
    assert "loss" not in alone


def test_a_value_that_is_missing_is_a_gap() -> None:
    y = [0.1, 0.2, math.nan, 0.3, 0.4, math.inf, 0.5]
    svg = curves.learning("t", [Series("a", range(7), y)], "y")
    assert [len(points) for points in lines(svg)] == [2, 2]
    assert len(list(parsed(svg).iter(f"{SVG}circle"))) == 1
    assert "no values" in words(curves.learning("t", [Series("a", [1], [math.nan])], "y"))
    assert "no values" in words(curves.learning("t", [Series("a", [1], [0.0])], "y", log=True))


def test_a_constant_and_a_single_epoch_can_be_drawn() -> None:
    (points,) = lines(curves.learning("t", [Series("a", [1, 2], [0.5, 0.5])], "y"))
    assert points[0][1] == points[1][1]
    assert lines(curves.learning("t", [Series("a", [1], [0.5])], "y")) == []


def test_an_operating_point_lies_on_its_place() -> None:
    svg = curves.roc("t", [CURVE])
    (dot,) = parsed(svg).iter(f"{SVG}circle")
    assert float(dot.attrib["cx"]) == pytest.approx(ticks(svg, "middle")["0.2"])
    assert float(dot.attrib["cy"]) == pytest.approx(ticks(svg, "end")["0.8"])
    assert {"Edema", "AUROC 0.80", "sensitivity", "1 - specificity"} <= set(words(svg))


def test_many_curves_get_a_square_each() -> None:
    svg = curves.roc("t", [Curve(f"O{k}", [0, 1], [0, 1]) for k in range(14)])
    edges = [r for r in parsed(svg).iter(f"{SVG}rect") if r.get("class") == "edge"]
    assert len(edges) == len(lines(svg)) == 14
    corners = {(r.get("x"), r.get("y")) for r in edges}
    assert len(corners) == 14
    assert {f"O{k}" for k in range(14)} <= set(words(svg))


def test_a_long_curve_is_thinned_and_keeps_its_ends_and_shape() -> None:
    x = np.linspace(0, 1, 20001)
    (points,) = lines(curves.roc("t", [Curve("a", x, x**0.2)]))
    assert len(points) < 2000
    (whole,) = lines(curves.roc("t", [Curve("a", x[::4000], x[::4000] ** 0.2)]))
    assert points[0] == whole[0] and points[-1] == whole[-1]
    near = [min(math.dist(p, q) for q in points) for p in whole]
    assert max(near) < 1


def test_reliability_columns_are_as_high_as_their_numbers_of_images() -> None:
    svg = curves.reliability("t", [(0.1, 0.2, 50), (0.7, 0.5, 25)], "ECE 0.10")
    columns = [r for r in parsed(svg).iter(f"{SVG}rect") if r.get("class") == "pale"]
    first, second = (float(r.attrib["height"]) for r in columns)
    assert first == 2 * second
    assert {"ECE 0.10", "50"} <= set(words(svg))


def test_a_confusion_matrix_names_counts_and_shares_of_rows() -> None:
    svg = curves.confusion("t", ["sick", "well"], [[30, 10], [5, 95]])
    found = words(svg)
    assert [w for w in found if re.fullmatch(r"[\d%]+", w)] == [
        "30", "75%", "10", "25%", "5", "5%", "95", "95%",
    ]  # fmt: skip
    shades = [float(r.attrib["fill-opacity"]) for r in parsed(svg).iter(f"{SVG}rect")]
    assert shades.index(max(shades)) == 3 and shades.index(min(shades)) == 2


def test_bars_start_at_chance_and_worse_than_chance_goes_left() -> None:
    svg = curves.bars("t", {"view": [Bar("PA", 0.9, 0.8, 0.95), Bar("AP", 0.3, 0.2, 0.4)]})
    across = ticks(svg, "middle")
    better, worse = (
        (float(r.attrib["x"]), float(r.attrib["x"]) + float(r.attrib["width"]))
        for r in parsed(svg).iter(f"{SVG}rect")
    )
    per = (across["1"] - across["0.4"]) / 0.6
    chance = across["0.4"] + 0.1 * per
    assert better == pytest.approx((chance, chance + 0.4 * per), abs=0.2)
    assert worse == pytest.approx((chance - 0.2 * per, chance), abs=0.2)


def test_a_subgroup_whose_score_is_not_defined_stays() -> None:
    bars = {"sex": [Bar("F", 0.8, 0.7, 0.9), Bar("O", None, None, None, "n = 3, 0 positive")]}
    svg = curves.bars("t", bars)
    assert "not defined, n = 3, 0 positive" in words(svg)
    assert len(list(parsed(svg).iter(f"{SVG}rect"))) == 1


@pytest.mark.parametrize(
    ("low", "high", "log", "expected"),
    [
        (0, 1, False, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (1, 20, False, [5, 10, 15, 20]),
        (-3, 47, False, [0, 10, 20, 30, 40]),
        (0.15, 0.8, True, [0.2, 0.3, 0.4, 0.6, 0.8]),
        (0.001, 100, True, [0.001, 0.01, 0.1, 1, 10, 100]),
    ],
)
def test_ticks_are_round(low: float, high: float, log: bool, expected: list[float]) -> None:
    assert Axis(low, high, 0, 100, log).ticks() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.5, "0.5"), (12000, "12,000"), (0.00002, "2e-05"), (3e7, "3e+07"), (10, "10")],
)
def test_a_tick_is_written_without_trailing_zeros(value: float, text: str) -> None:
    assert plot.number(value) == text
