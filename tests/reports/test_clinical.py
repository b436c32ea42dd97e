"""Clinical F1 against scikit-learn's definition, by hand, under the three policies."""

import pytest

from cxrkit.reports.clinical import f1
from cxrkit.terms import OBSERVATIONS

WRITTEN = [{"Edema": 1, "Fracture": 0}, {"Edema": -1}, {"Edema": 1, "Atelectasis": 1}, {}]
TRUTH = [{"Edema": 1}, {"Edema": 1, "Fracture": 1}, {"Edema": 0}, {"Atelectasis": -1}]


@pytest.mark.parametrize(
    ("policy", "edema", "atelectasis", "micro", "macro"),
    [
        # Edema: one both, one written only, one reference only; Fracture missed, Atelectasis wrong
        ("absent", 2 / 4, 0.0, 2 / 6, (0.5 + 0 + 0) / 3),
        # -1 as present: Edema twice both, once wrong; Atelectasis once wrong, once missed
        ("present", 4 / 5, 0.0, 4 / 8, (0.8 + 0 + 0) / 3),
        # -1 is another class: wrong for Edema, missed for Atelectasis
        ("own", 2 / 5, 0.0, 2 / 8, (0.4 + 0 + 0) / 3),
    ],
)
def test_scores_by_hand(
    policy: str, edema: float, atelectasis: float, micro: float, macro: float
) -> None:
    found = f1(WRITTEN, TRUTH, policy)  # type: ignore[arg-type]
    assert found.per_observation["Edema"] == pytest.approx(edema)
    assert found.per_observation["Atelectasis"] == pytest.approx(atelectasis)
    assert found.per_observation["Hernia" if "Hernia" in OBSERVATIONS else "Pneumonia"] is None
    assert found.micro == pytest.approx(micro)
    assert found.macro == pytest.approx(macro)


def test_the_same_labels_score_one_and_none_score_nothing() -> None:
    same = f1(TRUTH, TRUTH, "own")
    assert (same.micro, same.macro, same.micro_five) == (1.0, 1.0, 1.0)
    assert f1([{}] * 4, TRUTH, "absent").micro == 0.0
