"""The page: the form of the published ones, one HTML file that needs nothing, the same bytes."""

import base64
import dataclasses
import hashlib
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
from made_up_cards import facts_of, guangzhou, made, printed, table, tables

from cxrkit import archives, records
from cxrkit.cards import card, charts, document, figures, page
from cxrkit.cards import tree as folders
from cxrkit.cards.charts import Bar
from cxrkit.cards.document import Figure, Items, Listing, Page, Pairs, Section, Table, Text
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.phantom import mimic_cxr_jpg
from cxrkit.records import Record

PUBLISHED = [
    "Dataset Information", "Dataset Meta Information", "Label Information Statistics",
    "Visualization", "File Structure", "Authors and Institutions", "Source Information",
    "Citation",
]  # fmt: skip
VOID = {"meta", "img", "br", "hr", "link", "input", "rect", "line"}


class Tags(HTMLParser):
    """Every tag of a page with its attributes; what is not closed in order is a failure."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.cells: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag == "td":
            self.cells.append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data
        if "td" in self.open:
            self.cells[-1] += data


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    tags.close()
    assert tags.open == []
    return tags


def external(tags: Tags) -> Iterator[str]:
    """Addresses that a browser would fetch by itself: everything but links and anchors."""
    for tag, attributes in tags.found:
        for name, value in attributes.items():
            fetched = name in ("src", "srcset", "data", "poster", "background", "action") or (
                name == "href" and tag != "a"
            )
            if fetched and not str(value).startswith("data:image/png;base64,"):
                yield f"{tag} {name}={value}"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return guangzhou(tmp_path_factory.mktemp("guangzhou"))


@pytest.fixture(scope="module")
def written(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The card of the tree with pictures."""
    facts, readable = card.of_archive("guangzhou", tree, 1)
    read = figures.of_archive(archives.load("guangzhou"), tree)
    out = tmp_path_factory.mktemp("cards") / "card"
    shown = figures.pictures(readable, facts.observations, read)
    page.write(out, facts, page.of(facts, shown))
    return out


def text(out: Path, name: str) -> str:
    return (out / name).read_text(encoding="utf-8")


def test_the_published_headings_come_first_in_their_order(written: Path) -> None:
    headings = re.findall(r"^## (.*)$", text(written, "card.md"), re.MULTILINE)
    assert headings[: len(PUBLISHED)] == PUBLISHED
    assert headings[len(PUBLISHED)] == "Claimed against counted"
    assert len(headings) == len(set(headings)) and headings[-1] == "How this card was made"


def test_tables_have_the_published_columns(written: Path) -> None:
    headers = [header for header, _ in tables(text(written, "card.md"))]
    assert headers[0] == [
        "Dimensions", "Modality", "Task Type", "Anatomical Structures", "Anatomical Area",
        "Number of Categories", "Data Volume", "File Format",
    ]  # fmt: skip
    assert headers[1][:2] == ["Dataset Statistics", "size"]
    assert headers[2] == ["Category", "train", "validate", "test", "total"]


def test_source_lines_are_key_and_value(written: Path) -> None:
    markdown = text(written, "card.md")
    assert "Official Website: https://data.mendeley.com/datasets/rscbjbr9sj/2" in markdown
    assert re.search(r"^Publication Date: 20\d\d", markdown, re.MULTILINE)


def test_the_page_reads_the_pages_that_it_imitates(written: Path) -> None:
    """The reader of these tests finds the same tables in a page as it is published."""
    published = (
        "### Resolution Details\n\n"
        "| Dataset Statistics | size         |\n|--------------------|--------------|\n"
        "| min                | [384,127]   |\n"
    ).replace("|--------------------|--------------|", "|---|---|")
    assert table(published, "Dataset Statistics") == [
        {"Dataset Statistics": "min", "size": "[384,127]"}
    ]


def test_html_is_balanced_and_fetches_nothing(written: Path) -> None:
    tags = parsed(text(written, "card.html"))
    assert list(external(tags)) == []
    names = {tag for tag, _ in tags.found}
    assert not names & {"script", "link", "iframe", "object", "embed", "form"}
    style = re.findall(r"<style>(.*?)</style>", text(written, "card.html"), re.DOTALL)
    assert style and not any("url(" in rules or "@import" in rules for rules in style)
    links = {str(a["href"]) for tag, a in tags.found if tag == "a"}
    assert all(link.startswith(("https://", "#")) for link in links)
    assert {f"#{a['id']}" for t, a in tags.found if t == "section"} == {
        link for link in links if link.startswith("#")
    }


def test_a_page_that_fetches_or_is_not_balanced_is_seen() -> None:
    assert list(external(parsed('<img src="https://example.org/a.png">'))) != []
    assert list(external(parsed('<link rel="stylesheet" href="a.css">'))) != []
    with pytest.raises(AssertionError):
        parsed("<p><b>text</p></b>")
    with pytest.raises(AssertionError):
        parsed("<div>")


def test_every_table_of_the_markdown_is_in_the_html(written: Path) -> None:
    markdown, html = text(written, "card.md"), text(written, "card.html")
    assert html.count("<table>") == len(tables(markdown))
    listed = [cell for _, rows in tables(markdown) for row in rows for cell in row.values()]
    assert [unmarked(cell) for cell in listed] == parsed(html).cells


def unmarked(cell: str) -> str:
    """A cell of Markdown as plain words."""
    return re.sub(r"\\(.)", r"\1", cell).replace("`", "")


def test_restricted_marks_read_the_same_in_html() -> None:
    """Signs that HTML escapes are escaped once."""
    facts = facts_of([Record("x", "1", "1.png", labels={'O\'Brien & "Co"': 1})], "registered")
    tags = parsed(document.html(page.of(facts, [])))
    assert "<11" in tags.cells and 'O\'Brien & "Co"' in tags.cells
    assert "&lt;" not in tags.words and "&#3" not in tags.words


def test_pictures_are_of_each_class_and_at_most_320_pixels(written: Path) -> None:
    tags = parsed(text(written, "card.html"))
    pictures = [a for tag, a in tags.found if tag == "img"]
    assert [str(a["alt"]).split(",")[0] for a in pictures] == [
        "Pneumonia: absent", "Pneumonia: absent", "Pneumonia: present", "Pneumonia: present",
    ]  # fmt: skip
    for picture in pictures:
        data = base64.b64decode(str(picture["src"]).split(",")[1])
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        assert max(pixels.shape[:2]) == 320
    files = sorted(path.name for path in (written / "figures").glob("*.png"))
    assert len(files) == 4
    assert all(f"(figures/{name})" in text(written, "card.md") for name in files)


def test_restricted_archives_have_no_picture_and_no_name(tmp_path: Path) -> None:
    root, out = tmp_path / "mimic", tmp_path / "card"
    mimic_cxr_jpg.write_release(root, 6, 5, 64)
    gone = next(root.rglob("*.jpg"))
    gone.unlink()
    made("mimic-cxr-jpg", root, out)
    everything = "".join(
        p.read_text(encoding="utf-8") for p in out.rglob("*") if p.suffix not in ("", ".png")
    )
    assert not list(out.rglob("*.png")) and "data:image/png" not in everything
    table_ = archives.table(archives.load("mimic-cxr-jpg"), root)
    for column in ("image_id", "patient_id", "study_id"):
        assert not [value for value in table_[column].unique() if value in everything]
    assert "E202 missing-file" in everything


def test_folders_named_after_patients_are_not_named(tmp_path: Path) -> None:
    """Nobody said what a hospital's own folder allows, so it counts as restricted."""
    picture = np.arange(900, dtype=np.uint8).reshape(30, 30)
    for name in ("DOE_JANE/IM1.png", "ROE_RICHARD/IM1.png"):
        (tmp_path / "own" / name).parent.mkdir(parents=True)
        cv2.imwrite(str(tmp_path / "own" / name), picture)
    (tmp_path / "own" / "DOE_JANE" / "IM2.png").touch()
    out = made("folder", tmp_path / "own", tmp_path / "card")
    for name in ("card.md", "card.html", "card.json"):
        assert not re.search("doe|roe|jane|richard|IM1", text(out, name), re.IGNORECASE)


def test_a_tree_names_files_that_differ_in_digits_once() -> None:
    found = [f"a/IM-{n:04}.png" for n in range(12)]
    found += ["b/0a1b2c3d-4e5f6a7b.jpg", "b/00000001.jpg"]
    assert folders.drawn(found).splitlines() == [
        "a/", "    IM-#.png   (12 files)",
        "b/", "    #.jpg   (1 file)", "    <id>.jpg   (1 file)",
    ]  # fmt: skip


def test_the_attributes_of_the_page_are_escaped() -> None:
    hostile = '<script>alert("x")</script> | *a* `b|c` _d_'
    listed = [Record("x", "1", "1.png", labels={hostile: 1}), Record("x", "2", "2.png")]
    facts = facts_of(listed, title=hostile, traps=(hostile,), terms=hostile)
    made_page = page.of(facts, [])
    tags = parsed(document.html(made_page))
    assert "script" not in {tag for tag, _ in tags.found}
    assert '<script>alert("x")</script>' in tags.words
    markdown = document.markdown(made_page)
    assert "<script" not in markdown.replace("\\<script", "")
    (row,) = table(markdown, "label", "split")
    assert row["present"] == "1"


def test_two_runs_and_two_workers_give_the_same_bytes(tree: Path, tmp_path: Path) -> None:
    outs = [made("guangzhou", tree, tmp_path / str(n), workers=w) for n, w in enumerate((1, 1, 2))]
    assert len({digest(out) for out in outs}) == 1
    elsewhere = guangzhou(tmp_path / "another" / "folder")
    assert digest(made("guangzhou", elsewhere, tmp_path / "moved")) == digest(outs[0])
    assert str(tmp_path) not in text(outs[0], "card.html") + text(outs[0], "card.json")


def digest(out: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(out.rglob("*")):
        if path.is_file():
            found.update(path.relative_to(out).as_posix().encode() + path.read_bytes())
    return found.hexdigest()


def test_a_card_is_replaced_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    out = made("guangzhou", tree, tmp_path / "card")
    (out / "figures" / "class-9-1.png").write_bytes(b"left by an older card")
    (out / "notes.txt").write_text("mine")
    made("guangzhou", tree, out)
    assert not (out / "figures" / "class-9-1.png").exists() and (out / "notes.txt").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.tex").write_text("mine")
    with pytest.raises(InputRefused, match="E105"):
        made("guangzhou", tree, tmp_path / "other")
    assert [p.name for p in (tmp_path / "other").iterdir()] == ["thesis.tex"]


def test_numbers_stand_to_the_right() -> None:
    found = Table(("label", "images", "share"), (("a", "1,234", "3.5 %"), ("b", "<11", "-")))
    assert found.numeric == (False, True, True)
    assert document._row(("a|b", "`c|d`")) == "| a\\|b | `c\\|d` |"


def test_a_column_of_words_stands_to_the_left_though_all_of_it_is_withheld() -> None:
    rows = (("withheld", "withheld"), ("withheld", "withheld"))
    assert Table(("verdict", "F"), rows, words=("verdict",)).numeric == (False, True)


def test_every_kind_of_block_is_in_both_forms() -> None:
    blocks = (
        Text("See https://example.org/a and `code_x`."), Items(("one",)),
        Pairs((("Name", "value"),)), Listing("a  b"), Table(("c",), (("d",),)),
        Figure("f.svg", "drawn", b"<svg></svg>"),
    )  # fmt: skip
    made_page = Page("Title", "Lead", (("images", "3"),), (Section("Part one", blocks),))
    html, markdown = document.html(made_page), document.markdown(made_page, "figures")
    assert '<a href="https://example.org/a" rel="noreferrer">' in html
    assert "<code>code_x</code>" in html and "`code_x`" in markdown
    assert 'id="part-one"' in html and "## Part one" in markdown
    for words in ("one", "Name", "value", "a  b", "d", "drawn"):
        assert words in html and words in markdown
    assert "drawn" not in document.markdown(made_page)  # without a folder no figure is named


def test_a_mask_is_outlined_where_it_is() -> None:
    mask = np.zeros((100, 80), bool)
    mask[20:60, 10:40] = True
    picture, said = figures.drawn(np.full((100, 80), 90, np.uint8), (100, 80), mask)
    assert picture.shape == (320, 256, 3) and said == "mask outlined"
    coloured = np.argwhere(picture.max(axis=2) != picture.min(axis=2))
    (top, left), (bottom, right) = coloured.min(axis=0), coloured.max(axis=0)
    assert (top, left, bottom, right) == (64, 32, 191, 127)


def test_a_mask_of_another_size_is_not_drawn() -> None:
    picture, said = figures.drawn(np.zeros((50, 50), np.uint8), (50, 50), np.ones((60, 50), bool))
    assert said == "its mask is 60 x 50 and not drawn"
    assert (picture.max(axis=2) == picture.min(axis=2)).all()


def test_an_unreadable_image_is_passed_over() -> None:
    """Of twenty images the ones that cannot be read are replaced by others."""
    listed = [Record("x", f"{n:02}", f"{n:02}.png", labels={"A": 1, "B": 1}) for n in range(20)]
    tried: list[str] = []

    def read(record: Record):
        tried.append(record.image_id)
        if len(tried) % 2:
            raise ItemFault("E214", record.image, "cut", "whole", "copy")
        return np.zeros((9, 9), np.uint8), (9, 9), None

    shown = figures.pictures(records.frame(listed), ["A", "B"], read)
    assert [f.name for f in shown] == [f"class-{c}-{n}.png" for c in (1, 2) for n in (1, 2)]
    assert len({f.caption for f in shown}) == 4 and len(tried) == 8


def test_bars_are_as_long_as_their_numbers() -> None:
    drawing = charts.rows(
        "t", [Bar("a", (10, 30), "10"), Bar("b", (None, 20), "<11")], {"x": "a", "y": "d"}
    )
    tags = parsed(drawing)
    wide = [
        (a["class"], float(str(a["width"])))
        for tag, a in tags.found
        if tag == "rect" and a["height"] == "14.0"
    ]
    unit = wide[0][1] / 10
    assert [(style, round(w / unit)) for style, w in wide] == [("a", 10), ("d", 30), ("d", 20)]
    assert "&lt;11" in drawing and "<11" in tags.words


def test_a_histogram_has_a_column_for_each_bar() -> None:
    bars = [Bar("0-9", (5,), "5"), Bar("10+", (10,), "10"), Bar("x", (None,), "<11")]
    tags = parsed(charts.columns("t", bars, "years"))
    high = [float(str(a["height"])) for tag, a in tags.found if tag == "rect"]
    assert high == [75.0, 150.0, 0.0]


def test_ages_that_nobody_has_keep_their_place_on_the_axis() -> None:
    facts = facts_of([Record("x", f"{n}", f"{n}.png", age=age) for n, age in enumerate((5, 47))])
    (row,) = table(printed(facts), "label", "0-9")
    assert row == {"label": "all images", "0-9": "1", "10-19": "0", "20-29": "0", "30-39": "0",
                   "40+": "1"}  # fmt: skip
    (ages,) = (f for f in page.of(facts, []).figures if f.name == "ages.svg")
    assert [a["height"] for tag, a in parsed(ages.drawing).found if tag == "rect"] == [
        "150.0", "0.0", "0.0", "0.0", "150.0",
    ]  # fmt: skip


@pytest.mark.parametrize(("licence", "people", "drawn"), [("open", 3, True),
                         ("registered", 3, False), ("registered", 60, True)])  # fmt: skip
def test_a_chart_of_withheld_numbers_alone_is_left_out(
    licence: str, people: int, drawn: bool
) -> None:
    listed = [
        Record("x", f"{n}", f"{n}.png", f"{n % people}", age=40, labels={"Edema": n // people})
        for n in range(2 * people)
    ]
    names = {figure.name for figure in page.of(facts_of(listed, licence), []).figures}
    assert ({"labels.svg", "ages.svg"} <= names) == drawn and bool(names) == drawn
    if not drawn:
        assert "Counted in this copy: <11 chest radiographs of <11 patients" in printed(
            facts_of(listed, licence)
        )


def test_an_archive_without_labels_masks_and_patients_has_a_page() -> None:
    facts = facts_of([Record("x", "1", "1.png")], homepage="", citation="", tasks=())
    markdown = printed(facts)
    assert "The archive has neither labels nor masks." in markdown
    assert "The archive has no masks of its own." in markdown
    parsed(document.html(page.of(facts, [])))


def test_an_empty_archive_has_a_page() -> None:
    facts = facts_of([])
    (meta,) = table(printed(facts), "Dimensions")
    assert meta["Data Volume"] == "0"
    assert json.loads(page.as_json(facts))["sizes"]["least"] is None


def test_the_facts_of_every_archive_make_a_page() -> None:
    """Whatever an adapter's card says, the page is balanced and fetches nothing."""
    facts = facts_of([Record("x", "1", "1.png", mask="m.png")], mask_of="lungs")
    for name in archives.names():
        archive = archives.load(name)
        claims = tuple(
            card.Checked(c.what, c.value, None, "cannot tell", c.source, c.why)
            for c in archive.CARD.claims
        )
        about = card.paragraphs(str(archive.__doc__))
        filled = dataclasses.replace(
            facts, card=archive.CARD, about=about, layout=archive.LAYOUT, claims=claims
        )
        tags = parsed(document.html(page.of(filled, [])))
        assert list(external(tags)) == []
        tables(document.markdown(page.of(filled, [])))
