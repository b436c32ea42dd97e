"""SA-UNet against what was published of it and against arithmetic done by hand."""

import numpy as np
import pytest
import torch

from cxrkit.models.sa_unet import DropBlock, SAUNet, SpatialAttention, Up


def numbers(net: torch.nn.Module) -> int:
    """Weights and batch-norm statistics, as Keras counts them."""
    return sum(v.numel() for k, v in net.state_dict().items() if not k.endswith("tracked"))


@pytest.mark.parametrize(
    ("inputs", "width", "published"),
    [(1, 16, 538_419), (3, 16, 538_707), (3, 32, 2_146_371), (3, 64, 8_568_867)],
)
def test_size_is_the_published_one(inputs: int, width: int, published: int) -> None:
    assert numbers(SAUNet(inputs=inputs, outputs=1, width=width)) == published


def test_trainable_size_is_the_published_one() -> None:
    assert sum(p.numel() for p in SAUNet(outputs=1).parameters()) == 537_011


def test_parts_have_the_published_sizes() -> None:
    net = SAUNet(inputs=3, outputs=1)
    assert [numbers(block) for block in net.encoder] == [2_896, 14_144, 55_936]
    assert [numbers(part) for part in net.bottleneck] == [74_368, 98, 148_096]
    assert [numbers(up) for up in net.up] == [73_792, 18_464, 4_624]
    assert [numbers(u) + numbers(d) for u, d in zip(net.up, net.decoder, strict=True)] == [
        185_024,
        46_432,
        11_696,
    ]
    assert numbers(net.head) == 17


def test_dropblock_comes_before_batch_norm_with_keras_defaults() -> None:
    half = SAUNet().encoder[0][0]
    assert [type(layer).__name__ for layer in half] == [
        "Conv2d", "DropBlock", "BatchNorm2d", "ReLU"
    ]  # fmt: skip
    assert (half[2].eps, half[2].momentum) == (1e-3, 0.01)


def test_up_cuts_the_last_row_and_column_of_the_full_output() -> None:
    up = Up(1, 1)
    with torch.no_grad():
        up.conv.weight[:] = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
        up.conv.bias.zero_()
        found = up(torch.tensor([[[[1.0, 10.0]]]])).squeeze().tolist()
    # Full output, each input pixel stamping the kernel at stride 2:
    #   1 2 13 20 30 / 4 5 46 50 60 / 7 8 79 80 90
    assert found == [[1, 2, 13, 20], [4, 5, 46, 50]]


def test_attention_weighs_every_channel_of_a_pixel_alike() -> None:
    attention = SpatialAttention()
    assert attention.conv.bias is None
    x = torch.rand(2, 5, 9, 9) + 0.1
    ratio = attention(x) / x
    assert torch.allclose(ratio, ratio[:, :1].expand_as(ratio), atol=1e-6)
    assert ((ratio > 0) & (ratio < 1)).all()


def test_dropblock_is_identity_at_inference() -> None:
    x = torch.rand(1, 3, 20, 20)
    assert torch.equal(DropBlock(0.5).eval()(x), x)


def test_dropblock_drops_whole_blocks_and_keeps_the_sum() -> None:
    torch.manual_seed(0)
    block = DropBlock(0.9).train()
    x = torch.ones(4, 8, 56, 56)
    out = block(x)
    assert out.sum().item() == pytest.approx(x.sum().item(), rel=1e-4)
    dropped = (out == 0).float()
    # Opening by 7 x 7 leaves a union of 7 x 7 blocks as it is, and nothing that is not one.
    eroded = -torch.nn.functional.max_pool2d(-dropped, 7, 1)
    opened = torch.nn.functional.max_pool2d(torch.nn.functional.pad(eroded, (6,) * 4), 7, 1)
    assert torch.equal(opened, dropped)


def test_dropblock_drops_the_stated_share_on_average() -> None:
    torch.manual_seed(0)
    side, gamma = 56, 0.1 / 49 * 56**2 / 50**2
    dropped = DropBlock(0.9).train()(torch.ones(40, 32, side, side)) == 0
    # A pixel is dropped unless none of the blocks that can cover it was seeded.
    place = np.arange(side)
    covering = np.minimum.reduce([place, side - 1 - place, np.full(side, 6)]) + 1
    expected = 1 - (1 - gamma) ** np.outer(covering, covering)
    assert dropped.float().mean().item() == pytest.approx(expected.mean(), rel=0.02)
    by_pixel = dropped.float().mean((0, 1)).numpy()
    np.testing.assert_allclose(by_pixel, expected, atol=0.045)


def test_small_maps_pass_dropblock_unchanged() -> None:
    x = torch.rand(1, 1, 6, 6)
    assert torch.equal(DropBlock(0.5).train()(x), x)


def test_gradient_flows_only_through_the_chosen_output() -> None:
    net = SAUNet()
    net(torch.rand(1, 1, 32, 32))[:, 0].sum().backward()
    assert net.head.weight.grad[0].abs().sum() > 0
    assert net.head.weight.grad[1].abs().sum() == 0
