"""Which samples each step of an epoch learns from, and their batches, drawn ahead by threads."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np

AHEAD = 3  # steps whose batches are drawn while one is learnt

B = TypeVar("B")


def steps(draws: int, batch: int) -> int:
    """How many steps an epoch of so many draws has."""
    return -(-draws // batch)


def order(draws: int, batch: int, seed: int, epoch: int) -> list[list[int]]:
    """The draws of each step of an epoch; the last batch is filled up from the start."""
    shuffled = np.random.default_rng([seed, epoch]).permutation(draws)
    count = steps(draws, batch)
    filled = np.resize(shuffled, count * batch)
    return [chunk.tolist() for chunk in filled.reshape(count, batch)]


def share(step: Sequence[int], rank: int, size: int) -> list[int]:
    """The draws of a step that one of `size` processes learns from."""
    return list(step[rank::size])


def ahead(
    shares: Sequence[list[int]],
    accumulate: int,
    epoch: int,
    batch: Callable[[Sequence[int], int], B],
) -> Iterator[tuple[list[int], list[B]]]:
    """Each step's draws with its micro-batches, in order, a few steps drawn ahead."""
    with ThreadPoolExecutor(AHEAD) as pool:
        waiting: deque[tuple[list[int], list[Future[B]]]] = deque()
        for mine in shares:
            size = len(mine) // accumulate
            parts = [mine[k : k + size] for k in range(0, len(mine), size)]
            waiting.append((mine, [pool.submit(batch, part, epoch) for part in parts]))
            if len(waiting) > AHEAD:
                yield _ready(*waiting.popleft())
        while waiting:
            yield _ready(*waiting.popleft())


def _ready(mine: list[int], futures: Sequence[Future[B]]) -> tuple[list[int], list[B]]:
    return mine, [future.result() for future in futures]
