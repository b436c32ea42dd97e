"""The folder of a trained model: its card, the files that the card names, and how they are run."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cxrkit.errors import InputRefused, IntegrityFailure

CARD = "card.json"
# Files that other programs keep weights in, and what they hold is a program.
PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin")

Run = Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]


def card(folder: Path, task: str) -> dict[str, Any]:
    """The card of a model for `task`, as `cxr train` wrote it.

    Raises:
        InputRefused: E102, there is none; E505, a pickle is given; E506, one for another task.
        IntegrityFailure: E501, it is damaged.
    """
    found = any_card(folder, task)
    own = found.get("task")
    if own != task:
        raise InputRefused(
            "E506", str(folder), f"a model for {own or 'another task'}", task,
            f"give the OUT of cxr train {task}",
        )  # fmt: skip
    return found


def any_card(folder: Path, task: str = "TASK") -> dict[str, Any]:
    """The card of a model, whatever it was trained for; `task` is named in a refusal alone.

    Raises:
        InputRefused: E102, there is none; E505, a pickle is given.
        IntegrityFailure: E501, it is damaged.
    """
    if folder.suffix in PICKLES and folder.is_file():
        raise InputRefused(
            "E505", str(folder), "a pickle, which can run any code when it is read",
            "the folder of a finished cxr train", "save the weights as safetensors and train again",
        )  # fmt: skip
    try:
        found = json.loads((folder / CARD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise _absent(folder / CARD, task) from error
    except ValueError as error:
        raise damaged(folder, "no JSON") from error
    checked: dict[str, Any] = found if isinstance(found, dict) else {}
    return checked


def file(folder: Path, entry: Mapping[str, Any], task: str) -> bytes:
    """A file that the card names, whose SHA-256 is that of the card.

    Raises:
        InputRefused: E102, it is not there.
        IntegrityFailure: E503, it is another file.
    """
    path = folder / str(entry["file"])
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise _absent(path, task) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != entry["sha256"]:
        raise IntegrityFailure(
            "E503", str(path), f"SHA-256 {digest}", str(entry["sha256"]), "restore the file"
        )
    return data


def damaged(folder: Path, observed: str) -> IntegrityFailure:
    """The failure of a card that lacks what it must have."""
    return IntegrityFailure(
        "E501", str(folder / CARD), observed, "the card of a model", "restore the file"
    )


def session(data: bytes, outputs: Sequence[str]) -> Run:
    """A function from named inputs to these outputs of an ONNX file: ONNX Runtime, one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    opened = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = list(outputs)

    def run(inputs: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        found: list[np.ndarray] = opened.run(names, dict(inputs))
        return found

    return run


def _absent(path: Path, task: str) -> InputRefused:
    return InputRefused(
        "E102", str(path), "missing", "card.json and the files it names",
        f"give the folder of a finished cxr train {task}",
    )  # fmt: skip
