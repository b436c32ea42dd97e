"""Reports of phantoms: text and labels say the same, and say what the picture shows."""

from dataclasses import replace

import numpy as np
import pytest

from cxrkit.phantom.anatomy import FINDINGS, Subject
from cxrkit.phantom.dictation import dictate
from cxrkit.terms import OBSERVATIONS

NAMED = {
    "effusion": "Pleural Effusion",
    "pneumothorax": "Pneumothorax",
    "consolidation": "Consolidation",
    "cardiomegaly": "Cardiomegaly",
    "nodule": "Lung Lesion",
    "edema": "Edema",
    "fracture": "Fracture",
    "tube": "Support Devices",
    "line": "Support Devices",
}
WORDS = {
    "Pleural Effusion": "effusion",
    "Pneumothorax": "pneumothorax",
    "Consolidation": "consolidation",
    "Edema": "edema",
    "Fracture": "fracture",
}


@pytest.mark.parametrize("name", FINDINGS)
def test_each_finding_is_labelled_present(name: str) -> None:
    for seed in range(12):
        report = dictate(Subject(findings=(name,)), ("PA",), np.random.default_rng(seed))
        assert report.labels[NAMED[name]] == 1
        disease = name not in ("tube", "line")
        assert ("No Finding" in report.labels) == (not disease)


def test_labels_are_known_observations_and_agree_with_the_words() -> None:
    for seed in range(80):
        rng = np.random.default_rng(seed)
        found = tuple(name for name in FINDINGS if rng.random() < 0.25)
        report = dictate(Subject(findings=found), ("AP",), rng)
        assert set(report.labels) <= set(OBSERVATIONS)
        text = report.text.lower()
        for observation, word in WORDS.items():
            assert (observation in report.labels) == (word in text), (seed, observation)


def test_a_negation_is_labelled_absent() -> None:
    reports = [dictate(Subject(), ("PA",), np.random.default_rng(k)) for k in range(20)]
    assert any(r.labels.get("Pneumothorax") == 0 for r in reports)
    assert all(v == 0 for r in reports for k, v in r.labels.items() if k != "No Finding")


def test_the_report_has_the_published_shape() -> None:
    subject = Subject(findings=("effusion",), side="left", extent=0.9, sex="M")
    text = dictate(subject, ("PA", "LATERAL"), np.random.default_rng(0)).text
    lines = text.splitlines()
    assert lines[0].strip() == "FINAL REPORT"
    heads = [line.split(":")[0].strip() for line in lines if ":" in line]
    assert heads == ["EXAMINATION", "INDICATION", "COMPARISON", "FINDINGS", "IMPRESSION"]
    assert "___ year old man" in text and "(PA AND LAT)" in text
    assert "left" in text.lower() and "large" in text.lower() and "right" not in text.lower()
    assert max(map(len, lines)) <= 80


def test_the_same_seed_dictates_the_same_report() -> None:
    subject = Subject(findings=("edema", "line"))
    one, two = (dictate(subject, ("AP",), np.random.default_rng(4)) for _ in range(2))
    other = dictate(replace(subject, side="left"), ("AP",), np.random.default_rng(4))
    assert one == two != other
