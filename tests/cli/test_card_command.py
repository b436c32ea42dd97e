"""`cxr card` as a user runs it."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.cards import page
from cxrkit.cli import main


def cxr(monkeypatch: pytest.MonkeyPatch, *words: object) -> int:
    """The exit status of the command."""
    monkeypatch.setattr(sys, "argv", ["cxr", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four flat pictures in the layout of Shenzhen, one of them with a mask."""
    for folder in ("images", "masks"):
        (tmp_path / "SZ" / folder).mkdir(parents=True)
    for number in range(4):
        picture = np.full((40, 30), 50 + number, np.uint8)
        picture[0, 0] = 0
        name = f"CHNCXR_{number:04}_{number % 2}"
        cv2.imwrite(str(tmp_path / "SZ" / "images" / f"{name}.png"), picture)
        if number == 0:
            mask = np.zeros((40, 30), np.uint8)
            mask[10:30, 5:25] = 255
            cv2.imwrite(str(tmp_path / "SZ" / "masks" / f"{name}_mask.png"), mask)
    return tmp_path / "SZ"


def test_a_card_is_three_files_and_its_figures(root, tmp_path, monkeypatch, capsys) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card", "--workers", 2) == 0
    names = {path.name for path in (tmp_path / "card").iterdir()}
    assert names == {"card.md", "card.html", "card.json", "figures"}
    assert "card.html" in capsys.readouterr().out
    assert len(list((tmp_path / "card" / "figures").glob("*.png"))) == 4


def test_without_out_the_markdown_is_printed(root, monkeypatch, capsys) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("# Shenzhen") and "## Traps" in shown.out
    assert "figures/" not in shown.out and "reading the headers of 4 images" in shown.err


def test_json_is_all_numbers(root, tmp_path, monkeypatch, capsys) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card", "--json") == 0
    numbers = json.loads(capsys.readouterr().out)
    assert numbers == json.loads((tmp_path / "card" / "card.json").read_text())
    assert numbers["sizes"]["least"] == [40, 30]


def test_no_images_leaves_the_pictures_out(root, tmp_path, monkeypatch) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card", "--no-images") == 0
    assert not list((tmp_path / "card").rglob("*.png"))
    assert "data:image" not in (tmp_path / "card" / "card.html").read_text()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("shenzhen",), "E107"),
        (("shenzhen", "{root}", "{out}", "more"), "E107"),
        (("shenzhen", "{root}/absent", "{out}"), "E101"),
        (("{root}", "{out}"), "E101"),
        (("nonsense", "{root}", "{out}"), "E107"),
        (("shenzhen", "{root}", "{root}"), "E107"),
    ],
)
def test_refusals_are_one_line(root, tmp_path, monkeypatch, capsys, words, code) -> None:
    out = tmp_path / "out"
    status = cxr(monkeypatch, "card", *(word.format(root=root, out=out) for word in words))
    shown = capsys.readouterr()
    assert status == 4 and shown.out == "" and not out.exists()
    assert shown.err.splitlines()[-1].startswith(f"{code} ") and "Remedy: " in shown.err


def test_the_archive_is_not_written_to(root, tmp_path, monkeypatch) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card")
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_card_in_the_archive_is_refused(
    monkeypatch: pytest.MonkeyPatch, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root, root / "card") == 4
    assert "E107" in capsys.readouterr().err and not (root / "card").exists()


def test_a_card_of_a_copy_that_lacks_files_says_so_and_has_status_0(
    root, tmp_path, monkeypatch, capsys
) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card") == 0
    assert "see Files" not in capsys.readouterr().err
    (root / "images" / "CHNCXR_0003_1.png").write_bytes(b"no picture")
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card") == 0
    assert "can be used: see Files on the page" in capsys.readouterr().err
    assert "Not every image that is listed can be used" in (tmp_path / "card/card.md").read_text()


def test_a_card_that_a_disk_does_not_take_leaves_the_older_one(
    root, tmp_path, monkeypatch, capsys
) -> None:
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card") == 0
    before = {p: p.read_bytes() for p in (tmp_path / "card").rglob("*") if p.is_file()}
    (root / "images" / "CHNCXR_0003_1.png").unlink()

    def full(path: Path, text: str) -> None:
        raise OSError(28, "no")

    with monkeypatch.context() as patch:
        patch.setattr(page, "_put", full)
        assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card") == 6
    assert "E601 disk-full" in capsys.readouterr().err
    assert {p: p.read_bytes() for p in (tmp_path / "card").rglob("*") if p.is_file()} == before
    assert cxr(monkeypatch, "card", "shenzhen", root, tmp_path / "card") == 0
