"""A trained SA-UNet as ONNX files: in float32, and in 8-bit integers for speed on CPUs."""

import copy
import tempfile
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.models.sa_unet import SAUNet, Up

OPSET = 17


class Deployed(nn.Module):
    """SA-UNet with a sigmoid and its transpose convolutions written as plain ones: same values."""

    def __init__(self, net: SAUNet) -> None:
        super().__init__()
        self.net = copy.deepcopy(net)
        self.net.up = nn.ModuleList([ShuffledUp(up) for up in net.up if isinstance(up, Up)])

    def forward(self, image: Tensor) -> Tensor:
        return torch.sigmoid(self.net(image))


class ShuffledUp(nn.Module):
    """`Up` as a 2 x 2 convolution and a pixel shuffle, which every engine runs fast.

    In a stride-2 transpose convolution an even output pixel sees input i with tap 0 and input
    i - 1 with tap 2, an odd one input i with tap 1: four 2 x 2 kernels, one per parity.
    """

    def __init__(self, up: Up) -> None:
        super().__init__()
        weight = up.conv.weight.detach().transpose(0, 1)  # (outputs, inputs, 3, 3)
        outputs, inputs = weight.shape[:2]
        kernels = torch.zeros(outputs, 2, 2, inputs, 2, 2)
        taps = {0: ((0, 2), (1, 0)), 1: ((1, 1),)}  # parity: (place in the 2-kernel, tap)
        for row_parity, rows in taps.items():
            for column_parity, columns in taps.items():
                for row, row_tap in rows:
                    for column, column_tap in columns:
                        kernels[:, row_parity, column_parity, :, row, column] = weight[
                            :, :, row_tap, column_tap
                        ]
        self.conv = nn.Conv2d(inputs, 4 * outputs, 2)
        self.conv.weight.data = kernels.reshape(4 * outputs, inputs, 2, 2)
        assert up.conv.bias is not None
        self.conv.bias = nn.Parameter(up.conv.bias.detach().repeat_interleave(4))

    def forward(self, x: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.conv(functional.pad(x, (1, 0, 1, 0))), 2)


def float32(net: SAUNet, size: int) -> bytes:
    """The ONNX file: `image` (1, 1, size, size) in 0-1 to `probability` (1, 2, size, size)."""
    deployed = Deployed(net.cpu()).eval()
    image = torch.zeros(1, 1, size, size)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # The tracing exporter folds batch norm and embeds the weights; its successor leaves them
        # in a second file. torch announces its end, and our range for torch ends before.
        warnings.simplefilter("ignore", DeprecationWarning)
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            deployed,
            (image,),
            str(path),
            input_names=["image"],
            output_names=["probability"],
            opset_version=OPSET,
            dynamo=False,
        )
        return path.read_bytes()


def int8(float32_file: bytes, calibration: Iterable[np.ndarray]) -> bytes:
    """The ONNX file with its convolutions in 8-bit integers, scaled on real inputs.

    Weights use 7 bits: with 8, processors without VNNI instructions saturate 16-bit sums, and a
    mask would depend on the machine.

    Args:
        float32_file: from `float32`.
        calibration: model inputs, (224, 224) float32 in 0-1, from training images only.
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

    with tempfile.TemporaryDirectory() as folder:
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
