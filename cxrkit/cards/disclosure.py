"""Which counts a restricted archive's card withholds, so that no cell of few people can be told.

A count of 1 to 10 people is withheld: the cell size suppression policy of the US Centers for
Medicare and Medicaid Services. A sum would give it back, so further counts are withheld until what
is shown leaves every such cell open: no sum leaves fewer than OPEN numbers possible for its images
or its people, and no combination of sums fixes one. Zero is shown.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from cxrkit.cards.counts import IMAGES, Count, Key, Line

LEAST = 11  # people that a shown count must have
OPEN = 5  # numbers that must stay possible for a withheld count of few people
FEW, WITHHELD = "<11", "withheld"

Bounds = dict[Key, tuple[float, float]]
_MEASURES = ("images", "people")
_ROUNDS = 20  # over all sums; bounds that still move then creep by ones


def protected(counts: Mapping[Key, Count], lines: Sequence[Line]) -> dict[Key, Count]:
    """The counts with None where they are withheld: FEW for few people, WITHHELD for the sums."""
    few = {key for key, count in counts.items() if 0 < (count.people or 0) < LEAST}
    hidden = set(few)
    relevant = [line for line in lines if any(k in counts for k in line.parts)]
    while few:
        more = set(_needed(counts, relevant, few, hidden))
        if not more:
            break
        hidden |= more
    marks = {key: FEW if key in few else WITHHELD for key in hidden}
    return {k: Count(None, None, marks[k]) if k in hidden else c for k, c in counts.items()}


def _needed(
    counts: Mapping[Key, Count], lines: Sequence[Line], few: set[Key], hidden: set[Key]
) -> Iterator[Key]:
    """Counts to withhold next, for each cell of few people that the sums tell too much of."""
    touched = [line for line in lines if hidden.intersection((*line.parts, *line.wholes))]
    of_key: dict[Key, list[Line]] = defaultdict(list)
    for line in touched:
        for key in hidden.intersection((*line.parts, *line.wholes)):
            of_key[key].append(line)
    for measure in _MEASURES:
        bounds = _bounds(counts, touched, few, hidden, measure)
        told = _fixed(counts, touched, hidden, measure) & few
        told |= {key for key in few.intersection(bounds) if _is_narrow(*bounds[key])}
        for key in sorted(told):
            telling = [line for line in of_key[key] if _tells(key, line, bounds, counts, measure)]
            # A whole is the last to go: others need it.
            yield from _loosening(key, telling, of_key, counts, hidden, False) or _loosening(
                key, telling, of_key, counts, hidden, True
            )


def _loosening(
    key: Key,
    telling: Sequence[Line],
    of_key: Mapping[Key, Sequence[Line]],
    counts: Mapping[Key, Count],
    hidden: set[Key],
    wholes: bool,
) -> list[Key]:
    """The smallest shown part of each line that tells of a key.

    Where a line has none left, its other counts are told by lines of their own: then one of those,
    over as few steps as possible. With `wholes` a whole will do.
    """
    seen, waiting = {key}, list(telling)
    while waiting:
        shown = [_smallest_shown(counts, line, hidden, wholes) for line in waiting]
        found = [k for k in shown if k is not None]
        if found:
            return found
        others = {k for line in waiting for k in hidden.intersection((*line.parts, *line.wholes))}
        waiting = [line for k in sorted(others - seen) for line in of_key[k]]
        seen |= others
    return []


def _tells(key: Key, line: Line, bounds: Bounds, counts: Mapping[Key, Count], measure: str) -> bool:
    """The line has a part in what is told of the key: it bounds it, or it fixes it with others."""
    low, high = bounds[key]
    lower, upper = _implied(key, line, bounds, counts, measure)
    if _is_narrow(low, high):
        return (lower > 1 and lower >= low) or upper <= high < math.inf
    return _surplus(line, counts, measure) == 0


def _is_narrow(low: float, high: float) -> bool:
    return high - low + 1 < OPEN


def _smallest_shown(
    counts: Mapping[Key, Count], line: Line, hidden: set[Key], wholes: bool
) -> Key | None:
    """The shown part of fewest people that is not zero, else the whole; all images last."""
    for side in (line.parts, line.wholes) if wholes else (line.parts,):
        shown = [k for k in side if k not in hidden and k != IMAGES and counts[k].people]
        if shown:
            return min(shown, key=lambda k: (counts[k].people or 0, counts[k].images or 0, k))
    last = wholes and IMAGES in (*line.parts, *line.wholes) and IMAGES not in hidden
    return IMAGES if last else None


def _bounds(
    counts: Mapping[Key, Count],
    lines: Sequence[Line],
    few: set[Key],
    hidden: set[Key],
    measure: str,
) -> Bounds:
    """What a reader who knows the sums and the marks can say of every count."""
    bounds: Bounds = {}
    for line in lines:
        for key in (*line.parts, *line.wholes):
            value = _value(counts[key], measure)
            if key in few:
                bounds[key] = (1, LEAST - 1 if measure == "people" else math.inf)
            elif key in hidden:
                bounds[key] = (LEAST, math.inf)
            else:
                bounds[key] = (value, value)
    for _ in range(_ROUNDS):
        changed = False
        for line in lines:
            for key in (*line.parts, *line.wholes):
                low, high = bounds[key]
                lower, upper = _implied(key, line, bounds, counts, measure)
                if lower > low or upper < high:
                    bounds[key] = (max(low, lower), min(high, upper))
                    changed = True
        if not changed:
            break
    return bounds


def _implied(
    key: Key, line: Line, bounds: Bounds, counts: Mapping[Key, Count], measure: str
) -> tuple[float, float]:
    """The bounds that one line puts on one of its counts.

    People of the parts are at least those of the whole, since one can be in two parts; that alone
    bounds a part from below and a whole from above.
    """
    surplus = _surplus(line, counts, measure)
    if surplus < 0:
        return -math.inf, math.inf
    same, other = (line.parts, line.wholes) if key in line.parts else (line.wholes, line.parts)
    rest = [bounds[k] for k in same if k != key]
    across = [bounds[k] for k in other]
    lower = sum(low for low, _ in across) - sum(high for _, high in rest)
    upper = sum(high for _, high in across) - sum(low for low, _ in rest)
    if surplus > 0:
        return (lower, math.inf) if key in line.parts else (-math.inf, upper)
    return lower, upper


def _fixed(
    counts: Mapping[Key, Count], lines: Sequence[Line], hidden: set[Key], measure: str
) -> set[Key]:
    """The hidden counts that the sums together, as linear equations, have one solution for."""
    fixed: set[Key] = set()
    exact = [line for line in lines if _surplus(line, counts, measure) == 0]
    for group in _joined(exact, hidden):
        keys = sorted({k for line in group for k in (*line.parts, *line.wholes) if k in hidden})
        place = {key: n for n, key in enumerate(keys)}
        matrix = np.zeros((len(group), len(keys)))
        for row, line in enumerate(group):
            for sign, side in ((1, line.parts), (-1, line.wholes)):
                for key in side:
                    if key in place:
                        matrix[row, place[key]] += sign
        # A count is free when some solution of the homogeneous equations moves it.
        _, values, vectors = np.linalg.svd(matrix)
        rank = int((values > 1e-9).sum())
        moves = np.abs(vectors[rank:]).max(axis=0, initial=0)
        fixed |= {key for key, move in zip(keys, moves, strict=True) if move < 1e-9}
    return fixed


def _joined(lines: Sequence[Line], hidden: set[Key]) -> list[list[Line]]:
    """The lines in groups that share no hidden count."""
    of_key: dict[Key, list[int]] = defaultdict(list)
    for n, line in enumerate(lines):
        for key in hidden.intersection((*line.parts, *line.wholes)):
            of_key[key].append(n)
    seen: set[int] = set()
    groups = []
    for first in range(len(lines)):
        group, waiting = [], [first]
        while waiting:
            n = waiting.pop()
            if n in seen:
                continue
            seen.add(n)
            group.append(lines[n])
            for key in hidden.intersection((*lines[n].parts, *lines[n].wholes)):
                waiting += of_key[key]
        if group:
            groups.append(group)
    return groups


def _surplus(line: Line, counts: Mapping[Key, Count], measure: str) -> int:
    parts = sum(_value(counts[k], measure) for k in line.parts)
    return parts - sum(_value(counts[k], measure) for k in line.wholes)


def _value(count: Count, measure: str) -> int:
    return (count.images if measure == "images" else count.people) or 0
