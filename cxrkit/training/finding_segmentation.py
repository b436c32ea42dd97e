"""The task of segmenting a finding, such as a pneumothorax: present on few images, small on those.

Images with the finding are drawn as often as images without, or in another share, since at one in
five a network learns first that nothing is ever there. The loss of an image is the binary cross
entropy of its pixels, plus 1 - Dice where its mask has pixels. On an empty mask Dice is 0 whatever
the network says, so it would teach nothing there, or, smoothed by a constant, what that constant
says; the cross entropy alone teaches to stay silent.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.errors import InputRefused
from cxrkit.finding_masks import squash
from cxrkit.imaging import masks
from cxrkit.models import architectures
from cxrkit.segmentation import preprocess
from cxrkit.training import finding_scores, loop, ranking
from cxrkit.training.augment import exposure, generator, moved
from cxrkit.training.cases import split_hash
from cxrkit.training.finding_cases import Stored
from cxrkit.training.loop import Event, Recipe, Row, Task

DIVISOR, SIZES = 16, (64, 1024)  # of the side: networks halve it four times; SIIM-ACR has 1024
_AT_ONCE = 8  # images of one pass when nothing is learnt


@dataclass(frozen=True)
class Settings:
    """What is trained, beside the recipe; each field is a flag of the command."""

    architecture: str = "sa-unet"
    width: int = 16  # of the first level; the levels below double it
    keep: float = 1.0  # share of values kept while it learns; 1 drops nothing
    size: int = 224  # pixels, both sides
    positive_share: float = 0.5  # of an epoch's draws


RECIPE = Recipe(epochs=30, batch=8, learning_rate=2e-3, average=0.998)


@dataclass(frozen=True)
class Batch:
    """Changed copies: images and finding, (N, 1, S, S) float32 in 0-1."""

    images: Tensor
    finding: Tensor


def require_size(size: int) -> None:
    """Check the side of a network's input.

    Raises:
        InputRefused: E107, it is not divisible by 16, or outside 64 to 1024.
    """
    if size % DIVISOR or not SIZES[0] <= size <= SIZES[1]:
        raise InputRefused(
            "E107", "--size", str(size),
            f"a multiple of {DIVISOR} from {SIZES[0]} to {SIZES[1]}", "choose one, such as 512",
        )  # fmt: skip


def train(
    stored: Stored, settings: Settings, recipe: Recipe, out: Path, device: str,
    report: Callable[[Event], None],
) -> tuple[nn.Module, list[Row]]:  # fmt: skip
    """The trained network, (N, 1, S, S) in 0-1 to (N, 1, S, S) logits, and the rows of its log.

    Raises: as `loop.train`; InputRefused E107, no such architecture or size.
    """
    require_size(settings.size)
    torch.manual_seed(recipe.seed)
    net = architectures.segmentation(settings.architecture, 1, settings.width, settings.keep)
    return net, loop.train(net, task(stored, settings, recipe), recipe, out, device, report)


def task(stored: Stored, settings: Settings, recipe: Recipe) -> Task[Batch]:
    """What the loop needs to know of this model and its data."""
    positive = np.array([case.positive for case in stored.cases], bool)
    places = np.array(stored.places("train"), int)
    drawn = draws(places[positive[places]], places[~positive[places]], settings.positive_share)

    def batch(numbers: Sequence[int], epoch: int) -> Batch:
        copies = []
        for number in numbers:
            place = int(drawn[number])
            rng = generator(recipe.seed, epoch, number, stored.cases[place].image_id)
            copies.append(changed(*stored.pair(place), settings.size, rng))
        images = np.stack([preprocess(image) for image, _ in copies])[:, None]
        finding = np.stack([target for _, target in copies])[:, None]
        return Batch(torch.from_numpy(images), torch.from_numpy(finding))

    def loss(net: nn.Module, batch: Batch, device: str) -> Tensor:
        images = batch.images.to(device=device, memory_format=torch.channels_last)
        return loss_of(net(images).float(), batch.finding.to(device))

    return Task(
        draws=len(drawn),
        batch=batch,
        loss=loss,
        measure=lambda net, device: validation(net, stored, settings.size, device),
        score="challenge_dice",
        facts={"task": "finding", "settings": asdict(settings), "data": _fingerprint(stored)},
        names=lambda numbers: [stored.cases[int(drawn[n])].image_id for n in numbers],
    )


def draws(positive: np.ndarray, negative: np.ndarray, share: float) -> np.ndarray:
    """The images of an epoch's draws: every image once, and those that are short again.

    Args:
        positive: numbers of the images with the finding.
        negative: of those without.
        share: of the draws that have the finding, between 0 and 1.
    """
    wanted = round(len(negative) * share / (1 - share))
    if wanted >= len(positive):
        return np.concatenate([np.resize(positive, wanted), negative])
    return np.concatenate(
        [positive, np.resize(negative, round(len(positive) * (1 - share) / share))]
    )


def changed(
    image: np.ndarray, mask: np.ndarray, size: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A moved and newly exposed copy: (size, size) uint8, and the finding, float32 in 0-1.

    Nothing is drawn into the lung as for lung masks: a disc of gas or a line looks like what is to
    be found.
    """
    copy, finding, _ = moved(image, mask, np.zeros_like(mask), size, rng)
    return exposure(copy.astype(np.float32), rng), finding


def loss_of(logits: Tensor, finding: Tensor) -> Tensor:
    """(N,) float32: mean binary cross entropy, and 1 - Dice where the mask has pixels.

    Args:
        logits: (N, 1, S, S) float32.
        finding: (N, 1, S, S) float32 in 0-1; a mask has pixels where it exceeds one half.
    """
    each = functional.binary_cross_entropy_with_logits(logits, finding, reduction="none")
    probability, finding = torch.sigmoid(logits).flatten(1), finding.flatten(1)
    present = (finding > 0.5).any(1)
    total = torch.where(present, probability.sum(1) + finding.sum(1), 1.0)
    dice = 2 * (probability * finding).sum(1) / total
    return each.flatten(1).mean(1) + torch.where(present, 1 - dice, 0.0)


def validation(net: nn.Module, stored: Stored, size: int, device: str) -> Row:
    """The challenge's score under the best decision, Dice of the positives at .5, and AUROC.

    Measured on the network's own grid; {} where nothing is held back.
    """
    decisions, dice, highest, truth = [], [], [], []
    for probability, drawn in predictions(net, stored, size, device):
        scores = finding_scores.dice_of_decisions(probability, drawn)
        decisions.append(scores)
        if drawn.any():
            dice.append(scores[finding_scores.THRESHOLDS.index(0.5), 0])
        highest.append(float(probability.max()))
        truth.append(int(drawn.any()))
    if not decisions:
        return {}
    _, best = finding_scores.choose(decisions)
    auroc = ranking.auroc(np.array(highest), np.array(truth))
    return {
        "challenge_dice": best,
        "dice_of_positives": float(np.mean(dice)) if dice else float("nan"),
        "auroc": auroc,
    }


@torch.no_grad()
def predictions(
    net: nn.Module, stored: Stored, size: int, device: str
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Probability, (S, S) float32, and drawn mask, bool, of each validation image in turn."""
    places = stored.places("validate")
    for start in range(0, len(places), _AT_ONCE):
        pairs = [stored.pair(k) for k in places[start : start + _AT_ONCE]]
        images = np.stack([preprocess(squash(image, size)) for image, _ in pairs])[:, None]
        x = torch.from_numpy(images).to(device=device, memory_format=torch.channels_last)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = net(x)
        found = torch.sigmoid(logits[:, 0].float()).cpu().numpy()
        for probability, (_, mask) in zip(found, pairs, strict=True):
            yield probability, masks.resize_mask(mask, size, size)


def _fingerprint(stored: Stored) -> str:
    lines = [f"{c.archive}\t{c.image_id}\t{c.positive}\n" for c in stored.cases]
    return hashlib.sha256("".join([split_hash(stored.cases), *lines]).encode()).hexdigest()
