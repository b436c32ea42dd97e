"""The page of an archive or a dataset: its document, its numbers as JSON, and the files of both."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cxrkit
from cxrkit import outputs
from cxrkit.cards import document, evidence, published
from cxrkit.cards.counts import Count
from cxrkit.cards.document import Figure, Page, Section
from cxrkit.cards.facts import Facts
from cxrkit.errors import InputRefused

MARKDOWN, HTML, NUMBERS, FIGURES = "card.md", "card.html", "card.json", "figures"


def of(facts: Facts, pictures: Sequence[Figure], more: Sequence[Section] = ()) -> Page:
    """The page of these facts; `more` sections stand between the published ones and the others."""
    whole = facts.count("images")
    key = [("images", published.images(whole))]
    if facts.patients == "all":
        key.append(("patients", published.people(whole)))
    if facts.observations:
        number = len(facts.observations)
        key.append(("label" if number == 1 else "labels", f"{number:,}"))
    masked = facts.count("mask", "with")
    if masked.images or masked.mark:
        key.append((f"masks of the {facts.card.mask_of}", published.images(masked)))
    true = [c for c in facts.claims if not c.note.startswith("false: ")]
    if true:
        agree = sum(c.verdict == "agrees" for c in true)
        key.append(("published numbers agree", f"{agree} of {len(true)}"))
    key.append(("licence class", facts.card.licence))
    parts = (*published.sections(facts, pictures), *more, *evidence.sections(facts))
    return Page(facts.title, "".join(facts.about[:1]), tuple(key), parts)


def numbers(facts: Facts) -> dict[str, Any]:
    """Everything counted, as JSON can hold it; None where it is withheld or not known."""
    return {
        "tool": {"name": "cxrkit", "version": cxrkit.__version__},
        "name": facts.name,
        "title": facts.title,
        "licence": facts.card.licence,
        "restricted": facts.restricted,
        "patients_known": facts.patients,
        "observations": facts.observations,
        "counts": [_count(key, count) for key, count in facts.tally.counts.items()],
        "sizes": asdict(facts.sizes),
        "ages": asdict(facts.ages),
        "images_per_patient": asdict(facts.images_per_patient),
        "claims": [asdict(claim) for claim in facts.claims],
        "faults": [asdict(fault) for fault in facts.faults],
        "identical": facts.identical,
        "part_of": facts.part_of,
        "contains": facts.contains,
        "contained_in": facts.contained_in,
        "built": dict(facts.built),
    }


def as_json(facts: Facts) -> str:
    """`numbers` as text."""
    return json.dumps(numbers(facts), indent=1, ensure_ascii=False) + "\n"


def require_ours(out: Path) -> None:
    """Pass where `out` is absent, empty, or holds a page that was written here before.

    Raises:
        InputRefused: E105, it holds something else.
    """
    if not out.exists() or _is_ours(out):
        return
    if not (out.is_dir() and outputs.is_empty(out)):
        raise InputRefused(
            "E105",
            str(out),
            "it exists and holds no card",
            "a new or empty folder, or one with a card of ours",
            "choose another OUT",
        )


def write(out: Path, facts: Facts, page: Page) -> None:
    """Write card.md, card.html and the figures of the first to `out`, card.json last.

    A card that was there is replaced, and stays where the new one cannot be written.

    Raises:
        InputRefused: E105, as `require_ours`; and as `outputs.writing`.
        ResourceExhausted: as `outputs.writing`.
    """
    require_ours(out)
    with outputs.filled(out, last=NUMBERS) as scratch:
        (scratch / FIGURES).mkdir()
        for figure in page.figures:
            (scratch / FIGURES / figure.name).write_bytes(figure.content)
        _put(scratch / MARKDOWN, document.markdown(page, FIGURES))
        _put(scratch / HTML, document.html(page))
        _put(scratch / NUMBERS, as_json(facts))


def _is_ours(out: Path) -> bool:
    try:
        found: Mapping[str, Any] = json.loads((out / NUMBERS).read_text(encoding="utf-8"))
        return bool(found["tool"]["name"] == "cxrkit")
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _put(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))


def _count(key: tuple[str, ...], count: Count) -> dict[str, Any]:
    return {"of": list(key), "images": count.images, "people": count.people, "mark": count.mark}
