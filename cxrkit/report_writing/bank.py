"""A bank of sentences, and reports made of them: what is to be said in, a report out.

A sentence is filed under exactly what the labeler reads in it. A report is composed so that the
labeler reads in it exactly what was to be said; what no sentence of the bank says is left out.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cxrkit.errors import IntegrityFailure
from cxrkit.report_writing.report import (
    NORMAL,
    Probabilities,
    Report,
    Sentence,
    Statement,
    statements,
)
from cxrkit.reports import labeler

# The order in which findings are said: what was put in, lungs, pleura, heart, bones.
ORDER = (
    "Support Devices", "Lung Opacity", "Consolidation", "Pneumonia", "Edema", "Atelectasis",
    "Lung Lesion", "Pleural Effusion", "Pneumothorax", "Pleural Other", "Cardiomegaly",
    "Enlarged Cardiomediastinum", "Fracture",
)  # fmt: skip
LUNG = frozenset(
    {"Lung Opacity", "Consolidation", "Pneumonia", "Edema", "Atelectasis", "Lung Lesion"}
)
DEVICES = "Support Devices"  # beside them a report may say "No Finding"
States = Mapping[str, int]
Key = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Entry:
    """One sentence: what it says, and how often training reports say it in each section.

    `says` is in `ORDER`. `excludes` are observations that it denies in passing without naming
    them: "the lungs are clear" is not said beside an opacity.
    """

    text: str
    says: Key
    findings: int
    impression: int
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Bank:
    """Sentences by what they say, and `normal`, the impression where nothing was found."""

    entries: tuple[Entry, ...]
    normal: str


def key(states: States) -> Key:
    """The states as an entry's `says`."""
    return tuple((o, states[o]) for o in ORDER if o in states)


def compose(bank: Bank, findings: States, impression: States, known: Probabilities) -> Report:
    """The report that says `findings`, and in its impression `impression`, a part of them.

    Where nothing is present or uncertain, devices apart, the impression begins with the bank's
    normal sentence.

    Raises:
        IntegrityFailure: E503, the labeler reads the report otherwise: the bank is damaged or was
            made for another version of it.
    """
    contradicted = frozenset(o for o, state in findings.items() if state)
    long = _chosen(bank, findings, contradicted, "findings")
    short = _chosen(bank, impression, contradicted, "impression")
    said = {o: state for entry in (*long, *short) for o, state in entry.says}
    parts = [
        tuple(Sentence(e.text, statements(dict(e.says), known)) for e in part)
        for part in (long, short)
    ]
    if _normal(said) and contradicted <= {DEVICES} and bank.normal:
        statement = Statement(NORMAL, 1, known.get(NORMAL))
        parts[1] = (Sentence(bank.normal, (statement,)), *parts[1])
    report = Report(*parts)
    if report.text and labeler.label(report.text) != read_as(said):
        raise IntegrityFailure(
            "E503", "bank", "its sentences are read otherwise than they are filed",
            "the bank and the labeler of one version", "train the model again",
        )  # fmt: skip
    return report


def read_as(said: States) -> dict[str, int]:
    """The labels of a text that says just this: "No Finding" where it names nothing abnormal."""
    return dict(said) | ({NORMAL: 1} if _normal(said) else {})


def _normal(said: States) -> bool:
    return not any(value for o, value in said.items() if o != DEVICES)


def _chosen(bank: Bank, states: States, contradicted: frozenset[str], section: str) -> list[Entry]:
    """Sentences that together say the states: those that say most of what is left come first."""
    left = set(key(states))
    usable = [e for e in bank.entries if not contradicted & set(e.excludes)]
    chosen = []
    while fitting := [e for e in usable if left.issuperset(e.says)]:
        best = min(fitting, key=lambda e: (-len(e.says), -getattr(e, section), *_taste(e)))
        chosen.append(best)
        left -= set(best.says)
    # What is there comes before what is not, each in the order of the body.
    chosen.sort(key=lambda e: (not any(v for _, v in e.says), ORDER.index(e.says[0][0])))
    return chosen


def _taste(entry: Entry) -> tuple[int, int, str]:
    """Of two as frequent in a section, the more frequent one over all, then the shorter."""
    return -(entry.findings + entry.impression), len(entry.text), entry.text


def write(bank: Bank) -> str:
    """The bank as JSON."""
    rows = [
        {"text": e.text, "says": dict(e.says), "findings": e.findings, "impression": e.impression,
         "excludes": list(e.excludes)}
        for e in bank.entries
    ]  # fmt: skip
    return json.dumps({"normal": bank.normal, "sentences": rows}, indent=1) + "\n"


def read(text: str) -> Bank:
    """The bank in a JSON text; every sentence is read again by the labeler.

    Raises:
        IntegrityFailure: E503, it is no bank, or a sentence is filed under what it does not say.
    """
    try:
        data = json.loads(text)
        entries = tuple(
            Entry(r["text"], key(r["says"]), r["findings"], r["impression"], tuple(r["excludes"]))
            for r in data["sentences"]
        )
        bank = Bank(entries, data["normal"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged("it cannot be read") from error
    wrong = sum(labeler.label(e.text) != read_as(dict(e.says)) or not e.says for e in entries)
    wrong += bool(bank.normal) and labeler.label(bank.normal) != read_as({})
    if wrong:
        raise _damaged(f"{wrong} sentences are not filed under what they say")
    return bank


def _damaged(observed: str) -> IntegrityFailure:
    return IntegrityFailure(
        "E503", "bank", observed, "the bank as it was trained", "restore the file, or train again"
    )
