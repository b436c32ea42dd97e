"""The decoder: one step after another is the whole, and its ONNX file says the same."""

import numpy as np
import onnxruntime
import pytest
import torch

from cxrkit.models.report_decoder import LAYERS, ReportDecoder, onnx_file

WORDS, CHANNELS, PLACES, WIDTH = 31, 12, 9, 16


@pytest.fixture(scope="module")
def net() -> ReportDecoder:
    torch.manual_seed(5)
    return ReportDecoder(WORDS, CHANNELS, PLACES, WIDTH).eval()


@pytest.fixture(scope="module")
def session(net: ReportDecoder) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(onnx_file(net), providers=["CPUExecutionProvider"])


def drawn(count: int, length: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(6)
    return torch.randint(1, WORDS, (count, length)), torch.randn(1, PLACES, CHANNELS)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_onnx_file_step_by_step_equals_torch_at_once(
    net: ReportDecoder, session: onnxruntime.InferenceSession, count: int
) -> None:
    words, features = drawn(count, 8)
    with torch.no_grad():
        whole = net(words, features.expand(count, -1, -1)).numpy()
    state = np.zeros((LAYERS, count, WIDTH), np.float32)
    for place in range(8):
        given = {"word": words[:, place].numpy(), "state": state, "features": features.numpy()}
        logits, state = session.run(["logits", "next_state"], given)
        assert logits.shape == (count, WORDS)
        np.testing.assert_allclose(logits, whole[:, place], atol=2e-5)


def test_a_word_depends_on_no_later_word(net: ReportDecoder) -> None:
    words, features = drawn(1, 8)
    other = words.clone()
    other[0, 5] = other[0, 5] % (WORDS - 1) + 1
    with torch.no_grad():
        first, second = net(words, features), net(other, features)
    assert torch.equal(first[:, :5], second[:, :5])
    assert not torch.allclose(first[:, 5:], second[:, 5:])


def test_a_word_depends_on_where_something_is_seen(net: ReportDecoder) -> None:
    words, features = drawn(1, 4)
    net.place.data.normal_(generator=torch.manual_seed(7))
    with torch.no_grad():
        assert not torch.allclose(net(words, features), net(words, features.flip(1)))
        net.place.data.zero_()
        # Without the places, the same features in another order are the same image.
        torch.testing.assert_close(net(words, features), net(words, features.flip(1)))


def test_export_leaves_the_network_as_it_is(net: ReportDecoder) -> None:
    before = {name: value.clone() for name, value in net.state_dict().items()}
    net.train()
    onnx_file(net)
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    net.eval()
