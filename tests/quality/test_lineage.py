"""Lineage: an image is led to the archive that published it first, as far as ids reach."""

import polars as pl
import pytest

from cxrkit import archives
from cxrkit.quality import lineage

DICOM = "-".join(["0123abcd"] * 5)


def home(archive: str, image: str, patient: str = "", **extra: str) -> tuple[str, str, str]:
    row = {"archive": archive, "image_id": image, "patient_id": patient}
    table = pl.DataFrame(row | {f"extra.{name}": value for name, value in extra.items()})
    found: tuple[str, str, str] = lineage.homes(table).row(0)
    return found


@pytest.mark.parametrize("archive", ["mimic-cxr", "mimic-cxr-jpg", "cxlseg"])
def test_the_family_of_mimic_shares_its_ids(archive: str) -> None:
    assert home(archive, DICOM, "10000032") == ("mimic-cxr", DICOM, "10000032")
    assert home(archive, "odd", "7") == (archive, "odd", "7")


def test_masks_of_chexmask_go_home_to_their_source() -> None:
    assert home("chexmask", "00000001_000", "1", source="chestx-ray14") == (
        "chestx-ray14", "00000001_000", "1",
    )  # fmt: skip
    assert home("chexmask", DICOM, "10000032", source="mimic-cxr-jpg")[0] == "mimic-cxr"


def test_v7_goes_home_by_the_names_of_its_files() -> None:
    child = home("v7", "1676000", "p", original_filename="person23_bacteria_78.jpeg")
    assert child == ("guangzhou", "person23_bacteria_78", "person23")
    adult = home("v7", "1676001", "263", original_filename="0a7faa2a.jpg")
    assert adult == ("covid-chestxray-dataset", "0a7faa2a", "263")
    assert home("v7", "1676002", "263", original_filename="") == ("v7", "1676002", "263")


def test_an_id_of_guangzhou_with_its_folders_is_the_name_alone() -> None:
    found = home("guangzhou", "train-NORMAL-IM-0115-0001.jpeg", "IM-0115")
    assert found == ("guangzhou", "IM-0115-0001", "IM-0115")


def test_new_ids_cannot_be_compared_and_known_ones_can() -> None:
    pairs = lineage.unmapped_within(["siim-acr", "chestx-ray14", "rsna-pneumonia", "shenzhen"])
    assert pairs == [
        ("chestx-ray14", "rsna-pneumonia"), ("chestx-ray14", "siim-acr"),
        ("rsna-pneumonia", "siim-acr"),
    ]  # fmt: skip
    # What was led home is compared there.
    assert lineage.unmapped_within(["mimic-cxr", "guangzhou", "covid-chestxray-dataset"]) == []
    assert lineage.unmapped(["v7"], ["guangzhou"]) == [("guangzhou", "v7")]


def test_every_edge_of_a_card_is_known() -> None:
    """A second way to the same facts: the cards' own edges, walked one by one."""
    for name in archives.names():
        card = archives.load(name).CARD
        for other in (*card.contains, *card.part_of):
            assert other in lineage.origins(name)
            assert lineage.origins(other) <= lineage.origins(name)
