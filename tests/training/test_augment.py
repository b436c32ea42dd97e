"""Augmented copies depend on their generator alone, and image and mask move together."""

import numpy as np

from cxrkit.training.augment import augment


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A dark lung on bright ground, with a strip to ignore."""
    lung = np.zeros((320, 320), bool)
    lung[80:240, 60:140] = True
    lung[80:240, 180:260] = True
    image = np.where(lung, 40, 200).astype(np.uint8)
    ignore = np.zeros_like(lung)
    ignore[150:160, 60:140] = True
    return image, lung, ignore


def copies(number: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    return [augment(*scene(), 224, np.random.default_rng(i)) for i in range(number)]


def test_same_generator_same_copy_other_generator_other_copy() -> None:
    first, again, other = (
        augment(*scene(), 224, np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_shapes_types_and_ranges() -> None:
    for image, lung, ignore in copies(20):
        assert image.shape == lung.shape == ignore.shape == (224, 224)
        assert image.dtype == np.uint8
        assert lung.dtype == ignore.dtype == np.float32
        assert lung.min() >= 0 and lung.max() <= 1


def test_image_and_mask_move_together() -> None:
    darker = [
        image[lung > 0.9].mean() < image[(lung < 0.1) & (image > 0)].mean()
        for image, lung, _ in copies(60)
        if (lung > 0.9).sum() > 200
    ]
    assert np.mean(darker) > 0.9


def test_an_image_torn_from_its_mask_fails_the_law_above() -> None:
    darker = [
        image[::-1, ::-1][lung > 0.9].mean() < image[::-1, ::-1][lung < 0.1].mean()
        for image, lung, _ in copies(60)
        if (lung > 0.9).sum() > 200
    ]
    assert np.mean(darker) < 0.9


def test_ignored_pixels_stay_inside_the_lung_they_lie_on() -> None:
    for _, lung, ignore in copies(20):
        assert (lung[ignore > 0.9] > 0.5).all()


def test_input_is_left_as_it_was() -> None:
    image, lung, ignore = scene()
    augment(image, lung, ignore, 224, np.random.default_rng(0))
    assert all(np.array_equal(a, b) for a, b in zip((image, lung, ignore), scene(), strict=True))
