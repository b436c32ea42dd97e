"""Training: only the right output learns, resume is exact, a broken loss stops before the step."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cxrkit.errors import GateFailed, InputRefused
from cxrkit.training import segmentation as training
from cxrkit.training.cases import Case, assign_splits, gather, read
from cxrkit.training.segmentation import Batch, Training, batches, loss_of, train

TINY = Training(epochs=3, batch=4, width=2, learning_rate=1e-2)


@pytest.fixture(scope="module")
def cases(drawn_archive: Path) -> list[Case]:
    return assign_splits(gather("shenzhen", drawn_archive, None, "included"), 0.2, 0.2, 0)


def quiet(row: object) -> None:
    """No report."""


def batch_of(outputs: list[int]) -> Batch:
    torch.manual_seed(0)
    shape = (len(outputs), 1, 32, 32)
    lung = (torch.rand(shape) > 0.5).float()
    return Batch(("a", "b"), torch.rand(shape), lung, torch.ones(shape), torch.tensor(outputs))


def test_each_image_teaches_only_the_output_of_its_convention() -> None:
    logits = torch.zeros(2, 2, 32, 32, requires_grad=True)
    loss_of(logits, batch_of([0, 1])).backward()
    taught = logits.grad.abs().sum((2, 3)) > 0
    assert taught.tolist() == [[True, False], [False, True]]


def test_ignored_pixels_teach_nothing() -> None:
    batch = batch_of([0, 0])
    valid = batch.valid.clone()
    valid[:, :, :10] = 0
    logits = torch.zeros(2, 2, 32, 32, requires_grad=True)
    loss_of(logits, replace(batch, valid=valid)).backward()
    assert (logits.grad[:, 0, :10] == 0).all()
    assert (logits.grad[:, 0, 10:] != 0).all()


def test_loss_is_bce_plus_dice_by_hand() -> None:
    batch = batch_of([0, 0])
    logits = torch.randn(2, 2, 32, 32)
    p, y = torch.sigmoid(logits[:, 0]), batch.lung[:, 0]
    bce = -(y * p.log() + (1 - y) * (1 - p).log()).mean()
    per_image = 2 * (p * y).sum((1, 2)) / (p.sum((1, 2)) + y.sum((1, 2)))
    expected = bce + (1 - per_image).mean()
    assert loss_of(logits, batch).item() == pytest.approx(expected.item(), abs=1e-4)


def test_a_perfect_answer_costs_almost_nothing() -> None:
    batch = batch_of([0, 0])
    logits = (batch.lung * 2 - 1).repeat(1, 2, 1, 1) * 20
    assert loss_of(logits, batch).item() < 1e-3


def test_batches_depend_on_seed_and_epoch_only(cases: list[Case]) -> None:
    pairs = [read(c) for c in cases[:6]]
    first, again, later = (list(batches(pairs, TINY, epoch)) for epoch in (1, 1, 2))
    assert all(torch.equal(a.images, b.images) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0].images, later[0].images)
    assert sorted(i for b in first for i in b.image_ids) == sorted(c.image_id for c in cases[:6])


def test_repeat_draws_an_archive_more_often(cases: list[Case]) -> None:
    pairs = [read(c) for c in cases[:3]]
    drawn = list(batches(pairs, replace(TINY, repeat={"shenzhen": 4}), 0))
    assert sum(len(b.image_ids) for b in drawn) == 12
    images = torch.cat([b.images for b in drawn])
    assert len({x.numpy().tobytes() for x in images}) == 12  # no copy is drawn twice


def weights(net: torch.nn.Module) -> list[np.ndarray]:
    return [v.numpy().copy() for v in net.state_dict().values()]


def test_resumed_training_equals_uninterrupted_bit_by_bit(
    cases: list[Case], tmp_path: Path
) -> None:
    straight = train(cases, TINY, tmp_path / "straight", "cpu", quiet)

    class Stop(Exception):
        pass

    def stop(row: dict[str, float]) -> None:
        raise Stop

    for _ in range(2):
        with pytest.raises(Stop):
            train(cases, TINY, tmp_path / "broken", "cpu", stop)
    resumed = train(cases, TINY, tmp_path / "broken", "cpu", quiet)
    assert all(
        np.array_equal(a, b) for a, b in zip(weights(straight), weights(resumed), strict=True)
    )


def test_other_options_on_an_existing_run_are_refused(cases: list[Case], tmp_path: Path) -> None:
    train(cases, replace(TINY, epochs=1), tmp_path, "cpu", quiet)
    with pytest.raises(InputRefused, match=r"E104 .*'epochs': 1.*'epochs': 3"):
        train(cases, TINY, tmp_path, "cpu", quiet)


def test_a_loss_that_is_no_number_stops_before_the_step(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(cases, replace(TINY, epochs=1), tmp_path, "cpu", quiet)
    steps = []
    monkeypatch.setattr(training, "loss_of", lambda logits, batch: logits.sum() * float("nan"))
    monkeypatch.setattr(torch.optim.AdamW, "step", lambda self: steps.append(1))
    with pytest.raises(GateFailed, match=r"E901 .*CHNCXR_"):
        train(cases, TINY, tmp_path / "other", "cpu", quiet)
    assert steps == []
    assert not (tmp_path / "other" / "checkpoints").exists()


def test_test_images_are_never_read(
    cases: list[Case], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(training, "read", lambda case: seen.append(case) or read(case))
    train(cases, replace(TINY, epochs=1), tmp_path, "cpu", quiet)
    assert {c.split for c in seen} == {"train", "validate"}
