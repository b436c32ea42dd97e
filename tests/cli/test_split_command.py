"""`cxr split` writes one table, whatever the order of its sources, and names what is imperfect."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from cxrkit.cli import application
from cxrkit.errors import CxrkitError, InputRefused
from cxrkit.phantom import chestx_ray14, guangzhou, mimic_cxr_jpg, siim_acr


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives of several patients, and a list of copies that joins two of them."""
    root = tmp_path_factory.mktemp("archives")
    guangzhou.write_release(root / "guangzhou", 24, 1, 64)
    mimic_cxr_jpg.write_release(root / "mimic", 14, 2, 64)
    return root


def run(*arguments: object) -> Any:
    done = CliRunner().invoke(application(["split"]), ["split", *map(str, arguments)])
    if isinstance(done.exception, CxrkitError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    return done


def test_no_patient_is_in_two_splits_and_the_bytes_are_the_same(
    roots: Path, tmp_path: Path
) -> None:
    both = (f"guangzhou:{roots / 'guangzhou'}", f"mimic-cxr-jpg:{roots / 'mimic'}")
    done = run(*both, tmp_path / "a.csv", "--ratios", "2:1:1")
    assert done.exit_code == 0 and "no patient and no group is in two splits" in done.stdout
    run(*both[::-1], tmp_path / "b.csv", "--ratios", "2:1:1")
    assert (tmp_path / "a.csv").read_bytes() == (tmp_path / "b.csv").read_bytes()
    run(*both, tmp_path / "b.csv", "--ratios", "2:1:1", "--seed", "1")
    assert (tmp_path / "a.csv").read_bytes() != (tmp_path / "b.csv").read_bytes()
    table = pl.read_csv(tmp_path / "a.csv", infer_schema=False)
    assert table.columns == ["archive", "image_id", "patient_id", "group", "split"]
    assert table.equals(table.sort("archive", "image_id"))
    for key in ("group", "patient_id"):
        per = (
            table.filter(pl.col(key) != "").group_by("archive", key).agg(pl.col("split").n_unique())
        )
        assert per["split"].max() == 1
    assert set(table["split"]) == {"train", "validate", "test"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.csv", "b.csv"]


def test_folds_are_numbered_and_told_as_json(roots: Path, tmp_path: Path) -> None:
    done = run(f"mimic-cxr-jpg:{roots / 'mimic'}", tmp_path / "f.csv", "--folds", 3, "--json")
    told = json.loads(done.stdout)
    table = pl.read_csv(tmp_path / "f.csv", infer_schema=False)
    assert table.columns[-1] == "fold" and set(table["fold"]) == {"0", "1", "2"}
    assert told["images"] == dict(table.group_by("fold").len().sort("fold").iter_rows())
    assert told["absolute"] >= 0 and told["out"] == str(tmp_path / "f.csv")
    assert sum(told["groups"].values()) == table["group"].n_unique()


def test_the_official_split_is_taken_over(tmp_path: Path) -> None:
    chestx_ray14.write_release(tmp_path / "nih", 40, 3, 64)
    root = f"chestx-ray14:{tmp_path / 'nih'}"
    run(root, tmp_path / "o.csv", "--official")
    table = pl.read_csv(tmp_path / "o.csv", infer_schema=False)
    lines = (tmp_path / "nih/test_list.txt").read_text().split()
    tested = table.filter(pl.col("split") == "test")["image_id"].to_list()
    assert sorted(tested) == sorted(line.removesuffix(".png") for line in lines)
    assert set(table["split"]) == {"train", "validate", "test"}


def test_images_under_new_ids_are_refused_without_a_list_of_duplicates(tmp_path: Path) -> None:
    chestx_ray14.write_release(tmp_path / "nih", 12, 3, 64)
    siim_acr.write_png_release(tmp_path / "siim", 12, 4, 64)
    both = (f"chestx-ray14:{tmp_path / 'nih'}", f"siim-acr:{tmp_path / 'siim'}")
    with pytest.raises(InputRefused, match=r"E109 .*chestx-ray14 and siim-acr.*--duplicates"):
        run(*both, tmp_path / "s.csv")
    assert not (tmp_path / "s.csv").exists()
    columns = "group,kind,archive,image_id,patient_id,source,image,similarity,transform\n"
    (tmp_path / "d.csv").write_text(columns)
    done = run(*both, tmp_path / "s.csv", "--duplicates", tmp_path / "d.csv")
    assert "warning: lineage: chestx-ray14 and siim-acr" in done.stderr
    nih, siim = (
        pl.read_csv(tmp_path / "s.csv", infer_schema=False).filter(pl.col("archive") == a)[
            "image_id"
        ][0]
        for a in ("chestx-ray14", "siim-acr")
    )
    (tmp_path / "d.csv").write_text(
        f"{columns}1,near,chestx-ray14,{nih},,,,,\n1,near,siim-acr,{siim},,,,,\n9,near,x,y,,,,,\n"
    )
    done = run(*both, tmp_path / "s.csv", "--duplicates", tmp_path / "d.csv")
    assert "lineage" not in done.stderr and "patients-unknown" in done.stderr
    assert "warning: duplicates: 1 rows of the list name none of the images" in done.stderr
    table = pl.read_csv(tmp_path / "s.csv", infer_schema=False)
    groups = table.filter(pl.col("image_id").is_in([nih, siim]))["group"]
    assert groups.n_unique() == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [(("--ratios", "half"), "E107"), (("--folds", "1"), "E107"), (("--folds", "999"), "E109"),
     (("--folds", "2", "--ratios", "1:1"), "E107"), (("--folds", "2", "--official"), "E107"),
     (("--duplicates", "nowhere.csv"), "E102")],
)  # fmt: skip
def test_bad_options_are_refused_and_write_nothing(
    roots: Path, tmp_path: Path, options: tuple[str, ...], code: str
) -> None:
    with pytest.raises(InputRefused, match=code):
        run(f"guangzhou:{roots / 'guangzhou'}", tmp_path / "a.csv", *options)
    assert list(tmp_path.iterdir()) == []


def test_the_archive_is_not_written_to_and_an_empty_folder_is_refused(
    roots: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputRefused, match=r"E107 .*only read"):
        run(f"guangzhou:{roots / 'guangzhou'}", roots / "guangzhou/split.csv")
    with pytest.raises(InputRefused, match="E101"):
        run(tmp_path, tmp_path.with_name("a.csv"))
