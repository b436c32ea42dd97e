"""What would the radiologist have dictated? A report and its labels from a subject's findings.

Every sentence carries the labels that a reader takes from it, so text and labels agree: 1 present,
0 absent, -1 uncertain, a missing key is "not mentioned".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cxrkit.phantom.anatomy import Subject

Sentence = tuple[str, dict[str, int]]


@dataclass(frozen=True)
class Dictation:
    """A report's text and its observations (names of `terms.OBSERVATIONS`)."""

    text: str
    labels: dict[str, int]


PRESENT: dict[str, tuple[Sentence, ...]] = {
    "effusion": (
        ("There is a {size} {side} pleural effusion.", {"Pleural Effusion": 1}),
        ("{Size} {side} pleural effusion blunts the costophrenic angle.", {"Pleural Effusion": 1}),
        (
            "A {size} {side} effusion is seen, with adjacent atelectasis.",
            {"Pleural Effusion": 1, "Atelectasis": 1},
        ),
    ),
    "pneumothorax": (
        ("There is a {size} {side} pneumothorax.", {"Pneumothorax": 1}),
        ("A {size} {side} apical pneumothorax is present.", {"Pneumothorax": 1}),
    ),
    "consolidation": (
        ("There is consolidation in the {side} lung.", {"Consolidation": 1}),
        (
            "Consolidation in the {side} mid lung is concerning for pneumonia.",
            {"Consolidation": 1, "Pneumonia": -1},
        ),
        (
            "A focal {side} opacity with consolidation may represent pneumonia.",
            {"Lung Opacity": 1, "Consolidation": 1, "Pneumonia": -1},
        ),
    ),
    "cardiomegaly": (
        ("The heart is {grade} enlarged.", {"Cardiomegaly": 1}),
        ("There is {grade} cardiomegaly.", {"Cardiomegaly": 1}),
    ),
    "nodule": (
        ("A rounded nodule projects over the {side} lung.", {"Lung Lesion": 1}),
        ("There is a pulmonary nodule on the {side}.", {"Lung Lesion": 1}),
    ),
    "edema": (
        ("There is {grade} pulmonary edema.", {"Edema": 1}),
        ("Indistinct vessels indicate {grade} interstitial edema.", {"Edema": 1}),
    ),
    "fracture": (
        ("There is a displaced {side} rib fracture.", {"Fracture": 1}),
        ("A fracture of a {side} posterior rib is seen.", {"Fracture": 1}),
    ),
    "tube": (
        ("An endotracheal tube ends above the carina.", {"Support Devices": 1}),
        ("The tip of the endotracheal tube lies in the mid trachea.", {"Support Devices": 1}),
    ),
    "line": (
        ("A {side} central venous line ends in the lower SVC.", {"Support Devices": 1}),
        (
            "The {side} subclavian catheter tip is at the cavoatrial junction.",
            {"Support Devices": 1},
        ),
    ),
}

ABSENT: dict[str, tuple[Sentence, ...]] = {
    "effusion": (
        ("There is no pleural effusion.", {"Pleural Effusion": 0}),
        ("No pleural effusion is seen.", {"Pleural Effusion": 0}),
    ),
    "pneumothorax": (
        ("There is no pneumothorax.", {"Pneumothorax": 0}),
        ("No pneumothorax.", {"Pneumothorax": 0}),
    ),
    "consolidation": (
        ("No focal consolidation is identified.", {"Consolidation": 0}),
        ("The lungs are clear.", {}),
    ),
    "cardiomegaly": (
        ("The heart size is normal.", {"Cardiomegaly": 0}),
        (
            "The cardiomediastinal silhouette is within normal limits.",
            {"Enlarged Cardiomediastinum": 0},
        ),
    ),
    "edema": (
        ("There is no pulmonary edema.", {"Edema": 0}),
        ("No evidence of pulmonary edema.", {"Edema": 0}),
    ),
    "fracture": (("No displaced rib fracture is seen.", {"Fracture": 0}),),
}

CLEAR: tuple[Sentence, ...] = (
    ("No acute cardiopulmonary process.", {"No Finding": 1}),
    ("Normal chest radiograph.", {"No Finding": 1}),
    ("No acute intrathoracic abnormality.", {"No Finding": 1}),
)

REASONS = ("cough", "shortness of breath", "chest pain", "fever", "fall", "preoperative evaluation")
IN_BRIEF = {
    "effusion": "{Size} {side} pleural effusion.",
    "pneumothorax": "{Size} {side} pneumothorax.",
    "consolidation": "{Side} lung consolidation.",
    "cardiomegaly": "{Grade} cardiomegaly.",
    "nodule": "{Side} lung nodule.",
    "edema": "{Grade} pulmonary edema.",
    "fracture": "{Side} rib fracture.",
    "tube": "Endotracheal tube in standard position.",
    "line": "Central venous line in standard position.",
}
DEVICES = ("tube", "line")


def dictate(subject: Subject, views: Sequence[str], rng: np.random.Generator) -> Dictation:
    """The report of one study in MIMIC-CXR's shape, `___` where a detail was removed.

    Args:
        subject: whose findings are described.
        views: View Position of each image, in order; "" for unknown.
        rng: chooses among the variants of each sentence.
    """
    words = _words(subject)
    found = [_choose(PRESENT[name], rng) for name in subject.findings]
    absent = [
        _choose(ABSENT[n], rng) for n in ABSENT if n not in subject.findings and rng.random() < 0.72
    ]
    disease = [name for name in subject.findings if name not in DEVICES]
    brief: list[Sentence] = [(IN_BRIEF[name], {}) for name in disease]
    if not disease:
        brief = [_choose(CLEAR, rng)]
    body = " ".join(text.format(**words) for text, _ in [*found, *absent])
    impression = " ".join(text.format(**words) for text, _ in brief)
    technique = _technique(views)
    person = "woman" if subject.sex == "F" else "man"
    text = (
        "                                 FINAL REPORT\n"
        f" EXAMINATION:  {technique}\n\n"
        f" INDICATION:  ___ year old {person} with {REASONS[int(rng.integers(len(REASONS)))]}.\n\n"
        " COMPARISON:  ___\n\n"
        f" FINDINGS: \n \n{_wrap(body)}\n\n"
        f" IMPRESSION: \n \n{_wrap(impression)}\n"
    )
    labels: dict[str, int] = {}
    for _, meaning in [*absent, *found, *brief]:
        labels.update(meaning)
    return Dictation(text, labels)


def _choose(variants: tuple[Sentence, ...], rng: np.random.Generator) -> Sentence:
    return variants[int(rng.integers(len(variants)))]


def _words(subject: Subject) -> dict[str, str]:
    size = ("small", "moderate", "large")[min(int(subject.extent * 3), 2)]
    grade = ("mild", "moderate", "severe")[min(int(subject.extent * 3), 2)]
    adverb = {"side": subject.side, "size": size, "grade": grade}
    return adverb | {key.capitalize(): word.capitalize() for key, word in adverb.items()}


def _technique(views: Sequence[str]) -> str:
    lateral = any(v in ("LATERAL", "LL") for v in views)
    if lateral:
        return "CHEST (PA AND LAT)" if "PA" in views else "CHEST (AP AND LAT)"
    return "CHEST (PORTABLE AP)" if "AP" in views else "CHEST (SINGLE VIEW)"


def _wrap(text: str, width: int = 76) -> str:
    """Lines of at most `width` characters, each after one blank, as in the published reports."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] += f" {word}"
    return "\n".join(lines)
