"""Sections: MIMIC-CXR's procedure row by row, and what other hospitals write."""

import pytest

from cxrkit.reports import sections
from cxrkit.reports.sections import SECTIONED, by_name, mimic, mimic_sectioned, mimic_text, tolerant


def names(text: str) -> list[str]:
    return [s.name for s in mimic(text)]


def parts(text: str) -> dict[str, str]:
    return {name: part.strip() for name, part in by_name(mimic(text), text).items()}


@pytest.mark.parametrize("line", [" FINDINGS: a", "  FINDINGS: a", " PA/LAT (TWO), OLD-NEW: a"])
def test_a_header_is_one_blank_capitals_colon_and_white_space(line: str) -> None:
    assert names(f" X\n{line}\n")[0] == "preamble"


@pytest.mark.parametrize(
    "line",
    ["FINDINGS: a", " Findings: a", " FINDINGS 2: a", " A&B: a", " FINDINGS:a", " FINDINGS. a"],
)
def test_other_lines_are_no_headers(line: str) -> None:
    assert names(f" X\n{line}\n") == ["full report"]


def test_the_preamble_reaches_to_the_first_letter_of_the_header() -> None:
    text = " FINAL REPORT\n FINDINGS: a"
    first = mimic(text)[0]
    assert text[first.start : first.end] == " FINAL REPORT\n "


def test_a_second_header_on_the_same_line_is_none() -> None:
    assert parts(" X\n FINDINGS: \n IMPRESSION: b\n COMPARISON: c\n") == {
        "preamble": "X", "impression": "b", "comparison": "c",
    }  # fmt: skip
    text = " X\n INDICATION:\n FINDINGS: a\n IMPRESSION: b\n"
    assert parts(text) == {"preamble": "X", "indication": "FINDINGS: a", "impression": "b"}


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("CONCLUSION", "impression"), ("MPRESSION", "impression"), ("NDICATION", "impression"),
        ("FINDINGS AND IMPRESSION", "impression"), ("FINDGINGS", "findings"),
        ("REASON FOR EXAM", "indication"), ("PFI", "history"), ("WETREAD", "wet read"),
        ("IMPRESSION AND PLAN", "impression"), ("RELEVANT HISTORY", "history"),
        ("ADDENDUM TO THE REPORT", "addendum"), ("AP AND LATERAL VIEWS", "findings"),
        ("PORTABLE FILM", "findings"), ("CHEST", "findings"), ("RIBS", "findings"),
        ("TECHNIQUE", "technique"), ("SOMETHING ELSE", "something else"),
    ],
)  # fmt: skip
def test_names_become_one_of_the_fixed_ones(header: str, name: str) -> None:
    assert names(f" X\n {header}: a\n")[-1] == name


def test_blank_findings_are_dropped_and_the_last_paragraph_found() -> None:
    text = " X\n CHEST PA: \n \n INDICATION: cough\n \n Lungs are clear.\n \n Heart normal.\n"
    found = parts(text)
    assert list(found) == ["preamble", "indication", "last_paragraph"]
    assert found["indication"] == "cough"
    assert found["last_paragraph"] == "Lungs are clear.\n \n Heart normal."
    assert mimic_text("s1", text) == found["last_paragraph"]
    no_header = " One.\n \n Two.\n"
    assert mimic_text("s1", no_header) == "Two."


def test_label_text_is_the_last_impression_then_findings_then_comparison() -> None:
    text = " X\n FINDINGS: f\n IMPRESSION: one\n IMPRESSION: two\n"
    assert mimic_text("s1", text) == "two"
    assert mimic_text("s1", " X\n FINDINGS: f\n COMPARISON: c\n") == "f"
    assert mimic_text("s1", " X\n COMPARISON: c\n") == "c"
    assert mimic_text("s1", " X\n TECHNIQUE: t\n") == ""
    assert mimic_text("s1", "") == ""


def test_an_addendum_above_the_report_is_no_label_text() -> None:
    text = " ADDENDUM  Corrected.\n ____\n FINAL REPORT\n FINDINGS: f\n IMPRESSION: i\n"
    assert mimic_text("s1", text) == "i"


def test_fifty_four_studies_are_fixed_by_the_release() -> None:
    assert len(sections._overrides()) == 54
    text = " X\n HISTORY: h\n IMPRESSION: i\n" + "." * 300
    assert mimic_text("s51491012", text).strip() == "h"
    assert mimic_text("s56579911", text) == text[59:218]
    assert mimic_text("s50798377", text) == ""
    assert mimic_sectioned("s51491012", text) is None
    assert len([v for v in sections._overrides().values() if v[0].isdigit()]) == 31


def test_the_sectioned_row_has_the_known_columns() -> None:
    assert SECTIONED == ("study", "impression", "findings", "last_paragraph", "comparison")
    text = " X\n FINDINGS: f \n IMPRESSION: i\n"
    assert mimic_sectioned("s5", text) == ("s5", "i", "f", "", "")


def test_other_hospitals_headers_are_read() -> None:
    text = (
        "Clinical Indication: cough\nfindings\nLUNGS: clear.\nLungs: x\n\nIMPRESSION:\n1. Normal.\n"
    )
    found = {s.name: text[s.start : s.end].strip() for s in tolerant(text)}
    assert found == {
        "indication": "cough", "findings": "LUNGS: clear.\nLungs: x", "impression": "1. Normal.",
    }  # fmt: skip
    assert sections.tolerant_text(text) == "LUNGS: clear.\nLungs: x\n\n1. Normal."


def test_a_text_without_headers_is_one_section() -> None:
    text = "The lungs are clear.\nNo effusion."
    assert [s.name for s in tolerant(text)] == ["full report"]
    assert sections.tolerant_text(text) == text
    assert tolerant("  \n") == []


@pytest.mark.parametrize("read", [mimic, tolerant])
def test_places_are_those_of_the_text(read: object) -> None:
    text = " X\n FINDINGS: lungs\n IMPRESSION: normal\n"
    found = {s.name: text[s.start : s.end].strip() for s in read(text)}  # type: ignore[operator]
    assert (found["findings"], found["impression"]) == ("lungs", "normal")
