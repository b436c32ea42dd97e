"""Groups of copies in folders, archives and datasets: kinds, order, and what cannot be read."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from radiograph_changes import re_encoded, resized

from cxrkit.errors import InputRefused
from cxrkit.quality import duplicates, fingerprint, prints
from cxrkit.quality.duplicates import COLUMNS, across_sources, find, several_patients
from cxrkit.quality.prints import Prints, gather


def silent(what: str, done: int, total: int) -> None:
    """No progress."""


def found(*texts: str, workers: int = 1) -> pl.DataFrame:
    return find(gather(texts, workers, silent), workers, silent).table


def save(path: Path, pixels: np.ndarray, *options: int) -> None:
    path.parent.mkdir(exist_ok=True)
    assert cv2.imwrite(str(path), pixels, options)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, chests: list[np.ndarray]) -> Path:
    """one/ has chests a to e; two/ has copies of a to d, each of another kind."""
    root = tmp_path_factory.mktemp("folders")
    for name, pixels in zip("abcde", chests, strict=False):
        save(root / "one" / f"{name}.png", pixels)
    (root / "two").mkdir()
    shutil.copy(root / "one/a.png", root / "two/a.png")
    save(root / "two/b.tiff", chests[1])
    save(root / "two/c.jpg", resized(chests[2], 0.8), cv2.IMWRITE_JPEG_QUALITY, 70)
    save(root / "two/d.jpg", 255 - chests[3][:, ::-1], cv2.IMWRITE_JPEG_QUALITY, 90)
    return root


def test_each_copy_is_of_its_kind(folders: Path) -> None:
    table = found(str(folders / "one"), str(folders / "two"))
    assert tuple(table.columns) == COLUMNS
    facts = {
        (Path(row["image"]).stem, Path(row["source"]).name): (row["kind"], row["transform"])
        for row in table.iter_rows(named=True)
    }
    one_first = {name for (name, source), (kind, _) in facts.items() if kind == "first"}
    assert one_first == set("abcd") and table.height == 8
    copies = {name: how for (name, _), how in facts.items() if how[0] != "first"}
    assert copies == {
        "a": ("bytes", "same"),
        "b": ("pixels", "same"),
        "c": ("near", "same"),
        "d": ("near", "mirrored+inverted"),
    }
    assert table["group"].to_list() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert across_sources(table) == [1, 2, 3, 4] and several_patients(table) == []


def test_neither_order_nor_workers_decide(folders: Path) -> None:
    one, two = str(folders / "one"), str(folders / "two")
    expected = found(one, two)
    assert found(two, one, workers=2).equals(expected)


def test_a_dataset_is_compared_without_its_archive(
    phantoms: Path, phantom_dataset: Path, tmp_path: Path
) -> None:
    built = pl.read_parquet(phantom_dataset / "records.parquet")
    given = gather([f"shenzhen:{phantoms}"], 1, silent)
    read = dict(zip(given.images["image"], given.fingerprints, strict=True))
    for image, text in built.select("image", "fingerprint").iter_rows():
        assert (fingerprint.from_texts([text], "")[0] == read[image]).all()
    moved = tmp_path / "moved"
    shutil.copytree(phantoms, moved)
    for path in moved.rglob("*.png"):
        pixels = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert pixels is not None
        save(path, re_encoded(pixels, 80))
    table = found(str(phantom_dataset), f"shenzhen:{moved}")
    assert table.height == 2 * built.height
    assert set(table["kind"]) == {"first", "near"}
    same = found(str(phantom_dataset), f"shenzhen:{phantoms}")
    assert same.filter(pl.col("kind") != "first")["kind"].unique().to_list() == ["bytes"]


def test_a_dataset_of_an_older_version_is_refused(phantom_dataset: Path, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(phantom_dataset, old)
    built = pl.read_parquet(old / "records.parquet")
    built.drop("fingerprint").write_parquet(old / "records.parquet")
    with pytest.raises(InputRefused, match=r"E103 .*no column fingerprint"):
        found(str(old))


def test_what_cannot_be_read_is_listed_and_the_rest_goes_on(folders: Path, tmp_path: Path) -> None:
    shutil.copytree(folders / "one", tmp_path / "mixed")
    (tmp_path / "mixed/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    save(tmp_path / "mixed/flat.png", np.full((64, 64), 9, np.uint8))
    given = gather([str(tmp_path / "mixed"), str(folders / "two")], 1, silent)
    assert [(one.image, one.code) for one in given.unread] == [
        ("broken.png", "E214"),
        ("flat.png", "E216"),
    ]
    assert find(given, 1, silent).table.height == 8


def test_bad_sources_end_in_one_line(folders: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputRefused, match="E101"):
        found(str(tmp_path / "empty"))
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad/a.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(InputRefused, match=r"E101 .*none of 1 images can be read"):
        found(str(tmp_path / "bad"))
    one = folders / "one"
    with pytest.raises(InputRefused, match=r"E107 .*given twice"):
        found(str(one), f"{folders}/two/../one")


def test_one_image_has_no_copy(tmp_path: Path, chests: list[np.ndarray]) -> None:
    save(tmp_path / "one/a.png", chests[0])
    assert found(str(tmp_path / "one")).is_empty()


def made_up(marks: np.ndarray, patients: list[str]) -> Prints:
    """Images of one archive by number, no files."""
    number = len(marks)
    images = pl.DataFrame(
        {
            "archive": ["v7"] * number,
            "image_id": [f"{n}" for n in range(number)],
            "patient_id": patients,
            "source": ["s"] * number,
            "image": [f"{n}.png" for n in range(number)],
            "path": [""] * number,
            "sha256": [f"{n}" for n in range(number)],
        }
    )
    return Prints(images, marks, ())


def test_a_copy_of_a_copy_is_in_the_group_by_what_leads_to_it(
    marks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0 and 1 are close, 1 and 2 are close, 0 and 2 are not: 2 is 1 mirrored and inverted."""
    links = duplicates.Links(
        np.array([0, 1]), np.array([1, 2]), np.array([0.9, 0.85]),
        np.array([False, True]), np.array([True, True]), 0,
    )  # fmt: skip
    monkeypatch.setattr(duplicates.near, "find", lambda *given: links)
    table = find(made_up(marks[:4], ["1", "1", "2", ""]), 1, silent).table
    assert table["image_id"].to_list() == ["0", "1", "2"]
    assert table["transform"].to_list() == ["same", "inverted", "mirrored"]
    assert table["similarity"].to_list() == [1.0, 0.9, 0.85]
    assert several_patients(table) == [1] and across_sources(table) == []


def test_equal_bytes_join_even_where_fingerprints_differ(marks: np.ndarray) -> None:
    given = made_up(marks[:2], ["", ""])
    same = given.images.with_columns(sha256=pl.lit("0"))
    table = find(Prints(same, given.fingerprints, ()), 1, silent).table
    assert table["kind"].to_list() == ["first", "bytes"]


def test_a_file_that_changed_meanwhile_is_not_the_same_pixels(tmp_path: Path) -> None:
    assert prints.pixel_digests([str(tmp_path / "gone.png")], 1, lambda *n: None) == {}
