"""The four report models from a phantom archive to a folder that writes reports."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from report_models import write_classifier
from typer.testing import CliRunner

from cxrkit import cli, segmentation
from cxrkit.classification import load as load_classifier
from cxrkit.errors import CxrkitError, InputRefused, IntegrityFailure
from cxrkit.imaging import radiograph
from cxrkit.phantom import mimic_cxr_jpg
from cxrkit.report_writing import search, seen, writers
from cxrkit.report_writing.vocabulary import END, PAD, UNKNOWN
from cxrkit.reports import labeler
from cxrkit.segmentation import SIZE
from cxrkit.training import report_generation, report_runs, report_targets, samples
from cxrkit.training.classification import Choice
from cxrkit.training.loop import Event, Recipe
from cxrkit.training.report_observer import Observer, Room
from cxrkit.training.report_runs import Plan
from cxrkit.training.samples import Sample

pytestmark = pytest.mark.slow  # many networks, or many processes

EVERY = ("constant", "nearest", "sentences", "decoder")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A phantom MIMIC-CXR-JPG with its reports."""
    root = tmp_path_factory.mktemp("mimic") / "release"
    mimic_cxr_jpg.write_release(root, 36, 4, 64)
    return root


@pytest.fixture(scope="module")
def gathered(archive: Path) -> list[Sample]:
    return samples.gather(f"mimic-cxr-jpg:{archive}")


@pytest.fixture(autouse=True, scope="module")
def lungs() -> Iterator[None]:
    """The networks here look at the whole image: nobody waits for its lungs."""
    with pytest.MonkeyPatch.context() as patch:
        whole = np.ones((SIZE, SIZE), bool)
        found = segmentation.Lungs(whole, whole, whole, 1.0, whole.astype(np.float32))
        patch.setattr(segmentation, "segment", lambda *given: found)
        yield


@pytest.fixture(scope="module")
def classifier(gathered: list[Sample], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A classifier with random weights, and a split that it could have been trained with."""
    folder = write_classifier(tmp_path_factory.mktemp("given") / "classifier")
    found = report_runs.split(report_targets.targets(gathered)[0], plan("constant"))
    listed = [(t.sample.archive, t.sample.image_id, t.sample.patient_id, t.sample.split)
              for t in found]  # fmt: skip
    with (folder / "split.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("archive", "image_id", "patient_id", "split"), *listed])
    return folder


@pytest.fixture(scope="module")
def sentences(
    classifier: Path, gathered: list[Sample], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A finished run of `sentences`."""
    out = tmp_path_factory.mktemp("sentences") / "run"
    report_runs.run(gathered, plan("sentences", classifier), room(out))
    return out


def plan(kind: str, classifier: Path | None = None, **decoder: int) -> Plan:
    recipe = Recipe(epochs=1, batch=8, learning_rate=1e-3)
    return Plan(
        kind=kind,  # type: ignore[arg-type]
        observer=Observer(classifier, Choice((), width=4), recipe, "excluded"),
        decoder=report_generation.Choice(width=16, longest=40, least=2, **decoder),
        recipe=Recipe(epochs=2, batch=8, learning_rate=3e-3),
        validate=0.25,
        test=0.25,
        seed=0,
    )


def room(out: Path) -> Room:
    def nothing(event: Event) -> None: ...

    return Room(out, "cpu", nothing, lambda done, of: None, 1)


def finished(kind: str, classifier: Path, gathered: list[Sample], out: Path) -> dict[str, Any]:
    own = None if kind == "constant" else classifier
    return report_runs.run(gathered, plan(kind, own), room(out))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_patients_are_in_one_split_and_targets_have_a_section(
    sentences: Path, gathered: list[Sample]
) -> None:
    listed = rows(sentences / "split.csv")
    by_patient: dict[str, set[str]] = {}
    for row in listed:
        by_patient.setdefault(row["patient_id"], set()).add(row["split"])
    assert all(len(splits) == 1 for splits in by_patient.values())
    left = rows(sentences / "left_out.csv")
    assert {r["reason"] for r in left} <= {"no report", "neither findings nor impression"}
    images = {r["image_id"] for r in listed} | {r["image_id"] for r in left}
    assert images == {s.image_id for s in gathered}
    card = json.loads((sentences / "card.json").read_text())
    assert sum(card["left_out"].values()) == len(left) > 0


def test_sections_are_taken_without_headers_numbers_and_line_breaks() -> None:
    text = " FINAL REPORT\n FINDINGS: \n \n The heart is\n normal.\n \n IMPRESSION: \n \n 1. No\n" \
        " effusion.\n 2. 3 mm nodule.\n"  # fmt: skip
    found = report_targets.sections_of(text)
    assert found == ("The heart is normal.", "No effusion. 3 mm nodule.")
    assert report_targets.sections_of("INDICATION: cough.\n\n COMPARISON: none.") == ("", "")


@pytest.mark.parametrize("kind", EVERY)
def test_a_model_writes_for_a_file_what_its_test_table_says(
    kind: str, classifier: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    card = finished(kind, classifier, gathered, tmp_path / "run")
    assert (card["task"], card["model"]) == ("report", kind)
    writer = writers.load(tmp_path / "run")
    see = seen.looking(writer.classifier)
    files = {s.image_id: s.image for s in gathered}
    test = rows(tmp_path / "run" / "test.csv")
    assert test
    for row in test[:6]:
        image = files[row["image_id"]]
        assert image is not None
        written = writer.write(see(radiograph.read(image, smallest=SIZE).pixels))
        assert written.sections == (row["findings"], row["impression"])
        for o, value in labeler.label(written.text).items():
            assert row[f"{o} written"] == str(value)


def test_the_constant_is_a_normal_report_of_train(gathered: list[Sample], tmp_path: Path) -> None:
    report_runs.run(gathered, plan("constant"), room(tmp_path / "run"))
    found, _ = report_targets.targets(gathered)
    split = {r["image_id"]: r["split"] for r in rows(tmp_path / "run" / "split.csv")}
    text = "\n\n".join(filter(None, json.loads((tmp_path / "run" / "report.json").read_text())))
    assert text in {t.text for t in found if split[t.sample.image_id] == "train"}
    assert labeler.label(text)["No Finding"] == 1


def test_the_nearest_image_of_a_training_image_is_itself(
    classifier: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    finished("nearest", classifier, gathered, tmp_path / "run")
    split = {r["image_id"]: r["split"] for r in rows(tmp_path / "run" / "split.csv")}
    found, _ = report_targets.targets(gathered)
    training = [t for t in found if split[t.sample.image_id] == "train"][:5]
    writer = writers.load(tmp_path / "run")
    see = seen.looking(writer.classifier)
    for t in training:
        assert t.sample.image is not None
        written = writer.write(see(radiograph.read(t.sample.image, smallest=SIZE).pixels))
        assert written.text == t.text


@pytest.mark.parametrize("kind", ["nearest", "decoder"])
def test_a_run_gives_the_same_bytes_again(
    kind: str, classifier: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    made = []
    for name in ("first", "second"):
        finished(kind, classifier, gathered, tmp_path / name)
        made.append({
            path.relative_to(tmp_path / name).as_posix(): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*"))
            # These two hold how long an epoch took.
            if path.is_file() and "checkpoints" not in path.parts
            and path.name not in ("log.csv", "report.html")
        })  # fmt: skip
    assert made[0] == made[1]
    assert not {"features.npy", "planes"} & set(made[0]) or kind == "nearest"


def test_test_reports_are_scored_as_by_cxr_score_reports(
    sentences: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    found = {t.sample.image_id: t.text for t in report_targets.targets(gathered)[0]}
    written = {
        r["image_id"]: "\n\n".join(filter(None, (r["findings"], r["impression"])))
        for r in rows(sentences / "test.csv")
    }
    for name, texts in (("written", written), ("truth", {i: found[i] for i in written})):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("id", "report"), *texts.items()])
    arguments = [str(tmp_path / "written.csv"), str(tmp_path / "truth.csv"), "--json"]
    done = CliRunner().invoke(cli.application(["score"]), ["score", "reports", *arguments])
    scored = json.loads(done.output)
    card = json.loads((sentences / "card.json").read_text())["scores"]["reports"]
    for name, column in (("sentences", "written"), ("constant report", "constant")):
        micro = scored[column]["labels"]["absent"]["micro"]
        assert card[name]["label_f1_micro"] == pytest.approx(micro, abs=5e-5)
        assert card[name]["bleu_4"] == pytest.approx(scored[column]["bleu"][3], abs=5e-5)


def test_the_page_holds_no_report_and_the_card_the_terms(sentences: Path) -> None:
    page = (sentences / "report.html").read_text()
    bank = json.loads((sentences / "bank.json").read_text())
    for sentence in bank["sentences"]:
        assert sentence["text"] not in page
    card = json.loads((sentences / "card.json").read_text())
    assert any("derived data under the same agreement" in line for line in card["limits"])
    assert "data:image/png" not in page


def test_words_that_are_unknown_teach_nothing() -> None:
    logits = torch.randn(1, 4, 9, generator=torch.manual_seed(1))
    words = torch.tensor([[5, UNKNOWN, END, PAD]])
    expected = -logits.log_softmax(2)[0, [0, 2], [5, END]].mean()
    torch.testing.assert_close(report_generation.losses(logits, words)[0], expected)


def test_reports_written_together_are_those_of_greedy_search(
    classifier: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    found = report_runs.split(report_targets.targets(gathered)[0], plan("decoder"))
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1, (len(found), 4, 6)).astype(np.float16)
    data = report_generation.prepare(found, features, plan("decoder").decoder)
    recipe = Recipe(epochs=3, batch=8, learning_rate=3e-2)
    net, _ = report_generation.train(
        data, plan("decoder").decoder, recipe, tmp_path / "run", "cpu", room(tmp_path).report
    )
    net.eval()
    images = torch.from_numpy(features[:5].astype(np.float32))
    together = report_generation.written(net, images, 20, "cpu")
    for row, report in zip(images, together, strict=True):
        memory = net.remember(row[None])

        def step(
            word: np.ndarray, state: np.ndarray, memory: torch.Tensor = memory
        ) -> tuple[np.ndarray, np.ndarray]:
            with torch.no_grad():
                words = torch.from_numpy(word)[:, None]
                logits, after = net.step(words, torch.from_numpy(state), memory)
            return logits[:, 0].numpy(), after.numpy()

        assert report == search.greedy(step, np.zeros((2, 1, 16), np.float32), 20)


def refused(found: list[Sample], of: Plan, out: Path) -> str:
    with pytest.raises(CxrkitError) as caught:
        report_runs.run(found, of, room(out))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_input_is_refused_in_one_line_and_nothing_is_written(
    gathered: list[Sample], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    silent = [replace(s, report="") for s in gathered]
    assert refused(silent, plan("constant"), out).startswith("E108")
    empty = [replace(s, report=" INDICATION:  cough.\n") for s in gathered]
    assert "without findings and impression" in refused(empty, plan("sentences"), out)
    one = [replace(s, patient_id="p1") for s in gathered]
    assert refused(one, plan("nearest"), out).startswith("E109")
    same = [replace(s, report=" IMPRESSION: No effusion.\n", labels={}) for s in gathered]
    assert refused(same, plan("sentences"), out).startswith("E108")
    assert not out.exists()


def test_a_folder_that_is_no_classifier_is_refused(
    sentences: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    assert refused(gathered, plan("sentences", sentences), out).startswith("E506")
    assert refused(gathered, plan("sentences", tmp_path / "none"), out).startswith("E102")
    bare = write_classifier(tmp_path / "bare")
    text = refused(gathered, plan("sentences", bare), out)
    assert text.startswith("E102") and "split.csv" in text
    assert not out.exists()


def test_a_classifier_brings_its_split(
    classifier: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    """What it learnt from never becomes a test image, whatever the seed."""
    report_runs.run(gathered, replace(plan("nearest", classifier), seed=99), room(tmp_path / "run"))
    before = {r["image_id"]: r["split"] for r in rows(classifier / "split.csv")}
    after = {r["image_id"]: r["split"] for r in rows(tmp_path / "run" / "split.csv")}
    assert after == before
    own = report_runs.split(report_targets.targets(gathered)[0], replace(plan("nearest"), seed=99))
    assert {t.sample.image_id: t.sample.split for t in own} != before


@pytest.mark.slow
def test_a_classifier_is_trained_where_none_is_given(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("larger") / "release"
    mimic_cxr_jpg.write_release(root, 60, 4, 64)
    found = samples.gather(f"mimic-cxr-jpg:{root}")
    card = report_runs.run(found, plan("sentences"), room(tmp_path / "run"))
    own = load_classifier(tmp_path / "run" / "classifier")
    assert card["observations"] == list(own.observations)
    assert "No Finding" in own.observations
    split = (tmp_path / "run" / "classifier" / "split.csv").read_text()
    assert split == (tmp_path / "run" / "split.csv").read_text()
    assert not (tmp_path / "run" / "planes").exists()
    assert writers.load(tmp_path / "run").kind == "sentences"


def test_a_folder_of_another_run_is_left_alone(
    sentences: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    before = (sentences / "card.json").read_bytes()
    assert refused(gathered, plan("constant"), sentences).startswith("E104")
    (tmp_path / "thesis.txt").write_text("mine")
    assert refused(gathered, plan("constant"), tmp_path).startswith("E105")
    assert (sentences / "card.json").read_bytes() == before


def test_a_decoder_whose_files_do_not_fit_is_refused(
    classifier: Path, gathered: list[Sample], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    finished("decoder", classifier, gathered, out)
    whole = (out / "decoder.onnx").read_bytes()
    (out / "decoder.onnx").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IntegrityFailure, match=r"E503 .*decoder.onnx"):
        writers.load(out)
    (out / "decoder.onnx").write_bytes(whole)
    card = json.loads((out / "card.json").read_text())
    files = {n: (out / e["file"]).read_bytes() for n, e in card["files"].items()}
    words = json.loads(files["vocabulary"])
    with pytest.raises(IntegrityFailure, match=r"E503 .*vocabulary of"):
        writers.of_card(card, files | {"vocabulary": json.dumps(words[:-1]).encode()})


def test_the_command_trains_and_prints_the_scores(archive: Path, tmp_path: Path) -> None:
    arguments = [f"mimic-cxr-jpg:{archive}", str(tmp_path / "run"), "--model", "constant"]
    run = ["train", "report", *arguments]
    done = CliRunner().invoke(cli.application(["train"]), run)
    assert done.exit_code == 0, done.output
    assert "label F1" in done.output and "constant report" in done.output
    bad = CliRunner().invoke(cli.application(["train"]), [*run[:-1], "poem"])
    assert isinstance(bad.exception, InputRefused) and bad.exception.code == "E107"
