"""Checkpoints survive a torn write and never load code."""

from pathlib import Path

import pytest
import torch

from cxrkit.errors import IntegrityFailure
from cxrkit.training import checkpoint


def written(folder: Path, epochs: int) -> None:
    for epoch in range(1, epochs + 1):
        facts = {"epoch": epoch, "note": "x"}
        checkpoint.write(folder, epoch, {"w": torch.full((3,), float(epoch))}, facts)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    written(tmp_path, 1)
    found = checkpoint.latest(tmp_path)
    assert found is not None
    tensors, facts = found
    assert tensors["w"].tolist() == [1, 1, 1]
    assert (facts["epoch"], facts["note"]) == (1, "x")


def test_two_are_kept(tmp_path: Path) -> None:
    written(tmp_path, 5)
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "step-00000004.json", "step-00000004.safetensors",
        "step-00000005.json", "step-00000005.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize("length", [0, 1, 8, 60])
def test_a_torn_checkpoint_falls_back_to_the_one_before(tmp_path: Path, length: int) -> None:
    written(tmp_path, 3)
    last = tmp_path / "step-00000003.safetensors"
    last.write_bytes(last.read_bytes()[:length])
    found = checkpoint.latest(tmp_path)
    assert found is not None
    assert found[1]["epoch"] == 2


def test_no_whole_checkpoint_is_an_error_and_not_a_fresh_start(tmp_path: Path) -> None:
    written(tmp_path, 1)
    (tmp_path / "step-00000001.safetensors").write_bytes(b"")
    with pytest.raises(IntegrityFailure, match="E501"):
        checkpoint.latest(tmp_path)


def test_an_empty_folder_has_none(tmp_path: Path) -> None:
    assert checkpoint.latest(tmp_path) is None


def test_the_optimiser_comes_back(tmp_path: Path) -> None:
    def stepped(steps: int) -> tuple[torch.nn.Linear, torch.optim.AdamW]:
        torch.manual_seed(0)
        net = torch.nn.Linear(3, 1)
        optimiser = torch.optim.AdamW(net.parameters(), lr=0.1)
        for _ in range(steps):
            net(torch.ones(1, 3)).sum().backward()
            optimiser.step()
        return net, optimiser

    _, source = stepped(3)
    _, target = stepped(0)
    checkpoint.restore_optimiser(target, checkpoint.optimiser_tensors(source))
    for mine, theirs in zip(
        target.state_dict()["state"].values(), source.state_dict()["state"].values(), strict=True
    ):
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
