"""The numbers of a card against counts by hand and against other programs."""

import csv
import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from made_up_cards import archive_card, facts_of, guangzhou, made, printed, table
from PIL import Image

from cxrkit import archives
from cxrkit.cards import card, extent
from cxrkit.cards.counts import Count
from cxrkit.cards.extent import Spread
from cxrkit.cards.facts import Found
from cxrkit.imaging.sizes import measure
from cxrkit.phantom import mimic_cxr_jpg
from cxrkit.records import Record


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The card of the tree of ten images."""
    root = guangzhou(tmp_path_factory.mktemp("guangzhou"))
    return (made("guangzhou", root, root.parent / "card") / "card.md").read_text(encoding="utf-8")


def test_meta_information_is_counted(page: str) -> None:
    (meta,) = table(page, "Dimensions")
    assert meta == {
        "Dimensions": "2D",
        "Modality": "X-Ray",
        "Task Type": "Classification",
        "Anatomical Structures": "Lung",
        "Anatomical Area": "Chest",
        "Number of Categories": "2",
        "Data Volume": "10",
        "File Format": "JPEG",
    }


def test_sizes_are_by_pixels_and_by_side(page: str) -> None:
    """Ordered by pixels: 1500, 2400, 2520, 4500, 4800, 4880, 4880, 4900, 9000, 9801."""
    rows = {row["Dataset Statistics"]: row for row in table(page, "Dataset Statistics")}
    assert [rows[n]["size"] for n in ("min", "median", "max")] == ["50 x 30", "60 x 80", "99 x 99"]
    assert [rows[n]["height"] for n in ("min", "median", "max")] == ["40", "60", "100"]
    assert [rows[n]["width"] for n in ("min", "median", "max")] == ["30", "80", "99"]


def test_categories_by_split_are_those_of_the_folders(page: str) -> None:
    rows = table(page, "Category")
    assert rows == [
        {"Category": "Pneumonia: present", "train": "4", "validate": "1", "test": "1",
         "total": "6"},
        {"Category": "Pneumonia: absent", "train": "3", "validate": "0", "test": "1",
         "total": "4"},
    ]  # fmt: skip


def test_four_states_count_images_and_patients(page: str) -> None:
    rows = {row["split"]: row for row in table(page, "label", "split")}
    assert rows["train"]["present"] == "4" and rows["train"]["present, patients"] == "3"
    assert rows["train"]["absent"] == "3" and rows["train"]["absent, patients"] == "2"
    assert rows["all"]["present, patients"] == "4"  # person3 is in train and in test
    assert {row["uncertain"] for row in rows.values()} == {"0"}


def test_patients_splits_and_leakage(page: str) -> None:
    assert table(page, "split", "images") == [
        {"split": "train", "images": "7", "patients": "5"},
        {"split": "validate", "images": "1", "patients": "1"},
        {"split": "test", "images": "2", "patients": "2"},
    ]
    assert "Leakage: 1 patient is in more than one split." in page
    (images,) = table(page, "", "min")
    assert (images["min"], images["median"], images["max"]) == ("1", "1", "2")
    assert table(page, "images of a patient") == [
        {"images of a patient": "1", "patients": "4"},
        {"images of a patient": "2", "patients": "3"},
    ]


def test_identical_files_are_named(page: str) -> None:
    same = "chest_xray/train/NORMAL/IM-0002-0001.jpeg = chest_xray/train/NORMAL/IM-0002-0002.jpeg"
    assert f"- {same}" in page
    assert "2 files are in 1 groups" in page and "0 of them in groups of several patients" in page


def test_claims_are_set_beside_what_is_there(page: str) -> None:
    rows = table(page, "claim")
    images = [row for row in rows if row["claim"] == "images"]
    assert {(row["published"], row["found"], row["verdict"]) for row in images} == {
        ("5,856", "10", "differs"),
        ("5,863", "10", "known error"),
    }
    assert len(rows) == len(archives.load("guangzhou").CARD.claims)


def test_a_card_of_mimic_counts_as_the_tables_do(tmp_path: Path) -> None:
    """Against the CSV files, read with the csv module alone."""
    root = tmp_path / "mimic"
    mimic_cxr_jpg.write_release(root, 12, 5, 64)
    rows = {
        name: list(csv.DictReader(_lines(root / f"mimic-cxr-2.0.0-{name}.csv.gz")))
        for name in ("metadata", "split", "chexpert")
    }
    assert card.of_archive("mimic-cxr-jpg", root, 1)[0].restricted
    # The same table as an open archive's, so that nothing is withheld.
    found = archives.table(archives.load("mimic-cxr-jpg"), root)
    read = Found(found, measure(root, found["image"].to_list()), None, [])
    shown = card.gathered("mimic-cxr-jpg", archive_card("open"), (), "", read)
    views = Counter(row["ViewPosition"] or "unknown" for row in rows["metadata"])
    assert {n: shown.count("view", n).images for n in shown.tally.names("view")} == views
    split_of = {row["dicom_id"]: row["split"] for row in rows["split"]}
    labels = {row["study_id"]: row for row in rows["chexpert"]}
    expected: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    names = {"1.0": "present", "0.0": "absent", "-1.0": "uncertain", "": "not mentioned"}
    for row in rows["metadata"]:
        for observation in shown.observations:
            state = names[labels.get(row["study_id"], {}).get(observation, "")]
            expected[observation, split_of[row["dicom_id"]]][state] += 1
    for (observation, split), states in expected.items():
        for state in names.values():
            assert shown.count("label", observation, split, state).images == states[state]


def _lines(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_sizes_agree_with_pillow(tmp_path: Path) -> None:
    root = guangzhou(tmp_path / "guangzhou")
    sizes = [Image.open(path).size for path in sorted(root.rglob("*.jpeg"))]
    by_pixels = sorted((h * w, h, w) for w, h in sizes)
    found = card.of_archive("guangzhou", root, 2)[0].sizes
    assert found.least == by_pixels[0][1:] and found.most == by_pixels[-1][1:]
    assert found.median == by_pixels[(len(sizes) - 1) // 2][1:]


def test_real_masks_are_covered_whole(real_data: Path) -> None:
    facts, _ = card.of_archive("shenzhen", real_data / "shenzhen", 2)
    masks = len(list((real_data / "shenzhen" / "masks").iterdir()))
    assert facts.count("mask", "with") == Count(masks, masks)
    text = printed(facts)
    metric = {row["Metric"]: row["Lung"] for row in table(text, "Metric")}
    assert metric == {"Case Count": str(masks), "Coverage": "100.0 %"}


def test_the_published_table_of_chestx_ray14_agrees_with_every_true_claim(real_data: Path) -> None:
    """From the tables alone: the files are taken as missing without a look at 112,120 of them."""
    archive, root = archives.load("chestx-ray14"), real_data / "chestx-ray14"
    listed = archives.table(archive, root)
    files = {"rows": pl.Int32, "columns": pl.Int32, "bits": pl.Int32, "bytes": pl.Int64}
    measured = listed.select(
        "image",
        *(pl.lit(None, kind).alias(name) for name, kind in files.items()),
        kind=pl.lit(""),
        fault=pl.lit("E202 there is no such file (expected a file)"),
    )
    found = Found(listed, measured, archives.annotations(archive, root), [])
    facts = card.gathered("chestx-ray14", archive.CARD, (), "", found)
    verdicts = Counter(claim.verdict for claim in facts.claims)
    assert set(verdicts) == {"agrees", "known error"} and verdicts["agrees"] > 30
    assert facts.count("images") == Count(112_120, 30_805)
    assert facts.count("patients", "in several splits").people == 0


def test_a_broken_archive_names_what_is_missing_and_unreadable(tmp_path: Path) -> None:
    root = guangzhou(tmp_path / "guangzhou")
    broken = "chest_xray/train/NORMAL/IM-0001-0001.jpeg"
    (root / broken).write_bytes(b"")
    cut = root / "chest_xray/test/NORMAL/IM-0003-0001.jpeg"
    cut.write_bytes(b"<!doctype html><title>Log in</title>")
    rows = table(printed(card.of_archive("guangzhou", root, 1)[0]), "what", "reason")
    assert [(r["reason"], r["number"], r["which"]) for r in rows] == [
        ("E210 empty-file", "1", broken),
        ("E219 web-page", "1", "chest_xray/test/NORMAL/IM-0003-0001.jpeg"),
    ]


def test_missing_masks_and_damaged_rows_are_faults(tmp_path: Path) -> None:
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("1", "2"):
        picture = np.arange(48, dtype=np.uint8).reshape(6, 8)
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), picture)
    (tmp_path / "pairs.csv").write_text(
        "v7_image_id,original_filename,source,patient_id,view,finding,image_license\n"
        "1,a.png,x,p1,PA,,CC0\n2,b.png,x,p2,PA,,CC0\n3,c.png,x,p3,PA,,CC0\n4,too short\n"
    )
    facts, readable = card.of_archive("v7", tmp_path, 1)
    found = {(f.code, f.what): (f.count.images, f.names) for f in facts.faults}
    assert found["E202", "image"] == (1, ("images/3.png",))
    assert found["E103", "row of a table"][0] == 1
    assert readable["image"].to_list() == ["images/1.png", "images/2.png"]


def test_a_mask_that_is_listed_and_absent_is_a_fault() -> None:
    listed = [Record("x", "1", "1.png", mask="m/1.png"), Record("x", "2", "2.png")]
    mask = {"mask_of": "lungs", "mask_convention": "excluded"}
    facts = facts_of(listed, missing_masks=("m/1.png",), **mask)
    assert facts.count("mask", "with").images == 1
    assert [(f.code, f.what, f.names) for f in facts.faults] == [("E202", "mask", ("m/1.png",))]
    assert facts_of(listed, **mask).faults == ()


def annotations(statements: list[tuple[str, str, str, float | None]]) -> pl.DataFrame:
    """Statements as (image_id, reader, observation, left edge of a box)."""
    rows = [(i, r, o, 1, x, x, x, x, None) for i, r, o, x in statements]
    return pl.DataFrame(rows, archives.ANNOTATIONS, orient="row")


def test_statements_and_regions_are_counted_by_observation() -> None:
    marked = annotations([("1", "a", "Mass", 3.0), ("1", "b", "Mass", None), ("2", "a", "Node", 1)])
    listed = [Record("x", "1", "1.png"), Record("x", "2", "2.png")]
    text = printed(facts_of(listed, annotations=marked, reader_rule="majority"))
    assert [list(row.values()) for row in table(text, "observation")] == [
        ["all", "3", "2"], ["Mass", "2", "1"], ["Node", "1", "1"],
    ]  # fmt: skip
    assert "by this rule: majority." in text


def test_regions_do_not_tell_how_few_people_have_none() -> None:
    """40 people have a statement, 37 of them a region: 40 - 37 must not be computed."""
    listed = [Record("x", f"{n}", f"{n}.png", patient_id=f"p{n}") for n in range(60)]
    marked = annotations(
        [(f"{n}", "a", "Mass", 1.0 if n < 37 else None) for n in range(40)]
        + [(f"{n}", "a", "Node", 1.0) for n in range(40, 60)]
    )
    rows = table(printed(facts_of(listed, "credentialed", annotations=marked)), "observation")
    shown = {row["observation"]: (row["statements"], row["with a region"]) for row in rows}
    assert shown["Mass"][1] == "withheld" and "37" not in str(rows)
    assert shown["all"][1] == "withheld" or shown["Node"][1] == "withheld"


def test_a_restricted_spread_is_that_of_eleven_people() -> None:
    """Of 30 people with the ages 1 to 30, the eleventh from either end; fewer than 22 show none."""
    ages = pl.DataFrame({"age": [float(n) for n in range(1, 31)], "person": list(range(30))})
    assert extent.spread(ages, "age", True) == Spread(11.0, 15.0, 20.0)
    assert extent.spread(ages, "age", False) == Spread(1.0, 15.0, 30.0)
    assert extent.spread(ages.head(21), "age", True) == Spread()
    many = ages.with_columns(pl.lit(0).alias("person"))
    assert extent.spread(many, "age", True) == Spread()


def test_restricted_bands_hold_no_one_or_eleven() -> None:
    ages = pl.DataFrame(
        {"age": [5.0] * 3 + [15.0] * 20 + [25.0] * 30 + [95.0] * 2, "person": list(range(55))}
    )
    assert extent.bands(ages, "age", (0, 10, 20, 90), True) == {"0-19": 0, "20+": 20}
    open_bands = {"0-9": 0, "10-19": 10, "20-89": 20, "90+": 90}
    assert extent.bands(ages, "age", (0, 10, 20, 90), False) == open_bands


def test_unknown_patients_are_said_and_count_as_persons() -> None:
    facts = facts_of([Record("x", str(n), f"{n}.png") for n in range(3)])
    assert facts.patients == "none" and facts.count("images") == Count(3, 3)
    text = printed(facts)
    assert "Patients are unknown" in text and "images of a patient" not in text


def test_numbers_in_json_are_those_of_the_page(tmp_path: Path) -> None:
    out = made("guangzhou", guangzhou(tmp_path / "guangzhou"), tmp_path / "card")
    numbers = json.loads((out / "card.json").read_text(encoding="utf-8"))
    counts = {tuple(c["of"]): (c["images"], c["people"]) for c in numbers["counts"]}
    assert counts["images",] == (10, 7)
    assert counts["label", "Pneumonia", "all", "present"] == (6, 4)
