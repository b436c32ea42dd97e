"""Lung masks for radiographs: preprocess, infer, clean.

Preprocessing follows CXLSeg (doi:10.13026/9cy4-f535, measured on its published example): a linear
squash to 224 x 224 that does not keep the aspect ratio, then CLAHE for the model only. Its cleaning
is published as "erosion and dilation"; ours is stated in `Recipe`.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from cxrkit import model_folder
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging.contrast import clahe
from cxrkit.terms import PublishedConvention

WEIGHTS = Path(__file__).parent / "models" / "weights"
# The networks that the package brings, by the name that stands for their folder.
SHIPPED = {"shipped": WEIGHTS, "small": WEIGHTS.with_name("weights_small")}
SIZE = 224  # pixels, both sides: the size of CXLSeg's images and of the model's input
TASK = "segmentation"
ENGINES = ("onnxruntime", "openvino")
PRECISIONS = ("int8", "float32")


@dataclass(frozen=True)
class Recipe:
    """How a probability map becomes a lung mask, in pixels of the 224 x 224 grid."""

    threshold: float = 0.5
    opening: int = 5  # diameter of the ellipse that cuts thin bridges and specks
    closing: int = 5  # diameter of the ellipse that closes thin cracks
    components: int = 2  # the lungs: the largest parts are kept, the rest dropped
    smallest_share: float = 0.1  # a second part smaller than this share of the first is no lung
    fill_holes: bool = True


@dataclass(frozen=True)
class Segmenter:
    """A loaded network: `infer` maps (224, 224) float32 in 0-1 to (224, 224) float32 in 0-1."""

    convention: PublishedConvention
    engine: str
    weights_sha256: str
    infer: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Lungs:
    """Lung masks on the 224 x 224 grid. `right` is the patient's right lung, at smaller x."""

    mask: np.ndarray  # (224, 224) bool
    right: np.ndarray  # (224, 224) bool
    left: np.ndarray  # (224, 224) bool
    certainty: float  # mean of |2p - 1| over the mask's pixels, 0-1; not a quality score
    probability: np.ndarray  # (224, 224) float32 in 0-1, before threshold and cleaning


def squash(pixels: np.ndarray) -> np.ndarray:
    """The (224, 224) uint8 image of a (H, W) uint8 radiograph, as CXLSeg resizes (linear)."""
    return cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)


def preprocess(squashed: np.ndarray) -> np.ndarray:
    """The model's input, (224, 224) float32 in 0-1, of a (224, 224) uint8 image."""
    return clahe(squashed).astype(np.float32) / 255


def segment(squashed: np.ndarray, segmenter: Segmenter, recipe: Recipe) -> Lungs:
    """The lungs of one (224, 224) uint8 radiograph with air dark.

    Raises:
        ItemFault: E240, nothing that looks like a lung.
    """
    probability = segmenter.infer(preprocess(squashed))
    mask = clean(probability > recipe.threshold, recipe)
    if not mask.any():
        raise ItemFault(
            "E240",
            "image",
            "the network found no lung",
            "a frontal chest radiograph",
            "look at the picture; leave it out if it is none",
        )
    right, left = tell_apart(mask)
    certainty = float(np.abs(2 * probability[mask] - 1).mean(dtype=np.float64))
    return Lungs(mask, right, left, certainty, probability)


def clean(mask: np.ndarray, recipe: Recipe) -> np.ndarray:
    """The (H, W) bool mask opened, closed, cut to its largest parts, holes filled."""
    cleaned: np.ndarray = mask.astype(np.uint8)
    for operation, diameter in (
        (cv2.MORPH_OPEN, recipe.opening),
        (cv2.MORPH_CLOSE, recipe.closing),
    ):
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (diameter, diameter))
        cleaned = cv2.morphologyEx(cleaned, operation, kernel)
    parts = _largest(cleaned, recipe)
    return _filled(parts) if recipe.fill_holes else parts


def tell_apart(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The patient's right and left lung, two (H, W) bool masks whose union is `mask`.

    The two largest parts are the lungs, and the patient's right one lies at smaller x; a second
    part under a tenth of the first is none. A single part is both lungs grown together, or one
    lung: it is cut at the column, in the middle half of its width, where it is thinnest if it spans
    most of the image, else given to its side. What is no lung by itself goes to the nearer one.
    """
    if not mask.any():
        return mask, mask
    _, labels, stats, centroids = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[1:, cv2.CC_STAT_AREA]
    first, *others = np.argsort(-areas, kind="stable") + 1
    if others and areas[others[0] - 1] >= Recipe.smallest_share * areas[first - 1]:
        two = sorted((first, others[0]), key=lambda part: float(centroids[part, 0]))
        right, left = (labels == part for part in two)
    else:
        right, left = _halves(labels == first, float(centroids[first, 0]))
    rest = mask & ~(right | left)
    if not rest.any():
        return right, left
    if not (right.any() and left.any()):
        return (mask, left) if right.any() else (right, mask)
    nearer_right = _distance(right) <= _distance(left)
    return right | (rest & nearer_right), left | (rest & ~nearer_right)


def load(
    convention: PublishedConvention,
    engine: str = "auto",
    precision: str = "int8",
    weights: Path = WEIGHTS,
) -> Segmenter:
    """The network in a weights folder behind the named engine, on one thread.

    Args:
        convention: which of the network's outputs; "mixed" where it learnt both in one.
        engine: onnxruntime, openvino, or auto: OpenVINO where it is installed.
        precision: int8, or float32: the same network before its weights were rounded.
        weights: a folder with card.json and its ONNX files; by default the shipped one.

    Raises:
        InputRefused: E106, the engine is not installed; E107, no such choice; and as
            `model_folder.card`.
        IntegrityFailure: E503, the weights are not those of their card.
    """
    if engine == "auto":
        engine = "openvino" if importlib.util.find_spec("openvino") else "onnxruntime"
    _one_of("--engine", engine, ENGINES)
    _one_of("--precision", precision, PRECISIONS)
    data, outputs = _read_weights(weights, precision)
    _one_of("--mask-convention", convention, outputs)
    run = (_onnxruntime if engine == "onnxruntime" else _openvino)(data)
    channel = outputs.index(convention)

    def infer(image: np.ndarray) -> np.ndarray:
        probability: np.ndarray = run(image[None, None])[0, channel]
        return probability

    return Segmenter(convention, engine, hashlib.sha256(data).hexdigest(), infer)


def weights_folder(text: str) -> Path:
    """The folder of a network of `SHIPPED`, or the one at that path."""
    return SHIPPED.get(text) or Path(text)


def weights_sha256(weights: Path = WEIGHTS, precision: str = "int8") -> str:
    """The SHA-256 of the ONNX file that `load` would take, in hex; raises as `load`."""
    _one_of("--precision", precision, PRECISIONS)
    return hashlib.sha256(_read_weights(weights, precision)[0]).hexdigest()


def _one_of(option: str, value: str, allowed: Sequence[str]) -> None:
    if value not in allowed:
        raise InputRefused("E107", option, value, " or ".join(allowed), "use one of these")


def _read_weights(weights: Path, precision: str) -> tuple[bytes, list[str]]:
    """The ONNX file and the conventions of its outputs, checked against the card's SHA-256."""
    card = model_folder.card(weights, TASK)
    try:
        entry, outputs = card["files"][precision], list(card["outputs"])
        return model_folder.file(weights, entry, TASK), outputs
    except (KeyError, TypeError) as error:
        raise model_folder.damaged(weights, "it lacks what a model's card has") from error


def _onnxruntime(data: bytes) -> Callable[[np.ndarray], np.ndarray]:
    session = model_folder.session(data, ["probability"])
    return lambda batch: session({"image": batch})[0]


def _openvino(data: bytes) -> Callable[[np.ndarray], np.ndarray]:
    core = _core()
    model = core.read_model(data, b"")
    model.reshape([1, 1, SIZE, SIZE])
    # Without the hint OpenVINO computes what is not 8-bit in bfloat16 where a processor has it, and
    # a mask would depend on the machine.
    exact = {"INFERENCE_PRECISION_HINT": "f32"}
    # Pinning would put the one thread of every worker process on the same core.
    alone = {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False}
    compiled = core.compile_model(model, "CPU", exact | alone)
    request = compiled.create_infer_request()

    def run(batch: np.ndarray) -> np.ndarray:
        request.infer([batch])
        output: np.ndarray = request.get_output_tensor(0).data.copy()
        return output

    return run


def _halves(part: np.ndarray, centre: float) -> tuple[np.ndarray, np.ndarray]:
    """The right and left lung in one part whose centroid is at column `centre`."""
    columns = np.flatnonzero(part.any(axis=0))
    first, last = int(columns[0]), int(columns[-1])
    if last - first < part.shape[1] / 2:
        nothing = np.zeros_like(part)
        return (part, nothing) if centre < part.shape[1] / 2 else (nothing, part)
    quarter = (last - first) // 4
    thickness = part.sum(axis=0)[first + quarter : last - quarter + 1]
    cut = first + quarter + int(thickness.argmin())
    right = part.copy()
    right[:, cut:] = False
    return right, part & ~right


def _distance(side: np.ndarray) -> np.ndarray:
    """How far each pixel is from a (H, W) bool mask, in pixels."""
    far: np.ndarray = cv2.distanceTransform(
        (~side).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
    )
    return far


@cache
def _core() -> Any:
    """OpenVINO, once for the process.

    Each of its cores gives this thread a stack for signals, and puts back the one before it at its
    end. Of two that end in the order in which they began, the second puts back one that is gone,
    and the next signal ends the process.
    """
    try:
        import openvino
    except ImportError as error:
        raise InputRefused(
            "E106", "openvino", "not installed", "the package", 'pip install "cxrkit[fast]"'
        ) from error
    return openvino.Core()


def _largest(mask: np.ndarray, recipe: Recipe) -> np.ndarray:
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    if count == 1:
        return np.zeros(mask.shape, bool)
    areas = stats[1:, cv2.CC_STAT_AREA]
    # Ties keep the part met first, top to bottom, so that equal input gives equal output.
    order = np.argsort(-areas, kind="stable")[: recipe.components]
    kept = [i + 1 for i in order if areas[i] >= recipe.smallest_share * areas[order[0]]]
    return np.isin(labels, kept)


def _filled(mask: np.ndarray) -> np.ndarray:
    """The mask and everything it encloses: what the outside cannot reach from a border."""
    outside = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    cv2.floodFill(outside, None, (0, 0), 2)
    filled: np.ndarray = outside[1:-1, 1:-1] != 2
    return filled
