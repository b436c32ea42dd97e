"""Bar charts as small self-contained SVG files with text labels, for light and for dark pages."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

_WIDTH = 720  # of every chart, in SVG units; the page scales them
_ROW, _BAR = 24, 14  # height of a row and of the bar in it
_LETTER = 7.4  # mean width of a character at 12 units
_PLOT = 150  # height of the columns of a histogram
STRONG, OTHER, PALE = "a", "b", "d"  # styles of a bar

# One hue in two strengths and another beside it.
_STYLE = """<style>
.c text{font:12px system-ui,-apple-system,"Segoe UI",sans-serif;fill:#3d4650}
.c .n{fill:#6b7680;font-variant-numeric:tabular-nums}.c .axis{stroke:#c4ccd3}
.c .a{fill:#2f6f9f}.c .b{fill:#d49a3a}.c .d{fill:#c3d3df}
@media(prefers-color-scheme:dark){.c text{fill:#c6d0d9}.c .n{fill:#93a0ac}.c .axis{stroke:#46515b}
.c .a{fill:#6caedb}.c .b{fill:#e0b25c}.c .d{fill:#3b4a57}}
</style>"""


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its parts from left to right, and the text at its end.

    A part is None where its number is not shown.
    """

    name: str
    parts: tuple[int | None, ...]
    text: str


def rows(title: str, bars: Sequence[Bar], legend: Mapping[str, str]) -> str:
    """A chart of horizontal bars, one below the other; `legend` maps a part to its style."""
    left = 12 + _LETTER * max((len(bar.name) for bar in bars), default=0)
    right = 12 + _LETTER * max((len(bar.text) for bar in bars), default=0)
    top = 24
    most = max((sum(p or 0 for p in bar.parts) for bar in bars), default=0) or 1
    scale = (_WIDTH - left - right) / most
    drawn = [_legend(legend, left)]
    for place, bar in enumerate(bars):
        y = top + place * _ROW
        x = left
        drawn.append(_text(left - 8, y + 16, bar.name, "end"))
        for part, style in zip(bar.parts, legend.values(), strict=True):
            if part:
                drawn.append(_rect(x, y + 5, part * scale, _BAR, style))
                x += part * scale
        drawn.append(_text(x + 6, y + 16, bar.text, "start", "n"))
    return _svg(title, top + len(bars) * _ROW + 6, drawn)


def columns(title: str, bars: Sequence[Bar], unit: str) -> str:
    """A histogram: one column for each bar's first part, its name below, its text on top."""
    step = (_WIDTH - 20) / max(len(bars), 1)
    wide = min(step - 4, 64)
    most = max((bar.parts[0] or 0 for bar in bars), default=0) or 1
    base = 22 + _PLOT
    drawn = []
    for place, bar in enumerate(bars):
        high = (bar.parts[0] or 0) / most * _PLOT
        middle = 10 + step * (place + 0.5)
        drawn.append(_rect(middle - wide / 2, base - high, wide, high, "a"))
        drawn.append(_text(middle, base - high - 6, bar.text, "middle", "n"))
        drawn.append(_text(middle, base + 16, bar.name, "middle"))
    drawn.append(f'<line class="axis" x1="10" x2="{_WIDTH - 10}" y1="{base}" y2="{base}"/>')
    drawn.append(_text(_WIDTH / 2, base + 36, unit, "middle", "n"))
    return _svg(title, base + 44, drawn)


def _svg(title: str, height: float, drawn: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="c" role="img" '
        f'viewBox="0 0 {_WIDTH} {height:g}" width="{_WIDTH}" height="{height:g}">'
        f"<title>{escape(title)}</title>{_STYLE}{''.join(drawn)}</svg>"
    )


def _legend(legend: Mapping[str, str], left: float) -> str:
    x, drawn = left, []
    for name, style in legend.items():
        drawn.append(_rect(x, 4, 12, 12, style) + _text(x + 17, 14, name, "start"))
        x += 34 + _LETTER * len(name)
    return "".join(drawn)


def _rect(x: float, y: float, wide: float, high: float, style: str) -> str:
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}"/>'


def _text(x: float, y: float, words: str, anchor: str, style: str = "") -> str:
    named = f' class="{style}"' if style else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
