"""What a model was trained on, as hashes of ids: so that a test set can be held against it.

A model's folder has `trained_on.csv`, which its card names: a row per image and patient that it
learnt from or was chosen by, train and validate. An image stands there under the id of its archive
and under the one at home (`lineage`), so that MIMIC-CXR-JPG's is found in CXLSeg too. The hashes
list no id in plain text; whoever has the ids can tell which are in.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from cxrkit import model_folder
from cxrkit.errors import InputRefused
from cxrkit.quality import lineage

FILE = "trained_on.csv"
ENTRY = "trained_on"  # of the card
_HEADER = "what,sha256\n"
_IDS = (("image", "image_id", "home_image"), ("patient", "patient_id", "home_patient"))


@dataclass(frozen=True)
class TrainedOn:
    """The hashes of a model's images and patients, and the homes of its images."""

    images: frozenset[str]
    patients: frozenset[str]
    homes: tuple[str, ...]


def text(table: pl.DataFrame) -> tuple[str, dict[str, Any]]:
    """The content of `FILE`, sorted, and the facts of it for the card, without its SHA-256.

    Args:
        table: `archive`, `image_id`, `patient_id` ("" where unknown) and, where the archive has
            them, `lineage.NEEDED`; a row per image that the model was trained or chosen by.
    """
    found = table.with_columns(*lineage.homes(table).iter_columns())
    lines = sorted({
        f"{what},{digest}\n" for what, of in hashes(found).items() for pair in of for digest in pair
    })  # fmt: skip
    facts = {
        "file": FILE,
        "images": table.select("archive", "image_id").n_unique(),
        "homes": " ".join(sorted(found["home"].unique())),
    }
    return _HEADER + "".join(lines), facts


def hashes(found: pl.DataFrame) -> dict[str, list[tuple[str, ...]]]:
    """For "image" and "patient" the hashes of each row: of its archive's id and of the one at home.

    A row without a patient has none of that kind.

    Args:
        found: `archive`, `image_id`, `patient_id` and `lineage.HOME`.
    """
    return {
        what: [
            tuple(_digest(what, *name) for name in ((archive, own), (home, first)) if name[1])
            for archive, own, home, first in found.select("archive", id_, "home", at_home).rows()
        ]
        for what, id_, at_home in _IDS
    }


def read(folder: Path) -> TrainedOn:
    """What the model of a folder was trained on.

    Raises:
        InputRefused: E102, the folder has no card or the card does not say; E103, the list is none.
        IntegrityFailure: E501, the card is damaged; E503, the list is not the card's.
    """
    card = model_folder.any_card(folder)
    entry = card.get(ENTRY)
    if not isinstance(entry, dict):
        raise InputRefused(
            "E102", str(folder / model_folder.CARD), "it does not say what the model learnt from",
            f"the key {ENTRY} and {FILE}", "train the model again with this version",
        )  # fmt: skip
    data = model_folder.file(folder, entry, str(card.get("task", "")))
    header, *lines = data.decode("utf-8", "replace").splitlines()
    rows = [line.split(",") for line in lines]
    if header != _HEADER.strip() or any(len(row) != 2 for row in rows):
        raise InputRefused(
            "E103", FILE, "other columns", _HEADER.strip(), "use the file that training wrote"
        )
    return TrainedOn(
        frozenset(digest for what, digest in rows if what == "image"),
        frozenset(digest for what, digest in rows if what == "patient"),
        tuple(str(entry.get("homes", "")).split()),
    )


def seen(digests: Iterable[tuple[str, ...]], known: frozenset[str]) -> list[bool]:
    """Whether any hash of each row is among the known ones."""
    return [not known.isdisjoint(row) for row in digests]


def _digest(*words: str) -> str:
    return hashlib.sha256(json.dumps(words).encode("ascii")).hexdigest()
