"""`cxr leakage` names every leak with its amount, ends with 9, and never calls clean what it did
not see."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from cxrkit.cli import application
from cxrkit.errors import CxrkitError, GateFailed, InputRefused
from cxrkit.phantom import guangzhou, mimic_cxr_jpg, shenzhen
from cxrkit.pipeline.build import Options, build


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("archives")
    guangzhou.write_release(root / "guangzhou", 24, 1, 64)
    mimic_cxr_jpg.write_release(root / "mimic", 14, 2, 64)
    shenzhen.write_release(root / "shenzhen", 6, 0, 128)
    return root


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(application(["leakage"]), ["leakage", *map(str, arguments)])
    if isinstance(done.exception, CxrkitError):
        assert done.exception.exit_code in (4, 9)
        raise done.exception
    assert done.exit_code == 0, done.output
    return done


def split(*arguments: object) -> None:
    done = CliRunner().invoke(application(["split"]), ["split", *map(str, arguments)])
    assert done.exit_code == 0, done.output


def test_our_split_is_clean_and_a_split_by_image_is_not(roots: Path, tmp_path: Path) -> None:
    source = f"mimic-cxr-jpg:{roots / 'mimic'}"
    split(source, tmp_path / "s.csv", "--ratios", "2:1:1")
    done = run(source, "--split", tmp_path / "s.csv", "--list", tmp_path / "l.csv")
    assert "no leak of these kinds: image, patient, study, lineage" in done.stdout
    assert "not examined, wholly or for some sets: bytes, duplicate" in done.stdout
    assert pl.read_csv(tmp_path / "l.csv").height == 0
    table = pl.read_csv(tmp_path / "s.csv", infer_schema=False)
    rows = pl.int_range(pl.len()) % 2
    by_image = table.with_columns(pl.when(rows == 0).then(pl.lit("train")).otherwise(pl.lit("test"))
                                  .alias("split"))  # fmt: skip
    by_image.write_csv(tmp_path / "i.csv")
    with pytest.raises(GateFailed, match=r"E904 leakage: train and test: .* by patient") as failure:
        run(source, "--split", tmp_path / "i.csv", "--list", tmp_path / "l.csv")
    assert failure.value.exit_code == 9
    listed = pl.read_csv(tmp_path / "l.csv", infer_schema=False)
    trained = set(by_image.filter(pl.col("split") == "train")["patient_id"])
    torn = by_image.filter((pl.col("split") == "test") & pl.col("patient_id").is_in(trained))
    found = listed.filter(pl.col("kind") == "patient")
    assert found["image_id"].to_list() == torn["image_id"].to_list() != []
    assert listed.columns == ["kind", "first", "second", "archive", "image_id", "patient_id", "key"]


def test_json_says_the_same(roots: Path) -> None:
    source = f"shenzhen:{roots / 'shenzhen'}"
    told = json.loads(run(source, f"guangzhou:{roots / 'guangzhou'}", "--json").stdout)
    assert [*told["sets"]] == [source, f"guangzhou:{roots / 'guangzhou'}"]
    assert {f["verdict"] for f in told["findings"]} == {"none", "not examined"}
    for finding in told["findings"]:
        assert (finding["verdict"] == "not examined") == bool(finding["unexamined"])


def test_a_dataset_shares_its_archives_images_and_its_own_bytes(
    roots: Path, tmp_path: Path
) -> None:
    out = tmp_path / "dataset"
    build("shenzhen", roots / "shenzhen", out, Options(engine="onnxruntime"), lambda _: None,
          lambda _: None)  # fmt: skip
    with pytest.raises(GateFailed, match=r"E904"):
        run(out, f"shenzhen:{roots / 'shenzhen'}")
    # Its own split: each patient is one image, so no study and no patient can cross.
    table = pl.read_parquet(out / "records.parquet")
    if table["split"].n_unique() > 1:
        done = run(out)
        assert "  bytes            none" in done.stdout


def test_cxlseg_is_found_in_mimic(roots: Path, tmp_path: Path) -> None:
    """A dataset built from MIMIC-CXR-JPG has the layout and the ids of CXLSeg."""
    out = tmp_path / "cxlseg"
    build("mimic-cxr-jpg", roots / "mimic", out, Options(engine="onnxruntime"), lambda _: None,
          lambda _: None)  # fmt: skip
    with pytest.raises(GateFailed, match=r"E904"):
        run(f"mimic-cxr-jpg:{roots / 'mimic'}", f"cxlseg:{out}", "--list", tmp_path / "l.csv")
    listed = pl.read_csv(tmp_path / "l.csv", infer_schema=False)
    built = pl.read_parquet(out / "records.parquet").height
    assert dict(listed.group_by("kind").len().iter_rows()) == dict.fromkeys(
        ("patient", "study", "lineage"), built
    )
    assert set(listed["archive"]) == {"cxlseg"}


def test_a_shipped_network_is_held_against_a_source(roots: Path) -> None:
    # A phantom of Shenzhen has the published names, so its images count as those of the archive.
    with pytest.raises(GateFailed, match=r"E904 leakage: model shipped and shenzhen"):
        run(f"shenzhen:{roots / 'shenzhen'}", "--model", "shipped")
    done = run(f"mimic-cxr-jpg:{roots / 'mimic'}", "--model", "small")
    assert "no leak of these kinds: trained-image, trained-patient" in done.stdout


def test_what_cannot_be_compared_is_refused(roots: Path, tmp_path: Path) -> None:
    source = f"shenzhen:{roots / 'shenzhen'}"
    with pytest.raises(InputRefused, match=r"E109 .*give --split FILE, or two sources"):
        run(source)
    with pytest.raises(InputRefused, match="E107"):
        run(source, source)
    with pytest.raises(InputRefused, match=r"E107 .*--split"):
        run(source, f"guangzhou:{roots / 'guangzhou'}", "--split", tmp_path / "s.csv")
    with pytest.raises(InputRefused, match="E102"):
        run(source, "--model", tmp_path)
    with pytest.raises(InputRefused, match=r"E107 .*only read"):
        run(source, "--model", "small", "--list", roots / "shenzhen/l.csv")
