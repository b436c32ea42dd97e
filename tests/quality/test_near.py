"""Copies among many: against comparing every pair, and with a crowd that must not take long."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from radiograph_changes import cropped, re_encoded, resized
from rendered_chests import stacked

from cxrkit.quality import fingerprint, likeness, near, spectrum
from cxrkit.quality.groups import components
from cxrkit.quality.near import Links, find


def noisy(mark: np.ndarray, number: int) -> np.ndarray:
    """(number, BYTES): copies of one fingerprint with noise, all different."""
    rng = np.random.default_rng(3)
    picture = fingerprint.pictures(mark[None])
    values = np.clip(np.rint(picture + rng.normal(0, 0.2, (number, 48, 48))), -7, 7) + 8
    flat = values.astype(np.uint8).reshape(number, -1, 2)
    return flat[:, :, 0] << 4 | flat[:, :, 1]


def columns(links: Links) -> list[list[Any]]:
    return [np.asarray(c).tolist() for c in vars(links).values()]


@pytest.fixture(scope="module")
def mixed(chests: list[np.ndarray]) -> np.ndarray:
    """24 chests; then of 0 to 5 a copy each: JPEG, crop, mirror, negative, both and half."""
    rng = np.random.default_rng(0)
    copies = [
        re_encoded(chests[0], 50),
        cropped(chests[1], 0.05, rng),
        chests[2][:, ::-1],
        255 - chests[3],
        255 - chests[4][:, ::-1],
        resized(chests[5], 0.5),
    ]
    return stacked([*chests, *copies])


def test_copies_are_linked_with_what_was_done_and_nothing_else_is(mixed: np.ndarray) -> None:
    links = find(mixed)
    pairs = sorted(zip(links.first.tolist(), links.second.tolist(), strict=True))
    assert pairs == [(n, 24 + n) for n in range(6)]
    order = np.argsort(links.first)
    assert links.mirrored[order].tolist() == [False, False, True, False, True, False]
    assert links.inverted[order].tolist() == [False, False, False, True, True, False]
    assert links.similarity.min() >= likeness.NEAR
    assert links.left_out == 0


def test_the_links_are_those_of_comparing_every_pair(mixed: np.ndarray) -> None:
    number = len(mixed)
    i, j = np.triu_indices(number, 1)
    outlined = likeness.outlines(mixed)
    best = np.zeros(len(i))
    for mirrored in (False, True):
        turned = np.full(len(i), mirrored)
        best = np.maximum(best, likeness.compare(mixed, outlined, i, j, turned).similarity)
    same = best >= likeness.NEAR
    links = find(mixed)
    expected = components(i[same], j[same], number)
    assert components(links.first, links.second, number).tolist() == expected.tolist()
    assert len(np.unique(expected)) == 24


def test_neither_workers_nor_blocks_decide(
    mixed: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = find(mixed)
    assert columns(find(mixed, 3)) == columns(expected)
    monkeypatch.setattr(near, "_ROWS", 7)
    monkeypatch.setattr(near, "_COLUMNS", 5)
    small = find(mixed, 2)
    assert sorted(zip(small.first, small.second, strict=True)) == sorted(
        zip(expected.first, expected.second, strict=True)
    )


def test_every_pair_that_is_alike_is_a_candidate(
    marks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In blocks as in one product; the limit is low, so that many are."""
    monkeypatch.setattr(near, "ALIKE", 0.1)
    monkeypatch.setattr(near, "_ROWS", 7)
    monkeypatch.setattr(near, "_COLUMNS", 5)
    kept, turned = spectrum.vectors(marks)
    alike = kept @ kept.T + np.abs(turned @ turned.T)
    expected = {(i, j) for i, j in np.argwhere(alike >= 0.1).tolist() if i < j}
    with ThreadPoolExecutor(2) as pool:
        found = {
            pair
            for _, (first, second, _, _) in near._candidates(kept, turned, pool, 2)
            for pair in zip(first.tolist(), second.tolist(), strict=True)
        }
    assert found == expected and len(expected) > 20


def test_among_some_images_less_alike_ones_are_compared_than_among_many() -> None:
    assert near.limit(2) == near.limit(near.MANY) < near.limit(near.MANY + 1)


class Counted:
    """`likeness.compare`, and how many pairs it was given."""

    def __init__(self) -> None:
        self.pairs, self.compare = 0, likeness.compare

    def __call__(self, *given: Any) -> likeness.Compared:
        self.pairs += len(given[2])
        return self.compare(*given)


def test_equal_fingerprints_are_linked_without_a_comparison(
    marks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted()
    monkeypatch.setattr(likeness, "compare", counted)
    links = find(np.repeat(marks[:2], 3000, 0))
    assert len(links.first) == 5998 and set(links.first.tolist()) == {0, 3000}
    assert counted.pairs <= 2


def test_a_crowd_of_copies_takes_linear_time(
    marks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted()
    monkeypatch.setattr(likeness, "compare", counted)
    crowd = np.concatenate([marks, noisy(marks[0], 900)])
    links = find(crowd, 2)
    group = components(links.first, links.second, len(crowd))
    assert (group == 0).sum() == 901 and links.left_out == 0
    assert counted.pairs < 8 * len(crowd)  # of 400,000 pairs


def test_pairs_that_are_not_compared_are_counted(
    mixed: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near, "_MOST", 0)
    links = find(mixed)
    assert len(links.first) == 0
    assert links.left_out >= 6


def test_one_fingerprint_has_no_copy(marks: np.ndarray) -> None:
    assert columns(find(marks[:1])) == [[], [], [], [], [], 0]


def test_groups_are_what_pairs_connect() -> None:
    first, second = np.array([4, 1, 6, 2]), np.array([2, 3, 5, 0])
    assert components(first, second, 7).tolist() == [0, 1, 0, 1, 0, 5, 5]
    assert components(first[:0], second[:0], 3).tolist() == [0, 1, 2]
