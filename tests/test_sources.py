"""Sources: an archive, a dataset and a folder become one kind of table."""

from pathlib import Path

import polars as pl
import pytest

from cxrkit import sources
from cxrkit.errors import InputRefused
from cxrkit.records import FIELDS, LABEL


def test_an_archive_a_dataset_and_a_folder_say_the_same_of_an_image(
    phantoms: Path, phantom_dataset: Path
) -> None:
    listed = sources.read(f"shenzhen:{phantoms}")
    built = sources.read(str(phantom_dataset))
    files = sources.read(str(phantoms / "ChinaSet_AllFiles/CXR_png"))
    assert (listed.root, built.root, files.root) == (
        phantoms,
        phantom_dataset,
        phantoms / "ChinaSet_AllFiles/CXR_png",
    )
    assert listed.built is None and built.built is not None
    same = ["archive", "image_id", "patient_id", "sex", "age", LABEL + "Tuberculosis"]
    assert (
        built.table.sort("image_id").select(same).equals(listed.table.sort("image_id").select(same))
    )
    assert built.table["image"].to_list() == built.built["segmented"].to_list()
    assert all((built.root / image).is_file() for image in built.table["image"])
    assert [*built.table.columns[: len(FIELDS)]] == [*FIELDS]
    assert set(files.table["archive"]) == {"folder"}


def test_one_folder_is_one_source_whatever_it_is_called(
    phantoms: Path, phantom_dataset: Path
) -> None:
    archive = f"shenzhen:{phantoms}"
    assert len(sources.read_all([archive, str(phantom_dataset)])) == 2
    for again in (archive, f"shenzhen:{phantoms / '..' / phantoms.name}", str(phantoms)):
        for pair in ([archive, again], [again, archive]):
            with pytest.raises(InputRefused, match=r"E107 .*given twice"):
                sources.read_all(pair)


def test_what_is_no_source_is_refused(tmp_path: Path, phantom_dataset: Path) -> None:
    for text in ("nowhere", "nothing:nowhere"):
        with pytest.raises(InputRefused, match="E101"):
            sources.read(text)
    (tmp_path / "half").mkdir()
    pl.read_parquet(phantom_dataset / "records.parquet").write_parquet(
        tmp_path / "half/records.parquet"
    )
    with pytest.raises(InputRefused, match=r"E101 .*no whole dataset"):
        sources.read(str(tmp_path / "half"))
    pl.read_parquet(phantom_dataset / "records.parquet").clear().write_parquet(
        tmp_path / "half/records.parquet"
    )
    (tmp_path / "half/SHA256SUMS.txt").touch()
    with pytest.raises(InputRefused, match=r"E101 .*holds no image"):
        sources.read(str(tmp_path / "half"))
