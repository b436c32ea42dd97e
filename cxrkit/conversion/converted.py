"""One image of a conversion: read, convert by the recipe, and its row."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cxrkit import conversion
from cxrkit.archives import Archive
from cxrkit.conversion import Recipe
from cxrkit.errors import ItemFault, one_line
from cxrkit.imaging import radiograph
from cxrkit.pipeline import source
from cxrkit.pipeline.block import Files, Line, Make
from cxrkit.records import Record


@dataclass(frozen=True)
class Item:
    """One image to convert; `outputs` is empty where its own path cannot become an output's."""

    record: Record
    outputs: tuple[str, ...]

    @property
    def image(self) -> str:
        """What quarantine.csv calls the image."""
        return one_line(self.record.image_id)


@dataclass(frozen=True)
class Conversion:
    """The task of a conversion: which recipe."""

    recipe: str

    def load(self, archive: Archive, root: Path) -> tuple[Make, Mapping[str, str]]:
        """The function from an item to its line and files; nothing else decides the result."""
        return partial(converted, conversion.load(self.recipe), archive, root), {}


def converted(
    recipe: Recipe, archive: Archive, root: Path, item: Item, known: dict[str, object]
) -> tuple[Line, Files]:
    """The line of one image and its files; `known` tells how far it came when an error is raised.

    The recipe reads the file itself. It is the file of the SHA-256, since that did not change.

    Raises:
        ItemFault: the image cannot be converted.
    """
    record = item.record
    known["stage"] = "list"
    source.require_whole(record)
    if not item.outputs:
        raise ItemFault(
            "E201", "", "a path that is not UTF-8, has control characters or leaves the archive",
            "a plain path", "rename the file",
        )  # fmt: skip
    known["stage"] = "read"
    with source.at_rest(root / record.image):
        data = source.read(root, record.image)
        known |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        known["stage"] = "convert"
        if kind := radiograph.sniff(data[:256]):  # of what is no image, the recipe says so
            source.require_name(record.image, kind)
        del data
        files = recipe.convert(archive, root, record, item.outputs[0])
    if next(iter(files)) != item.outputs[0] or not files.keys() <= set(item.outputs):
        raise ValueError("the recipe gave other files than it announced")
    row = {
        "image_id": record.image_id,
        "image": record.image,
        "source_sha256": known["sha256"],
        "files": [[name, hashlib.sha256(f).hexdigest(), len(f)] for name, f in files.items()],
    }
    return {"outcome": "converted", "why": "", "row": row}, files
