"""The task of a finding: what an image teaches, which are drawn, the decision, scores, the run."""

import csv
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
import pytest
import torch
from sklearn.metrics import roc_auc_score

from cxrkit import finding_masks
from cxrkit.errors import CxrkitError
from cxrkit.finding_masks import Decision
from cxrkit.imaging import radiograph
from cxrkit.models import architectures, weights_file
from cxrkit.phantom import siim_acr as replica
from cxrkit.records import Record
from cxrkit.training import (
    finding_cases,
    finding_page,
    finding_release,
    finding_scores,
    mask_scores,
)
from cxrkit.training import finding_segmentation as training
from cxrkit.training.cases import assign_splits
from cxrkit.training.finding_cases import FindingCase, Stored
from cxrkit.training.finding_release import Shares
from cxrkit.training.finding_scores import SMALLEST_SHARES, THRESHOLDS, FindingScore
from cxrkit.training.finding_segmentation import Batch, Settings, changed, draws, loss_of, task
from cxrkit.training.loop import Event, Recipe

SIZE = 64
SMALL = Settings(width=2, size=SIZE)
TINY = Recipe(epochs=1, batch=8, learning_rate=1e-2)
SHARES = Shares(0.25, 0.25)


def quiet(event: Event) -> None:
    """No report."""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("siim")
    replica.write_png_release(root, 24, 4, SIZE)
    return root


@pytest.fixture(scope="module")
def stored(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    cases = assign_splits(finding_cases.gather("siim-acr", archive).cases, 0.25, 0.25, 0)
    finding_cases.require_learnable(cases)
    return finding_cases.store(cases, tmp_path_factory.mktemp("stored"), SIZE, 1)


def disc(size: int, centre: tuple[int, int], radius: int) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    return (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2


# What an image teaches


def test_the_loss_is_cross_entropy_and_dice_by_hand() -> None:
    logits = torch.randn(2, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    finding = torch.zeros(2, 1, 16, 16)
    finding[0, 0, 3:6, 4:9] = 1
    p, y = torch.sigmoid(logits[:, 0]), finding[:, 0]
    entropy = -(y * p.log() + (1 - y) * (1 - p).log()).mean((1, 2))
    dice = 2 * (p[0] * y[0]).sum() / (p[0].sum() + y[0].sum())
    found = loss_of(logits, finding)
    assert torch.allclose(found, torch.stack([entropy[0] + 1 - dice, entropy[1]]), atol=1e-5)
    # An image's loss is its own, whatever stands beside it.
    alone = [loss_of(logits[k : k + 1], finding[k : k + 1]) for k in range(2)]
    assert torch.allclose(found, torch.cat(alone))


def test_an_empty_mask_teaches_silence_and_a_sure_network_gets_finite_gradients() -> None:
    for value in (-200.0, 0.0, 200.0):
        logits = torch.full((2, 1, 8, 8), value, requires_grad=True)
        finding = torch.zeros(2, 1, 8, 8)
        finding[1, 0, 2:4] = 1
        loss_of(logits, finding).sum().backward()
        assert logits.grad is not None
        assert torch.isfinite(logits.grad).all()
        assert (logits.grad[0] >= 0).all()
    silent = loss_of(torch.full((1, 1, 8, 8), -20.0), torch.zeros(1, 1, 8, 8))
    assert float(silent) < 1e-6


# Which images are drawn


@pytest.mark.parametrize(("positive", "negative", "share"), [
    (3, 20, 0.5), (20, 3, 0.5), (4, 16, 0.2), (10, 10, 0.25), (1, 9, 0.9),
])  # fmt: skip
def test_every_image_is_drawn_and_the_share_is_met(
    positive: int, negative: int, share: float
) -> None:
    drawn = draws(np.arange(positive), 100 + np.arange(negative), share)
    assert set(drawn) == {*range(positive), *range(100, 100 + negative)}
    assert (drawn < 100).mean() == pytest.approx(share, abs=0.5 / len(drawn) + 1e-9)
    counts = np.unique(drawn, return_counts=True)[1]
    assert set(counts[:positive]) <= {counts[:positive].min(), counts[:positive].min() + 1}


def test_batches_depend_on_seed_epoch_and_draw_alone(stored: Stored) -> None:
    made = task(stored, SMALL, TINY)

    def of(numbers: Sequence[int], epoch: int) -> Batch:
        return made.batch(numbers, epoch)

    assert torch.equal(of([2, 0], 1).images[1], of([0], 1).images[0])
    assert torch.equal(of([2, 0], 1).finding[1], of([0], 1).finding[0])
    assert not torch.equal(of([0], 1).images, of([0], 2).images)
    other = task(stored, SMALL, replace(TINY, seed=1))
    assert not torch.equal(of([0], 1).images, other.batch([0], 1).images)
    everything = of(range(made.draws), 0)
    assert everything.images.shape == (made.draws, 1, SIZE, SIZE)
    assert len({x.numpy().tobytes() for x in everything.images}) == made.draws
    present = (everything.finding > 0.5).flatten(1).any(1)
    assert float(present.float().mean()) == pytest.approx(0.5, abs=0.1)
    train = {c.image_id for c in stored.cases if c.split == "train"}
    assert set(made.names(range(made.draws))) == train


def test_the_finding_moves_with_its_image() -> None:
    mask = disc(96, (30, 60), 14)
    for seed in range(5):
        image, finding = changed(
            np.where(mask, 220, 30).astype(np.uint8), mask, SIZE, np.random.default_rng(seed)
        )
        inside = finding > 0.5
        assert 50 < inside.sum() < 700
        assert image[inside].mean() > image[~inside].mean() + 40
        assert set(np.unique(finding > 1)) == {False}


# The decision


def test_the_score_of_every_decision_is_that_of_the_mask_that_it_makes() -> None:
    rng = np.random.default_rng(0)
    for drawn in (disc(48, (20, 20), 6), np.zeros((48, 48), bool)):
        smooth = (0.6 * np.kron(rng.random((12, 12)), np.ones((4, 4)))).astype(np.float32)
        scores = finding_scores.dice_of_decisions(smooth, drawn)
        for row, threshold in enumerate(THRESHOLDS):
            for column, share in enumerate(SMALLEST_SHARES):
                mask = finding_masks.decide(smooth, Decision(threshold, share))
                assert scores[row, column] == pytest.approx(mask_scores.siim_dice(mask, drawn))
        assert len(np.unique(scores)) > 1  # the grid tells decisions apart


def test_the_best_decision_is_chosen_and_of_equals_the_most_sensitive() -> None:
    grid = np.zeros((len(THRESHOLDS), len(SMALLEST_SHARES)))
    grid[4, 2] = grid[4, 3] = grid[7, 0] = 0.8
    assert finding_scores.choose([grid, grid]) == (Decision(THRESHOLDS[4], SMALLEST_SHARES[2]), 0.8)
    better = grid.copy()
    better[7, 0] = 1.0
    chosen, score = finding_scores.choose([grid, better])
    assert chosen == Decision(THRESHOLDS[7], SMALLEST_SHARES[0])
    assert score == pytest.approx(0.9)


# Scores


def score_of(patient: str, drawn: int, found: int, dice: float, probability: float) -> FindingScore:
    record = Record("siim-acr", patient, "x.png", patient_id=patient)
    return FindingScore(
        FindingCase("siim-acr", Path(), record, drawn > 0, "test"), drawn, found, dice, probability
    )


SCORES = [
    score_of("a", 50, 40, 0.6, 0.9), score_of("b", 30, 0, 0.0, 0.2), score_of("c", 0, 0, 1.0, 0.1),
    score_of("d", 0, 9, 0.0, 0.7), score_of("e", 0, 0, 1.0, 0.2),
]  # fmt: skip


def test_scores_by_hand_and_by_a_second_source() -> None:
    found = finding_scores.summary(SCORES)["siim-acr"]
    assert (found["images"], found["patients"], found["positive"]) == (5, 5, 2)
    assert found["challenge_dice"] == pytest.approx(2.6 / 5)
    assert found["challenge_dice_if_always_empty"] == pytest.approx(3 / 5)
    assert found["dice_of_positives"] == pytest.approx(0.3)
    assert found["sensitivity"] == pytest.approx(1 / 2)
    assert found["specificity"] == pytest.approx(2 / 3, abs=1e-4)
    truth, probability = [1, 1, 0, 0, 0], [0.9, 0.2, 0.1, 0.7, 0.2]
    assert found["auroc"] == pytest.approx(roc_auc_score(truth, probability), abs=1e-4)
    low, high = found["challenge_dice_95_interval"]
    assert 0 <= low < found["challenge_dice"] < high <= 1


def test_what_is_not_defined_is_null_and_no_zero() -> None:
    found = finding_scores.summary(SCORES[2:])["siim-acr"]
    assert [found[k] for k in ("dice_of_positives", "sensitivity", "auroc")] == [None] * 3
    assert found["challenge_dice_if_always_empty"] == 1.0


def test_copies_of_one_patient_are_no_more_witnesses() -> None:
    twice = [replace(s, case=replace(s.case, record=replace(s.case.record, patient_id="one")))
             for s in SCORES]  # fmt: skip
    assert finding_scores.summary(twice)["siim-acr"]["patients"] == 1


def test_the_worst_are_the_sick_that_were_missed_and_then_false_alarms() -> None:
    assert [s.case.image_id for s in finding_page.worst(SCORES)] == ["b", "a", "d"]


def test_a_picture_outlines_what_was_drawn_and_what_was_found(stored: Stored) -> None:
    case = next(c for c in stored.cases if c.positive)
    score = FindingScore(case, 1, 1, 0.5, 0.9)
    above = np.zeros((SIZE, SIZE), np.float32)
    above[: SIZE // 2] = 1
    finder = finding_masks.Finder("pneumothorax", SIZE, Decision(0.5, 0.0), "", lambda image: above)
    shown = finding_page.picture(score, finder)
    image = cv2.imdecode(np.frombuffer(shown.png, np.uint8), cv2.IMREAD_COLOR)
    coloured = image.max(2) != image.min(2)
    assert coloured[191, 10]  # the lower edge of the upper half
    assert not coloured[300, 5]
    assert case.image_id in shown.caption


class Constant(torch.nn.Module):
    """A network that says the same of every pixel."""

    def __init__(self, logit: float) -> None:
        super().__init__()
        self.logit = torch.nn.Parameter(torch.tensor(logit))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 0 + self.logit


def test_a_network_that_never_finds_anything_reaches_the_floor_and_no_more(stored: Stored) -> None:
    held_back = [c.positive for c in stored.cases if c.split == "validate"]
    found = training.validation(Constant(-20.0), stored, SIZE, "cpu")
    assert found["challenge_dice"] == pytest.approx(1 - np.mean(held_back))
    assert found["dice_of_positives"] == 0
    assert found["auroc"] == 0.5


# The run


@pytest.fixture(scope="module")
def run(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    sources = [("siim-acr", archive)]
    finding_release.run(sources, SMALL, TINY, SHARES, out, "cpu", quiet)
    return out


def card_of(out: Path) -> dict[str, Any]:
    card: dict[str, Any] = json.loads((out / "card.json").read_text())
    return card


def test_a_run_leaves_a_whole_folder_and_no_pixels_of_the_archive(run: Path) -> None:
    assert {p.name for p in run.iterdir()} - {"lock"} == {
        "card.json", "card.md", "checkpoints", "log.csv", "model.json",
        "model.onnx", "model-int8.onnx", "model.safetensors",
        "report.html", "split.csv", "test.csv", "trained_on.csv",
    }  # fmt: skip
    assert "data:image/png" not in (run / "report.html").read_text()  # the archive is registered


def test_the_card_says_whose_images_they_are_and_what_was_chosen(run: Path, stored: Stored) -> None:
    card = card_of(run)
    counts = {s: len(stored.places(s)) for s in ("train", "validate", "test")}
    assert {s: card["data"][0][s] for s in counts} == counts
    assert "patients of siim-acr are unknown" in card["split"]
    assert "patients of siim-acr are unknown" in (run / "card.md").read_text()
    assert sum(card["with_pneumothorax"].values()) == sum(c.positive for c in stored.cases)
    for precision in ("float32", "int8"):
        decision = card["decision"][precision]
        assert decision["threshold"] in THRESHOLDS
        assert decision["smallest_share"] in SMALLEST_SHARES
        scores = card["scores"][precision]["siim-acr"]
        assert scores["images"] == counts["test"]
        assert scores["threshold"] == decision["threshold"]


def test_the_table_of_test_images_gives_the_scores_of_the_card(run: Path) -> None:
    with (run / "test.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    for precision in ("float32", "int8"):
        own = [r for r in rows if r["precision"] == precision]
        mean = np.mean([float(r["challenge_dice"]) for r in own])
        scores = card_of(run)["scores"][precision]["siim-acr"]
        assert scores["challenge_dice"] == pytest.approx(mean, abs=1e-4)
        assert len({r["image_id"] for r in own}) == len(own) == scores["images"]
    with (run / "split.csv").open(newline="") as file:
        split = {r["image_id"]: r["split"] for r in csv.DictReader(file)}
    assert {split[r["image_id"]] for r in rows} == {"test"}


def test_the_written_files_say_what_the_network_says(run: Path, stored: Stored) -> None:
    tensors, _ = weights_file.read(run, "sa-unet")
    net = architectures.segmentation("sa-unet", 1, SMALL.width, SMALL.keep)
    weights_file.load_into(net, tensors, run)
    finder = finding_masks.load(run)
    image = np.random.default_rng(0).random((SIZE, SIZE), np.float32)
    with torch.no_grad():
        expected = torch.sigmoid(net.eval()(torch.from_numpy(image)[None, None]))[0, 0].numpy()
    assert np.abs(finder.infer(image) - expected).max() < 1e-4
    session = onnxruntime.InferenceSession(str(run / "model-int8.onnx"))
    assert session.get_inputs()[0].shape == [1, 1, SIZE, SIZE]


def test_a_finished_run_is_predicted_as_it_was_tested(run: Path, stored: Stored) -> None:
    finder = finding_masks.load(run)
    with (run / "test.csv").open(newline="") as file:
        row = next(r for r in csv.DictReader(file) if r["precision"] == "float32")
    case = next(c for c in stored.cases if c.image_id == row["image_id"])
    found = finding_masks.find(radiograph.read(case.image, smallest=finder.size), finder)
    assert f"{found.probability:.4f}" == row["probability"]
    assert int(found.mask.sum()) == int(row["found_pixels"])


def test_a_run_that_is_given_again_is_not_learnt_again(run: Path, archive: Path) -> None:
    before = weights_file.read(run)[0]
    steps: list[Event] = []
    finding_release.run([("siim-acr", archive)], SMALL, TINY, SHARES, run, "cpu", steps.append)
    after = weights_file.read(run)[0]
    assert steps == []
    assert all(torch.equal(before[name], after[name]) for name in before)
    other = replace(SMALL, positive_share=0.25)
    with pytest.raises(CxrkitError, match="E104"):
        finding_release.run([("siim-acr", archive)], other, TINY, SHARES, run, "cpu", quiet)


# What is refused


def test_bad_options_and_splits_are_refused_before_anything_is_written(
    archive: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for settings, shares, code in (
        (replace(SMALL, size=100), SHARES, "E107"),
        (replace(SMALL, size=2048), SHARES, "E107"),
        (replace(SMALL, architecture="resnet"), SHARES, "E107"),
        (SMALL, Shares(0.0, 0.25), "E109"),
        (SMALL, Shares(0.02, 0.25), "E108"),
    ):
        with pytest.raises(CxrkitError, match=code):
            finding_release.run(
                [("siim-acr", archive)], settings, TINY, shares, out, "cpu", quiet
            )  # fmt: skip
        assert not out.exists()


def test_a_loss_that_is_no_number_names_the_images_and_leaves_no_model(
    stored: Stored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "preprocess", lambda image: np.full((SIZE, SIZE), np.nan, "f4"))
    with pytest.raises(CxrkitError, match="E901") as refused:
        training.train(stored, SMALL, TINY, tmp_path, "cpu", quiet)
    assert stored.cases[0].image_id[:4] in str(refused.value)
    assert not list(tmp_path.glob("model*"))
