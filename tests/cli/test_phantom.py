"""`cxr phantom` from the outside."""

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from cxrkit import archives
from cxrkit.cli.phantom import phantom, replicas
from cxrkit.errors import InputRefused

app = typer.Typer()
app.command("phantom")(phantom)


def run(*words: object) -> "tuple[int, str, BaseException | None]":
    result = CliRunner().invoke(app, [str(word) for word in words])
    return result.exit_code, result.output, result.exception


def test_it_writes_the_release_and_says_what(tmp_path: Path) -> None:
    out, masks = tmp_path / "out", tmp_path / "masks"
    code, text, _ = run(
        "mimic-cxr-jpg", out, "--studies", 2, "--size", 96, "--workers", 1, "--masks", masks
    )
    images = list(out.rglob("*.jpg"))
    assert code == 0 and images and (out / "SHA256SUMS.txt").is_file()
    assert f"2 studies, {len(images)} images" in text
    assert (masks / "truth.csv").is_file()


def test_an_unknown_archive_is_refused_with_the_list(tmp_path: Path) -> None:
    _, _, error = run("atlantis", tmp_path / "out")
    assert isinstance(error, InputRefused) and error.code == "E101"
    assert "mimic-cxr-jpg" in str(error)
    assert not (tmp_path / "out").exists()


def test_only_modules_that_write_a_release_are_archives() -> None:
    assert "mimic-cxr-jpg" in replicas()
    assert "anatomy" not in replicas() and "dictation" not in replicas()


def test_a_filled_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")
    _, _, error = run("mimic-cxr-jpg", tmp_path, "--studies", 1, "--size", 96)
    assert isinstance(error, InputRefused) and error.code == "E105"


@pytest.mark.parametrize("option", [("--studies", "0"), ("--size", "10"), ("--seed", "-1")])
def test_impossible_numbers_are_refused(tmp_path: Path, option: "tuple[str, str]") -> None:
    code, _, _ = run("mimic-cxr-jpg", tmp_path / "out", *option)
    assert code == 2 and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("archive", "form"),
    [("siim-acr", "png"), ("shenzhen", "sz-cxr"), ("v7", "darwin-2.0"), ("open-i", "png")],
)
def test_another_form_is_read_as_well(archive: str, form: str, tmp_path: Path) -> None:
    code, _, _ = run(archive, tmp_path / "a", "--studies", 3, "--size", 64, "--form", form)
    assert code == 0
    assert list(archives.load(archive).records(tmp_path / "a"))


def test_an_unknown_form_is_refused(tmp_path: Path) -> None:
    for archive in ("siim-acr", "jsrt"):
        _, _, error = run(archive, tmp_path / "a", "--form", "oil-on-canvas")
        assert isinstance(error, InputRefused) and error.code == "E107"
    assert not (tmp_path / "a").exists()
