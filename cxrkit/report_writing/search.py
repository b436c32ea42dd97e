"""Which words a decoder writes: greedy and beam search over one step of a network, in numpy.

A step maps (word numbers (B,) int64, state (L, B, D) float32) to (logits (B, V), next state).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from cxrkit.report_writing.vocabulary import END, IMPRESSION, PAD, START, UNKNOWN

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
# Divides the score of a report of n words by ((5 + n) / 6) ** PENALTY, so that long ones are not
# left out for being long (Wu 2016, arXiv:1609.08144, equation 14).
PENALTY = 0.7
_NEVER = (PAD, START, UNKNOWN)


@dataclass(frozen=True)
class Beam:
    """One report in the making: its words, log probability, and row of the state."""

    words: tuple[int, ...]
    score: float
    row: int

    @property
    def done(self) -> bool:
        """Nothing may follow."""
        return self.words[-1:] == (END,)

    @property
    def rank(self) -> float:
        """The score with the length penalty: higher is better."""
        penalty: float = ((5 + len(self.words)) / 6) ** PENALTY
        return self.score / penalty


def greedy(step: Step, state: np.ndarray, longest: int) -> list[int]:
    """The likeliest word after each word, END last; (L, 1, D) `state` before the first."""
    words: list[int] = []
    last = START
    while last != END and len(words) < longest:
        logits, state = step(np.array([last], np.int64), state)
        last = int(allowed(logits, [words])[0].argmax())
        words.append(last)
    return words


def beam(step: Step, state: np.ndarray, longest: int, width: int) -> list[int]:
    """The report of the best rank that a search with so many candidates meets; END last.

    With a width of 1 it is `greedy`. Of two as good, the one with the lower word number wins.
    """
    open_beams, finished = [Beam((), 0.0, 0)], list[Beam]()
    for _ in range(longest):
        last = np.array([b.words[-1] if b.words else START for b in open_beams], np.int64)
        logits, state = step(last, state[:, [b.row for b in open_beams]])
        logs = _log_softmax(allowed(logits, [b.words for b in open_beams]))
        grown = _grown(open_beams, logs, width)
        best = sorted(grown, key=lambda b: (-b.score, b.words))[:width]
        finished += [b for b in best if b.done]
        open_beams = [b for b in best if not b.done]
        if not open_beams or len(finished) >= width:
            break
    return list(max(finished or open_beams, key=lambda b: b.rank).words)


def _grown(beams: list[Beam], logs: np.ndarray, width: int) -> list[Beam]:
    """Every beam with each of its `width` likeliest next words: no other can be kept."""
    out = []
    for row, (old, own) in enumerate(zip(beams, logs, strict=True)):
        for word in np.argsort(-own, kind="stable")[:width]:
            if np.isfinite(own[word]):
                out.append(Beam((*old.words, int(word)), old.score + float(own[word]), row))
    return out


def allowed(logits: np.ndarray, written: Sequence[Sequence[int]]) -> np.ndarray:
    """The logits with minus infinity for what may not follow: unknown words, a second mark."""
    out: np.ndarray = logits.astype(np.float64)
    out[:, _NEVER] = -np.inf
    for row, words in enumerate(written):
        if IMPRESSION in words:
            out[row, IMPRESSION] = -np.inf
    return out


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    logs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs
