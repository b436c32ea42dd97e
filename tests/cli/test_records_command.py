"""`cxr records` writes one table in three formats, and tells of corrupt rows."""

import json
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from cxrkit import archives, records
from cxrkit.cli import application
from cxrkit.errors import InputRefused
from cxrkit.phantom import mimic_cxr_jpg


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "mimic"
    mimic_cxr_jpg.write_release(folder, studies=6, seed=0, size=64)
    return folder


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(application(), ["records", *arguments])
    if isinstance(done.exception, InputRefused):
        raise done.exception
    return done.exit_code, done.stdout


def test_the_three_formats_hold_the_same(root: Path, tmp_path: Path) -> None:
    table = archives.table(archives.load("mimic-cxr-jpg"), root)
    for suffix in ("parquet", "csv", "jsonl"):
        code, _ = run("mimic-cxr-jpg", str(root), str(tmp_path / f"r.{suffix}"))
        assert code == 0
    assert pl.read_parquet(tmp_path / "r.parquet").equals(table)
    plain = pl.read_csv(tmp_path / "r.csv", infer_schema=False)
    assert plain.columns == table.columns
    assert plain["patient_id"].to_list() == table["patient_id"].to_list()
    lines = [json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]
    assert [records.Record(**line) for line in lines] == list(records.from_frame(table))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.csv", "r.jsonl", "r.parquet"]


def test_without_a_file_the_lines_are_printed(root: Path) -> None:
    code, text = run("mimic-cxr-jpg", str(root))
    assert code == 0
    assert {json.loads(line)["archive"] for line in text.splitlines()} == {"mimic-cxr-jpg"}


def test_another_suffix_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E107"):
        run("mimic-cxr-jpg", str(root), str(tmp_path / "r.xlsx"))


def test_annotations_of_an_archive_that_has_none_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E107 bad-option: --annotations"):
        run("mimic-cxr-jpg", str(root), "--annotations")


def test_a_file_in_the_archive_or_nowhere_is_refused_and_nothing_is_written(
    root: Path, tmp_path: Path
) -> None:
    before = sorted(root.rglob("*"))
    with pytest.raises(InputRefused, match=r"E107.*it lies in a folder that is only read"):
        run("mimic-cxr-jpg", str(root), str(root / "r.csv"))
    with pytest.raises(InputRefused, match=r"E107.*there is no such folder.*Remedy: give OUT"):
        run("mimic-cxr-jpg", str(root), str(tmp_path / "none" / "r.csv"))
    assert sorted(root.rglob("*")) == before
