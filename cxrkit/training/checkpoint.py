"""Checkpoints: tensors as safetensors, the rest as JSON beside them; loading runs no code."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from cxrkit.errors import IntegrityFailure

KEPT = 2  # a torn last checkpoint falls back to the one before


def write(folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write step-NNNNNNNN.safetensors, then its .json with the SHA-256; drop older ones."""
    _write(folder, f"step-{step:08}", tensors, facts)
    for stale in sorted(folder.glob("step-*.json"))[:-KEPT]:
        stale.with_suffix(".safetensors").unlink(missing_ok=True)
        stale.unlink()


def write_best(folder: Path, epoch: int, tensors: Mapping[str, Tensor]) -> None:
    """Write the weights of the best epoch so far as best.safetensors and best.json."""
    _write(folder, "best", tensors, {"epoch": epoch})


def best(folder: Path, epoch: int) -> dict[str, Tensor]:
    """The weights of the best epoch.

    Raises:
        IntegrityFailure: E501, they are not whole or of another epoch.
    """
    found = _whole(folder / "best.json")
    if found is None or found[1]["epoch"] != epoch:
        raise _torn(folder, f"best.safetensors is not that of epoch {epoch}")
    return found[0]


def latest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest whole checkpoint as (tensors, facts), or None where there is none.

    Raises:
        IntegrityFailure: E501, there are checkpoints but none is whole.
    """
    sidecars = sorted(folder.glob("step-*.json"), reverse=True)
    for sidecar in sidecars:
        found = _whole(sidecar)
        if found is not None:
            return found
    if sidecars:
        raise _torn(folder, "no checkpoint has the SHA-256 of its sidecar")
    return None


def _whole(sidecar: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """Tensors and facts, or None where either file is missing or torn."""
    try:
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
        data = sidecar.with_suffix(".safetensors").read_bytes()
    except (OSError, ValueError):
        return None
    return (load(data), facts) if hashlib.sha256(data).hexdigest() == facts["sha256"] else None


def _torn(folder: Path, observed: str) -> IntegrityFailure:
    return IntegrityFailure(
        "E501", str(folder), observed, "a whole checkpoint", "remove the folder and train again"
    )


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The optimiser's state as named tensors: optimiser.<parameter index>.<name>."""
    return {
        f"optimiser.{index}.{name}": value
        for index, state in optimiser.state_dict()["state"].items()
        for name, value in state.items()
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Put tensors of `optimiser_tensors` back."""
    whole = optimiser.state_dict()
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        if key.startswith("optimiser."):
            _, index, name = key.split(".")
            state.setdefault(int(index), {})[name] = value
    optimiser.load_state_dict({"state": state, "param_groups": whole["param_groups"]})


def _write(
    folder: Path, name: str, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
    replace(folder / f"{name}.safetensors", data)
    sidecar = {"sha256": hashlib.sha256(data).hexdigest(), **facts}
    replace(folder / f"{name}.json", json.dumps(sidecar, indent=1).encode())


def replace(path: Path, data: bytes) -> None:
    """Write a file under a temporary name, bring it to the disk, then rename it."""
    temporary = path.with_name(path.name + ".tmp")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
