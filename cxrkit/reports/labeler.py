"""Labels of a report: the events of its sentences, read by the rules of a mode.

strict     typed mentions; history, resolved and explained findings are not present
chexpert   mentions and aggregation of the CheXpert labeler (Irvin 2019, arXiv:1901.07031)
negbio     mentions and aggregation of the branch of NegBio that labelled MIMIC-CXR-JPG
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Literal

from cxrkit.reports import chexpert, events, sentences
from cxrkit.reports.events import Event
from cxrkit.reports.lexicon import rows
from cxrkit.terms import OBSERVATIONS

Mode = Literal["strict", "chexpert", "negbio"]
Vocabulary = Literal["chexpert", "chestx-ray14", "all"]

CHESTX_RAY14 = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening",
    "Hernia",
)  # fmt: skip

_VALUE = {"present": 1, "absent": 0, "uncertain": -1}
_SENTENCES = 1 << 16  # distinct sentences whose events are kept
_strict_events = functools.lru_cache(_SENTENCES)(events.events)
_chexpert_events = functools.lru_cache(_SENTENCES)(chexpert.events)


def label(text: str, mode: Mode = "strict", vocabulary: Vocabulary = "chexpert") -> dict[str, int]:
    """Observation to 1 present, 0 absent, -1 uncertain; a missing key is "not mentioned".

    A blank text has no labels in any mode. The published modes know the CheXpert observations only.
    """
    if not text.strip():
        return {}
    if mode == "strict":
        return _strict(text, vocabulary)
    found: dict[str, set[int]] = {}
    failing = False
    for start, end in sentences.spans(text):
        for event in _chexpert_events(text[start:end]):
            found.setdefault(event.concept, set()).add(_VALUE[event.state])
            failing |= event.state != "absent" and _names_failure(text[start:end], event)
    if failing:
        found.setdefault("Cardiomegaly", set()).add(-1)
    join = _of_chexpert if mode == "chexpert" else _of_negbio
    others = found.pop(chexpert.OTHER, set())
    labels = {name: join(values) for name, values in found.items()}
    blocked = mode == "chexpert" and others - {0}
    if not blocked and not any(v for n, v in labels.items() if n != "Support Devices"):
        labels["No Finding"] = 1
    return {name: labels[name] for name in OBSERVATIONS if name in labels}


def _names_failure(sentence: str, event: Event) -> bool:
    return sentence[event.start : event.end].lower().split() in (["chf"], ["heart", "failure"])


def _strict(text: str, vocabulary: Vocabulary) -> dict[str, int]:
    found: dict[str, set[int]] = {}
    names = _observations(vocabulary)
    abnormal = False
    for start, end in sentences.spans(text):
        for event in _strict_events(text[start:end]):
            value = _VALUE.get(event.state)
            if value is None:
                continue
            abnormal |= value != 0 and event.concept != "device"
            for name in names.get(event.concept, ()):
                found.setdefault(name, set()).add(value)
    labels = {name: _of_strict(values) for name, values in found.items()}
    if not abnormal and vocabulary != "chestx-ray14":
        labels["No Finding"] = 1
    return labels


def mentions(
    text: str, mode: Mode, vocabulary: Vocabulary
) -> Iterator[tuple[int, int, Event, str]]:
    """Every mention that counts for an observation: its sentence's place, the event, the name."""
    read = _strict_events if mode == "strict" else _chexpert_events
    known = _observations(vocabulary)
    for start, end in sentences.spans(text):
        for event in read(text[start:end]):
            concepts = known.get(event.concept, ()) if mode == "strict" else (event.concept,)
            for name in concepts:
                if name != chexpert.OTHER:
                    yield start, end, event, name


def names(vocabulary: Vocabulary) -> tuple[str, ...]:
    """The observations of a vocabulary in its order; "all" is CheXpert's and then the others."""
    if vocabulary == "chexpert":
        return OBSERVATIONS
    if vocabulary == "chestx-ray14":
        return CHESTX_RAY14
    return tuple(dict.fromkeys((*OBSERVATIONS, *CHESTX_RAY14)))


@functools.cache
def _observations(vocabulary: Vocabulary) -> dict[str, tuple[str, ...]]:
    """Concept to the observations it is, under the names of the vocabulary."""
    columns = {"chexpert": (1,), "chestx-ray14": (2,), "all": (1, 2)}[vocabulary]
    table = ([*row, "", ""] for row in rows("observations.tsv"))
    return {
        row[0]: tuple(dict.fromkeys(n for c in columns for n in row[c].split("|") if n))
        for row in table
    }


def _of_strict(values: Iterable[int]) -> int:
    """Present wins over uncertain, uncertain over absent."""
    return 1 if 1 in values else -1 if -1 in values else 0


def _of_chexpert(values: set[int]) -> int:
    """As `_of_strict`, but all three together are uncertain: the order of its tests."""
    return -1 if values == {0, 1, -1} else _of_strict(values)


def _of_negbio(values: set[int]) -> int:
    """Absent wins over uncertain, and over all three together."""
    if values in ({0, -1}, {0, 1, -1}):
        return 0
    return 1 if 1 in values else values.pop()
