"""The observation classifier that a report generator looks through: trained for it, or given."""

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit import classification
from cxrkit.classification import Classifier
from cxrkit.errors import InputRefused
from cxrkit.pipeline import durable
from cxrkit.report_writing.writers import CLASSIFIER, CLASSIFIER_CARD, CLASSIFIER_HEAD
from cxrkit.terms import OBSERVATIONS, SPLITS, MaskConvention, Split
from cxrkit.training import classification as observing
from cxrkit.training import classification_release, targets
from cxrkit.training.classification import Choice
from cxrkit.training.loop import Event, Recipe
from cxrkit.training.report_targets import Target, labelled
from cxrkit.training.samples import Sample
from cxrkit.training.targets import Observation

FOLDER = "classifier"  # in that of the run
PLANES = "planes"  # there too, while it trains
_FILES = {"float32": CLASSIFIER, "head": CLASSIFIER_HEAD}  # in its card, and in that of the run


@dataclass(frozen=True)
class Observer:
    """Which classifier: that of a folder, or one with this choice and recipe."""

    folder: Path | None
    choice: Choice  # its observations are those that the reports can teach
    recipe: Recipe
    convention: MaskConvention


@dataclass(frozen=True)
class Room:
    """Where and on what a plan is carried out."""

    out: Path
    device: str
    report: Callable[[Event], None]  # hears how far the training of a network is
    progress: Callable[[int, int], None]  # hears how many images are read, of how many
    workers: int


@dataclass(frozen=True)
class Ready:
    """A classifier in the run's folder, its files and facts for the run's card."""

    folder: Path
    classifier: Classifier
    files: dict[str, tuple[str, bytes]]
    facts: dict[str, Any]


def observer(found: Sequence[Target], plan: Observer, room: Room) -> Ready:
    """The classifier in `room.out`/classifier: a copy of the one given, or trained on the targets.

    Raises:
        InputRefused: E102, no model; E506, a model for another task; E108, E109, labels or splits
            that cannot be learnt from.
        IntegrityFailure: E501, E503, it is damaged.
    """
    folder = room.out / FOLDER
    if plan.folder is not None:
        classifier = classification.load(plan.folder)
        _require_whole(found, classifier)
        _copy(plan.folder, folder)
    else:
        _train(found, plan, room, folder)
        classifier = classification.load(folder)
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    names = {own: card["files"][name]["file"] for name, own in _FILES.items()}
    names[CLASSIFIER_CARD] = "card.json"
    files = {own: (f"{FOLDER}/{name}", (folder / name).read_bytes()) for own, name in names.items()}
    facts = {"observations": list(classifier.observations), "input": card["input"]}
    return Ready(folder, classifier, files, facts)


def split_of(plan: Observer) -> dict[tuple[str, str], Split]:
    """The split of each patient (archive, patient) that the classifier given was trained with.

    Raises:
        InputRefused: E102, its folder has no split.csv; E103, it is no such table.
    """
    if plan.folder is None:
        return {}
    path = plan.folder / "split.csv"
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        found = {(r["archive"], r["patient_id"]): r["split"] for r in rows}
    except FileNotFoundError as error:
        classification.load(plan.folder)  # says what the folder is, where it is no classifier's
        raise InputRefused(
            "E102", str(path), "missing", "which patients the classifier learnt from",
            "give the whole folder of cxr train classification",
        ) from error  # fmt: skip
    except KeyError as error:
        raise _bad_split(path, f"no column {error}") from error
    if not set(found.values()) <= set(SPLITS):
        raise _bad_split(path, "a split of another name")
    return found  # type: ignore[return-value]  # checked


def learnable(samples: Sequence[Sample], choice: Choice) -> tuple[Observation, ...]:
    """The observations that are present in an image of each split and absent in another.

    Raises:
        InputRefused: E108, none is.
    """
    every = tuple(Observation(o) for o in OBSERVATIONS)
    taught = targets.table(samples, every, choice.uncertain, choice.not_mentioned)
    judged = targets.table(samples, every, "ignore", choice.not_mentioned)
    splits = np.array([s.split for s in samples])
    used = np.where((splits == "train")[:, None], taught, judged)
    kept = tuple(
        o
        for k, o in enumerate(every)
        if all((used[splits == split, k] == value).any() for split in SPLITS for value in (0, 1))
    )
    if not kept:
        raise InputRefused(
            "E108", "reports", "no observation is present in one image of each split and absent in "
            "another", "one or more", "give more images, or another --seed",
        )  # fmt: skip
    return kept


def _train(found: Sequence[Target], plan: Observer, room: Room, folder: Path) -> None:
    samples = [labelled(t) for t in found]
    choice = replace(plan.choice, observations=learnable(samples, plan.choice))
    data = observing.prepare(
        samples, choice, room.out / PLANES, plan.convention, room.workers, room.progress
    )
    net, rows = observing.train(data, choice, plan.recipe, folder, room.device, room.report)
    run = classification_release.Run(data, choice, plan.recipe)
    classification_release.write(net, run, rows, folder)


def _require_whole(found: Sequence[Target], classifier: Classifier) -> None:
    partial = next((t.sample for t in found if t.sample.image is None), None)
    if partial is not None and classifier.input != "lungs":
        raise InputRefused(
            "E107", "--images", f"a dataset of {partial.archive} holds lungs alone",
            "the archive that it was built from", "give its folder",
        )  # fmt: skip


def _copy(source: Path, folder: Path) -> None:
    """The card of a classifier and the files that inference needs."""
    card = json.loads((source / "card.json").read_text(encoding="utf-8"))
    durable.make_folder(folder)
    for name in (*(card["files"][key]["file"] for key in _FILES), "card.json"):
        if (source / name).resolve() != (folder / name).resolve():
            durable.write(folder / name, (source / name).read_bytes())


def _bad_split(path: Path, observed: str) -> InputRefused:
    return InputRefused(
        "E103", str(path), observed, "archive, image_id, patient_id, split: train, validate, test",
        "give the folder as cxr train classification wrote it",
    )  # fmt: skip
