"""What a sentence says of a phrase in it, known or not: by hand, one row per rule."""

import re

import pytest

from cxrkit.reports import assertion

# sentence, phrase, what it says
RADIOLOGY = [
    ("No pneumothorax, pleural effusion, or consolidation.", "consolidation", "absent"),
    ("No pneumothorax, small left effusion.", "effusion", "present"),
    ("No focal consolidation and the heart is enlarged.", "enlarged", "present"),
    ("There is no change in the left effusion.", "effusion", "present"),
    ("The effusion is not changed.", "effusion", "present"),
    ("Pneumothorax is not seen.", "Pneumothorax", "absent"),
    ("Neither effusion nor pneumothorax is seen.", "pneumothorax", "absent"),
    ("No pleural effusion is identified and no rib fracture.", "rib fracture", "absent"),
    ("Lungs are clear without effusion, heart is enlarged", "enlarged", "present"),
    ("No cardiomegaly with bilateral small effusions.", "effusions", "present"),
    ("No effusion, but there is edema.", "edema", "present"),
    ("Pneumonia cannot be excluded.", "Pneumonia", "uncertain"),
    ("We cannot exclude pneumonia.", "pneumonia", "uncertain"),
    ("Patchy opacity may represent pneumonia or atelectasis.", "atelectasis", "uncertain"),
    ("Patchy opacity may represent pneumonia or atelectasis.", "opacity", "present"),
    ("Possible atelectasis.", "atelectasis", "uncertain"),
    ("The left effusion has resolved.", "effusion", "absent"),
    ("Interval resolution of the edema.", "edema", "absent"),
    ("Prior granulomatous infection.", "granulomatous infection", "historical"),
    ("Stable mild cardiomegaly.", "cardiomegaly", "present"),
]
OTHER_MEDICINE = [
    ("The patient denies chest pain, shortness of breath, or fever.", "fever", "absent"),
    ("He has no fever but has a cough.", "cough", "present"),
    ("He did not have any nausea or vomiting.", "vomiting", "absent"),
    ("Abdomen is soft, non-tender, without masses.", "masses", "absent"),
    ("She was ruled out for myocardial infarction.", "myocardial infarction", "absent"),
    ("There was no evidence of bleeding, and he was given aspirin.", "aspirin", "present"),
    ("History of stroke.", "stroke", "historical"),
    ("Mother had breast cancer.", "breast cancer", "historical"),
    ("Evaluate for appendicitis.", "appendicitis", "uncertain"),
    ("Gram-negative sepsis.", "sepsis", "present"),
]
# The phrase begins within a cue of several words, or holds one.
OVERLAPPING = [
    ("No focal numbness in the arm.", "focal numbness", "absent"),
    ("He has no acute distress, and no significant murmur.", "significant murmur", "absent"),
    ("There is no history of stroke or seizure.", "history of stroke", "absent"),
    ("No new focal deficit.", "focal deficit", "uncertain"),
    ("No change in weight.", "change in weight", "present"),
    ("No fever, but there is a cough.", "there is a cough", "present"),
    ("She has no fever.", "no fever", "present"),
    ("Possible pneumonia on the left.", "Possible pneumonia", "present"),
    ("He has a free of charge visit.", "a free of charge visit", "present"),
    ("No focal numbness in the arm.", "No", "present"),
]


@pytest.mark.parametrize(("sentence", "phrase", "says"), RADIOLOGY + OTHER_MEDICINE + OVERLAPPING)
def test_a_sentence_says(sentence: str, phrase: str, says: str) -> None:
    start = sentence.index(phrase)
    assert assertion(sentence, start, start + len(phrase)) == says


@pytest.mark.parametrize(("sentence", "phrase", "says"), RADIOLOGY + OTHER_MEDICINE + OVERLAPPING)
@pytest.mark.parametrize("change", ["stop", "upper", "blanks", "XXXX"])
def test_form_changes_nothing(sentence: str, phrase: str, says: str, change: str) -> None:
    """A full stop, capitals, white space or a removed name say nothing."""
    changed = {
        "stop": sentence.rstrip(".") if sentence.endswith(".") else sentence + ".",
        "upper": sentence.upper(),
        "blanks": sentence.replace(" ", "  ", 2),
        "XXXX": f"XXXX {sentence}",
    }[change]
    found = re.search(re.escape(phrase).replace("\\ ", r"\s+"), changed, re.IGNORECASE)
    assert found is not None
    assert assertion(changed, *found.span()) == says


def test_a_list_can_be_reordered() -> None:
    names = ["effusion", "pneumothorax", "consolidation"]
    for a, b, c in (names, names[::-1], names[1:] + names[:1]):
        sentence = f"No {a}, {b} or {c}."
        said = {n: assertion(sentence, sentence.index(n), sentence.index(n) + 3) for n in names}
        assert set(said.values()) == {"absent"}
