"""Chests that are rendered once."""

import numpy as np
import pytest
from rendered_chests import chest, stacked


@pytest.fixture(scope="session")
def chests() -> list[np.ndarray]:
    return [chest(number) for number in range(24)]


@pytest.fixture(scope="session")
def marks(chests: list[np.ndarray]) -> np.ndarray:
    return stacked(chests)
