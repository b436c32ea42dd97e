"""A report generator from archive to finished folder, of one of four kinds."""

import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit.classification import Classifier
from cxrkit.errors import InputRefused
from cxrkit.labelling import scores
from cxrkit.models import report_decoder, weights_file
from cxrkit.models.report_decoder import LAYERS
from cxrkit.report_writing import bank
from cxrkit.report_writing import seen as seeing
from cxrkit.report_writing.seen import NOTHING, Seen
from cxrkit.report_writing.thresholds import Threshold
from cxrkit.report_writing.writers import Kind
from cxrkit.training import (
    pixel_store,
    planes,
    report_generation,
    report_observer,
    report_release,
    report_targets,
    report_thresholds,
    samples,
    sentence_bank,
    targets,
)
from cxrkit.training.loop import Recipe
from cxrkit.training.planes import Planes
from cxrkit.training.report_observer import FOLDER as CLASSIFIER
from cxrkit.training.report_observer import PLANES, Observer, Room
from cxrkit.training.report_release import Look, Model
from cxrkit.training.report_targets import Target, part
from cxrkit.training.samples import Sample

FEATURES = "features.npy"  # of the decoder, while it is trained; of `nearest`, for good
# What a run leaves in its folder; anything else there is somebody's own.
_OURS = (PLANES, CLASSIFIER, "checkpoints", "lock", "card.json")
_AT_ONCE = 64  # images that threads look at before the next ones are read


@dataclass(frozen=True)
class Plan:
    """What is trained; each field is a flag of the command."""

    kind: Kind
    observer: Observer
    decoder: report_generation.Choice
    recipe: Recipe  # of the decoder
    validate: float  # share of images, where the classifier brings no split
    test: float
    seed: int  # of the split


def run(gathered: Sequence[Sample], plan: Plan, room: Room) -> dict[str, Any]:
    """The card of the finished run in `room.out`; an interrupted run goes on.

    Args:
        gathered: from `samples.gather`, reports included.
        plan: what is trained.
        room: where.

    Raises:
        InputRefused: E104, `room.out` holds a run of another kind; E105, it holds something else;
            E108, no reports, or labels that cannot be learnt; E109, an empty split or one patient;
            E506, the folder of the classifier is one of another task.
    """
    _require_ours(room.out, plan.kind)
    found, left = report_targets.targets(gathered)
    found = split(found, plan)
    if plan.kind == "constant":
        return report_release.write(_constant(found), found, left, _blind, room.out)
    own = report_observer.observer(found, plan.observer, room)
    pixels = room.out / PLANES
    made = planes.make(
        [t.sample for t in found], pixels, own.classifier.mask_convention, room.workers,
        room.progress,
    )  # fmt: skip
    found, left = _readable(found, left, made)
    look = _looking(own.classifier, made, room.workers)
    make = {"nearest": _nearest, "sentences": _sentences, "decoder": _decoder}[plan.kind]
    model = make(found, plan, look, room)
    model = replace(model, files={**model.files, **own.files}, facts={**model.facts, **own.facts})
    card = report_release.write(model, found, left, look, room.out)
    pixel_store.remove(pixels)
    return card


def split(found: Sequence[Target], plan: Plan) -> list[Target]:
    """The targets with their split: that of the classifier given, else whole patients by a hash.

    Raises:
        InputRefused: E109, an empty split or one patient.
    """
    every = [t.sample for t in found]
    known = report_observer.split_of(plan.observer)
    if any((s.archive, s.patient_id) in known for s in every):
        # What the classifier learnt from is no test; patients it never saw may teach.
        every = [replace(s, split=known.get((s.archive, s.patient_id), "train")) for s in every]
    else:
        every = samples.split(every, plan.validate, plan.test, plan.seed)
    targets.require_splits(every)
    by_image = {(s.archive, s.image_id): s for s in every}
    named = ((t, by_image[t.sample.archive, t.sample.image_id]) for t in found)
    return sorted(
        (replace(t, sample=s) for t, s in named),
        key=lambda t: (t.sample.archive, t.sample.image_id),
    )


def _require_ours(out: Path, kind: Kind) -> None:
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not any((out / n).exists() for n in _OURS)):
        raise InputRefused(
            "E105", str(out), "it holds something else", "a new folder, or that of this run",
            "choose another OUT",
        )  # fmt: skip
    if (out / "card.json").exists():
        card = json.loads((out / "card.json").read_text(encoding="utf-8"))
        if card.get("model") != kind:
            raise InputRefused(
                "E104", str(out), f"a finished run of {card.get('model', card.get('task'))}", kind,
                "train into another folder",
            )  # fmt: skip


def _readable(
    found: Sequence[Target], left: Sequence[tuple[Sample, str]], made: Planes
) -> tuple[list[Target], list[tuple[Sample, str]]]:
    """The targets whose image could be read, and the others beside those already left out."""
    bad = {(s.archive, s.image_id) for s, _ in made.left_out}
    kept = [t for t in found if (t.sample.archive, t.sample.image_id) not in bad]
    targets.require_splits([t.sample for t in kept])
    return kept, [*left, *((s, "unreadable image") for s, _ in made.left_out)]


def _blind(found: Sequence[Target]) -> Iterator[Seen]:
    """No classifier looks at the images."""
    yield from [NOTHING] * len(found)


def _looking(classifier: Classifier, made: Planes, workers: int) -> Look:
    """What the classifier sees of targets, in their order, images read by threads."""
    rows = {(s.archive, s.image_id): row for row, s in enumerate(made.samples)}

    def one(target: Target) -> Seen:
        image, lungs = made.pixels[rows[target.sample.archive, target.sample.image_id]]
        return seeing.look(np.asarray(image), np.asarray(lungs) > 127, classifier)

    def look(found: Sequence[Target]) -> Iterator[Seen]:
        with ThreadPoolExecutor(max(1, workers)) as pool:
            for start in range(0, len(found), _AT_ONCE):
                yield from pool.map(one, found[start : start + _AT_ONCE])

    return look


def _constant(found: Sequence[Target]) -> Model:
    """The most frequent normal report of the training images."""
    training = part(found, "train")
    text = scores.constant([t.text for t in training])
    sections = next(((t.findings, t.impression) for t in training if t.text == text), (text, ""))
    return Model("constant", {"report": ("report.json", _json(sections))})


def _nearest(found: Sequence[Target], plan: Plan, look: Look, room: Room) -> Model:
    """The training reports and what the classifier sees of their images."""
    training = part(found, "train")
    pooled = np.stack([seen.pooled for seen in look(training)])
    centre = pooled.mean(axis=0)
    features = seeing.direction(pooled, centre).astype(np.float16)
    texts = [(t.findings, t.impression) for t in training]
    return Model(
        "nearest",
        {
            "features": (FEATURES, _npy(features)),
            "centre": ("centre.npy", _npy(centre)),
            "reports": ("reports.json", _json(texts)),
        },
        {"likeness": "cosine of the classifier's features, pooled, from their mean in train"},
    )


def _sentences(found: Sequence[Target], plan: Plan, look: Look, room: Room) -> Model:
    """A bank of sentences and the thresholds of what is said."""
    training, held_back = part(found, "train"), part(found, "validate")
    known = [seen.probabilities for seen in look(held_back)]
    chosen = report_thresholds.choose(held_back, known, training)
    mined = sentence_bank.mine(training)
    return Model(
        "sentences",
        {"bank": ("bank.json", bank.write(mined).encode())},
        {
            "thresholds": {name: asdict(t) for name, t in chosen.items()},
            "bank": {"sentences": len(mined.entries), "normal": mined.normal},
            "cannot_say": _unsayable(mined, chosen),
        },
        {"thresholds": "highest micro label F1 of the validation images"},
    )


def _unsayable(mined: bank.Bank, chosen: dict[str, Threshold]) -> list[str]:
    """What a threshold may ask for and no sentence of its own says."""
    said = {e.says for e in mined.entries if not e.excludes}
    asked = {
        **{name: 1 for name, t in chosen.items() if t.present <= 1},
        **{name: -1 for name, t in chosen.items() if t.uncertain < t.present},
    }
    words = {1: "present", -1: "uncertain"}
    return [f"{o} {words[state]}" for o, state in asked.items() if ((o, state),) not in said]


def _decoder(found: Sequence[Target], plan: Plan, look: Look, room: Room) -> Model:
    """A trained decoder, its vocabulary and its weights."""
    learnt = [t for t in found if t.sample.split != "test"]
    features = _maps(learnt, look, room.out / FEATURES)
    data = report_generation.prepare(learnt, features, plan.decoder)
    net, rows = report_generation.train(
        data, plan.decoder, plan.recipe, room.out, room.device, room.report
    )
    weights_file.write(room.out, net, "report-decoder", net.settings)
    (room.out / FEATURES).unlink()
    return Model(
        "decoder",
        {
            "step": ("decoder.onnx", report_decoder.onnx_file(net)),
            "vocabulary": ("vocabulary.json", _json(data.vocabulary.words)),
        },
        {
            "parameters": sum(p.numel() for p in net.parameters()),
            "settings": net.settings,
            "state": [LAYERS, plan.decoder.width],
            "longest": plan.decoder.longest,
            "beam": plan.decoder.beam,
            "beam_rank": "log probability / ((5 + words) / 6) ** 0.7",
        },
        {**asdict(plan.recipe), "loss": "cross entropy, mean over a report's known words"},
        rows,
        holds_reports=False,
    )


def _maps(found: Sequence[Target], look: Look, path: Path) -> np.ndarray:
    """(N, S, F) float16 features of each place, in a file: they may be more than the memory."""
    path.parent.mkdir(parents=True, exist_ok=True)
    maps: np.ndarray | None = None
    for row, seen in enumerate(look(found)):
        if maps is None:
            shape = (len(found), *seen.places.shape)
            maps = np.lib.format.open_memmap(path, "w+", np.float16, shape)
        maps[row] = seen.places
    assert maps is not None
    return maps


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=0, ensure_ascii=False) + "\n").encode("utf-8")


def _npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def text(card: Mapping[str, Any]) -> str:
    """The test scores of a card, a line for each way of writing."""
    lines = []
    for name, s in card["scores"]["reports"].items():
        low, high = s.get("label_f1_micro_95_interval", (math.nan, math.nan))
        lines.append(
            f"{name:16} label F1 {s['label_f1_micro']:.3f} [{low:.3f}, {high:.3f}]  "
            f"macro {s['label_f1_macro']:.3f}  BLEU-4 {s['bleu_4']:.3f}  "
            f"ROUGE-L {s['rouge_l']:.3f}  CIDEr-D {s['cider_d']:.3f}"
        )
    return "\n".join(lines)
