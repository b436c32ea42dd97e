"""The loop: exact resume, the same curve in parts, averaged weights, early stopping, refusals."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cxrkit.errors import GateFailed, InputRefused, IntegrityFailure, Locked
from cxrkit.pipeline import lock
from cxrkit.training import draws, loop
from cxrkit.training.loop import Event, Recipe, Task, train

RECIPE = Recipe(epochs=4, batch=6, learning_rate=0.05, average=0.9, seed=3)
DRAWS = 20


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(5, 4), nn.Dropout(0.3), nn.ReLU(), nn.Linear(4, 1))


def sample(draw: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([draw, epoch]).normal(size=6).astype(np.float32)


def task(
    score: Callable[[nn.Module], float] = lambda net: 0.0, broken: int | None = None
) -> Task[Tensor]:
    """Regression on made-up numbers; draw `broken` is not a number."""

    def batch(drawn: Sequence[int], epoch: int) -> Tensor:
        rows = np.stack([sample(draw, epoch) for draw in drawn])
        rows[[draw == broken for draw in drawn]] = np.nan
        return torch.from_numpy(rows)

    def loss(net: nn.Module, rows: Tensor, device: str) -> Tensor:
        return (net(rows[:, :5]).float()[:, 0] - rows[:, 5]).square()

    return Task(
        DRAWS, batch, loss, lambda net, device: {"score": score(net)}, "score", {"data": "made up"},
        lambda drawn: [f"image-{draw}" for draw in drawn],
    )  # fmt: skip


def quiet(event: Event) -> None:
    """No report."""


def weights(module: nn.Module) -> list[np.ndarray]:
    return [value.detach().numpy().copy() for value in module.state_dict().values()]


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(weights(a), weights(b), strict=True))


def trained(out: Path, recipe: Recipe = RECIPE, what: Task[Tensor] | None = None) -> nn.Module:
    module = net()
    train(module, what or task(), recipe, out, "cpu", quiet)
    return module


class Stop(Exception):
    """What kills a run in these tests."""


def interrupted(out: Path, after: int) -> None:
    """A run that ends after so many steps of this attempt."""
    steps = 0

    def stop(event: Event) -> None:
        nonlocal steps
        steps += event.row is None
        if steps == after:
            raise Stop

    with pytest.raises(Stop):
        train(net(), task(), RECIPE, out, "cpu", stop)


@pytest.mark.parametrize("after", [5, 9])
def test_a_run_that_is_stopped_between_epochs_goes_on_to_the_same_bits(
    tmp_path: Path, after: int
) -> None:
    interrupted(tmp_path / "broken", after)
    assert same(trained(tmp_path / "straight"), trained(tmp_path / "broken"))


def test_a_run_that_is_stopped_within_an_epoch_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = trained(tmp_path / "straight")
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", 0.0)
    for _ in range(3):
        interrupted(tmp_path / "broken", 3)
    files = sorted((tmp_path / "broken" / "checkpoints").glob("step-*.json"))
    assert int(files[-1].stem.removeprefix("step-")) % draws.steps(DRAWS, RECIPE.batch)
    assert same(straight, trained(tmp_path / "broken"))
    logs = [(tmp_path / name / "log.csv").read_text() for name in ("straight", "broken")]
    one, other = ([row.rsplit(",", 1)[0] for row in log.splitlines()] for log in logs)
    assert one == other  # but for the seconds


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    other = trained(tmp_path / "other", replace(RECIPE, seed=4))
    assert not same(trained(tmp_path / "one"), other)


def test_a_whole_run_is_not_trained_further(tmp_path: Path) -> None:
    module = trained(tmp_path)
    log = (tmp_path / "log.csv").read_bytes()
    assert same(module, trained(tmp_path))
    assert (tmp_path / "log.csv").read_bytes() == log


def test_micro_batches_give_the_weights_of_whole_batches(tmp_path: Path) -> None:
    def plain() -> nn.Module:
        torch.manual_seed(0)
        return nn.Linear(5, 1)

    found = []
    for accumulate in (1, 3):
        module = plain()
        recipe = replace(RECIPE, accumulate=accumulate)
        out = tmp_path / str(accumulate)
        with torch.autocast("cpu", enabled=False):
            train(module, task(), recipe, out, "cpu", quiet)
        found.append(weights(module))
    for whole, parts in zip(*found, strict=True):
        assert np.allclose(whole, parts, atol=2e-2)  # losses are computed in bfloat16


def test_the_average_is_kept_and_lags_behind(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain", replace(RECIPE, average=0.0))
    assert not same(trained(tmp_path / "averaged"), plain)


def test_the_average_equals_its_definition(tmp_path: Path) -> None:
    """Followed by hand over the weights after each step."""
    module, seen = net(), []

    def follow(event: Event) -> None:
        if event.row is None:
            seen.append(weights(module))

    train(module, task(), replace(RECIPE, epochs=2), tmp_path, "cpu", follow)
    kept = seen[0]
    for count, new in enumerate(seen[1:], 1):
        decay = min(RECIPE.average, (1 + count) / (10 + count))
        kept = [k * decay + n * (1 - decay) for k, n in zip(kept, new, strict=True)]
    for mine, by_hand in zip(weights(module), kept, strict=True):
        assert np.allclose(mine, by_hand, atol=1e-5)


def test_early_stopping_keeps_the_best_epoch(tmp_path: Path) -> None:
    scores = iter([0.2, 0.7, 0.5, 0.6, 0.9])
    seen: list[list[np.ndarray]] = []

    def score(module: nn.Module) -> float:
        seen.append(weights(module))
        return next(scores)

    recipe = replace(RECIPE, epochs=9, patience=2)
    module = trained(tmp_path, recipe, task(score))
    assert len(seen) == 4  # epochs 3 and 4 were not better than the second
    assert all(np.array_equal(a, b) for a, b in zip(weights(module), seen[1], strict=True))
    again = trained(tmp_path, recipe, task(score))
    assert same(module, again)


def test_a_changed_best_file_is_seen(tmp_path: Path) -> None:
    recipe = replace(RECIPE, patience=1)
    trained(tmp_path, recipe)
    best = tmp_path / "checkpoints" / "best.safetensors"
    best.write_bytes(best.read_bytes()[:-4] + b"\0\0\0\1")
    with pytest.raises(IntegrityFailure, match="E501"):
        trained(tmp_path, recipe)


def test_a_loss_that_is_not_finite_stops_before_the_step_and_keeps_the_checkpoint(
    tmp_path: Path,
) -> None:
    with pytest.raises(GateFailed, match=r"E901.*image-7"):
        trained(tmp_path, what=task(broken=7))
    assert not (tmp_path / "checkpoints").exists()
    module = net()
    before = weights(module)
    with pytest.raises(GateFailed):
        train(module, replace(task(broken=7), draws=8), replace(RECIPE, batch=8), tmp_path, "cpu",
              quiet)  # fmt: skip
    assert all(np.array_equal(a, b) for a, b in zip(before, weights(module), strict=True))


def test_another_recipe_or_data_in_the_folder_is_refused(tmp_path: Path) -> None:
    trained(tmp_path)
    with pytest.raises(InputRefused, match=r"E104.*recipe"):
        trained(tmp_path, replace(RECIPE, epochs=5))
    with pytest.raises(InputRefused, match=r"E104.*task"):
        trained(tmp_path, what=replace(task(), facts={"data": "other"}))


def test_a_batch_that_cannot_be_shared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"E107.*multiple of 4"):
        trained(tmp_path, replace(RECIPE, accumulate=4))


def test_nothing_to_learn_from_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E109"):
        trained(tmp_path, what=replace(task(), draws=0))


def test_a_second_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    with lock.held(tmp_path / "lock"), pytest.raises(Locked, match="E801"):
        trained(tmp_path)


def test_every_draw_is_learnt_in_every_epoch() -> None:
    steps = draws.order(DRAWS, 6, seed=0, epoch=1)
    assert [len(step) for step in steps] == [6, 6, 6, 6]
    assert {draw for step in steps for draw in step} == set(range(DRAWS))
    assert steps != draws.order(DRAWS, 6, seed=0, epoch=2)


def test_processes_share_a_step() -> None:
    step = draws.order(DRAWS, 6, 0, 0)[0]
    assert sorted(draws.share(step, 0, 2) + draws.share(step, 1, 2)) == sorted(step)


def test_events_count_steps_and_end_with_nothing_left(tmp_path: Path) -> None:
    events: list[Event] = []
    train(net(), task(), RECIPE, tmp_path, "cpu", events.append)
    assert len([e for e in events if e.row]) == RECIPE.epochs
    assert events[-1].left == 0
    assert [e.step for e in events[:4]] == [1, 2, 3, 4]
