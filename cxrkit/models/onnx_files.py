"""Trained networks as ONNX files: in float32, and in 8-bit integers for speed on CPUs."""

import contextlib
import copy
import logging
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.models.classifier import Classifier

OPSET = 17


def segmentation(net: nn.Module, size: int) -> bytes:
    """The ONNX file of any network of `architectures`.

    `image` (1, 1, size, size) in 0-1 to `probability` (1, outputs, size, size).
    """
    return float32(_Probability(net), {"image": torch.zeros(1, 1, size, size)}, ["probability"])


def classifier(net: Classifier, size: int, inputs: int) -> bytes:
    """The ONNX file of a classifier, its last map included, for attribution and decoders.

    `image` (1, inputs, size, size) in 0-1 to `logits` and `probability` (1, K) and to
    `features` (1, C, h, w).
    """
    example = {"image": torch.zeros(1, inputs, size, size)}
    return float32(_Classified(net), example, ["logits", "probability", "features"])


def float32(
    net: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    free: Mapping[str, Mapping[int, str]] | None = None,
) -> bytes:
    """The ONNX file of a network as it is in inference; `net` stays as it is.

    Args:
        net: takes the inputs in their order.
        inputs: their names, each with an example on the CPU that gives its shape.
        outputs: the names of what it gives.
        free: for an input or output, the axes that may have any length, each with a name.
    """
    deployed = copy.deepcopy(net).cpu().eval()
    _shuffle_transposed(deployed)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The tracing exporter folds batch norm and embeds the weights; its successor leaves them
        # in a second file. torch announces its end, and our range for torch ends before.
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.filterwarnings("ignore", "Constant folding", UserWarning)  # of a strided slice
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            deployed,
            tuple(inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: dict(axes) for name, axes in (free or {}).items()},
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()


class _Probability(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.net(image))


class _Classified(nn.Module):
    def __init__(self, net: Classifier) -> None:
        super().__init__()
        self.net = net

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.net.features(image)
        logits = self.net.classify(features)
        return logits, torch.sigmoid(logits), features


def _shuffle_transposed(net: nn.Module) -> None:
    """Replace every transpose convolution of stride 2 below `net` by a `ShuffledUp`."""
    for layer in list(net.modules()):
        for name, child in layer.named_children():
            if isinstance(child, nn.ConvTranspose2d) and _doubles(child):
                setattr(layer, name, ShuffledUp(child))


def _doubles(up: nn.ConvTranspose2d) -> bool:
    alike = len(set(up.kernel_size)) == len(set(up.padding)) == len(set(up.output_padding)) == 1
    plain = up.stride == (2, 2) and up.dilation == (1, 1) and up.groups == 1
    return alike and plain and (up.kernel_size[0] + up.output_padding[0]) % 2 == 0


class ShuffledUp(nn.Module):
    """A transpose convolution of stride 2 as a plain one and a pixel shuffle: same values.

    Every engine runs these fast, also in 8-bit integers. Tap k of a kernel carries input i to
    output 2 i - padding + k. So output 2 q + parity is a plain convolution of the inputs around q
    with every second tap, one kernel for each parity of row and column:
    tap k reads input q + (parity + padding - k) / 2.
    """

    def __init__(self, up: nn.ConvTranspose2d) -> None:
        super().__init__()
        side, padding, extra = up.kernel_size[0], int(up.padding[0]), up.output_padding[0]
        taps = [
            (parity, (parity + padding - k) // 2, k)
            for parity in (0, 1)
            for k in range(side)
            if (parity + padding - k) % 2 == 0
        ]
        first, last = min(place for _, place, _ in taps), max(place for _, place, _ in taps)
        weight = up.weight.detach().transpose(0, 1)  # (outputs, inputs, side, side)
        outputs, inputs = weight.shape[:2]
        window = last - first + 1
        kernels = torch.zeros(outputs, 2, 2, inputs, window, window)
        for row_parity, row, row_tap in taps:
            for column_parity, column, column_tap in taps:
                kernels[:, row_parity, column_parity, :, row - first, column - first] = weight[
                    :, :, row_tap, column_tap
                ]
        self.conv = nn.Conv2d(inputs, 4 * outputs, window, bias=up.bias is not None)
        self.conv.weight.data = kernels.reshape(4 * outputs, inputs, window, window)
        if up.bias is not None:
            self.conv.bias = nn.Parameter(up.bias.detach().repeat_interleave(4))
        # What the transpose convolution gives beyond twice its input, and what the window reaches.
        after = last + (side + extra) // 2 - 1 - padding
        self.margin = (-first, after, -first, after)

    def forward(self, x: Tensor) -> Tensor:
        if any(self.margin):
            x = functional.pad(x, self.margin)
        return functional.pixel_shuffle(self.conv(x), 2)


def int8(float32_file: bytes, calibration: Iterable[np.ndarray]) -> bytes:
    """The ONNX file with its convolutions in 8-bit integers, scaled on real inputs.

    Weights use 7 bits: with 8, processors without VNNI instructions saturate 16-bit sums, and a
    mask would depend on the machine.

    Args:
        float32_file: from `segmentation`.
        calibration: model inputs, (size, size) float32 in 0-1, from training images only.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Inputs(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self, images: Iterator[np.ndarray]) -> None:
            self.images = images

        def get_next(self) -> dict[str, np.ndarray] | None:
            image = next(self.images, None)
            return None if image is None else {"image": image[None, None]}

    with tempfile.TemporaryDirectory() as folder, _without_advice():
        source, target = Path(folder) / "float32.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(float32_file)
        quantize_static(
            str(source),
            str(target),
            Inputs(iter(calibration)),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv", "MaxPool", "Concat", "Relu"],
            per_channel=True,
            reduce_range=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
        )
        return target.read_bytes()


@contextlib.contextmanager
def _without_advice() -> Iterator[None]:
    """Silence of the root logger, to which the quantiser recommends steps that change nothing."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
