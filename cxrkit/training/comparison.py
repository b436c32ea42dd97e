"""Segmentation compared: networks on one split, archives against each other, a leak against none.

Each run is a folder of its own below OUT, made as `cxr train segmentation` makes it and resumed or
passed over when it is given again; the tables are made from their cards.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from cxrkit.models.architectures import ARCHITECTURES
from cxrkit.segmentation import ENGINES, PRECISIONS, SIZE, Recipe, load
from cxrkit.training import mask_scores, release, segmentation_runs
from cxrkit.training.cases import Case, assign_splits
from cxrkit.training.evaluation import evaluate
from cxrkit.training.loop import Event
from cxrkit.training.segmentation_runs import Plan, Shares

Report = Callable[[Event], None]
TIMED = 20  # images whose inference is timed, after a few that are not


def networks(
    cases: Sequence[Case], plan: Plan, out: Path, device: str, report: Report, shares: Shares
) -> list[dict[str, Any]]:
    """The networks trained on one split: a row per network and archive, int8 as it is deployed."""
    rows = []
    for name in ARCHITECTURES:
        own = replace(plan, settings=replace(plan.settings, architecture=name))
        folder = out / name
        card = _run(cases, own, folder, device, report, shares)
        speed = {p: milliseconds(folder, card["outputs"][0], p) for p in PRECISIONS}
        for archive, scores in card["scores"]["float32"].items():
            rows.append(
                {"network": name, "parameters": card["parameters"], "archive": archive}
                | scores
                | {f"milliseconds_{p}": round(value, 1) for p, value in speed.items()}
                | {"dice_int8": card["scores"]["int8"][archive]["dice"]}
            )
    return rows


def archives_grid(
    cases: Sequence[Case], plan: Plan, out: Path, device: str, report: Report, shares: Shares
) -> list[dict[str, Any]]:
    """Trained on each archive, tested on the held-back patients of each: a row per cell.

    A cell is there only where the trained archive's masks follow the tested one's convention: a
    Dice across conventions measures the heart.
    """
    names = sorted({c.archive for c in cases})
    split = assign_splits(cases, shares.validate, shares.test, plan.recipe.seed)
    rows = []
    for trained in names:
        own = [c for c in cases if c.archive == trained]
        folder = out / trained
        _run(own, plan, folder, device, report, shares)
        taught = sorted({c.convention for c in own})
        for tested in names:
            test = [c for c in split if c.archive == tested and c.split == "test"]
            test = [c for c in test if c.convention in taught]
            if not test:
                continue
            found = evaluate(test, release.segmenters(folder, plan.settings, "float32"), Recipe())
            values = [s.figures()["dice"] for s in found]
            low, high = mask_scores.interval(values, [s.case.patient_id for s in found])
            rows.append({
                "trained": trained, "tested": tested, "mask_convention": taught[0],
                "images": len(found), "dice": round(fmean(values), 4),
                "dice_95_interval": [round(low, 4), round(high, 4)],
            })  # fmt: skip
    return rows


def recipes(
    cases: Sequence[Case], plan: Plan, out: Path, device: str, report: Report, shares: Shares
) -> list[dict[str, Any]]:
    """The leak measured: what the published recipe says of itself, what it does, and ours.

    The published recipe trains on all but the held-back patients; its own test copies share
    radiographs with its training copies. Both figures come from the same weights, so that the
    split alone is what differs. Epochs, batch, sizes and learning rate are those of the leak-free
    run, since the published ones take hours on a CPU.
    """
    leaking = segmentation_runs.plan(
        "cxlseg", plan.settings.architecture,
        {"width": plan.settings.width, "coarse_epochs": plan.settings.coarse_epochs},
        {"epochs": plan.recipe.epochs, "learning_rate": plan.recipe.learning_rate,
         "batch": plan.recipe.batch, "seed": plan.recipe.seed},
    )  # fmt: skip
    card = _run(cases, leaking, out / "cxlseg", device, report, shares)
    honest = _run(cases, plan, out / "leak-free", device, report, shares)
    rows = []
    for label, scores in (
        ("cxlseg, its own test copies (leaking)", card["leaking_scores"]),
        ("cxlseg, patients never seen", card["scores"]["float32"]),
        ("leak-free, patients never seen", honest["scores"]["float32"]),
    ):
        rows += [{"recipe": label, "archive": a} | s for a, s in scores.items()]
    return rows


def milliseconds(folder: Path, output: Any, precision: str) -> float:
    """The median processor time of one image through the network: ONNX Runtime, one thread."""
    segmenter = load(output, ENGINES[0], precision, folder)
    image = np.random.default_rng(0).random((SIZE, SIZE), dtype=np.float32)
    times = []
    for _ in range(TIMED + 3):
        started = time.process_time()
        segmenter.infer(image)
        times.append((time.process_time() - started) * 1000)
    return median(times[3:])


def _run(
    cases: Sequence[Case], plan: Plan, folder: Path, device: str, report: Report, shares: Shares
) -> dict[str, Any]:
    """The card of a finished run in the folder; it is made where it is not there."""
    if (folder / "report.html").exists():  # written last
        card: dict[str, Any] = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        return card
    return segmentation_runs.run(cases, plan, folder, device, report, shares)


def markdown(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    """The rows as a Markdown table; `columns` maps a heading to the key of its values."""
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row, key) for key in columns.values()) + " |")
    return "\n".join(lines)


def _cell(row: Mapping[str, Any], key: str) -> str:
    value = row[key]
    if isinstance(value, float):
        value = f"{value:.4f}" if 0 <= value <= 1 else f"{value:.2f}"
    interval = row.get(f"{key}_95_interval")
    if interval is None:
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value} [{interval[0]:.4f}, {interval[1]:.4f}]"
