"""`cxr archives`: which archives can be read, and what is known of each."""

from typing import Annotated

import typer

from cxrkit.cards import catalogue


def archives(
    name: Annotated[
        str | None, typer.Argument(help="One of them.", show_default="a table of all")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="The table and the pages of all archives.")
    ] = False,
) -> None:
    """Print the archives that can be read, or the page of one: layout, terms, traps, counts.

    Example: cxr archives shenzhen
    """
    if everything:
        print(catalogue.document(), end="")
    else:
        print(catalogue.table() if name is None else catalogue.page(name), end="")
