"""The lung segmentation task: what each radiograph teaches, and how far the network is.

A network has one output per mask convention, and an image teaches the one that its mask follows,
never the other: masks of different hands differ by more than the region behind the heart.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from monai.losses.dice import MaskedDiceLoss
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.imaging.contrast import clahe
from cxrkit.models import architectures
from cxrkit.segmentation import SIZE
from cxrkit.terms import MASK_CONVENTIONS, PublishedConvention
from cxrkit.training import loop
from cxrkit.training.augment import augment, generator, moved
from cxrkit.training.cases import Case, Pair, read
from cxrkit.training.loop import Event, Recipe, Row, Task
from cxrkit.training.published import Copy

COARSE = 160  # pixels: half the work of a step at 224


@dataclass(frozen=True)
class Settings:
    """What is trained, beside the recipe; each field is a flag of the command."""

    architecture: str = "sa-unet"
    width: int = 16  # of the first level; the levels below double it
    keep: float = 1.0  # SA-UNet's DropBlock: share of kept pixels; published .9, see docs/model.md
    outputs: tuple[PublishedConvention, ...] = MASK_CONVENTIONS  # or ("mixed",): all masks in one
    repeat: Mapping[str, int] | None = None  # archive: how often an epoch draws each image
    coarse_epochs: int = 0  # epochs at 160 x 160 before those at 224 x 224


# The leak-free recipe of the shipped weights.
LEAK_FREE = Recipe(epochs=50, batch=8, learning_rate=2e-3, average=0.998)


@dataclass(frozen=True)
class Batch:
    """Changed copies: images, lung, valid (N, 1, S, S) float32 in 0-1; output (N,) int64."""

    images: Tensor
    lung: Tensor
    valid: Tensor  # 0 where a mask says neither lung nor background
    output: Tensor  # which output each mask teaches


def train(
    cases: Sequence[Case],
    settings: Settings,
    recipe: Recipe,
    out: Path,
    device: str,
    report: Callable[[Event], None],
    copies: Sequence[Copy] | None = None,
) -> tuple[nn.Module, list[Row]]:
    """The trained network, (N, 1, 224, 224) in 0-1 to (N, outputs, 224, 224) logits, and the log.

    Args:
        cases: with their splits; only "train" is learnt from, "validate" is measured per epoch.
        settings: network and draws.
        recipe: how it is trained.
        out: the run's folder.
        device: "cpu" or "cuda".
        report: called after each step and epoch.
        copies: of the published recipe: fixed copies instead of fresh ones in every epoch.

    Raises: as `loop.train`; InputRefused E107, no such architecture.
    """
    torch.manual_seed(recipe.seed)
    outputs = len(settings.outputs)
    net = architectures.segmentation(settings.architecture, outputs, settings.width, settings.keep)
    rows = loop.train(net, task(cases, settings, recipe, copies), recipe, out, device, report)
    return net, rows


def task(
    cases: Sequence[Case], settings: Settings, recipe: Recipe, copies: Sequence[Copy] | None = None
) -> Task[Batch]:
    """The task of the loop; its images are read and kept in memory, 300 kB each."""
    pairs = {_key(c): read(c) for c in cases if c.split in ("train", "validate")}
    held_back = [pairs[_key(c)] for c in cases if c.split == "validate"]
    if copies is None:
        repeat = settings.repeat or {}
        drawn = [
            (pairs[_key(c)], number)
            for c in cases
            if c.split == "train"
            for number in range(repeat.get(c.archive, 1))
        ]
    else:
        drawn = [(pairs[_key(c.case)], c.number) for c in copies if c.split == "train"]

    def batch(draws: Sequence[int], epoch: int) -> Batch:
        size = COARSE if epoch < settings.coarse_epochs else SIZE
        made = []
        for draw in draws:
            pair, number = drawn[draw]
            change, moment = (augment, epoch) if copies is None else (moved, 0)
            rng = generator(recipe.seed, moment, number, pair.case.image_id)
            made.append((pair, *change(pair.image, pair.lung, pair.ignore, size, rng)))
        return _batch(made, settings.outputs)

    def loss(net: nn.Module, batch: Batch, device: str) -> Tensor:
        batch = _on(batch, device)
        return loss_of(net(batch.images).float(), batch)

    return Task(
        draws=len(drawn),
        batch=batch,
        loss=loss,
        measure=lambda net, device: validation_dice(net, held_back, settings.outputs, device),
        score="dice",
        facts={"settings": asdict(settings), "data": _fingerprint(cases, copies)},
        names=lambda draws: [drawn[draw][0].case.image_id for draw in draws],
    )


def loss_of(logits: Tensor, batch: Batch) -> Tensor:
    """(N,) BCE + (1 - Dice) of each image's own output.

    Args:
        logits: (N, outputs, S, S); with one output, all masks teach it.
        batch: the masks; pixels with valid 0 count in neither term.
    """
    rows = torch.arange(len(logits), device=logits.device)
    own = logits[rows, batch.output][:, None]
    bce = functional.binary_cross_entropy_with_logits(own, batch.lung, reduction="none")
    pixels = batch.valid.flatten(1).sum(1).clamp(min=1)
    dice: Tensor = MaskedDiceLoss(sigmoid=True, reduction="none")(own, batch.lung, batch.valid)
    return (bce * batch.valid).flatten(1).sum(1) / pixels + dice.flatten(1).mean(1)


@torch.no_grad()
def validation_dice(
    net: nn.Module, pairs: Sequence[Pair], outputs: Sequence[PublishedConvention], device: str
) -> dict[str, float]:
    """Mean per-image Dice of the raw output at .5: per convention, and "dice", their mean."""
    scores: dict[str, list[float]] = {}
    for pair in pairs:
        image = cv2.resize(pair.image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        x = torch.from_numpy(clahe(image)).to(device).float()[None, None] / 255
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = net(x.to(memory_format=torch.channels_last))
        found = (logits[0, _output(pair.case, outputs)] > 0).cpu().numpy()
        side = np.arange(SIZE) * len(pair.lung) // SIZE
        lung, valid = (m[np.ix_(side, side)] for m in (pair.lung, ~pair.ignore))
        overlap = int((found & lung & valid).sum())
        total = int((found & valid).sum()) + int((lung & valid).sum())
        scores.setdefault(pair.case.convention, []).append(2 * overlap / total if total else 1.0)
    means = {f"dice_{name}": float(np.mean(values)) for name, values in sorted(scores.items())}
    return means | ({"dice": float(np.mean(list(means.values())))} if means else {})


def _batch(
    made: Sequence[tuple[Pair, np.ndarray, np.ndarray, np.ndarray]],
    outputs: Sequence[PublishedConvention],
) -> Batch:
    images = [clahe(image).astype(np.float32) / 255 for _, image, _, _ in made]
    valids = [(ignore < 0.5).astype(np.float32) for _, _, _, ignore in made]
    return Batch(
        torch.from_numpy(np.stack(images)[:, None]),
        torch.from_numpy(np.stack([lung for _, _, lung, _ in made])[:, None]),
        torch.from_numpy(np.stack(valids)[:, None]),
        torch.tensor([_output(pair.case, outputs) for pair, *_ in made]),
    )


def _output(case: Case, outputs: Sequence[PublishedConvention]) -> int:
    return 0 if len(outputs) == 1 else outputs.index(case.convention)


def _on(batch: Batch, device: str) -> Batch:
    images = batch.images.to(device=device, memory_format=torch.channels_last)
    return Batch(images, *(t.to(device) for t in (batch.lung, batch.valid, batch.output)))


def _key(case: Case) -> tuple[str, str]:
    return case.archive, case.image_id


def _fingerprint(cases: Sequence[Case], copies: Sequence[Copy] | None) -> str:
    lines = sorted(f"{c.archive}\t{c.image_id}\t{c.split}\t{c.convention}\n" for c in cases)
    lines += [f"{_key(c.case)}\t{c.number}\t{c.split}\n" for c in copies or ()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
