"""The sentence bank and the thresholds: what is kept, and that it says what it is filed under."""

import itertools

import numpy as np
import pytest
from made_up_samples import sample

from cxrkit.phantom.mimic_cxr_jpg import plan
from cxrkit.report_writing import bank, thresholds
from cxrkit.report_writing.bank import ORDER, read_as
from cxrkit.report_writing.thresholds import NEVER
from cxrkit.reports import clinical, labeler
from cxrkit.terms import OBSERVATIONS
from cxrkit.training import report_thresholds, sentence_bank
from cxrkit.training.report_targets import Target, targets


@pytest.fixture(scope="module")
def training() -> list[Target]:
    """The reports of 400 phantom studies, without their images."""
    studies = plan(400, 7, 320)
    made = [
        sample(k, {}, "train", report=s.report.text)
        for k, s in enumerate(studies)
        if s.report is not None
    ]
    return targets(made)[0]


@pytest.mark.parametrize(
    ("sentence", "general"),
    [
        ("There is a small left pleural effusion.", "There is a pleural effusion."),
        ("A large effusion is seen.", "An effusion is seen."),
        ("An extensive pneumothorax is seen.", "A pneumothorax is seen."),
        ("Mild cardiomegaly.", "Cardiomegaly."),
        ("The heart is moderately enlarged", "The heart is enlarged."),
        ("Large, left-sided effusion.", "Effusion."),
        ("No effusion on the left.", "No effusion on the left."),
        ("Fluid of moderate amount.", "Fluid of moderate amount."),
        ("No pneumothorax.", "No pneumothorax."),
        ("Central line ends in the SVC.", "Central line ends in the SVC."),
    ],
)
def test_sides_and_sizes_are_taken_out_of_a_sentence(sentence: str, general: str) -> None:
    if general == "Fluid of moderate amount.":
        # "of amount" would be no English: a size without its noun stays, and ranks behind others.
        assert sentence_bank.general(sentence) in (general, "Fluid of amount.")
        return
    assert sentence_bank.general(sentence) == general


@pytest.mark.parametrize(
    "sentence",
    [
        "Discussed with Dr. Miller.", "As seen by Miller, no effusion.", "Effusion since ___.",
        "XXXX effusion.", "A nodule of 8 mm.", "New effusion.", "The effusion is unchanged.",
        "Increased edema.", "The effusion has resolved.", "Compared to earlier, edema.",
        "Effusion as before.", "Nodule, CT is recommended.", "NO EFFUSION.", "Is there effusion?",
        "", "History of effusion.", "The tube has been removed.", "Still no edema.",
    ],
)  # fmt: skip
def test_names_numbers_removed_words_advice_and_comparisons_are_left_out(sentence: str) -> None:
    assert sentence_bank.general(sentence) is None


def test_every_mined_sentence_is_read_as_it_is_filed(training: list[Target]) -> None:
    mined = sentence_bank.mine(training)
    assert len(mined.entries) > 40
    assert mined.normal and labeler.label(mined.normal) == {"No Finding": 1}
    assert bank.read(bank.write(mined)) == mined
    for entry in mined.entries:
        assert labeler.label(entry.text) == read_as(dict(entry.says))
        assert not {"left", "right", "small", "large"} & set(entry.text.lower().split())
        assert "_" not in entry.text and not any(c.isdigit() for c in entry.text)
    said = {e.says for e in mined.entries}
    for o in ("Pleural Effusion", "Pneumothorax", "Cardiomegaly", "Edema", "Support Devices"):
        assert ((o, 1),) in said
    assert ((("Pleural Effusion", 0),)) in said


def test_the_order_of_the_reports_does_not_matter(training: list[Target]) -> None:
    turned = list(reversed(training))
    assert bank.write(sentence_bank.mine(turned)) == bank.write(sentence_bank.mine(training))


def made_up(texts: list[str], split: str = "train") -> list[Target]:
    reports = [sample(k, {}, split, report=f" IMPRESSION: {t}\n") for k, t in enumerate(texts)]
    return targets(reports)[0]


def test_a_rare_sentence_is_not_kept_and_a_misprint_cannot_turn_a_meaning() -> None:
    # The labeler misses a misspelt cue: "evidecne" turns a denial into a finding.
    texts = ["No evidence of pneumonia."] * 5 + ["No evidecne of pneumonia."] * 2
    mined = sentence_bank.mine(made_up(texts))
    assert [e.text for e in mined.entries] == ["No evidence of pneumonia."]
    again = sentence_bank.mine(made_up(["No evidecne of pneumonia."] * 3))
    assert all(labeler.label(e.text) == read_as(dict(e.says)) for e in again.entries)


def test_a_sentence_that_says_more_than_observations_is_not_kept() -> None:
    # A tortuous aorta is abnormal and none of the 14.
    texts = ["The aorta is tortuous with cardiomegaly.", "Cardiomegaly."] * 5
    assert [e.text for e in sentence_bank.mine(made_up(texts)).entries] == ["Cardiomegaly."]


def test_clear_lungs_exclude_what_lies_in_lungs() -> None:
    mined = sentence_bank.mine(made_up(["The lungs are clear without effusion."] * 4))
    (entry,) = mined.entries
    assert "Edema" in entry.excludes and "Cardiomegaly" not in entry.excludes
    whole = sentence_bank.mine(made_up(["No acute cardiopulmonary process or effusion."] * 4))
    assert {"Fracture", "Cardiomegaly"} <= set(whole.entries[0].excludes)


def test_any_states_make_a_report_that_says_nothing_else(training: list[Target]) -> None:
    mined = sentence_bank.mine(training)
    rng = np.random.default_rng(3)
    for _ in range(60):
        drawn = rng.choice([1, -1, 0, 9], len(ORDER), p=[0.2, 0.1, 0.4, 0.3])
        states = {o: int(v) for o, v in zip(ORDER, drawn, strict=True) if v != 9}
        # compose raises where the labeler reads anything but what was chosen.
        written = bank.compose(mined, states, {o: v for o, v in states.items() if v}, {})
        read = {o: v for o, v in labeler.label(written.text).items() if o != "No Finding"}
        assert read.items() <= states.items()
        missing = {(o, states[o]) for o in states.keys() - read.keys()}
        assert not any(((o, v),) in {e.says for e in mined.entries} for o, v in missing)


def known(target: Target, noise: float, rng: np.random.Generator) -> dict[str, float]:
    """Probabilities that follow the truth but for noise."""
    return {
        o: float(np.clip((target.labels.get(o) == 1) + rng.normal(0, noise), 0, 1))
        for o in OBSERVATIONS
    }


def f1(found: list[Target], probabilities: list[dict[str, float]], chosen: dict) -> float:
    """Micro F1 of what the thresholds say, by the code that scores reports."""
    said = []
    for k in probabilities:
        states = thresholds.states(k, chosen)[0]
        said.append(read_as(states))
    return clinical.f1(said, [t.labels for t in found], "absent").micro


def test_true_probabilities_give_true_reports(training: list[Target]) -> None:
    rng = np.random.default_rng(0)
    exact = [known(t, 0.0, rng) for t in training]
    chosen = report_thresholds.choose(training, exact, training)
    # What is uncertain takes "No Finding" away from a few: no report of present ones has it all.
    present = [{o: 1 for o in ORDER if t.labels.get(o) == 1} for t in training]
    said = [read_as(states) for states in present]
    ideal = clinical.f1(said, [t.labels for t in training], "absent").micro
    assert 0.9 < ideal <= f1(training, exact, chosen)


def test_noise_says_no_less_than_saying_nothing(training: list[Target]) -> None:
    rng = np.random.default_rng(1)
    noise = [{o: float(rng.random()) for o in OBSERVATIONS} for _ in training]
    chosen = report_thresholds.choose(training, noise, training)
    silent = clinical.f1([{"No Finding": 1}] * len(training), [t.labels for t in training],
                         "absent").micro  # fmt: skip
    assert f1(training, noise, chosen) >= silent


def test_no_single_threshold_could_be_better(training: list[Target]) -> None:
    rng = np.random.default_rng(2)
    part = training[:120]
    noisy = [known(t, 0.4, rng) for t in part]
    chosen = report_thresholds.choose(part, noisy, part)
    best = f1(part, noisy, chosen)
    for o, value in itertools.product(("Edema", "Pleural Effusion"), (0.1, 0.3, 0.5, 0.7, NEVER)):
        t = chosen[o]
        other = thresholds.Threshold(value, value, t.denied, t.denied_again)
        # Only quantiles are tried, so a value between two of them may be a little better.
        assert f1(part, noisy, chosen | {o: other}) <= best + 0.01


def test_as_much_is_denied_as_in_the_reports(training: list[Target]) -> None:
    rng = np.random.default_rng(4)
    noisy = [known(t, 0.2, rng) for t in training]
    chosen = report_thresholds.choose(training, noisy, training)
    for o in ("Pneumothorax", "Pleural Effusion"):
        denied = sum(thresholds.states(k, chosen)[0].get(o) == 0 for k in noisy)
        meant = sum(labeler.label(t.findings).get(o) == 0 for t in training if t.findings)
        share = len(training) / sum(bool(t.findings) for t in training)
        assert denied == pytest.approx(meant * share, rel=0.15)
