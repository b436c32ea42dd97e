"""What decides the bytes of a dataset: kept in its journal while it is built, then in run.json."""

import importlib.metadata
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import cxrkit
from cxrkit import segmentation
from cxrkit.archives import Card
from cxrkit.pipeline.block import Setting
from cxrkit.pipeline.plan import Plan

_LIBRARIES = ("numpy", "opencv-python-headless", "pydicom", "polars")
_CODECS = ("python-gdcm", "pylibjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle")  # of the dicom extra


def choices(setting: Setting, survey: Plan, seed: int) -> dict[str, Any]:
    """What the user chose and what the archive lists; the engine only where it was named."""
    chosen = {
        "archive": setting.archive,
        "--mask-convention": setting.convention,
        "--seed": seed,
        "images listed": survey.records,
        "SHA-256 of the list": survey.digest,
        "weights": segmentation.weights_sha256(setting.weights, setting.precision),
    }
    return chosen if setting.engine == "auto" else chosen | {"engine": setting.engine}


def tools(facts: Mapping[str, str], setting: Setting) -> dict[str, Any]:
    """The program, its libraries and the network that the workers loaded, named in `facts`."""
    names = [*_LIBRARIES, facts["engine"], *filter(_is_installed, _CODECS)]
    return {
        "cxrkit": cxrkit.__version__,
        "engine": facts["engine"],
        "recipe": asdict(setting.recipe),
        "libraries": {name: importlib.metadata.version(name) for name in names},
    }


def run(
    header: Mapping[str, Any],
    card: Card,
    survey: Plan,
    counts: Mapping[str, Any],
    splits: Mapping[str, int],
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
        "options": {"mask_convention": header["--mask-convention"], "seed": header["--seed"]},
        "segmentation": {
            "engine": header["engine"],
            "weights_sha256": header["weights"],
            "size": segmentation.SIZE,
            "recipe": header["recipe"],
        },
        "libraries": header["libraries"],
        "counts": dict(counts),
        "splits": dict(splits),
    }


def choices_of(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The `choices` behind a run.json, with the engine."""
    return {
        "archive": facts["archive"]["name"],
        "--mask-convention": facts["options"]["mask_convention"],
        "--seed": facts["options"]["seed"],
        "images listed": facts["counts"]["inputs"],
        "SHA-256 of the list": facts["archive"]["list_sha256"],
        "weights": facts["segmentation"]["weights_sha256"],
        "engine": facts["segmentation"]["engine"],
    }


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
