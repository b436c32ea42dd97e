"""`cxr train pictures`: the network of the picture checks, trained, measured and written."""

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cxrkit.models import onnx_files, weights_file
from cxrkit.models.picture_net import OUTPUTS, SIZE
from cxrkit.quality import picture_kind, pictures
from cxrkit.quality.picture_kind import Network
from cxrkit.terms import SPLITS
from cxrkit.training import loop, model_card, picture_scores
from cxrkit.training import pictures as training
from cxrkit.training import samples as gathering
from cxrkit.training.cases import split_hash
from cxrkit.training.loop import Event, Recipe
from cxrkit.training.pictures import Settings
from cxrkit.training.samples import Sample

VALIDATE, TEST = 0.05, 0.15  # the shares of the lung model, whose test patients are held back here
SIDES = (512, 1500)  # pixels of the longer side of the phantoms that are measured on
ARCHITECTURE = "picture-net"
LIMITS = (
    "Every lateral view, collage and picture of something else that it learnt from is computed or "
    "put together; no real lateral view was at hand to measure on.",
    "A heart on the right side by disease or dextrocardia looks like a mirrored picture.",
)


def run(
    sources: Sequence[str], unseen: Sequence[str], settings: Settings, recipe: Recipe, out: Path,
    report: Callable[[Event], None], prepared: Callable[[str], None], computed: int = 100,
) -> dict[str, Any]:  # fmt: skip
    """Train on ARCHIVE:ROOT sources, write the weights folder `out` and return its card.

    Args:
        sources: archives of frontal radiographs; their patients are split first.
        unseen: archives of which nothing is learnt; they are measured on only.
        settings: what is drawn.
        recipe: how it is trained.
        out: the folder; a run that was interrupted there goes on.
        report: called after each step and epoch.
        prepared: called with a line while pictures are computed.
        computed: phantoms of each view, scenes and even pictures that are measured on.

    Raises: as `samples.gather`, `samples.split` and `loop.train`.
    """
    seed = recipe.seed
    learnt = gathering.split(_on_disk(sources), VALIDATE, TEST, seed)
    net, _ = training.train(learnt, settings, recipe, out, loop.device(), report, prepared)
    data = onnx_files.float32(net, {"image": torch.zeros(2, 1, SIZE, SIZE)}, ["logits"])
    weights_file.write(out, net, ARCHITECTURE, {})
    (out / "model.onnx").write_bytes(data)
    card = _card(net, learnt, settings, recipe) | {
        "files": {"float32": {"file": "model.onnx", "sha256": hashlib.sha256(data).hexdigest()}}
    }
    model_card.write(out, card)  # `load` checks the file against it
    prepared("measuring on held-back patients, unseen archives and phantoms")
    card["scores"] = measured(learnt, _on_disk(unseen), picture_kind.load(out), seed, computed)
    model_card.write(out, card)
    _write_split(out / "split.csv", learnt)
    return card


def measured(
    learnt: Sequence[Sample], unseen: Sequence[Sample], network: Network, seed: int, count: int
) -> dict[str, dict[str, Any]]:
    """False flags of good radiographs and recall of changed ones, by where they are from.

    Args:
        learnt: of which "test" is measured.
        unseen: all of them.
        network: what is measured.
        seed: of the phantoms, scenes and pairs.
        count: of phantoms of each view, scenes and even pictures.
    """
    groups = {f"{name}, held back": found for name, found in _by_archive(learnt, "test").items()}
    groups |= {f"{name}, unseen": found for name, found in _by_archive(unseen, "").items()}
    lateral = list(picture_scores.phantoms(count, seed, True, SIDES))
    good = {name: picture_scores.radiographs(found) for name, found in groups.items()}
    good["phantoms"] = list(picture_scores.phantoms(count, seed, False, SIDES))
    recall: dict[str, Any] = {}
    for name, found in good.items():
        partners = [*lateral, *found]
        recall[name] = picture_scores.recall_of_changes(found, partners, network, seed)
    recall["phantoms"] |= {
        "lateral": picture_scores.share("lateral", lateral, network),
        "blank": picture_scores.share("blank", picture_scores.blanks(count, seed), network),
        "not a chest": picture_scores.share(
            "not_a_chest", picture_scores.scenes(count, seed), network
        ),
    }
    false = {name: picture_scores.false_flags(found, network) for name, found in good.items()}
    return {"flagged as they are": false, "found when changed": recall}


def text(card: Mapping[str, Any]) -> str:
    """The scores of a card, a line per group."""
    lines = []
    for name, found in card["scores"]["flagged as they are"].items():
        lines.append(f"{name:24} {found['flagged']} of {found['images']} flagged  {found['flags']}")
    for name, found in card["scores"]["found when changed"].items():
        shares = "  ".join(f"{change} {share:.3f}" for change, share in found.items())
        lines.append(f"{name:24} {shares}")
    return "\n".join(lines)


def _on_disk(sources: Sequence[str]) -> list[Sample]:
    """The frontal radiographs of the sources whose files are there."""
    found = [s for source in sources for s in gathering.gather(source, reports=False)]
    return [s for s in found if s.image and s.image.is_file()]


def _by_archive(samples: Sequence[Sample], split: str) -> dict[str, list[Sample]]:
    out: dict[str, list[Sample]] = {}
    for sample in samples:
        if sample.split == split:
            out.setdefault(sample.archive, []).append(sample)
    return out


def _card(
    net: nn.Module, learnt: Sequence[Sample], settings: Settings, recipe: Recipe
) -> dict[str, Any]:
    return {
        "task": picture_kind.TASK,
        "title": "What a picture shows and how it lies",
        "architecture": ARCHITECTURE,
        "parameters": sum(p.numel() for p in net.parameters()),
        "settings": asdict(settings),
        "outputs": list(training.HEADS),
        "input": {
            "shape": [2, 1, SIZE, SIZE],
            "views": "the picture and its mirror image",
            "range": "mean 0, deviation 1",
            "polarity": "air dark, as far as the file says",
            "resize": "frame left out, area mean, aspect ratio not kept",
        },
        "output": f"{OUTPUTS} logits: {', '.join(picture_kind.KINDS)}; turned clockwise by "
        f"{', '.join(map(str, picture_kind.TURNS))} degrees; inverted; mirrored",
        "recipe": {"limits": dict(pictures.LIMIT)},
        "training": {**asdict(recipe), "loss": "cross-entropy of each label that a picture has"},
        "data": [_data(name, learnt) for name in sorted({s.archive for s in learnt})],
        "split": "whole patients, per archive, before any change",
        "split_sha256": split_hash(learnt),
        "limits": list(LIMITS),
    }


def _data(name: str, learnt: Sequence[Sample]) -> dict[str, Any]:
    own = [s for s in learnt if s.archive == name]
    images = {split: sum(s.split == split for s in own) for split in SPLITS}
    return dict(model_card.data(name, images, len({s.patient_id for s in own})))


def _write_split(path: Path, learnt: Sequence[Sample]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["archive", "image_id", "patient_id", "split"])
        writer.writerows([s.archive, s.image_id, s.patient_id, s.split] for s in learnt)
