"""The calibration of the estimated Dice: cross-fitted networks, trees, errors, and how good it is.

A network fits the masks that it learnt from better than those of new patients, so its own masks of
them alone teach too much trust. Hence networks of the same kind are each trained without one part
of the patients, and the trees learn from the masks that these make of that part too. The patients
that the network itself was validated and tested on teach nothing: what the trees are off by on its
masks of them is the error that an estimate is given.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.metrics import roc_auc_score

from cxrkit import segmentation
from cxrkit.errors import InputRefused
from cxrkit.quality import estimate, shape
from cxrkit.quality.estimate import GOOD, GROUPS, Calibration, Trees
from cxrkit.quality.signals import NAMES
from cxrkit.terms import MASK_CONVENTIONS, MaskConvention
from cxrkit.training import cases, model_card, quality_rows, release
from cxrkit.training import learnt as trained
from cxrkit.training import segmentation as task
from cxrkit.training.cases import Case
from cxrkit.training.loop import Event
from cxrkit.training.quality_rows import Row
from cxrkit.training.segmentation_runs import Plan

NUMBERS = "numbers.npz"
_FOLD_ORDER, _VALIDATE_ORDER = 1, 5  # seeds of the patients' orders, beside that of the split
_FEWEST = 100  # masks whose errors make percentiles of their own; fewer share their convention's
_CHECKS = 5  # parts of the held-back patients: each part's intervals come from the others' errors
_VALIDATE = 0.04  # of the images that a cross-fitted network learns from: its log shows their Dice


@dataclass(frozen=True)
class Settings:
    """How the calibration is made; each field is a flag of the command."""

    folds: int = 3  # parts of the patients
    networks: int = 3  # each trained without one part, whose masks it makes; at most one for each
    copies: int = 3  # changed copies of each radiograph
    directions: int = 12  # of the shape model; they hold 72 to 74 % of what drawn masks vary by
    trees: int = 300
    depth: int = 4
    rate: float = 0.05  # of boosting
    seed: int = 0


def run(
    listed: Sequence[Case],
    plan: Plan,
    settings: Settings,
    weights: Path,
    out: Path,
    device: str,
    report: Callable[[Event], None],
    say: Callable[[str], None],
) -> dict[str, Any]:
    """Train, calibrate, measure on the held-back patients, write the folder `out`; its card.

    Args:
        listed: radiographs with drawn masks and their split; "train" teaches the trees, the rest
            gives their errors.
        plan: of the cross-fitted networks.
        settings: of the calibration.
        weights: folder of the network whose masks are measured.
        out: the run's folder; networks that are finished there are used again.
        device: "cpu" or "cuda".
        report: called after each step of a network's training.
        say: gets a line after each stage.

    Raises: as `segmentation.train` and `segmentation.load`.
        InputRefused: E107, all masks to learn from follow one convention.
    """
    learnt = [c for c in listed if c.split == "train"]
    _require_both(learnt)
    held = [c for c in listed if c.split != "train"]
    shapes = {
        c: shape.fit([cases.read_for_test(x)[1] for x in learnt if x.convention == c],
                     settings.directions)
        for c in MASK_CONVENTIONS
    }  # fmt: skip
    fold_of = folds(learnt, settings.folds)
    table: list[Row] = []
    for fold in range(settings.networks):
        network = cross_fit(learnt, fold_of, fold, plan, out / f"fold-{fold}", device, report)
        part = [c for c in learnt if _fold(c, fold_of) == fold]
        made = quality_rows.rows(part, _infer(network), shapes, settings.copies, settings.seed)
        table += made
        say(f"network {fold + 1} of {settings.networks}: {len(table):,} masks so far")
    infer = _infer(weights)
    table += quality_rows.rows(learnt, infer, shapes, settings.copies, settings.seed)
    say(f"{weights}: {len(table):,} masks so far; now the patients that were held back")
    kept = list(quality_rows.rows(held, infer, shapes, settings.copies, settings.seed))
    calibration = calibrate(table, kept, shapes, networks(weights), settings)
    return write(calibration, table, kept, listed, plan, settings, out)


def _require_both(learnt: Sequence[Case]) -> None:
    absent = set(MASK_CONVENTIONS) - {c.convention for c in learnt}
    if absent:
        raise InputRefused(
            "E107", "sources", f"no mask with the heart region {' or '.join(absent)}",
            "masks of both conventions", "name an archive of the other one too",
        )  # fmt: skip


def folds(listed: Sequence[Case], count: int) -> dict[tuple[str, str], int]:
    """The part of each (archive, patient): whole patients, about as many images in each part."""
    out: dict[tuple[str, str], int] = {}
    for archive in sorted({c.archive for c in listed}):
        images: dict[str, int] = {}
        for case in listed:
            if case.archive == archive:
                images[case.patient_id] = images.get(case.patient_id, 0) + 1
        taken, total = 0, sum(images.values())
        order = {p: cases.place(_FOLD_ORDER, archive, p) for p in images}
        for patient in sorted(images, key=order.__getitem__):
            out[archive, patient] = taken * count // total
            taken += images[patient]
    return out


def cross_fit(
    learnt: Sequence[Case],
    fold_of: Mapping[tuple[str, str], int],
    fold: int,
    plan: Plan,
    out: Path,
    device: str,
    report: Callable[[Event], None],
) -> Path:
    """The weights folder of a network that never saw the patients of that part."""
    if (out / model_card.JSON).is_file():
        return out
    unseen = [replace(c, split="test") for c in learnt if _fold(c, fold_of) == fold]
    rest = [c for c in learnt if _fold(c, fold_of) != fold]
    split = [*cases.assign_splits(rest, _VALIDATE, 0.0, _VALIDATE_ORDER), *unseen]
    split.sort(key=lambda c: (c.archive, c.image_id))
    recipe = replace(plan.recipe, seed=plan.recipe.seed + fold)
    net, log = task.train(split, plan.settings, recipe, out, device, report)
    release.write(net, release.Run(split, "leak-free", plan.settings, recipe, None), log, out)
    return out


def _fold(case: Case, fold_of: Mapping[tuple[str, str], int]) -> int:
    return fold_of[case.archive, case.patient_id]


def networks(weights: Path) -> tuple[str, ...]:
    """SHA-256 of the weights files of a network, of each precision."""
    return tuple(
        segmentation.weights_sha256(weights, precision) for precision in segmentation.PRECISIONS
    )


def _infer(weights: Path) -> dict[MaskConvention, quality_rows.Infer]:
    return {c: segmentation.load(c, "onnxruntime", weights=weights).infer for c in MASK_CONVENTIONS}


def calibrate(
    table: Sequence[Row],
    held: Sequence[Row],
    shapes: Mapping[MaskConvention, shape.Shapes],
    of: tuple[str, ...],
    settings: Settings,
) -> Calibration:
    """Trees of the rows of a table, and their errors on the rows of other patients."""
    trees = fit(*_matrix(table), settings)
    return Calibration(of, shapes, trees, errors(held, trees))


def errors(held: Sequence[Row], trees: Trees) -> dict[tuple[MaskConvention, str], np.ndarray]:
    """The percentiles of what trees are off by on rows that they did not learn from, by group.

    A group of few masks has those of its whole convention.
    """
    data, target = _matrix(held)
    at = np.array([trees.sums(row) for row in data])
    groups = np.array([estimate.group(dice) for dice in estimate.dice_of(at)])
    conventions = np.array([r.case.convention for r in held])
    out: dict[tuple[MaskConvention, str], np.ndarray] = {}
    for convention in MASK_CONVENTIONS:
        own = conventions == convention
        for name in GROUPS:
            here = own & (groups == name)
            shared = here if here.sum() >= _FEWEST else own
            if not shared.any():
                raise InputRefused(
                    "E109", "the patients that were held back",
                    f"none has a mask with the heart region {convention}", "one or more",
                    "give a larger --test, or more images",
                )  # fmt: skip
            out[convention, name] = np.percentile((target - at)[shared], np.arange(1, 100))
    return out


def estimates(held: Sequence[Row], by: Calibration) -> list[estimate.Estimate]:
    """The estimate of each row, with an interval from the errors of the other patients alone."""
    fold_of = folds([r.case for r in held], _CHECKS)
    parts = np.array([_fold(r.case, fold_of) for r in held])
    found: dict[int, estimate.Estimate] = {}
    for part in np.unique(parts):
        others = [r for r, p in zip(held, parts, strict=True) if p != part]
        apart = replace(by, errors=errors(others, by.trees))
        for place in np.flatnonzero(parts == part):
            row = held[int(place)]
            found[int(place)] = estimate.estimate(row.signals, row.case.convention, apart)
    return [found[place] for place in range(len(held))]


def _matrix(table: Sequence[Row]) -> tuple[np.ndarray, np.ndarray]:
    excluded = [r.case.convention == "excluded" for r in table]
    data = np.column_stack([np.array([r.signals for r in table]), excluded]).astype(np.float32)
    return data, estimate.number(np.array([r.dice for r in table]))


def fit(data: np.ndarray, target: np.ndarray, settings: Settings) -> Trees:
    """Boosted trees, as complete trees of `settings.depth` levels.

    Args:
        data: (N, F) float32.
        target: (N,) float64.
    """
    model = GradientBoostingRegressor(
        n_estimators=settings.trees, max_depth=settings.depth, learning_rate=settings.rate,
        subsample=0.5, max_features=0.4, min_samples_leaf=10, random_state=settings.seed,
    ).fit(data, target)  # fmt: skip
    inner, leaves = 2**settings.depth - 1, 2**settings.depth
    feature = np.zeros((settings.trees, inner), np.int16)
    threshold = np.full((settings.trees, inner), np.inf, np.float32)
    value = np.zeros((settings.trees, leaves), np.float32)
    for number, grown in enumerate(model.estimators_[:, 0]):
        _complete(grown.tree_, 0, 0, feature[number], threshold[number], value[number])
    start = float(model.init_.constant_.ravel()[0])
    return Trees(start, feature, threshold, (value * settings.rate).astype(np.float32))


def _complete(
    grown: Any, node: int, place: int, feature: np.ndarray, threshold: np.ndarray, value: np.ndarray
) -> None:
    """Copy a node and all below it; a leaf above the last level becomes all leaves below it."""
    inner = len(feature)
    if place >= inner:
        value[place - inner] = grown.value[node, 0, 0]
        return
    first, second = int(grown.children_left[node]), int(grown.children_right[node])
    if first < 0:  # a leaf: its threshold stays infinite, and both ways end in its value
        _complete(grown, node, 2 * place + 1, feature, threshold, value)
        _complete(grown, node, 2 * place + 2, feature, threshold, value)
        return
    feature[place] = grown.feature[node]
    # Rounded down: what a float32 does not pass in the tree's float64 it does not pass here.
    rounded = np.float32(grown.threshold[node])
    above = rounded > grown.threshold[node]
    threshold[place] = np.nextafter(rounded, np.float32(-np.inf)) if above else rounded
    _complete(grown, first, 2 * place + 1, feature, threshold, value)
    _complete(grown, second, 2 * place + 2, feature, threshold, value)


def scores(tested: Sequence[Row], found: Sequence[estimate.Estimate]) -> dict[str, dict[str, Any]]:
    """How good the estimates are, by kind of mask and convention, and over all of both."""
    truth = np.array([r.dice for r in tested])
    middle, low, high = (np.array([getattr(f, n) for f in found]) for n in ("dice", "low", "high"))
    inside = (low <= truth) & (truth <= high)
    images = np.array([f"{r.case.archive} {r.case.image_id}" for r in tested])
    kinds = np.array([r.kind for r in tested])
    conventions = np.array([r.case.convention for r in tested])
    return {
        name: {
            "masks": int(here.sum()),
            "images": len(set(images[here])),
            "below_good": round(float((truth[here] < GOOD).mean()), 4),
            "pearson_r": round(float(np.corrcoef(truth[here], middle[here])[0, 1]), 4),
            "mean_absolute_error": round(float(np.abs(truth - middle)[here].mean()), 4),
            "bias": round(float((middle - truth)[here].mean()), 4),
            "in_interval": round(float(inside[here].mean()), 4),
            "interval_width": round(float((high - low)[here].mean()), 4),
            "auroc_below_good": _auroc(truth[here] < GOOD, -middle[here]),
        }
        for name, here in _groups(kinds, conventions)
    }


def _groups(kinds: np.ndarray, conventions: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    own = kinds == "own"
    spoilt = np.isin(kinds, ("spoilt", "drawn-spoilt"))
    sets = {
        "own masks": own,
        "own masks, radiographs changed": kinds == "changed",
        "spoilt masks": spoilt,
        "all": np.ones(len(kinds), bool),
    }
    for name, here in sets.items():
        parts = {name: here}
        parts |= {f"{name}, {c}": here & (conventions == c) for c in MASK_CONVENTIONS}
        yield from ((part, own) for part, own in parts.items() if own.sum() > 2)


def _auroc(low: np.ndarray, score: np.ndarray) -> float | None:
    """None where all masks are good or none is."""
    return round(float(roc_auc_score(low, score)), 4) if 0 < low.sum() < len(low) else None


def write(
    by: Calibration,
    table: Sequence[Row],
    held: Sequence[Row],
    listed: Sequence[Case],
    plan: Plan,
    settings: Settings,
    out: Path,
) -> dict[str, Any]:
    """Write numbers.npz, trained_on.csv, card.json and card.md to the folder `out`; the card."""
    data = _numbers(by)
    card: dict[str, Any] = {
        "title": "Estimated Dice of lung masks that nobody drew",
        "task": estimate.TASK,
        "networks": list(by.networks),
        "signals": list(NAMES),
        "settings": asdict(settings),
        "training": {"masks": len(table), "network": asdict(plan.settings),
                     "recipe": asdict(plan.recipe)},
        "data": release.data(listed),
        "split_sha256": cases.split_hash(listed),
        "files": {"numbers": {"file": NUMBERS, "sha256": hashlib.sha256(data).hexdigest()}},
        "scores": scores(held, estimates(held, by)),
    }  # fmt: skip
    (out / NUMBERS).write_bytes(data)
    card |= trained.write(out, (c for c in listed if c.split == "train"))
    model_card.write(out, card)
    return card


def _numbers(by: Calibration) -> bytes:
    arrays: dict[str, np.ndarray] = {
        "start": np.array(by.trees.start),
        "feature": by.trees.feature,
        "threshold": by.trees.threshold,
        "value": by.trees.value,
    }
    for convention, shapes in by.shapes.items():
        arrays |= {f"{convention}_{name}": value for name, value in vars(shapes).items()}
    arrays |= {f"{c}_{g}": errors for (c, g), errors in by.errors.items()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
