"""Near copies among many fingerprints: every pair is looked at, none is lost in a hash.

The vectors of `spectrum` are multiplied block by block, which two cores do for all pairs of 250,000
images in a minute or two: every pair at `limit` or above is a candidate, and memory is that of the
fingerprints and of a block. Candidates are compared by `likeness` and joined as they are found. A
pair of one group is not compared again, so thousands of copies of one image take linear time.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from cxrkit.quality import likeness, spectrum
from cxrkit.quality.likeness import NEAR, Compared

# Of vectors: pairs below are not compared. Of V7's crops by 10 % all are above the first limit and
# three of four above the second, all crops by 5 % above both; of other patients' pairs one in four
# hundred and one in twenty thousand. So many comparisons are for some images, not for many.
ALIKE, ALIKE_OF_MANY = 0.6, 0.7
MANY = 10_000  # images

_UNSURE = 0.05  # of the vectors' second part: below, it does not tell a mirror image
_ROWS, _COLUMNS = 512, 4096  # of the product at a time
_MOST = 1000  # comparisons of one image; what is beyond is counted as left out
_SHARE = 1024  # comparisons that a thread takes at a time

_Pairs = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # first, second, alike, mirrored


@dataclass(frozen=True)
class Links:
    """Pairs of copies that hold each group together, (L,) arrays.

    `first` and `second` are indices, `similarity` is from 0 to 1; `mirrored` and `inverted` say how
    one was made of the other. `left_out` counts candidates that were not compared.
    """

    first: np.ndarray
    second: np.ndarray
    similarity: np.ndarray
    mirrored: np.ndarray
    inverted: np.ndarray
    left_out: int


def find(
    fingerprints: np.ndarray,
    workers: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Links:
    """The links among (N, BYTES) uint8 fingerprints: groups are what they connect.

    Args:
        fingerprints: in an order that does not depend on chance.
        workers: threads; the links are the same.
        progress: called with the fingerprints whose pairs are done, and their number.
    """
    same = _firsts(fingerprints)
    again = np.flatnonzero(same != np.arange(len(same)))
    distinct = np.flatnonzero(same == np.arange(len(same)))
    found = _Found(np.arange(len(distinct)), np.zeros(len(distinct), np.int64))
    _search(fingerprints[distinct], found, workers, progress)
    nothing = tuple(np.zeros(0, kind) for kind in (int, int, np.float32, bool, bool))
    first, second, *how = (np.concatenate(c) for c in zip(nothing, *found.links, strict=True))
    equal = (np.ones(len(again)), np.zeros(len(again), bool), np.zeros(len(again), bool))
    similarity, mirrored, inverted = (np.concatenate(pair) for pair in zip(equal, how, strict=True))
    return Links(
        np.concatenate([same[again], distinct[first]]),
        np.concatenate([again, distinct[second]]),
        similarity, mirrored, inverted, sum(found.left_out),
    )  # fmt: skip


@dataclass(frozen=True)
class _Found:
    root: np.ndarray  # (N,): leads to the smallest index of a group
    compared: np.ndarray  # (N,): comparisons of each
    links: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    left_out: list[int] = field(default_factory=list)


def _search(
    fingerprints: np.ndarray,
    found: _Found,
    workers: int,
    progress: Callable[[int, int], None],
) -> None:
    vectors = spectrum.vectors(fingerprints)
    outlined = likeness.outlines(fingerprints)
    with ThreadPoolExecutor(workers) as pool:

        def compare(pairs: _Pairs) -> Compared:
            first, second, _, mirrored = pairs
            parts = range(0, len(first), _SHARE)
            shares = [[a[at : at + _SHARE] for a in (first, second, mirrored)] for at in parts]
            done = pool.map(lambda s: likeness.compare(fingerprints, outlined, *s), shares)
            return likeness.together(list(done))

        for row, pairs in _candidates(*vectors, pool, workers):
            _join(found, pairs, compare)
            progress(row, len(fingerprints))


def limit(number: int) -> float:
    """How alike the vectors of a pair must be to be compared, among so many images."""
    return ALIKE if number <= MANY else ALIKE_OF_MANY


def _candidates(
    kept: np.ndarray, turned: np.ndarray, pool: ThreadPoolExecutor, workers: int
) -> Iterator[tuple[int, _Pairs]]:
    """Every pair at `limit` or above, block after block, with the rows that are done by then."""
    number = len(kept)
    blocks = (
        (row, column) for row in range(0, number, _ROWS) for column in range(row, number, _COLUMNS)
    )
    waiting: deque[tuple[int, Future[_Pairs]]] = deque()
    for row, column in blocks:
        waiting.append((row, pool.submit(_block, kept, turned, row, column, limit(number))))
        if len(waiting) > 2 * workers:
            done, pairs = waiting.popleft()
            yield done, pairs.result()
    for done, pairs in waiting:
        yield min(done + _ROWS, number), pairs.result()


def _block(kept: np.ndarray, turned: np.ndarray, row: int, column: int, least: float) -> _Pairs:
    rows, columns = slice(row, row + _ROWS), slice(column, column + _COLUMNS)
    straight = kept[rows] @ kept[columns].T
    swapped = turned[rows] @ turned[columns].T
    straight += np.abs(swapped)
    i, j = np.nonzero(straight >= least)
    later = i + row < j + column
    i, j = i[later], j[later]
    alike, sign = straight[i, j], swapped[i, j]
    ways = [np.flatnonzero(sign > -_UNSURE), np.flatnonzero(sign < _UNSURE)]
    both = np.concatenate(ways)
    mirrored = np.repeat([False, True], [len(w) for w in ways])
    order = np.argsort(-alike[both], kind="stable")
    both, mirrored = both[order], mirrored[order]
    return i[both] + row, j[both] + column, alike[both], mirrored


def _join(found: _Found, pairs: _Pairs, compare: Callable[[_Pairs], Compared]) -> None:
    """Compare pairs, the most alike first, until each is compared or within a group.

    As long as groups grow, each has its best pair alone: a crowd of copies is one group before most
    of its pairs are met.
    """
    grown = True
    while len((pairs := _apart(pairs, found.root))[0]):
        fresh = found.compared[pairs[0]] < _MOST
        chosen = np.full(len(fresh), not grown)
        if grown:
            root, able = _flat(found.root), np.flatnonzero(fresh)
            for side in pairs[:2]:
                chosen[able[np.unique(root[side[able]], return_index=True)[1]]] = True
        else:
            found.left_out.append(int((~fresh).sum()))
        taken = _taken(pairs, chosen & fresh)
        np.add.at(found.compared, taken[0], 1)
        result = compare(taken)
        near = result.similarity >= NEAR
        linked = [a[near] for a in (*taken[:2], *result.columns())]
        found.links.append(tuple(linked))
        _connect(found.root, linked[0], linked[1])
        grown = bool(near.any())
        pairs = _taken(pairs, ~chosen)


def _apart(pairs: _Pairs, root: np.ndarray) -> _Pairs:
    flat = _flat(root)
    return _taken(pairs, flat[pairs[0]] != flat[pairs[1]])


def _firsts(fingerprints: np.ndarray) -> np.ndarray:
    """(N,): for each the index of the first that is equal to it."""
    seen: dict[bytes, int] = {}
    digests = (hashlib.blake2b(row, digest_size=16).digest() for row in fingerprints)
    return np.array([seen.setdefault(d, i) for i, d in enumerate(digests)], np.int64)


def _taken(pairs: _Pairs, which: np.ndarray) -> _Pairs:
    first, second, alike, mirrored = pairs
    return first[which], second[which], alike[which], mirrored[which]


def _connect(root: np.ndarray, first: np.ndarray, second: np.ndarray) -> None:
    """Lead both of each pair to one root, the smaller."""
    for i, j in zip(first.tolist(), second.tolist(), strict=True):
        while root[i] != i:
            root[i] = i = root[root[i]]
        while root[j] != j:
            root[j] = j = root[root[j]]
        root[max(i, j)] = min(i, j)


def _flat(root: np.ndarray) -> np.ndarray:
    """Each led straight to its root."""
    while not np.array_equal(flat := np.asarray(root[root]), root):
        root = flat
    return flat
