"""Weights as model.safetensors, and model.json that says what they are; reading runs no code.

Files that hold pickles (.pt, .pth, .ckpt, .pkl, .bin) are refused: what they hold is a program,
and reading one runs it.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from cxrkit import outputs
from cxrkit.errors import InputRefused, IntegrityFailure

TENSORS, SIDECAR = "model.safetensors", "model.json"
PICKLES = (".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".bin")
# How a pickle starts: the zip of torch since 1.6, and protocols 2 to 5.
PICKLE_HEADS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def write(folder: Path, net: nn.Module, architecture: str, settings: Mapping[str, Any]) -> None:
    """Write the weights of `net`, then the sidecar with their SHA-256.

    Args:
        folder: made where there is none; files of that name are replaced.
        net: on any device; stays as it is.
        architecture: its name.
        settings: JSON, what the network is built from.

    Raises:
        InputRefused, ResourceExhausted: as `outputs.writing`.
    """
    data = save({k: v.detach().cpu().contiguous() for k, v in net.state_dict().items()})
    sidecar = {
        "architecture": architecture,
        "settings": dict(settings),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    _replace(folder / TENSORS, data)
    _replace(folder / SIDECAR, (json.dumps(sidecar, indent=1) + "\n").encode())


def read(
    folder: Path, architecture: str | None = None, settings: Mapping[str, Any] | None = None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a folder by name, and its sidecar: architecture, settings, sha256.

    Args:
        folder: as `write` leaves it.
        architecture: the only one that is wanted; None takes any.
        settings: the only ones that are wanted; None takes any.

    Raises:
        InputRefused: E102, no weights there; E505, a pickle; E506, another architecture or other
            settings.
        IntegrityFailure: E503, the files are cut short or changed.
    """
    _refuse_foreign(folder)
    data, sidecar = _file(folder / TENSORS), _sidecar(folder / SIDECAR)
    digest = hashlib.sha256(data).hexdigest()
    if digest != sidecar["sha256"]:
        raise _changed(folder / TENSORS, f"SHA-256 {digest}", str(sidecar["sha256"]))
    wanted = {"architecture": architecture, "settings": settings}
    for name, value in wanted.items():
        if value is not None and json.loads(json.dumps(value)) != sidecar[name]:
            raise InputRefused(
                "E506", str(folder), f"{name} {sidecar[name]}", f"{value}",
                "give the folder of such a network, or ask for what this one is",
            )  # fmt: skip
    try:
        return load(data), sidecar
    except SafetensorError as error:
        raise _changed(folder / TENSORS, "no safetensors file", "one") from error


def load_into(net: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Put tensors into a network that has exactly those names and shapes.

    Args:
        net: gets the values, on its own device.
        tensors: from `read`.
        path: where they come from, for the message.

    Raises:
        InputRefused: E506, a tensor is missing, left over or of another shape; `net` is unchanged.
    """
    own = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(own.keys() | found.keys()):
        if own.get(name) != found.get(name):
            raise InputRefused(
                "E506", str(path), f"{name}: {_shape(found.get(name))}", _shape(own.get(name)),
                "build the network from the settings in model.json",
            )  # fmt: skip
    net.load_state_dict(dict(tensors))


def _shape(shape: tuple[int, ...] | None) -> str:
    return "no such tensor" if shape is None else f"shape {list(shape)}"


def _refuse_foreign(folder: Path) -> None:
    """Refuse a pickle given as a file, as all that a folder has, or under our name."""
    found = [folder, folder / TENSORS]
    if folder.is_dir() and not (folder / TENSORS).exists():
        found += sorted(folder.iterdir())
    for path in found:
        if path.is_file() and _is_pickle(path):
            raise InputRefused(
                "E505", str(path), "a pickle, which can run any code when it is read",
                f"a folder with {TENSORS} and {SIDECAR}",
                "where you trust it, load it into a network of cxrkit.models and save that with "
                "cxrkit.models.weights_file.write",
            )  # fmt: skip


def _is_pickle(path: Path) -> bool:
    if path.suffix.lower() in PICKLES:
        return True
    with path.open("rb") as file:
        return file.read(4).startswith(PICKLE_HEADS)


def _sidecar(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_file(path))
    except ValueError as error:
        raise _changed(path, "no JSON", "architecture, settings and sha256") from error
    names = {"architecture", "settings", "sha256"}
    if not isinstance(found, dict) or not names <= found.keys():
        raise _changed(path, "an entry is missing", "architecture, settings and sha256")
    return found


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputRefused(
            "E102", str(path), "missing", f"{TENSORS} and {SIDECAR}",
            "give the folder of a finished cxr train",
        ) from error  # fmt: skip


def _changed(path: Path, observed: str, expected: str) -> IntegrityFailure:
    return IntegrityFailure("E503", str(path), observed, expected, "restore the file")


def _replace(path: Path, data: bytes) -> None:
    """Write under a temporary name, bring it to the disk, then rename."""
    temporary = path.with_name(f".{path.name}.part")
    with outputs.writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
