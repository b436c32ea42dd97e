"""`cxr report` and `cxr predict report`: drafts with what stands behind them."""

import csv
import json
from pathlib import Path

import pytest
from report_models import OBSERVATIONS, write_classifier, write_radiograph, write_sentences
from typer.testing import CliRunner, Result

from cxrkit import cli
from cxrkit.errors import CxrkitError
from cxrkit.reports import labeler

STATES = {"present": 1, "absent": 0, "uncertain": -1}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sentences(tmp_path_factory.mktemp("models") / "m")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for seed in (1, 2):
        write_radiograph(tmp_path / "images" / f"chest{seed}.png", seed)
    return tmp_path / "images"


def cxr(*arguments: str) -> Result:
    done = CliRunner().invoke(cli.application([arguments[0]]), list(arguments))
    if isinstance(done.exception, CxrkitError):
        raise done.exception
    return done


def test_each_sentence_shows_the_observations_behind_it(model: Path, images: Path) -> None:
    image = str(images / "chest1.png")
    text = cxr("report", image, "--model", str(model)).output
    found = json.loads(cxr("report", image, "--model", str(model), "--json").output)
    assert found["model"] == "sentences"
    assert text.startswith("FINDINGS:\n")
    sentences = [*found["findings"], *found["impression"]]
    assert sentences
    for sentence in sentences:
        assert f"  {sentence['text']}\n" in text
        said = {s["observation"]: s["state"] for s in sentence["observations"]}
        assert (
            said == labeler.label(sentence["text"])
            or said.items() <= labeler.label(sentence["text"]).items()
        )
        for s in sentence["observations"]:
            word = next(w for w, state in STATES.items() if state == s["state"])
            assert f"{s['observation']} {word} {s['probability']:.2f}" in text
            assert 0 <= s["probability"] <= 1


def test_what_is_said_follows_the_probabilities(images: Path, tmp_path: Path) -> None:
    image = str(images / "chest1.png")
    for present, state in ((0.0, 1), (1.1, 0)):
        model = write_sentences(tmp_path / f"m{present}", present)
        found = json.loads(cxr("report", image, "--model", str(model), "--json").output)
        said = {s["observation"]: s["state"] for f in found["findings"] for s in f["observations"]}
        assert said == dict.fromkeys(OBSERVATIONS[1:], state)


def test_a_folder_becomes_a_table_that_can_be_scored(
    model: Path, images: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    done = cxr("predict", "report", str(model), str(images), str(out))
    assert done.exit_code == 0
    with (out / "reports.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        assert row["report"] == "\n\n".join(filter(None, (row["findings"], row["impression"])))
    table = str(out / "reports.csv")
    scored = json.loads(cxr("score", "reports", table, table, "--json").output)
    assert scored["studies"] == 2 and scored["written"]["rouge_l"] == 1


def test_a_bad_file_is_quarantined_and_the_rest_goes_on(
    model: Path, images: Path, tmp_path: Path
) -> None:
    (images / "broken.png").write_bytes(b"no picture")
    done = cxr("predict", "report", str(model), str(images), str(tmp_path / "out"))
    assert done.exit_code == 3
    with (tmp_path / "out" / "quarantine.csv").open(newline="") as file:
        (fault,) = csv.DictReader(file)
    assert (fault["relpath"], fault["code"]) == ("broken.png", "E212")
    with (tmp_path / "out" / "reports.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2


def test_models_of_other_tasks_and_missing_images_are_refused_in_one_line(
    model: Path, images: Path, tmp_path: Path
) -> None:
    other = write_classifier(tmp_path / "classifier")
    image = str(images / "chest1.png")
    for code, given, path in (
        ("E506", other, image), ("E102", tmp_path / "none", image),
        ("E202", model, str(images / "none.png")),
    ):  # fmt: skip
        with pytest.raises(CxrkitError) as caught:
            cxr("report", path, "--model", str(given))
        assert caught.value.code == code
        assert "\n" not in str(caught.value)
