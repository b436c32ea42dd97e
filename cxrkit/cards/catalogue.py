"""What is known of the archives before any is on the disk: a table of all, a page of one."""

from collections.abc import Sequence

from cxrkit import archives
from cxrkit.archives import Card

_HEADER = (
    "| name | archive | images published | patients | own masks | split | terms |\n"
    "|---|---|---:|---:|---|---|---|\n"
)


def table() -> str:
    """A Markdown table of every archive that can be read, one line each."""
    return _HEADER + "".join(_line(name) for name in archives.names())


def page(name: str) -> str:
    """The Markdown page of one archive: what it is, its layout, what is read, what goes wrong.

    Raises:
        InputRefused: E101, no adapter of that name.
    """
    archive = archives.load(name)
    card, about = archive.CARD, str(archive.__doc__).strip()
    parts = [f"## {name}", f"{card.title}.", about, f"    {archive.LAYOUT}"]
    if card.reads:
        rows = [(f"`{field}`", _cell(source)) for field, source in card.reads]
        parts.append(_rows(("read", "from"), rows))
    facts = [
        ("patients", card.patients),
        ("labels belong to", f"the {card.labels_belong_to}" if card.labels_belong_to else ""),
        ("several readers", f"united by the rule *{card.reader_rule}*" if card.reader_rule else ""),
        ("own masks", _masks(card)),
        ("an image without a view", "is frontal" if card.blank_view_is_frontal else "is skipped"),
        ("contains", ", ".join(card.contains)),
        ("is part of", ", ".join(card.part_of)),
        ("authors", card.authors),
        ("published", card.published_on),
        ("article", card.article),
        ("home", card.homepage),
        ("terms", f"{card.licence}: {card.terms}"),
    ]
    parts.append(_rows(("fact", ""), [(what, _cell(text)) for what, text in facts if text]))
    if card.traps:
        parts.append("Traps:\n\n" + "\n".join(f"- {trap}" for trap in card.traps))
    if card.claims:
        parts.append(_claims(card))
    return "\n\n".join(parts) + "\n"


def document() -> str:
    """The table and every archive's page: the second half of docs/archives.md."""
    return table() + "".join(f"\n{page(name)}" for name in archives.names())


def _line(name: str) -> str:
    card = archives.load(name).CARD
    cells = (
        f"`{name}`",
        _cell(card.title),
        _published(card, "images"),
        _published(card, "patients"),
        _masks(card) or "none",
        "published" if any("train" in c.what for c in card.claims) else "",
        card.licence,
    )
    return "| " + " | ".join(cells) + " |\n"


def _published(card: Card, what: str) -> str:
    """The first published number of that kind; an archive of masks counts them."""
    sound = [c for c in card.claims if not c.erratum]
    like = ("images with", "masks") if what == "images" else ()
    found = [c for c in sound if c.what == what] + [c for c in sound if c.what.startswith(like)]
    return f"{found[0].value:,}" if found else ""


def _masks(card: Card) -> str:
    if card.mask_of != "lungs":
        return card.mask_of
    convention = {"excluded": "heart excluded", "included": "heart included"}
    return f"lungs, {convention.get(str(card.mask_convention), 'conventions mixed')}"


def _claims(card: Card) -> str:
    rows = [
        (_cell(c.what), f"{c.value:,}", _cell(c.source), _cell(_note(c.why, c.erratum)))
        for c in card.claims
    ]
    heading = ("published", "number", "source", "note")
    return "What is published in numbers, and what `cxr verify` counts:\n\n" + _rows(
        heading, rows, "---|---:|---|---"
    )


def _note(why: str, erratum: str) -> str:
    return f"false: {erratum}" if erratum else why


def _rows(heading: tuple[str, ...], rows: Sequence[tuple[str, ...]], rule: str = "") -> str:
    lines = [heading, *rows]
    text = [f"| {' | '.join(line)} |" for line in lines]
    text.insert(1, f"|{rule or '|'.join(['---'] * len(heading))}|")
    return "\n".join(text)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())
