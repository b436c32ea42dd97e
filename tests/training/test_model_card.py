"""The card of a model: both files say the same, nothing is lost, numbers keep their intervals."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cxrkit import archives
from cxrkit.errors import InputRefused
from cxrkit.training import card_tables, model_card


def card() -> dict[str, Any]:
    return {
        "scores": {
            "float32": {
                "v7": {"images": 32, "dice": 0.9561, "dice_95_interval": [0.9492, 0.964]},
                "shenzhen": {"images": 9, "dice": 0.9523, "hausdorff95": None},
            }
        },
        "extra": {"a": 1},
        "operating_points": {"Edema": {"threshold": 0.25, "rule": "Youden"}},
        "files": {"float32": {"file": "model.onnx", "sha256": "12" * 32}},
        "training": {"epochs": 50, "learning_rate": 2e-5, "repeat": {"shenzhen": 4}},
        "recipe": {"threshold": 0.5, "fill_holes": True},
        "title": "Lungs | both",
        "task": "segmentation",
        "architecture": "sa_unet",
        "input": {"shape": [1, 1, 224, 224], "polarity": "air dark"},
        "output": "probability of lung",
        "data": [model_card.data("v7", {"train": 164, "validate": 10, "test": 32}, 113)],
        "split": "whole patients",
        "split_sha256": "ef" * 32,
        "limits": ["No laterals."],
    }


def rows(markdown: str) -> list[list[str]]:
    """The cells of all table rows."""
    lines = [line for line in markdown.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_json_holds_everything_in_a_readable_order(tmp_path: Path) -> None:
    given = card()
    model_card.write(tmp_path, given)
    text = (tmp_path / "card.json").read_text(encoding="utf-8")
    found = json.loads(text)
    assert found == given
    assert list(found)[:3] == ["title", "task", "architecture"]
    assert list(found)[-1] == "scores"
    assert list(found).index("extra") < list(found).index("input")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card.json", "card.md"]


def test_numbers_of_numpy_become_plain_and_those_that_are_not_finite_null(tmp_path: Path) -> None:
    odd = {"scores": {"a": np.float64(0.5), "b": float("inf"), "c": np.nan, "d": np.int64(3)}}
    model_card.write(tmp_path, card() | odd | {"settings": (1, 2)})
    found = json.loads((tmp_path / "card.json").read_text())
    assert found["scores"] == {"a": 0.5, "b": None, "c": None, "d": 3}
    assert found["settings"] == [1, 2]


def test_the_markdown_says_what_the_card_says() -> None:
    text = model_card.markdown(card())
    assert text.startswith("# Lungs | both\n\nFinds regions")
    assert [line for line in text.splitlines() if line.startswith("## ")] == [
        "## Model", "## Input and output", "## Data", "## Recipe", "## Scores", "## Limits",
        "## Files",
    ]  # fmt: skip
    cells = rows(text)
    assert ["v7", "32", "0.956 [0.949, 0.964]", ""] in cells
    assert ["shenzhen", "9", "0.952", "not defined"] in cells
    assert ["Edema", "0.250", "Youden"] in cells
    assert ["extra", "a 1"] in cells
    assert ["learning rate", "2e-05"] in cells
    assert ["repeat", "shenzhen 4"] in cells
    assert ["fill holes", "yes"] in cells
    assert ["shape", "1, 1, 224, 224"] in cells
    assert ["float32", "model.onnx", "12" * 32] in cells
    assert f"`{'ef' * 32}`" in text
    assert "- No laterals." in text


def test_every_card_says_that_it_is_no_medical_device() -> None:
    for task in ("segmentation", "classification", "report", "something else"):
        assert model_card.markdown({"task": task}).count("Not a medical device.") == 2


def test_terms_and_citation_of_the_data_go_with_the_model() -> None:
    facts = archives.load("v7").CARD
    text = model_card.markdown(card())
    assert facts.terms in text
    assert facts.citation.strip() in text


def test_data_are_the_facts_of_the_archive() -> None:
    facts = archives.load("mimic-cxr-jpg").CARD
    assert model_card.data("mimic-cxr-jpg", {"train": 5}, 3) == {
        "archive": "mimic-cxr-jpg", "title": facts.title, "licence": "credentialed",
        "terms": facts.terms, "citation": facts.citation,
        "train": 5, "validate": 0, "test": 0, "patients": 3,
    }  # fmt: skip
    with pytest.raises(InputRefused, match="E101"):
        model_card.data("nowhere", {}, 0)


def test_closed_archives_are_named() -> None:
    both = {"data": [model_card.data(n, {}, 0) for n in ("shenzhen", "mimic-cxr", "chexpert")]}
    titles = [archives.load(n).CARD.title for n in ("mimic-cxr", "chexpert")]
    assert model_card.restricted(both) == titles
    assert model_card.restricted({}) == []


def test_a_card_whose_writing_fails_leaves_the_old_one(tmp_path: Path) -> None:
    model_card.write(tmp_path, card())
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(TypeError):
        model_card.write(tmp_path, card() | {"extra": object()})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    table = card_tables.of("t", [{"name": "a | b", "images": 3}])
    assert r"| a \| b | 3 |" in card_tables.markdown(table)


def test_nested_scores_become_tables_of_one_kind_each() -> None:
    edema = {"images": 9, "auroc": 0.8, "at_threshold": {"f1": 0.5}, "points": [[0.1, 0.2, 3]]}
    found = card_tables.scores({
        "split": "test",
        "observations": {"Edema": edema, "Nodule": edema},
        "subgroups": {"sex": {"F": {"Edema": edema}, "M": {"Edema": edema | {"auroc": None}}}},
        "areas": [{"archive": "v7", "dice": 0.9}],
    })  # fmt: skip
    tables = {table.title: table for table in found}
    assert list(tables) == ["", "Areas", "Observations", "Observations, at threshold", "By sex"]
    assert tables["Observations"].columns == ("", "images", "AUROC")
    assert tables["Observations"].rows[1] == ("Nodule", "9", "0.800")
    assert tables["Observations, at threshold"].rows[0] == ("Edema", "0.500")
    assert tables["By sex"].rows[1] == ("Edema", "M", "9", "not defined")
    assert tables["By sex"].numeric == (False, False, True, True)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.95, "0.950"), (0.00042, "0.00042"), (12.345, "12.3"), (1200, "1,200"),
     (None, "not defined"), (True, "yes"), ([1, "a"], "1, a"), (0.0, "0"), ("x", "x"),
     (1234.5, "1,234.5")],
)  # fmt: skip
def test_values_are_written_for_readers(value: object, text: str) -> None:
    assert card_tables.shown(value) == text
