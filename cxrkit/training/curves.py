"""Figures of a training run as self-contained SVG, for light and for dark pages.

Every function returns the text of one SVG; the same numbers give the same text.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cxrkit.training import plot
from cxrkit.training.plot import LETTER, WIDTH, Axis, Numbers

_OVERLAID = 4  # curves that share one square; more get a small one each
_ACROSS = 4  # small squares side by side
_SIDE = 300  # of a large square
_AREA = (0.0, 1.0)


@dataclass(frozen=True)
class Series:
    """A line: its name in the legend and its points; a point that is not finite is a gap."""

    name: str
    x: Numbers
    y: Numbers


@dataclass(frozen=True)
class Curve:
    """A ROC or precision-recall curve with what is written beside it, and the point in use."""

    name: str
    x: Numbers
    y: Numbers
    note: str = ""  # "AUROC 0.91 [0.89, 0.93]"
    used: tuple[float, float] | None = None  # the operating point
    chance: float | None = None  # share of positives, for precision-recall


@dataclass(frozen=True)
class Bar:
    """A score with its interval; None where it is not defined, which is then written."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    note: str = ""  # "n = 120, 14 positive"


def learning(title: str, series: Sequence[Series], y_label: str, log: bool = False) -> str:
    """Values by epoch, a line for each series.

    Args:
        title: what the figure shows, for those who hear it.
        series: with epochs as x.
        y_label: what the values are.
        log: the vertical axis in powers of ten; values up to 0 are gaps.
    """
    points = [(a, b) for s in series for a, b in zip(s.x, s.y, strict=True)]
    points = [(a, b) for a, b in points if math.isfinite(b) and not (log and b <= 0)]
    if not points:
        return plot.svg(title, 40, [plot.text(WIDTH / 2, 24, "no values", "middle", "n")])
    left, names = 58.0, [s.name for s in series]
    top = 32 + 18.0 * plot.legend_lines(names, left) * (len(series) > 1)
    epochs = [a for a, _ in points]
    x = Axis(min(epochs), max(max(epochs), min(epochs) + 1), left, WIDTH - 16)
    y = Axis(*plot.spread([b for _, b in points], log), top + 220, top, log)
    drawn = plot.frame(x, y, "epoch", y_label)
    for one, style in zip(series, plot.styles(len(series)), strict=True):
        drawn.append(plot.path(x, y, one.x, one.y, style))
    if len(series) > 1:
        drawn.append(plot.legend(names, left, 14))
    return plot.svg(title, top + 262, drawn)


def roc(title: str, curves: Sequence[Curve]) -> str:
    """Sensitivity by false positive rate; the dashed line is what chance gives."""
    return _squares(title, curves, "1 - specificity", "sensitivity", True)


def precision_recall(title: str, curves: Sequence[Curve]) -> str:
    """Precision by recall; the dashed line is what chance gives, the share of positives."""
    return _squares(title, curves, "recall", "precision", False)


def reliability(title: str, points: Sequence[tuple[float, float, int]], note: str = "") -> str:
    """How often an observation is there, by the probability it was given; below, how many images.

    Args:
        title: what the figure shows.
        points: mean probability, share of positives and number of images of each bin.
        note: written beside it, as "ECE 0.04".
    """
    x, y = Axis(0, 1, 58, 58 + _SIDE), Axis(0, 1, 30 + _SIDE, 30)
    drawn = plot.frame(x, y, "", "share of positives")
    drawn.append(plot.line("aid", x.start, y.start, x.end, y.end))
    a, b = [p[0] for p in points], [p[1] for p in points]
    drawn.append(plot.path(x, y, a, b, "a"))
    drawn += [plot.dot(x.place(p), y.place(q), 3.5, "a") for p, q in zip(a, b, strict=True)]
    most = max((p[2] for p in points), default=1)
    floor = y.start + 92
    for probability, _, images in points:
        high = 52 * images / most
        drawn.append(plot.rect(x.place(probability) - 5, floor - high, 10, high, "pale"))
    drawn.append(plot.line("axis", x.start, floor, x.end, floor))
    drawn.append(plot.text(x.start - 6, floor - 44, f"{most:,}", "end", "n"))
    drawn.append(plot.text(x.start - 6, floor, "0", "end", "n"))
    drawn.append(plot.text((x.start + x.end) / 2, floor + 18, "probability", "middle"))
    drawn += _notes(
        ["Dashed: a probability that", "means what it says.", "Columns: images of each bin."]
        + ([note] if note else []),
        x.end + 28, y.end + 12,
    )  # fmt: skip
    return plot.svg(title, floor + 28, drawn)


def confusion(title: str, names: Sequence[str], counts: Sequence[Sequence[int]]) -> str:
    """Images by what they are (rows) and what they were found to be (columns).

    A cell is as dark as its share of the row, which is written below the number.
    """
    left = 24 + LETTER * max(len(name) for name in names)
    side = min(110.0, (WIDTH - left - 20) / len(names))
    lines = max(len(name.split()) for name in names)
    high, top = min(side, 64.0), 30.0 + 15 * lines
    drawn = [plot.text(left + side * len(names) / 2, 14, "found", "middle", "n")]
    drawn.append(plot.text(left - 10, top - 8, "is", "end", "n"))
    for row, (name, numbers) in enumerate(zip(names, counts, strict=True)):
        y, total = top + row * high, sum(numbers)
        drawn.append(plot.text(left - 10, y + high / 2 + 4, name, "end"))
        for line, word in enumerate(reversed(name.split())):
            drawn.append(plot.text(left + side * (row + 0.5), top - 8 - 15 * line, word, "middle"))
        for column, images in enumerate(numbers):
            x, share = left + column * side, images / total if total else 0.0
            drawn.append(plot.rect(x, y, side - 2, high - 2, "cell", 0.06 + 0.5 * share))
            middle = x + side / 2 - 1
            drawn.append(plot.text(middle, y + high / 2 - 1, f"{images:,}", "middle"))
            part = f"{share:.0%}" if total else "-"
            drawn.append(plot.text(middle, y + high / 2 + 15, part, "middle"))
    return plot.svg(title, top + high * len(names) + 6, drawn)


def bars(title: str, groups: Mapping[str, Sequence[Bar]], x_label: str = "AUROC") -> str:
    """A bar with whiskers for each subgroup, from chance (0.5) on; `groups` has them by attribute.

    A bar to the left is worse than chance.
    """
    every = [bar for own in groups.values() for bar in own]
    left = 16 + LETTER * max((len(bar.name) for bar in every), default=0)
    right = 20 + LETTER * max((len(_beside(bar)) for bar in every), default=0)
    ends = [v for bar in every for v in (bar.value, bar.low) if v is not None]
    x = Axis(math.floor(min([0.5, *ends]) * 10) / 10, 1.0, left, WIDTH - right)
    y, drawn = 8.0, []
    for attribute, own in groups.items():
        drawn.append(plot.text(0, y + 14, attribute, "start", "h"))
        y += 22
        for bar in own:
            drawn += _bar(bar, x, y)
            y += 24
        y += 8
    grid = [plot.line("grid", x.place(v), 4, x.place(v), y) for v in x.ticks()]
    grid.append(plot.line("aid", x.place(0.5), 4, x.place(0.5), y))
    numbers = [plot.text(x.place(v), y + 16, plot.number(v), "middle", "n") for v in x.ticks()]
    label = plot.text((x.start + x.end) / 2, y + 34, x_label, "middle")
    return plot.svg(title, y + 42, [*grid, *drawn, *numbers, label])


def _bar(bar: Bar, x: Axis, y: float) -> list[str]:
    drawn = [plot.text(x.start - 8, y + 15, bar.name, "end")]
    drawn.append(plot.text(x.end + 10, y + 15, _beside(bar), "start", "n"))
    if bar.value is None:
        return drawn
    first, last = sorted((x.place(0.5), x.place(bar.value)))
    drawn.append(plot.rect(first, y + 5, last - first, 12, "fa", 0.75))
    if bar.low is not None and bar.high is not None:
        low, high = x.place(bar.low), x.place(bar.high)
        drawn.append(plot.line("whisker", low, y + 11, high, y + 11))
        drawn += [plot.line("whisker", end, y + 7, end, y + 15) for end in (low, high)]
    return drawn


def _beside(bar: Bar) -> str:
    value = "not defined" if bar.value is None else f"{bar.value:.3f}"
    if bar.low is not None and bar.high is not None:
        value += f" [{bar.low:.3f}, {bar.high:.3f}]"
    return f"{value}, {bar.note}" if bar.note else value


def _squares(
    title: str, curves: Sequence[Curve], x_label: str, y_label: str, diagonal: bool
) -> str:
    if len(curves) > _OVERLAID:
        return _small(title, curves, x_label, y_label, diagonal)
    x, y = Axis(*_AREA, 58, 58 + _SIDE), Axis(*_AREA, 30 + _SIDE, 30)
    drawn = plot.frame(x, y, x_label, y_label)
    beside = y.end + 12.0
    for curve, style in zip(curves, plot.styles(len(curves)), strict=True):
        drawn += _chance(curve, x, y, diagonal)
        drawn.append(plot.path(x, y, curve.x, curve.y, style))
        drawn += _used(curve, x, y, style)
        drawn.append(plot.sample(curve.name, style, x.end + 28, beside))
        drawn += _notes([curve.note], x.end + 54, beside + 17)
        beside += 44
    if any(curve.used for curve in curves):
        drawn += _notes(["Dot: the operating point"], x.end + 28, beside + 4)
    return plot.svg(title, y.start + 42, drawn)


def _small(title: str, curves: Sequence[Curve], x_label: str, y_label: str, diagonal: bool) -> str:
    wide = (WIDTH - 36) / _ACROSS
    side = wide - 18
    drawn = []
    for place, curve in enumerate(curves):
        row, column = divmod(place, _ACROSS)
        left, top = 36 + column * wide, 40 + row * (side + 56)
        x, y = Axis(*_AREA, left, left + side), Axis(*_AREA, top + side, top)
        drawn += [plot.text(left, top - 22, curve.name, "start", "h")]
        drawn.append(plot.text(left, top - 7, curve.note, "start", "n s"))
        drawn.append(plot.rect(left, top, side, side, "edge"))
        drawn += _chance(curve, x, y, diagonal)
        drawn.append(plot.path(x, y, curve.x, curve.y, "a"))
        drawn += _used(curve, x, y, "a")
        if column == 0:
            drawn += [plot.text(left - 5, y.place(v) + 4, f"{v}", "end", "n") for v in (0, 1)]
        if place >= len(curves) - _ACROSS:
            drawn += [plot.text(x.place(v), y.start + 15, f"{v}", "middle", "n") for v in (0, 1)]
    bottom = 40 + math.ceil(len(curves) / _ACROSS) * (side + 56) - 24
    used = "; dot: the operating point" if any(c.used for c in curves) else ""
    words = f"across: {x_label}; up: {y_label}{used}; dashed: chance"
    drawn.append(plot.text(36, bottom, words, "start", "n"))
    return plot.svg(title, bottom + 10, drawn)


def _chance(curve: Curve, x: Axis, y: Axis, diagonal: bool) -> list[str]:
    if diagonal:
        return [plot.line("aid", x.start, y.start, x.end, y.end)]
    if curve.chance is None:
        return []
    at = y.place(curve.chance)
    return [plot.line("aid", x.start, at, x.end, at)]


def _used(curve: Curve, x: Axis, y: Axis, style: str) -> list[str]:
    if curve.used is None:
        return []
    return [plot.dot(x.place(curve.used[0]), y.place(curve.used[1]), 4.5, style)]


def _notes(lines: Sequence[str], x: float, y: float) -> list[str]:
    return [plot.text(x, y + 17 * k, words, "start", "n") for k, words in enumerate(lines) if words]
