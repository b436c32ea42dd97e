"""`cxr audit` says of each statement what it found, and its exit status is a gate."""

import json
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrkit.cli import application
from cxrkit.errors import GateFailed, InputRefused
from cxrkit.phantom import chestx_ray14, folder


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Six of 662 images: four with tuberculosis, none with a mask."""
    root = tmp_path / "SZ-CXR"
    (root / "images").mkdir(parents=True)
    for n in range(6):
        (root / f"images/CHNCXR_{n:04}_{int(n < 4)}.png").touch()
    return root


def audited(card: str, root: Path, *options: str) -> tuple[str, Exception | None]:
    path = root.parent / "card.md"
    path.write_text(card, encoding="utf-8")
    done = CliRunner().invoke(
        application(["audit"]), ["audit", str(path), "shenzhen", str(root), *options]
    )
    failure = done.exception
    return done.stdout, failure if isinstance(failure, Exception) else None


def test_a_true_card_passes(copy: Path) -> None:
    text, failure = audited("# SZ-CXR\n\n6 images, 4 with tuberculosis.\n", copy)
    assert failure is None
    lines = text.splitlines()
    assert lines[1] == "    3  true          6 images"
    assert lines[2].strip() == "found 6; published: 662 [counted on this copy]"
    assert lines[-1] == "2 statements: 0 false, 2 true, 0 unverifiable"


def test_a_false_statement_is_exit_status_9_with_its_line(copy: Path) -> None:
    text, failure = audited("# SZ-CXR\n\n662 images.\n\n7 images.\n", copy)
    assert isinstance(failure, GateFailed) and failure.exit_code == 9
    assert str(failure).startswith("E903 false-claims: ")
    assert "1 of 2 statements are false: line 5 (7 images)" in str(failure)
    assert "    3  unverifiable  662 images" in text
    assert "    5  FALSE         7 images" in text
    assert "found this copy 6; published 662" in text


def test_json_has_every_verdict(copy: Path) -> None:
    text, failure = audited("# SZ-CXR\n\n7 images as PNG files.\n", copy, "--json")
    assert isinstance(failure, GateFailed)
    rows = json.loads(text)["statements"]
    assert rows[0]["verdict"] == "false" and rows[0]["line"] == 3
    assert rows[0]["found"] == "this copy 6; published 662"
    assert rows[0]["authority"] == "counted on this copy"
    assert all({"statement", "kind", "why", "section"} <= set(row) for row in rows)


@pytest.mark.parametrize("option", [(), ("--json",)])
def test_a_card_in_another_language_is_not_called_true(copy: Path, option: tuple[str]) -> None:
    text, failure = audited("# Karte\n\nDie Sammlung hat 662 Bilder.\n", copy, *option)
    assert failure is None
    assert "no checkable statement found" in text
    assert " true," not in text


def test_no_card_and_no_archive_are_refused(copy: Path) -> None:
    done = CliRunner().invoke(application(["audit"]), ["audit", "none.md", "shenzhen", str(copy)])
    assert str(done.exception) == (
        "E202 missing-file: none.md: No such file or directory (expected a Markdown file). "
        "Remedy: give the path of the card."
    )
    assert isinstance(done.exception, InputRefused)
    path = copy.parent / "card.md"
    path.write_text("6 images", encoding="utf-8")
    for name, root in (("nothing", copy), ("shenzhen", copy.parent / "nowhere")):
        done = CliRunner().invoke(application(["audit"]), ["audit", str(path), name, str(root)])
        assert isinstance(done.exception, InputRefused) and done.exception.code == "E101"


def test_no_pixel_is_needed_and_no_file_is_written(copy: Path) -> None:
    """The images are empty files: their faults are no obstacle, and the copy stays as it was."""
    before = sorted(p.name for p in copy.rglob("*"))
    card = "# SZ-CXR\n\n6 images.\n\n| Dataset Statistics | size |\n|---|---|\n| max | 9 x 9 |\n"
    for options in ((), ("--no-headers",)):
        text, _ = audited(card, copy, *options)
        assert "    3  true          6 images" in text
    assert sorted(p.name for p in copy.rglob("*")) == before


def audit_of_own_card(archive: str, root: Path, tmp_path: Path) -> tuple[str, str]:
    """The card of a copy, and what an audit of it says of the same copy."""
    run, out = CliRunner().invoke, tmp_path / "card"
    wrote = run(application(["card"]), ["card", archive, str(root), str(out)])
    assert wrote.exit_code == 0, wrote.output
    done = run(application(["audit"]), ["audit", str(out / "card.md"), archive, str(root)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return (out / "card.md").read_text(), done.stdout


@pytest.mark.parametrize("corrupt", [0, 1, 2])
def test_the_card_of_a_copy_with_corrupt_rows_holds_for_that_copy(
    tmp_path: Path, corrupt: int
) -> None:
    """Both count usable images and tell the damaged rows; the sum of both is true as well."""
    root = tmp_path / "nih"
    chestx_ray14.write_release(root, studies=8, seed=1, size=64)
    table = root / "Data_Entry_2017_v2020.csv"
    head, *rows = table.read_text().splitlines()
    for n in range(corrupt):
        rows[n] = rows[n].replace(",PA,", ",odd,").replace(",AP,", ",odd,")
    table.write_text("\n".join((head, *rows)) + "\n")
    usable, listed = len(rows) - corrupt, len(rows)
    card, text = audit_of_own_card("chestx-ray14", root, tmp_path)
    assert f"Counted in this copy: {usable} chest radiographs" in card
    assert text.splitlines()[-1].split(", ")[0].endswith(": 0 false")
    told = {
        0: "",
        1: f"1 damaged row of a table; with it there are {listed} records.",
        2: f"2 damaged rows of tables; with them there are {listed} records.",
    }[corrupt]
    assert told in card and ("Not counted" in card) == (corrupt > 0)
    for number in range(usable - 1, listed + 2):
        path = tmp_path / "other.md"
        path.write_text(f"# NIH Chest X-ray14\n\n{number} images.\n")
        done = CliRunner().invoke(
            application(["audit"]), ["audit", str(path), "chestx-ray14", str(root)]
        )
        assert (" 0 false," in done.stdout) == (number in (usable, listed)), done.stdout
        if corrupt:
            assert f"{usable} ({listed} with {corrupt} damaged row" in done.stdout


def test_the_card_of_a_copy_with_a_file_without_a_usable_name_holds(tmp_path: Path) -> None:
    root = tmp_path / "folder"
    folder.write_release(root, studies=6, seed=0, size=64)
    (root / os.fsdecode(b"odd\xff.png")).write_bytes(b"x")
    _, text = audit_of_own_card("folder", root, tmp_path)
    assert " 0 false," in text
