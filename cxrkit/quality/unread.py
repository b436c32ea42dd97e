"""Images and masks that could not be read, as the commands here name them."""

from dataclasses import dataclass
from typing import Literal

from cxrkit.errors import ItemFault

# What could not be read: the image's row in a table of the archive, the radiograph, or its mask.
Stage = Literal["list", "read", "mask"]


@dataclass(frozen=True)
class Unread:
    """An image that was left out, and why."""

    source: str
    image_id: str
    image: str  # below the source
    stage: Stage
    code: str
    message: str
    remedy: str


def of(source: str, image_id: str, image: str, stage: Stage, fault: ItemFault) -> Unread:
    """The fault of one image."""
    return Unread(source, image_id, image, stage, fault.code, str(fault), fault.remedy)


def of_row(source: str, image_id: str, image: str, fault: str) -> Unread:
    """The fault of an image whose row is corrupt, see `records.Record`."""
    error = ItemFault("E103", image, fault, "a whole row", "mend the archive's table")
    return of(source, image_id, image, "list", error)
