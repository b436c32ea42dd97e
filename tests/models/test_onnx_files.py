"""The ONNX files give what the torch network gives."""

import numpy as np
import onnxruntime
import pytest
import torch

from cxrkit.models import onnx_files
from cxrkit.models.sa_unet import SAUNet, Up

SIZE = 64


@pytest.fixture(scope="module")
def net() -> SAUNet:
    torch.manual_seed(3)
    net = SAUNet(width=8)
    for layer in net.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.momentum = None  # statistics of the data at once, so that outputs are not flat
    with torch.no_grad():
        net.train()(torch.rand(4, 1, SIZE, SIZE))
    return net.eval()


def run(data: bytes, image: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": image})[0]


def test_shuffled_up_equals_the_transpose_convolution() -> None:
    up = Up(5, 3)
    torch.nn.init.normal_(up.conv.bias)
    x = torch.rand(2, 5, 7, 9)
    assert torch.allclose(onnx_files.ShuffledUp(up)(x), up(x), atol=1e-6)


def test_float32_file_equals_torch(net: SAUNet) -> None:
    image = np.random.default_rng(0).random((1, 1, SIZE, SIZE), np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(net(torch.from_numpy(image))).numpy()
    found = run(onnx_files.float32(net, SIZE), image)
    assert found.shape == (1, 2, SIZE, SIZE)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_int8_file_is_smaller_and_close(net: SAUNet) -> None:
    rng = np.random.default_rng(0)
    images = [rng.random((SIZE, SIZE), np.float32) for _ in range(8)]
    float32 = onnx_files.float32(net, SIZE)
    int8 = onnx_files.int8(float32, images)
    assert len(int8) < 0.6 * len(float32)
    probe = images[0][None, None]
    assert np.abs(run(int8, probe) - run(float32, probe)).mean() < 0.05


def test_export_leaves_the_network_as_it_was(net: SAUNet) -> None:
    before = {k: v.clone() for k, v in net.state_dict().items()}
    onnx_files.float32(net, SIZE)
    assert not net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
