"""A fingerprint stays what it is where the picture does, and can be told from another's."""

import numpy as np
import pytest
from radiograph_changes import bent, re_encoded, shifted

from cxrkit.errors import InputRefused
from cxrkit.quality import alignment, fingerprint, spectrum
from cxrkit.quality.fingerprint import BYTES, SIDE


def agreement(a: bytes, b: bytes) -> float:
    """The correlation of the values of two fingerprints."""
    both = fingerprint.pictures(np.frombuffer(a + b, np.uint8).reshape(2, -1))
    return float(np.corrcoef(both.reshape(2, -1))[0, 1])


def test_it_has_a_fixed_length_and_depends_on_the_pixels_alone(chests: list[np.ndarray]) -> None:
    marks = {fingerprint.of(pixels) for pixels in chests}
    assert len(marks) == len(chests)
    assert {len(mark) for mark in marks} == {BYTES} == {1152}
    assert fingerprint.of(chests[0].copy()) == fingerprint.of(chests[0])


def test_windows_and_encodings_hardly_change_it_and_another_chest_does(
    chests: list[np.ndarray],
) -> None:
    mark = fingerprint.of(chests[0])
    for pixels in (bent(chests[0], 2), shifted(chests[0], 0.6, 30), re_encoded(chests[0], 60)):
        assert agreement(mark, fingerprint.of(pixels)) > 0.95
    assert agreement(mark, fingerprint.of(255 - chests[0])) < -0.95
    assert max(agreement(mark, fingerprint.of(other)) for other in chests[1:]) < 0.9


def test_a_blank_picture_has_no_detail_and_is_no_error() -> None:
    mark = np.frombuffer(fingerprint.of(np.full((300, 200), 7, np.uint8)), np.uint8)
    assert not fingerprint.pictures(mark[None]).any()
    assert np.isfinite(spectrum.vectors(mark[None])[0]).all()


def test_the_text_gives_back_the_bytes(chests: list[np.ndarray]) -> None:
    marks = [fingerprint.of(pixels) for pixels in chests[:3]]
    texts = [fingerprint.as_text(mark) for mark in marks]
    assert fingerprint.from_texts(texts, "records.parquet").tobytes() == b"".join(marks)


@pytest.mark.parametrize("text", ["", "AAAA", "no base64!", "A" * 1537])
def test_a_text_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match=r"E103 .*records.parquet: row 1 "):
        fingerprint.from_texts([text], "records.parquet")


def test_a_mirror_image_has_the_same_vector_but_for_the_sign_of_its_second_part(
    marks: np.ndarray,
) -> None:
    pictures = fingerprint.pictures(marks)
    assert pictures.shape == (len(marks), SIDE, SIDE)
    sums, differences = spectrum.waves(pictures)
    for changed, sign in ((pictures[:, :, ::-1], -1), (-pictures, 1)):
        turned = spectrum.waves(changed)
        assert np.allclose(turned[0], sums, atol=1e-4)
        assert np.allclose(turned[1], sign * differences, atol=1e-4)
    kept, other = spectrum.vectors(marks)
    assert np.allclose((kept**2).sum(1) + (other**2).sum(1), 1, atol=1e-4)


def test_a_fit_finds_where_a_crop_was_taken(marks: np.ndarray) -> None:
    whole = fingerprint.pictures(marks)
    place = np.tile(np.array([[-0.06, 0.03, -0.04, -0.02]], np.float32), (len(whole), 1))
    crops = alignment.view(whole, place)
    # The crop's u lies at 0.94 u + 0.03 of the whole.
    start = np.zeros_like(place)
    found, value = alignment.fit(crops, whole, start, 12)
    assert np.abs(found - place).max() < 0.01
    assert value.min() > 0.98
    assert np.abs(alignment.fit(-crops, whole, start, 12)[1] + value).max() < 1e-3
