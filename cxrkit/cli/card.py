"""`cxr card`: the page of an archive or a dataset, computed from its bytes."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from cxrkit import archives, outputs
from cxrkit.cards import card as archive_card
from cxrkit.cards import dataset, document, figures, mask_quality, page
from cxrkit.cards.document import Page
from cxrkit.cards.facts import Facts
from cxrkit.errors import InputRefused
from cxrkit.pipeline import progress
from cxrkit.pipeline.run import require_apart

_FORMS = "ARCHIVE ROOT [OUT], or DATASET [OUT]"


def card(
    places: Annotated[
        list[Path],
        typer.Argument(
            metavar="ARCHIVE ROOT [OUT] | DATASET [OUT]",
            help="An archive's name and its folder, or what cxr build wrote; and where the card "
            "goes: a new folder, or one with a card. Without OUT the page is printed.",
        ),
    ],
    images: Annotated[
        bool, typer.Option("--images/--no-images", help="Pictures of radiographs in the page.")
    ] = True,
    workers: Annotated[
        int, typer.Option(min=1, help="Files read at a time.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="All numbers as JSON on stdout.")] = False,
) -> None:
    """Write the page of an archive or a dataset: card.md, card.html and card.json.

    Every number is counted in the files. The page of restricted data holds no image and no count
    of fewer than 11 people.

    Example: cxr card shenzhen SZ-CXR shenzhen-card
    """
    source, out = _parsed(places)
    if out is not None:
        if len(source) == 2:
            require_apart(source[1].resolve(), out.resolve())
        outputs.require_folder(out)
        page.require_ours(out)
    with progress.shown() as (say, _):
        if len(source) == 2:
            facts, made = _of_archive(str(source[0]), source[1], images, workers, say)
        else:
            facts, made = _of_dataset(source[0], images, workers, say)
    if out is not None:
        page.write(out, facts, made)
    if facts.faults:
        print("not everything that is listed can be used: see Files on the page", file=sys.stderr)
    if as_json:
        print(page.as_json(facts), end="")
    elif out is None:
        print(document.markdown(made), end="")
    else:
        print(f"{out}: {page.HTML} with everything in it, {page.MARKDOWN}, {page.NUMBERS}")


def _parsed(places: list[Path]) -> tuple[list[Path], Path | None]:
    """What the card is of, two places for an archive and one for a dataset, and OUT."""
    number = 2 if str(places[0]) in archives.names() else 1
    if number <= len(places) <= number + 1:
        return places[:number], places[number] if len(places) > number else None
    observed = " ".join(map(str, places))
    raise InputRefused("E107", "card", observed, _FORMS, "give one of these")


def _of_archive(
    name: str, root: Path, images: bool, workers: int, say: Callable[[str], None]
) -> tuple[Facts, Page]:
    facts, table = archive_card.of_archive(name, root, workers, say)
    read = figures.of_archive(archives.load(name), root)
    shown = images and not facts.restricted
    return facts, page.of(facts, figures.pictures(table, facts.observations, read) if shown else [])


def _of_dataset(
    folder: Path, images: bool, workers: int, say: Callable[[str], None]
) -> tuple[Facts, Page]:
    facts, built, table = dataset.of_dataset(folder, workers, say)
    shown = images and not facts.restricted
    read = figures.of_dataset(folder)
    pictures = figures.pictures(table, facts.observations, read) if shown else []
    worst = mask_quality.worst(built.written, table, read) if shown else []
    quality = mask_quality.section(facts, built.quality, worst)
    return facts, page.of(facts, pictures, [dataset.section(facts, built), *quality])
