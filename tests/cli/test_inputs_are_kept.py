"""No command writes where it reads: whatever it is given is refused as its output."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cxrkit.cli import application, lists
from cxrkit.errors import InputRefused
from cxrkit.phantom import shenzhen
from cxrkit.pipeline.run import require_file

# An input of each kind, given as the output too.
COMMANDS = {
    "split --duplicates": ("split", "{source}", "{file}", "--duplicates", "{file}"),
    "leakage --split": ("leakage", "{source}", "--split", "{file}", "--list", "{file}"),
    "leakage --duplicates": ("leakage", "{source}", "--duplicates", "{file}", "--list", "{file}"),
    "leakage --model": ("leakage", "{source}", "--model", "{folder}", "--list", "{folder}/a.csv"),
    "quality --images": ("quality", "{source}", "--images", "{folder}", "--list", "{folder}/a.csv"),
    "duplicates": ("duplicates", "{source}", "{folder}", "--list", "{folder}/a.csv"),
    "duplicates, a colon": ("duplicates", "{colon}", "--list", "{colon}/a.csv"),
}


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_what_is_read_is_refused_as_an_output(tmp_path: Path, words: tuple[str, ...]) -> None:
    shenzhen.write_release(tmp_path / "root", 4, 0, 64)
    for name in ("folder", "a:b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.csv").write_text("kept")
    (tmp_path / "file.csv").write_text("kept")
    given = {
        "source": f"shenzhen:{tmp_path / 'root'}", "file": tmp_path / "file.csv",
        "folder": tmp_path / "folder", "colon": tmp_path / "a:b",
    }  # fmt: skip
    done = CliRunner().invoke(application([words[0]]), [word.format(**given) for word in words])
    assert isinstance(done.exception, InputRefused), done.output
    assert done.exception.code == "E107" and "only read" in str(done.exception)
    kept = [p for p in tmp_path.rglob("*.csv") if p.is_file()]
    assert len(kept) == 3 and {p.read_text() for p in kept} == {"kept"}


def test_a_link_to_what_is_read_is_no_way_around(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("kept")
    (tmp_path / "b.csv").symlink_to("a.csv")
    for out, read in (("a.csv", "b.csv"), ("b.csv", "a.csv")):
        with pytest.raises(InputRefused, match=r"E107 .*a file that is only read"):
            require_file(tmp_path / out, "OUT", tmp_path / read)


def test_the_quarantine_beside_a_list_replaces_no_input(tmp_path: Path) -> None:
    (tmp_path / "a.quarantine.csv").write_text("kept")
    lists.require(tmp_path / "a.csv", "--list", tmp_path / "b.csv")
    with pytest.raises(InputRefused, match=r"E107 .*a\.quarantine\.csv: .* give --list another"):
        lists.require(tmp_path / "a.csv", "--list", tmp_path / "a.quarantine.csv")
