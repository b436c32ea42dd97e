"""Scores in a sentence: Dice, IoU, precision, recall and F1 with their values."""

import re
from collections.abc import Iterator

from cxrkit.cards.audit_about import made
from cxrkit.cards.audit_markdown import Sentence
from cxrkit.cards.audit_numbers import Number
from cxrkit.cards.audit_statement import Statement

_METRIC = re.compile(
    r"\b(?:(?P<dice>dice|dsc)|(?P<iou>iou|jaccard|intersection[- ]over[- ]union)|"
    r"(?P<other>accuracy|specificity|auc|auroc|npv|ppv)|(?P<precision>precision)|(?P<recall>recall|sensitivity)|(?P<f1>f1))"
    r"(?:[- ](?:similarity|score|coefficient|index|measure))*",
    re.IGNORECASE,
)


def in_sentence(sentence: Sentence, numbers: list[Number]) -> Iterator[tuple[Number, Statement]]:
    """Scores with their name, whichever of the two the sentence puts first."""
    named = [(m.start(), m.end(), str(m.lastgroup)) for m in _METRIC.finditer(sentence.text)]
    scores = [n for n in numbers if n.percent or 0 < n.value < 1 or n.step < 1]
    if not named or not scores:
        return
    number_first = scores[0].start < named[0][0]
    for start, end, name in named:
        if number_first:
            beside = [n for n in scores if n.end <= start and start - n.end < 45]
            number = beside[-1] if beside else None
        else:
            nexts = [s for s, _, _ in named if s > start]
            bound = min([end + 60, *nexts])
            number = next((n for n in scores if end <= n.start < bound), None)
        if number is None or name == "other" or "loss" in sentence.text[end : end + 6].lower():
            continue
        scale = 0.01 if number.percent or number.value > 1 else 1.0
        yield number, made(
            sentence, "metric", number.start, number.end, f"{name} {number.value:g}",
            values=(number.value * scale,), step=number.step * scale, unit=name,
        )  # fmt: skip
