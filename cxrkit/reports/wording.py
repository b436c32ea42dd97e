"""How close a written report is to its reference in words: BLEU, ROUGE-L, CIDEr-D, METEOR-lite.

Texts are blank-separated tokens; use `tokens`. The first three agree with pycocoevalcap to 1e-6.
None of them says whether a report is right: a constant normal report scores well on all of them.
"""

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import snowballstemmer

Tokens = Sequence[str]
_ORDERS = range(1, 5)
_TINY, _SMALL = 1e-15, 1e-9  # of the reference implementation, kept so that figures agree
_BETA = 1.2  # ROUGE-L's weight of recall in MS COCO's evaluation (Chen 2015, arXiv:1504.00325)
_SIGMA = 6.0  # of CIDEr-D's length penalty (Vedantam 2015, arXiv:1411.5726)
_ALPHA, _METEOR_BETA, _GAMMA = 0.85, 0.20, 0.60  # Denkowski 2014, doi:10.3115/v1/W14-3348
_STEM_WEIGHT = 0.6

_LIST_NUMBER = re.compile(r"(?:(?<=\s)|^)\d{1,2}\.(?=\s|$)")
_TOKEN = re.compile(r"[a-z0-9_]+|\.")


def tokens(text: str) -> list[str]:
    """Lower-case words and full stops; list numbers and other punctuation are dropped."""
    plain = _LIST_NUMBER.sub(" ", text.lower()).replace(",", "").replace("-", " ")
    return _TOKEN.findall(plain)


def bleu(written: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> tuple[float, ...]:
    """BLEU-1 to BLEU-4 of all studies together, 0-1 (Papineni 2002, doi:10.3115/1073083.1073135).

    The brevity penalty uses the closest reference of each study, the shorter one of two.
    """
    matched, made = [0] * 4, [0] * 4
    length = closest = 0
    for text, refs in zip(written, references, strict=True):
        length += len(text)
        closest += min((abs(len(r) - len(text)), len(r)) for r in refs)[1]
        for k, n in enumerate(_ORDERS):
            counts = _grams(text, n)
            most: Counter[tuple[str, ...]] = Counter()
            for ref in refs:
                most |= _grams(ref, n)
            matched[k] += (counts & most).total()
            made[k] += max(0, len(text) - n + 1)
    scores, product = [], 1.0
    for k, n in enumerate(_ORDERS):
        product *= (matched[k] + _TINY) / (made[k] + _SMALL)
        scores.append(product ** (1 / n))
    ratio = (length + _TINY) / (closest + _SMALL)
    penalty = math.exp(1 - 1 / ratio) if ratio < 1 else 1.0
    return tuple(score * penalty for score in scores)


def rouge_l(written: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """The mean over studies of ROUGE-L with beta 1.2, 0-1 (Lin 2004, aclanthology W04-1013)."""
    return _mean(_rouge_l(t, refs) for t, refs in zip(written, references, strict=True))


def _rouge_l(text: Tokens, refs: Sequence[Tokens]) -> float:
    # Splitting an empty text on blanks gives one empty token, as in the reference implementation.
    text, refs = text or [""], [ref or [""] for ref in refs]
    common = [_common(text, ref) for ref in refs]
    precision = max(c / len(text) for c in common)
    recall = max(c / len(ref) for c, ref in zip(common, refs, strict=True))
    if precision == 0 or recall == 0:
        return 0.0
    return (1 + _BETA**2) * precision * recall / (recall + _BETA**2 * precision)


def _common(a: Tokens, b: Tokens) -> int:
    """Length of the longest common subsequence."""
    row = [0] * (len(b) + 1)
    for word in a:
        diagonal = 0
        for j, other in enumerate(b, 1):
            above = row[j]
            row[j] = diagonal + 1 if word == other else max(above, row[j - 1])
            diagonal = above
    return row[-1]


def cider_d(written: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """The mean over studies of CIDEr-D, 0-10; the weights of words come from the references given.

    So it depends on which studies are scored together, and one study alone scores 0.
    """
    grams = [[_all_grams(ref) for ref in refs] for refs in references]
    frequency: Counter[tuple[str, ...]] = Counter()
    for refs in grams:
        frequency.update({gram for ref in refs for gram in ref})
    log_count = math.log(len(references)) if references else 0.0

    def weights(counts: Counter[tuple[str, ...]]) -> list[dict[tuple[str, ...], float]]:
        out: list[dict[tuple[str, ...], float]] = [{}, {}, {}, {}]
        for gram, times in counts.items():
            rarity = log_count - math.log(max(1, frequency[gram]))
            out[len(gram) - 1][gram] = times * rarity
        return out

    scores = []
    for text, refs in zip(written, grams, strict=True):
        counts = _all_grams(text)
        mine = weights(counts)
        total = np.mean([_cosines(mine, weights(r), _bigrams(counts), _bigrams(r)) for r in refs])
        scores.append(10.0 * float(total))
    return _mean(scores)


Vector = dict[tuple[str, ...], float]


def _cosines(mine: list[Vector], other: list[Vector], length: int, other_length: int) -> float:
    penalty = math.exp(-((length - other_length) ** 2) / (2 * _SIGMA**2))
    cosines = []
    for a, b in zip(mine, other, strict=True):
        norm = math.sqrt(sum(v * v for v in a.values())) * math.sqrt(sum(v * v for v in b.values()))
        dot = sum(min(v, b[g]) * b[g] for g, v in a.items() if g in b)
        cosines.append(penalty * (dot / norm if norm else dot))
    return sum(cosines) / len(cosines)


def meteor_lite(written: Sequence[Tokens], references: Sequence[Sequence[Tokens]]) -> float:
    """The mean over studies of a METEOR without synonyms and paraphrases, 0-1; not METEOR 1.5.

    Words are aligned when equal, then when their stems are (weight 0.6), greedily from the left so
    that runs stay together; parameters alpha .85, beta .20, gamma .60.
    """
    return _mean(
        max(_meteor(text, ref) for ref in refs)
        for text, refs in zip(written, references, strict=True)
    )


def _meteor(text: Tokens, ref: Tokens) -> float:
    pairs = _aligned(text, ref)
    if not pairs:
        return 0.0
    weight = sum(w for _, _, w in pairs)
    precision, recall = weight / len(text), weight / len(ref)
    mean = precision * recall / (_ALPHA * precision + (1 - _ALPHA) * recall)
    places = sorted((i, j) for i, j, _ in pairs)
    chunks = 1 + sum(b != (a[0] + 1, a[1] + 1) for a, b in itertools.pairwise(places))
    return float(mean * (1 - _GAMMA * (chunks / len(pairs)) ** _METEOR_BETA))


def _aligned(text: Tokens, ref: Tokens) -> list[tuple[int, int, float]]:
    pairs: list[tuple[int, int, float]] = []
    free = set(range(len(ref)))
    left = set(range(len(text)))
    for key, weight in ((str, 1.0), (_stem, _STEM_WEIGHT)):
        where: dict[str, list[int]] = {}
        for j in sorted(free):
            where.setdefault(key(ref[j]), []).append(j)
        last = -1
        for i in sorted(left):
            places = [j for j in where.get(key(text[i]), ()) if j in free]
            if not places:
                continue
            j = next((p for p in places if p == last + 1), min(places, key=lambda p: abs(p - i)))
            pairs.append((i, j, weight))
            free.discard(j)
            left.discard(i)
            last = j
    return pairs


@functools.cache
def _stem(word: str) -> str:
    """The Porter stem (Porter 1980, doi:10.1108/eb046814)."""
    return str(snowballstemmer.stemmer("porter").stemWord(word))


def _grams(text: Tokens, n: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(text[k : k + n]) for k in range(len(text) - n + 1))


def _all_grams(text: Tokens) -> Counter[tuple[str, ...]]:
    out: Counter[tuple[str, ...]] = Counter()
    for n in _ORDERS:
        out += _grams(text, n)
    return out


def _bigrams(counts: Counter[tuple[str, ...]]) -> int:
    return sum(times for gram, times in counts.items() if len(gram) == 2)


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed) if listed else math.nan
