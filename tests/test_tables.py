"""Published tables: text stays text, damage is refused and never read as a shorter table."""

import gzip
from pathlib import Path

import polars as pl
import pytest

from cxrkit import tables
from cxrkit.errors import InputRefused

TEXT = "id, EncodedPixels,note\n0012,-1,\n13,,a\n"


def test_every_cell_is_text_and_blank_is_empty(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(TEXT)
    frame = tables.read(tmp_path, "t.csv", ("id", "EncodedPixels"))
    assert frame.rows() == [("0012", "-1", ""), ("13", "", "a")]
    assert frame.columns == ["id", "EncodedPixels", "note"]


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_byte_order_mark_and_crlf_make_no_difference(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(mark + TEXT.replace("\n", "\r\n").encode())
    assert tables.read(tmp_path, "t.csv", ("id",))["id"].to_list() == ["0012", "13"]


def test_a_table_without_rows_is_empty(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,note\n")
    assert tables.read(tmp_path, "t.csv", ("id",)).shape == (0, 2)


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


@pytest.mark.parametrize("content", [b"", b"id,note\n1,2,3,4\n", b"id,note\n\xff\xfe,1\n"])
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


def test_repeated_blank_and_malformed_values_are_counted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("id,n\n1,a\n1,b\n,c\n2,d\n")
    frame = tables.read(tmp_path, "t.csv", ())
    with pytest.raises(InputRefused, match="column id has 1 repeated and 1 blank values"):
        tables.require_unique(frame, "id", "t.csv")
    tables.require_unique(frame, "n", "t.csv")
    with pytest.raises(InputRefused, match="column n has 2 malformed values"):
        tables.require_pattern(frame, "n", "[ab]", "t.csv")
    tables.require_pattern(frame, "n", "[a-d]", "t.csv")


@pytest.mark.parametrize("value", ["ab", "ba", "", "a\nb"])
def test_a_pattern_must_match_the_whole_value(value: str) -> None:
    """Each alternative of the pattern is bound at both ends."""
    tables.require_pattern(pl.DataFrame({"n": ["a", "b"]}), "n", "a|b", "t.csv")
    with pytest.raises(InputRefused, match="column n has 1 malformed values"):
        tables.require_pattern(pl.DataFrame({"n": ["a", value]}), "n", "a|b", "t.csv")
