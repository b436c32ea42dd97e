"""What a model learnt from and was chosen by, as hashes beside its card; see quality/trained_on."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl

from cxrkit.quality import trained_on
from cxrkit.quality.lineage import NEEDED
from cxrkit.records import EXTRA
from cxrkit.training import checkpoint
from cxrkit.training.cases import OfPatient


def write(out: Path, cases: Iterable[OfPatient]) -> dict[str, dict[str, Any]]:
    """Write trained_on.csv to the folder `out`; the entry of it for the card, by its key.

    Args:
        out: the run's folder.
        cases: all that were trained on or validated on.
    """
    own = [name.removeprefix(EXTRA) for name in NEEDED]
    rows = [(c.archive, c.image_id, _patient(c), *(c.extra.get(n, "") for n in own)) for c in cases]
    schema = dict.fromkeys(("archive", "image_id", "patient_id", *NEEDED), pl.String)
    text, facts = trained_on.text(pl.DataFrame(rows, schema, orient="row"))
    data = text.encode("ascii")
    checkpoint.replace(out / trained_on.FILE, data)
    return {trained_on.ENTRY: facts | {"sha256": hashlib.sha256(data).hexdigest()}}


def seen(cases: Iterable[OfPatient]) -> list[OfPatient]:
    """The cases of every split but the one that is tested on."""
    return [c for c in cases if c.split != "test"]


def _patient(case: OfPatient) -> str:
    """The patient; "" where the image stands for one."""
    return "" if case.patient_id == f"image:{case.image_id}" else case.patient_id
