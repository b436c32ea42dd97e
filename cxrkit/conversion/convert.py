"""A conversion: every image of an archive by one recipe, with the store and quarantine of a build.

OUT gets the recipe's files and closing tables, conversion.csv (one row per image), quarantine.csv,
run.json and, last, SHA256SUMS.txt.
"""

import contextlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import cxrkit
from cxrkit import archives, conversion
from cxrkit import records as rows
from cxrkit.archives import Archive
from cxrkit.conversion import Recipe
from cxrkit.conversion import paths as names
from cxrkit.conversion.converted import Conversion, Item
from cxrkit.conversion.listing import CONVERSION, OURS, QUARANTINE, Listing, listed
from cxrkit.errors import CxrkitError, InputRefused, IntegrityFailure
from cxrkit.pipeline import block, csv_files, durable, journal, provenance, quarantine, run, space
from cxrkit.pipeline.block import Block, Line, Lines, Setting
from cxrkit.pipeline.progress import State
from cxrkit.pipeline.summary import Summary

COLUMNS = ("image_id", "image", "path", "source_sha256", "sha256")  # of conversion.csv


@dataclass(frozen=True)
class Options:
    """What a user chooses. `workers` and `max_quarantine` leave no trace in the output."""

    recipe: str
    workers: int = 1
    max_quarantine: str = ""  # a number or a share such as "2%"; "" is 5 % and at least 50


def convert_archive(
    archive: str,
    root: Path,
    out: Path,
    options: Options,
    say: Callable[[str], None],
    update: Callable[[State], None],
) -> Summary:
    """Convert the archive at `root` into `out`, or go on with what was begun.

    `say` gets a line for the user, `update` the state after each block.

    Raises:
        InputRefused: E101 to E107, E304: archive, options or output refused.
        IntegrityFailure: E501 to E504, what was written before is damaged.
        ResourceExhausted: E202, the archive is gone; E601, the disk is full; both can be resumed.
        Locked: E801, another run writes `out`.
    """
    adapter, root, out = archives.load(archive), root.resolve(), out.resolve()
    recipe = conversion.load(options.recipe)
    _require_accepted(recipe, options.recipe, archive)
    run.require_apart(root, out)
    run.require_ours(out)
    setting = Setting(archive, root, out, Conversion(options.recipe))
    work = _Convert(adapter, setting, options.recipe, recipe, listed(adapter, root, recipe))
    update = _telling_room(work, say, update)
    return run.run(work, options.workers, options.max_quarantine, say, update)


@dataclass(frozen=True)
class _Convert:
    """The work of a conversion, see pipeline/work.py."""

    archive: Archive
    setting: Setting
    name: str  # of the recipe
    recipe: Recipe
    listing: Listing
    outcome = "converted"

    @property
    def listed(self) -> int:
        return self.listing.records

    @property
    def selected(self) -> int:
        return self.listing.records

    @property
    def skipped(self) -> Mapping[str, int]:
        return {}

    def needed(self) -> int:
        """By what the images already done took; before the first ones nothing tells it."""
        out, done, used = self.setting.out, 0, 0
        begun = journal.read(out)
        for index, commit in begun.commits.items() if begun else ():
            with contextlib.suppress(IntegrityFailure):  # its images will be made anew
                lines = block.rows(out, index, commit.sha256)
                done += len(lines)
                used += sum(space.on_disk(s, out) for _, _, s in run.files_of(self, lines))
        return used * self.selected // max(done, 1)

    def choices(self) -> dict[str, Any]:
        return {
            "command": "convert",
            "archive": self.setting.archive,
            "--recipe": self.name,
            "images listed": self.listing.records,
            "SHA-256 of the list": self.listing.digest,
        }

    def choices_of(self, run: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "command": run.get("command", "build"),
            "archive": run["archive"]["name"],
            "--recipe": run.get("recipe"),
            "images listed": run["counts"]["inputs"],
            "SHA-256 of the list": run["archive"]["list_sha256"],
        }

    def tools(self, facts: Mapping[str, str]) -> dict[str, Any]:
        return {"cxrkit": cxrkit.__version__, "libraries": provenance.libraries()}

    def blocks(self) -> Iterator[Block]:
        usable = zip(rows.from_frame(self.listing.table), self.listing.paths, strict=True)
        items = (Item(record, conversion.outputs(self.recipe, path)) for record, path in usable)
        return block.cut(chain(items, (Item(record, ()) for record in self.listing.others)))

    def files(self, row: Line) -> Iterator[tuple[str, str, int]]:
        return ((path, sha256, size) for path, sha256, size in row["files"])

    def write_tables(self, lines: Lines) -> tuple[Counter[str], tuple[str, ...]]:
        """conversion.csv, quarantine.csv and those of the recipe."""
        out, table, paths = self.setting.out, self.listing.table, self.listing.paths
        scratch = out / "runs" / "tmp"
        columns = {CONVERSION: COLUMNS, QUARANTINE: quarantine.COLUMNS}
        counts = csv_files.write(scratch, columns, lines(), _cells)
        outcomes = [line["outcome"] == self.outcome for lines in lines() for line in lines]
        closing = self.recipe.tables(table, paths, outcomes[: len(paths)])
        _require_own_names(closing, [o for p in paths for o in conversion.outputs(self.recipe, p)])
        moves = [(scratch / name, out / name) for name in columns]
        for name, data in closing.items():
            moves.append((scratch / f"table-{len(moves)}", out / name))
            durable.write(moves[-1][0], data)
        durable.publish(out, moves)
        return counts, (*columns, *closing)

    def run(
        self, header: Mapping[str, Any], summary: Summary, counts: Mapping[str, int]
    ) -> dict[str, Any]:
        card = self.archive.CARD
        return {
            "tool": {"name": "cxrkit", "version": header["cxrkit"]},
            "command": "convert",
            "recipe": self.name,
            "archive": {
                "name": self.setting.archive,
                "title": card.title,
                "licence": card.licence,
                "list_sha256": self.listing.digest,
            },
            "libraries": header["libraries"],
            "counts": {
                "inputs": summary.inputs,
                "converted": summary.done,
                "quarantined": summary.quarantined,
                "skipped": summary.skipped,
            },
        }


def _telling_room(
    work: _Convert, say: Callable[[str], None], update: Callable[[State], None]
) -> Callable[[State], None]:
    """`update`, which once tells how much room everything takes, going by the first images."""
    told = False

    def telling(state: State) -> None:
        nonlocal told
        if not told:
            free = shutil.disk_usage(work.setting.out).free
            amount = f"about {work.needed() / 1e6:,.0f} MB in all, going by the first images"
            say(f"{amount}; {free / 1e6:,.0f} MB are free")
        told = True
        update(state)

    return telling


def _cells(line: Line) -> dict[str, Sequence[object]]:
    """The values of an item's row in conversion.csv or quarantine.csv."""
    row = line["row"]
    if line["outcome"] == "quarantined":
        return {QUARANTINE: [row[name] for name in quarantine.COLUMNS]}
    path, sha256, _ = row["files"][0]
    return {CONVERSION: [row["image_id"], row["image"], path, row["source_sha256"], sha256]}


def _require_accepted(recipe: Recipe, name: str, archive: str) -> None:
    if recipe.ARCHIVES and archive not in recipe.ARCHIVES:
        raise InputRefused(
            "E107", "--recipe", f"{name} for {archive}",
            f"{name} for {', '.join(recipe.ARCHIVES)}", "choose another recipe",
        )  # fmt: skip


def _require_own_names(closing: Mapping[str, bytes], outputs: list[str]) -> None:
    """Check that no closing table takes the place of another file."""
    clashes = {names.folded(name) for name in names.clashes([*outputs, *closing, *OURS])}
    for name in closing:
        if names.folded(name) in clashes or not names.is_plain(name):
            raise CxrkitError(
                "E399",
                name,
                "a closing table with the name of another file",
                "its own",
                "report it",
            )
