"""A table that holds the masks of many images: what is wrong with one is said of its image."""

import csv
import hashlib
from pathlib import Path

import pytest

from cxrkit.phantom import siim_acr
from cxrkit.verification.report import Check
from cxrkit.verification.verify import Options, verify

ONLY = ("claims", "ids", "splits", "files", "sizes")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A competition's tree where the outlines of two images run past the end."""
    root = tmp_path / "siim"
    siim_acr.write_release(root, studies=12, seed=0, size=64)
    return root


def spoiled(root: Path, number: int) -> list[str]:
    """The ids of so many images to whose outline a run far outside was added."""
    with (root / "train-rle.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    ids: list[str] = []
    for row in rows:
        if row[1].strip() != "-1" and row[0] not in ids and len(ids) < number:
            row[1] += " 999999 1"
            ids.append(row[0])
    with (root / "train-rle.csv").open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([header, *rows])
    return ids


def masks_of(root: Path) -> tuple[Check, list[tuple[str, str, str]]]:
    report = verify("siim-acr", root, Options(ONLY, None, 0, 1), lambda *_: None)
    (check,) = [c for c in report.checks if c.what == "masks that fit their images"]
    return check, [(bad.path, bad.code, bad.message) for bad in report.bad]


def test_sound_masks_hold(copy: Path) -> None:
    check, bad = masks_of(copy)
    assert check.status == "holds" and check.found == check.claimed and not bad


def test_each_bad_run_length_counts_and_names_its_image(copy: Path) -> None:
    ids = spoiled(copy, 2)
    check, bad = masks_of(copy)
    assert check.status == "failed"
    assert check.claimed is not None and check.found == check.claimed - 2
    assert sorted(Path(path).stem for path, _, _ in bad) == sorted(ids)
    for path, code, message in bad:
        assert (copy / path).is_file() and code == "E232"
        assert message.startswith("its mask in train-rle.csv: a run that ends ")


def test_a_table_with_the_published_checksum_is_so_in_the_release(copy: Path) -> None:
    spoiled(copy, 1)
    digest = hashlib.sha256((copy / "train-rle.csv").read_bytes()).hexdigest()
    (copy / "SHA256SUMS.txt").write_text(f"{digest}  train-rle.csv\n")
    assert masks_of(copy)[0].status == "false"
