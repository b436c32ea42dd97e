"""What a picture shows and how it lies, by a tiny network: the checks that statistics cannot do.

The network (models/picture_net.py, training/pictures.py) sees the picture without its frame at
96 x 96, once as it is and once mirrored. A check reports what both views agree on.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from cxrkit import model_folder
from cxrkit.quality import picture_grays

WEIGHTS = Path(__file__).parents[1] / "models" / "weights_pictures"
TASK = "pictures"
SIZE = 96  # pixels, both sides, of the network's input
KINDS = ("frontal", "lateral", "collage", "other")
TURNS = (0, 90, 180, 270)  # degrees clockwise from upright


@dataclass(frozen=True)
class Network:
    """A loaded network: `infer` maps (2, 1, 96, 96) float32 to (2, 10) float32 logits."""

    weights_sha256: str
    infer: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Seen:
    """What both views of a picture agree on: the lower of their two probabilities, in 0-1."""

    kinds: dict[str, float]  # by name of `KINDS`
    turns: dict[int, float]  # by degree of `TURNS`
    inverted: float
    mirrored: float


def load(weights: Path = WEIGHTS) -> Network:
    """The network of a weights folder on ONNX Runtime, on one thread.

    Raises:
        InputRefused: as `model_folder.card`.
        IntegrityFailure: E503, the weights are not those of their card.
    """
    card = model_folder.card(weights, TASK)
    data = model_folder.file(weights, card["files"]["float32"], TASK)
    run = model_folder.session(data, ["logits"])

    def infer(images: np.ndarray) -> np.ndarray:
        return run({"image": images})[0]

    return Network(hashlib.sha256(data).hexdigest(), infer)


def preprocess(pixels: np.ndarray) -> np.ndarray:
    """The network's view, (96, 96) float32 of mean 0 and deviation 1, of a (H, W) uint8 picture.

    The frame is left out, the rest averaged down without keeping its aspect ratio: a turned
    picture and its squash are the squash turned.
    """
    shown = pixels[picture_grays.field(pixels)]
    small = cv2.resize(shown, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return standardised(small)


def standardised(small: np.ndarray) -> np.ndarray:
    """A (96, 96) picture as float32 of mean 0 and deviation 1: no window, no level."""
    values = small.astype(np.float32)
    values -= values.mean()
    return np.asarray(values / max(1.0, float(values.std())))


def see(pixels: np.ndarray, network: Network) -> Seen:
    """What the network sees in a (H, W) uint8 picture."""
    view = preprocess(pixels)
    plain, flipped = network.infer(np.stack([view, view[:, ::-1]])[:, None])
    kinds = np.minimum(_softmax(plain[:4]), _softmax(flipped[:4]))
    # A mirror exchanges a turn to the right and one to the left.
    turns = np.minimum(_softmax(plain[4:8]), _softmax(flipped[[4, 7, 6, 5]]))
    inverted = min(_sigmoid(plain[8]), _sigmoid(flipped[8]))
    mirrored = _sigmoid((plain[9] - flipped[9]) / 2)
    return Seen(
        dict(zip(KINDS, kinds.tolist(), strict=True)),
        dict(zip(TURNS, turns.tolist(), strict=True)),
        inverted,
        mirrored,
    )


def _softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))
