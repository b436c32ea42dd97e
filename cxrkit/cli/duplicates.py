"""`cxr duplicates`: copies of one radiograph within and across archives and datasets."""

import json
import os
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.cli import lists, stages
from cxrkit.quality import duplicates as copies
from cxrkit.quality import prints
from cxrkit.quality.prints import Prints
from cxrkit.sources import place


@dataclass(frozen=True)
class Summary:
    """What was compared and found; groups within one source and across are all groups."""

    images: dict[str, int]  # that were compared, by source
    unread: int
    groups: int
    images_in_groups: int
    kinds: dict[str, int]  # of the copies, their groups' first images apart
    transforms: dict[str, int]
    groups_within: int
    groups_across: int
    groups_of_patients: int
    pairs_left_out: int


def duplicates(
    source: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="ARCHIVE:ROOT, a dataset of cxr build, or a folder of radiographs.",
        ),
    ],
    found_list: Annotated[
        Path, typer.Option("--list", help="The CSV of all images that have a copy.")
    ] = Path("duplicates.csv"),
    workers: Annotated[
        int, typer.Option(min=1, help="Processes.", show_default="one for each core")
    ] = os.cpu_count() or 1,
    as_json: Annotated[bool, typer.Option("--json", help="The summary as JSON on stdout.")] = False,
) -> None:
    """Find copies of one radiograph: same bytes, same pixels, or near.

    Near copies are re-encoded, resized, cropped by some percent, brighter, equalised, mirrored or
    inverted. A dataset is compared by its fingerprints, without its archive. Exit status 0 whatever
    is found; 3: files that cannot be read are listed beside the CSV in *.quarantine.csv.

    Example: cxr duplicates shenzhen:SZ-CXR MY_IMAGES
    """
    lists.require(found_list, "--list", *map(place, source))
    with stages.shown() as update:
        given = prints.gather(source, workers, update)
        found = copies.find(given, workers, update)
    lists.write(found_list, copies.COLUMNS, _cells(found.table.iter_rows()))
    quarantine = lists.write_unread(found_list, given.unread)
    summary = _summary(source, given, found)
    print(_json(summary, found_list) if as_json else _text(summary, found_list))
    if given.unread:
        print(f"{len(given.unread)} quarantined: {quarantine}", file=sys.stderr)
        raise typer.Exit(3)


def _cells(rows: Iterable[Sequence[object]]) -> Iterable[Sequence[object]]:
    return ([f"{c:.4f}" if isinstance(c, float) else c for c in row] for row in rows)


def _summary(sources: Sequence[str], given: Prints, found: copies.Duplicates) -> Summary:
    table = found.table
    kinds, transforms = Counter(table["kind"]), Counter(table["transform"])
    groups = kinds[copies.FIRST]
    transforms["same"] -= groups
    across = len(copies.across_sources(table))
    compared = Counter(given.images["source"])
    return Summary(
        images={name: compared[name] for name in sorted(sources)},
        unread=len(given.unread),
        groups=groups,
        images_in_groups=table.height,
        kinds={kind: kinds[kind] for kind in copies.KINDS},
        transforms={name: n for name, n in sorted(transforms.items()) if n},
        groups_within=groups - across,
        groups_across=across,
        groups_of_patients=len(copies.several_patients(table)),
        pairs_left_out=found.left_out,
    )


def _json(summary: Summary, path: Path) -> str:
    named = {f.name: getattr(summary, f.name) for f in fields(summary)}
    return json.dumps(named | {"list": str(path)})


def _text(summary: Summary, path: Path) -> str:
    total = sum(summary.images.values())
    lines = [f"{number:>9,} images of {name}" for name, number in summary.images.items()]
    lines.append(f"{total:>9,} images compared, each with all others")
    if not summary.groups:
        return "\n".join([*lines, f"          no copies: {path} has no row"])
    lines += [
        f"{summary.groups:>9,} groups of copies, {summary.images_in_groups:,} images: {path}",
        f"{summary.groups_within:>9,} groups within a source, {summary.groups_across:,} across",
        *(f"{number:>9,} {_WORDS[kind]}" for kind, number in summary.kinds.items()),
    ]
    changed = {name: n for name, n in summary.transforms.items() if name != "same"}
    if changed:
        said = ", ".join(f"{n:,} {name}" for name, n in changed.items())
        lines.append(f"          of these {said}")
    if summary.groups_of_patients:
        lines.append(
            f"{summary.groups_of_patients:>9,} groups with several patients: "
            "a split by patient can tear them"
        )
    if summary.pairs_left_out:
        lines.append(
            f"{summary.pairs_left_out:>9,} pairs not compared: their images look like thousands"
        )
    return "\n".join(lines)


_WORDS = {
    "bytes": "copies with the same bytes",
    "pixels": "copies with the same pixels",
    "near": "near copies",
}
