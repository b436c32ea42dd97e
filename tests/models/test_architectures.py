"""Segmentation networks by name: shapes, sizes, what learns, and what is refused."""

import pytest
import torch
from monai.networks.nets import AttentionUnet, BasicUNetPlusPlus
from torch import nn

from cxrkit.errors import InputRefused
from cxrkit.models.architectures import ARCHITECTURES, segmentation
from cxrkit.models.sa_unet import SAUNet

SIDE = 48  # divisible by 16


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_gives_one_map_per_output(name: str) -> None:
    net = segmentation(name, outputs=3, width=4, keep=1.0).eval()
    with torch.no_grad():
        logits = net(torch.rand(2, 1, SIDE, SIDE + 16))
    assert logits.shape == (2, 3, SIDE, SIDE + 16)
    assert logits.min() < 0 or logits.max() > 1  # logits, not probabilities


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_network_has_about_half_a_million_parameters_at_width_16(name: str) -> None:
    count = sum(p.numel() for p in segmentation(name, 2, 16, 1.0).parameters())
    assert 480_000 < count < 600_000


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_parameter_learns(name: str) -> None:
    torch.manual_seed(0)
    net = segmentation(name, 1, 4, 1.0)
    net(torch.rand(2, 1, SIDE, SIDE)).square().mean().backward()
    # Processes that learn together wait for ever for one that does not.
    assert [k for k, p in net.named_parameters() if p.grad is None] == []


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_only_batch_normalisation_and_relu_are_used(name: str) -> None:
    net = segmentation(name, 1, 4, 1.0)
    assert any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    assert not unfolded(net)


def test_other_layers_are_seen_in_monais_own_networks() -> None:
    assert unfolded(AttentionUnet(2, 1, 1, (4, 8), (2,))) == {"InstanceNorm2d", "PReLU"}
    assert unfolded(BasicUNetPlusPlus(2, 1, 1)) == {"InstanceNorm2d", "LeakyReLU"}


def unfolded(net: nn.Module) -> set[str]:
    """Layers that an engine does not fold into a convolution."""
    layers = (nn.InstanceNorm2d, nn.PReLU, nn.LeakyReLU, nn.GroupNorm)
    return {type(m).__name__ for m in net.modules() if isinstance(m, layers)}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_keep_drops_values_in_training_and_nothing_at_inference(name: str) -> None:
    torch.manual_seed(0)
    net, x = segmentation(name, 1, 4, 0.5), torch.rand(1, 1, SIDE, SIDE)
    net.train()
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))
    whole = segmentation(name, 1, 4, 1.0).train()
    assert torch.equal(whole(x), whole(x))


def test_sa_unet_is_the_published_one() -> None:
    assert isinstance(segmentation("sa-unet", 1, 16, 0.9), SAUNet)
    assert sum(p.numel() for p in segmentation("sa-unet", 1, 16, 0.9).parameters()) == 537_011


def test_u_net_plus_plus_equals_monais_last_map() -> None:
    torch.manual_seed(0)
    ours = segmentation("unet++", 2, 8, 1.0).eval()
    theirs = BasicUNetPlusPlus(
        2, 1, 2, features=(4, 8, 16, 32, 64, 4), act="relu", norm="batch"
    ).eval()  # with its padding and its other heads
    weights = {k.removeprefix("net."): v for k, v in ours.state_dict().items()}
    left_out = set(theirs.load_state_dict(weights, strict=False).missing_keys)
    assert left_out == {f"final_conv_0_{n}.{k}" for n in (1, 2, 3) for k in ("weight", "bias")}
    x = torch.rand(1, 1, SIDE, SIDE)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x)[-1])


def test_the_attention_gate_can_silence_a_skip() -> None:
    torch.manual_seed(0)
    net = segmentation("attention-unet", 1, 4, 1.0).eval()
    gates = [m for m in net.modules() if type(m).__name__ == "AttentionBlock"]
    assert len(gates) == 3
    shut = gates[0].psi[1]
    assert isinstance(shut, nn.BatchNorm2d)
    with torch.no_grad():
        shut.bias.fill_(-100)
        assert gates[0](torch.rand(1, 4, 8, 8), torch.rand(1, 4, 8, 8)).abs().max() < 1e-6


def test_another_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(InputRefused, match="E107 bad-option: --architecture: resnet") as refusal:
        segmentation("resnet", 1, 16, 1.0)
    assert all(name in str(refusal.value) for name in ARCHITECTURES)
