"""One command of `cxr train classification`: samples, training on each input, comparison."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cxrkit.classification import INPUTS, Input
from cxrkit.errors import InputRefused
from cxrkit.models.classifier import CLASSIFIERS
from cxrkit.pipeline.run import require_apart
from cxrkit.terms import MaskConvention
from cxrkit.training import (
    card_tables,
    classification,
    classification_comparison,
    classification_release,
    left_out,
    pixel_store,
    samples,
)
from cxrkit.training.checkpoint import replace as write_whole
from cxrkit.training.classification import Choice
from cxrkit.training.classification_release import Run
from cxrkit.training.classification_results import Results
from cxrkit.training.classification_scores import Predictions, Rule
from cxrkit.training.loop import Event, Recipe
from cxrkit.training.samples import Sample

# What suits some hundred to some thousand images; measured in docs/model.md.
RECIPES = {
    "small": Recipe(epochs=30, batch=16, learning_rate=2e-3, weight_decay=1e-2, average=0.99),
    "densenet121": Recipe(epochs=20, batch=16, learning_rate=5e-4, weight_decay=1e-2, average=0.99),
}
PLANES = "planes"  # below OUT while it trains
# What a run leaves in its folder; anything else there is somebody's own.
_OURS = (PLANES, "checkpoints", "lock", "log.csv", "card.json", "comparison.json", *INPUTS)


@dataclass(frozen=True)
class Plan:
    """What is trained on which inputs, and how."""

    choice: Choice
    inputs: tuple[Input, ...]
    recipe: Recipe
    rule: Rule
    target: float
    start: Path | None = None  # a finished run whose weights it starts from


@dataclass(frozen=True)
class Done:
    """What a command prints: the scores for programs, the text for people, and the alarms."""

    scores: Mapping[str, Any]
    text: str
    warnings: tuple[str, ...]


def plan(
    architecture: str, choice: Mapping[str, Any], recipe: Mapping[str, Any],
    inputs: Sequence[str], rule: str, target: float, start: Path | None = None,
) -> Plan:  # fmt: skip
    """The architecture's recipe with the values that are not None put in.

    Raises:
        InputRefused: E107, no such architecture, an input is there twice, or several inputs are to
            start from one network.
    """
    if architecture not in CLASSIFIERS:
        raise InputRefused(
            "E107", "--architecture", architecture, " or ".join(CLASSIFIERS), "use one of these"
        )
    if len(set(inputs)) < len(inputs):
        raise InputRefused("E107", "--input", ",".join(inputs), "each once", "leave one away")
    if start is not None and len(inputs) > 1:
        raise InputRefused(
            "E107", "--start", f"{len(inputs)} inputs", "one", "train each input by itself"
        )
    changes = {k: v for k, v in recipe.items() if v is not None}
    given: Any = (tuple(inputs), rule)
    return Plan(
        Choice(architecture=architecture, **choice), given[0],
        replace(RECIPES[architecture], **changes), given[1], target, start,
    )  # fmt: skip


def gather(
    sources: Sequence[str], images: Sequence[Path], out: Path, published: bool,
    validate: float, test: float, seed: int,
) -> list[Sample]:  # fmt: skip
    """The samples of all sources with their splits.

    Args:
        sources: datasets and ARCHIVE:ROOT.
        images: the archive of each dataset, in their order, or none.
        out: the run's folder, which must lie apart from them.
        published: keep the archives' own splits.
        validate: share of an archive's images to validate on.
        test: share to test on.
        seed: of the split.

    Raises:
        InputRefused: E107, OUT lies in a source, or not one folder of images for each dataset; and
            as `samples.gather` and `samples.split`.
    """
    datasets = [s for s in sources if samples.is_dataset(s)]
    if images and len(images) != len(datasets):
        raise InputRefused(
            "E107", "--images", f"{len(images)} folders for {len(datasets)} datasets",
            "one for each dataset, in their order", "give the archive that each was built from",
        )  # fmt: skip
    roots = dict(zip(datasets, images, strict=False))
    found = []
    for source in sources:
        folder = Path(source) if source in datasets else Path(source.partition(":")[2])
        for place in (folder, *([roots[source]] if source in roots else [])):
            require_apart(place.resolve(), out.resolve())
        found += samples.gather(source, roots.get(source), reports=False, published=published)
    return samples.split(found, validate, test, seed)


def run(
    listed: Sequence[Sample], plan: Plan, out: Path, convention: MaskConvention, workers: int,
    device: str, report: Callable[[Event], None], say: Callable[[str], None],
    pictures: bool = False,
) -> Done | None:  # fmt: skip
    """Train each input and write its folder: OUT itself, or one below it where there are several.

    None in every process of torchrun but the first.

    Raises:
        InputRefused: E105, OUT holds something else; and as `classification.prepare`, `loop.train`.
    """
    _require_ours(out)
    first = not int(os.environ.get("RANK", "0"))
    found: dict[str, tuple[dict[str, Any], Results]] = {}
    for kind in plan.inputs:
        choice = replace(plan.choice, input=kind)
        folder = out if len(plan.inputs) == 1 else out / kind
        data = classification.prepare(
            listed, choice, out / PLANES, convention, workers, _reading(say) if first else _nothing
        )
        if first:
            left_out.say(data.left_out)
            say(f"{folder}: training on {kind}")
        tensors = None
        if plan.start is not None:
            choice, tensors = classification.begun(plan.start, data, choice)
        net, rows = classification.train(data, choice, plan.recipe, folder, device, report, tensors)
        if first:
            done = Run(data, choice, plan.recipe, plan.rule, plan.target)
            found[kind] = classification_release.write(net, done, rows, folder, pictures)
    if not first:
        return None
    pixel_store.remove(out / PLANES)
    return _done(found, out)


def _done(found: Mapping[str, tuple[dict[str, Any], Results]], out: Path) -> Done:
    scores: dict[str, Any] = {kind: card["scores"] for kind, (card, _) in found.items()}
    texts = [_text(card) for card, _ in found.values()]
    warnings = tuple(dict.fromkeys(w for _, results in found.values() for w in results.warnings))
    if len(found) > 1:
        predictions = {kind: results.predictions for kind, (_, results) in found.items()}
        scores["comparison"] = _compared(predictions, out)
        texts.append(classification_comparison.text(classification_comparison.table(predictions)))
    else:
        (scores,) = scores.values()
        texts.append(f"report: {out / 'report.html'}")
    return Done(scores, "\n\n".join(texts), warnings)


def _compared(predictions: Mapping[str, Predictions], out: Path) -> dict[str, Any]:
    """The differences, also written to OUT as comparison.json and comparison.md."""
    found = classification_comparison.differences(predictions)
    table = classification_comparison.table(predictions)
    text = f"# {table.title}\n\n{card_tables.markdown(table)}\n{table.note}\n"
    write_whole(out / "comparison.md", text.encode())
    write_whole(out / "comparison.json", (json.dumps(found, indent=1) + "\n").encode())
    return found


def _text(card: Mapping[str, Any]) -> str:
    """The scores of a card that matter first, for a terminal."""
    lines = [card["title"] + f", input {card['input']['kind']}"]
    for name, scores in card["scores"]["observations"].items():
        parts = [f"{name}: {scores['images']} test images, {scores['positive']} with it"]
        found = scores | scores["at_threshold"]
        for key in ("auroc", "auprc", "sensitivity", "specificity", "f1"):
            if f"{key}_95_interval" in found:
                low, high = found[f"{key}_95_interval"]
                parts.append(f"{card_tables.words(key)} {found[key]:.3f} [{low:.3f}, {high:.3f}]")
        lines.append("  ".join(parts))
    return "\n".join(lines)


def _require_ours(out: Path) -> None:
    if not out.exists():
        return
    if not out.is_dir() or (any(out.iterdir()) and not any((out / n).exists() for n in _OURS)):
        raise InputRefused(
            "E105", str(out), "it holds something else", "a new folder, or that of this run",
            "choose another OUT",
        )  # fmt: skip


def _reading(say: Callable[[str], None]) -> Callable[[int, int], None]:
    """A line for each tenth of the images that are read."""

    def line(done: int, of: int) -> None:
        if done * 10 // of > (done - 1) * 10 // of:
            say(f"read {done:,} of {of:,} images")

    return line


def _nothing(done: int, of: int) -> None:
    """The first process says it."""
