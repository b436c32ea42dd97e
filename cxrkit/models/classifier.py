"""Classifiers by name: (N, inputs, H, W) in 0-1 to (N, outputs) logits, with the map in between.

    small         ours: a residual network for CPUs; blocks as in He 2015, arXiv:1512.03385
    densenet121   MONAI's DenseNet121; Huang 2016, arXiv:1608.06993

Both end in global average pooling and one linear layer, so a class activation map (Zhou 2015,
arXiv:1512.04150) is exact: the mean of what each place adds, and the bias, is the logit.
"""

from monai.networks.nets.densenet import DenseNet121
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.errors import InputRefused

CLASSIFIERS = ("small", "densenet121")
WIDTHS = {"small": 16, "densenet121": 64}  # ours; as published
DEPTHS = (1, 2, 2)  # residual blocks of the three stages of "small"


class Classifier(nn.Module):
    """A trunk that gives a map, its mean over all places, and a linear layer."""

    def __init__(self, trunk: nn.Module, channels: int, outputs: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.channels = channels
        self.head = nn.Linear(channels, outputs)
        nn.init.zeros_(self.head.bias)

    def features(self, x: Tensor) -> Tensor:
        """The map (N, channels, h, w), not negative, of an input (N, inputs, H, W)."""
        found: Tensor = self.trunk(x)
        return found

    def classify(self, features: Tensor) -> Tensor:
        """Logits (N, outputs) of a map."""
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x))


def classifier(name: str, inputs: int, outputs: int, width: int) -> Classifier:
    """The network called `name` with fresh weights.

    Args:
        name: one of `CLASSIFIERS`.
        inputs: planes of an image: the radiograph, and with 2 its lung mask.
        outputs: observations.
        width: channels of the first convolution, as `WIDTHS` where nothing else is wanted. In
            DenseNet each layer adds half of it: 64 is the published network.

    Raises:
        InputRefused: E107, no such network.
    """
    if name == "small":
        return Classifier(_small(inputs, width), width * 2 ** len(DEPTHS), outputs)
    if name == "densenet121":
        dense = DenseNet121(2, inputs, outputs, init_features=width, growth_rate=max(1, width // 2))
        last = dense.features.get_submodule("norm5")
        assert isinstance(last, nn.BatchNorm2d)
        return Classifier(nn.Sequential(dense.features, nn.ReLU()), last.num_features, outputs)
    raise InputRefused("E107", "--architecture", name, " or ".join(CLASSIFIERS), "use one of these")


def _small(inputs: int, width: int) -> nn.Sequential:
    """(N, inputs, H, W) to (N, 8 width, H / 16, W / 16).

    The first convolution halves at once: 16 channels at half the size hold all of an image of one
    channel, and at full size a CPU would spend most of its time on moving memory. A block at that
    size tells thin lines and edges from each other before the stages halve it further.
    """
    layers: list[nn.Module] = [_convolution(inputs, width, 3, 2), nn.ReLU(inplace=True)]
    layers.append(Residual(width, width, 1))
    channels = width
    for stage, depth in enumerate(DEPTHS, 1):
        for block in range(depth):
            layers.append(Residual(channels, width * 2**stage, 1 if block else 2))
            channels = width * 2**stage
    net = nn.Sequential(*layers)
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return net


class Residual(nn.Module):
    """Two 3 x 3 convolutions beside a short cut: (N, i, H, W) to (N, o, H / stride, W / stride).

    The short cut is a 1 x 1 convolution of every stride-th pixel where shapes differ, else the
    input itself. The pixels are picked before it: the gradient of a strided 1 x 1 convolution of
    few channels writes beside its memory in torch 2.13 on CPUs (oneDNN, channels last). The second
    batch normalisation starts at zero, so that a block starts as its short cut (Goyal 2017,
    arXiv:1706.02677).
    """

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, 3, stride)
        self.second = _convolution(outputs, outputs, 3, 1)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = _convolution(inputs, outputs, 1, 1)
        self.stride = stride
        last = self.second[-1]
        assert isinstance(last, nn.BatchNorm2d)
        nn.init.zeros_(last.weight)

    def forward(self, x: Tensor) -> Tensor:
        picked = x[:, :, :: self.stride, :: self.stride]
        return functional.relu(self.short(picked) + self.second(functional.relu(self.first(x))))


def _convolution(inputs: int, outputs: int, side: int, stride: int) -> nn.Sequential:
    """A convolution that keeps places in line, and batch normalisation, which makes its bias."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False), nn.BatchNorm2d(outputs)
    )
