"""Records tables that no archive has, their cards, and a reader of the Markdown that is printed."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from cxrkit import archives, records
from cxrkit.archives import Card
from cxrkit.cards import card, document, page
from cxrkit.cards.facts import Facts, Found
from cxrkit.records import Record


def archive_card(licence: str, **more: object) -> Card:
    """The facts of an archive that nobody published."""
    known = {
        "title": "Made up",
        "homepage": "https://example.org/made-up",
        "terms": "None.",
        "citation": "@misc{made, title = {Made up}}",
        "blank_view_is_frontal": True,
        "tasks": ("classification",),
    }
    return Card(licence=licence, **{**known, **more})  # type: ignore[arg-type]


def facts_of(
    listed: Sequence[Record], licence: str = "open", faults: Mapping[str, str] | None = None, **more
) -> Facts:
    """The facts of an archive of these records, every file of which is a PNG of 100 x 80."""
    faults = faults or {}
    usable = [r for r in listed if not r.fault]
    measured = pl.DataFrame(
        [
            (r.image, None, None, "", None, None, faults[r.image])
            if r.image in faults
            else (r.image, 100, 80, "png", 8, 10, "")
            for r in usable
        ],
        {"image": pl.String, "rows": pl.Int32, "columns": pl.Int32, "kind": pl.String,
         "bits": pl.Int32, "bytes": pl.Int64, "fault": pl.String},
        orient="row",
    )  # fmt: skip
    identical, missing = more.pop("identical", []), more.pop("missing_masks", ())
    marked = more.pop("annotations", None)
    found = Found(records.frame(listed), measured, marked, identical, missing)
    return card.gathered("made-up", archive_card(licence, **more), ("A.", "B."), "LAYOUT", found)


def printed(facts: Facts) -> str:
    """The Markdown of the page."""
    return document.markdown(page.of(facts, []), "figures")


def tables(markdown: str) -> list[tuple[list[str], list[dict[str, str]]]]:
    """Every pipe table: its header, and its rows by header. Written for these tests alone."""
    found: list[tuple[list[str], list[dict[str, str]]]] = []
    lines = markdown.splitlines()
    for at, line in enumerate(lines):
        rule = lines[at + 1] if at + 1 < len(lines) else ""
        if line.startswith("| ") and re.fullmatch(r"\|(?:-{3}:?\|)+", rule):
            header = _cells(line)
            assert rule.count("|") == len(header) + 1
            rows = []
            for row in lines[at + 2 :]:
                if not row.startswith("|"):
                    break
                assert len(_cells(row)) == len(header)
                rows.append(dict(zip(header, _cells(row), strict=True)))
            found.append((header, rows))
    return found


def table(markdown: str, *columns: str) -> list[dict[str, str]]:
    """The rows of the one table whose header begins with these columns."""
    (rows,) = [r for header, r in tables(markdown) if tuple(header[: len(columns)]) == columns]
    return rows


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def guangzhou(root: Path) -> Path:
    """Ten images of eight patients in the layout of Guangzhou, two of them the same bytes."""
    sizes = {
        "train/PNEUMONIA/person1_bacteria_1.jpeg": (40, 60),
        "train/PNEUMONIA/person1_virus_2.jpeg": (42, 60),
        "train/PNEUMONIA/person2_bacteria_3.jpeg": (50, 30),
        "train/PNEUMONIA/person3_virus_4.jpeg": (50, 90),
        "train/NORMAL/IM-0001-0001.jpeg": (60, 80),
        "train/NORMAL/IM-0002-0001.jpeg": (61, 80),
        "train/NORMAL/IM-0002-0002.jpeg": (61, 80),
        "val/PNEUMONIA/person4_virus_5.jpeg": (70, 70),
        "test/NORMAL/IM-0003-0001.jpeg": (100, 90),
        "test/PNEUMONIA/person3_bacteria_6.jpeg": (99, 99),
    }
    for name, (rows, columns) in sizes.items():
        path = root / "chest_xray" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(rows * columns)  # the two of 61 x 80 are one picture
        ramp = np.linspace(20, 200, columns)[None, :] + rng.normal(0, 5, (rows, columns))
        path.write_bytes(cv2.imencode(".jpg", np.clip(ramp, 0, 255).astype(np.uint8))[1].tobytes())
    return root


def made(name: str, root: Path, out: Path, workers: int = 1) -> Path:
    """The card of an archive without pictures, written to `out`."""
    facts, _ = card.of_archive(name, root, workers)
    page.write(out, facts, page.of(facts, []))
    assert archives.load(name).CARD.title == facts.title
    return out
