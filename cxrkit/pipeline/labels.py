"""The labels of an image in a dataset: the archive's own, or read from its report."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxrkit.archives import Card
from cxrkit.pipeline import identifiers
from cxrkit.records import Record
from cxrkit.reports import labeler, sections
from cxrkit.terms import OBSERVATIONS, observations

ARCHIVE, REPORTS = "archive", "reports"
_NEGBIO = "negbio."  # prefix of an archive's second labels among its own columns


@dataclass(frozen=True)
class Labels:
    """Two readings of one study, and where each comes from: ARCHIVE, REPORTS or nowhere."""

    first: Mapping[str, int] = field(default_factory=dict)
    first_from: str = ""
    negbio: Mapping[str, int] = field(default_factory=dict)
    negbio_from: str = ""


def of(record: Record, report: str, card: Card) -> Labels:
    """The labels of CXLSeg-segmented.csv and of CXLSeg-negbio.csv.

    An archive with labels keeps them, also where a study of it has none: nothing is filled in. An
    archive with reports alone gets the CheXpert reading of their text, and the NegBio reading.
    """
    text = _text(record, report)
    first, first_from = observations(record.labels), ARCHIVE
    if not card.labels_belong_to:
        first = labeler.label(text, "chexpert") if text else {}
        first_from = REPORTS if text else ""
    negbio, negbio_from = _published(record), ARCHIVE
    if not negbio:
        negbio = labeler.label(text, "negbio") if text else {}
        negbio_from = REPORTS if text else ""
    return Labels(first, first_from, negbio, negbio_from)


def _text(record: Record, report: str) -> str:
    """What the published labels of MIMIC-CXR were read from; findings and impression elsewhere."""
    if identifiers.are_mimic(record):
        return sections.mimic_text(f"s{record.study_id}", report)
    return sections.tolerant_text(report)


def _published(record: Record) -> dict[str, int]:
    cells = {name: record.extra.get(_NEGBIO + name, "") for name in OBSERVATIONS}
    return {name: int(float(cell)) for name, cell in cells.items() if cell}
