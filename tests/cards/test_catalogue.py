"""The pages of the archives say what the adapters know, and the docs say the same."""

import re
from pathlib import Path

import pytest

from cxrkit import archives
from cxrkit.cards import catalogue
from cxrkit.errors import InputRefused

DOCS = Path(__file__).parents[2] / "docs" / "archives.md"
MARK = "<!-- from here on: cxr archives --all -->\n"


def cells(text: str) -> list[int]:
    """Cells of every table row of a Markdown text."""
    return [len(re.split(r"(?<!\\)\|", line)) - 2 for line in text.splitlines() if line[:1] == "|"]


def test_the_table_has_a_line_for_every_archive() -> None:
    table = catalogue.table()
    assert set(cells(table)) == {7}
    assert [line.split("`")[1] for line in table.splitlines()[2:]] == archives.names()


@pytest.mark.parametrize("name", archives.names())
def test_a_page_tells_layout_terms_and_every_claim(name: str) -> None:
    page, card = catalogue.page(name), archives.load(name).CARD
    assert archives.load(name).LAYOUT in page
    assert card.licence in page
    assert page.count("\n| ") >= len(card.claims) + len(card.reads)
    for claim in card.claims:
        assert f"{claim.value:,}" in page
    assert all(trap in page for trap in card.traps)


def test_an_unknown_archive_is_refused() -> None:
    with pytest.raises(InputRefused, match="E101"):
        catalogue.page("nowhere")


def test_the_docs_are_what_the_command_prints() -> None:
    """Written by `cxr archives --all`, so that the docs cannot say another thing."""
    assert DOCS.read_text(encoding="utf-8").split(MARK)[1] == catalogue.document()
