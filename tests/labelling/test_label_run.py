"""Many reports: labels in their order, whatever the number of processes; faults beside them."""

import csv
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from cxrkit.errors import ItemFault
from cxrkit.labelling import comparison, evidence, run, scores
from cxrkit.labelling.run import Options
from cxrkit.labelling.texts import Text
from cxrkit.reports import labeler

TEXTS = [
    Text("007", "FINDINGS: Small left effusion.\n IMPRESSION: No pneumothorax."),
    Text("b", "INDICATION: pneumonia?\nFINDINGS: Clear lungs."),
    Text("c", "  "),
    Text("d", fault=ItemFault("E250", "d", "bytes", "UTF-8 text", "convert it")),
]


def cells(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row.pop("id"): row for row in csv.DictReader(file)}


def label(folder: Path, **changes: object) -> tuple[run.Summary, dict[str, dict[str, str]]]:
    options = replace(Options(), **changes)
    summary = run.label(TEXTS, folder / "labels.csv", options, lambda done: None)
    return summary, cells(folder / "labels.csv")


def test_every_report_is_labelled_blank_or_quarantined(tmp_path: Path) -> None:
    summary, found = label(tmp_path)
    assert (summary.labelled, summary.blank, summary.quarantined) == (2, 1, 1)
    assert list(found) == ["007", "b", "c"]
    assert found["007"]["Pleural Effusion"] == "1" and found["007"]["Pneumothorax"] == "0"
    assert found["b"]["Pneumonia"] == ""  # the question of an indication is no finding
    assert set(found["c"].values()) == {""}
    assert list(cells(tmp_path / "labels.quarantine.csv")) == ["d"]


def test_columns_are_those_of_the_vocabulary(tmp_path: Path) -> None:
    for vocabulary in ("chexpert", "chestx-ray14", "all"):
        _, found = label(tmp_path, vocabulary=vocabulary)
        assert tuple(found["007"]) == labeler.names(vocabulary)


def test_an_old_quarantine_does_not_outlive_a_clean_run(tmp_path: Path) -> None:
    label(tmp_path)
    run.label(TEXTS[:2], tmp_path / "labels.csv", Options(), lambda done: None)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels.csv"]


def test_processes_do_not_change_the_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_WORTH", 4)
    many = [replace(t, id=f"{n}-{t.id}") for n in range(30) for t in TEXTS]
    for workers in (1, 2):
        options = Options(workers=workers)
        run.label(many, tmp_path / f"{workers}.csv", options, lambda done: None)
    assert (tmp_path / "1.csv").read_bytes() == (tmp_path / "2.csv").read_bytes()


def test_evidence_points_at_the_words(tmp_path: Path) -> None:
    text = TEXTS[0]
    part = run.text_of("findings-impression", text.id, text.text)
    found = {e.observation: e for e in evidence.of(part, Options())}
    effusion, pneumothorax = found["Pleural Effusion"], found["Pneumothorax"]
    assert part[effusion.start : effusion.end] == "effusion" and effusion.state == "present"
    assert part[pneumothorax.start : pneumothorax.end] == "pneumothorax"
    assert part[pneumothorax.cue_start : pneumothorax.cue_end] == "No"
    page = evidence.article(text, Options())
    assert page.count("<mark") == page.count("</mark>") == 2
    assert '<mark class="absent"' in page and "<i>No</i>" in page


def test_a_page_cannot_be_broken_by_a_report() -> None:
    text = Text("<b>", "<script>alert(1)</script> No effusion & no <mass>.")
    page = evidence.article(text, Options())
    assert "<script>" not in page and "<b>" not in page


def test_two_tables_are_compared_cell_by_cell(tmp_path: Path) -> None:
    first = pl.DataFrame({"id": ["1", "2", "3"], "Edema": ["1", "", "0"], "Mass": ["1", "1", "1"]})
    second = pl.DataFrame({"id": ["2", "3", "4"], "Edema": ["-1", "0.0", "1"]})
    first.write_csv(tmp_path / "a.csv")
    second.write_csv(tmp_path / "b.csv")
    found = comparison.compare(tmp_path / "a.csv", tmp_path / "b.csv")
    assert (found.reports, found.only_first, found.only_second) == (2, 1, 1)
    assert found.counts == {"Edema": {("", "-1"): 1, ("0", "0"): 1}}
    assert found.disagreements.rows() == [("2", "Edema", "", "-1")]


def test_a_constant_report_scores_words_and_no_labels() -> None:
    references = ["The heart is normal. Lungs are clear."] * 8 + ["Left effusion. Heart normal."]
    constant, floor = scores.floor(references)
    assert constant == references[0]
    assert floor.bleu[0] > 0.8 and floor.labels["absent"].micro_five == 0
    same = scores.score(references, references)
    assert same.bleu[3] == pytest.approx(1, abs=1e-6) and same.labels["own"].micro == 1
    assert "constant" in scores.table({"written": same, "constant": floor})
