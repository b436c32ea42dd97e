"""Groups: everything that belongs together is together, by any chain, and nothing else."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_up_images import archive_of_patients, dataset, joined, record, source

from cxrkit import sources
from cxrkit.errors import InputRefused
from cxrkit.quality import groups

DICOM = "-".join(["0123abcd"] * 5)


def listed(folder: Path, *rows: tuple[str, str, str]) -> Path:
    """A list of duplicates with (group, archive, image_id) rows."""
    table = pl.DataFrame(rows, ("group", "archive", "image_id"), orient="row").with_columns(
        pl.lit(c).alias(c) for c in ("kind", "patient_id", "source", "image", "transform")
    )
    table.write_csv(folder / "duplicates.csv")
    return folder / "duplicates.csv"


def test_patients_studies_and_chains_of_both_are_together() -> None:
    rows = (
        record("x", "a", "1"), record("x", "b", "1", study_id="s"),
        record("x", "c", "2", study_id="s"), record("x", "d", "2"),
        record("x", "e"), record("x", "f"), record("y", "g", "1", study_id="s"),
    )  # fmt: skip
    assert joined(source(*rows)) == [{"a", "b", "c", "d"}, {"e"}, {"f"}, {"g"}]


def test_equal_bytes_and_listed_duplicates_are_together(tmp_path: Path) -> None:
    rows = [record("x", i, i) for i in "abcd"]
    built = dataset(*rows, sums={"a": "1", "b": "2", "c": "2", "d": "4"})
    assert joined(built) == [{"a"}, {"b", "c"}, {"d"}]
    found = groups.images([built])
    path = listed(tmp_path, ("7", "x", "a"), ("7", "x", "c"), ("8", "x", "nowhere"))
    links, strange = groups.read_duplicates(path, found)
    assert strange == 1
    assert joined(built, duplicates=links) == [{"a", "b", "c"}, {"d"}]


def test_one_image_in_three_archives_is_one_group() -> None:
    listed = [
        source(record(a, DICOM, "10000032"), name=a)
        for a in ("mimic-cxr", "mimic-cxr-jpg", "cxlseg")
    ]
    masked = source(record("chexmask", DICOM, extra={"source": "mimic-cxr-jpg"}), name="m")
    child = source(record("guangzhou", "person1_virus_6", "person1"), name="g")
    other = source(
        record("v7", "77", "x", extra={"original_filename": "person1_virus_9.jpeg"}),
        record("v7", "78", "x", extra={"original_filename": "abc.jpeg"}), name="v",
    )  # fmt: skip
    # The same image under two archives, then one person, by his file name alone.
    assert len(joined(*listed, masked)) == 1
    assert joined(child, other) == [{"77", "78", "person1_virus_6"}]


def test_copies_by_name_are_together() -> None:
    rows = (record("x", "chest7"), record("x", "aug_chest7"), record("x", "chest8"))
    assert joined(source(*rows)) == [{"aug_chest7", "chest7"}, {"chest8"}]


def test_two_folders_share_nothing_by_their_file_names() -> None:
    one, two = (source(record("folder", "a-01234567"), name=n) for n in ("one", "two"))
    found = groups.images([one, two])
    assert np.unique(groups.of(found, groups.links(found))).size == 2
    with pytest.raises(InputRefused, match=r"E107 .*give the folder above them"):
        groups.require_once(found)


def test_an_image_given_twice_is_refused() -> None:
    one, two = (source(record("x", "a"), name=n) for n in ("one", "two"))
    other = source(record("x", "b"), name="one")
    with pytest.raises(InputRefused, match=r"E107 .*: 1 images .*name no archive twice"):
        groups.require_once(groups.images([one, two, other]))


def test_corrupt_rows_are_left_out_and_none_left_is_refused() -> None:
    bad = record("x", "b", fault="row 2: odd")
    assert joined(source(record("x", "a"), bad)) == [{"a"}]
    with pytest.raises(InputRefused, match="E101"):
        groups.images([source(bad)])


def test_images_under_new_ids_need_a_list_of_duplicates(tmp_path: Path) -> None:
    nih = source(record("chestx-ray14", "00000001_000", "1"), name="n")
    siim = source(record("siim-acr", "1.2.3"), name="s")
    found = groups.images([nih, siim])
    with pytest.raises(InputRefused, match=r"E109 .*chestx-ray14 and siim-acr.*--duplicates"):
        groups.unjoined(found, None)
    path = listed(tmp_path, ("1", "siim-acr", "1.2.3"))
    assert groups.unjoined(found, groups.read_duplicates(path, found)[0]) == [
        ("chestx-ray14", "siim-acr")
    ]
    path = listed(tmp_path, ("1", "siim-acr", "1.2.3"), ("1", "chestx-ray14", "00000001_000"))
    links = groups.read_duplicates(path, found)[0]
    assert groups.unjoined(found, links) == []
    assert joined(nih, siim, duplicates=links) == [{"00000001_000", "1.2.3"}]
    assert groups.unjoined(groups.images([nih]), None) == []


@pytest.mark.parametrize("seed", range(20))
def test_components_are_those_of_a_walk(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, edges = 40, rng.integers(0, 40, (2, int(rng.integers(0, 50))))
    neighbours: dict[int, set[int]] = {n: {n} for n in range(count)}
    for a, b in edges.T.tolist():
        neighbours[a].add(b)
        neighbours[b].add(a)
    expected = []
    for node in range(count):
        reached, waiting = {node}, [node]
        while waiting:
            for other in neighbours[waiting.pop()] - reached:
                reached.add(other)
                waiting.append(other)
        expected.append(min(reached))
    assert groups.components(edges[0], edges[1], count).tolist() == expected


def test_a_long_chain_is_one_component() -> None:
    order = np.random.default_rng(0).permutation(20_000)
    assert not groups.components(order[:-1], order[1:], 20_000).any()


def test_groups_of_patients_are_the_patients() -> None:
    made = archive_of_patients(200, 1)
    found = groups.images([made])
    group = groups.of(found, groups.links(found))
    pairs = found.select("patient_id").with_columns(pl.Series("group", group)).unique()
    assert pairs.height == pairs["patient_id"].n_unique() == pairs["group"].n_unique()


def test_every_patient_of_chestx_ray14_is_a_group(real_data: Path) -> None:
    found = groups.images([sources.read(f"chestx-ray14:{real_data / 'chestx-ray14'}")])
    group = groups.of(found, groups.links(found))
    assert (found.height, np.unique(group).size) == (112120, 30805)
