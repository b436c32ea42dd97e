"""Copies by name: what an augmentation leaves, and what only looks like it."""

import polars as pl
import pytest

from cxrkit.quality import copies

ROBOFLOW = "lung_png.rf." + "0123456789abcdef" * 2
AUGMENTOR = "train_original_lung.jpeg_0a1b2c3d-0000-1111-2222-333344445555"


@pytest.mark.parametrize(
    "name",
    ["aug_lung", "flip_lung", "rotated_15_lung", "lung_flip", "lung-rot90", "lung_aug_3",
     "rot90_flip_lung", "lung_h_flip", "lung_copy", "lung_1", "lung (2)", "LUNG_Flip", ROBOFLOW,
     AUGMENTOR],
)  # fmt: skip
def test_a_copy_is_led_to_its_original(name: str) -> None:
    told = copies.base_of(name, {"lung"})
    assert told is not None and told[0].lower() == "lung" and told[1]


@pytest.mark.parametrize(
    "name",
    ["00000001_001", "person23_bacteria_2", "CHNCXR_0001_0", "IM-0115-0001", "CXR10_IM-0002-1001",
     "view1_frontal", "1.2.276.0.7230010.3.1.4.8323329.1000", "copyright_1", "flipper", "aug",
     "lung_1x"],
)  # fmt: skip
def test_names_of_published_archives_are_no_copies(name: str) -> None:
    assert copies.base_of(name, {"lung", name}) is None


def test_a_number_needs_the_name_without_it() -> None:
    assert copies.base_of("lung_1", {"lung"}) == ("lung", "number")
    assert copies.base_of("lung_1", {"lung_2"}) is None


def bases(*rows: tuple[str, str, str]) -> dict[int, str]:
    """The base by row of (source, image id, patient) rows of an archive."""
    table = pl.DataFrame(rows, ("source", "image_id", "patient_id"), orient="row").with_columns(
        pl.lit("made-up").alias("archive")
    )
    found = copies.bases(table.with_row_index("row"))
    return dict(found.select("row", "base").iter_rows())


def test_an_image_whose_patient_is_known_is_no_copy() -> None:
    assert bases(("a", "IM-0540-0001", "IM-0540"), ("a", "IM-0540-0001-0002", "IM-0540")) == {}
    assert bases(("a", "IM-0540-0001", ""), ("a", "IM-0540-0001-0002", "")) == {
        0: "IM-0540-0001", 1: "IM-0540-0001",
    }  # fmt: skip


def test_a_copy_of_a_known_patients_image_leads_to_it() -> None:
    rows = (("a", "person1_virus_6", "person1"), ("b", "person1_virus_6_flip", ""))
    assert bases(*rows) == {0: "person1_virus_6", 1: "person1_virus_6"}


def test_a_short_name_means_the_same_in_one_source_only() -> None:
    found = bases(("a", "7", ""), ("a", "flip_7", ""), ("b", "flip_7", ""))
    assert found[0] == found[1] != found[2]


def test_a_name_of_several_images_leads_nowhere() -> None:
    table = pl.DataFrame(
        {"row": [0, 1, 2], "source": "f", "archive": "folder", "patient_id": "",
         "image_id": ["chest-x-01234567", "chest-x-89abcdef", "flip_chest-x-00000000"]}
    )  # fmt: skip
    assert copies.bases(table).is_empty()
    assert copies.bases(table[1:])["base"].to_list() == ["chest-x", "chest-x"]
