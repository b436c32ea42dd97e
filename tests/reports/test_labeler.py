"""Labels of whole reports in the three modes."""

import csv
from pathlib import Path

import pytest

from cxrkit.reports import labeler
from cxrkit.reports.labeler import label

MODES = ("strict", "chexpert", "negbio")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("text", ["", "  \n "])
def test_a_blank_text_has_no_labels(mode: labeler.Mode, text: str) -> None:
    assert label(text, mode) == {}


def test_the_published_labels_of_the_sample_reports(real_data: Path) -> None:
    with (real_data / "chexpert-labeler/labeled_reports.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        published = {k: int(float(v)) for k, v in row.items() if k != "Reports" and v}
        assert label(row["Reports"], "chexpert") == published


# text, observation, strict, chexpert, negbio
DIFFERENT = [
    ("Edema. No edema. Possible edema.", "Edema", 1, -1, 0),
    ("No edema. Possible edema.", "Edema", -1, -1, 0),
    ("Prior pneumonia.", "Pneumonia", None, 1, 1),
    ("The cardiac silhouette is unchanged.", "Cardiomegaly", None, -1, -1),
    ("The heart is in the midline.", "Cardiomegaly", None, 1, 1),
    ("Vascular congestion.", "Edema", None, -1, -1),
    ("Heart failure.", "Cardiomegaly", None, -1, -1),
    ("Mild scoliosis.", "No Finding", None, None, 1),
    ("Tuberculosis.", "Support Devices", None, 1, 1),
]


@pytest.mark.parametrize(("text", "observation", "strict", "chexpert", "negbio"), DIFFERENT)
def test_the_modes_differ_as_stated(
    text: str, observation: str, strict: int | None, chexpert: int | None, negbio: int | None
) -> None:
    found = [label(text, mode).get(observation) for mode in MODES]
    assert found == [strict, chexpert, negbio]


@pytest.mark.parametrize("mode", MODES)
def test_the_modes_agree_on_plain_sentences(mode: labeler.Mode) -> None:
    text = "Left pleural effusion. No pneumothorax. Heart size is normal. Possible pneumonia."
    found = label(text, mode)
    assert found["Pleural Effusion"] == 1 and found["Pneumothorax"] == 0
    assert found["Cardiomegaly"] == 0 and found["Pneumonia"] == -1
    assert "No Finding" not in found
    assert label("The lungs are clear. No effusion.", mode)["No Finding"] == 1


def test_vocabularies_spell_their_own_names() -> None:
    text = "Small effusion. Pleural thickening. No infiltrate."
    assert label(text, "strict", "chexpert") == {
        "Pleural Effusion": 1, "Pleural Other": 1, "Lung Opacity": 0,
    }  # fmt: skip
    assert label(text, "strict", "chestx-ray14") == {
        "Effusion": 1, "Pleural_Thickening": 1, "Infiltration": 0,
    }  # fmt: skip


def test_evidence_away_from_the_lungs_is_no_finding_of_them() -> None:
    text = "Nodular density represents a nipple shadow. Soft tissue could obscure a nodule."
    found = label(text, "strict", "chestx-ray14")
    assert found.get("Nodule", -1) == -1
    assert label("Nodule represents a granuloma.", "strict", "chestx-ray14").get("Nodule") is None
