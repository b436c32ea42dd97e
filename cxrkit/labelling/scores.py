"""Written reports against their references: wording, labels, and the floor of a constant report."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import get_args

from cxrkit.reports import clinical, labeler, wording
from cxrkit.reports.clinical import Policy


@dataclass(frozen=True)
class Scores:
    """All scores of one set of written reports, 0-1, CIDEr-D 0-10."""

    bleu: tuple[float, ...]
    rouge_l: float
    cider_d: float
    meteor_lite: float
    labels: Mapping[str, clinical.Clinical]  # by what -1 counts as


def score(written: Sequence[str], references: Sequence[str]) -> Scores:
    """The scores of written reports, one reference each, in the same order."""
    texts = [wording.tokens(text) for text in written]
    truths = [[wording.tokens(text)] for text in references]
    said = [labeler.label(text) for text in written]
    meant = [labeler.label(text) for text in references]
    return Scores(
        wording.bleu(texts, truths),
        wording.rouge_l(texts, truths),
        wording.cider_d(texts, truths),
        wording.meteor_lite(texts, truths),
        {policy: clinical.f1(said, meant, policy) for policy in get_args(Policy)},
    )


def floor(references: Sequence[str]) -> tuple[str, Scores]:
    """A constant normal report for every study, and its scores: it says nothing and scores well."""
    text = constant(references)
    return text, score([text] * len(references), references)


def constant(references: Sequence[str]) -> str:
    """The most frequent report that names nothing present or uncertain, the shortest of several.

    Where all name something, a sentence of our own.
    """
    normal = [
        text for text in references
        if text.strip() and not any(v for n, v in labeler.label(text).items() if n != "No Finding")
    ]  # fmt: skip
    counts = Counter(normal)
    return min(counts, key=lambda t: (-counts[t], len(t), t)) if counts else _NORMAL


_NORMAL = "The heart size is normal. The lungs are clear. No pleural effusion or pneumothorax."


def table(columns: Mapping[str, Scores]) -> str:
    """The scores side by side, a line each."""
    lines = [f"{'':28}" + "".join(f"{name:>16}" for name in columns)]
    for name, values in _rows(columns):
        lines.append(f"{name:28}" + "".join(f"{value:>16.4f}" for value in values))
    return "\n".join(lines)


def _rows(columns: Mapping[str, Scores]) -> list[tuple[str, list[float]]]:
    every = list(columns.values())
    rows = [(f"BLEU-{n + 1}", [s.bleu[n] for s in every]) for n in range(4)]
    rows += [
        ("ROUGE-L", [s.rouge_l for s in every]),
        ("CIDEr-D", [s.cider_d for s in every]),
        ("METEOR-lite (not METEOR)", [s.meteor_lite for s in every]),
    ]
    for policy in get_args(Policy):
        label = {"absent": "-1 as absent", "present": "-1 as present", "own": "-1 of its own"}
        for what, field in (("micro", "micro"), ("macro", "macro"), ("5 micro", "micro_five")):
            values = [float(getattr(s.labels[policy], field)) for s in every]
            rows.append((f"label F1 {what}, {label[policy]}", values))
    return rows


def as_dict(scores: Scores) -> dict[str, object]:
    """The scores as JSON holds them."""
    return asdict(scores)
