"""Checkpoints: tensors as safetensors, the rest as JSON beside them; loading runs no code."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from cxrkit.errors import IntegrityFailure

KEPT = 2  # a torn last checkpoint falls back to the one before


def write(
    folder: Path, epoch: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> None:
    """Write epoch-NNN.safetensors, then epoch-NNN.json with its SHA-256; drop older ones."""
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: tensor.detach().contiguous() for name, tensor in tensors.items()})
    _replace(folder / f"epoch-{epoch:03}.safetensors", data)
    sidecar = {"epoch": epoch, "sha256": hashlib.sha256(data).hexdigest(), **facts}
    _replace(folder / f"epoch-{epoch:03}.json", json.dumps(sidecar, indent=1).encode())
    for stale in sorted(folder.glob("epoch-*.json"))[:-KEPT]:
        stale.with_suffix(".safetensors").unlink(missing_ok=True)
        stale.unlink()


def latest(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The newest whole checkpoint as (tensors, facts), or None where there is none.

    Raises:
        IntegrityFailure: E501, there are checkpoints but none is whole.
    """
    sidecars = sorted(folder.glob("epoch-*.json"), reverse=True)
    for sidecar in sidecars:
        facts = json.loads(sidecar.read_text(encoding="utf-8"))
        tensors = sidecar.with_suffix(".safetensors")
        if not tensors.is_file():
            continue
        data = tensors.read_bytes()
        if hashlib.sha256(data).hexdigest() == facts["sha256"]:
            return load(data), facts
    if sidecars:
        raise IntegrityFailure(
            "E501",
            folder.name,
            "no checkpoint has the SHA-256 of its sidecar",
            "at least one whole checkpoint",
            "remove the folder and train again",
        )
    return None


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


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
