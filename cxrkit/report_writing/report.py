"""A written report: sentences in two sections, each with the observations behind it."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

from cxrkit.reports import labeler, sentences

Probabilities = Mapping[str, float]  # of presence, by observation
NORMAL = "No Finding"


@dataclass(frozen=True)
class Statement:
    """What a sentence says of one observation.

    `state` is 1 present, 0 absent, -1 uncertain; `probability` that of presence, 0-1, which the
    classifier gave, None where no classifier was asked.
    """

    observation: str
    state: int
    probability: float | None


@dataclass(frozen=True)
class Sentence:
    """One sentence and the observations behind it."""

    text: str
    statements: tuple[Statement, ...] = ()


@dataclass(frozen=True)
class Report:
    """Findings and impression; either may be empty."""

    findings: tuple[Sentence, ...]
    impression: tuple[Sentence, ...]

    @property
    def sections(self) -> tuple[str, str]:
        """The text of the findings and of the impression."""
        parts = (self.findings, self.impression)
        return " ".join(s.text for s in parts[0]), " ".join(s.text for s in parts[1])

    @property
    def text(self) -> str:
        """Both sections as paragraphs without headers: what is scored."""
        return joined(*self.sections)


def joined(findings: str, impression: str) -> str:
    """The sections that are not empty as paragraphs."""
    return "\n\n".join(part for part in (findings, impression) if part)


def read(findings: str, impression: str, probabilities: Probabilities) -> Report:
    """The report of two finished texts; what each sentence says is read by the labeler."""
    return Report(_read(findings, probabilities), _read(impression, probabilities))


def statements(states: Mapping[str, int], probabilities: Probabilities) -> tuple[Statement, ...]:
    """The states with their probabilities."""
    return tuple(Statement(o, state, probabilities.get(o)) for o, state in states.items())


def states_of(sentence: str) -> dict[str, int]:
    """What the labeler reads in one sentence, without the "No Finding" that it adds."""
    return {o: state for o, state in labeler.label(sentence).items() if o != NORMAL}


def split(text: str) -> list[str]:
    """The sentences of a text, each with its stop and single blanks."""
    places = list(sentences.spans(text))
    cuts = [*(start for start, _ in places), len(text)]
    return [" ".join(text[start:end].split()) for start, end in itertools.pairwise(cuts)]


def as_json(report: Report) -> dict[str, object]:
    """The report as `cxr report --json` prints it."""
    return {
        "findings": [_sentence(s) for s in report.findings],
        "impression": [_sentence(s) for s in report.impression],
    }


def _sentence(sentence: Sentence) -> dict[str, object]:
    said = [
        {"observation": s.observation, "state": s.state, "probability": s.probability}
        for s in sentence.statements
    ]
    return {"text": sentence.text, "observations": said}


def _read(text: str, probabilities: Probabilities) -> tuple[Sentence, ...]:
    return tuple(Sentence(s, statements(states_of(s), probabilities)) for s in split(text))
