"""A reason to look at an image or its mask again."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Flag:
    """What a check found."""

    name: str  # of the check, such as "touches_border"
    reason: str  # in words for a person, with the measured value and the limit
