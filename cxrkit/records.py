"""One row per image: what every archive is read into."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from cxrkit.terms import FRONTAL_VIEWS


@dataclass(frozen=True)
class Record:
    """One image of an archive. Ids are text; unknown is empty, never "negative".

    `labels` maps an observation to 1 present, 0 absent, -1 uncertain; a missing key is
    "not mentioned". Paths are relative to the archive's root, with forward slashes.
    """

    archive: str
    image_id: str
    image: str
    patient_id: str = ""
    study_id: str = ""
    view: str = ""  # View Position (0018,5101): PA, AP, LATERAL, LL, ...
    mask: str = ""  # the archive's own lung mask, where it has one
    split: str = ""  # as published: train, validate, test
    sex: str = ""  # M, F, O
    age: float | None = None  # years
    rows: int | None = None
    columns: int | None = None
    labels: Mapping[str, int] = field(default_factory=dict)
    extra: Mapping[str, str] = field(default_factory=dict)  # the archive's own columns, untouched

    @property
    def frontal(self) -> bool:
        """The published view is PA or AP."""
        return self.view in FRONTAL_VIEWS
