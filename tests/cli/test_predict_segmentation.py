"""`cxr predict segmentation`: the masks of a build, for loose files, at their own size."""

import csv
import os
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from cxrkit import cli
from cxrkit.errors import CxrkitError, InputRefused, ResourceExhausted
from cxrkit.imaging import runlength
from cxrkit.phantom.anatomy import render
from cxrkit.phantom.subject import Subject
from cxrkit.pipeline import durable

SIZE = (330, 300)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two phantoms, a blank picture and their true masks."""
    root = tmp_path_factory.mktemp("given")
    (root / "images").mkdir()
    for seed in (3, 4):
        made = render(Subject(seed=seed), *SIZE, np.random.default_rng(seed))
        cv2.imwrite(str(root / "images" / f"{seed}.png"), made.radiograph)
        lungs = (made.right_lung | made.left_lung).astype(np.uint8) * 255
        cv2.imwrite(str(root / f"{seed}-true.png"), lungs)
    cv2.imwrite(str(root / "images" / "blank.png"), np.full(SIZE, 9, np.uint8))
    return root


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.application(["predict"]), ["predict", "segmentation", *arguments])
    if isinstance(done.exception, CxrkitError):
        raise done.exception
    return done.exit_code, done.output


def table(out: Path) -> list[dict[str, str]]:
    with (out / "masks.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_masks_fit_the_lungs_at_the_size_of_the_radiograph(images: Path, tmp_path: Path) -> None:
    code, _ = run("shipped", str(images / "images"), str(tmp_path))
    assert code == 3  # the blank picture
    rows = table(tmp_path)
    assert len(rows) == 2
    for row in rows:
        mask = cv2.imread(str(tmp_path / row["mask"]), cv2.IMREAD_GRAYSCALE) > 127
        stem = Path(row["image"]).stem
        true = cv2.imread(str(images / f"{stem}-true.png"), cv2.IMREAD_GRAYSCALE) > 127
        assert mask.shape == true.shape == SIZE
        assert 2 * (mask & true).sum() / (mask.sum() + true.sum()) > 0.9
        assert np.array_equal(runlength.decode(row["mask_rle"], SIZE, "coco"), mask)
        assert float(row["right_share"]) + float(row["left_share"]) == pytest.approx(
            float(row["lung_share"]), abs=2e-4
        )
    quarantine = (tmp_path / "quarantine.csv").read_text()
    assert "blank.png" in quarantine
    assert "E216" in quarantine or "E240" in quarantine


def test_two_runs_give_the_same_bytes(images: Path, tmp_path: Path) -> None:
    file = str(images / "images" / "3.png")
    for name in ("one", "two"):
        assert run("shipped", file, str(tmp_path / name))[0] == 0
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / n).rglob("*.*")} for n in ("one", "two")
    )
    assert one == two


def test_a_file_of_weights_and_a_wrong_convention_are_refused(images: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E102"):
        run(str(tmp_path), str(images / "images"), str(tmp_path / "out"))
    with pytest.raises(InputRefused, match="E107"):
        run("shipped", str(images), str(tmp_path / "out"), "--mask-convention", "mixed")
    assert not (tmp_path / "out").exists()


def test_what_is_read_is_never_written_over(images: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    shutil.copytree(images / "images", archive / "images")
    (archive / "masks").mkdir()
    (archive / "masks" / "3.png").write_bytes(b"drawn by a person")
    before = {p: p.read_bytes() for p in archive.rglob("*.*")}
    for source in (str(archive), f"folder:{archive}"):
        for out in (archive, archive / "below", tmp_path):
            with pytest.raises(InputRefused, match=r"E107.*lies in or around"):
                run("shipped", source, str(out))
    one = str(archive / "images" / "3.png")
    with pytest.raises(InputRefused, match=r"E105.*masks.csv does not name it"):
        run("shipped", one, str(archive))
    assert {p: p.read_bytes() for p in archive.rglob("*.*")} == before


def test_masks_of_an_earlier_run_do_not_stay_beside_the_table(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run("shipped", str(images / "images"), str(out))
    assert run("shipped", str(images / "images" / "3.png"), str(out))[0] == 0
    assert [p.name for p in (out / "masks").iterdir()] == ["3.png"]
    assert not (out / "quarantine.csv").exists()
    with pytest.raises(InputRefused, match=r"E107.*its masks are what is read"):
        run("shipped", str(out / "masks" / "3.png"), str(out))


def test_a_run_that_stops_leaves_nothing_and_can_be_given_again(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, left = durable.write, [1]

    def full(path: Path, data: bytes) -> None:
        if not left:
            raise ResourceExhausted("E601", str(path), "No space left on device", "room", "room")
        left.pop()
        write(path, data)

    out = tmp_path / "out"
    with monkeypatch.context() as patched:
        patched.setattr(durable, "write", full)
        with pytest.raises(ResourceExhausted, match="E601"):
            run("shipped", str(images / "images"), str(out))
    assert not left and list(out.iterdir()) == []
    (out / ".part" / "masks").mkdir(parents=True)  # as a kill leaves it
    (out / ".part" / "masks" / "old.png").touch()
    assert run("shipped", str(images / "images"), str(out))[0] == 3
    assert len(list((out / "masks").iterdir())) == len(table(out)) == 2
    assert not (out / ".part").exists()


def test_a_dataset_is_no_folder_of_radiographs(phantom_dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"E107.*a dataset of cxr build"):
        run("shipped", str(phantom_dataset), str(tmp_path / "out"))


def test_a_name_that_is_not_utf8_goes_aside(images: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(images / "images", tmp_path / "images")
    (folder / "4.png").rename(folder / os.fsdecode(b"bad\xff.png"))
    out = tmp_path / "out"
    assert run("shipped", str(folder), str(out))[0] == 3
    assert [row["image"] for row in table(out)] == ["3.png"]
    assert "E201" in (out / "quarantine.csv").read_text()
