"""What a classifier learns: observations by name, and one number per image for each of them.

A target is 1, 0, or not a number where nothing is known: such a target teaches and scores nothing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cxrkit.errors import InputRefused
from cxrkit.terms import SPLITS
from cxrkit.training.samples import Sample

Uncertain = Literal["ones", "zeros", "ignore"]
UNCERTAIN: tuple[Uncertain, ...] = get_args(Uncertain)
NotMentioned = Literal["zeros", "ignore"]
NOT_MENTIONED: tuple[NotMentioned, ...] = get_args(NotMentioned)

_FORM = re.compile(r"(?P<name>[^=]+)=extra\.(?P<column>[^:]+):(?P<one>[^/]+)/(?P<zero>[^/]+)")


@dataclass(frozen=True)
class Observation:
    """A label of the archive, or two values of another of its columns."""

    name: str
    column: str = ""  # of the records' `extra`; empty: a label
    one: str = ""  # the column's value that is 1
    zero: str = ""  # the column's value that is 0; any other value says nothing


def parse(text: str) -> tuple[Observation, ...]:
    """The observations in "Edema,Pneumonia" or "Bacterial=extra.cause:bacteria/virus".

    Raises:
        InputRefused: E107, it has another form, or a name is there twice.
    """
    found = []
    for part in (p.strip() for p in text.split(",")):
        named = _FORM.fullmatch(part)
        if not part or ("=" in part and named is None):
            raise InputRefused(
                "E107", "--observations", part or "an empty name",
                "names with commas between them, or NAME=extra.COLUMN:VALUE OF 1/VALUE OF 0",
                "see the example of cxr train classification --help",
            )  # fmt: skip
        found.append(Observation(**named.groupdict()) if named else Observation(part))
    names = [o.name for o in found]
    if len(set(names)) < len(names):
        raise InputRefused("E107", "--observations", text, "each name once", "leave one away")
    return tuple(found)


def require_known(samples: Sequence[Sample], wanted: Sequence[Observation]) -> None:
    """Check that every value of a label is one and that the sources name each observation.

    Raises:
        InputRefused: E108, a label is not 1, 0 or -1; E107, an observation has no label anywhere.
    """
    for s in samples:
        for name, value in s.labels.items():
            if value not in (1, 0, -1):
                raise InputRefused(
                    "E108", f"{s.archive}:{s.image_id}", f"the label {name} is {value}",
                    "1, 0, -1 or blank", "correct the archive's table of labels",
                )  # fmt: skip
    labels = {name for s in samples for name in s.labels}
    columns = {name for s in samples for name in s.extra}
    for o in wanted:
        known = columns if o.column else labels
        if (o.column or o.name) not in known:
            kind = "column" if o.column else "observation"
            raise InputRefused(
                "E107", "--observations", f"no image has the {kind} {o.column or o.name}",
                ", ".join(sorted(known)) or f"a source that has a {kind}", "use one of these",
            )  # fmt: skip


def table(
    samples: Sequence[Sample], wanted: Sequence[Observation],
    uncertain: Uncertain, not_mentioned: NotMentioned,
) -> np.ndarray:  # fmt: skip
    """The (N, K) float32 targets of the samples, not a number where nothing is known.

    "Not mentioned" is read as absent only in an archive that names the observation for another
    image, and never for a column of `extra`.
    """
    named = {(s.archive, name) for s in samples for name in s.labels}
    unsure = {"ones": 1.0, "zeros": 0.0, "ignore": np.nan}[uncertain]
    silent = {"zeros": 0.0, "ignore": np.nan}[not_mentioned]

    def value(s: Sample, o: Observation) -> float:
        if o.column:
            return {o.one: 1.0, o.zero: 0.0}.get(s.extra.get(o.column, ""), np.nan)
        found = s.labels.get(o.name)
        if found is None:
            return silent if (s.archive, o.name) in named else np.nan
        return unsure if found == -1 else float(found)

    rows = [[value(s, o) for o in wanted] for s in samples]
    return np.array(rows, np.float32).reshape(len(samples), len(wanted))


def require_splits(samples: Iterable[Sample]) -> None:
    """Check that there is an image in each split, and more than one patient.

    Raises:
        InputRefused: E109.
    """
    listed = list(samples)
    patients = {(s.archive, s.patient_id) for s in listed}
    if len(patients) < 2:
        raise InputRefused(
            "E109", "the sources", f"{len(patients)} patient", "patients to learn from and others "
            "to test on", "give more of the archive",
        )  # fmt: skip
    for split in SPLITS:
        if not any(s.split == split for s in listed):
            raise InputRefused(
                "E109", split, "no image is in this split", "one or more",
                "give more images, or another --validate, --test or --seed",
            )  # fmt: skip


def require_both(
    samples: Sequence[Sample], targets: np.ndarray, wanted: Sequence[Observation]
) -> None:
    """Check that each observation is present in one image of each split and absent in another.

    Raises:
        InputRefused: E108, one is not.
    """
    splits = np.array([s.split for s in samples])
    for k, o in enumerate(wanted):
        for split in SPLITS:
            values = targets[splits == split, k]
            present, absent = int((values == 1).sum()), int((values == 0).sum())
            if not present or not absent:
                raise InputRefused(
                    "E108", f"{o.name}, {split}", f"{present} images with it, {absent} without",
                    "one or more of each", "give more images, another --seed, or leave it out of "
                    "--observations",
                )  # fmt: skip
