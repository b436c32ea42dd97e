"""A page as sections of blocks, and the page as Markdown and as one self-contained HTML file."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
from jinja2.utils import urlize
from markupsafe import Markup, escape

_TEMPLATES = Path(__file__).parent / "templates"
# What Markdown would read as markup in plain words. Underscores inside words are none.
_MARKUP = re.compile(r"([\\*\[\]|]|<(?=[A-Za-z/!])|(?<!\w)_|_(?!\w))")
_CODE = re.compile(r"`([^`]+)`")
_NUMBER = re.compile(r"[-+]?[\d,]+(?:\.\d+)?(?: ?%)?|<11|withheld|-|")


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    words: str
    kind: str = "text"


@dataclass(frozen=True)
class Items:
    """A list of short texts."""

    items: tuple[str, ...]
    kind: str = "items"


@dataclass(frozen=True)
class Pairs:
    """Lines "name: value", as the published pages have under Source Information."""

    pairs: tuple[tuple[str, str], ...]
    kind: str = "pairs"


@dataclass(frozen=True)
class Heading:
    """A heading below that of the section."""

    words: str
    kind: str = "heading"


@dataclass(frozen=True)
class Listing:
    """Text whose spaces and line breaks count."""

    words: str
    kind: str = "listing"


@dataclass(frozen=True)
class Table:
    """A table of text; columns that hold only numbers are set to the right, but for `words`."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[str, ...] = ()
    kind: str = "table"

    @property
    def numeric(self) -> tuple[bool, ...]:
        """For each column, whether every cell is a number, blank or withheld."""
        return tuple(
            bool(self.rows)
            and name not in self.words
            and all(_NUMBER.fullmatch(row[place]) for row in self.rows)
            for place, name in enumerate(self.columns)
        )


@dataclass(frozen=True)
class Figure:
    """A drawing (SVG) or a picture (PNG), with the file name that it has beside the Markdown."""

    name: str
    caption: str
    content: bytes
    kind: str = "figure"

    @property
    def drawing(self) -> str:
        """The SVG text; empty for a picture."""
        return self.content.decode() if self.name.endswith(".svg") else ""

    @property
    def address(self) -> str:
        """The picture as a data address."""
        return "data:image/png;base64," + base64.b64encode(self.content).decode()


Block = Text | Items | Pairs | Heading | Listing | Table | Figure


@dataclass(frozen=True)
class Section:
    """A heading and what is below it."""

    title: str
    blocks: tuple[Block, ...]

    @property
    def anchor(self) -> str:
        """The title as the name of a place in the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


@dataclass(frozen=True)
class Page:
    """A whole page; `key` are the few numbers at its top, with what they count."""

    title: str
    lead: str
    key: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    figures: tuple[Figure, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = [b for s in self.sections for b in s.blocks if isinstance(b, Figure)]
        object.__setattr__(self, "figures", tuple(found))


def markdown(page: Page, figures: str = "") -> str:
    """The page as Markdown; `figures` is the folder its figures lie in, none are named without."""
    text = _environment().get_template("page.md.j2").render(page=page, figures=figures)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def html(page: Page) -> str:
    """The page as one HTML file that needs nothing else: figures, style and text are in it."""
    return _environment().get_template("page.html.j2").render(page=page)


def _environment() -> jinja2.Environment:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=lambda name: name is not None and ".html" in name,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["plain"] = _plain
    made.filters["row"] = _row
    made.filters["linked"] = _linked
    return made


def _plain(words: str) -> str:
    """Words in which Markdown finds no markup but `code`."""
    parts = _CODE.split(words)
    parts[::2] = [_MARKUP.sub(r"\\\1", part).replace("`", "\\`") for part in parts[::2]]
    parts[1::2] = [f"`{part}`" for part in parts[1::2]]
    return "".join(parts)


def _linked(words: str) -> Markup:
    """Words as HTML: `code` and addresses marked up, all else escaped."""
    parts: list[str] = _CODE.split(words)
    parts[::2] = [urlize(part, rel="noreferrer") for part in parts[::2]]  # escapes
    parts[1::2] = [f"<code>{escape(part)}</code>" for part in parts[1::2]]
    return Markup("".join(parts))


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(" ".join(_plain_cell(cell).split()) for cell in cells) + " |"


def _plain_cell(words: str) -> str:
    """As `_plain`; in a table a bar ends the cell even inside code."""
    return re.sub(r"(?<!\\)\|", r"\\|", _plain(words))
