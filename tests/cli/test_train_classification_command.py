"""`cxr train classification` and `cxr predict classification`, from archive to table."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
import typer
from typer.testing import CliRunner, Result

from cxrkit import segmentation
from cxrkit.cli.predict_classification import classification as predict
from cxrkit.cli.train_classification import classification as train
from cxrkit.errors import CxrkitError, InputRefused
from cxrkit.pipeline import assemble

app = typer.Typer()
app.command("train")(train)
app.command("predict")(predict)


def run(*arguments: object) -> Result:
    """The command's result; an error of ours is raised."""
    done = CliRunner().invoke(app, [str(a) for a in arguments])
    if isinstance(done.exception, CxrkitError):
        raise done.exception
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def draw(path: Path, ill: bool, rng: np.random.Generator) -> None:
    """Two dark lungs, a bright disc in one of them where ill."""
    image = np.full((240, 240), 170.0)
    for x in (75, 165):
        cv2.ellipse(image, (x, 120), (34, 75), 0, 0, 360, 70.0, -1)
    if ill:
        cv2.circle(image, (int(rng.choice([75, 165])), 120), 24, 205.0, -1)
    image += rng.normal(0, 5, image.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.clip(image, 0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty drawn images under the names of the Guangzhou set, one of them no image."""
    root = tmp_path_factory.mktemp("guangzhou") / "chest_xray"
    rng = np.random.default_rng(2)
    for number in range(15):
        draw(root / f"train/NORMAL/IM-{number:04}-0001.jpeg", False, rng)
        cause = "bacteria" if number % 2 else "virus"
        draw(root / f"train/PNEUMONIA/person{number}_{cause}_{number}.jpeg", True, rng)
    (root / "train/NORMAL/IM-9999-0001.jpeg").write_bytes(b"none")
    return root.parent


@pytest.fixture(scope="module", autouse=True)
def lungs(request: pytest.FixtureRequest) -> None:
    """A stand-in for the shipped network: the drawn lungs are where it is dark."""
    patch = pytest.MonkeyPatch()
    request.addfinalizer(patch.undo)
    mask = np.zeros((224, 224), np.float32)
    for x in (70, 154):
        cv2.ellipse(mask, (x, 112), (32, 70), 0, 0, 360, 1.0, -1)
    stand_in = segmentation.Segmenter("excluded", "stand-in", "0", lambda image: mask)
    patch.setattr(segmentation, "load", lambda *a, **k: stand_in)


TINY = ("--epochs", 1, "--batch", 4, "--workers", 1)


@pytest.fixture(scope="module")
def model(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    """Trained on image and lungs, and what was printed."""
    out = tmp_path_factory.mktemp("out") / "run"
    arguments = (f"guangzhou:{archive}", out, "--observations", "Pneumonia")
    return out, run("train", *arguments, "--input", "image,lungs", *TINY)


def test_inputs_are_trained_on_one_split_and_compared(model: tuple[Path, Result]) -> None:
    out, printed = model
    assert {p.name for p in out.iterdir()} == {"image", "lungs", "comparison.json", "comparison.md"}
    one, two = ((out / kind / "split.csv").read_text() for kind in ("image", "lungs"))
    assert one == two and one.count("\n") == 31
    found = json.loads((out / "comparison.json").read_text())
    assert set(found["Pneumonia"]["lungs - image"]) == {"image", "lungs", "difference"}
    assert "lungs - image" in printed.stdout
    assert "left out: guangzhou:IM-9999-0001: E212" in printed.stderr
    assert "IM-9999" in (out / "image/left_out.csv").read_text()


def test_two_values_of_a_column_are_an_observation(archive: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    text = "Bacterial=extra.cause:bacteria/virus"
    done = run("train", f"guangzhou:{archive}", out, "--observations", text, "--seed", 1,
               "--validate", 0.3, "--test", 0.3, "--json", *TINY)  # fmt: skip
    assert "Bacterial" in json.loads(done.stdout)["observations"]
    rows = list(csv.DictReader((out / "split.csv").open()))
    assert len(rows) == 15 and all("person" in row["image_id"] for row in rows)
    for row in csv.DictReader((out / "test.csv").open()):
        assert row["Bacterial"] == str(int("bacteria" in row["image_id"]))
    card = json.loads((out / "card.json").read_text())
    assert card["labels"]["from"] == {"Bacterial": "cause: bacteria 1, virus 0"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--observations", "Edema"), "E107 .*no image has the observation Edema .*Pneumonia"),
        (("--observations", "Pneumonia", "--input", "heart"), "E107 .*--input"),
        (("--observations", "Pneumonia", "--architecture", "vgg"), "E107 .*densenet121"),
        (("--observations", "Pneumonia", "--uncertain", "maybe"), "E107 .*--uncertain"),
        (("--observations", "Pneumonia", "--operating-point", "sensitivity=2"), "E107"),
        (("--observations", "Pneumonia", "--test", "0"), "E109 .*test"),
    ],
)
def test_bad_options_leave_nothing(
    archive: Path, tmp_path: Path, changes: tuple[str, ...], message: str
) -> None:
    with pytest.raises(InputRefused, match=message):
        run("train", f"guangzhou:{archive}", tmp_path / "out", *changes, *TINY)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_somebody_else_and_one_in_the_archive_are_refused(
    archive: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("")
    for out, code in ((tmp_path, "E105"), (archive / "out", "E107")):
        with pytest.raises(InputRefused, match=code):
            run("train", f"guangzhou:{archive}", out, "--observations", "Pneumonia", *TINY)


@pytest.mark.parametrize("kind", ["image", "lungs"])
def test_predictions_of_an_archive_are_those_of_the_test_table(
    archive: Path, model: tuple[Path, Result], tmp_path: Path, kind: str
) -> None:
    folder = model[0] / kind
    done = run("predict", folder, f"guangzhou:{archive}", tmp_path)
    assert done.exit_code == 3 and "quarantine.csv" in done.stderr
    rows = {r["id"]: r for r in csv.DictReader((tmp_path / "findings.csv").open())}
    assert len(rows) == 30
    for tested in csv.DictReader((folder / "test.csv").open()):
        row = rows[tested["image_id"]]
        for name in ("Pneumonia probability", "Pneumonia inside_lungs", "lungs_of_area"):
            assert row[name] == tested[name]
        threshold = json.loads((folder / "card.json").read_text())["calibration"]["Pneumonia"]
        above = float(row["Pneumonia probability"]) >= threshold["threshold"] - 1e-6
        assert row["Pneumonia positive"] == str(int(above))
    bad = list(csv.DictReader((tmp_path / "quarantine.csv").open()))
    assert [(b["id"], b["code"]) for b in bad] == [("IM-9999-0001", "E212")]
    before = (tmp_path / "findings.csv").read_bytes()
    run("predict", folder, f"guangzhou:{archive}", tmp_path)
    assert (tmp_path / "findings.csv").read_bytes() == before


def test_a_file_and_a_folder_are_read_too(
    archive: Path, model: tuple[Path, Result], tmp_path: Path
) -> None:
    folder = archive / "chest_xray/train/PNEUMONIA"
    file = sorted(folder.iterdir())[0]
    for source, count in ((file, 1), (folder, 15)):
        out = tmp_path / str(count)
        assert run("predict", model[0] / "lungs", source, out).exit_code == 0
        rows = list(csv.DictReader((out / "findings.csv").open()))
        assert len(rows) == count and not (out / "quarantine.csv").exists()


def test_a_dataset_is_read_with_its_own_masks_by_a_model_that_fits(
    model: tuple[Path, Result], tmp_path: Path
) -> None:
    dataset = tmp_path / "dataset"
    draw(dataset / "files/a.jpg", True, np.random.default_rng(0))
    mask = np.zeros((224, 224), np.uint8)
    mask[40:180, 50:90] = 255
    (dataset / "masks").mkdir()
    cv2.imwrite(str(dataset / "masks/a.png"), mask)
    blank = {name: "" if kind == pl.String() else None for name, kind in assemble.SCHEMA.items()}
    row = blank | {
        "archive": "guangzhou", "image_id": "a", "image": "a.jpeg", "segmented": "files/a.jpg",
        "mask": "masks/a.png", "mask_convention": "excluded", "split": "test",
        "labels": "{}", "extra": "{}",
    }  # fmt: skip
    table = pl.DataFrame([row], schema=assemble.SCHEMA, orient="row")
    table.write_parquet(dataset / assemble.RECORDS)
    (dataset / "run.json").write_text(json.dumps({"tool": {"name": "cxrkit"}}))
    (dataset / "SHA256SUMS.txt").write_text("")
    assert run("predict", model[0] / "lungs", dataset, tmp_path / "out").exit_code == 0
    (found,) = csv.DictReader((tmp_path / "out/findings.csv").open())
    assert (found["id"], found["image"]) == ("a", "files/a.jpg")
    assert found["lungs_of_area"] == f"{(mask > 0).mean():.4f}"
    with pytest.raises(InputRefused, match=r"E107 .*lungs alone"):
        run("predict", model[0] / "image", dataset, tmp_path / "other")
    (dataset / "SHA256SUMS.txt").unlink()
    with pytest.raises(InputRefused, match=r"E101 .*no whole dataset"):
        run("predict", model[0] / "lungs", dataset, tmp_path / "other")
