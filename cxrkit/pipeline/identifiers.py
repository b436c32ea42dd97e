"""Identifiers in the shape of MIMIC-CXR for images that have none, and the split of a patient.

All of them come from a hash of what the archive calls the patient, the study or the image, so they
are the same in every run and on every machine, and say nothing beyond what the archive published.
"""

import hashlib
import json
import re
from collections.abc import Iterable

from cxrkit.records import Record
from cxrkit.terms import SPLITS, Split

# MIMIC-CXR: a subject has 8 digits and starts with 1, a study with 5; an image has 40 hexadecimal
# digits in five groups of eight.
_SUBJECT = re.compile(r"1\d{7}")
_STUDY = re.compile(r"5\d{7}")
_IMAGE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{8}){4}")
_NUMBERS = 10_000_000  # seven digits behind the first


def are_mimic(record: Record) -> bool:
    """All three identifiers of the record have the shape of MIMIC-CXR; such a record keeps them."""
    return bool(
        _SUBJECT.fullmatch(record.patient_id)
        and _STUDY.fullmatch(record.study_id)
        and _IMAGE.fullmatch(record.image_id)
    )


def patient_key(record: Record) -> str:
    """What stands for the patient; an image without a patient is its own."""
    return f"patient {record.patient_id}" if record.patient_id else f"image {record.image_id}"


def study_key(record: Record) -> str:
    """What stands for the study: a study without an identifier holds one image."""
    study = f"study {record.study_id}" if record.study_id else f"image {record.image_id}"
    return f"{patient_key(record)} {study}"


def numbers(archive: str, first: str, keys: Iterable[str], taken: set[str]) -> dict[str, str]:
    """Eight digits, the first one given, for each key.

    Seven digits from SHA-256; where two keys meet, the one that sorts later takes the next free
    number. `taken` are numbers that are in use already.
    """
    used = set(taken)
    given: dict[str, str] = {}
    for key in sorted(keys):
        value = _hash("number", first, archive, key) % _NUMBERS
        while (number := f"{first}{value:07d}") in used:
            value = (value + 1) % _NUMBERS
        used.add(number)
        given[key] = number
    return given


def image_number(archive: str, image_id: str) -> str:
    """40 hexadecimal digits in five groups of eight."""
    digits = _digest("image", archive, image_id).hex()
    return "-".join(digits[start : start + 8] for start in range(0, 40, 8))


def split_of(seed: int, archive: str, patient: str) -> Split:
    """train, validate or test with chances 8, 1 and 1 in 10; see docs/decisions/0001."""
    tenth = _hash("split", str(seed), archive, patient) * 10 >> 64
    return SPLITS[max(0, tenth - 7)]


def _hash(*words: str) -> int:
    """A whole number below 2 to the power of 64."""
    return int.from_bytes(_digest(*words)[:8], "big")


def _digest(*words: str) -> bytes:
    return hashlib.sha256(json.dumps(words).encode("ascii")).digest()
