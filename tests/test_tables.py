"""Published tables: text stays text, damage is refused and never read as a shorter table."""

import csv
import gzip
import io
from pathlib import Path
from random import Random

import polars as pl
import pytest

from cxrkit import tables
from cxrkit.errors import InputRefused

TEXT = "id, EncodedPixels,note\n0012,-1,\n13,,a\n"


def test_every_cell_is_text_and_blank_is_empty(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TEXT)
    frame = tables.read(tmp_path, "t.csv", ("id", "EncodedPixels"))
    published = frame.select("id", "EncodedPixels", "note")
    assert published.rows() == [("0012", "-1", ""), ("13", "", "a")]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_byte_order_mark_and_crlf_make_no_difference(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(mark + TEXT.replace("\n", "\r\n").encode())
    assert tables.read(tmp_path, "t.csv", ("id",))["id"].to_list() == ["0012", "13"]


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    """Every label and split would be blank, and nothing would say why."""
    (tmp_path / "t.csv").write_text("id,note\n")
    with pytest.raises(InputRefused, match=r"E103 bad-table: t.csv: no row below the header"):
        tables.read(tmp_path, "t.csv", ("id",))


def test_a_row_may_leave_out_last_columns_without_a_name(tmp_path: Path) -> None:
    """The header of ChestX-ray14's boxes ends in three commas, its rows do not."""
    (tmp_path / "t.csv").write_text("id,[x,y],,\na,1,2\nb,3,4,,\nc,5\nd,1,2,,,9\n")
    frame = tables.read(tmp_path, "t.csv", ("id", "[x", "y]"))
    assert frame["y]"].to_list() == ["2", "4", "", "2"]
    assert frame[tables.FAULT].to_list() == [
        "",
        "",
        "t.csv, row 3: 2 fields in the row, 5 in the header",
        "t.csv, row 4: 6 fields in the row, 5 in the header",
    ]


def test_commas_in_a_quoted_header_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text('id,"[x,y]"\na,1\n')
    assert tables.read(tmp_path, "t.csv", ("[x,y]",))[tables.FAULT].to_list() == [""]


def damaged() -> dict[str, bytes]:
    packed = gzip.compress((TEXT * 5000).encode())
    return {
        "cut": packed[: len(packed) // 2],
        "no gzip": b"<html>",
        "checksum": packed[:-8] + bytes(8),
    }


@pytest.mark.parametrize("kind", ["cut", "no gzip", "checksum"])
def test_a_damaged_gzip_table_is_refused(tmp_path: Path, kind: str) -> None:
    (tmp_path / "t.csv.gz").write_bytes(damaged()[kind])
    with pytest.raises(InputRefused, match=r"E103 bad-table: t.csv.gz: the table cannot be read"):
        tables.read(tmp_path, "t.csv", ("id",))


@pytest.mark.parametrize(
    "content", [b"", b"id,note\n1,2,3,4\n", b"id,note\n1\n2\n3,4\n", b"id,note\n\xff\xfe,1\n"]
)
def test_a_damaged_table_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    with pytest.raises(InputRefused, match=r"E103 bad-table: t.csv: the table cannot be read"):
        tables.read(tmp_path, "t.csv", ("id",))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TEXT)
    with pytest.raises(InputRefused, match=r"E103 bad-table: t.csv: no column study_id "):
        tables.read(tmp_path, "t.csv", ("id", "study_id"))


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"E102 missing-table: t.csv: no such table"):
        tables.read(tmp_path, "t.csv", ("id",))


def table(folder: Path, text: str) -> pl.DataFrame:
    (folder / "t.csv").write_text(text)
    return tables.read(folder, "t.csv", ())


def faults(frame: pl.DataFrame) -> dict[int, str]:
    return {n: f for n, f in enumerate(frame[tables.FAULT], 1) if f}


def test_a_row_of_another_length_is_named_and_the_others_stay(tmp_path: Path) -> None:
    text = 'id,a,n\n1,x,3\n2,y\n3,"z\nz",4,5\n4,"p,q",6\n5,,\n'
    frame = table(tmp_path, text)
    assert frame["id"].to_list() == ["1", "2", "3", "4", "5"]
    assert faults(frame) == {
        2: "t.csv, row 2: 2 fields in the row, 3 in the header",
        3: "t.csv, row 3: 4 fields in the row, 3 in the header",
    }


def test_a_line_without_any_field_is_no_row(tmp_path: Path) -> None:
    frame = table(tmp_path, "id,n\n1,a\n\n2,b\n3,c\n\n")
    assert frame["id"].to_list() == ["1", "2", "3"]
    assert faults(frame) == {}


def test_repeated_blank_and_malformed_values_are_named(tmp_path: Path) -> None:
    frame = table(tmp_path, "id,n\n1,a\n1,b\n,c\n2,d\n3,\n4,a\n5,a\n")
    assert faults(tables.unique(frame, "id")) == {
        1: "t.csv, row 1: column id: the value is in several rows",
        2: "t.csv, row 2: column id: the value is in several rows",
        3: "t.csv, row 3: column id: the value is blank",
    }
    assert faults(tables.matching(frame, "n", "[a-d]?")) == {}
    assert list(faults(tables.matching(frame, "n", "[ab]"))) == [3, 4, 5]


def test_a_column_that_is_mostly_wrong_is_refused(tmp_path: Path) -> None:
    """Ids that a program has read as numbers: nobody can tell what they were."""
    frame = table(tmp_path, "id\n12.0\n13.0\n14\n")
    with pytest.raises(InputRefused, match=r"E103 bad-table: t.csv: column id: in 2 of 3 rows"):
        tables.matching(frame, "id", "[0-9]+")
    with pytest.raises(InputRefused, match=r"column id: in 3 of 3 rows the value is in several"):
        tables.unique(table(tmp_path, "id\n1\n1\n1\n"), "id")


@pytest.mark.parametrize("value", ["ab", "ba", "", "a\nb"])
def test_a_pattern_must_match_the_whole_value(tmp_path: Path, value: str) -> None:
    """Each alternative of the pattern is bound at both ends."""
    frame = table(tmp_path, f'm,n\n1,a\n2,b\n3,"{value}"\n')
    assert list(faults(tables.matching(frame, "n", "a|b"))) == [3]


def test_a_join_keeps_every_row_once_and_passes_faults_on(tmp_path: Path) -> None:
    left = table(tmp_path, "image,study\n1,a\n2,b\n3,c\n4,a\n")
    (tmp_path / "labels.csv").write_text("study,Edema\na,1\nb,x\nd,0\ne,0\nd,1\n")
    right = tables.read(tmp_path, "labels.csv", ())
    right = tables.unique(tables.matching(right, "Edema", "1|0"), "study")
    joined = tables.join(left, right, "study")
    assert joined.select("image", "Edema").rows() == [
        ("1", "1"),
        ("2", "x"),
        ("3", None),
        ("4", "1"),
    ]
    assert faults(joined) == {2: "labels.csv, row 2: column Edema: the value is not like 1|0"}


def test_a_faulty_row_that_a_join_drops_is_not_lost(tmp_path: Path) -> None:
    left = table(tmp_path, "image,study\n1,a\n2,b\n")
    (tmp_path / "labels.csv").write_text("study,Edema\na,x\nc,1\n?,1\nb,1\n")
    right = tables.matching(tables.read(tmp_path, "labels.csv", ()), "study", "[a-z]")
    right = tables.marked(right, pl.col("Edema") == "x", "Edema", "it is x")
    assert faults(tables.join(left, right, "study")) == {
        1: "labels.csv, row 1: column Edema: it is x"
    }
    assert tables.lost(left, right, "study").rows() == [
        ("labels.csv, row 3: column study: the value is not like [a-z]",)
    ]


def test_a_long_row_and_a_short_one_do_not_cancel_out(tmp_path: Path) -> None:
    assert list(faults(table(tmp_path, "a,b,c\n1,2,3\n1,2\n1,2,3,4\n1,2,3\n"))) == [2, 3]


def test_fields_are_counted_as_csv_counts_them() -> None:
    """Whatever the quotes: against the csv module on the whole text."""
    random = Random(1)
    pieces = ["a", ",", '"', '""', "\n", "\r\n", " "]
    for _ in range(5000):
        text = "".join(random.choices(pieces, k=random.randrange(0, 16)))
        whole = [len(row) for row in csv.reader(io.StringIO(text, newline=""))]
        assert tables._numbers_of_fields(text.encode()).tolist() == whole


def test_numbers_are_read_from_text(tmp_path: Path) -> None:
    frame = table(tmp_path, 'n\n1.0\n-1\n""\nx\n2\n')
    assert frame.select(tables.number("n", pl.Int8))["n"].to_list() == [1, -1, None, None, 2]
