"""The card of a dataset: its records, what became of the others, and how it was built."""

import csv
import json
import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from made_up_cards import guangzhou, table
from typer.testing import CliRunner

from cxrkit import segmentation
from cxrkit.cards import dataset, document, figures, page
from cxrkit.cli import application
from cxrkit.errors import InputRefused, IntegrityFailure
from cxrkit.phantom import open_i
from cxrkit.pipeline import workers
from cxrkit.pipeline.build import Options, build


def ellipses(image: np.ndarray) -> np.ndarray:
    """(224, 224) float32 in 0-1: two lungs, the same for every image."""
    probability = np.zeros(image.shape, np.float32)
    for x in (70, 154):
        cv2.ellipse(probability, (x, 112), (30, 60), 0, 0, 360, 0.9, -1)
    return probability


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory):
    """A dataset of the tree of ten images, one of them cut off, by a stand-in for the network."""
    folder = tmp_path_factory.mktemp("built")
    root, out = guangzhou(folder / "guangzhou"), folder / "dataset"
    cut = root / "chest_xray/test/PNEUMONIA/person3_bacteria_6.jpeg"
    cut.write_bytes(cut.read_bytes()[:300])

    def load(convention: str, *_: object) -> segmentation.Segmenter:
        return segmentation.Segmenter(convention, "onnxruntime", "0" * 64, ellipses)

    import multiprocessing

    cv2.setNumThreads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segmentation, "load", load)
        patch.setattr(segmentation, "weights_sha256", lambda *_: "0" * 64)
        patch.setattr(workers, "START", multiprocessing.get_context("fork"))
        build("guangzhou", root, out, Options(), lambda _: None, lambda _: None)
    return out


def markdown_of(folder: Path) -> str:
    facts, how, _ = dataset.of_dataset(folder, 1)
    return document.markdown(page.of(facts, [], [dataset.section(facts, how)]))


def test_outcomes_are_those_of_the_run(built: Path) -> None:
    rows = {r["outcome"]: r["images"] for r in table(markdown_of(built), "outcome")}
    with (built / "quarantine.csv").open(newline="") as file:
        codes = Counter(row["code"] for row in csv.DictReader(file))
    (code,) = codes
    assert rows == {
        "listed in the archive": "10",
        "built": "9",
        f"quarantined: {code} truncated-image": "1",
    }


def test_images_labels_and_splits_are_those_of_the_records(built: Path) -> None:
    records = pl.read_parquet(built / "records.parquet")
    text = markdown_of(built)
    (meta,) = table(text, "Dimensions")
    assert meta["Data Volume"] == "9" and meta["Task Type"] == "Segmentation, Classification"
    splits = {r["split"]: (r["images"], r["patients"]) for r in table(text, "split", "images")}
    assert splits == {
        split: (str(images), str(people))
        for split, images, people in records.group_by("split")
        .agg(pl.len(), pl.col("patient_id").n_unique().alias("people"))
        .iter_rows()
    }
    (pneumonia,) = [r for r in table(text, "label", "split") if r["split"] == "all"]
    assert int(pneumonia["present"]) == (records["Pneumonia"] == 1).sum()
    sizes = [row["size"] for row in table(text, "Dataset Statistics")]
    assert sizes == ["224 x 224"] * 3
    source = {row["source"]: row["size"] for row in table(text, "source", "size")}
    assert source["min"] == "50 x 30" and source["max"] == "100 x 90"


def test_the_choices_that_made_it_are_said(built: Path) -> None:
    text = markdown_of(built)
    assert "Archive: guangzhou: " in text and f"weights SHA-256 {'0' * 64}" in text
    assert "Mask convention: heart excluded" in text and "Part of: guangzhou" in text
    shares = table(text, "percent")
    assert sum(int(row["images"]) for row in shares) == 9
    measured = pl.read_parquet(built / "records.parquet")["lung_share"]
    low, high = measured.min() * 100, measured.max() * 100
    assert f"least {low:.1f}" in page_captions(built) and f"most {high:.1f}" in page_captions(built)


def test_the_proof_of_the_split_is_said(built: Path) -> None:
    proof = json.loads((built / "run.json").read_text())["split_proof"]
    text = markdown_of(built)
    assert "In more than one split: patients: 0, studies: 0, equal files: 0" in text
    joined = f"{proof['joined patients']} in {proof['joined groups']} groups"
    assert f"Patients who share a file have one split: {joined}" in text
    assert f"Not examined: {proof['not examined']}" in text


def page_captions(folder: Path) -> str:
    facts, how, _ = dataset.of_dataset(folder, 1)
    return "\n".join(f.caption for f in page.of(facts, [], [dataset.section(facts, how)]).figures)


def test_pictures_show_the_product_with_its_mask(built: Path) -> None:
    facts, _, table_ = dataset.of_dataset(built, 1)
    shown = figures.pictures(table_, facts.observations, figures.of_dataset(built))
    assert len(shown) == 4 and all("mask outlined" in f.caption for f in shown)


def test_files_that_are_gone_are_named_and_said_at_the_top(built: Path, tmp_path: Path) -> None:
    """Each kind of file of an image; the card of the whole dataset says that none is missing."""
    whole = markdown_of(built)
    assert "Not every" not in whole and "No file is missing" in whole
    row = pl.read_parquet(built / "records.parquet").row(0, named=True)
    for name, what in (("segmented", "image"), ("mask_jpeg", "mask"), ("mask", "mask")):
        copy = tmp_path / name
        shutil.copytree(built, copy)
        (copy / row[name]).unlink()
        said = markdown_of(copy)
        assert f"Not every {what} that is listed can be used: see Files." in said
        assert f"| {what} | E202 missing-file | 1 | {row[name]} |" in said
        assert "No file is missing" not in said and "`SHA256SUMS.txt` of the dataset" in said


def test_a_dataset_without_its_quarantine_is_damaged(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "copy")
    (tmp_path / "copy" / "quarantine.csv").unlink()
    with pytest.raises(IntegrityFailure, match="E501"):
        dataset.of_dataset(tmp_path / "copy", 1)


def test_a_restricted_dataset_gives_away_no_small_number(built: Path, tmp_path: Path) -> None:
    """The same dataset as if it were made of a restricted archive: every count is of few people."""
    copy = tmp_path / "restricted"
    copy.mkdir()
    for name in ("records.parquet", "quarantine.csv", "SHA256SUMS.txt"):
        (copy / name).write_bytes((built / name).read_bytes())
    run = json.loads((built / "run.json").read_text())
    run["archive"]["name"] = "mimic-cxr-jpg"
    (copy / "run.json").write_text(json.dumps(run))
    facts, how, _ = dataset.of_dataset(copy, 1)
    assert facts.restricted
    text = document.markdown(page.of(facts, [], [dataset.section(facts, how)]))
    assert {r["images"] for r in table(text, "outcome")} <= {"<11", "withheld"}
    assert "Patients who share a file have one split\n" in text
    numbers = json.loads(page.as_json(facts))
    assert "split_proof" not in numbers["built"]
    assert "counts" not in numbers["built"] and "splits" not in numbers["built"]
    assert {c["images"] for c in numbers["counts"]} <= {None, 0}
    assert {c["people"] for c in numbers["counts"]} <= {None, 0}


@pytest.mark.parametrize("gone", ["run.json", "records.parquet", "SHA256SUMS.txt"])
def test_a_folder_that_is_no_whole_dataset_is_refused(
    built: Path, tmp_path: Path, gone: str
) -> None:
    for name in ("records.parquet", "quarantine.csv", "SHA256SUMS.txt", "run.json"):
        if name != gone:
            (tmp_path / name).write_bytes((built / name).read_bytes())
    with pytest.raises(InputRefused, match="E101"):
        dataset.of_dataset(tmp_path, 1)


def test_the_page_names_where_the_labels_come_from(tmp_path: Path) -> None:
    """An archive with reports alone is labelled from them, and the page says so."""
    open_i.write_release(tmp_path / "open-i", studies=4, seed=0, size=96)
    run = CliRunner().invoke
    out = str(tmp_path / "out")
    words = ["build", "open-i", str(tmp_path / "open-i"), out, "--workers", "1"]
    assert run(application(["build"]), words).exit_code in (0, 3)
    page = run(application(["card"]), ["card", out, "--workers", "1"]).stdout
    assert "read from its reports by cxrkit's labeler" in page
    assert "CXLSeg-negbio.csv" in page
