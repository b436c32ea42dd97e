"""The stored pixel values of a record's DICOM file, before any display step."""

from pathlib import Path

import numpy as np

from cxrkit.errors import ItemFault
from cxrkit.imaging import dicom, radiograph
from cxrkit.imaging.dicom import Stored
from cxrkit.records import Record


def read(root: Path, record: Record) -> Stored:
    """The stored values of one gray plane that is not constant.

    Raises:
        ItemFault: E201 to E203 no file that can be read; E210 to E219 as `radiograph.decode`; E213
            also for another kind of image, several frames and colour; E216 constant.
    """
    data = radiograph.file_bytes(root / record.image)
    kind = radiograph.sniff(data[:256])
    if not kind:
        raise radiograph.no_image(data, record.image)
    if kind != "dicom":
        raise ItemFault(
            "E213",
            record.image,
            f"the content is {kind}, which has no stored DICOM values",
            "a DICOM file",
            "use the recipe png or jpeg",
        )
    stored = dicom.read_stored(data, record.image)
    require_content(stored.values, record.image)
    return stored


def require_content(pixels: np.ndarray, name: str) -> None:
    """Check that (H, W) pixels are not all the same.

    Raises:
        ItemFault: E216, they are.
    """
    if pixels.min() == pixels.max():
        raise ItemFault(
            "E216",
            name,
            "every pixel has the same value",
            "a radiograph",
            "export the image again, or leave it out",
        )
