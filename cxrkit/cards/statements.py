"""The checkable statements of a dataset card in Markdown: numbers, formats, rules, addresses.

The published format is a page of headings, tables with any columns, `Key: value` lines, prose, and
a drawn tree of files; see docs/auditing.md. What is written in another way, or in another language,
gives no statement: nothing is guessed from a bare number.
"""

from cxrkit.cards import audit_grid, audit_markdown, audit_prose, audit_tables
from cxrkit.cards.audit_statement import Kind, Statement

__all__ = ["Kind", "Statement", "statements"]


def statements(markdown: str) -> list[Statement]:
    """What a card states, in the order of its lines; [] where nothing can be checked."""
    page = audit_markdown.page(markdown)
    keyed, sentences = audit_grid.keyed(page.sentences)
    found = [
        *audit_prose.in_sentences(tuple(sentences)),
        *audit_tables.in_tables([*page.tables, *keyed]),
        *audit_prose.in_code(page.code),
    ]
    return sorted(found, key=lambda statement: statement.line)
