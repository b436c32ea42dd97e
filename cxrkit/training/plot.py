"""Axes, ticks, legends and marks as SVG text: what the figures of `curves` are drawn with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

Numbers = Sequence[float] | np.ndarray
WIDTH = 720  # of every figure, in SVG units; the page scales them
# Within each power of ten, by how many times the ends of a logarithmic axis differ.
_LOG_STEPS = ((12, (1, 2, 3, 4, 6, 8)), (1000, (1, 2, 5)), (math.inf, (1,)))
LETTER = 6.7  # mean width of a character at 12 units
STYLES = ("a", "b", "c", "d", "e", "f")  # of a series; beyond, they begin again
_MOVED = 0.4  # a curve's next point is left out until it is this far away

# Hues that stay apart for those who see red and green alike, with dashes beside the colour.
_COLOURS = {
    "a": ("#2f6f9f", "#6caedb", ""),
    "b": ("#b9761a", "#e0b25c", ""),
    "c": ("#3c7f61", "#79c2a0", "7 3"),
    "d": ("#8a4f9e", "#c59ad6", "2 3"),
    "e": ("#a8433a", "#e48d84", "9 3 2 3"),
    "f": ("#5d6a75", "#a3b0bb", "4 2"),
}
_LIGHT = "".join(
    f".k .l{s}{{stroke:{light}{';stroke-dasharray:' + dash if dash else ''}}}"
    f".k .f{s}{{fill:{light}}}"
    for s, (light, _, dash) in _COLOURS.items()
)
_DARK = "".join(
    f".k .l{s}{{stroke:{dark}}}.k .f{s}{{fill:{dark}}}" for s, (_, dark, _) in _COLOURS.items()
)
_STYLE = (
    '<style>.k text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#3d4650}'
    ".k .n{fill:#66717b;font-variant-numeric:tabular-nums}"
    ".k .h{font-weight:600}.k .s{font-size:10.5px}"
    ".k .axis{stroke:#a9b3bb}.k .grid{stroke:#e4e8eb}.k .aid{stroke:#8b96a0;stroke-dasharray:4 4}"
    ".k .line{fill:none;stroke-width:1.8;stroke-linejoin:round}.k .whisker{stroke:#22282e}"
    ".k .pale{fill:#c3d3df}.k .cell{fill:#2f6f9f}"
    ".k .edge{stroke:#dde2e6;fill:none}"
    f"{_LIGHT}"
    "@media(prefers-color-scheme:dark){.k text{fill:#c6d0d9}.k .n{fill:#94a0ab}"
    ".k .axis{stroke:#5a666f}.k .grid{stroke:#262d33}.k .aid{stroke:#74808a}"
    ".k .whisker{stroke:#dbe1e6}.k .pale{fill:#3b4a57}.k .cell{fill:#4d92c2}"
    f".k .edge{{stroke:#2f373e}}{_DARK}}}</style>"
)


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` on the way from `start` to `end`, in SVG units."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def place(self, value: float) -> float:
        """Where a value lies."""
        low, high, at = (math.log10(x) if self.log else x for x in (self.low, self.high, value))
        return self.start + (at - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values along the axis: 1, 2 and 5 times powers of ten."""
        if not self.log:
            return round_values(self.low, self.high)
        powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        steps = next(s for most, s in _LOG_STEPS if self.high / self.low < most)
        found = [step * 10.0**power for power in powers for step in steps]
        return [x for x in found if self.low * 0.999 <= x <= self.high * 1.001]


def round_values(low: float, high: float, about: int = 5) -> list[float]:
    """Round values from low to high, about so many."""
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def spread(values: Sequence[float], log: bool) -> tuple[float, float]:
    """The ends of an axis that holds these values with a little room."""
    low, high = min(values), max(values)
    if log:
        return (low / 1.2, high * 1.2)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return low - room, high + room


def svg(title: str, height: float, drawn: Sequence[str]) -> str:
    """The whole figure; `title` is what is read aloud for it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="k" role="img" '
        f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}">'
        f"<title>{escape(title)}</title>{_STYLE}{''.join(drawn)}</svg>"
    )


def frame(x: Axis, y: Axis, x_label: str = "", y_label: str = "") -> list[str]:
    """Grid, axes, ticks with their numbers, and labels."""
    drawn = []
    for value in y.ticks():
        at = y.place(value)
        drawn.append(line("grid", x.start, at, x.end, at))
        drawn.append(text(x.start - 6, at + 4, number(value), "end", "n"))
    for value in x.ticks():
        at = x.place(value)
        drawn.append(line("axis", at, y.start, at, y.start + 4))
        drawn.append(text(at, y.start + 17, number(value), "middle", "n"))
    drawn.append(line("axis", x.start, y.start, x.end, y.start))
    if x_label:
        drawn.append(text((x.start + x.end) / 2, y.start + 34, x_label, "middle"))
    if y_label:
        drawn.append(text(x.start - 40, y.end - 12, y_label, "start"))
    return drawn


def path(x: Axis, y: Axis, xs: Numbers, ys: Numbers, style: str) -> str:
    """A line through the points, broken where one is not finite; a lone point is a dot."""
    pieces: list[list[tuple[float, float]]] = [[]]
    for a, b in zip(xs, ys, strict=True):
        if math.isfinite(a) and math.isfinite(b) and not (y.log and b <= 0):
            pieces[-1].append((x.place(a), y.place(b)))
        elif pieces[-1]:
            pieces.append([])
    drawn = []
    for piece in filter(None, pieces):
        if len(piece) == 1:
            drawn.append(dot(*piece[0], 3, style))
            continue
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in _thinned(piece))
        drawn.append(f'<polyline class="line l{style}" points="{points}"/>')
    return "".join(drawn)


def legend(names: Sequence[str], left: float, y: float) -> str:
    """A line sample with its name for each series, side by side and below each other."""
    drawn, x = [], left
    for name, style in zip(names, styles(len(names)), strict=True):
        wide = 30 + LETTER * len(name)
        if x > left and x + wide > WIDTH:
            x, y = left, y + 18
        drawn.append(sample(name, style, x, y))
        x += wide + 16
    return "".join(drawn)


def sample(name: str, style: str, x: float, y: float) -> str:
    """A short line of a series with its name."""
    points = f"{x:.1f},{y - 4:.1f} {x + 20:.1f},{y - 4:.1f}"
    return f'<polyline class="line l{style}" points="{points}"/>' + text(x + 26, y, name, "start")


def legend_lines(names: Sequence[str], left: float) -> int:
    """How many lines `legend` takes."""
    lines, x = 1, left
    for name in names:
        wide = 30 + LETTER * len(name)
        if x > left and x + wide > WIDTH:
            lines, x = lines + 1, left
        x += wide + 16
    return lines


def styles(count: int) -> list[str]:
    """The styles of so many series."""
    return [STYLES[k % len(STYLES)] for k in range(count)]


def line(style: str, x1: float, y1: float, x2: float, y2: float) -> str:
    """A straight line."""
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def rect(x: float, y: float, wide: float, high: float, style: str, opacity: float = 1) -> str:
    """A filled rectangle."""
    faint = f' fill-opacity="{opacity:.3f}"' if opacity < 1 else ""
    return (
        f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" '
        f'height="{high:.1f}"{faint}/>'
    )


def dot(x: float, y: float, radius: float, style: str) -> str:
    """A filled circle in the colour of a series."""
    return f'<circle class="f{style}" cx="{x:.1f}" cy="{y:.1f}" r="{radius:g}"/>'


def text(x: float, y: float, words: str, anchor: str, style: str = "") -> str:
    """Words at a place, from there ("start"), up to there ("end") or around it ("middle")."""
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def number(value: float) -> str:
    """A tick's number without trailing zeros; a very small or large one as a power of ten."""
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.0e}"
    return f"{value:,.4f}".rstrip("0").rstrip(".") or "0"


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The points without those that lie on the last one kept; the ends stay."""
    kept = [points[0]]
    for point in points[1:-1]:
        if math.dist(point, kept[-1]) >= _MOVED:
            kept.append(point)
    return [*kept, points[-1]]
