"""The lung task: what an image teaches, draws, exact resume, the leaking recipe."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cxrkit.errors import GateFailed, InputRefused
from cxrkit.training import published
from cxrkit.training import segmentation as training
from cxrkit.training.cases import Case, assign_splits, gather, read
from cxrkit.training.loop import Event, Recipe, Task
from cxrkit.training.segmentation import Batch, Settings, loss_of, task, train

TINY = Recipe(epochs=3, batch=4, learning_rate=1e-2)
SMALL = Settings(width=2)


@pytest.fixture(scope="module")
def cases(drawn_archive: Path) -> list[Case]:
    return assign_splits(gather("shenzhen", drawn_archive, None, "included"), 0.2, 0.2, 0)


def quiet(event: Event) -> None:
    """No report."""


def batch_of(outputs: list[int]) -> Batch:
    torch.manual_seed(0)
    shape = (len(outputs), 1, 32, 32)
    lung = (torch.rand(shape) > 0.5).float()
    return Batch(torch.rand(shape), lung, torch.ones(shape), torch.tensor(outputs))


def test_each_image_teaches_only_the_output_of_its_convention() -> None:
    logits = torch.zeros(2, 2, 32, 32, requires_grad=True)
    loss_of(logits, batch_of([0, 1])).sum().backward()
    taught = logits.grad.abs().sum((2, 3)) > 0
    assert taught.tolist() == [[True, False], [False, True]]


def test_ignored_pixels_teach_nothing() -> None:
    batch = batch_of([0, 0])
    valid = batch.valid.clone()
    valid[:, :, :10] = 0
    logits = torch.zeros(2, 2, 32, 32, requires_grad=True)
    loss_of(logits, replace(batch, valid=valid)).sum().backward()
    assert (logits.grad[:, :, :10] == 0).all()
    assert (logits.grad[:, 0, 10:] != 0).all()


def test_loss_is_bce_plus_dice_by_hand() -> None:
    batch = batch_of([0, 0])
    logits = torch.randn(2, 1, 32, 32)
    p, y = torch.sigmoid(logits[:, 0]), batch.lung[:, 0]
    bce = -(y * p.log() + (1 - y) * (1 - p).log()).mean((1, 2))
    dice = 2 * (p * y).sum((1, 2)) / (p.sum((1, 2)) + y.sum((1, 2)))
    assert torch.allclose(loss_of(logits, batch), bce + 1 - dice, atol=1e-4)


def test_the_loss_of_an_image_does_not_depend_on_its_neighbours() -> None:
    batch = batch_of([0, 1, 1])
    logits = torch.randn(3, 2, 32, 32)
    alone = [
        loss_of(logits[k : k + 1], Batch(*(t[k : k + 1] for t in vars(batch).values())))
        for k in range(3)
    ]
    assert torch.allclose(loss_of(logits, batch), torch.cat(alone))


def test_a_perfect_answer_costs_almost_nothing() -> None:
    batch = batch_of([0, 0])
    logits = (batch.lung * 2 - 1).repeat(1, 2, 1, 1) * 20
    assert loss_of(logits, batch).max() < 1e-3


def images_of(made: Task[Batch], draws: Sequence[int], epoch: int) -> torch.Tensor:
    return made.batch(draws, epoch).images


def test_batches_depend_on_seed_epoch_and_draw_only(cases: list[Case]) -> None:
    made = task(cases, SMALL, TINY)
    assert torch.equal(images_of(made, [2, 0], 1), images_of(made, [2, 0], 1))
    assert torch.equal(images_of(made, [2, 0], 1)[1], images_of(made, [0], 1)[0])
    assert not torch.equal(images_of(made, [0], 1), images_of(made, [0], 2))
    other = task(cases, SMALL, replace(TINY, seed=1))
    assert not torch.equal(images_of(made, [0], 1), images_of(other, [0], 1))


def test_repeat_draws_an_archive_more_often(cases: list[Case]) -> None:
    made = task(cases, replace(SMALL, repeat={"shenzhen": 4}), TINY)
    train_images = sum(c.split == "train" for c in cases)
    assert made.draws == 4 * train_images
    images = images_of(made, range(made.draws), 0)
    assert len({x.numpy().tobytes() for x in images}) == made.draws  # no copy is drawn twice


def test_coarse_epochs_are_smaller(cases: list[Case]) -> None:
    made = task(cases, replace(SMALL, coarse_epochs=2), TINY)
    assert [images_of(made, [0], epoch).shape[-1] for epoch in (0, 1, 2)] == [160, 160, 224]


def weights(net: torch.nn.Module) -> list[np.ndarray]:
    return [v.numpy().copy() for v in net.state_dict().values()]


def test_resumed_training_equals_uninterrupted_bit_by_bit(
    cases: list[Case], tmp_path: Path
) -> None:
    straight, _ = train(cases, SMALL, TINY, tmp_path / "straight", "cpu", quiet)

    class Stop(Exception):
        pass

    def stop(event: Event) -> None:
        if event.row:
            raise Stop

    for _ in range(2):
        with pytest.raises(Stop):
            train(cases, SMALL, TINY, tmp_path / "broken", "cpu", stop)
    resumed, _ = train(cases, SMALL, TINY, tmp_path / "broken", "cpu", quiet)
    assert all(
        np.array_equal(a, b) for a, b in zip(weights(straight), weights(resumed), strict=True)
    )


def test_another_split_in_an_existing_run_is_refused(cases: list[Case], tmp_path: Path) -> None:
    once = replace(TINY, epochs=1)
    train(cases, SMALL, once, tmp_path, "cpu", quiet)
    other = [replace(c, split="train") for c in cases]
    with pytest.raises(InputRefused, match="E104"):
        train(other, SMALL, once, tmp_path, "cpu", quiet)


def test_a_loss_that_is_no_number_names_its_images(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        training, "loss_of", lambda logits, batch: logits.flatten(1).sum(1) * float("nan")
    )
    with pytest.raises(GateFailed, match=r"E901 .*CHNCXR_"):
        train(cases, SMALL, TINY, tmp_path / "other", "cpu", quiet)
    assert not (tmp_path / "other" / "checkpoints").exists()


def test_test_images_are_never_read(cases: list[Case], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(training, "read", lambda case: seen.append(case) or read(case))
    task(cases, SMALL, TINY)
    assert {c.split for c in seen} == {"train", "validate"}


def test_published_copies_are_balanced_and_leak(cases: list[Case]) -> None:
    copies = published.deal(cases, 200, seed=0)
    assert len(copies) == 200
    by_class = [published.class_of(c.case) for c in copies]
    share = published.COPIES["tuberculosis"] / (
        published.COPIES["tuberculosis"] + published.COPIES["normal"]
    )
    assert by_class.count("tuberculosis") == round(200 * share)
    assert [sum(c.split == s for c in copies) for s in ("train", "validate", "test")] == [
        160, 20, 20
    ]  # fmt: skip
    sides = {s: {c.case.image_id for c in copies if c.split == s} for s in ("train", "test")}
    assert sides["test"] <= sides["train"]  # the leak: no radiograph is on one side alone


def test_published_copies_are_the_same_in_every_epoch(cases: list[Case]) -> None:
    copies = published.deal([c for c in cases if c.split == "train"], 60, seed=0)
    made = task(cases, Settings(width=2, outputs=("mixed",)), TINY, copies)
    assert made.draws == 48
    assert torch.equal(images_of(made, [0, 5], 0), images_of(made, [0, 5], 9))


def test_too_few_copies_for_three_splits_are_refused(cases: list[Case]) -> None:
    with pytest.raises(InputRefused, match="E109"):
        published.deal(cases, 5, seed=0)
