"""Which images of an archive are converted, and what their outputs are called."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import polars as pl

from cxrkit import archives, conversion
from cxrkit import records as rows
from cxrkit.archives import Archive
from cxrkit.conversion import Recipe
from cxrkit.conversion import paths as names
from cxrkit.errors import InputRefused
from cxrkit.pipeline.plan import line_of
from cxrkit.pipeline.seal import RUN, SUMS
from cxrkit.records import Record

CONVERSION, QUARANTINE = "conversion.csv", "quarantine.csv"
OURS = (CONVERSION, QUARANTINE, RUN, SUMS, "runs")  # what a conversion itself writes


@dataclass(frozen=True)
class Listing:
    """Everything the archive lists: `table` and `paths` row by row, and `others`.

    `others` are corrupt rows, and images whose path cannot become that of an output.
    """

    table: pl.DataFrame
    paths: list[str]
    others: list[Record]
    digest: str  # SHA-256 of everything listed

    @property
    def records(self) -> int:
        """How many images the archive lists."""
        return len(self.paths) + len(self.others)


def listed(archive: Archive, root: Path, recipe: Recipe) -> Listing:
    """The archive at `root` as the recipe converts it.

    Raises:
        InputRefused: E101 to E103 from the archive; E103, two outputs would be one file.
    """
    table, others = _split(archive, root)
    paths = recipe.paths(table)
    _require_distinct(recipe, paths)
    digest = hashlib.sha256()
    for record in chain(rows.from_frame(table), others):
        digest.update(line_of(record))
    return Listing(table, paths, others, digest.hexdigest())


def _split(archive: Archive, root: Path) -> tuple[pl.DataFrame, list[Record]]:
    """The records that can be converted as a table, and the others."""
    if hasattr(archive, "table"):
        table = archives.table(archive, root)
        plain = [names.is_plain(image) for image in table["image"]]
        usable = pl.Series(plain, dtype=pl.Boolean) & (table["fault"] == "")
        return table.filter(usable), list(rows.from_frame(table.filter(~usable)))
    # A tree's names need not be UTF-8, which a table cannot hold.
    records = list(archive.records(root))
    usable_ones = [r for r in records if names.is_plain(r.image) and not r.fault]
    others = [r for r in records if not names.is_plain(r.image) or r.fault]
    return rows.frame(usable_ones, archive.CARD.observations), others


def _require_distinct(recipe: Recipe, paths: list[str]) -> None:
    """Check that every output is a file of its own below OUT.

    Raises:
        InputRefused: E103, one is not.
    """
    outputs = list(chain.from_iterable(conversion.outputs(recipe, path) for path in paths))
    ours = {names.folded(name) for name in OURS}
    for output in chain(names.clashes(outputs), _unusable(outputs, ours)):
        raise InputRefused(
            "E103", output, "the output of an image, and that of another file too",
            "an output of its own for each image", "rename the image or its folder in the archive",
        )  # fmt: skip


def _unusable(outputs: list[str], ours: set[str]) -> Iterator[str]:
    """Outputs outside OUT, or where a conversion writes something else."""
    for output in outputs:
        if not names.is_plain(output) or names.folded(output).split("/")[0] in ours:
            yield output
