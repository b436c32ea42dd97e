"""The task of the picture checks: what a picture shows, its quarter turn, polarity and side."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.models.picture_net import PictureNet
from cxrkit.quality import picture_kind
from cxrkit.training import loop, picture_draws, picture_sources
from cxrkit.training.augment import generator
from cxrkit.training.cases import split_hash
from cxrkit.training.loop import Event, Recipe, Row, Task
from cxrkit.training.picture_draws import UNKNOWN, Drawn, Sources
from cxrkit.training.samples import Sample

# The recipe of the shipped weights.
RECIPE = Recipe(epochs=12, batch=64, learning_rate=4e-3, average=0.995)
TRAINING, VALIDATION = 31, 32  # streams of computed pictures
HEADS = ("kind", "turn", "inverted", "mirrored")


@dataclass(frozen=True)
class Settings:
    """What is learnt from, beside the radiographs."""

    draws: int = 12800  # pictures of an epoch
    phantoms: int = 1000
    scenes: int = 3000


@dataclass(frozen=True)
class Batch:
    """Pictures (N, 1, 96, 96) float32, standardised, and their labels (N, 4) int64."""

    pictures: Tensor
    labels: Tensor  # in the order of `HEADS`; UNKNOWN teaches nothing


def train(
    samples: Sequence[Sample], settings: Settings, recipe: Recipe, out: Path, device: str,
    report: Callable[[Event], None], prepared: Callable[[str], None] = lambda line: None,
) -> tuple[nn.Module, list[Row]]:  # fmt: skip
    """The trained network and the log.

    Args:
        samples: radiographs with their splits; "train" is learnt from, "validate" measured.
        settings: how much is drawn.
        recipe: how it is trained.
        out: the run's folder.
        device: "cpu" or "cuda".
        report: called after each step and epoch.
        prepared: called with a line while pictures are computed.

    Raises: as `loop.train`.
    """
    torch.manual_seed(recipe.seed)
    net = PictureNet()
    rows = loop.train(net, task(samples, settings, recipe, prepared), recipe, out, device, report)
    return net, rows


def task(
    samples: Sequence[Sample], settings: Settings, recipe: Recipe,
    prepared: Callable[[str], None] = lambda line: None,
) -> Task[Batch]:  # fmt: skip
    """The task of the loop; all its sources are in memory, 26 kB each."""
    sources = gather(samples, "train", settings.phantoms, settings.scenes, recipe.seed, prepared)
    held = gather(
        samples, "validate", settings.phantoms // 10, settings.scenes // 10, recipe.seed, prepared
    )
    looked_at = [
        picture_draws.draw(held, generator(recipe.seed, 0, number, "validate"))
        for number in range(max(64, settings.draws // 8))
    ]

    def batch(draws: Sequence[int], epoch: int) -> Batch:
        made = (
            picture_draws.draw(sources, generator(recipe.seed, epoch, d, "picture")) for d in draws
        )
        return _batch(list(made))

    def loss(net: nn.Module, batch: Batch, device: str) -> Tensor:
        return loss_of(net(batch.pictures.to(device)).float(), batch.labels.to(device))

    return Task(
        draws=settings.draws,
        batch=batch,
        loss=loss,
        measure=lambda net, device: accuracies(net, looked_at, device),
        score="mean",
        facts={"settings": asdict(settings), "data": split_hash(samples)},
        names=lambda draws: [f"draw {d}" for d in draws],
    )


def gather(
    samples: Sequence[Sample], split: str, phantoms: int, scenes: int, seed: int,
    prepared: Callable[[str], None],
) -> Sources:  # fmt: skip
    """The sources of one split: radiographs of its patients, phantoms and scenes of its stream."""
    stream = TRAINING if split == "train" else VALIDATION

    def show(done: int) -> None:
        if done % 200 == 0:
            prepared(f"{split}: {done} of {phantoms} phantoms")

    real = picture_sources.radiographs([s for s in samples if s.split == split])
    made = picture_sources.phantoms(max(10, phantoms), seed, stream, show)
    other = picture_sources.scenes(max(10, scenes), seed, stream)
    return picture_draws.by_kind([*real, *made, *other])


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """(N,) cross-entropy of each picture, over the labels that it has."""
    kind, turn, inverted, mirrored = labels.unbind(1)
    total = functional.cross_entropy(logits[:, :4], kind, reduction="none")
    turns = functional.cross_entropy(logits[:, 4:8], turn.clamp(min=0), reduction="none")
    total = total + turns * (turn != UNKNOWN)
    for column, label in ((8, inverted), (9, mirrored)):
        binary = functional.binary_cross_entropy_with_logits(
            logits[:, column], label.clamp(min=0).float(), reduction="none"
        )
        total = total + binary * (label != UNKNOWN)
    return total


def accuracies(net: nn.Module, drawn: Sequence[Drawn], device: str) -> Row:
    """The share of right answers of each head, and their mean."""
    batch = _batch(drawn)
    with torch.no_grad():
        logits = torch.cat(
            [net(part.to(device)).float().cpu() for part in torch.split(batch.pictures, 256)]
        )
    said = (
        logits[:, :4].argmax(1), logits[:, 4:8].argmax(1),
        (logits[:, 8] > 0).long(), (logits[:, 9] > 0).long(),
    )  # fmt: skip
    row = {}
    for name, answer, label in zip(HEADS, said, batch.labels.unbind(1), strict=True):
        known = label != UNKNOWN
        row[name] = float((answer == label)[known].float().mean())
    return row | {"mean": float(np.mean(list(row.values())))}


def _batch(drawn: Sequence[Drawn]) -> Batch:
    views = np.stack([picture_kind.standardised(d.picture) for d in drawn])[:, None]
    labels = [(d.kind, d.turn, d.inverted, d.mirrored) for d in drawn]
    return Batch(torch.from_numpy(views), torch.tensor(labels))
