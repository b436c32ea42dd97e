import cv2
import numpy as np

from cxrkit.imaging import contrast


def test_clahe_is_the_published_setting_and_spreads_contrast(picture: np.ndarray):
    equalised = contrast.clahe(picture)
    assert equalised.shape == picture.shape and equalised.dtype == np.uint8
    lab = cv2.cvtColor(np.dstack([picture] * 3), cv2.COLOR_BGR2LAB)
    published = cv2.createCLAHE(2.0, (8, 8)).apply(lab[..., 0])
    # the published code works on L of LAB, whose levels for gray are close to the picture's
    assert np.abs(equalised.astype(int) - published).mean() < 8
    assert np.ptp(equalised) > np.ptp(picture) and equalised.std() > picture.std()


def test_clahe_leaves_its_input_alone(picture: np.ndarray):
    before = picture.copy()
    contrast.clahe(picture)
    assert np.array_equal(picture, before)
