"""The card of a trained model: card.json for programs, card.md for people, the same facts in both.

Besides what every run has (title, task, architecture, files, input, output, data, split_sha256,
scores) a card holds what its task adds; unknown keys are kept, after the known ones.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit import archives
from cxrkit.terms import SPLITS, Split
from cxrkit.training import card_tables, checkpoint

JSON, MARKDOWN = "card.json", "card.md"
FIRST = ("title", "task", "architecture", "parameters", "settings", "observations", "outputs")
LAST = ("input", "output", "recipe", "training", "data", "split", "split_sha256", "intervals",
        "files", "limits", "scores")  # fmt: skip
# Shown as sections of their own; every other key of a card goes to the section "Model".
_SECTIONS = ("title", "input", "output", "recipe", "training", "data", "split", "split_sha256",
             "intervals", "files", "limits", "scores")  # fmt: skip
DOES = {
    "segmentation": "Finds regions of a frontal chest radiograph: a probability for each pixel.",
    "finding": "Finds where a finding lies on a frontal chest radiograph, if anywhere.",
    "classification": "Gives each observation a probability on a frontal chest radiograph.",
    "pictures": "Tells whether a picture is an upright, unmirrored frontal chest radiograph.",
    "quality": "Estimates the Dice of a lung mask that nobody drew, with an interval.",
    "report": "Writes a draft of the report of a frontal chest radiograph.",
}
NO_DEVICE = (
    "Not a medical device. It is made for research; no person may be diagnosed or treated by it."
)
_LIMITS = (
    "Frontal chest radiographs only. It answers to any other picture too.",
    "Measured on patients of the archives named here. Other hospitals, machines and ages may differ"
    " more than the intervals say.",
)
_OWN_LIMITS = {
    "classification": (
        "It learnt the labels of its archives, with their errors; labels taken from reports say "
        "what was written, not what is there.",
        "Thresholds and probabilities fit the share of sick in the archives named here.",
    ),
    "report": (
        "A fluent sentence may be false. Nobody may act on a draft that no radiologist has read.",
    ),
    "segmentation": ("Masks follow the conventions of those who drew the training masks.",),
}


def data(archive: str, images: Mapping[Split, int], patients: int) -> dict[str, object]:
    """What a card says of an archive that was learnt from.

    Args:
        archive: an adapter's name; that of its source for a dataset of `cxr build`.
        images: of each split.
        patients: over all splits.

    Raises:
        InputRefused: E101, no such archive.
    """
    facts = archives.load(archive).CARD
    return {
        "archive": archive,
        "title": facts.title,
        "licence": facts.licence,
        "terms": facts.terms,
        "citation": facts.citation,
        **{split: images.get(split, 0) for split in SPLITS},
        "patients": patients,
    }


def write(out: Path, card: Mapping[str, object]) -> None:
    """Write card.md and then card.json to the folder `out`.

    A number that is not finite, which JSON cannot hold, becomes null.
    """
    plain = _plain(card)
    keys = [*(k for k in FIRST if k in plain), *(k for k in plain if k not in (*FIRST, *LAST)),
            *(k for k in LAST if k in plain)]  # fmt: skip
    ordered = {key: plain[key] for key in keys}
    text = json.dumps(ordered, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    checkpoint.replace(out / MARKDOWN, markdown(ordered).encode("utf-8"))
    checkpoint.replace(out / JSON, text.encode("utf-8"))


def markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    task = str(card.get("task", ""))
    parts = [f"# {card.get('title', 'Model')}", DOES.get(task, ""), NO_DEVICE]
    model = {k: v for k, v in card.items() if k not in _SECTIONS}
    short = {k: v for k, v in model.items() if _fits(v)}
    parts += ["## Model", _table(card_tables.pairs("Model", short))]
    for key, value in model.items():
        if key not in short and isinstance(value, Mapping):
            parts += _tables(value, card_tables.words(key).capitalize())
    parts += ["## Input and output", *_facts("Input", card.get("input"))]
    parts += _facts("Output", card.get("output"))
    parts += ["## Data", *_data(card)]
    parts.append("## Recipe")
    for key in ("training", "recipe"):
        if isinstance(card.get(key), Mapping) and card[key]:
            parts += [f"### {card_tables.words(key).capitalize()}"] * ("training" in card)
            parts.append(_table(card_tables.pairs(key, card[key])))
    parts += ["## Scores", *_scores(card)]
    parts += ["## Limits", "\n".join(f"- {line}" for line in limits(card))]
    if isinstance(card.get("files"), Mapping):
        rows = [{"": name, **entry} for name, entry in card["files"].items()]
        parts += ["## Files", _table(card_tables.of("Files", rows))]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def limits(card: Mapping[str, Any]) -> list[str]:
    """What the model must not be trusted with: of every model, of its task, and its own."""
    own = [str(line) for line in card.get("limits", ())]
    return [*_LIMITS, *_OWN_LIMITS.get(str(card.get("task", "")), ()), *own, NO_DEVICE]


def restricted(card: Mapping[str, Any]) -> list[str]:
    """The titles of the archives of a card whose images must not be passed on freely."""
    closed = ("registered", "credentialed")
    return [str(d["title"]) for d in card.get("data", ()) if d.get("licence") in closed]


def _facts(name: str, found: object) -> list[str]:
    if isinstance(found, Mapping):
        return [f"{name}:", _table(card_tables.pairs(name, found))]
    return [f"{name}: {found}."] if found else []


def _data(card: Mapping[str, Any]) -> list[str]:
    entries: Sequence[Mapping[str, Any]] = card.get("data", ())
    parts = [_table(card_tables.data(entries))] if entries else []
    how = f"Split: {card['split']}." if card.get("split") else ""
    if card.get("split_sha256"):
        how += f" SHA-256 of the split: `{card['split_sha256']}`."
    parts.append(how.strip())
    for entry in entries:
        parts += [f"**{entry['title']}.** {entry['terms']}"]
        parts += [f"```bibtex\n{str(entry['citation']).strip()}\n```"] * bool(entry["citation"])
    return parts


def _scores(card: Mapping[str, Any]) -> list[str]:
    found = card.get("scores")
    if not isinstance(found, Mapping) or not found:
        return ["None are measured."]
    parts = [f"Intervals: {card['intervals']}."] if card.get("intervals") else []
    return [*parts, *_tables(found)]


def _tables(facts: Mapping[str, Any], title: str = "") -> list[str]:
    parts = []
    for table in card_tables.scores(facts, title):
        parts += [f"### {table.title}"] * bool(table.title)
        parts += [_table(table), table.note]
    return parts


def _table(table: card_tables.Table) -> str:
    return card_tables.markdown(table) if table.rows else ""


def _fits(value: object) -> bool:
    """Whether a fact can be shown on one line."""
    if isinstance(value, Mapping):
        return all(not isinstance(v, Mapping | list | tuple) for v in value.values())
    if isinstance(value, list | tuple):
        return all(not isinstance(v, Mapping | list | tuple) for v in value)
    return True


def _plain(value: Any) -> Any:
    """The value as JSON has it: text keys, lists, Python's own numbers, null where not finite."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
