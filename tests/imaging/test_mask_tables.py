"""Rows of tables that are too large to hold: found by their place, quotation marks and all."""

import csv
import io
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxrkit import tables
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import mask_tables

CELL = st.text(alphabet='ab,"\n é0', max_size=12)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_every_row_is_found_at_its_place(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]
) -> None:
    root = tmp_path_factory.mktemp("rows")
    text = io.StringIO()
    csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(
        [("id", "Landmarks", "Heart"), *rows]
    )
    (root / "t.csv").write_bytes(text.getvalue().encode())
    frame = mask_tables.index(root, "t.csv", ("id",), ("Heart",))
    assert frame["id"].to_list() == [row[0].strip() for row in rows]
    assert set(frame[tables.FAULT]) == {""}
    for row, (offset, length) in zip(
        rows, frame.select("offset", "length").iter_rows(), strict=True
    ):
        found = mask_tables.read_row(root, "t.csv", offset, length)
        assert found == {"id": row[0], "Landmarks": row[1], "Heart": row[2]}


def test_faults_are_named_with_their_row_and_blank_lines_are_none(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("\ufeffid, Heart\r\n1,5 2\r\n\r\n2\r\n3,7 1,9\r\n4,")
    frame = mask_tables.index(tmp_path, "t.csv", ("id",), ("Heart",), ("Height",))
    assert frame["id"].to_list() == ["1", "2", "3", "4"]
    assert frame["Height"].to_list() == [""] * 4
    assert frame[tables.FAULT].to_list() == [
        "",
        "t.csv, row 2: 1 fields in the row, 2 in the header",
        "t.csv, row 3: 3 fields in the row, 2 in the header",
        "",
    ]
    place = frame.select("offset", "length").rows()
    assert mask_tables.read_row(tmp_path, "t.csv", *place[3]) == {"id": "4", "Heart": ""}
    assert tables.matching(frame, "id", "[1-3]")[tables.FAULT][3].startswith("t.csv, row 4: column")


@pytest.mark.parametrize("place", [(0, 5), (10, 3), (10**9, 5)])
def test_a_place_without_a_whole_row_is_named(tmp_path: Path, place: tuple[int, int]) -> None:
    (tmp_path / "t.csv").write_text("id,Heart,Left\n1,5 2,6 1\n2,7 1,9 1\n")
    with pytest.raises(ItemFault, match="E207"):
        mask_tables.read_row(tmp_path, "t.csv", *place)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,Heart\n1,5 2\n")
    with pytest.raises(InputRefused, match=r"E103 .*no column Left Lung"):
        mask_tables.index(tmp_path, "t.csv", ("id",), ("Left Lung",))


def test_memory_does_not_grow_with_the_run_lengths(tmp_path: Path) -> None:
    """20 MB of run lengths pass by; the index of 400 rows and one row at a time stay."""
    runs = " ".join(f"{n * 1000} 200" for n in range(4500))
    with (tmp_path / "t.csv").open("w") as file:
        file.write("id,Left Lung\n")
        for n in range(400):
            file.write(f"{n},{runs}\n")
    assert (tmp_path / "t.csv").stat().st_size > 20e6
    tracemalloc.start()
    frame = mask_tables.index(tmp_path, "t.csv", ("id",), ("Left Lung",))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert frame.height == 400 and peak < 2e6
