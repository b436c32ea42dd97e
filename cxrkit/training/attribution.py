"""Whether a network looks at the lungs: Grad-CAM, and how much of it lies inside the lung mask.

A share alone says little: where the lungs fill 30 % of the image, a network that looks nowhere in
particular has 30 % of its attribution there. So the lungs' share of the area stands beside it. The
maps are coarse (a cell of the last feature map is 16 or 32 pixels wide), and they show what the
last layer weighs, not why.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from cxrkit.models.classifier import Classifier
from cxrkit.training.patient_bootstrap import Estimate, Resamples, estimate


def grad_cam(net: Classifier, image: Tensor) -> Tensor:
    """Grad-CAM of each observation on the last feature map, (K, h, w) float32, 0 and more.

    The mean gradient of a logit over a feature's places weighs that feature; the positive part of
    the weighted sum is the map (Selvaraju 2017, arXiv:1610.02391, equations 1 and 2).

    Args:
        net: in eval mode.
        image: (C, H, W) in 0-1.
    """
    with torch.no_grad():
        features = net.features(image[None])
    features.requires_grad_(True)
    logits = net.classify(features)[0]
    maps = []
    for logit in logits:
        (slope,) = torch.autograd.grad(logit, features, retain_graph=True)
        weights = slope.mean((2, 3), keepdim=True)
        maps.append(functional.relu((weights * features).sum(1))[0])
    return torch.stack(maps).detach()


def shares(
    names: Sequence[str], inside: np.ndarray, lungs: np.ndarray, truth: np.ndarray,
    resamples: Resamples,
) -> dict[str, dict[str, object]]:  # fmt: skip
    """For the card: over the images with each observation, the shares with 95 % intervals.

    Args:
        names: of the K observations.
        inside: (N, K), the attribution's share inside the lungs; not a number where there is none.
        lungs: (N,), the lungs' share of the image's area.
        truth: (N, K), 1, 0 or not a number.
        resamples: of the images' patients.
    """
    found = {}
    for k, name in enumerate(names):
        images = np.flatnonzero((truth[:, k] == 1) & np.isfinite(inside[:, k]))
        row: dict[str, object] = {"images": len(images)}
        for key, values in (("inside_lungs", inside[:, k]), ("lungs_of_area", lungs)):
            row |= _mean(values, images, resamples).as_dict(key)
        found[name] = row
    return found


def _mean(values: np.ndarray, images: np.ndarray, resamples: Resamples) -> Estimate:
    if not len(images):
        return estimate(float("nan"), np.zeros(0))
    columns = np.stack([values[images], np.ones(len(images))], axis=1)
    totals = resamples.totals(images, columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = totals[:, 0] / totals[:, 1]
    return estimate(float(values[images].mean()), means)
