"""Weights come back as they were; what is foreign, torn or of another network is refused."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from cxrkit.errors import CxrkitError, InputRefused, IntegrityFailure
from cxrkit.models import weights_file

SETTINGS = {"width": 3, "keep": 0.9, "outputs": ("excluded", "included")}


def network(seed: int = 0, width: int = 3) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, width, 3), nn.BatchNorm2d(width))
    return net.to(memory_format=torch.channels_last)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    weights_file.write(tmp_path / "run", network(), "sa-unet", SETTINGS)
    return tmp_path / "run"


def refused(folder: Path, architecture: str | None = None, **settings: object) -> str:
    with pytest.raises(CxrkitError) as refusal:
        weights_file.read(folder, architecture, settings or None)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_weights_come_back_into_another_network(folder: Path) -> None:
    tensors, sidecar = weights_file.read(folder, "sa-unet", SETTINGS)
    net = network(seed=1)
    weights_file.load_into(net, tensors, folder)
    for name, expected in network().state_dict().items():
        assert torch.equal(net.state_dict()[name], expected)
    assert sidecar["architecture"] == "sa-unet"
    assert sidecar["settings"] == {"width": 3, "keep": 0.9, "outputs": ["excluded", "included"]}


def test_other_programs_read_the_tensors(folder: Path) -> None:
    found = load_file(folder / "model.safetensors")
    assert torch.equal(found["0.weight"], network().state_dict()["0.weight"])


def test_only_the_two_files_are_left(folder: Path) -> None:
    weights_file.write(folder, network(2), "sa-unet", SETTINGS)
    assert sorted(p.name for p in folder.iterdir()) == ["model.json", "model.safetensors"]
    assert torch.equal(weights_file.read(folder)[0]["0.bias"], network(2).state_dict()["0.bias"])


def test_equal_weights_give_equal_bytes(folder: Path, tmp_path: Path) -> None:
    weights_file.write(tmp_path / "again", network(), "sa-unet", SETTINGS)
    for name in ("model.safetensors", "model.json"):
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".ckpt", ".pkl", ".bin", ".PTH", ""])
def test_a_pickle_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (str(tmp_path / "ran"),))

    foreign = tmp_path / f"weights{suffix}"
    foreign.write_bytes(pickle.dumps(Trap()))
    for given in (foreign, tmp_path):
        assert "E505 foreign-weights" in refused(given)
        assert "weights_file.write" in refused(given)  # how to convert it
    assert not (tmp_path / "ran").exists()


def test_a_checkpoint_of_torch_under_our_name_is_refused(folder: Path) -> None:
    torch.save(network().state_dict(), folder / "model.safetensors")
    assert "E505" in refused(folder)


def test_a_pickle_beside_our_files_does_not_matter(folder: Path) -> None:
    (folder / "old.pt").write_bytes(b"\x80\x04.")
    weights_file.read(folder)


@pytest.mark.parametrize("kept", [0, 1, 100, -1])
def test_a_file_cut_short_is_not_read(folder: Path, kept: int) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(IntegrityFailure, match="E503 wrong-weights"):
        weights_file.read(folder)


def test_one_changed_bit_is_seen(folder: Path) -> None:
    path = folder / "model.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(IntegrityFailure, match="E503"):
        weights_file.read(folder)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"architecture": "sa-unet"}', "\x00"])
def test_a_damaged_sidecar_is_seen(folder: Path, text: str) -> None:
    (folder / "model.json").write_text(text)
    with pytest.raises(IntegrityFailure, match="E503"):
        weights_file.read(folder)


def test_what_is_no_safetensors_file_is_seen_even_with_its_checksum(folder: Path) -> None:
    import hashlib

    (folder / "model.safetensors").write_bytes(b"x" * 64)
    sidecar = json.loads((folder / "model.json").read_text())
    sidecar["sha256"] = hashlib.sha256(b"x" * 64).hexdigest()
    (folder / "model.json").write_text(json.dumps(sidecar))
    with pytest.raises(IntegrityFailure, match="E503"):
        weights_file.read(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "model.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert "E102" in refused(folder) and name in refused(folder)


def test_no_folder_is_said(tmp_path: Path) -> None:
    assert "E102" in refused(tmp_path / "nothing")


def test_another_network_is_refused_with_both_names(folder: Path) -> None:
    message = refused(folder, "unet++")
    assert "E506 other-architecture" in message
    assert "sa-unet" in message and "unet++" in message


def test_other_settings_are_refused_with_both(folder: Path) -> None:
    message = refused(folder, "sa-unet", **SETTINGS | {"width": 8})
    assert "E506" in message and "'width': 3" in message and "'width': 8" in message


def test_tensors_of_another_shape_leave_the_network_as_it_was(folder: Path) -> None:
    net = network(seed=1, width=4)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    with pytest.raises(InputRefused, match=r"E506 .*0\.bias: shape \[3\] \(expected shape \[4\]"):
        weights_file.load_into(net, weights_file.read(folder)[0], folder)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


@pytest.mark.parametrize("change", ["missing", "left over"])
def test_a_tensor_too_few_or_too_many_is_named(folder: Path, change: str) -> None:
    tensors = weights_file.read(folder)[0]
    if change == "missing":
        del tensors["1.running_var"]
        expected = r"1\.running_var: no such tensor \(expected shape \[3\]"
    else:
        tensors["2.weight"] = torch.zeros(2)
        expected = r"2\.weight: shape \[2\] \(expected no such tensor"
    with pytest.raises(InputRefused, match=expected):
        weights_file.load_into(network(), tensors, folder)
