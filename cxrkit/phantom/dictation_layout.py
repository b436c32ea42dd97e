"""How a finished report is laid out: headers, blank lines, line width, capitals.

`mimic` is the shape of MIMIC-CXR's reports (Johnson 2019, arXiv:1901.07042; addenda above the
report and lines of at most 79 characters as in the release), `hospital` what other places export.
Both return the report and the place of the text that its labels are read from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrkit.phantom.dictation_marks import Marked, joined, shouted, wrapped

Place = tuple[int, int]
UNDERSCORES = "_" * 78
BREAK = "\n \n"
# Of MIMIC-CXR's 227,835 reports 83 % have an impression, 12 % only findings and 5 % neither
# (MIT-LCP/mimic-cxr). How many impressions stand alone is not published: set by eye.
PARTS = ("both", "joint", "impression", "findings", "paragraph")
SHARES = (0.68, 0.03, 0.12, 0.12, 0.05)
IMPRESSION_HEADERS = ("IMPRESSION", "CONCLUSION")
NAMES = {"impression": "Impression", "findings": "Findings", "history": "Clinical history"}


@dataclass(frozen=True)
class Spoken:
    """What was dictated, before it is laid out. Items are paragraphs or sentences."""

    examination: str
    person: str  # "___ year old man"
    reason: Marked  # "cough, evaluate for pneumonia"
    findings: Marked
    impression: tuple[Marked, ...]
    addendum: Marked | None


def mimic(spoken: Spoken, rng: np.random.Generator) -> tuple[Marked, Place]:
    """The report as MIMIC-CXR has it, and the place of the section its labels were read from.

    That is the impression, else the findings, else the last paragraph.
    """
    kind = PARTS[int(rng.choice(len(PARTS), p=SHARES))]
    numbered = len(spoken.impression) > 1 and rng.random() < 0.35
    header = IMPRESSION_HEADERS[int(rng.random() < 0.05)]
    loud = rng.random() < 0.02
    findings = wrapped(spoken.findings, " ")
    brief = _impression(spoken.impression, numbered, " ")
    if loud:
        findings, brief = shouted(findings), shouted(brief)
    parts: list[Marked | str] = _addendum(spoken)
    parts += [
        "                                 FINAL REPORT\n",
        f" EXAMINATION:  {spoken.examination}{BREAK}",
        wrapped(joined([f"INDICATION:  {spoken.person} with ", spoken.reason, "."]), " "),
        f"{BREAK} COMPARISON:  ___",
    ]
    if kind in ("both", "findings"):
        parts += [f"{BREAK} FINDINGS: {BREAK}", findings]
    if kind in ("both", "impression"):
        parts += [f"{BREAK} {header}: {BREAK}", brief]
    if kind == "joint":
        parts += [f"{BREAK} FINDINGS AND IMPRESSION: {BREAK}", joined([findings, BREAK, brief])]
        return _closed(parts)
    if kind == "paragraph":
        parts += [BREAK, findings]
    return _closed(parts)


def hospital(spoken: Spoken, rng: np.random.Generator) -> tuple[Marked, Place]:
    """The report in one of the shapes of other hospitals, and the place of what is labelled.

    That is findings and impression, or the whole text where there are no headers.
    """
    kind = int(rng.integers(5))
    brief = _impression(spoken.impression, rng.random() < 0.4, "")
    findings = wrapped(spoken.findings, "")
    if kind == 0:  # one line, however long
        text = joined(spoken.impression, " ")
        return text, (0, len(text.text))
    if kind == 1:  # paragraphs without headers
        text = joined([findings, brief], "\n\n")
        return text, (0, len(text.text))
    if kind == 2 and rng.random() < 0.5:
        findings, brief = shouted(findings), shouted(brief)
    names = NAMES if kind != 2 else {key: name.upper() for key, name in NAMES.items()}
    mark, gap = (":\n", "\n\n") if kind < 4 else ("\n", "\n")
    start = joined([f"{names['history']}{mark}", spoken.reason, f".{gap}"])
    body = joined(
        [f"{names['findings']}{mark}", findings, f"{gap}{names['impression']}{mark}", brief]
    )
    place = (len(start.text) + len(names["findings"] + mark), len(start.text + body.text))
    return joined([start, body, "\n"]), place


def _impression(items: Sequence[Marked], numbered: bool, lead: str) -> Marked:
    if not numbered:
        return wrapped(joined(items, " "), lead)
    lines = [wrapped(joined([f"{k}. ", item]), lead) for k, item in enumerate(items, 1)]
    return joined(lines, "\n")


def _addendum(spoken: Spoken) -> list[Marked | str]:
    if spoken.addendum is None:
        return []
    text = wrapped(joined(["ADDENDUM:  ", spoken.addendum]), " ")
    return ["                                FINAL ADDENDUM\n", text, f"\n {UNDERSCORES}\n"]


def _closed(parts: Sequence[Marked | str]) -> tuple[Marked, Place]:
    """The parts with a last line feed; the last of them is what is labelled."""
    whole = joined(parts)
    last = parts[-1] if isinstance(parts[-1], str) else parts[-1].text
    return joined([whole, "\n"]), (len(whole.text) - len(last), len(whole.text))
