"""SA-UNet (Guo 2021, arXiv:2004.03696) in torch, with one output channel per mask convention.

Equal to the published Keras network layer by layer: DropBlock between convolution and batch
normalisation, spatial attention between the two bottleneck convolutions, Keras' defaults for
batch normalisation, initialisation and "same" padding. The one addition is the second output:
lungs without and with the region behind the heart, in the order of `terms.MASK_CONVENTIONS`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.terms import MASK_CONVENTIONS

POOLINGS = 3  # so both sides of an input must be divisible by 8


class DropBlock(nn.Module):
    """Drops square blocks of a feature map (Ghiasi 2018, arXiv:1810.12890); identity at inference.

    Seeds are drawn per sample, pixel and channel where a whole block fits. What is kept is scaled
    by numel / kept over the whole batch, as in the published code.
    """

    def __init__(self, keep: float, block: int = 7) -> None:
        super().__init__()
        self.keep = keep
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        if not self.training or self.keep >= 1 or min(height, width) < self.block:
            return x
        room = (height - self.block + 1, width - self.block + 1)
        gamma = (1 - self.keep) / self.block**2 * height * width / (room[0] * room[1])
        seeds = _bernoulli_positions(x.shape[0] * x.shape[1] * room[0] * room[1], gamma, x.device)
        # A seed at place p of a (room) map is the corner of the block that it drops.
        plane, place = seeds // (room[0] * room[1]), seeds % (room[0] * room[1])
        sample, channel = plane // x.shape[1], plane % x.shape[1]
        row, column = place // room[1], place % room[1]
        kept = torch.ones_like(x, requires_grad=False)
        by_sample, by_channel, by_row, by_column = kept.stride()
        corner = sample * by_sample + channel * by_channel + row * by_row + column * by_column
        side = torch.arange(self.block, device=x.device)
        block = (side[:, None] * by_row + side * by_column).flatten()
        kept.as_strided((kept.numel(),), (1,))[corner[:, None] + block] = 0
        scale = kept.numel() / kept.sum(dtype=torch.float32).clamp(min=1)
        return x * kept * scale.to(x.dtype)


def _bernoulli_positions(count: int, probability: float, device: torch.device) -> Tensor:
    """The sorted indices of the successes among `count` independent draws.

    Drawn through the gaps between successes, which are geometric: one random number per success
    and not per pixel, three times faster for the whole training step.
    """
    expected = count * probability
    draws = int(expected + 8 * expected**0.5) + 16
    positions = torch.zeros(0, dtype=torch.int64, device=device)
    while positions.numel() == 0 or int(positions[-1]) < count:
        gaps = torch.empty(draws, dtype=torch.float64, device=device).geometric_(probability)
        start = positions[-1] if positions.numel() else -1
        positions = torch.cat([positions, start + gaps.cumsum(0).to(torch.int64)])
    return positions[positions < count]


class HalfBlock(nn.Sequential):
    """Convolution 3 x 3, DropBlock, batch normalisation, ReLU: (N, i, H, W) to (N, o, H, W)."""

    def __init__(self, inputs: int, outputs: int, keep: float) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1),
            DropBlock(keep),
            nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),  # Keras: momentum .99
            nn.ReLU(),
        )


class SpatialAttention(nn.Module):
    """Weighs each pixel by a 7 x 7 convolution of its channels' mean and maximum; 98 weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        summary = torch.cat([x.mean(1, keepdim=True), x.amax(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.conv(summary))


class Up(nn.Module):
    """Transpose convolution 3 x 3, stride 2: (N, i, H, W) to (N, o, 2H, 2W), aligned as in Keras.

    Keras cuts "same" from the full output by its last row and column, torch by the first. A row
    and a column of zeros before the input move torch's cut to Keras' place.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=2, output_padding=1)

    def forward(self, x: Tensor) -> Tensor:
        grown: Tensor = self.conv(functional.pad(x, (1, 0, 1, 0)))
        return grown


class SAUNet(nn.Module):
    """SA-UNet: (N, inputs, H, W) in 0-1 to (N, outputs, H, W) logits; H and W divisible by 8.

    538,419 numbers (batch-norm statistics included) with one input and one output channel.
    """

    def __init__(
        self,
        inputs: int = 1,
        outputs: int = len(MASK_CONVENTIONS),
        width: int = 16,
        keep: float = 0.9,
    ) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(POOLINGS + 1)]
        self.encoder = nn.ModuleList()
        channels = inputs
        for w in widths[:-1]:
            self.encoder.append(nn.Sequential(HalfBlock(channels, w, keep), HalfBlock(w, w, keep)))
            channels = w
        attention = SpatialAttention()
        self.bottleneck = nn.Sequential(
            HalfBlock(channels, widths[-1], keep),
            attention,
            HalfBlock(widths[-1], widths[-1], keep),
        )
        self.up = nn.ModuleList()
        self.decoder = nn.ModuleList()
        channels = widths[-1]
        for w in reversed(widths[:-1]):
            self.up.append(Up(channels, w))
            self.decoder.append(nn.Sequential(HalfBlock(2 * w, w, keep), HalfBlock(w, w, keep)))
            channels = w
        self.head = nn.Conv2d(channels, outputs, 1)
        self.apply(_initialise)
        nn.init.kaiming_normal_(attention.conv.weight, nonlinearity="relu")  # Keras he_normal

    def forward(self, x: Tensor) -> Tensor:
        skips = []
        for block in self.encoder:
            x = block(x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for up, block in zip(self.up, self.decoder, strict=True):
            x = block(torch.cat([up(x), skips.pop()], 1))
        logits: Tensor = self.head(x)
        return logits


def _initialise(module: nn.Module) -> None:
    """Keras' defaults: Glorot uniform weights, zero biases."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
