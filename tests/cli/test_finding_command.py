"""`cxr predict finding` on files, folders and archives, and what `cxr train finding` refuses."""

import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
import typer
from onnx import TensorProto, helper
from typer.testing import CliRunner, Result

from cxrkit.cli.predict_finding import finding as predict
from cxrkit.cli.train_finding import finding as train
from cxrkit.errors import CxrkitError
from cxrkit.phantom import siim_acr as replica

APP = typer.Typer()
APP.command("predict")(predict)
APP.command("train")(train)


def cxr(*arguments: object) -> Result:
    return CliRunner().invoke(APP, [str(a) for a in arguments])


def bright(folder: Path, size: int) -> Path:
    """A model that finds what is bright, above one half, in parts of 1 % or more."""
    shape = [1, 1, size, size]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
            for n in ("image", "probability")]  # fmt: skip
    node = helper.make_node("Identity", ["image"], ["probability"])
    graph = helper.make_graph([node], "one", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17)]
    data = helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()
    folder.mkdir()
    (folder / "model.onnx").write_bytes(data)
    files = {"float32": {"file": "model.onnx", "sha256": hashlib.sha256(data).hexdigest()}}
    card = {
        "task": "finding", "finding": "pneumothorax", "files": files,
        "input": {"shape": shape},
        "decision": {"float32": {"threshold": 0.5, "smallest_share": 0.01}},
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))
    onnx.checker.check_model(onnx.load(folder / "model.onnx"))
    return folder


def picture(path: Path, rows: int, columns: int, *squares: tuple[int, int, int]) -> np.ndarray:
    """A dark picture with bright squares (row, column, side); the mask of the squares."""
    mask = np.zeros((rows, columns), bool)
    for row, column, side in squares:
        mask[row : row + side, column : column + side] = True
    cv2.imwrite(str(path), np.where(mask, 250, 5).astype(np.uint8))
    return mask


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def walked(text: str, rows: int, columns: int) -> np.ndarray:
    """A mask by the challenge's description, without the package."""
    flat, place = np.zeros(rows * columns, bool), 0
    numbers = [] if text == "-1" else [int(n) for n in text.split()]
    for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
        flat[place + gap : place + gap + length] = True
        place += gap + length
    return flat.reshape(columns, rows).T


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with two parts, with nothing but a speck, and with a file that is no image."""
    folder = tmp_path / "images"
    folder.mkdir()
    picture(folder / "two.png", 448, 672, (50, 60, 120), (250, 400, 150))
    picture(folder / "none.png", 448, 448, (10, 10, 4))
    (folder / "broken.png").write_bytes((folder / "two.png").read_bytes()[:300])
    return folder


def test_a_folder_gives_masks_boxes_and_a_quarantine_in_source_pixels(
    images: Path, tmp_path: Path
) -> None:
    done = cxr("predict", bright(tmp_path / "m", 224), images, tmp_path / "out")
    assert done.exit_code == 3, done.output
    rows = table(tmp_path / "out" / "findings.csv")
    assert [r["image"] for r in rows] == ["none.png", "two.png"]
    assert (rows[0]["EncodedPixels"], rows[0]["parts"]) == ("-1", "0")
    assert (rows[1]["rows"], rows[1]["columns"], rows[1]["parts"]) == ("448", "672", "2")
    truth = picture(tmp_path / "again.png", 448, 672, (50, 60, 120), (250, 400, 150))
    mask = walked(rows[1]["EncodedPixels"], 448, 672)
    assert 2 * (mask & truth).sum() / (mask.sum() + truth.sum()) > 0.97
    assert float(rows[1]["share"]) == pytest.approx(mask.mean(), abs=1e-6)
    boxes = [[int(b[k]) for k in ("x_min", "y_min", "x_max", "y_max")]
             for b in table(tmp_path / "out" / "boxes.csv")]  # fmt: skip
    expected = np.array([[60, 50, 180, 170], [400, 250, 550, 400]])
    assert np.abs(np.array(boxes) - expected).max() <= 3
    bad = table(tmp_path / "out" / "quarantine.csv")
    assert [(b["relpath"], b["code"]) for b in bad] == [("broken.png", "E214")]


def test_every_run_gives_the_same_bytes_and_a_mended_file_leaves_quarantine(
    images: Path, tmp_path: Path
) -> None:
    model = bright(tmp_path / "m", 224)
    for out in ("one", "two"):
        cxr("predict", model, images, tmp_path / out)
    for name in ("findings.csv", "boxes.csv", "quarantine.csv"):
        first, second = (tmp_path / out / name for out in ("one", "two"))
        assert first.read_bytes() == second.read_bytes()
    picture(images / "broken.png", 300, 300, (50, 60, 120))
    done = cxr("predict", model, images, tmp_path / "one")
    assert done.exit_code == 0
    assert not (tmp_path / "one" / "quarantine.csv").exists()
    assert len(table(tmp_path / "one" / "findings.csv")) == 3


def test_a_file_is_predicted_alone(images: Path, tmp_path: Path) -> None:
    done = cxr("predict", bright(tmp_path / "m", 224), images / "two.png", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert [r["image"] for r in table(tmp_path / "out" / "findings.csv")] == ["two.png"]


def test_a_large_network_sees_what_a_small_reading_would_lose(tmp_path: Path) -> None:
    """Bright lines of one pixel: at 1024 they are told apart, at 224 they are gray."""
    stripes = np.full((1024, 1024), 5, np.uint8)
    stripes[:, 300:700:4] = 250
    cv2.imwrite(str(tmp_path / "stripes.png"), stripes)
    found = {}
    for size in (224, 1024):
        model = bright(tmp_path / f"m{size}", size)
        card = json.loads((model / "card.json").read_text())
        card["decision"]["float32"]["smallest_share"] = 0.0
        (model / "card.json").write_text(json.dumps(card))
        cxr("predict", model, tmp_path / "stripes.png", tmp_path / f"out{size}")
        found[size] = int(table(tmp_path / f"out{size}" / "findings.csv")[0]["parts"])
    assert found[1024] == 100
    assert found[224] < 50


def test_an_archive_gives_every_image_by_its_id(tmp_path: Path) -> None:
    replica.write_release(tmp_path / "siim", 6, 4, 64)
    done = cxr("predict", bright(tmp_path / "m", 64), f"siim-acr:{tmp_path / 'siim'}",
               tmp_path / "out")  # fmt: skip
    assert done.exit_code == 0, done.output
    rows = table(tmp_path / "out" / "findings.csv")
    assert {r["id"] for r in rows} == {image.image_id for image in replica.plan(6, 4)}
    assert [r["image"] for r in rows] == sorted(r["image"] for r in rows)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("predict", "nowhere", "images", "out"), "E102"),
        (("train", "shenzhen:somewhere", "out"), "E101"),
        (("train", "siim-acr", "out"), "E107"),
        (("train", "siim-acr:nowhere", "out"), "E101"),
        (("train", "siim-acr:nowhere", "out", "--size", "100"), "E107"),
        (("train", "siim-acr:nowhere", "out", "--architecture", "resnet"), "E107"),
    ],
)
def test_a_refusal_is_one_line_and_nothing_is_written(
    arguments: tuple[str, ...], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = cxr(*arguments)
    assert isinstance(done.exception, CxrkitError)
    assert done.exception.code == code
    assert "\n" not in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_an_archive_is_trained_and_scored(tmp_path: Path) -> None:
    replica.write_png_release(tmp_path / "siim", 24, 4, 64)
    done = cxr("train", f"siim-acr:{tmp_path / 'siim'}", tmp_path / "run", "--size", 64, "--width",
               2, "--epochs", 1, "--validate", 0.25, "--test", 0.25, "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    scores = json.loads(done.stdout.splitlines()[-1])
    assert scores["float32"]["siim-acr"]["challenge_dice_if_always_empty"] > 0
    done = cxr("predict", tmp_path / "run", f"siim-acr:{tmp_path / 'siim'}", tmp_path / "out")
    assert done.exit_code == 0, done.output
    found = {r["id"]: r["probability"] for r in table(tmp_path / "out" / "findings.csv")}
    for row in table(tmp_path / "run" / "test.csv"):
        if row["precision"] == "float32":
            assert found[row["image_id"]] == row["probability"]
