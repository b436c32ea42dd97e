"""One training loop for every reference model: exact resume, averaged weights, early stopping.

What is learnt depends on the recipe, the data and the number of threads alone. A checkpoint is
written after every epoch, and within a long one every ten minutes, so that a run that is killed at
any instant goes on to the same weights, bit by bit. Under `torchrun` each process takes its share
of every batch; losses are per sample and batch norm spans the processes, so the curve is the same.
"""

import csv
import io
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

from cxrkit.errors import GateFailed, InputRefused
from cxrkit.pipeline import durable, lock
from cxrkit.training import checkpoint, distributed, draws
from cxrkit.training.distributed import Group

CHECKPOINT_SECONDS = 600.0  # of work that a kill may cost within a long epoch

B = TypeVar("B")
Row = dict[str, float]


@dataclass(frozen=True)
class Recipe:
    """How a model is trained; each field is a flag of the command.

    Raises:
        InputRefused: E107, the learning rate is no number above 0.
    """

    epochs: int
    batch: int  # samples of one step of the optimiser, over all processes and micro-batches
    learning_rate: float  # the highest of the schedule
    optimiser: Literal["adamw", "adam"] = "adamw"
    schedule: Literal["one-cycle", "constant"] = "one-cycle"
    weight_decay: float = 1e-4
    accumulate: int = 1  # micro-batches of one step
    average: float = 0.0  # decay of the running average of the weights that is kept; 0: none
    patience: int = 0  # epochs without a better score before the best is kept; 0: the last is
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < math.inf:
            raise InputRefused(
                "E107", "--learning-rate", str(self.learning_rate), "a number above 0", "see --help"
            )


@dataclass(frozen=True)
class Task(Generic[B]):
    """What differs between models.

    Everything random in `batch` comes from the recipe's seed, the epoch and the number of the
    draw, never from what was drawn before it: threads call it ahead, other processes not at all.
    """

    draws: int  # samples of one epoch
    batch: Callable[[Sequence[int], int], B]  # (numbers of draws, epoch): tensors on the CPU
    loss: Callable[[nn.Module, B, str], Tensor]  # (net, batch, device): (n,) float32, per sample
    measure: Callable[[nn.Module, str], Row]  # (net in eval mode, device): validation scores
    score: str  # which of them is better when it is higher
    facts: Mapping[str, Any]  # JSON: architecture and data; a folder with others is refused
    names: Callable[[Sequence[int]], list[str]]  # image ids of draws, for messages


@dataclass(frozen=True)
class Event:
    """How far a run is, after a step; with `row` after an epoch."""

    epoch: int  # from 1
    epochs: int
    step: int  # of this epoch, from 1
    steps: int
    loss: float  # mean of this epoch so far
    rate: float  # samples per second of this run
    left: float  # seconds
    row: Row | None = None


@dataclass
class _State:
    """Where a run is: what a checkpoint holds beside tensors."""

    epoch: int = 0  # finished ones
    step: int = 0  # finished ones of the epoch that follows
    losses: list[float] = field(default_factory=list)  # of those steps
    rows: list[Row] = field(default_factory=list)
    best: float = -math.inf
    best_epoch: int = 0


def train(
    net: nn.Module,
    task: Task[B],
    recipe: Recipe,
    out: Path,
    device: str,
    report: Callable[[Event], None],
) -> list[Row]:
    """The log, a row per epoch; `net` has learnt in place and holds the weights that are kept.

    A row has epoch, loss, learning_rate, the scores of `task.measure` and seconds. `out` gets
    log.csv and checkpoints/, from which an interrupted run goes on.

    Raises:
        InputRefused: E104, `out` holds a run with another recipe or data; E107, a batch that
            micro-batches and processes do not share evenly; E109, nothing to learn from.
        GateFailed: E901, a loss is not finite; the optimiser has not stepped.
        Locked: E801, another run writes there.
    """
    with distributed.group(device) as group:
        _check(task, recipe, group)
        durable.make_folder(out)
        if group.rank:
            return _run(net, task, recipe, out, device, _nothing, group)
        with lock.held(out / "lock"):
            return _run(net, task, recipe, out, device, report, group)


def device() -> str:
    """cuda where there is a GPU, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def rate(recipe: Recipe, epoch: float) -> float:
    """The learning rate at a moment, counted in epochs.

    One cycle (Smith 2018, arXiv:1803.09820): linear up over a tenth, cosine down to 1 %.
    """
    if recipe.schedule == "constant":
        return recipe.learning_rate
    at = epoch / recipe.epochs
    if at < 0.1:
        return recipe.learning_rate * (0.1 + 0.9 * at / 0.1)
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, (at - 0.1) / 0.9)))
    return recipe.learning_rate * (0.01 + 0.99 * fall)


def _check(task: Task[B], recipe: Recipe, group: Group) -> None:
    if task.draws == 0:
        raise InputRefused(
            "E109", "train", "no image to learn from", "one or more", "see the split"
        )
    shares = recipe.accumulate * group.size
    if recipe.batch % shares:
        raise InputRefused(
            "E107", "--batch", str(recipe.batch),
            f"a multiple of {shares}: micro-batches x processes", "choose another batch",
        )  # fmt: skip


def _run(
    net: nn.Module, task: Task[B], recipe: Recipe, out: Path, device: str,
    report: Callable[[Event], None], group: Group,
) -> list[Row]:  # fmt: skip
    net.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    distributed.synchronise(net, group)
    average = AveragedModel(net, avg_fn=_averaging(recipe), use_buffers=True)
    run = _Run(net, average, _optimiser(net, recipe), task, recipe, out, device, group)
    state = run.resume()
    learner = DistributedDataParallel(net) if group.size > 1 else net
    clock = _Clock(recipe, draws.steps(task.draws, recipe.batch), state)
    while state.epoch < recipe.epochs and not _stopped(recipe, state):
        started = time.monotonic()
        run.epoch(learner, state, clock, report)
        row = run.row(state) | {"seconds": time.monotonic() - started}
        state.rows.append(row)
        state.epoch, state.step, state.losses = state.epoch + 1, 0, []
        run.keep_if_best(state, row)
        run.save(state)
        report(clock.event(state.epoch, clock.steps, row["loss"], row))
    run.finish(state)
    return state.rows


@dataclass(frozen=True)
class _Run(Generic[B]):
    """The parts of one run that stay the same."""

    net: nn.Module
    average: AveragedModel
    optimiser: torch.optim.Optimizer
    task: Task[B]
    recipe: Recipe
    out: Path
    device: str
    group: Group

    def epoch(
        self, learner: nn.Module, state: _State, clock: "_Clock", report: Callable[[Event], None]
    ) -> None:
        """The steps of one epoch from where the state is."""
        saved = time.monotonic()
        self.net.train()
        for drawn, batches in self._batches(state):
            at = state.epoch + state.step / clock.steps
            for group in self.optimiser.param_groups:
                group["lr"] = rate(self.recipe, at)
            # Whatever the network draws at this step, as dropped blocks, hangs on these alone.
            seed = [self.recipe.seed, 1, state.epoch, state.step, self.group.rank]
            torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))
            state.losses.append(self._step(learner, drawn, batches, state.epoch))
            state.step += 1
            if self.recipe.average:
                self.average.update_parameters(self.net)
            report(clock.event(state.epoch + 1, state.step, float(np.mean(state.losses))))
            if time.monotonic() - saved > CHECKPOINT_SECONDS and state.step < clock.steps:
                self.save(state)
                saved = time.monotonic()

    def _batches(self, state: _State) -> Iterator[tuple[list[int], list[B]]]:
        """This process's draws and micro-batches of each step of the epoch that is left."""
        left = draws.order(self.task.draws, self.recipe.batch, self.recipe.seed, state.epoch)
        mine = [draws.share(step, self.group.rank, self.group.size) for step in left[state.step :]]
        return draws.ahead(mine, self.recipe.accumulate, state.epoch, self.task.batch)

    def _step(
        self, learner: nn.Module, drawn: Sequence[int], batches: Sequence[B], epoch: int
    ) -> float:
        """One step of the optimiser; the mean loss of its samples over all processes."""
        self.optimiser.zero_grad(set_to_none=True)
        total = 0.0
        for number, batch in enumerate(batches, 1):
            with distributed.unsynchronised(learner, number < len(batches)):
                with torch.autocast(self.device, dtype=torch.bfloat16):
                    losses = self.task.loss(learner, batch, self.device)
                # Processes average their gradients, so each counts its own samples as a share.
                loss = losses.sum() * self.group.size / self.recipe.batch
                total += distributed.mean(loss.detach(), self.group)
                if not math.isfinite(total):
                    raise _not_finite(epoch, self.task.names(drawn))
                loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        return total

    def row(self, state: _State) -> Row:
        """The log's row of the epoch whose steps are done."""
        kept = self._kept()
        kept.eval()
        with torch.no_grad():
            scores = self.task.measure(kept, self.device)
        return {
            "epoch": state.epoch + 1,
            "loss": float(np.mean(state.losses)),
            "learning_rate": rate(self.recipe, state.epoch + 1.0),
            **scores,
        }

    def keep_if_best(self, state: _State, row: Row) -> None:
        """Write the weights aside where early stopping is on and no epoch scored higher."""
        if not self.recipe.patience or row.get(self.task.score, -math.inf) <= state.best:
            return
        state.best, state.best_epoch = row[self.task.score], state.epoch
        if not self.group.rank:
            tensors = dict(self._kept().state_dict())
            checkpoint.write_best(self.out / "checkpoints", state.epoch, tensors)

    def finish(self, state: _State) -> None:
        """Put the weights that are kept into the network."""
        self.group.wait()
        if state.best_epoch:
            tensors = checkpoint.best(self.out / "checkpoints", state.best_epoch)
        else:
            tensors = dict(self._kept().state_dict())
        self.net.load_state_dict(tensors)
        self.net.eval()

    def save(self, state: _State) -> None:
        """Write the checkpoint and log.csv."""
        if self.group.rank:
            return
        tensors = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        if self.recipe.average:
            kept = self.average.module.state_dict()
            tensors |= {f"average.{k}": v for k, v in kept.items()}
            tensors["averaged"] = self.average.n_averaged
        tensors |= checkpoint.optimiser_tensors(self.optimiser)
        order = state.epoch * draws.steps(self.task.draws, self.recipe.batch) + state.step
        checkpoint.write(self.out / "checkpoints", order, tensors, self._facts() | asdict(state))
        _write_log(self.out / "log.csv", state.rows)

    def resume(self) -> _State:
        """The state of the last whole checkpoint, its tensors put back; else a fresh one."""
        found = checkpoint.latest(self.out / "checkpoints")
        if found is None:
            return _State()
        tensors, saved = found
        wanted = json.loads(json.dumps(self._facts()))
        for name, value in wanted.items():
            if saved.get(name) != value:
                raise InputRefused(
                    "E104", str(self.out), f"a run with {name} {saved.get(name)}", f"{value}",
                    "give the same options, or train into another folder",
                )  # fmt: skip
        self.net.load_state_dict(_under("net.", tensors))
        if self.recipe.average:
            self.average.module.load_state_dict(_under("average.", tensors))
            self.average.n_averaged.copy_(tensors["averaged"])
        checkpoint.restore_optimiser(self.optimiser, tensors)
        _write_log(self.out / "log.csv", saved["rows"])
        return _State(**{name: saved[name] for name in asdict(_State())})

    def _facts(self) -> dict[str, Any]:
        return {"recipe": asdict(self.recipe), "task": dict(self.task.facts)}

    def _kept(self) -> nn.Module:
        return self.average.module if self.recipe.average else self.net


class _Clock:
    """How fast a run is, for the events."""

    def __init__(self, recipe: Recipe, steps: int, state: _State) -> None:
        self.recipe, self.steps, self.started = recipe, steps, time.monotonic()
        self.before = state.epoch * steps + state.step

    def event(self, epoch: int, step: int, loss: float, row: Row | None = None) -> Event:
        """The event after a step of an epoch, both counted from 1."""
        done = (epoch - 1) * self.steps + step
        pace = (time.monotonic() - self.started) / max(1, done - self.before)  # seconds a step
        left = (self.recipe.epochs * self.steps - done) * pace
        speed = self.recipe.batch / pace if pace else 0.0
        return Event(epoch, self.recipe.epochs, step, self.steps, loss, speed, left, row)


def _stopped(recipe: Recipe, state: _State) -> bool:
    return bool(recipe.patience) and state.epoch - state.best_epoch >= recipe.patience


def _optimiser(net: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    kind = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    decay = recipe.weight_decay if recipe.optimiser == "adamw" else 0.0
    return kind(net.parameters(), lr=recipe.learning_rate, weight_decay=decay)


def _averaging(recipe: Recipe) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """The running average, with a shorter memory over the first steps."""

    def average(kept: Tensor, new: Tensor, count: Tensor | int) -> Tensor:
        decay = min(recipe.average, (1 + int(count)) / (10 + int(count)))
        return kept * decay + new * (1 - decay)

    return average


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _not_finite(epoch: int, names: Sequence[str]) -> GateFailed:
    return GateFailed(
        "E901", f"epoch {epoch + 1}, images {', '.join(names)}", "the loss is not finite",
        "a number",
        "look at these images and labels, or lower the learning rate; the last checkpoint is good",
    )  # fmt: skip


def _write_log(path: Path, rows: Sequence[Row]) -> None:
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[-1]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    checkpoint.replace(path, text.getvalue().encode())


def _nothing(event: Event) -> None:
    """Processes other than the first print nothing."""
