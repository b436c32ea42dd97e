"""Names of the field: the same observation under another spelling, and no other."""

import pytest

from cxrkit import terms


@pytest.mark.parametrize(
    ("published", "observation"),
    [
        ("Effusion", "Pleural Effusion"),
        ("Pleural effusion", "Pleural Effusion"),
        ("Airspace Opacity", "Lung Opacity"),
        ("No finding", "No Finding"),
        ("Edema", "Edema"),
    ],
)
def test_a_spelling_of_an_observation_is_that_observation(published: str, observation: str) -> None:
    assert terms.observations({published: -1}) == {observation: -1}


@pytest.mark.parametrize("published", ["Infiltration", "Nodule", "Pleural_Thickening", "COVID-19"])
def test_a_wider_or_narrower_term_is_none(published: str) -> None:
    assert terms.observations({published: 1}) == {}


def test_every_observation_is_itself() -> None:
    assert terms.observations(dict.fromkeys(terms.OBSERVATIONS, 0)) == dict.fromkeys(
        terms.OBSERVATIONS, 0
    )
