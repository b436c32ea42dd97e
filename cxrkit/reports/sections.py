"""Sections of a radiology report, with their places in its text.

`mimic` follows the procedure that cut MIMIC-CXR's reports for their labels, its quirks included
(Johnson 2019, arXiv:1901.07042; MIT-LCP/mimic-cxr). `tolerant` reads what other hospitals write.
"""

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cxrkit.reports.lexicon import rows

SECTIONED = ("study", "impression", "findings", "last_paragraph", "comparison")


@dataclass(frozen=True)
class Section:
    """A part of a report: its name and the place of its text, `report[start:end]`."""

    name: str
    start: int
    end: int


def mimic(text: str) -> list[Section]:
    """The sections of a report of MIMIC-CXR, in order, under their normalised names.

    Blank impressions and findings are left out. Where neither is left, what follows the first blank
    line of the last section is `last_paragraph`. A text without any header is `full report`.
    """
    sections = list(_mimic_parts(text))
    kept = [
        s for s in sections
        if s.name not in ("impression", "findings") or text[s.start : s.end].strip()
    ]  # fmt: skip
    if kept and not {"impression", "findings"} & {s.name for s in kept}:
        last = kept[-1]
        cut = text.find(_BREAK, last.start, last.end)
        if cut >= 0:
            kept[-1] = Section(last.name, last.start, cut)
            kept.append(Section("last_paragraph", cut + len(_BREAK), last.end))
    return kept


def mimic_text(study: str, text: str) -> str:
    """What MIMIC-CXR's labels were read from; `study` as in the file's name, "s50000014".

    The last impression, else the last findings, last paragraph or comparison, stripped; for 54
    studies what the release fixes for them.
    """
    fixed = _overrides().get(study)
    if fixed is None:
        found = by_name(mimic(text), text)
        names = ("impression", "findings", "last_paragraph", "comparison")
        return next((found[n].strip() for n in names if n in found), "")
    if fixed[0].isdigit():
        start, end = (int(n) for n in fixed.split("-"))
        return text[start:end]
    return by_name(mimic(text), text).get(fixed, "")


def mimic_sectioned(study: str, text: str) -> tuple[str, ...] | None:
    """The row of `mimic_cxr_sectioned.csv`, see `SECTIONED`; None for the 54 fixed studies."""
    if study in _overrides():
        return None
    found = by_name(mimic(text), text)
    return (study, *(found.get(name, "").strip() for name in SECTIONED[1:]))


def by_name(sections: Sequence[Section], text: str) -> dict[str, str]:
    """The text of the last section of each name."""
    return {s.name: text[s.start : s.end] for s in sections}


def tolerant(text: str) -> list[Section]:
    """The sections of any report: headers on a line's start, in any case, with or without a colon.

    Names that are known are normalised, others kept in lower case when they are written in capitals
    before a colon. Organs in capitals ("LUNGS:") are parts of their section. What stands before the
    first header is `preamble`; a text without any header is one section `full report`.
    """
    headers = [
        (match, name) for match in _LINE_HEADER.finditer(text) if (name := _tolerant_name(match))
    ]
    if not headers:
        return [Section("full report", 0, len(text))] if text.strip() else []
    sections = []
    if text[: headers[0][0].start()].strip():
        sections.append(Section("preamble", 0, headers[0][0].start()))
    ends = [match.start() for match, _ in headers[1:]] + [len(text)]
    for (match, name), end in zip(headers, ends, strict=True):
        sections.append(Section(name, match.end(), end))
    return sections


def tolerant_text(text: str) -> str:
    """Findings and impression; where neither is filled, the last paragraph or the whole text."""
    parts = [s for s in tolerant(text) if s.name in ("findings", "impression")]
    wanted = [text[s.start : s.end].strip() for s in parts]
    wanted = [part for part in wanted if part]
    return "\n\n".join(wanted) if wanted else text.strip()


# A newline and one blank, capitals, a colon and a white space.
_HEADER = re.compile(r"\n ([A-Z ()/,-]+):\s")
_BREAK = "\n \n"
_VIEWS = (
    "chest", "portable", "ribs", "bone window", "two views", "one view", "frontal view",
    "lateral view", "pa view", "ap view", "frontal and", "frontal upright", "frontal semi-upright",
    "pa and lat", "pa and lateral", "ap and lateral", "lateral and pa", "lateral and ap",
)  # fmt: skip
_CONTAINED = ("impression", "findings", "history", "comparison", "addendum")


def _mimic_parts(text: str) -> Iterator[Section]:
    header = _HEADER.search(text)
    if header is None:
        yield Section("full report", 0, len(text))
        return
    yield Section("preamble", 0, header.start(1))
    while header is not None:
        start = header.end()
        # A second header on the first one's own line is no header.
        newline = text.find("\n", start)
        following = _HEADER.search(text, start if newline < 0 else newline)
        end = len(text) if following is None else following.start()
        yield Section(_mimic_name(header[1]), start, end)
        header = following


@functools.cache
def _mimic_name(header: str) -> str:
    name = header.lower().strip()
    if name in _fixed():
        return _fixed()[name]
    for word in _CONTAINED:
        if word in name:
            return word
    return "findings" if any(view in name for view in _VIEWS) else name


@functools.cache
def _fixed() -> dict[str, str]:
    return {header: name for name, headers in rows("sections.tsv") for header in headers.split("|")}


@functools.cache
def _overrides() -> dict[str, str]:
    return {row[0]: row[1] for row in rows("mimic_overrides.tsv")}


_LINE_HEADER = re.compile(
    r"^[ \t]*(?P<name>[A-Za-z][A-Za-z0-9 ()/,&.-]{1,48}?)[ \t]*(?P<mark>:|(?=\n|$))", re.MULTILINE
)
_ORGANS = frozenset(
    {"lungs", "lung", "heart", "mediastinum", "pleura", "bones", "soft tissues", "devices", "lines",
     "tubes", "airways", "hila", "vessels", "abdomen", "diaphragm", "cardiac", "pulmonary", "spine",
     "lines and tubes", "tubes and lines", "osseous structures", "cardiomediastinum", "other",
     "lines/tubes", "cardiovascular", "upper abdomen", "bones/soft tissues", "chest wall"}
)  # fmt: skip


def _tolerant_name(match: re.Match[str]) -> str:
    """The normalised name of a header line; empty where the line is none."""
    name = " ".join(match["name"].lower().split())
    known = _fixed().get(name)
    if known is not None:
        # Another hospital's "ndication" is a misprint of indication.
        return "indication" if name == "ndication" else known
    if match["mark"] != ":" or match["name"] != match["name"].upper() or name in _ORGANS:
        return ""
    return _mimic_name(name)
