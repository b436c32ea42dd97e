"""Classification: what teaches, what is drawn, what is written, and what stops before it."""

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_samples import choice, data, sample

from cxrkit import classification as inference
from cxrkit.errors import InputRefused
from cxrkit.training import classification as training
from cxrkit.training import classification_comparison as comparison
from cxrkit.training import classification_release as release
from cxrkit.training.classification_scores import Predictions
from cxrkit.training.loop import Event, Recipe
from cxrkit.training.patient_bootstrap import resample

TINY = Recipe(epochs=2, batch=4, learning_rate=3e-3)
NAN = float("nan")


def quiet(event: Event) -> None:
    """No report."""


def test_the_loss_is_the_mean_over_known_observations_by_hand() -> None:
    logits = torch.tensor([[0.0, 2.0], [1.0, -1.0], [3.0, 3.0]])
    targets = torch.tensor([[1.0, NAN], [0.0, 1.0], [NAN, NAN]])
    found = training.losses(logits, targets, torch.tensor([2.0, 5.0]))
    expected = [2 * np.log(2), (np.log1p(np.e) + 5 * np.log1p(np.e)) / 2, 0.0]
    assert found.tolist() == pytest.approx(expected, abs=1e-5)


def test_an_unknown_label_has_no_gradient() -> None:
    logits = torch.zeros(1, 2, requires_grad=True)
    training.losses(logits, torch.tensor([[NAN, 1.0]]), torch.ones(2)).sum().backward()
    assert logits.grad is not None and logits.grad[0, 0] == 0 and logits.grad[0, 1] != 0


def test_rare_observations_weigh_more_up_to_a_limit() -> None:
    taught = np.full((110, 3), np.nan, np.float32)
    taught[:20, 0], taught[20:80, 0] = 1, 0  # 60 absent, 20 present
    taught[:1, 1], taught[1:101, 1] = 1, 0
    taught[:100, 2], taught[100:101, 2] = 1, 0
    assert training.positive_weights(taught).tolist() == pytest.approx([3.0, 10.0, 0.1])


def test_a_copy_is_mirrored_only_where_it_is_asked() -> None:
    image = np.zeros((224, 224), np.uint8)
    image[:, :70] = 200  # the left side is bright
    lungs = image > 100

    def left(mirror: bool, seed: int) -> bool:
        copy, mask = training.changed(image, lungs, mirror, np.random.default_rng(seed))
        assert copy.shape == mask.shape == (224, 224) and mask.dtype == bool
        return bool(mask[60:160, :112].sum() > mask[60:160, 112:].sum())

    assert all(left(False, seed) for seed in range(30))
    assert {left(True, seed) for seed in range(30)} == {True, False}


def test_a_batch_depends_on_seed_epoch_and_draws_alone() -> None:
    drawn = data()
    task = training.task(drawn, choice("both"), TINY)
    first, again = task.batch([3, 1], 0), task.batch([3, 1], 0)
    assert torch.equal(first.images, again.images) and first.images.shape == (2, 2, 224, 224)
    assert not torch.equal(first.images, task.batch([3, 1], 1).images)
    assert torch.equal(first.images[1], task.batch([1], 0).images[0])
    places = drawn.places("train")
    assert first.targets[:, 0].tolist() == drawn.taught[places[[3, 1]], 0].tolist()
    assert task.names([0]) == [drawn.samples[places[0]].image_id]
    other = training.task(drawn, choice("both"), replace(TINY, seed=1))
    assert not torch.equal(first.images, other.batch([3, 1], 0).images)


def test_only_lungs_are_seen_by_a_network_on_lungs() -> None:
    drawn = data()
    other = replace(drawn, pixels=drawn.pixels.copy())
    other.pixels[:, 0][other.pixels[:, 1] == 0] = 9
    for kind, same in (("lungs", True), ("image", False), ("both", False)):
        one, two = (
            next(training._inputs(x, np.arange(3), choice(kind)))  # type: ignore[arg-type]
            for x in (drawn, other)
        )
        assert torch.equal(one, two) == same


def listed() -> list[object]:
    """Samples in all splits, three of which are uncertain."""
    splits = ("train", "train", "train", "validate", "validate", "test", "test")
    found = [sample(n, {"Disc": n // 7 % 2}, splits[n % 7]) for n in range(28)]
    for n in (0, 3, 5):
        found[n] = replace(found[n], labels={"Disc": -1})
    return found


def test_uncertain_labels_teach_and_are_never_scored(monkeypatch: pytest.MonkeyPatch) -> None:
    taught = choice(uncertain="ones")
    kept, learnt, judged = training._labelled(listed(), taught)  # type: ignore[arg-type]
    # The uncertain image to train on teaches; those of the other splits have nothing to say.
    assert len(kept) == 26 and np.isfinite(learnt).all()
    assert np.isnan(judged).sum() == 1 and learnt[0, 0] == 1
    ignored = training._labelled(listed(), choice())[0]  # type: ignore[arg-type]
    assert len(ignored) == 25


@pytest.mark.parametrize(
    ("samples", "wanted", "message"),
    [
        ([sample(n, {"Disc": 3}, "train") for n in range(4)], {}, "E108 .*the label Disc is 3"),
        ([sample(n, {"Disc": n % 2}, "train") for n in range(4)], {}, "E109 .*validate"),
        ([replace(s, patient_id="p") for s in listed()], {}, "E109 .*1 patient"),
        (
            [replace(s, labels={"Disc": 1}) for s in listed()],
            {},
            "E108 .*Disc, train: 12 images with it, 0 without",
        ),
        ([replace(s, image=None) for s in listed()], {}, "E107 .*--images"),
        (listed(), {"observations": (training.Observation("Edema"),)}, "E107 .*Edema.*Disc"),
    ],
)
def test_bad_input_stops_before_anything_is_written(
    samples: list[object], wanted: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputRefused, match=message):
        training.prepare(samples, choice(**wanted), tmp_path / "out", "excluded", 1)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_images_that_are_not_there_are_what_is_said(tmp_path: Path) -> None:
    """Another archive given with --images, say."""
    gone = [replace(s, image=tmp_path / f"{s.image_id}.png") for s in listed()]
    with pytest.raises(InputRefused, match=r"E101 .*none of \d+ images .*E202.*--images"):
        training.prepare(gone, choice(), tmp_path / "out", "excluded", 1)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, training.Data]:
    """A run of two epochs on lungs and its data."""
    out = tmp_path_factory.mktemp("run")
    drawn, chosen = data(60), choice("lungs", width=16)
    net, rows = training.train(drawn, chosen, TINY, out, "cpu", quiet)
    release.write(net, release.Run(drawn, chosen, TINY), rows, out)
    return out, drawn


def test_the_folder_is_whole_and_its_card_names_what_was_done(
    finished: tuple[Path, training.Data],
) -> None:
    out, drawn = finished
    names = {"card.json", "card.md", "head.npy", "log.csv", "model.json", "model.onnx",
             "model.safetensors", "report.html", "split.csv", "test.csv",
             "trained_on.csv"}  # fmt: skip
    assert names <= {p.name for p in out.iterdir()}
    card = json.loads((out / "card.json").read_text())
    assert (card["task"], card["observations"], card["input"]["kind"]) == (
        "classification", ["Disc"], "lungs",
    )  # fmt: skip
    assert card["training"]["epochs"] == 2 and card["data"][0]["archive"] == "guangzhou"
    split = list(csv.DictReader((out / "split.csv").open()))
    assert [r["split"] for r in split] == [s.split for s in drawn.samples]
    page = (out / "report.html").read_text()
    assert "<svg" in page and "<script" not in page


def test_the_written_model_gives_the_probabilities_of_the_test_table(
    finished: tuple[Path, training.Data],
) -> None:
    out, drawn = finished
    model = inference.load(out)
    rows = list(csv.DictReader((out / "test.csv").open()))
    assert len(rows) == len(drawn.places("test")) == 12
    for row, place in zip(rows, drawn.places("test").tolist(), strict=True):
        image, lungs = drawn.planes(place)
        found = inference.classify(image, lungs, model)
        assert found.probability["Disc"] == pytest.approx(float(row["Disc probability"]), abs=1e-6)
        assert row["Disc"] == str(drawn.samples[place].labels["Disc"])


def test_the_onnx_file_is_the_network(finished: tuple[Path, training.Data]) -> None:
    out, drawn = finished
    chosen = choice("lungs", width=16)
    net = training.network(chosen, 5)
    from cxrkit.models import weights_file

    tensors, sidecar = weights_file.read(out)
    assert sidecar["settings"] == {"inputs": 1, "outputs": 1, "width": 16}
    weights_file.load_into(net, tensors, out)
    net.eval()
    model = inference.load(out)
    assert np.array_equal(model.head, net.head.weight.detach().numpy())
    for place in drawn.places("test").tolist()[:4]:
        x = inference.channels(*drawn.planes(place), "lungs")
        with torch.no_grad():
            features = net.features(torch.from_numpy(x)[None])
            logits = net.classify(features)
        found = model.infer(x)
        assert np.allclose(found[0], logits[0].numpy(), atol=1e-4)
        assert np.allclose(found[1], features[0].numpy(), atol=1e-4)


def test_the_same_run_again_changes_no_file(finished: tuple[Path, training.Data]) -> None:
    out, drawn = finished
    names = ("model.onnx", "test.csv", "card.json", "model.safetensors")
    before = {name: (out / name).read_bytes() for name in names}
    chosen = choice("lungs", width=16)
    net, rows = training.train(drawn, chosen, TINY, out, "cpu", quiet)
    release.write(net, release.Run(drawn, chosen, TINY), rows, out)
    assert {name: (out / name).read_bytes() for name in names} == before
    with pytest.raises(InputRefused, match="E104"):
        training.train(drawn, choice("image", width=16), TINY, out, "cpu", quiet)


def test_a_run_can_start_from_a_finished_one_on_the_same_split_alone(
    finished: tuple[Path, training.Data], tmp_path: Path
) -> None:
    out, drawn = finished
    chosen, tensors = training.begun(out, drawn, choice("lungs", width=16))
    assert chosen.start == hashlib.sha256((out / "model.safetensors").read_bytes()).hexdigest()
    still = replace(TINY, epochs=1, learning_rate=1e-12, average=0.0)
    net, rows = training.train(drawn, chosen, still, tmp_path / "on", "cpu", quiet, tensors)
    weights = {k: v for k, v in net.state_dict().items() if k.endswith("weight")}
    assert all(torch.allclose(weights[k], tensors[k], atol=1e-5) for k in weights)
    card = release.write(net, release.Run(drawn, chosen, still), rows, tmp_path / "on")[0]
    assert card["training"]["started_from_weights"] == chosen.start
    with pytest.raises(InputRefused, match="E104"):  # a fresh run is another one
        training.train(drawn, choice("lungs", width=16), still, tmp_path / "on", "cpu", quiet)
    with pytest.raises(InputRefused, match="E506"):
        training.begun(out, drawn, choice("lungs", width=4))
    others = replace(
        drawn, samples=(*drawn.samples[:-1], replace(drawn.samples[-1], split="train"))
    )
    with pytest.raises(InputRefused, match=r"E109 .*another split"):
        training.begun(out, others, choice("lungs", width=16))


def test_pictures_of_a_restricted_archive_stay_out_of_the_page(
    finished: tuple[Path, training.Data], tmp_path: Path
) -> None:
    _, drawn = finished
    closed = replace(
        drawn, samples=tuple(replace(s, archive="mimic-cxr-jpg") for s in drawn.samples)
    )
    net = training.network(choice(width=16), 0)
    run = release.Run(closed, choice(width=16), TINY)
    release.write(net, run, [], tmp_path)
    assert "data:image/png" not in (tmp_path / "report.html").read_text()
    release.write(net, run, [], tmp_path, pictures=True)
    assert "data:image/png" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_a_disc_in_the_lung_is_learnt(tmp_path: Path) -> None:
    drawn, chosen = data(120), choice("lungs", width=16)
    recipe = Recipe(epochs=8, batch=8, learning_rate=3e-3)
    rows = training.train(drawn, chosen, recipe, tmp_path, "cpu", quiet)[1]
    assert rows[-1]["auroc"] > 0.95


def predictions(logits: np.ndarray, truth: np.ndarray, patients: list[str]) -> Predictions:
    return Predictions(("A", "B"), 1 / (1 + np.exp(-logits)), truth, patients)


def test_the_difference_is_paired_over_patients_by_hand() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 2, (60, 2)).astype(float)
    patients = [f"p{k // 2}" for k in range(60)]
    good = predictions(truth * 2 + rng.normal(0, 1, (60, 2)), truth, patients)
    poor = predictions(truth + rng.normal(0, 1, (60, 2)), truth, patients)
    found = comparison.differences({"image": poor, "lungs": good})
    assert list(found) == ["A", "B", comparison.MEAN]

    def area(p: np.ndarray, t: np.ndarray) -> float:
        return float(np.mean([[(a > b) + (a == b) / 2 for b in p[t == 0]] for a in p[t == 1]]))

    drawn, values = resample(patients), []
    for counts in drawn.drawn[:150]:
        images = np.repeat(np.arange(60), counts[drawn.of])
        t = truth[images, 0]
        values.append(area(good.probability[images, 0], t) - area(poor.probability[images, 0], t))
    low, high = found["A"]["lungs - image"]["difference"]["auroc_95_interval"]
    assert (low, high) == pytest.approx(tuple(np.percentile(values, [2.5, 97.5])), abs=0.03)
    value = area(good.probability[:, 0], truth[:, 0]) - area(poor.probability[:, 0], truth[:, 0])
    assert found["A"]["lungs - image"]["difference"]["auroc"] == pytest.approx(value, abs=1e-4)
    text = comparison.text(comparison.table({"image": poor, "lungs": good}))
    assert "lungs - image" in text and len(text.splitlines()) == 5


def test_equal_classifiers_do_not_differ() -> None:
    truth = np.tile([[0.0, 1.0], [1.0, 0.0]], (10, 1))
    one = predictions(
        np.random.default_rng(0).normal(0, 1, (20, 2)), truth, list(map(str, range(20)))
    )
    found = comparison.differences({"image": one, "both": one})["A"]["both - image"]["difference"]
    assert found == {"auroc": 0.0, "auroc_95_interval": [0.0, 0.0]}
