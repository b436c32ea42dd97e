"""Comparisons: one split for all, no cell across conventions, the leak beside the honest figure."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from cxrkit.training import comparison, segmentation_runs
from cxrkit.training.cases import Case, gather
from cxrkit.training.loop import Event
from cxrkit.training.segmentation_runs import Plan, Shares

SHARES = Shares(validate=0.1, test=0.25, copies=40)


@pytest.fixture(scope="module")
def cases(drawn_archive: Path) -> list[Case]:
    """The drawn archive under two names, the second with the other convention."""
    own = gather("shenzhen", drawn_archive, None, "included")
    return own + [replace(c, archive="v7", convention="included") for c in own]


@pytest.fixture
def plan() -> Plan:
    return segmentation_runs.plan(
        "leak-free", "sa-unet", {"width": 2}, {"epochs": 1, "batch": 4, "learning_rate": 1e-2}
    )


def quiet(event: Event) -> None:
    """No report."""


def splits(folder: Path) -> dict[str, str]:
    with (folder / "split.csv").open(newline="") as file:
        return {f"{r['archive']} {r['image_id']}": r["split"] for r in csv.DictReader(file)}


@pytest.mark.slow
def test_networks_are_compared_on_one_split(cases: list[Case], plan: Plan, tmp_path: Path) -> None:
    rows = comparison.networks(cases, plan, tmp_path, "cpu", quiet, SHARES)
    assert [r["network"] for r in rows[::2]] == ["sa-unet", "unet", "unet++", "attention-unet"]
    assert {r["archive"] for r in rows} == {"shenzhen", "v7"}
    assert len({frozenset(splits(tmp_path / n).items()) for n in ("sa-unet", "unet")}) == 1
    assert all(r["dice_95_interval"][0] <= r["dice"] <= r["dice_95_interval"][1] for r in rows)
    assert all(r["milliseconds_int8"] > 0 for r in rows)
    again = comparison.networks(cases, plan, tmp_path, "cpu", quiet, SHARES)
    assert [r["dice"] for r in again] == [r["dice"] for r in rows]


@pytest.mark.slow
def test_the_grid_has_no_cell_across_conventions(
    cases: list[Case], plan: Plan, tmp_path: Path
) -> None:
    rows = comparison.archives_grid(cases, plan, tmp_path, "cpu", quiet, SHARES)
    assert [(r["trained"], r["tested"]) for r in rows] == [("shenzhen", "shenzhen"), ("v7", "v7")]
    same = [replace(c, convention="excluded") for c in cases]
    rows = comparison.archives_grid(same, plan, tmp_path / "same", "cpu", quiet, SHARES)
    assert len(rows) == 4


@pytest.mark.slow
def test_the_leak_stands_beside_the_honest_figure(
    cases: list[Case], plan: Plan, tmp_path: Path
) -> None:
    rows = comparison.recipes(cases, plan, tmp_path, "cpu", quiet, SHARES)
    assert {r["recipe"] for r in rows} == {
        "cxlseg, its own test copies (leaking)",
        "cxlseg, patients never seen",
        "leak-free, patients never seen",
    }
    with (tmp_path / "cxlseg" / "split.csv").open(newline="") as file:
        dealt = list(csv.DictReader(file))
    held_back = {(r["archive"], r["image_id"]) for r in dealt if not r["copy"]}
    copied = {(r["archive"], r["image_id"]) for r in dealt if r["copy"]}
    assert held_back
    assert not held_back & copied
    page = (tmp_path / "cxlseg" / "card.md").read_text()
    assert "LEAKING" in page


def test_a_table_shows_intervals_beside_their_score() -> None:
    rows = [{"network": "unet", "dice": 0.95, "dice_95_interval": [0.94, 0.96], "images": 1200}]
    table = comparison.markdown(rows, {"network": "network", "Dice": "dice", "n": "images"})
    assert table.splitlines()[2] == "| unet | 0.9500 [0.9400, 0.9600] | 1,200 |"
