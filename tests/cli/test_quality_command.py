"""`cxr quality`: what it prints and writes, and how it ends."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner, Result

from cxrkit.cli import application
from cxrkit.errors import InputRefused
from cxrkit.quality.queue import SCHEMA


def quality(*arguments: object) -> Result:
    return CliRunner().invoke(application(["quality"]), ["quality", *map(str, arguments)])


def test_every_mask_is_counted_once_and_listed(phantom_dataset: Path, tmp_path: Path) -> None:
    done = quality(phantom_dataset, "--review", 2, "--list", tmp_path / "queue.csv", "--json")
    assert done.exit_code == 0, done.output
    numbers = json.loads(done.stdout)
    assert numbers["accept"] + numbers["review"] + numbers["reject"] == numbers["masks"] == 6
    assert numbers["review"] == 2 and numbers["faults"] == 0
    table = pl.read_csv(tmp_path / "queue.csv")
    assert table.columns == list(SCHEMA) and table.height == 6
    assert table["order"].to_list()[:2] == [1, 2]
    means = pl.read_parquet(phantom_dataset / "records.parquet")["estimated_dice"].mean()
    assert numbers["estimated_dice"] == pytest.approx(means)


def test_the_text_says_what_to_expect(phantom_dataset: Path) -> None:
    done = quality(phantom_dataset)
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines[:3]] == ["accept", "review", "reject"]
    assert "estimated mean Dice" in done.stdout


def test_an_unreadable_mask_is_named_and_ends_with_3(
    phantoms: Path, phantom_dataset: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(phantom_dataset, tmp_path / "copy"))
    mask = copy / pl.read_parquet(copy / "records.parquet")["mask"][0]
    mask.write_bytes(mask.read_bytes()[:60])
    done = quality(copy, "--images", phantoms, "--workers", 1, "--engine", "onnxruntime")
    assert done.exit_code == 3
    assert "1 masks could not be looked at" in done.stderr
    assert mask.name in done.stderr and "Traceback" not in done.stderr
    assert quality(copy).exit_code == 3
    cv2.imwrite(str(mask), np.zeros((224, 224), np.uint8))
    again = quality(copy, "--images", phantoms, "--workers", 1, "--json")
    assert json.loads(again.stdout)["flags"]["empty"] == 1


def test_every_mask_is_in_the_list_or_beside_it(phantom_dataset: Path, tmp_path: Path) -> None:
    """Five are printed; all are in the CSV beside the list and in the JSON."""
    copy = Path(shutil.copytree(phantom_dataset, tmp_path / "copy"))
    table = pl.read_parquet(copy / "records.parquet")
    for mask in table["mask"]:
        (copy / mask).unlink()
    found = tmp_path / "queue.csv"
    done = quality(copy, "--list", found)
    assert done.exit_code == 3
    beside = tmp_path / "queue.quarantine.csv"
    assert done.stderr.count("E202") == 5 and "1 more than these" in done.stderr
    assert str(beside) in done.stderr
    assert pl.read_csv(found).height == 0
    named = pl.read_csv(beside, infer_schema=False)
    assert named.columns == [
        "source", "image_id", "image", "stage", "code", "message", "remedy",
    ]  # fmt: skip
    assert sorted(named["image_id"]) == sorted(table["image_id"])
    numbers = json.loads(quality(copy, "--json").stdout)
    assert numbers["faults"] == 6
    assert numbers["unread"] == named.to_dicts()
    assert quality(phantom_dataset, "--list", found).exit_code == 0
    assert not beside.exists()


def test_a_list_inside_what_is_only_read_is_refused(phantom_dataset: Path) -> None:
    done = quality(phantom_dataset, "--list", phantom_dataset / "queue.csv")
    assert isinstance(done.exception, InputRefused) and done.exception.code == "E107"
    assert not (phantom_dataset / "queue.csv").exists()
