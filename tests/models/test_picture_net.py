"""The network of the picture checks: its shapes, its size, and that all of it learns."""

import numpy as np
import torch

from cxrkit import model_folder
from cxrkit.models import onnx_files
from cxrkit.models.picture_net import OUTPUTS, SIZE, PictureNet
from cxrkit.quality import picture_kind


def test_ten_logits_of_a_picture_from_less_than_150_thousand_parameters() -> None:
    net = PictureNet().eval()
    with torch.no_grad():
        assert net(torch.randn(3, 1, SIZE, SIZE)).shape == (3, OUTPUTS)
    assert sum(p.numel() for p in net.parameters()) < 150_000


def test_every_parameter_learns() -> None:
    net = PictureNet()
    net(torch.randn(4, 1, SIZE, SIZE)).square().mean().backward()
    assert [k for k, p in net.named_parameters() if p.grad is None] == []


def test_the_size_is_that_of_the_checks_which_know_no_torch() -> None:
    assert SIZE == picture_kind.SIZE
    assert len(picture_kind.KINDS) + len(picture_kind.TURNS) + 2 == OUTPUTS


def test_the_onnx_file_gives_what_torch_gives() -> None:
    torch.manual_seed(0)
    net = PictureNet().eval()
    views = torch.randn(2, 1, SIZE, SIZE)
    data = onnx_files.float32(net, {"image": torch.zeros(2, 1, SIZE, SIZE)}, ["logits"])
    found = model_folder.session(data, ["logits"])({"image": views.numpy()})[0]
    with torch.no_grad():
        np.testing.assert_allclose(found, net(views).numpy(), atol=1e-4)
