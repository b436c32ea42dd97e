"""Reports are read from anywhere; one that cannot be read is named and the rest goes on."""

from pathlib import Path

import pytest

from cxrkit.errors import InputRefused
from cxrkit.labelling import texts
from cxrkit.phantom import mimic_cxr_jpg
from cxrkit.reports import sections

SECRET = "PLANTEDTOKEN"


def read(source: Path | str, encoding: str = "utf-8") -> list[texts.Text]:
    return list(texts.read(str(source), "id", "report", encoding))


def codes(found: list[texts.Text]) -> dict[str, str]:
    return {text.id: text.fault.code for text in found if text.fault is not None}


def test_a_csv_keeps_ids_as_text_and_line_breaks(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_bytes('﻿note, report,id\r\na,"two\nlines",007\r\nb,,8\r\n'.encode())
    assert read(tmp_path / "r.csv") == [texts.Text("007", "two\nlines"), texts.Text("8", "")]


def test_a_folder_of_texts_is_read_in_order(tmp_path: Path) -> None:
    for name, text in {"b/s2.txt": "two", "a/s1.txt": "one", "a/notes.csv": "x"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    assert [(t.id, t.text) for t in read(tmp_path)] == [("s1", "one"), ("s2", "two")]


XML = (
    '<eCitation><uId id="CXR7"/><AbstractText Label="INDICATION">cough</AbstractText>'
    '<AbstractText Label="FINDINGS">Clear.</AbstractText><AbstractText Label="IMPRESSION"/>'
    "</eCitation>"
)


def test_an_open_i_report_has_its_sections(tmp_path: Path) -> None:
    (tmp_path / "7.xml").write_text(XML)
    (found,) = read(tmp_path)
    assert found == texts.Text("CXR7", "\n INDICATION: cough\n\n FINDINGS: Clear.\n")
    assert sections.tolerant_text(found.text) == "Clear."
    assert sections.mimic_sectioned(found.id, found.text) == ("CXR7", "", "Clear.", "", "")


def test_broken_files_are_named_and_the_others_read(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    files = {
        "good.txt": b"No effusion.",
        "latin.txt": "Größe".encode("latin-1") + SECRET.encode(),
        "bomb.xml": f"{bomb}<eCitation>{SECRET}&b;</eCitation>".encode(),
        "cut.xml": XML[:60].encode() + SECRET.encode(),
        "long.txt": b"a" * (texts.LONGEST + 1),
        "huge.xml": b"<a>" + b"a" * (8 * texts.LONGEST) + b"</a>",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    found = read(tmp_path)
    assert codes(found) == {
        "latin": "E250", "bomb": "E252", "cut": "E252", "long": "E251", "huge": "E251",
    }  # fmt: skip
    assert [t.text for t in found if t.fault is None] == ["No effusion."]
    assert not any(SECRET in str(t.fault) for t in found)


def test_a_stated_encoding_is_used(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("Größe".encode("latin-1"))
    assert read(tmp_path, "latin-1")[0].text == "Größe"
    with pytest.raises(InputRefused, match="E107"):
        read(tmp_path, "klingon")


def test_rows_of_a_csv_fail_one_by_one(tmp_path: Path) -> None:
    long = "a" * (texts.LONGEST + 1)
    (tmp_path / "r.csv").write_bytes(
        b"id,report\n1,fine\n2\n3," + long.encode() + b"\n4,\xff\n5,fine\n"
    )
    found = read(tmp_path / "r.csv")
    assert codes(found) == {"row 2": "E103", "3": "E251", "4": "E250"}
    assert [t.id for t in found if t.fault is None] == ["1", "5"]


def test_a_row_has_as_many_fields_as_the_header(tmp_path: Path) -> None:
    """A comma outside quotes would end the report; nameless last columns may be left out."""
    (tmp_path / "r.csv").write_text(
        "id,report,,\n1,No edema, large effusion is present\n2,a, b, c, d\n3,a\n4\n\n"
        '5,"No edema, large effusion"\n'
    )
    found = read(tmp_path / "r.csv")
    assert codes(found) == {"row 2": "E103", "row 4": "E103"}
    (tmp_path / "r.csv").write_text("id,report\n1,No edema, large effusion\n2,fine\n3,fine,\n")
    found = read(tmp_path / "r.csv")
    assert codes(found) == {"row 1": "E103", "row 3": "E103"}
    assert [t for t in found if t.fault is None] == [texts.Text("2", "fine")]
    assert "effusion" not in str(found[0].fault)


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ('2,"open edema\n3,foo\n', 4),
        ('2,"open edema\n3,"foo"\n', 4),
        ('2,"he said "foo" here"\n3,foo\n', 4),
    ],
)
def test_quotes_that_do_not_match_swallow_no_row(tmp_path: Path, rows: str, line: int) -> None:
    (tmp_path / "r.csv").write_text(f'id,report\n1,"two\nlines"\n{rows}')
    with pytest.raises(InputRefused, match=rf"E103 .*r\.csv: .*begins in line {line},") as failure:
        read(tmp_path / "r.csv")
    assert "edema" not in str(failure.value) and "foo" not in str(failure.value)


def test_quotes_that_match_are_text(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text('id,report\n1,"a ""b"", c"\n2,5" tube\n3,""\n')
    assert [t.text for t in read(tmp_path / "r.csv")] == ['a "b", c', '5" tube', ""]


def test_of_several_reports_with_one_id_the_later_are_named(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,report\n1,a\n2,b\n1,c\n")
    found = read(tmp_path / "r.csv")
    assert [(t.id, t.text) for t in found if t.fault is None] == [("1", "a"), ("2", "b")]
    assert codes(found) == {"1": "E103"}
    for folder in ("a", "b"):
        (tmp_path / "in" / folder).mkdir(parents=True)
        (tmp_path / "in" / folder / "s1.txt").write_text(folder)
    assert [t.text for t in read(tmp_path / "in") if t.fault is None] == ["a"]
    assert codes(read(tmp_path / "in")) == {"s1": "E103"}


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,report,report\n1,a,b\n")
    with pytest.raises(InputRefused, match=r"E103 bad-table: r\.csv: 2 columns report"):
        read(tmp_path / "r.csv")


def test_a_missing_column_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("id,text\n1,a\n")
    with pytest.raises(InputRefused, match=r"E103 bad-table: r\.csv: no column report"):
        texts.read(str(tmp_path / "r.csv"), "id", "report", "utf-8")
    with pytest.raises(InputRefused, match="E101"):
        texts.read(str(tmp_path / "none"), "id", "report", "utf-8")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputRefused, match="E101"):
        texts.read(str(tmp_path / "empty"), "id", "report", "utf-8")


def test_an_archive_gives_each_study_once(tmp_path: Path) -> None:
    mimic_cxr_jpg.write_release(tmp_path / "mimic", studies=6, seed=1, size=64)
    found = read(f"mimic-cxr-jpg:{tmp_path / 'mimic'}")
    assert len({t.id for t in found}) == len(found) == 6
    assert all("FINDINGS" in t.text or "IMPRESSION" in t.text for t in found)
    with pytest.raises(InputRefused, match="E107"):
        read(f"guangzhou:{tmp_path}")
