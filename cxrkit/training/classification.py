"""Train a classifier of observations: patients split first, unknown labels teach nothing."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit import model_folder
from cxrkit.classification import Input, channels
from cxrkit.errors import InputRefused
from cxrkit.models import weights_file
from cxrkit.models.classifier import WIDTHS, Classifier, classifier
from cxrkit.segmentation import SIZE
from cxrkit.terms import MaskConvention, Split
from cxrkit.training import loop, planes, ranking, targets
from cxrkit.training.augment import affine, exposure
from cxrkit.training.cases import split_hash
from cxrkit.training.loop import Event, Recipe, Row, Task
from cxrkit.training.planes import Planes
from cxrkit.training.samples import Sample
from cxrkit.training.targets import NotMentioned, Observation, Uncertain

# The most that an image with an observation counts against one without, where few have it: beyond,
# a handful of images would make every step.
HEAVIEST = 10.0
_AT_ONCE = 32  # images of one pass when nothing is learnt


@dataclass(frozen=True)
class Choice:
    """What is learnt from what; each field is a flag of the command."""

    observations: tuple[Observation, ...]
    input: Input = "image"
    uncertain: Uncertain = "ignore"
    not_mentioned: NotMentioned = "zeros"
    architecture: str = "small"
    width: int = 0  # channels of the first convolution; 0: the architecture's own
    mirror: bool = False  # learn from mirrored copies too: the heart then lies on either side
    start: str = ""  # SHA-256 of the weights that it starts from; "" for fresh ones

    @property
    def names(self) -> tuple[str, ...]:
        """The observations."""
        return tuple(o.name for o in self.observations)


@dataclass(frozen=True)
class Data:
    """Samples with a label, their planes (N, 2, 224, 224) uint8 and their targets (N, K)."""

    samples: tuple[Sample, ...]
    pixels: np.ndarray  # of all samples that were read
    rows: np.ndarray  # (N,) which of `pixels` is of which sample
    taught: np.ndarray  # as the loss sees them
    judged: np.ndarray  # as they are scored: uncertain is not a number, whatever was taught
    left_out: tuple[str, ...]  # a line for each image that could not be read
    unlabelled: int  # images that say nothing of any of the observations
    mask_convention: MaskConvention

    def places(self, split: Split) -> np.ndarray:
        """The numbers of the samples of a split."""
        return np.array([k for k, s in enumerate(self.samples) if s.split == split], int)

    def planes(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        """The radiograph, (224, 224) uint8, and the lungs, (224, 224) bool, of a sample."""
        image, lungs = self.pixels[self.rows[place]]
        return np.asarray(image), np.asarray(lungs > 127)


@dataclass(frozen=True)
class Batch:
    """Images (n, C, 224, 224) float32 in 0-1, targets (n, K) float32 with gaps."""

    images: Tensor
    targets: Tensor


def prepare(
    samples: Sequence[Sample], choice: Choice, folder: Path, convention: MaskConvention,
    workers: int, progress: Callable[[int, int], None] = lambda done, of: None,
) -> Data:  # fmt: skip
    """The samples with a label, checked, and their planes, which are kept in `folder`.

    Args:
        samples: with their splits.
        choice: observations and what an uncertain or absent label says.
        folder: of the run; nothing is written to it before the labels and splits are checked.
        convention: of the lung masks, where a sample brings none.
        workers: threads that read images.
        progress: called with the images read and their number.

    Raises:
        InputRefused: E101, no image can be read; E107, an unknown observation, or a dataset without
            its archive where whole radiographs are asked for; E108, bad labels, or a split without
            an image that has an observation or without one that has not; E109, an empty split, one
            patient.
    """
    wanted = choice.observations
    targets.require_known(samples, wanted)
    convention = planes.convention(samples, convention)
    labelled, _, _ = _labelled(samples, choice)
    _require_learnable(labelled, choice)
    _require_whole(labelled, choice)
    made = planes.make(labelled, folder, convention, workers, progress)
    if not made.samples:
        raise InputRefused(
            "E101", "the sources", f"none of {len(labelled)} images can be used, the first for: "
            f"{made.left_out[0][1]}", "radiographs",
            "give the archive itself; of a dataset, the one that it was built from with --images",
        )  # fmt: skip
    kept, taught, judged = _labelled(made.samples, choice)
    _require_learnable(kept, choice)
    return Data(
        samples=tuple(kept),
        pixels=made.pixels,
        rows=_rows(made, kept),
        taught=taught,
        judged=judged,
        left_out=tuple(line for _, line in made.left_out),
        unlabelled=len(samples) - len(labelled),
        mask_convention=convention,
    )


def network(choice: Choice, seed: int) -> Classifier:
    """The network of the choice with fresh weights that depend on the seed alone."""
    torch.manual_seed(seed)
    width = choice.width or WIDTHS.get(choice.architecture, 0)
    inputs = 2 if choice.input == "both" else 1
    return classifier(choice.architecture, inputs, len(choice.observations), width)


def train(
    data: Data, choice: Choice, recipe: Recipe, out: Path, device: str,
    report: Callable[[Event], None], start: Mapping[str, Tensor] | None = None,
) -> tuple[Classifier, list[Row]]:  # fmt: skip
    """The trained network and the rows of its log; see `loop.train`.

    `start` are the tensors of `choice.start`, as `begun` reads them.
    """
    net = network(choice, recipe.seed)
    if start is not None:
        net.load_state_dict(dict(start))
    return net, loop.train(net, task(data, choice, recipe), recipe, out, device, report)


def begun(folder: Path, data: Data, choice: Choice) -> tuple[Choice, dict[str, Tensor]]:
    """The choice with the weights of a finished run to start from, and their tensors.

    Raises:
        InputRefused: E506, a network of another kind, or for other observations; E109, it learnt
            from another split, so that patients to test on may have taught it; and as
            `model_folder.card` and `weights_file.read`.
        IntegrityFailure: E503, its files are not those of its card.
    """
    card = model_folder.card(folder, "classification")
    tensors, sidecar = weights_file.read(folder, choice.architecture)
    fresh = network(choice, 0).state_dict()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != {n: tuple(t.shape) for n, t in fresh.items()} or card["observations"] != list(
        choice.names
    ):
        raise InputRefused(
            "E506", str(folder), "other observations, input or width", "those of this run",
            "give the options that it was trained with",
        )  # fmt: skip
    if card["split_sha256"] != split_hash(data.samples):
        raise InputRefused(
            "E109", str(folder), "it was trained on another split",
            "the same images in the same splits", "give the sources, shares and seed of that run",
        )  # fmt: skip
    return replace(choice, start=sidecar["sha256"]), tensors


def task(data: Data, choice: Choice, recipe: Recipe) -> Task[Batch]:
    """What the loop needs to know of this model and its data."""
    places = data.places("train")
    weights = torch.from_numpy(positive_weights(data.taught[places]))
    held_back = data.places("validate")

    def batch(draws: Sequence[int], epoch: int) -> Batch:
        images = []
        for draw in draws:
            rng = np.random.default_rng([recipe.seed, 2, epoch, draw])
            copy = changed(*data.planes(places[draw]), choice.mirror, rng)
            images.append(channels(*copy, choice.input))
        return Batch(
            torch.from_numpy(np.stack(images)), torch.from_numpy(data.taught[places[list(draws)]])
        )

    def loss(net: nn.Module, batch: Batch, device: str) -> Tensor:
        images = batch.images.to(device, memory_format=torch.channels_last)
        return losses(net(images), batch.targets.to(device), weights.to(device))

    def measure(net: nn.Module, device: str) -> Row:
        return scores(logits(net, data, held_back, choice, device), data.judged[held_back], choice)

    return Task(
        draws=len(places),
        batch=batch,
        loss=loss,
        measure=measure,
        score="auroc",
        facts=_facts(data, choice),
        names=lambda draws: [data.samples[places[d]].image_id for d in draws],
    )


def losses(logits: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
    """(n,) float32 binary cross-entropies, each the mean over an image's known observations.

    Args:
        logits: (n, K).
        targets: (n, K), 1, 0 or not a number, which teaches nothing.
        weights: (K,), what an image that has the observation counts against one that has not.
    """
    known = ~torch.isnan(targets)
    truth = torch.where(known, targets, 0)
    each = functional.binary_cross_entropy_with_logits(
        logits.float(), truth, pos_weight=weights, reduction="none"
    )
    mean: Tensor = (each * known).sum(1) / known.sum(1).clamp(min=1)
    return mean


def positive_weights(taught: np.ndarray) -> np.ndarray:
    """(K,) float32: images without each observation for one that has it, 1 / 10 to 10."""
    present, absent = (taught == 1).sum(0), (taught == 0).sum(0)
    ratio = absent / np.maximum(present, 1)
    weights: np.ndarray = np.clip(ratio, 1 / HEAVIEST, HEAVIEST).astype(np.float32)
    return weights


def changed(
    image: np.ndarray, lungs: np.ndarray, mirror: bool, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """One changed copy of (224, 224) uint8 and bool planes: moved once, then exposed anew."""
    matrix = affine(image.shape, SIZE, rng)
    if not mirror and np.linalg.det(matrix[:, :2]) < 0:
        matrix[0] *= -1  # mirror it back
        matrix[0, 2] += SIZE - 1
    fill = 0 if rng.random() < 0.7 else int(rng.integers(0, 256))
    stack = np.dstack([image, lungs.astype(np.uint8) * 255])
    moved = cv2.warpAffine(
        stack, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderValue=(fill, 0)
    )
    return exposure(moved[..., 0].astype(np.float32), rng), moved[..., 1] > 127


@torch.no_grad()
def logits(
    net: nn.Module, data: Data, places: np.ndarray, choice: Choice, device: str
) -> np.ndarray:
    """(n, K) float64 logits of unchanged samples."""
    net.eval()
    found = [np.zeros((0, len(choice.observations)))]
    for images in _inputs(data, places, choice):
        with torch.autocast(device, dtype=torch.bfloat16):
            out = net(images.to(device, memory_format=torch.channels_last))
        found.append(out.float().cpu().numpy().astype(np.float64))
    return np.concatenate(found)


def scores(logits: np.ndarray, judged: np.ndarray, choice: Choice) -> Row:
    """AUROC of each observation, their mean, and the mean log-likelihood of the known labels."""
    known = np.isfinite(judged)
    areas = {
        name: ranking.auroc(logits[known[:, k], k], judged[known[:, k], k])
        for k, name in enumerate(choice.names)
    }
    truth = np.where(known, judged, 0)
    loss = np.where(known, np.logaddexp(0, logits) - truth * logits, 0).sum() / known.sum()
    each = {f"auroc {name}": area for name, area in areas.items()} if len(areas) > 1 else {}
    return {"auroc": float(np.nanmean(list(areas.values()))), "loss_validate": float(loss), **each}


def _inputs(data: Data, places: np.ndarray, choice: Choice) -> Iterator[Tensor]:
    for start in range(0, len(places), _AT_ONCE):
        pictures = [
            channels(*data.planes(int(k)), choice.input) for k in places[start : start + _AT_ONCE]
        ]
        yield torch.from_numpy(np.stack(pictures))


def _labelled(
    samples: Sequence[Sample], choice: Choice
) -> tuple[list[Sample], np.ndarray, np.ndarray]:
    """The samples that say something of an observation, what is taught of them and judged."""
    arguments = choice.observations, choice.not_mentioned
    taught = targets.table(samples, arguments[0], choice.uncertain, arguments[1])
    judged = targets.table(samples, arguments[0], "ignore", arguments[1])
    splits = np.array([s.split for s in samples])
    known = np.where(splits == "train", np.isfinite(taught).any(1), np.isfinite(judged).any(1))
    kept = [s for s, some in zip(samples, known, strict=True) if some]
    return kept, taught[known], judged[known]


def _require_learnable(samples: Sequence[Sample], choice: Choice) -> None:
    targets.require_splits(samples)
    learnt = targets.table(samples, choice.observations, choice.uncertain, choice.not_mentioned)
    judged = targets.table(samples, choice.observations, "ignore", choice.not_mentioned)
    train = np.array([s.split == "train" for s in samples])
    targets.require_both(samples, np.where(train[:, None], learnt, judged), choice.observations)


def _require_whole(samples: Sequence[Sample], choice: Choice) -> None:
    partial = next((s for s in samples if s.image is None), None)
    if partial is not None and choice.input != "lungs":
        raise InputRefused(
            "E107", "--images", f"a dataset of {partial.archive} holds lungs alone",
            "the archive that it was built from", "give its folder, or --input lungs",
        )  # fmt: skip


def _rows(made: Planes, kept: Sequence[Sample]) -> np.ndarray:
    place = {(s.archive, s.image_id): k for k, s in enumerate(made.samples)}
    return np.array([place[s.archive, s.image_id] for s in kept], int)


def _facts(data: Data, choice: Choice) -> dict[str, object]:
    """What a run must share with the one that it resumes."""
    digest = hashlib.sha256(np.nan_to_num(data.taught, nan=-9).tobytes()).hexdigest()
    return {
        "task": "classification",
        "choice": json.loads(json.dumps(asdict(choice))),
        "split": split_hash(data.samples),
        "targets": digest,
        "mask_convention": data.mask_convention,
    }
