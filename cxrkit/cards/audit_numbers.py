"""Numbers as people write them in a dataset card: counts, percentages, sizes, ratios, dates."""

import re
from dataclasses import dataclass
from typing import Literal

Hedge = Literal["", "about", "over", "under"]


@dataclass(frozen=True)
class Number:
    """A number with its place in the text.

    `step` is the weight of its last digit, so that 22.15 stands for 22.15 +- 0.005 and "224K" for
    224,000 +- 500. `hedge` is what the words before say: "about 660", "over 67,000".
    """

    value: float
    start: int
    end: int
    percent: bool = False
    step: float = 1.0
    hedge: Hedge = ""


def agrees(value: float, found: float, hedge: str = "", slack: float = 0.0) -> bool:
    """The number can be said of what was found; "about" leaves 5 %."""
    if hedge == "over":
        return found >= value
    if hedge == "under":
        return found <= value
    return abs(found - value) <= max(0.05 * value if hedge == "about" else 0.0, slack)


_DIGITS = r"[1-9]\d{0,2}(?: \d{3})+(?![\d,.]\d)|\d{1,3}(?:[,'\u2009\u202f]\d{3})+(?!\d)|\d+"
_NUMBER = re.compile(
    rf"(?<![\w.,:/#-])(?P<digits>(?:{_DIGITS})(?:\.\d+)?|\.\d+)"
    r"(?:\s?(?P<percent>%|percent\b|per cent\b)|(?P<scale>[kK]\b|M\b|\s(?:thousand|million)\b))?"
    r"(?![\w:/]|-\d|\.\d)"
)
_SCALES = {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6}
_HEDGES: dict[Hedge, str] = {
    "about": r"about|around|approximately|approx\.?|roughly|nearly|almost|circa|ca\.|some|~|\u2248",
    "over": r"over|more than|at least|exceeding|>|\u2265",
    "under": r"under|fewer than|less than|up to|at most",
}
_HEDGED = {
    h: re.compile(rf"(?<!\w)(?:{words})\s*(?:a total of\s*)?$", re.I)
    for h, words in _HEDGES.items()
}
_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|"
    r"sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
)
# Numbers that count nothing: addresses, years, versions, ages, references, bits.
_OTHER = re.compile(
    r"<?https?://\S+|\bdoi:\s*\S+|\b10\.\d{4,}/\S+|\S+@\S+\.\w+"
    r"|\b\d{4}-\d{2}(?:-\d{2})?\b"
    rf"|\b(?:\d{{1,2}}(?:st|nd|rd|th)?\s+)?{_MONTH}\.?\s+(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?(?:19|20)\d\d\b"
    r"|\b(?:19|20)\d\d[/.]\d{1,2}[/.]\d{1,2}\b|\b\d{1,2}[/.]\d{1,2}[/.](?:19|20)\d\d\b"
    r"|\b(?:19|20)\d\d\s*(?:-|\u2013|to|and|until)\s*(?:19|20)\d\d\b"
    r"|\b(?:in|since|of|from|until|by|during|version|published|released|dated?)[:\s]\s*(?:19|20)\d\d\b"
    r"|\((?:[A-Z][\w .,&-]*)?(?:19|20)\d\d\)"
    r"|\bv(?:ersion)?\s?\d+(?:\.\d+)*\b|\b\d+\.\d+\.\d+\b"
    r"|\[\d+(?:\s*[,-]\s*\d+)*\]"
    r"|\b(?:aged?|ages)\s+(?:from\s+|between\s+)?\d+\s*(?:-|\u2013|to|and)\s*\d+"
    r"|\b\d+(?:\.\d+)?\s*(?:-|\u2013|to)\s*\d+(?:\.\d+)?\s*(?:years?|months?|days?)"
    r"|\b\d+(?:\.\d+)?[- ]?(?:years?|yrs?|months?|days?|hours?|bits?)\b"
    r"|\b(?:\d+\.\d+|\d) ?TB\b(?!-)"  # terabytes; more of them are tuberculosis
    r"|\b\d+(?:\.\d+)?[- ]?(?:GB|MB|GiB|mm|cm|px|dpi|kV)\b"
    r"|\b\d+(?:\.\d+)?\s*(?:e-?\d+|[x\u00d7*]\s*10\s?(?:\^\s?[-\u2212]?|[-\u2212])\d+)\b",
    re.IGNORECASE,
)
_SIZE = re.compile(
    rf"(?<![\w.])[\[(]?\s*({_DIGITS})\s*(?:px|pixels)?\s*(?:x|X|\u00d7|\*|by)\s*({_DIGITS})(?![\w.]\d)"
)
_PAIR = re.compile(rf"[\[(]\s*({_DIGITS})\s*[,;]\s*({_DIGITS})\s*[\])]")
_MONTHS = "janfebmaraprmayjunjulaugsepoctnovdec"
_PART = r"(\d{1,3}(?:\.\d+)?)\s?%?"
_RATIO = re.compile(
    rf"(?<![\w.:/-]){_PART}\s*([:/-])\s*{_PART}(?:\s*\2\s*{_PART})?(?![\w:/]|-\d|\.\d)"
)
_ISO = re.compile(r"\b((?:19|20)\d\d)(?:[-/.](\d{1,2}))?(?:[-/.](\d{1,2}))?\b")
_WRITTEN = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)?\s+)?({_MONTH})\.?,?\s+(?:(\d{{1,2}})(?:st|nd|rd|th)?,?\s+)?"
    r"((?:19|20)\d\d)\b",
    re.I,
)
_RATE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:[x\u00d7*]\s*10\s?\^?\s?([-\u2212]\d+)|e(-\d+))|\b(0\.0\d+)\b", re.I
)


def numbers(text: str) -> list[Number]:
    """The counts and percentages in a text; sizes, ratios, years, addresses and "<11" are not."""
    for other in (_OTHER, _SIZE, _RATIO):
        text = other.sub(lambda m: " " * len(m[0]), text)
    found = []
    for match in _NUMBER.finditer(text):
        if text[: match.start()].rstrip().endswith(("<", "\u2264")):
            continue  # withheld: "<11" stands for a small number that must not be given
        digits = re.sub(r"[ ,'\u2009\u202f]", "", match["digits"])
        scale = _SCALES.get((match["scale"] or "").strip().lower(), 1.0)
        decimals = len(digits.partition(".")[2])
        hedge = next((h for h, p in _HEDGED.items() if p.search(text[: match.start()])), "")
        number = Number(
            float(digits) * scale,
            match.start(),
            match.end(),
            bool(match["percent"]),
            scale * 10.0**-decimals,
            hedge,  # type: ignore[arg-type]
        )
        found.append(number)
    return found


def sizes(text: str) -> list[tuple[int, int, int, int]]:
    """Pairs of sides with their place: first side, second side, start, end."""
    return [
        (int(plain(m[1])), int(plain(m[2])), m.start(), m.end())
        for m in _SIZE.finditer(_OTHER.sub(lambda m: " " * len(m[0]), text))
        if len(plain(m[1])) > 1 and len(plain(m[2])) > 1
    ]


def pairs(text: str) -> list[tuple[int, int, int, int]]:
    """As `sizes`, with those in brackets such as (384, 127): for a text that is about sizes."""
    bracketed = [
        (int(plain(m[1])), int(plain(m[2])), m.start(), m.end()) for m in _PAIR.finditer(text)
    ]
    return sorted([*bracketed, *sizes(text)], key=lambda hit: hit[2])


def pair(cell: str) -> tuple[int, int] | None:
    """The two sides in a cell such as 989*1225, [2916,2583], (1024, 1024) or 2,916 x 2,713."""
    if match := _PAIR.fullmatch(cell.strip()):
        return int(plain(match[1])), int(plain(match[2]))
    found = sizes(cell)
    return found[0][:2] if len(found) == 1 else None


def ratios(text: str) -> list[tuple[tuple[float, ...], int, int]]:
    """Parts such as 8:1:1 or 70/20/10 as shares of one, with their place."""
    found = []
    for match in _RATIO.finditer(_OTHER.sub(lambda m: " " * len(m[0]), text)):
        parts = [float(p) for p in (match[1], match[3], match[4]) if p]
        whole = sum(parts)
        # A slash or a dash also stands in dates and alternatives: only parts of a whole count.
        if whole in (1, 10, 100) or (match[2] == ":" and whole > 0 and len(parts) == 3):
            found.append((tuple(p / whole for p in parts), match.start(), match.end()))
    return found


def date(text: str) -> str:
    """The first date as YYYY, YYYY-MM or YYYY-MM-DD; "" where there is none."""
    if written := _WRITTEN.search(text):
        month = _MONTHS.index(written[2][:3].lower()) // 3 + 1
        day = written[1] or written[3]
        return f"{written[4]}-{month:02}" + (f"-{int(day):02}" if day else "")
    found = _ISO.search(text)
    return "-".join(f"{int(part):02}" for part in found.groups() if part) if found else ""


def rate(text: str) -> float | None:
    """A small number such as 5e-5, 5 x 10^-5 or 0.00005."""
    found = _RATE.search(text)
    if found is None:
        return None
    if found[4]:
        return float(found[4])
    power = (found[2] or found[3]).replace("\u2212", "-")
    return float(f"{found[1]}e{power}")


def plain(digits: str) -> str:
    """The digits without separators of thousands."""
    return re.sub(r"\D", "", digits)
