"""Train SA-UNet on lung masks: patients split first, one output per mask convention."""

import csv
import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from monai.losses.dice import MaskedDiceLoss
from torch import Tensor
from torch.nn import functional

from cxrkit.errors import GateFailed, InputRefused
from cxrkit.imaging.contrast import clahe
from cxrkit.models.sa_unet import SAUNet
from cxrkit.segmentation import SIZE
from cxrkit.terms import MASK_CONVENTIONS
from cxrkit.training import checkpoint
from cxrkit.training.augment import augment
from cxrkit.training.cases import Case, Pair, read


@dataclass(frozen=True)
class Training:
    """The leak-free recipe of the shipped weights; each field is a flag of the command."""

    epochs: int = 50
    batch: int = 8
    learning_rate: float = 2e-3  # peak of one cycle, AdamW
    weight_decay: float = 1e-4
    width: int = 16  # SA-UNet's start width
    keep: float = 1.0  # DropBlock's share of kept pixels; published: 0.9, see docs/model.md
    seed: int = 0
    repeat: Mapping[str, int] | None = None  # archive: how often an epoch draws each image


@dataclass(frozen=True)
class Batch:
    """Augmented copies: images, lung, valid (N, 1, 224, 224) float32; output (N,) int64."""

    image_ids: tuple[str, ...]
    images: Tensor
    lung: Tensor
    valid: Tensor  # 0 where a mask says neither lung nor background
    output: Tensor  # which output each mask may teach: an index into MASK_CONVENTIONS


def train(
    cases: Sequence[Case],
    training: Training,
    out: Path,
    device: str,
    report: Callable[[Mapping[str, float]], None],
) -> SAUNet:
    """The network after the last epoch; checkpoints and log.csv in `out`, resumed if there.

    Args:
        cases: with their splits; only "train" is learnt from, "validate" is measured per epoch.
        training: the recipe.
        out: the run's folder.
        device: "cpu" or "cuda".
        report: called after each epoch with epoch, loss, learning_rate, seconds and one
            validation Dice per convention.

    Raises:
        InputRefused: E104, `out` holds a run with another recipe or split.
        GateFailed: E901, the loss is not finite; the optimiser has not stepped.
    """
    torch.manual_seed(training.seed)
    net = SAUNet(width=training.width, keep=training.keep).to(device)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(net.parameters(), weight_decay=training.weight_decay)
    facts = {"training": asdict(training), "cases": _fingerprint(cases)}
    first = _resume(out, net, optimiser, facts)
    if first == training.epochs:
        return net
    pairs = [read(c) for c in cases if c.split == "train"]
    held_back = [read(c) for c in cases if c.split == "validate"]
    for epoch in range(first, training.epochs):
        started = time.monotonic()
        loss = _epoch(net, optimiser, pairs, training, epoch, device)
        row = {"epoch": epoch + 1, "loss": loss, "learning_rate": _rate(training, epoch + 1.0)}
        row |= _validation_dice(net, held_back, device)
        checkpoint.write(
            out / "checkpoints",
            epoch + 1,
            dict(net.state_dict()) | checkpoint.optimiser_tensors(optimiser),
            facts,
        )
        row["seconds"] = time.monotonic() - started
        _log(out / "log.csv", row)
        report(row)
    return net


def device() -> str:
    """cuda where there is a GPU, else cpu."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def loss_of(logits: Tensor, batch: Batch) -> Tensor:
    """BCE + (1 - Dice), each averaged over images; each image teaches its convention only.

    Args:
        logits: (N, 2, 224, 224).
        batch: the masks; pixels with valid 0 count in neither term.
    """
    own = logits[torch.arange(len(logits), device=logits.device), batch.output][:, None].float()
    bce = functional.binary_cross_entropy_with_logits(own, batch.lung, reduction="none")
    bce = (bce * batch.valid).sum() / batch.valid.sum().clamp(min=1)
    dice: Tensor = MaskedDiceLoss(sigmoid=True)(own, batch.lung, batch.valid)
    return bce + dice


def batches(pairs: Sequence[Pair], training: Training, epoch: int) -> Iterator[Batch]:
    """One epoch's augmented batches, in an order and with changes drawn from (seed, epoch)."""
    repeat = training.repeat or {}
    draws = [(p, n) for p in pairs for n in range(repeat.get(p.case.archive, 1))]
    order = np.random.default_rng([training.seed, epoch]).permutation(len(draws))
    chunks = [order[i : i + training.batch] for i in range(0, len(order), training.batch)]
    with ThreadPoolExecutor(1) as ahead:  # the next batch is drawn while this one is learnt
        pending = None
        for chunk in chunks:
            ready = pending
            picked = [draws[i] for i in chunk]
            pending = ahead.submit(_batch, picked, training.seed, epoch)
            if ready is not None:
                yield ready.result()
        if pending is not None:
            yield pending.result()


def _batch(picked: Sequence[tuple[Pair, int]], seed: int, epoch: int) -> Batch:
    images, lungs, valids = [], [], []
    for pair, draw in picked:
        rng = np.random.default_rng([seed, epoch, draw, _number(pair.case.image_id)])
        image, lung, ignore = augment(pair.image, pair.lung, pair.ignore, SIZE, rng)
        images.append(clahe(image).astype(np.float32) / 255)
        lungs.append(lung)
        valids.append((ignore < 0.5).astype(np.float32))
    outputs = [MASK_CONVENTIONS.index(pair.case.convention) for pair, _ in picked]
    return Batch(
        tuple(pair.case.image_id for pair, _ in picked),
        torch.from_numpy(np.stack(images)[:, None]),
        torch.from_numpy(np.stack(lungs)[:, None]),
        torch.from_numpy(np.stack(valids)[:, None]),
        torch.tensor(outputs),
    )


def _epoch(
    net: SAUNet,
    optimiser: torch.optim.Optimizer,
    pairs: Sequence[Pair],
    training: Training,
    epoch: int,
    device: str,
) -> float:
    """The mean loss of one epoch; everything random comes from (seed, epoch)."""
    torch.manual_seed(training.seed * 100_003 + epoch)
    net.train()
    repeat = training.repeat or {}
    steps = math.ceil(sum(repeat.get(p.case.archive, 1) for p in pairs) / training.batch)
    losses = []
    for step, batch in enumerate(batches(pairs, training, epoch)):
        for group in optimiser.param_groups:
            group["lr"] = _rate(training, epoch + step / steps)
        batch = _on(batch, device)
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = net(batch.images)
        loss = loss_of(logits, batch)
        if not torch.isfinite(loss):
            raise GateFailed(
                "E901",
                f"epoch {epoch + 1}, images {', '.join(batch.image_ids)}",
                "the loss is not finite",
                "a number",
                "look at these images and masks, or lower the learning rate; "
                "the last checkpoint is good",
            )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        losses.append(loss.item())
    return float(np.mean(losses))


def _rate(training: Training, epoch: float) -> float:
    """One cycle (Smith 2018, arXiv:1803.09820): linear up over a tenth, cosine down to 1 %."""
    at = epoch / training.epochs
    if at < 0.1:
        return training.learning_rate * (0.1 + 0.9 * at / 0.1)
    fall = 0.5 * (1 + math.cos(math.pi * min(1.0, (at - 0.1) / 0.9)))
    return training.learning_rate * (0.01 + 0.99 * fall)


@torch.no_grad()
def _validation_dice(net: SAUNet, pairs: Sequence[Pair], device: str) -> dict[str, float]:
    """Mean per-image Dice of the raw output at 0.5, per convention that has images."""
    net.eval()
    scores: dict[str, list[float]] = {}
    for pair in pairs:
        image = cv2.resize(pair.image, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
        x = torch.from_numpy(clahe(image)).to(device).float()[None, None] / 255
        with torch.autocast(device, dtype=torch.bfloat16):
            logits = net(x.to(memory_format=torch.channels_last))
        index = MASK_CONVENTIONS.index(pair.case.convention)
        found = (logits[0, index] > 0).cpu().numpy()
        side = np.arange(SIZE) * len(pair.lung) // SIZE
        lung, valid = (m[np.ix_(side, side)] for m in (pair.lung, ~pair.ignore))
        overlap = int((found & lung & valid).sum())
        total = int((found & valid).sum()) + int((lung & valid).sum())
        scores.setdefault(pair.case.convention, []).append(2 * overlap / total if total else 1.0)
    return {f"dice_{name}": float(np.mean(values)) for name, values in sorted(scores.items())}


def _resume(
    out: Path, net: SAUNet, optimiser: torch.optim.Optimizer, facts: Mapping[str, object]
) -> int:
    """The number of epochs already done, their state put into `net` and `optimiser`."""
    found = checkpoint.latest(out / "checkpoints")
    if found is None:
        return 0
    tensors, saved = found
    wanted = json.loads(json.dumps(facts))
    for name in ("training", "cases"):
        if saved[name] != wanted[name]:
            raise InputRefused(
                "E104", str(out), f"a run with {name} {saved[name]}", f"{wanted[name]}",
                "train into another folder",
            )  # fmt: skip
    net.load_state_dict({k: v for k, v in tensors.items() if not k.startswith("optimiser.")})
    checkpoint.restore_optimiser(optimiser, tensors)
    return int(saved["epoch"])


def _fingerprint(cases: Sequence[Case]) -> str:
    lines = sorted(f"{c.archive}\t{c.image_id}\t{c.split}\t{c.convention}\n" for c in cases)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _on(batch: Batch, device: str) -> Batch:
    images = batch.images.to(device=device, memory_format=torch.channels_last)
    rest = (t.to(device) for t in (batch.lung, batch.valid, batch.output))
    return Batch(batch.image_ids, images, *rest)


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _log(path: Path, row: Mapping[str, float]) -> None:
    new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(row))
        if new:
            writer.writeheader()
        writer.writerow(row)
