"""`cxr duplicates` as a user runs it: text, JSON, list, quarantine, exit statuses."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.phantom.anatomy import draw_subject, render

CXR = (sys.executable, "-c", "from cxrkit.cli import main; main()")


def cxr(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*CXR, "duplicates", *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture
def workplace(tmp_path: Path) -> Path:
    """ones/ has two chests and a broken file, others/ a mirrored copy of the first."""
    for folder in ("ones", "others"):
        (tmp_path / folder).mkdir()
    for number in range(2):
        rng = np.random.default_rng(number)
        pixels = render(draw_subject(rng), 288, 256, rng).radiograph
        cv2.imwrite(str(tmp_path / f"ones/{number}.png"), pixels)
        if number == 0:
            cv2.imwrite(str(tmp_path / "others/copy.png"), pixels[:, ::-1])
    (tmp_path / "ones/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_copies_and_unreadable_files_are_listed(workplace: Path) -> None:
    done = cxr(workplace, "ones", "others", "--workers", "1")
    assert done.returncode == 3, done.stderr
    assert "3 images compared" in done.stdout
    assert "1 groups of copies, 2 images: duplicates.csv" in done.stdout
    assert "0 groups within a source, 1 across" in done.stdout
    assert "1 mirrored" in done.stdout
    first, second = rows(workplace / "duplicates.csv")
    assert list(first) == ["group", "kind", "archive", "image_id", "patient_id", "source", "image",
                           "similarity", "transform"]  # fmt: skip
    assert (first["kind"], first["similarity"], first["transform"]) == ("first", "1.0000", "same")
    assert (second["group"], second["kind"], second["transform"]) == ("1", "near", "mirrored")
    (bad,) = rows(workplace / "duplicates.quarantine.csv")
    assert (bad["source"], bad["image"]) == ("ones", "broken.png")
    assert (bad["stage"], bad["code"]) == ("read", "E214")
    assert "Traceback" not in done.stderr


def test_the_bytes_do_not_depend_on_order_or_workers(workplace: Path) -> None:
    (workplace / "ones/broken.png").unlink()
    assert cxr(workplace, "ones", "others", "--list", "a.csv", "--workers", "1").returncode == 0
    assert cxr(workplace, "others", "ones", "--list", "b.csv", "--workers", "2").returncode == 0
    assert (workplace / "a.csv").read_bytes() == (workplace / "b.csv").read_bytes()
    assert not (workplace / "a.quarantine.csv").exists()


def test_json_has_the_numbers(workplace: Path) -> None:
    done = cxr(workplace, "ones", "others", "--json")
    told = json.loads(done.stdout)
    assert told["images"] == {"ones": 2, "others": 1}
    assert told["kinds"] == {"bytes": 0, "pixels": 0, "near": 1}
    assert (told["unread"], told["groups"], told["groups_across"]) == (1, 1, 1)


def test_without_copies_the_list_is_empty(workplace: Path) -> None:
    done = cxr(workplace, "ones")
    assert "no copies" in done.stdout
    assert (workplace / "duplicates.csv").read_text().count("\n") == 1


def test_refusals_write_nothing(workplace: Path) -> None:
    for arguments, code in (
        (("nowhere",), "E101"),
        (("ones", "ones"), "E107"),
        (("ones", "--list", "ones/list.csv"), "E107"),
        (("ones", "--list", "absent/list.csv"), "E107"),
    ):
        done = cxr(workplace, *arguments)
        assert done.returncode == 4 and done.stderr.startswith(code), done.stderr
        assert done.stdout == ""
    assert not list(workplace.rglob("*.csv"))
