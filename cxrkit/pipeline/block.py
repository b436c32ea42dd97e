"""One block of images from the archive to the disk: read, segment, encode, commit."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit import segmentation
from cxrkit.archives import Archive
from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph, runlength
from cxrkit.pipeline import durable, quarantine
from cxrkit.pipeline.plan import Block, Item, rule_against
from cxrkit.segmentation import Lungs, Recipe, Segmenter
from cxrkit.terms import OBSERVATIONS, MaskConvention, observations

JPEG = (cv2.IMWRITE_JPEG_QUALITY, 95)  # CXLSeg's files; also OpenCV's default
PNG = (cv2.IMWRITE_PNG_COMPRESSION, 6, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_DEFAULT)
_SUFFIXES = {"jpeg": ".jpg", "png": ".png", "tiff": ".tif", "dicom": ".dcm"}


@dataclass(frozen=True)
class Setting:
    """What a worker needs to know besides its block."""

    archive: str
    root: Path
    out: Path
    convention: MaskConvention
    engine: str
    recipe: Recipe
    reports: bool  # whether an image without a report is skipped
    precision: str = "int8"
    weights: Path = segmentation.WEIGHTS


@dataclass(frozen=True)
class Tools:
    """What a worker loads once."""

    archive: Archive
    segmenter: Segmenter


@dataclass(frozen=True)
class Result:
    """A committed block: the SHA-256 of its file under runs/blocks, and what became of each item.

    An outcome is "built", "skipped RULE" or "quarantined CODE".
    """

    index: int
    sha256: str
    outcomes: tuple[str, ...]


def path_of(out: Path, index: int) -> Path:
    """The file that holds the rows of a block: one JSON object per item, in order."""
    return out / "runs" / "blocks" / f"{index:06d}.jsonl"


def compute(block: Block, setting: Setting, tools: Tools, entered: Callable[[int], None]) -> Result:
    """Build all items of the block and commit their files; `entered` hears each place first.

    Files of an item that is not built are removed: an attempt before a crash may have left them.

    Raises:
        ResourceExhausted: E601, the disk does not take the files.
    """
    scratch = setting.out / "runs" / "tmp" / f"{block.index:06d}"
    durable.make_folder(scratch)
    moves: list[tuple[Path, Path]] = []
    lines: list[dict[str, object]] = []
    for place, item in enumerate(block.items):
        entered(place)
        fault = block.faults.get(place)
        line, files = _outcome(item, setting, tools) if fault is None else _dead(item, *fault)
        for name, data in files.items():
            moves.append((scratch / f"{len(moves):03d}", setting.out / name))
            durable.write(moves[-1][0], data)
        if not files:
            for name in _outputs(item):
                durable.remove(setting.out / name)
        lines.append(line)
    entered(len(block.items))
    text = b"".join(json.dumps(line).encode("ascii") + b"\n" for line in lines)
    moves.append((scratch / "rows", path_of(setting.out, block.index)))
    durable.write(moves[-1][0], text)
    durable.publish(setting.out, moves)
    durable.remove(scratch)
    outcomes = tuple(" ".join((str(line["outcome"]), str(line["why"]))).strip() for line in lines)
    return Result(block.index, hashlib.sha256(text).hexdigest(), outcomes)


def _outputs(item: Item) -> tuple[str, str, str]:
    """The image, its published JPEG mask and its lossless mask, relative to the dataset."""
    name = f"{item.folder}/{item.image}"
    return f"files/{name}.jpg", f"files/{name}-mask.jpg", f"masks/{name}.png"


def _outcome(
    item: Item, setting: Setting, tools: Tools
) -> tuple[dict[str, object], dict[str, bytes]]:
    """The line of one image and its files by path: three, or none where it is not built."""
    known: dict[str, object] = {"stage": "read"}
    try:
        return _built(item, setting, tools, known)
    except ItemFault as error:
        fault = error
    except MemoryError:
        fault = ItemFault(
            "E302", "", "memory ran out", "an image that fits", "use fewer workers, or more memory"
        )
    except Exception as error:  # one file must never stop the others; nothing of its text is shown
        fault = ItemFault(
            "E399", "", type(error).__name__, "a result", "report it with the file's kind and size"
        )
    return _quarantined(fault, item, known), {}


def _dead(item: Item, code: str, observed: str) -> tuple[dict[str, object], dict[str, bytes]]:
    """The line of an image that twice ended the worker that read it."""
    fault = ItemFault(
        code, "", observed, "an image that can be read", "convert the file with another program"
    )
    return _quarantined(fault, item, {"stage": "read"}), {}


def _quarantined(fault: ItemFault, item: Item, known: dict[str, object]) -> dict[str, object]:
    row = quarantine.row(fault, item.image, item.record.image) | known
    return {"outcome": "quarantined", "why": fault.code, "row": row}


def _skipped(rule: str) -> tuple[dict[str, object], dict[str, bytes]]:
    return {"outcome": "skipped", "why": rule}, {}


def _built(
    item: Item, setting: Setting, tools: Tools, known: dict[str, object]
) -> tuple[dict[str, object], dict[str, bytes]]:
    """As `_outcome`; `known` tells how far it came when an error is raised."""
    record, report = item.record, ""
    known["stage"] = "list"
    if record.fault:
        raise ItemFault(
            "E103", record.image, record.fault, "a whole row", "use the table as it was published"
        )
    if setting.reports:
        known["stage"] = "report"
        found = tools.archive.report(setting.root, record)  # type: ignore[attr-defined]
        # Where the image is missing too, the archive may be gone: that is a fault, not a rule.
        if found is None and (setting.root / record.image).exists():
            return _skipped("report-missing")
        report = found or ""
    known["stage"] = "read"
    data = _read(setting.root, record.image)
    known |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "stage": "decode"}
    picture = radiograph.decode(data, record.image, segmentation.SIZE)
    if radiograph.wrong_extension(record.image, picture.kind):
        raise _misnamed(record.image, picture.kind)
    view = record.view or picture.view
    if rule := rule_against(view, tools.archive.CARD.blank_view_is_frontal):
        return _skipped(rule)
    known["stage"] = "segment"
    squashed = segmentation.squash(picture.pixels)
    lungs = segmentation.segment(squashed, tools.segmenter, setting.recipe)
    known["stage"] = "write"
    files = dict(zip(_outputs(item), _encoded(squashed, lungs.mask), strict=True))
    row = _row(item, view, picture, lungs, files)
    row |= {
        "mask_convention": setting.convention,
        "source_bytes": len(data),
        "source_sha256": known["sha256"],
        "report": report,
    }
    return {"outcome": "built", "why": "", "row": row}, files


def _read(root: Path, relpath: str) -> bytes:
    """The file's content, read once; what is hashed is what is decoded."""
    try:
        relpath.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ItemFault(
            "E201", "", "a name that is not UTF-8", "a name in UTF-8", "rename the file"
        ) from error
    path = root / relpath
    before = _stamp(path)
    data = radiograph.file_bytes(path)
    if _stamp(path) != before:
        raise ItemFault(
            "E207", "", "the file changed while it was read", "a file at rest", "build it again"
        )
    return data


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns


def _misnamed(relpath: str, kind: str) -> ItemFault:
    return ItemFault(
        "E217",
        relpath,
        f"the content is {kind}",
        f"a name that ends in {_SUFFIXES[kind]}",
        f"rename it to end in {_SUFFIXES[kind]}",
    )


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


def _row(
    item: Item, view: str, picture: radiograph.Radiograph, lungs: Lungs, files: dict[str, bytes]
) -> dict[str, object]:
    """The columns of records.parquet that the image itself decides; see docs/dataset.md."""
    record, known = item.record, observations(item.record.labels)
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
        **{name: known.get(name) for name in OBSERVATIONS},
        "labels": json.dumps(dict(record.labels)),
        "mask_rle": runlength.encode_scaled(lungs.mask, picture.rows, picture.columns),
        "lung_share": float(lungs.mask.mean()),
        "right_share": float(lungs.right.mean()),
        "left_share": float(lungs.left.mean()),
        "certainty": lungs.certainty,
        "flags": " ".join(picture.flags),
        "trace": json.dumps(picture.trace),
        "kind": picture.kind,
        "segmented_sha256": sums[0],
        "mask_jpeg_sha256": sums[1],
        "mask_sha256": sums[2],
        "segmented_bytes": len(files[image]),
        "mask_jpeg_bytes": len(files[mask_jpeg]),
        "mask_bytes": len(files[mask]),
        "extra": json.dumps(dict(record.extra)),
    }
