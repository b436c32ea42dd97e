"""The page of a run: it says what the card says, needs nothing else and shows no closed images."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from cxrkit.training import curves, model_card, run_page
from cxrkit.training.card_tables import Table
from cxrkit.training.run_page import Figure, Page, Picture

VOID = {"meta", "img", "br", "link", "input"}


class Reader(HTMLParser):
    """Collects what a browser would: tags in balance, headings, cells, addresses."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.found: dict[str, list[str]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [v or "" for k, v in attrs if k in ("href", "src", "action", "data")]
        assert not [k for k, _ in attrs if k.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and data.strip():
            self.found.setdefault(self.open[-1], []).append(data.strip())


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


def card(archive: str = "shenzhen", **more: Any) -> dict[str, Any]:
    return {
        "title": "Lungs",
        "task": "segmentation",
        "architecture": "sa_unet",
        "parameters": 537028,
        "recipe": {"threshold": 0.5},
        "training": {"epochs": 2, "learning_rate": 2e-3},
        "data": [model_card.data(archive, {"train": 1234, "validate": 50, "test": 60}, 900)],
        "split": "whole patients",
        "split_sha256": "ab" * 32,
        "intervals": "95 %, bootstrap over patients",
        "scores": {
            "int8": {archive: {"images": 60, "dice": 0.95, "dice_95_interval": [0.9, 0.97]}}
        },
    } | more


def png() -> bytes:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    return bytes(cv2.imencode(".png", pixels)[1].tobytes())


ROWS = [
    {"epoch": 1, "loss": 0.9, "learning_rate": 1e-3, "dice": 0.5, "hausdorff95": 20, "seconds": 60},
    {"epoch": 2, "loss": 0.4, "learning_rate": 1e-4, "dice": 0.8, "hausdorff95": 9, "seconds": 62},
]


def page(**more: Any) -> Page:
    figure = Figure("Two epochs.", curves.learning("t", [], "loss"))
    table = Table("By <view>", ("view", "Dice"), (("PA & AP", "0.9"),))
    shown: dict[str, Any] = {
        "title": "Lungs <b>", "card": card(), "rows": ROWS, "figures": [figure],
        "tables": [table], "pictures": [Picture("Worst 'one' & < all.", png())],
    }  # fmt: skip
    return Page(**(shown | more))


def test_the_page_needs_nothing_else() -> None:
    html = run_page.html(page())
    found = read(html)
    assert all(a.startswith("data:image/png;base64,") for a in found.addresses)
    assert not {"script", "link", "iframe", "object", "form"} & set(found.tags)
    assert not re.search(r"url\(|@import|javascript:", html)
    assert "prefers-color-scheme: dark" in html


def test_names_are_words_and_never_markup() -> None:
    found = read(run_page.html(page()))
    assert found.found["h1"] == ["Lungs <b>"]
    assert "By <view>" in found.found["h3"]
    assert "PA & AP" in found.found["td"]
    assert "b" not in found.tags
    assert "Worst 'one' & < all." in found.found["figcaption"]


def test_the_top_says_what_was_trained_and_the_key_figures() -> None:
    found = read(run_page.html(page(key=[("Dice", "0.95")])))
    assert found.found["p"][0].startswith("sa_unet, trained for segmentation on 1,234 radiographs")
    assert found.found["p"][1] == "Not a medical device."
    assert found.found["dd"][:8] == [
        "0.95", "1,234", "50", "60", "900", "537,028", "2", "2 min",
    ]  # fmt: skip


def test_sections_stand_in_the_promised_order() -> None:
    found = read(run_page.html(page()))
    assert found.found["h2"] == [
        "Training", "Scores", "Figures", "Worst cases", "Recipe", "Data and terms", "Limits",
    ]  # fmt: skip
    facts = card()["data"][0]
    assert facts["terms"] in found.found["p"]
    assert facts["citation"].strip() in found.found["pre"]
    assert "0.002" in found.found["dd"]


def test_each_kind_of_column_of_the_log_has_its_own_axis() -> None:
    figures = run_page.learning(ROWS)
    labels = [re.findall(r">(loss|Dice|HD95)<", f.svg) for f in figures]
    assert labels == [["loss"], ["Dice"], ["HD95"]]
    assert run_page.learning([]) == []
    gap = [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.4, "dice": 0.7}]
    assert len(run_page.learning(gap)) == 2


def test_the_scores_of_the_card_are_shown_where_no_table_is_given() -> None:
    cells = read(run_page.html(page(tables=()))).found["td"]
    assert "0.950 [0.900, 0.970]" in cells


def test_a_picture_is_the_one_that_was_given() -> None:
    (address,) = read(run_page.html(page())).addresses
    assert base64.b64decode(address.split(",")[1]) == png()


@pytest.mark.parametrize("archive", ["mimic-cxr", "chexpert"])
def test_closed_images_are_missed_aloud(archive: str) -> None:
    closed = card(archive)
    assert not run_page.shows_pictures(closed)
    text = run_page.html(page(card=closed, pictures=()))
    assert "No pictures are shown" in text and "--pictures" in text
    asked = run_page.html(page(card=closed))
    assert "No pictures are shown" not in asked and "Do not pass this page on" in asked


def test_open_images_may_be_shown() -> None:
    assert run_page.shows_pictures(card("shenzhen"))
    text = run_page.html(page(pictures=()))
    assert "Worst cases" not in text and "--pictures" not in text


def test_a_bare_card_makes_a_page() -> None:
    found = read(run_page.html(Page("Nothing", {}, [])))
    assert found.found["h1"] == ["Nothing"]


def test_the_file_is_the_page_and_the_same_twice(tmp_path: Path) -> None:
    run_page.write(tmp_path, page())
    first = (tmp_path / "report.html").read_bytes()
    run_page.write(tmp_path, page())
    assert (tmp_path / "report.html").read_bytes() == first == run_page.html(page()).encode()
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize(
    ("seconds", "text"), [(12, "12 s"), (600, "10 min"), (5400, "1 h 30 min"), (7260, "2 h 1 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    rows = [{"epoch": 1.0, "loss": 1.0, "seconds": seconds}]
    assert text in read(run_page.html(Page("t", {}, rows))).found["dd"]
