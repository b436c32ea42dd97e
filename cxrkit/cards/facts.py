"""What the page of an archive or a dataset states: everything counted, after protection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from cxrkit.archives import Card
from cxrkit.cards.counts import Count, Tally
from cxrkit.cards.extent import Sizes, Spread

Names = tuple[str, ...]


@dataclass(frozen=True)
class Checked:
    """A published number beside what this copy has; `found` is None where it is not shown."""

    what: str
    value: int
    found: int | None
    verdict: str  # "agrees", "differs", "known error", "cannot tell" or "withheld"
    source: str
    note: str


@dataclass(frozen=True)
class Fault:
    """Files or rows that cannot be used for one reason, some of them by name."""

    code: str
    what: str
    count: Count
    names: Names  # the first; none for a restricted archive


@dataclass(frozen=True)
class Facts:
    """Everything a page says of an archive, or of a dataset made of it."""

    name: str
    title: str
    card: Card
    about: Names  # paragraphs: what it is, in one sentence, then more
    layout: str
    restricted: bool
    patients: str  # "all", "some" or "none": for how many images the patient is known
    observations: Names
    tally: Tally  # with what must not be shown taken out
    categories: int
    kinds: Names  # of files, the most frequent first
    sizes: Sizes
    ages: Spread
    images_per_patient: Spread
    claims: tuple[Checked, ...]
    faults: tuple[Fault, ...]
    identical: tuple[Names, ...]  # groups of identical files; none by name where restricted
    identical_groups: int | None
    files: str  # a tree; empty for a restricted archive
    part_of: Names
    contains: Names
    contained_in: Names
    built: Mapping[str, object] = field(
        default_factory=dict
    )  # of a dataset: its run.json without counts

    def count(self, *key: str) -> Count:
        """The count under a key, zero where nothing was found."""
        return self.tally.counts.get(key, Count(0, 0))


@dataclass(frozen=True)
class Found:
    """What was read from the disk: one table row for an image and what its file is."""

    table: pl.DataFrame  # see `records.frame`
    measured: pl.DataFrame  # see `imaging.sizes.measure`
    annotations: pl.DataFrame | None
    identical: Sequence[Names]
    missing_masks: Names = ()
