"""Classifiers by name: shapes, the exact activation map, the published DenseNet, refusals."""

import subprocess
import sys

import pytest
import torch
from monai.networks.nets import DenseNet121
from torch import nn

from cxrkit.errors import InputRefused
from cxrkit.models.classifier import CLASSIFIERS, WIDTHS, classifier


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("inputs", [1, 2])
def test_every_classifier_gives_logits_and_the_map_behind_them(name: str, inputs: int) -> None:
    net = classifier(name, inputs, outputs=5, width=8).eval()
    x = torch.rand(2, inputs, 64, 96)
    with torch.no_grad():
        features, logits = net.features(x), net(x)
    assert logits.shape == (2, 5)
    assert features.shape[:2] == (2, net.channels)
    assert features.shape[2] / features.shape[3] == 64 / 96
    assert features.min() >= 0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_mean_of_what_each_place_adds_is_the_logit(name: str) -> None:
    torch.manual_seed(0)
    net = classifier(name, 1, 3, 8).eval()
    nn.init.normal_(net.head.bias)
    x = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        places = torch.einsum("kc,nchw->nkhw", net.head.weight, net.features(x))
        expected = places.mean((2, 3)) + net.head.bias
        torch.testing.assert_close(net(x), expected)


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_parameter_of_a_classifier_learns(name: str) -> None:
    torch.manual_seed(0)
    net = classifier(name, 1, 2, 8)
    net(torch.rand(2, 1, 64, 64)).square().mean().backward()
    assert [k for k, p in net.named_parameters() if p.grad is None] == []


def test_the_small_network_is_small_and_keeps_14_by_14_places() -> None:
    net = classifier("small", 1, 14, WIDTHS["small"]).eval()
    assert 300_000 < sum(p.numel() for p in net.parameters()) < 1_000_000
    with torch.no_grad():
        assert net.features(torch.rand(1, 1, 224, 224)).shape == (1, 128, 14, 14)


def test_the_first_block_of_the_small_network_sees_half_the_size() -> None:
    net = classifier("small", 1, 14, WIDTHS["small"]).eval()
    sides = []
    for block in net.trunk:
        block.register_forward_hook(lambda _block, _given, out: sides.append(out.shape[-1]))
    with torch.no_grad():
        net(torch.rand(1, 1, 224, 224))
    assert sides == [112, 112, 112, 56, 28, 28, 14, 14]


def test_a_residual_block_starts_as_its_short_cut() -> None:
    torch.manual_seed(0)
    block = classifier("small", 1, 1, 4).trunk[-1].eval()
    x = torch.rand(1, 32, 6, 6)
    with torch.no_grad():
        assert torch.equal(block(x), x)
        block.second[1].weight.fill_(1)
        assert not torch.equal(block(x), x)


def test_a_small_network_learns_what_a_single_place_tells() -> None:
    torch.manual_seed(0)
    images = 0.1 * torch.rand(32, 1, 64, 64)
    present = torch.arange(32) % 2
    for n in range(32):
        if present[n]:
            row, column = torch.randint(8, 48, (2,)).tolist()
            images[n, 0, row : row + 9, column : column + 9] += 0.8
    net = classifier("small", 1, 1, 8)
    optimiser = torch.optim.AdamW(net.parameters(), 3e-3)
    for _ in range(25):
        optimiser.zero_grad()
        loss = nn.functional.binary_cross_entropy_with_logits(net(images)[:, 0], present.float())
        loss.backward()
        optimiser.step()
    assert loss.item() < 0.1


def test_densenet_at_its_published_width_is_monais() -> None:
    torch.manual_seed(0)
    theirs = DenseNet121(2, 1, 4).eval()
    ours = classifier("densenet121", 1, 4, WIDTHS["densenet121"]).eval()
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in theirs.parameters())
    renamed = {
        k.replace("class_layers.out.", "head.").replace("features.", "trunk.0."): v
        for k, v in theirs.state_dict().items()
    }
    ours.load_state_dict(renamed)
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x))


def test_another_classifier_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputRefused, match="E107 bad-option: --architecture: vgg") as refusal:
        classifier("vgg", 1, 1, 16)
    assert all(name in str(refusal.value) for name in CLASSIFIERS)


@pytest.mark.parametrize("width", [2, 4, 8])
def test_narrow_networks_learn_without_breaking_memory(width: int) -> None:
    """In a process of its own, which a damaged heap would end."""
    code = (
        "import torch\n"
        "from cxrkit.models.classifier import classifier\n"
        f"net = classifier('small', 1, 1, {width}).to(memory_format=torch.channels_last)\n"
        "x = torch.rand(8, 1, 96, 96).to(memory_format=torch.channels_last)\n"
        "for _ in range(10): net(x).sum().backward()\n"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
