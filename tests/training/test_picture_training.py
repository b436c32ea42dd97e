"""What the picture checks learn from: true labels, draws that repeat, nothing held back."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cxrkit.quality import picture_kind
from cxrkit.training import picture_draws, picture_release, picture_scenes, pictures, samples
from cxrkit.training.augment import generator
from cxrkit.training.picture_draws import UNKNOWN
from cxrkit.training.picture_sources import STORED, Source

BRIGHT_TOP, DARK_LEFT = 250, 20


@pytest.fixture
def pointer() -> np.ndarray:
    """A picture whose turn, side and polarity can be read off: bright above, dark at the left."""
    picture = np.full((STORED, STORED), 130, np.uint8)
    picture[:40] = BRIGHT_TOP
    picture[60:150, :50] = DARK_LEFT
    return picture


def read_off(picture: np.ndarray) -> tuple[int, int, int]:
    """Quarter turns clockwise, inverted, mirrored of a drawn `pointer`."""
    third = picture.shape[0] // 3
    values = picture.astype(int)
    edges = [values[:third], values[:, -third:], values[-third:], values[:, :third]]
    means = np.array([edge.mean() for edge in edges]) - values.mean()
    inverted = int(abs(means.min()) > abs(means.max()))
    upright = means if not inverted else -means
    turn = int(upright.argmax())
    straight = np.rot90(values if not inverted else 255 - values, turn)
    return turn, inverted, int(straight[:, :third].mean() > straight[:, -third:].mean())


def test_labels_say_what_was_done(pointer: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_draws, "_warped", lambda p, rng, steady=False: p[::2, ::2])
    monkeypatch.setattr(picture_draws, "_exposed", lambda p, rng: p)
    monkeypatch.setattr(picture_draws, "_blobs", lambda p, rng: p)
    monkeypatch.setattr(picture_draws, "_lettered", lambda p, rng: p)
    seen = set()
    for number in range(200):
        drawn = picture_draws.frontal(pointer, np.random.default_rng(number))
        turn, inverted, mirrored = read_off(drawn.picture)
        assert (drawn.turn, drawn.inverted) == (turn, inverted)
        assert drawn.mirrored == (UNKNOWN if turn else mirrored)
        seen.add((turn, inverted, mirrored))
    assert len(seen) == 16


def made_up() -> picture_draws.Sources:
    rng = np.random.default_rng(1)
    kinds = ("frontal", "lateral", "other")
    return picture_draws.by_kind(
        [
            Source("made up", kind, rng.integers(0, 256, (STORED, STORED)).astype(np.uint8))
            for kind in kinds
            for _ in range(3)
        ]
    )


def test_a_draw_depends_on_seed_epoch_and_number_alone() -> None:
    sources = made_up()

    def one(seed: int, epoch: int, number: int) -> np.ndarray:
        return picture_draws.draw(sources, generator(seed, epoch, number, "picture")).picture

    first = one(0, 1, 2)
    one(0, 1, 3)
    assert np.array_equal(first, one(0, 1, 2))
    others = (one(1, 1, 2), one(0, 2, 2), one(0, 1, 3))
    assert not any(np.array_equal(first, other) for other in others)


def test_all_kinds_are_drawn_in_their_shares() -> None:
    sources = made_up()
    drawn = [picture_draws.draw(sources, np.random.default_rng(k)) for k in range(400)]
    assert all(d.picture.shape == (96, 96) and d.picture.dtype == np.uint8 for d in drawn)
    for place, kind in enumerate(picture_kind.KINDS):
        share = np.mean([d.kind == place for d in drawn])
        assert share == pytest.approx(picture_draws.SHARES[kind], abs=0.06)


@pytest.mark.parametrize("scene", picture_scenes.SCENES, ids=lambda s: s.__name__)
def test_a_scene_repeats_and_shows_something(scene: picture_scenes.Scene) -> None:
    first, again = (scene(STORED, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == (STORED, STORED) and np.array_equal(first, again)
    assert np.isfinite(first).all() and first.std() > 0


def test_a_shuffled_picture_has_the_same_tiles_elsewhere() -> None:
    tiles = np.repeat(np.repeat(np.arange(60**2).reshape(60, 60) % 251, 4, 0), 4, 1)
    picture = tiles.astype(np.uint8)  # 240: a multiple of 3, 4 and 5
    mixed = picture_scenes.shuffled(picture, np.random.default_rng(0))
    assert np.array_equal(np.sort(mixed, axis=None), np.sort(picture, axis=None))
    assert not np.array_equal(mixed, picture)


def test_an_unknown_label_teaches_nothing() -> None:
    logits = torch.randn(2, 10, requires_grad=True)
    labels = torch.tensor([[2, UNKNOWN, UNKNOWN, UNKNOWN], [0, 1, 1, UNKNOWN]])
    pictures.loss_of(logits, labels).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[0, 4:] == 0).all() and (logits.grad[0, :4] != 0).all()
    assert logits.grad[1, 9] == 0 and (logits.grad[1, :9] != 0).all()


def test_held_back_patients_are_those_of_the_lung_model(real_data: Path) -> None:
    from cxrkit.training import cases

    names = ("guangzhou", "shenzhen", "v7")
    masks = real_data / "guangzhou" / "v7_masks"
    lung = [
        case
        for name in names
        for case in cases.gather(
            name, real_data / name, masks if name == "guangzhou" else None, "included"
        )
    ]
    own = [s for n in names for s in samples.gather(f"{n}:{real_data / n}", reports=False)]

    def held(found: Sequence[cases.OfPatient]) -> set[tuple[str, str]]:
        split = (c for c in found if c.split == "test")
        return {(c.archive, c.patient_id) for c in split}

    shares = (picture_release.VALIDATE, picture_release.TEST, 0)
    assert held(samples.split(own, *shares)) == held(cases.assign_splits(lung, 0.05, 0.15, 0))


@pytest.mark.slow
def test_a_run_writes_a_folder_that_the_checks_read(drawn_archive: Path, tmp_path: Path) -> None:
    settings = pictures.Settings(draws=64, phantoms=10, scenes=10)
    recipe = replace(pictures.RECIPE, epochs=1)
    cards = [
        picture_release.run(
            [f"shenzhen:{drawn_archive}"], [], settings, recipe, tmp_path / name,
            lambda event: None, lambda line: None, 4,
        )
        for name in ("one", "two")
    ]  # fmt: skip
    assert cards[0] == cards[1] == json.loads((tmp_path / "one" / "card.json").read_text())
    assert (
        picture_kind.load(tmp_path / "one").weights_sha256
        == (cards[0]["files"]["float32"]["sha256"])
    )
