"""The ONNX files give what the torch networks give."""

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from cxrkit.models import onnx_files
from cxrkit.models.architectures import ARCHITECTURES, segmentation
from cxrkit.models.classifier import CLASSIFIERS, Classifier, classifier
from cxrkit.models.sa_unet import Up

pytestmark = pytest.mark.slow  # many networks, or many processes

SIZE = 64


def run(data: bytes, **inputs: np.ndarray) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # more would wait for each other on a busy machine
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def drawings(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Dark ellipses on a gray noise, (count, 64, 64) float32, and where they are, bool."""
    rng = np.random.default_rng(seed)
    images, masks = [], []
    for _ in range(count):
        mask = np.zeros((SIZE, SIZE), np.uint8)
        for x in (20, 44):
            centre = (x + int(rng.integers(-4, 5)), 32 + int(rng.integers(-6, 7)))
            cv2.ellipse(mask, centre, (9, int(rng.integers(14, 22))), 0, 0, 360, 1, -1)
        images.append(np.where(mask, 0.25, 0.65) + rng.normal(0, 0.05, mask.shape))
        masks.append(mask > 0)
    return np.clip(np.stack(images), 0, 1).astype(np.float32), np.stack(masks)


@pytest.fixture(scope="module")
def trained() -> dict[str, nn.Module]:
    """Each network after a few steps, enough to find the ellipses."""
    return {name: learnt(name) for name in ARCHITECTURES}


def learnt(name: str) -> nn.Module:
    torch.manual_seed(3)
    net = segmentation(name, outputs=2, width=8, keep=1.0).train()
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 0.1  # of 40 steps, not of thousands
    optimiser = torch.optim.AdamW(net.parameters(), 1e-2)
    images, masks = (torch.from_numpy(a)[:, None] for a in drawings(16, seed=1))
    target = torch.cat([masks, ~masks], 1).float()
    for step in range(40):
        some = slice(step % 4 * 4, step % 4 * 4 + 4)
        optimiser.zero_grad()
        logits = net(images[some])
        nn.functional.binary_cross_entropy_with_logits(logits, target[some]).backward()
        optimiser.step()
    return net.eval()


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2.0 * int((a & b).sum()) / int(a.sum() + b.sum())


@pytest.mark.parametrize(
    ("side", "padding", "extra"),
    [(2, 0, 0), (3, 1, 1), (3, 2, 1), (3, 0, 1), (4, 1, 0), (5, 2, 1), (6, 0, 0), (1, 0, 1)],
)
def test_shuffled_up_equals_the_transpose_convolution(side: int, padding: int, extra: int) -> None:
    torch.manual_seed(0)
    up = nn.ConvTranspose2d(5, 3, side, 2, padding, output_padding=extra)
    x = torch.rand(2, 5, 7, 9)
    torch.testing.assert_close(onnx_files.ShuffledUp(up)(x), up(x), atol=1e-6, rtol=1e-5)


def test_shuffled_up_does_without_a_bias() -> None:
    up = nn.ConvTranspose2d(2, 2, 2, 2, bias=False)
    x = torch.rand(1, 2, 3, 3)
    torch.testing.assert_close(onnx_files.ShuffledUp(up)(x), up(x))


def test_sa_unets_own_upsampling_is_shuffled() -> None:
    up = nn.Sequential(Up(5, 3))
    x = torch.rand(2, 5, 7, 9)
    expected = up(x)
    onnx_files._shuffle_transposed(up)
    assert not [m for m in up.modules() if isinstance(m, nn.ConvTranspose2d)]
    torch.testing.assert_close(up(x), expected, atol=1e-6, rtol=1e-5)


def test_a_transpose_convolution_of_another_stride_stays() -> None:
    net = nn.Sequential(nn.ConvTranspose2d(1, 1, 3, 3))
    onnx_files._shuffle_transposed(net)
    assert isinstance(net[0], nn.ConvTranspose2d)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_segmentation_file_equals_torch(trained: dict[str, nn.Module], name: str) -> None:
    net = trained[name]
    image = drawings(1, seed=2)[0][None]
    with torch.no_grad():
        expected = torch.sigmoid(net(torch.from_numpy(image))).numpy()
    found = run(onnx_files.segmentation(net, SIZE), image=image)
    assert list(found) == ["probability"]
    assert found["probability"].shape == (1, 2, SIZE, SIZE)
    np.testing.assert_allclose(found["probability"], expected, atol=1e-5, rtol=0)
    assert np.ptp(expected) > 0.5  # nothing flat is compared


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_masks_in_8_bits_agree_with_float32(trained: dict[str, nn.Module], name: str) -> None:
    float32 = onnx_files.segmentation(trained[name], SIZE)
    int8 = onnx_files.int8(float32, drawings(16, seed=1)[0])
    assert len(int8) < 0.75 * len(float32)
    images, masks = drawings(8, seed=7)
    for image, mask in zip(images, masks, strict=True):
        exact, rounded = (
            run(f, image=image[None, None])["probability"][0, 0] > 0.5 for f in (float32, int8)
        )
        assert dice(exact, rounded) >= 0.99
        assert dice(exact, mask) > 0.9  # it has learnt something to agree on


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_file_is_of_opset_17_and_has_plain_convolutions(
    trained: dict[str, nn.Module], name: str
) -> None:
    model = onnx.load_from_string(onnx_files.segmentation(trained[name], SIZE))
    onnx.checker.check_model(model)
    assert [o.version for o in model.opset_import if o.domain == ""] == [17]
    kinds = {node.op_type for node in model.graph.node}
    assert "Conv" in kinds and "ConvTranspose" not in kinds


@pytest.fixture(scope="module", params=CLASSIFIERS)
def small_classifier(request: pytest.FixtureRequest) -> Classifier:
    torch.manual_seed(4)
    net = classifier(request.param, inputs=2, outputs=3, width=8)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # statistics of the data at once, so that outputs are not flat
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    with torch.no_grad():
        net.train()(torch.rand(4, 2, SIZE, SIZE))
    return net.eval()


def test_a_classifier_file_equals_torch(small_classifier: Classifier) -> None:
    image = np.random.default_rng(0).random((1, 2, SIZE, SIZE), np.float32)
    with torch.no_grad():
        features = small_classifier.features(torch.from_numpy(image)).numpy()
        logits = small_classifier(torch.from_numpy(image)).numpy()
    found = run(onnx_files.classifier(small_classifier, SIZE, inputs=2), image=image)
    assert list(found) == ["logits", "probability", "features"]
    scale = np.abs(features).max()
    # Single values of the map stray further over the 120 layers of DenseNet than their means.
    np.testing.assert_allclose(found["features"] / scale, features / scale, atol=5e-5, rtol=0)
    np.testing.assert_allclose(found["logits"], logits, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(found["probability"], 1 / (1 + np.exp(-logits)), atol=1e-5, rtol=0)
    assert features.std() > 0.01


def test_a_free_axis_takes_any_length() -> None:
    net = nn.Linear(3, 2)
    data = onnx_files.float32(net, {"x": torch.zeros(2, 3)}, ["y"], {"x": {0: "N"}, "y": {0: "N"}})
    for count in (1, 5):
        x = np.random.default_rng(count).random((count, 3), np.float32)
        with torch.no_grad():
            expected = net(torch.from_numpy(x)).numpy()
        np.testing.assert_allclose(run(data, x=x)["y"], expected, atol=1e-6)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_export_leaves_the_network_as_it_was(name: str) -> None:
    net = segmentation(name, 1, 4, 0.9).train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    onnx_files.segmentation(net, 32)
    assert net.training
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_an_untrained_file_is_of_inference_although_the_network_was_training() -> None:
    net = segmentation("unet", 1, 4, 0.5).train()
    data = onnx_files.segmentation(net, 32)
    image = np.random.default_rng(0).random((1, 1, 32, 32), np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(net.eval()(torch.from_numpy(image))).numpy()
    np.testing.assert_allclose(run(data, image=image)["probability"], expected, atol=1e-5)
