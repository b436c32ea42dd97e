"""One module per published archive; this folder is the registry."""

import importlib
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, cast

from cxrkit.errors import InputRefused
from cxrkit.records import Record
from cxrkit.terms import LicenceClass, MaskConvention


@dataclass(frozen=True)
class Card:
    """The facts of an archive that its files do not hold."""

    title: str
    homepage: str
    licence: LicenceClass
    terms: str
    citation: str  # BibTeX
    blank_view_is_frontal: bool  # whether an image without a published view is taken as frontal
    mask_convention: MaskConvention | None = None  # of the archive's own lung masks
    published: tuple[tuple[str, int, str], ...] = ()  # (what, count, source)
    lineage: tuple[str, ...] = ()  # archives it contains or is part of


class Archive(Protocol):
    """What an adapter module offers. `report` is there only where the archive has reports."""

    CARD: Card
    LAYOUT: str

    def records(self, root: Path) -> Iterator[Record]:
        """Every image in sorted order of its path, touching no pixels."""
        ...


def names() -> list[str]:
    """The adapters, spelled as on the command line (`mimic-cxr-jpg`), sorted."""
    return sorted(m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__))


def load(name: str) -> Archive:
    """The adapter of that name.

    Raises:
        InputRefused: E101, no adapter of that name.
    """
    if name not in names():
        raise InputRefused("E101", name, "no such archive", ", ".join(names()), "use one of these")
    return cast(Archive, importlib.import_module(f"{__name__}.{name.replace('-', '_')}"))
