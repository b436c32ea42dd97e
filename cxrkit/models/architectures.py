"""Segmentation networks by name: (N, 1, H, W) in 0-1 to (N, outputs, H, W) logits.

    sa-unet          ours; Guo 2021, arXiv:2004.03696
    unet             MONAI's BasicUNet; Ronneberger 2015, arXiv:1505.04597
    unet++           MONAI's BasicUNetPlusPlus; Zhou 2018, arXiv:1807.10165
    attention-unet   MONAI's AttentionUnet; Oktay 2018, arXiv:1804.03999

At one width all have about half a million parameters at 16, so that a comparison compares shapes
and not sizes. Convolutions are followed by batch normalisation and ReLU everywhere, which an 8-bit
file folds. H and W are divisible by 16, the deepest halving; SA-UNet and Attention U-Net need 8.
"""

from monai.networks.blocks.convolutions import Convolution
from monai.networks.nets.attentionunet import AttentionLayer, AttentionUnet
from monai.networks.nets.basic_unet import BasicUNet, UpCat
from monai.networks.nets.basic_unetplusplus import BasicUNetPlusPlus
from torch import Tensor, nn

from cxrkit.errors import InputRefused
from cxrkit.models.sa_unet import SAUNet

ARCHITECTURES = ("sa-unet", "unet", "unet++", "attention-unet")
RELU = ("relu", {"inplace": True})


def segmentation(name: str, outputs: int, width: int, keep: float) -> nn.Module:
    """The network called `name` with fresh weights.

    Args:
        name: one of `ARCHITECTURES`.
        outputs: channels that it gives.
        width: the start width; 16 gives about 0.5 million parameters, 8 a quarter of that.
        keep: share of values kept while it learns: DropBlock in SA-UNet, dropout after the batch
            normalisation in the others. 1 drops nothing.

    Raises:
        InputRefused: E107, no such network.
    """
    if name == "sa-unet":
        return SAUNet(outputs=outputs, width=width, keep=keep)
    if name == "unet":
        return _unet(outputs, width, keep)
    if name == "unet++":
        return UNetPlusPlus(outputs, width, keep)
    if name == "attention-unet":
        return _attention_unet(outputs, width, keep)
    raise InputRefused(
        "E107", "--architecture", name, " or ".join(ARCHITECTURES), "use one of these"
    )


def _unet(outputs: int, width: int, keep: float) -> nn.Module:
    """MONAI's BasicUNet with batch normalisation and ReLU for instance normalisation and leaky."""
    net: nn.Module = BasicUNet(
        spatial_dims=2,
        in_channels=1,
        out_channels=outputs,
        features=(width, width, 2 * width, 4 * width, 8 * width, width),
        act=RELU,
        norm="batch",
        dropout=1 - keep,
    )
    return _without_padding(net)


class UNetPlusPlus(nn.Module):
    """MONAI's BasicUNetPlusPlus with batch normalisation and ReLU, giving its last map alone.

    Widths double from half of `width` at each of the five levels, as in the paper (32 to 512):
    MONAI's default keeps the first two alike, which costs 1.6 times the time at full resolution.
    Without deep supervision the heads of the three shallower nodes teach nothing: they are left
    out, since processes that learn together wait for the gradient of every parameter.
    """

    def __init__(self, outputs: int, width: int, keep: float) -> None:
        super().__init__()
        first = max(1, width // 2)
        net = BasicUNetPlusPlus(
            spatial_dims=2,
            in_channels=1,
            out_channels=outputs,
            features=(first, width, 2 * width, 4 * width, 8 * width, first),
            act=RELU,
            norm="batch",
            dropout=1 - keep,
        )
        for head in ("final_conv_0_1", "final_conv_0_2", "final_conv_0_3"):
            setattr(net, head, nn.Identity())
        self.net = _without_padding(net)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)[0]
        return logits


def _attention_unet(outputs: int, width: int, keep: float) -> nn.Module:
    """MONAI's AttentionUnet, its merging convolutions with batch normalisation and ReLU.

    MONAI gives these three instance normalisation and a leaky ReLU that learns, all others batch
    normalisation and ReLU as the paper does. Like MONAI's, it halves by strides, not by pooling.
    """
    net: nn.Module = AttentionUnet(
        spatial_dims=2,
        in_channels=1,
        out_channels=outputs,
        channels=(width, 2 * width, 4 * width, 8 * width),
        strides=(2, 2, 2),
        dropout=1 - keep,
    )
    for layer in net.modules():
        if isinstance(layer, AttentionLayer):
            plain = layer.merge.get_submodule("conv")
            assert isinstance(plain, nn.Conv2d)
            channels = plain.out_channels
            layer.merge = Convolution(
                2, 2 * channels, channels, act="relu", norm="batch", dropout=1 - keep
            )
    return net


def _without_padding(net: nn.Module) -> nn.Module:
    """The network without MONAI's padding of odd maps.

    It changes nothing where sides are divisible by 16, but copies every upsampled map: a fifth of
    the time of a training step of U-Net++.
    """
    for layer in net.modules():
        if isinstance(layer, UpCat):
            layer.is_pad = False
    return net
