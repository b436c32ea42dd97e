"""The four kinds of report model, loaded from the folder of a finished `cxr train report`.

constant   one normal report for every image
nearest    the report of the training image whose features are most alike
sentences  a classifier's observations, said with a bank of sentences
decoder    a small network that writes word by word
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from cxrkit import classification, model_folder
from cxrkit.classification import Classifier
from cxrkit.errors import InputRefused, IntegrityFailure
from cxrkit.report_writing import bank, report, search, thresholds
from cxrkit.report_writing.report import Report
from cxrkit.report_writing.seen import Seen, direction
from cxrkit.report_writing.thresholds import Threshold
from cxrkit.report_writing.vocabulary import Vocabulary

Kind = Literal["constant", "nearest", "sentences", "decoder"]
KINDS: tuple[Kind, ...] = get_args(Kind)
TASK = "report"
# What a card calls the files of the classifier, which has its own folder in that of the model.
CLASSIFIER, CLASSIFIER_HEAD, CLASSIFIER_CARD = "classifier", "classifier_head", "classifier_card"
WIDEST = 16  # candidates of a beam search
Files = Mapping[str, bytes]  # by their names in the card
Write = Callable[[Seen], Report]


@dataclass(frozen=True)
class Writer:
    """A loaded model: `write` makes a report of what its classifier sees."""

    kind: Kind
    classifier: Classifier | None  # None for "constant"
    write: Write


def load(folder: Path, width: int | None = None) -> Writer:
    """The model in a folder, on one thread.

    Args:
        folder: OUT of `cxr train report`.
        width: candidates of the decoder's search, 1 is greedy; None: as its card says.

    Raises:
        InputRefused: E102, there is no model; E107, a width out of range; E505, a pickle; E506, a
            model for another task.
        IntegrityFailure: E501, its card is damaged; E503, its files are not those of the card, or
            do not fit together.
    """
    if width is not None and not 1 <= width <= WIDEST:
        raise InputRefused("E107", "--beam", str(width), f"1 to {WIDEST}", "give another width")
    card = model_folder.card(folder, TASK)
    try:
        files = {n: model_folder.file(folder, e, TASK) for n, e in card["files"].items()}
        return of_card(card, files, width)
    except (KeyError, TypeError, ValueError) as error:
        raise model_folder.damaged(
            folder, "it lacks what the card of a report model has"
        ) from error


def of_card(card: Mapping[str, Any], files: Files, width: int | None = None) -> Writer:
    """The model of a card and the files that it names.

    Raises:
        IntegrityFailure: E503, the files do not fit together.
    """
    kind: Kind = card["model"]
    found = None
    if kind != "constant":
        own = json.loads(files[CLASSIFIER_CARD])
        found = classification.of_card(own, files[CLASSIFIER], files[CLASSIFIER_HEAD])
    return Writer(kind, found, _MAKERS[kind](files, card, width))


def _constant(files: Files, card: Mapping[str, Any], width: int | None) -> Write:
    findings, impression = json.loads(files["report"])
    fixed = report.read(findings, impression, {})
    return lambda seen: fixed


def _nearest(files: Files, card: Mapping[str, Any], width: int | None) -> Write:
    features = _array(files["features"]).astype(np.float32)  # (N, F), rows of length 1
    centre = _array(files["centre"])  # (F,)
    texts = json.loads(files["reports"])
    if features.shape != (len(texts), *centre.shape) or not texts:
        raise _unfit(f"{len(texts)} reports for features of shape {features.shape}")

    def write(seen: Seen) -> Report:
        if seen.pooled.shape != centre.shape:
            raise _unfit(f"{seen.pooled.shape} features for {centre.shape}")
        likeness = features @ direction(seen.pooled, centre)
        findings, impression = texts[int(likeness.argmax())]
        return report.read(findings, impression, seen.probabilities)

    return write


def _sentences(files: Files, card: Mapping[str, Any], width: int | None) -> Write:
    sentences = bank.read(files["bank"].decode())
    chosen = {name: Threshold(**t) for name, t in card["thresholds"].items()}

    def write(seen: Seen) -> Report:
        said = thresholds.states(seen.probabilities, chosen)
        return bank.compose(sentences, *said, seen.probabilities)

    return write


def _decoder(files: Files, card: Mapping[str, Any], width: int | None) -> Write:
    vocabulary = Vocabulary(tuple(json.loads(files["vocabulary"])))
    if len(vocabulary.words) != card["settings"]["words"]:
        raise _unfit(
            f"a vocabulary of {len(vocabulary.words)} words for a network of "
            f"{card['settings']['words']}"
        )
    run = model_folder.session(files["step"], ("logits", "next_state"))
    layers, depth = card["state"]
    longest = int(card["longest"])
    candidates = int(card["beam"]) if width is None else width

    def write(seen: Seen) -> Report:
        features = seen.places[None]

        def step(word: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            logits, after = run({"word": word, "state": state, "features": features})
            return logits, after

        found = search.beam(step, np.zeros((layers, 1, depth), np.float32), longest, candidates)
        return report.read(*vocabulary.decode(found), seen.probabilities)

    return write


_MAKERS = {
    "constant": _constant, "nearest": _nearest, "sentences": _sentences, "decoder": _decoder,
}  # fmt: skip


def _array(data: bytes) -> np.ndarray:
    found: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return found


def _unfit(observed: str) -> IntegrityFailure:
    return IntegrityFailure(
        "E503", "the report model", observed, "files of one training", "restore the folder"
    )
