"""What decides the bytes of a dataset: kept in its journal while it is built, then in run.json."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import cxrkit
from cxrkit import segmentation
from cxrkit.archives import Card
from cxrkit.pipeline import one_split
from cxrkit.pipeline.plan import Plan
from cxrkit.pipeline.segmented import Segmentation

_LIBRARIES = ("numpy", "opencv-python-headless", "pydicom", "polars")
_CODECS = ("python-gdcm", "pylibjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle")  # of the dicom extra


def choices(archive: str, task: Segmentation, survey: Plan, seed: int) -> dict[str, Any]:
    """What the user chose and what the archive lists; the engine only where it was named."""
    chosen = {
        "archive": archive,
        "--mask-convention": task.convention,
        "--seed": seed,
        "images listed": survey.records,
        "SHA-256 of the list": survey.digest,
        "weights": segmentation.weights_sha256(task.weights, task.precision),
        "--min-quality": task.min_quality,
    }
    return chosen if task.engine == "auto" else chosen | {"engine": task.engine}


def tools(facts: Mapping[str, str], task: Segmentation) -> dict[str, Any]:
    """The program, its libraries and the network that the workers loaded, named in `facts`."""
    return {
        "cxrkit": cxrkit.__version__,
        "engine": facts["engine"],
        "recipe": asdict(task.recipe),
        "libraries": libraries(facts["engine"]),
    }


def libraries(*others: str) -> dict[str, str]:
    """The versions of what reads and writes images, and of `others`."""
    names = [*_LIBRARIES, *others, *filter(_is_installed, _CODECS)]
    return {name: importlib.metadata.version(name) for name in names}


def run(
    header: Mapping[str, Any],
    card: Card,
    survey: Plan,
    counts: Mapping[str, Any],
    splits: Mapping[str, int],
    proof: Mapping[str, int],
) -> dict[str, Any]:
    """run.json, from the journal's first line, `choices` and `tools` together, and the counts."""
    return {
        "tool": {"name": "cxrkit", "version": header["cxrkit"]},
        "archive": {
            "name": header["archive"],
            "title": card.title,
            "licence": card.licence,
            "list_sha256": header["SHA-256 of the list"],
            "reports": survey.reports,
        },
        "options": {
            "mask_convention": header["--mask-convention"],
            "seed": header["--seed"],
            "min_quality": header["--min-quality"],
        },
        "segmentation": {
            "engine": header["engine"],
            "weights_sha256": header["weights"],
            "size": segmentation.SIZE,
            "recipe": header["recipe"],
        },
        "libraries": header["libraries"],
        "counts": dict(counts),
        "splits": dict(splits),
        "split_proof": dict(proof) | {"not examined": one_split.NOT_EXAMINED},
    }


def choices_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The `choices` behind a run.json, with the engine; another command has other ones."""
    if "command" in facts:
        return {"command": facts["command"]}
    return {
        "archive": facts["archive"]["name"],
        "--mask-convention": facts["options"]["mask_convention"],
        "--seed": facts["options"]["seed"],
        "images listed": facts["counts"]["inputs"],
        "SHA-256 of the list": facts["archive"]["list_sha256"],
        "weights": facts["segmentation"]["weights_sha256"],
        "--min-quality": facts["options"]["min_quality"],
        "engine": facts["segmentation"]["engine"],
    }


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
