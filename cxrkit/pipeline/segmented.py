"""One image of a build: read, segment, encode, and its row."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from cxrkit import segmentation
from cxrkit.archives import Archive
from cxrkit.errors import ItemFault
from cxrkit.frontal import rule_against
from cxrkit.imaging import radiograph, runlength
from cxrkit.pipeline import block, labels, source
from cxrkit.pipeline.block import Files, Line, Make
from cxrkit.pipeline.plan import Item
from cxrkit.quality import estimate, fingerprint, picture_kind, pictures
from cxrkit.quality.assess import Quality, assess
from cxrkit.quality.estimate import Calibration
from cxrkit.quality.flags import Flag
from cxrkit.segmentation import Lungs, Recipe, Segmenter
from cxrkit.terms import OBSERVATIONS, MaskConvention

JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95)  # CXLSeg's files; also OpenCV's default
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT)


@dataclass(frozen=True)
class Judge:
    """What tells how good a mask is, and what is wrong with a picture."""

    masks: Calibration
    pictures: picture_kind.Network


@dataclass(frozen=True)
class Segmentation:
    """The task of a build: which network, and what is done with its mask."""

    convention: MaskConvention
    engine: str
    recipe: Recipe
    reports: bool  # whether an image without a report is skipped
    precision: str = "int8"
    weights: Path = segmentation.WEIGHTS
    min_quality: float | None = None  # estimated Dice below which a mask is quarantined

    def load(self, archive: Archive, root: Path) -> tuple[Make, Mapping[str, str]]:
        """The function from an item to its line and files, and the engine that it uses."""
        segmenter = segmentation.load(self.convention, self.engine, self.precision, self.weights)
        judge = Judge(estimate.load(), picture_kind.load())
        make = partial(
            built, task=self, archive=archive, root=root, segmenter=segmenter, judge=judge
        )
        return make, {"engine": segmenter.engine}


def built(
    item: Item,
    known: dict[str, object],
    task: Segmentation,
    archive: Archive,
    root: Path,
    segmenter: Segmenter,
    judge: Judge,
) -> tuple[Line, Files]:
    """The line of one image and its files by path: three, or none where a rule skips it.

    `known` tells how far it came when an error is raised.

    Raises:
        ItemFault: the image gives no lung mask; see docs/building.md.
    """
    record, report = item.record, ""
    known["stage"] = "list"
    source.require_whole(record)
    if task.reports:
        known["stage"] = "report"
        found = archive.report(root, record)  # type: ignore[attr-defined]
        # Where the image is missing too, the archive may be gone: that is a fault, not a rule.
        if found is None and (root / record.image).exists():
            return block.skipped("report-missing")
        report = found or ""
    known["stage"] = "read"
    data = source.read(root, record.image)
    known |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "stage": "decode"}
    picture = radiograph.decode(data, record.image, segmentation.SIZE)
    source.require_name(record.image, picture.kind)
    view = record.view or picture.view
    if rule := rule_against(view, archive.CARD.blank_view_is_frontal):
        return block.skipped(rule)
    known["stage"] = "segment"
    squashed = segmentation.squash(picture.pixels)
    lungs = segmentation.segment(squashed, segmenter, task.recipe)
    known["stage"] = "quality"
    of_image = pictures.flags(picture.pixels, judge.pictures, picture.flags)
    quality = _quality(squashed, lungs, task, segmenter, judge.masks, of_image)
    known["stage"] = "write"
    files = dict(zip(item.outputs, _encoded(squashed, lungs.mask), strict=True))
    row = _row(item, view, picture, lungs, files) | _label_columns(item, report, archive)
    row |= _quality_columns(quality) | {
        "mask_convention": task.convention,
        "source_bytes": len(data),
        "source_sha256": known["sha256"],
        "report": report,
    }
    return {"outcome": "built", "why": "", "row": row}, files


def _quality(
    squashed: np.ndarray,
    lungs: Lungs,
    task: Segmentation,
    segmenter: Segmenter,
    calibration: Calibration,
    of_image: Sequence[Flag],
) -> Quality:
    """What the mask is worth; no estimate where another network made it.

    Raises:
        ItemFault: E241, its estimated Dice is below the limit of the build.
    """
    known = segmenter.weights_sha256 in calibration.networks
    found = assess(
        squashed, lungs.right, lungs.left, lungs.probability if known else None,
        task.convention, calibration, of_image,
    )  # fmt: skip
    dice = None if found.estimate is None else found.estimate.dice
    if task.min_quality is not None and dice is not None and dice < task.min_quality:
        raise ItemFault(
            "E241", "image", f"an estimated Dice of {dice:.3f}", f"{task.min_quality} or more",
            "look at the picture; build it without --min-quality to see its mask",
        )  # fmt: skip
    return found


def _quality_columns(found: Quality) -> dict[str, object]:
    numbers = found.estimate
    return {
        "estimated_dice": None if numbers is None else numbers.dice,
        "dice_low": None if numbers is None else numbers.low,
        "dice_high": None if numbers is None else numbers.high,
        "dice_risk": None if numbers is None else numbers.risk,
        "dice_gain": None if numbers is None else numbers.gain,
        "verdict": found.verdict,
        "quality_flags": json.dumps({flag.name: flag.reason for flag in found.flags}),
    }


def _encoded(squashed: np.ndarray, mask: np.ndarray) -> tuple[bytes, bytes, bytes]:
    """Lungs only as JPEG of three equal channels, the mask as JPEG, the mask as PNG."""
    white = mask.astype(np.uint8) * 255
    lungs = cv2.cvtColor(squashed & white, cv2.COLOR_GRAY2BGR)
    encoded = (
        cv2.imencode(".jpg", lungs, JPEG),
        cv2.imencode(".jpg", white, JPEG),
        cv2.imencode(".png", white, PNG),
    )
    image, mask_jpeg, mask_png = (buffer.tobytes() for _, buffer in encoded)
    return image, mask_jpeg, mask_png


def _label_columns(item: Item, report: str, archive: Archive) -> dict[str, object]:
    found = labels.of(item.record, report, archive.CARD)
    return {
        **{name: found.first.get(name) for name in OBSERVATIONS},
        "labels_from": found.first_from,
        "negbio": json.dumps(dict(found.negbio)),
        "negbio_from": found.negbio_from,
        "labels": json.dumps(dict(item.record.labels)),
    }


def _row(
    item: Item, view: str, picture: radiograph.Radiograph, lungs: Lungs, files: dict[str, bytes]
) -> dict[str, object]:
    """The columns of records.parquet that the image itself decides; see docs/dataset.md."""
    record = item.record
    (image, mask_jpeg, mask), sums = files, [hashlib.sha256(f).hexdigest() for f in files.values()]
    return {
        "archive": record.archive,
        "image_id": record.image_id,
        "patient_id": record.patient_id,
        "study_id": record.study_id,
        "dataset_image_id": item.image,
        "dataset_patient_id": item.patient,
        "dataset_study_id": item.study,
        "image": record.image,
        "segmented": image,
        "mask_jpeg": mask_jpeg,
        "mask": mask,
        "archive_mask": record.mask,
        "view": view,
        "split": item.split,
        "published_split": record.split,
        "sex": record.sex,
        "age": record.age,
        "rows": picture.rows,
        "columns": picture.columns,
        "mask_rle": runlength.encode_scaled(lungs.mask, picture.rows, picture.columns),
        "lung_share": float(lungs.mask.mean()),
        "right_share": float(lungs.right.mean()),
        "left_share": float(lungs.left.mean()),
        "certainty": lungs.certainty,
        "flags": " ".join(picture.flags),
        "trace": json.dumps(picture.trace),
        "kind": picture.kind,
        "fingerprint": fingerprint.as_text(fingerprint.of(picture.pixels)),
        "segmented_sha256": sums[0],
        "mask_jpeg_sha256": sums[1],
        "mask_sha256": sums[2],
        "segmented_bytes": len(files[image]),
        "mask_jpeg_bytes": len(files[mask_jpeg]),
        "mask_bytes": len(files[mask]),
        "extra": json.dumps(dict(record.extra)),
    }
