"""`cxr label`, `cxr sections` and `cxr score reports` as their user sees them."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cxrkit.cli import application
from cxrkit.errors import InputRefused

SECRET = "PLANTEDTOKEN"
REPORTS = [
    ("1", " X\n FINDINGS: Small effusion.\n IMPRESSION: No edema.\n"),
    ("2", " X\n IMPRESSION: Normal.\n"),
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "reports.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("id", "report"), *REPORTS])
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() if p.is_file() else b"" for p in folder.rglob("*")}


def cxr(*arguments: str) -> Result:
    return CliRunner().invoke(application(), list(arguments))


def test_labels_and_their_evidence(folder: Path) -> None:
    done = cxr("label", "reports.csv", "labels.csv", "--explain", "why.html", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["labelled"] == 2
    assert "Pleural Effusion: present (mention)" in (folder / "why.html").read_text()
    cxr("label", "reports.csv", "labels.csv", "--explain", "why.csv", "--mode", "chexpert")
    with (folder / "why.csv").open(newline="") as file:
        assert {row["rule"] for row in csv.DictReader(file)} >= {"mention", "no"}


def test_two_modes_are_compared(folder: Path) -> None:
    cxr("label", "reports.csv", "a.csv")
    cxr("label", "reports.csv", "b.csv", "--mode", "negbio")
    done = cxr("label", "a.csv", "b.csv", "--compare")
    assert done.exit_code == 0 and "2 reports in both" in done.stdout


def test_sections_have_the_known_columns(folder: Path) -> None:
    assert cxr("sections", "reports.csv", "s.csv").exit_code == 0
    with (folder / "s.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["study", "impression", "findings", "last_paragraph", "comparison"]
    assert rows[1] == ["1", "No edema.", "Small effusion.", "", ""]


def test_scores_stand_beside_the_constant_report(folder: Path) -> None:
    done = cxr("score", "reports", "reports.csv", "reports.csv")
    assert done.exit_code == 0
    assert "constant report" in done.stdout and "METEOR-lite (not METEOR)" in done.stdout
    figures = json.loads(cxr("score", "reports", "reports.csv", "reports.csv", "--json").stdout)
    assert figures["written"]["bleu"][3] == pytest.approx(1, abs=1e-3)


def test_no_text_of_a_report_is_in_a_message(folder: Path) -> None:
    """A bad report of each kind holds a planted word; nothing but the quarantined id is said."""
    (folder / "in").mkdir()
    (folder / "in/a.txt").write_bytes(b"\xff" + SECRET.encode())
    (folder / "in/b.xml").write_text(f"<!DOCTYPE x><a>{SECRET}</a>")
    (folder / "in/c.xml").write_text(f"<a>{SECRET}")
    done = cxr("label", "in", "labels.csv")
    assert done.exit_code == 3
    assert SECRET not in done.output
    written = [p for p in folder.iterdir() if p.is_file() and p.name != "reports.csv"]
    assert {p.name for p in written} == {"labels.csv", "labels.quarantine.csv"}
    assert not any(SECRET in p.read_text() for p in written)


@pytest.mark.parametrize(
    "words",
    [
        ("label", "reports.csv", "./reports.csv"),
        ("label", "reports.csv", "a.csv", "--explain", "reports.csv"),
        ("label", "reports.csv", "a.csv", "--explain", "a.csv"),
        ("label", "reports.csv", "none/a.csv"),
        ("label", "reports.csv", "a.csv", "--explain", "none/why.html"),
        ("label", "reports.csv", "a.csv", "--explain", "why.txt"),
        ("label", "mimic-cxr-jpg:archive", "archive/a.csv"),
        ("sections", "reports.csv", "reports.csv"),
        ("sections", "reports.csv", "none/a.csv"),
        ("sections", "mimic-cxr-jpg:archive", "archive/a.csv"),
        ("label", "texts", "texts/2.txt"),
        ("label", "texts", "texts/a.csv"),
        ("label", "texts", "a.csv", "--explain", "texts/a.csv"),
        ("sections", "texts", "texts/2.txt"),
        ("label", "b.quarantine.csv", "b.csv"),
        ("label", "reports.csv", "a.csv", "--explain", "a.quarantine.csv"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(
    folder: Path, words: tuple[str, ...]
) -> None:
    (folder / "archive").mkdir()
    (folder / "texts").mkdir()
    (folder / "texts/2.txt").write_text("No edema.")
    shutil.copy(folder / "reports.csv", folder / "b.quarantine.csv")
    before = content(folder)
    done = cxr(*words)
    assert isinstance(done.exception, InputRefused) and done.exception.code == "E107"
    assert content(folder) == before


def test_nothing_is_left_beside_a_refused_output(folder: Path) -> None:
    (folder / "s.csv").write_text("from before")
    for command in ("label", "sections"):
        done = cxr(command, "reports.csv", "s.csv", "--id-column", "other")
        assert isinstance(done.exception, InputRefused)
    assert (folder / "s.csv").read_text() == "from before"
    assert sorted(p.name for p in folder.iterdir()) == ["reports.csv", "s.csv"]


def test_a_source_that_is_not_there_is_named_as_such(folder: Path) -> None:
    for reports in ("none", "none.csv"):
        done = cxr("label", reports, "a.csv")
        assert isinstance(done.exception, InputRefused) and done.exception.code == "E101"


def test_rows_that_cannot_be_read_are_named_and_the_others_labelled(folder: Path) -> None:
    (folder / "r.csv").write_text("id,report\n1,No edema, large effusion\n2,No edema\n2,Edema\n")
    assert cxr("label", "r.csv", "a.csv").exit_code == 3
    with (folder / "a.csv").open(newline="") as file:
        assert [(row["id"], row["Edema"]) for row in csv.DictReader(file)] == [("2", "0")]
    with (folder / "a.quarantine.csv").open(newline="") as file:
        bad = [(row["id"], row["code"]) for row in csv.DictReader(file)]
    assert bad == [("row 1", "E103"), ("2", "E103")]
    done = cxr("sections", "r.csv", "s.csv")
    assert done.exit_code == 3 and done.stderr.count("E103 bad-table") == 2
    refused = cxr("score", "reports", "r.csv", "r.csv").exception
    assert isinstance(refused, InputRefused) and refused.code == "E103"


@pytest.mark.parametrize("command", ["label", "sections"])
def test_a_quote_that_is_not_closed_leaves_no_output(folder: Path, command: str) -> None:
    (folder / "r.csv").write_text('id,report\n1,edema\n2,"edema\n3,edema\n')
    done = cxr(command, "r.csv", "a.csv")
    assert isinstance(done.exception, InputRefused) and "line 3" in str(done.exception)
    assert sorted(p.name for p in folder.iterdir()) == ["r.csv", "reports.csv"]


@pytest.mark.parametrize(
    ("ids", "remedies"),
    [
        ("1", {"write the missing ones"}),
        ("12x", {"leave out those without a reference"}),
        ("1x", {"write the missing ones", "leave out those without a reference"}),
    ],
)
def test_the_remedy_of_unmatched_studies_fits_them(
    folder: Path, ids: str, remedies: set[str]
) -> None:
    (folder / "w.csv").write_text("id,report\n" + "".join(f"{i},edema\n" for i in ids))
    refused = cxr("score", "reports", "w.csv", "reports.csv").exception
    assert isinstance(refused, InputRefused) and refused.code == "E103"
    every = {"write the missing ones", "leave out those without a reference"}
    assert {words for words in every if words in refused.remedy} == remedies
