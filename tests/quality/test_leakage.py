"""Leaks are found, counted on the tested side, and never denied where none could be seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_up_images import archive_of_patients, dataset, record, source

from cxrkit import sources
from cxrkit.errors import InputRefused
from cxrkit.quality import groups, leakage, sets, splits
from cxrkit.quality.leakage import Finding
from cxrkit.quality.sets import Sets
from cxrkit.sources import Source

DICOM = "-".join(["0123abcd"] * 5)


def between(*made: Source, duplicates: Sequence[tuple[str, str]] = ()) -> dict[str, Finding]:
    """The findings between two sources by kind; duplicates are (group, image id) pairs."""
    found = groups.images(made)
    listed = found.join(
        pl.DataFrame([*duplicates], {"key": pl.String, "image_id": pl.String}, orient="row"),
        on="image_id",
    ).select(pl.col("row").cast(pl.UInt32), pl.lit("duplicate").alias("kind"), "key")
    links = groups.links(found, listed if duplicates else None)
    named = sets.of_sources(found, [m.name for m in made])
    findings, shared = leakage.between(found, links, named, bool(duplicates))
    assert shared.schema == pl.Schema(leakage.SHARED)
    assert shared.height == sum(f.images for f in findings)
    return {f.kind: f for f in findings}


def verdicts(found: dict[str, Finding]) -> dict[str, str]:
    return {kind: f.verdict for kind, f in found.items() if f.verdict != "not examined"}


def test_a_shared_patient_and_study_are_counted_on_the_tested_side() -> None:
    one = source(*(record("x", f"a{n}", f"p{n}", study_id=f"s{n}") for n in range(4)), name="a")
    two = source(
        record("x", "b0", "p0", study_id="s0"), record("x", "b1", "p0", study_id="s9"),
        record("x", "b2", "p1", study_id="s8"), record("x", "b3", "p9", study_id="s7"), name="b",
    )  # fmt: skip
    found = between(one, two)
    assert (found["patient"].keys, found["patient"].images, found["patient"].of) == (2, 3, 4)
    assert (found["study"].keys, found["study"].images, found["study"].share) == (1, 1, 0.25)
    assert verdicts(found) == {"image": "none", "patient": "LEAK", "study": "LEAK",
                               "lineage": "none"}  # fmt: skip


def test_clean_sets_are_clean_as_far_as_was_looked() -> None:
    found = between(
        source(record("x", "a", "p"), name="a"), source(record("x", "b", "q"), name="b")
    )
    assert {f.images for f in found.values()} == {0}
    assert {k for k, f in found.items() if f.unexamined} == {
        "study", "bytes", "duplicate", "augmented",
    }  # fmt: skip


def test_one_planted_patient_in_ten_thousand_is_found() -> None:
    made = archive_of_patients(10_000, 3)
    found = groups.images([made])
    split = splits.by_shares(found, groups.of(found, groups.links(found)), splits.folds(2), 0)
    marked = found.with_columns(split)
    assert len(_leaks(marked)) == 0
    several = marked.filter(pl.len().over("patient_id") > 1)["row"][0]
    torn = marked.with_columns(
        pl.when(pl.col("row") == several).then(1 - pl.col("split").cast(pl.Int8))
        .otherwise(pl.col("split").cast(pl.Int8)).cast(pl.String).alias("split")
    )  # fmt: skip
    (leak,) = _leaks(torn)
    assert (leak.kind, leak.keys) == ("patient", 1)


def _leaks(marked: pl.DataFrame) -> list[Finding]:
    parts = sets.of_column(marked, "split")
    return [f for f in leakage.between(marked, groups.links(marked), parts, False)[0] if f.images]


def test_the_same_image_is_said_once_and_not_as_its_own_copy() -> None:
    one, two = (dataset(record("x", "a", "p"), sums={"a": "1"}, name=n) for n in "ab")
    assert verdicts(between(one, two)) == {
        "image": "LEAK", "patient": "LEAK", "lineage": "none", "bytes": "none",
    }  # fmt: skip
    other = dataset(record("x", "b", "q"), record("x", "c", "r"), sums={"b": "1", "c": "2"})
    assert verdicts(between(one, other))["bytes"] == "LEAK"


def test_listed_duplicates_leak_and_an_absent_list_is_said() -> None:
    one, two = source(record("x", "a", "p"), name="a"), source(record("x", "b", "q"), name="b")
    assert between(one, two, duplicates=(("1", "a"), ("1", "b")))["duplicate"].images == 1
    clean = between(one, two, duplicates=(("1", "a"),))["duplicate"]
    assert (clean.verdict, clean.note) == ("none", "the list names 1 images of a and 0 of b")
    assert "--duplicates" in between(one, two)["duplicate"].unexamined


def test_the_test_images_of_cxlseg_are_those_of_mimic() -> None:
    one = source(record("mimic-cxr-jpg", DICOM, "10000032", study_id="50000001"), name="jpg")
    two = source(record("cxlseg", DICOM, "10000032", study_id="50000001"), name="seg")
    found = between(one, two)
    assert {k for k, f in found.items() if f.images} == {"patient", "study", "lineage"}
    assert {found[k].keys for k in ("patient", "study", "lineage")} == {1}


def test_images_of_chestx_ray14_under_new_ids_are_not_called_clean() -> None:
    nih = source(record("chestx-ray14", "00000001_000", "1"), name="n")
    siim = source(record("siim-acr", "1.2.3"), name="s")
    found = between(nih, siim)
    assert "chestx-ray14 and siim-acr share images" in found["lineage"].unexamined
    assert "s names its patient" in found["patient"].unexamined
    listed = between(nih, siim, duplicates=(("1", "00000001_000"), ("1", "1.2.3")))
    assert listed["duplicate"].verdict == "LEAK" and listed["lineage"].verdict == "not examined"


def test_augmented_copies_leak_by_name_and_siblings_do_not() -> None:
    one = source(record("folder", "chest77-01234567"), name="a")
    two = source(
        record("folder", "flip_chest77-89abcdef"), record("folder", "z-00000000"), name="b"
    )
    found = between(one, two)
    assert (found["augmented"].images, found["augmented"].share) == (1, 0.5)
    assert {found[k].verdict for k in ("image", "lineage")} == {"not examined"}
    assert "is a folder" in found["image"].unexamined
    person = [record("guangzhou", f"person23_bacteria_{n}", "person23") for n in (1, 2)]
    siblings = between(source(person[0], name="a"), source(person[1], name="b"))
    assert siblings["augmented"].verdict == "not examined"
    assert siblings["patient"].verdict == "LEAK"


def test_an_unknown_patient_is_said_beside_a_clean_answer() -> None:
    one = source(record("x", "a", "p"), record("x", "b"), name="a")
    found = between(one, source(record("x", "c", "q"), name="b"))["patient"]
    assert (found.verdict, found.note) == ("none", "without a known patient: 1 of 2 images of a")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def names(made: Sets, found: pl.DataFrame) -> dict[str, list[str]]:
    return {n: found[rows]["image_id"].to_list() for n, rows in made.rows.items()}


def test_sets_are_read_from_tables_and_lists(tmp_path: Path) -> None:
    found = groups.images([source(*(record("x", i, split="train") for i in "abcd"))])
    table = "image_id,fold\na.png,10\nb,2\nx/c.PNG,2\nnowhere,2\n"
    made = sets.of_files(found, [written(tmp_path, "s.csv", table.replace("PNG", "png"))])
    assert names(made, found) == {"2": ["b", "c"], "10": ["a"]}
    assert made.notes == (
        "1 of 4 images are in no set", "1 of 4 rows of the split name none of the images",
    )  # fmt: skip
    lists = [written(tmp_path, f"{n}_list.txt", t) for n, t in
             (("test", "c.png\nd.png\n"), ("train_val", "a.png\nb.png\nc.png\n"))]  # fmt: skip
    assert names(sets.of_files(found, lists), found) == {
        "train": ["a", "b", "c"], "test": ["c", "d"],
    }  # fmt: skip
    alone = sets.of_files(found, lists[:1])
    assert names(alone, found) == {sets.REST: ["a", "b"], "test": ["c", "d"]}
    mimic = written(
        tmp_path, "m.csv", "dicom_id,study_id,subject_id,split\na,1,2,validate\nb,1,2,test\n"
    )
    assert [*sets.of_files(found, [mimic]).rows] == ["validate", "test"]


def test_an_image_in_two_lists_leaks(tmp_path: Path) -> None:
    found = groups.images([source(*(record("x", i, i) for i in "abc"))])
    lists = [written(tmp_path, f"{n}.txt", t) for n, t in (("train", "a\nb\n"), ("test", "b\nc\n"))]
    findings, _ = leakage.between(found, groups.links(found), sets.of_files(found, lists), False)
    assert [(f.kind, f.images) for f in findings if f.images] == [("image", 1), ("patient", 1)]


def test_what_is_no_split_is_refused(tmp_path: Path) -> None:
    found = groups.images([source(record("x", "a", split="train"), record("x", "b"))])
    with pytest.raises(InputRefused, match=r"E109 .*the sets train \("):
        sets.of_column(found, "split")
    for text, code in (("image_id,part\na,train\n", "E103"), ("image_id,split\nz,train\n", "E109"),
                       ("image_id,split\na,train\nb,train\n", "E109")):  # fmt: skip
        with pytest.raises(InputRefused, match=code):
            sets.of_files(found, [written(tmp_path, "s.csv", text)])
    twins = groups.images([source(record("x", "u", split="t"), record("y", "u"))])
    with pytest.raises(InputRefused, match=r"E109 .*images for one name"):
        sets.of_files(twins, [written(tmp_path, "s.csv", "image_id,split\nu,train\n")])


@pytest.mark.parametrize(("shares", "expected"), [((0.7, 0.1, 0.2), 81.5), ((0.8, 0, 0.2), 82.9)])
def test_a_split_of_chestx_ray14_by_image_leaks_and_ours_does_not(
    real_data: Path, shares: tuple[float, float, float], expected: float
) -> None:
    """Published: in a random 70:10:20 split 81.5 % of test images have their patient in train."""
    found = groups.images([sources.read(f"chestx-ray14:{real_data / 'chestx-ray14'}")])
    links = groups.links(found)
    order = np.random.default_rng(20261129).permutation(found.height)
    ends = (np.cumsum(shares) * found.height).round().astype(int)
    by_image = Sets({"train": order[: ends[0]], "test": order[ends[1] :]})
    leaks = [f for f in leakage.between(found, links, by_image, False)[0] if f.images]
    assert [f.kind for f in leaks] == ["patient"]
    assert 100 * leaks[0].share == pytest.approx(expected, abs=0.6)
    # A second way to the same number.
    patients = found["patient_id"].to_numpy()
    trained = set(patients[by_image.rows["train"]])
    assert leaks[0].images == sum(p in trained for p in patients[by_image.rows["test"]])
    split = splits.by_shares(found, groups.of(found, links), splits.ratios("70:10:20"), 0)
    ours = sets.of_column(found.with_columns(split), "split")
    assert not any(f.images for f in leakage.between(found, links, ours, False)[0])
    official = sets.of_column(found, "split")
    assert not any(f.images for f in leakage.between(found, links, official, False)[0])
