"""Scores of wording against pycocoevalcap, and by hand where it has none."""

import contextlib
import io

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from pycocoevalcap.cider.cider import Cider
from pycocoevalcap.rouge.rouge import Rouge

from cxrkit.reports import wording

WORDS = "the heart size is normal no effusion or pneumothorax lungs are clear . mild edema".split()  # noqa: SIM905
Case = tuple[list[list[str]], list[list[list[str]]]]


def drawn(seed: int) -> Case:
    """Thirty texts and one to three references each, of all lengths, one text empty."""
    rng = np.random.default_rng(seed)

    def text() -> list[str]:
        return [str(w) for w in rng.choice(WORDS, int(rng.integers(1, 25)))]

    written = [text() for _ in range(30)]
    written[seed % 30] = []
    return written, [[text() for _ in range(int(rng.integers(1, 4)))] for _ in range(30)]


def theirs(scorer: object, case: Case) -> object:
    written, references = case
    result = {k: [" ".join(text)] for k, text in enumerate(written)}
    truth = {k: [" ".join(r) for r in refs] for k, refs in enumerate(references)}
    with contextlib.redirect_stdout(io.StringIO()):
        return scorer.compute_score(truth, result)[0]  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(5))
def test_bleu_rouge_and_cider_agree_with_the_reference_implementation(seed: int) -> None:
    case = drawn(seed)
    assert wording.bleu(*case) == pytest.approx(theirs(Bleu(4), case), abs=1e-6)
    assert wording.rouge_l(*case) == pytest.approx(theirs(Rouge(), case), abs=1e-6)
    assert wording.cider_d(*case) == pytest.approx(theirs(Cider(), case), abs=1e-6)


def test_a_changed_word_changes_every_score() -> None:
    """The comparison above can fail: it is no comparison of constants."""
    written, references = drawn(1)
    changed = [["other", *text[1:]] for text in written]
    for score in (wording.bleu, wording.rouge_l, wording.cider_d, wording.meteor_lite):
        assert score(changed, references) != score(written, references)


def test_meteor_lite_by_hand() -> None:
    reference = [["the", "heart", "is", "enlarged"]]
    # four equal words in one run: F = 1, one chunk of four matches
    assert wording.meteor_lite(reference, [reference]) == pytest.approx(1 - 0.6 * 0.25**0.2)
    # "enlarges" and "enlarged" share a stem: 3.6 of 4 words
    found = wording.meteor_lite([["the", "heart", "is", "enlarges"]], [reference])
    assert found == pytest.approx(0.9 * (1 - 0.6 * 0.25**0.2))
    assert wording.meteor_lite([["no", "edema"]], [reference]) == 0.0
    assert wording.meteor_lite([[]], [reference]) == 0.0


def test_tokens_drop_list_numbers_and_keep_stops() -> None:
    text = "1. No acute disease. 2. Heart, 3.5 cm left-sided XXXX."
    assert wording.tokens(text) == [
        "no", "acute", "disease", ".", "heart", "3", ".", "5", "cm", "left", "sided", "xxxx", ".",
    ]  # fmt: skip
