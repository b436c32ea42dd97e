"""Attribution: the map without torch is Grad-CAM, and shares are counted over the right images."""

import cv2
import numpy as np
import pytest
import torch

from cxrkit.classification import activation, share_inside
from cxrkit.models.classifier import classifier
from cxrkit.training import attribution
from cxrkit.training.patient_bootstrap import resample


@pytest.mark.parametrize(("name", "width"), [("small", 4), ("densenet121", 4)])
def test_the_class_activation_map_is_grad_cam(name: str, width: int) -> None:
    torch.manual_seed(0)
    net = classifier(name, 2, 3, width).eval()
    image = torch.rand(2, 96, 96)
    expected = attribution.grad_cam(net, image)
    with torch.no_grad():
        features = net.features(image[None])[0].numpy()
    found = activation(features, net.head.weight.detach().numpy())
    assert expected.max() > 0 and found.shape == (3, 224, 224)
    for ours, theirs in zip(found, expected.numpy(), strict=True):
        assert np.allclose(ours, cv2.resize(theirs, (224, 224)), atol=1e-6 + 1e-4 * theirs.max())


def test_grad_cam_by_hand() -> None:
    net = classifier("small", 1, 1, 4).eval()
    with torch.no_grad():
        net.head.weight.copy_(torch.linspace(-1, 1, net.channels)[None])
        image = torch.rand(1, 64, 64)
        features = net.features(image[None])[0]
    # d logit / d feature is the weight over the number of places, everywhere.
    weights = torch.linspace(-1, 1, net.channels) / features[0].numel()
    by_hand = torch.relu((weights[:, None, None] * features).sum(0))
    assert torch.allclose(attribution.grad_cam(net, image)[0], by_hand, atol=1e-6)


def test_the_share_inside_is_a_share_of_the_positive_attribution() -> None:
    lungs = np.zeros((4, 4), bool)
    lungs[:2] = True
    found = np.zeros((4, 4), np.float32)
    assert share_inside(found, lungs) is None
    found[0, 0], found[3, 3] = 3, 1
    assert share_inside(found, lungs) == 0.75


def test_shares_are_means_over_images_with_the_observation() -> None:
    truth = np.array([[1, 0], [1, 1], [0, np.nan], [1, 0]], float)
    inside = np.array([[0.2, 0.9], [0.6, 0.5], [0.9, 0.9], [np.nan, 0.9]])
    lungs = np.array([0.3, 0.1, 0.9, 0.9])
    drawn = resample(["a", "b", "c", "d"])
    found = attribution.shares(("A", "B"), inside, lungs, truth, drawn)
    assert found["A"]["images"] == 2 and found["B"]["images"] == 1
    assert found["A"]["inside_lungs"] == 0.4 and found["A"]["lungs_of_area"] == 0.2
    low, high = found["A"]["inside_lungs_95_interval"]
    assert (low, high) == (0.2, 0.6)
    assert found["B"]["inside_lungs"] == 0.5
    none = attribution.shares(("A",), inside[:, :1], lungs, np.zeros((4, 1)), drawn)
    assert none == {"A": {"images": 0, "inside_lungs": None, "lungs_of_area": None}}
