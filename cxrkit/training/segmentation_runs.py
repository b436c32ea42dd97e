"""One run of `cxr train segmentation`: a recipe by name, the splits, the training, the release."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cxrkit.errors import InputRefused
from cxrkit.models import architectures
from cxrkit.training import distributed, published, release, segmentation
from cxrkit.training.cases import Case, assign_splits
from cxrkit.training.loop import Event, Recipe
from cxrkit.training.segmentation import LEAK_FREE, Settings

RECIPES = ("leak-free", "cxlseg")


@dataclass(frozen=True)
class Plan:
    """What is trained and how."""

    recipe_name: Literal["leak-free", "cxlseg"]
    settings: Settings
    recipe: Recipe


@dataclass(frozen=True)
class Shares:
    """How the radiographs are divided."""

    validate: float  # of each archive's images, whole patients
    test: float
    copies: int  # of the published recipe


def plan(
    name: str, architecture: str, settings: Mapping[str, Any], recipe: Mapping[str, Any]
) -> Plan:
    """The recipe of that name with the values that are not None put in.

    Raises:
        InputRefused: E107, no such recipe or architecture.
    """
    _one_of("--recipe", name, RECIPES)
    _one_of("--architecture", architecture, architectures.ARCHITECTURES)
    given = {k: v for k, v in settings.items() if v is not None}
    changes = {k: v for k, v in recipe.items() if v is not None}
    if name == "leak-free":
        chosen = Settings(architecture, **given)
        return Plan("leak-free", chosen, replace(LEAK_FREE, **changes))
    own: dict[str, Any] = {"keep": published.KEEP, "outputs": ("mixed",)}
    chosen = Settings(architecture, **(own | given))
    return Plan("cxlseg", chosen, replace(published.RECIPE, **changes))


def run(
    cases: Sequence[Case],
    plan: Plan,
    out: Path,
    device: str,
    report: Callable[[Event], None],
    shares: Shares,
    pictures: bool = False,
    unusable: Sequence[str] = (),
) -> dict[str, Any]:
    """Train on the cases and write the release; its card, which is empty in all but one process.

    Under the published recipe patients are held back first (`shares.test`; none as published), so
    that the same weights are scored on their own leaking test copies and on patients they never
    saw. `unusable` are the lines of the radiographs that could not be used.

    Raises: as `segmentation.train`.
    """
    seed = plan.recipe.seed
    leaking = plan.recipe_name == "cxlseg"
    split = assign_splits(cases, 0.0 if leaking else shares.validate, shares.test, seed)
    copies = None
    if leaking:
        copies = published.deal([c for c in split if c.split == "train"], shares.copies, seed)
    net, rows = segmentation.train(split, plan.settings, plan.recipe, out, device, report, copies)
    if not distributed.is_first():
        return {}
    run = release.Run(split, plan.recipe_name, plan.settings, plan.recipe, copies)
    return release.write(net, run, rows, out, pictures, unusable)


def text(card: Mapping[str, Any]) -> str:
    """The test scores of a card, a line per archive."""
    lines = []
    for precision, archives in card["scores"].items():
        for name, s in archives.items():
            low, high = s["dice_95_interval"]
            lines.append(
                f"{precision:8} {name:20} {s['mask_convention']:9} {s['images']:5} images  "
                f"Dice {s['dice']:.4f} [{low:.4f}, {high:.4f}]"
            )
    return "\n".join(lines) or "no test images"


def _one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputRefused("E107", option, value, " or ".join(allowed), "use one of these")
