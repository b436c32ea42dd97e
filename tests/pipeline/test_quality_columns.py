"""What a build says of its masks, and the limit that it can be given."""

import json
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from radiographs import refused, rows, run, tree

from cxrkit import segmentation
from cxrkit.errors import InputRefused
from cxrkit.phantom import folder
from cxrkit.pipeline import seal


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four phantoms, and a picture of noise that no network should trust its lungs in."""
    root = tmp_path_factory.mktemp("quality") / "in"
    folder.write_release(root, studies=4, seed=2, size=256)
    rng = np.random.default_rng(0)
    blobs = cv2.resize(rng.integers(0, 255, (9, 9)).astype(np.uint8), (256, 256))
    cv2.imwrite(str(root / "noise.png"), blobs)
    return root


@pytest.fixture(scope="module")
def built(phantoms: Path) -> Path:
    out = phantoms.with_name("out")
    run(phantoms, out, engine="onnxruntime")
    return out


def test_every_mask_has_an_estimate_flags_and_a_verdict(built: Path) -> None:
    table = pl.read_parquet(built / "records.parquet")
    assert table.height >= 5
    for row in table.iter_rows(named=True):
        assert 0 <= row["dice_low"] <= row["estimated_dice"] <= row["dice_high"] <= 1
        assert 0 <= row["dice_risk"] <= 1 and 0 <= row["dice_gain"] <= 1
        flags = json.loads(row["quality_flags"])
        doubtful = bool(flags) or row["estimated_dice"] < 0.9
        assert (row["verdict"] != "accept") == doubtful
    noise = table.filter(pl.col("image") == "noise.png").row(0, named=True)
    assert noise["verdict"] != "accept"
    assert "not_a_chest" in json.loads(noise["quality_flags"])
    others = table.filter(pl.col("image") != "noise.png")
    assert noise["estimated_dice"] < others["estimated_dice"].min()


def test_a_limit_quarantines_what_is_below_it_and_changes_nothing_else(
    phantoms: Path, built: Path, tmp_path: Path
) -> None:
    whole = pl.read_parquet(built / "records.parquet").sort("estimated_dice")
    limit = float(whole["estimated_dice"][:2].mean())
    summary = run(phantoms, tmp_path / "out", engine="onnxruntime", min_quality=limit)
    assert (summary.done, summary.quarantined) == (whole.height - 1, {"E241": 1})
    assert summary.exit_code == 3
    (bad,) = rows(tmp_path / "out", "quarantine.csv")
    assert (bad["relpath"], bad["code"], bad["stage"]) == (whole["image"][0], "E241", "quality")
    assert "--min-quality" in bad["remedy"]
    before, after = tree(built), tree(tmp_path / "out")
    same = [p for p in after if p.startswith(("files/", "masks/"))]
    assert same and all(after[p] == before[p] for p in same)
    assert seal.run_of(tmp_path / "out")["options"]["min_quality"] == limit
    # Another limit, or none, is another dataset.
    out = tmp_path / "out"
    for other in (0.1, None):
        said = refused(
            run, InputRefused, "E104", phantoms, out, engine="onnxruntime", min_quality=other
        )
        assert "--min-quality" in said


def test_another_network_has_flags_and_no_estimate(phantoms: Path, tmp_path: Path) -> None:
    small = segmentation.SHIPPED["small"]
    run(phantoms, tmp_path / "out", engine="onnxruntime", weights=small)
    table = pl.read_parquet(tmp_path / "out/records.parquet")
    assert table["estimated_dice"].null_count() == table.height
    assert set(table["verdict"]) <= {"accept", "review", "reject"}
    two = tmp_path / "two"
    said = refused(run, InputRefused, "E107", phantoms, two, weights=small, min_quality=0.7)
    assert "--min-quality" in said
    assert not two.exists()
