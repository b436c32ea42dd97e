"""One module per recipe for `cxr convert`; this folder is the registry.

A recipe is a module that has `convert`; its name on the command line has hyphens (`mimic-jpg`). It
has:

    ARCHIVES                                 names of the archives that it accepts; () is any
    paths(table)                             the output path of each record
    convert(archive, root, record, path)     the content of a record's files, by path
    tables(table, paths, converted)          closing tables, content by name
    outputs(path)                            only where `convert` gives more than one file:
                                             all that a record can become, `path` first

`table` is the archive's records table without rows that cannot be used. Every output is relative,
with forward slashes, and no two of a conversion are alike, not even to a file system that takes
capital for small letters. What `convert` gives depends on the record and its file alone.
"""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Protocol, cast

import polars as pl

from cxrkit.archives import Archive
from cxrkit.errors import InputRefused
from cxrkit.records import Record


class Recipe(Protocol):
    """What every recipe module offers."""

    ARCHIVES: tuple[str, ...]

    def paths(self, table: pl.DataFrame) -> list[str]:
        """The output path of each record, in order, all distinct."""
        ...

    def convert(self, archive: Archive, root: Path, record: Record, path: str) -> dict[str, bytes]:
        """The record's files, `path` first.

        Raises:
            ItemFault: the file or what belongs to it cannot be used.
        """
        ...

    def tables(
        self, table: pl.DataFrame, paths: list[str], converted: list[bool]
    ) -> dict[str, bytes]:
        """Closing tables by name, given which of the records were converted."""
        ...


def names() -> list[str]:
    """The recipes, spelled as on the command line, sorted."""
    stems = [module.name for module in pkgutil.iter_modules(__path__)]
    return sorted(stem.replace("_", "-") for stem in stems if hasattr(_module(stem), "convert"))


def load(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        InputRefused: E107, no recipe of that name.
    """
    if name not in names():
        raise InputRefused("E107", "--recipe", name, ", ".join(names()), "use one of these")
    return cast(Recipe, _module(name.replace("-", "_")))


def outputs(recipe: Recipe, path: str) -> tuple[str, ...]:
    """Every file that the record with this output path can become, the path first."""
    return tuple(recipe.outputs(path)) if hasattr(recipe, "outputs") else (path,)


def _module(stem: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{stem}")
