"""A drawn archive: ellipses for lungs, in the Shenzhen layout."""

from pathlib import Path

import cv2
import numpy as np
import pytest


@pytest.fixture(scope="session")
def drawn_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images of 160 x 144 with their masks."""
    root = tmp_path_factory.mktemp("drawn")
    (root / "images").mkdir()
    (root / "masks").mkdir()
    rng = np.random.default_rng(5)
    for number in range(1, 13):
        mask = np.zeros((160, 144), np.uint8)
        for x in (45, 99):
            centre = (x + int(rng.integers(-4, 5)), 80 + int(rng.integers(-5, 6)))
            cv2.ellipse(mask, centre, (18, 45), 0, 0, 360, 255, -1)
        image = np.where(mask > 0, 60, 170) + rng.normal(0, 6, mask.shape)
        stem = f"CHNCXR_{number:04}_{number % 2}"
        cv2.imwrite(str(root / "images" / f"{stem}.png"), np.clip(image, 0, 255).astype(np.uint8))
        cv2.imwrite(str(root / "masks" / f"{stem}_mask.png"), mask)
    return root
