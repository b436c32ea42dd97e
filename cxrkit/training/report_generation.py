"""Train the decoder: a classifier's feature maps in, reports out, word by word.

The classifier is frozen, so its maps are computed once, and an epoch costs no image.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from cxrkit.models.report_decoder import LAYERS, ReportDecoder
from cxrkit.report_writing import search
from cxrkit.report_writing.report import joined
from cxrkit.report_writing.vocabulary import END, PAD, START, UNKNOWN, Vocabulary, learn
from cxrkit.reports import clinical, labeler
from cxrkit.training import loop
from cxrkit.training.loop import Event, Recipe, Row, Task
from cxrkit.training.report_targets import Target

JUDGED = 500  # validation images for which an epoch writes reports
_AT_ONCE = 64  # images of one pass when nothing is learnt


@dataclass(frozen=True)
class Choice:
    """The decoder; each field is a flag of the command."""

    width: int = 160  # of every layer
    dropout: float = 0.3
    least: int = 3  # a word of the vocabulary is in so many places of the training reports
    longest: int = 160  # words of a report, its marks included
    beam: int = 3  # candidates of the search


@dataclass(frozen=True)
class Data:
    """Reports and the feature maps that they are written from."""

    targets: tuple[Target, ...]
    features: np.ndarray  # (N, S, F) float16, of each target
    vocabulary: Vocabulary
    words: tuple[tuple[int, ...], ...]  # of each target's report

    def places(self, split: str) -> np.ndarray:
        """The numbers of the targets of a split."""
        return np.array([k for k, t in enumerate(self.targets) if t.sample.split == split], int)


@dataclass(frozen=True)
class Batch:
    """Words (n, T) int64, PAD behind each report, and features (n, S, F) float32."""

    words: Tensor
    features: Tensor


def prepare(targets: Sequence[Target], features: np.ndarray, choice: Choice) -> Data:
    """The reports as numbers of the words that training reports have.

    Args:
        targets: with their splits.
        features: (N, S, F), of each target.
        choice: how rare a word and how long a report may be.
    """
    training = [t for t in targets if t.sample.split == "train"]
    vocabulary = learn((part for t in training for part in (t.findings, t.impression)),
                       choice.least)  # fmt: skip
    words = [tuple(vocabulary.encode(t.findings, t.impression, choice.longest)) for t in targets]
    return Data(tuple(targets), features, vocabulary, tuple(words))


def train(
    data: Data, choice: Choice, recipe: Recipe, out: Path, device: str,
    report: Callable[[Event], None],
) -> tuple[ReportDecoder, list[Row]]:  # fmt: skip
    """The trained decoder and the rows of its log; see `loop.train`."""
    torch.manual_seed(recipe.seed)
    places, channels = data.features.shape[1:]
    net = ReportDecoder(len(data.vocabulary.words), channels, places, choice.width, choice.dropout)
    return net, loop.train(net, task(data, choice), recipe, out, device, report)


def task(data: Data, choice: Choice) -> Task[Batch]:
    """What the loop needs to know of this model and its data."""
    learnt, held_back = data.places("train"), data.places("validate")[:JUDGED]

    def batch(draws: Sequence[int], epoch: int) -> Batch:
        return _batch(data, learnt[list(draws)])

    def loss(net: nn.Module, batch: Batch, device: str) -> Tensor:
        return losses(net(batch.words[:, :-1].to(device), batch.features.to(device)),
                      batch.words[:, 1:].to(device))  # fmt: skip

    def measure(net: nn.Module, device: str) -> Row:
        assert isinstance(net, ReportDecoder)
        return _scores(net, data, held_back, choice, device)

    return Task(
        draws=len(learnt),
        batch=batch,
        loss=loss,
        measure=measure,
        score="label_f1",
        facts=_facts(data, choice),
        names=lambda draws: [data.targets[learnt[d]].sample.image_id for d in draws],
    )


def losses(logits: Tensor, words: Tensor) -> Tensor:
    """(n,) float32 mean cross entropies over the words of each report that are known.

    Args:
        logits: (n, T, V).
        words: (n, T), the next word after each; PAD and UNKNOWN teach nothing.
    """
    known = (words != PAD) & (words != UNKNOWN)
    each = functional.cross_entropy(logits.float().transpose(1, 2), words, reduction="none")
    mean: Tensor = (each * known).sum(1) / known.sum(1).clamp(min=1)
    return mean


@torch.no_grad()
def written(net: ReportDecoder, features: Tensor, longest: int, device: str) -> list[list[int]]:
    """The words of the greedy reports of (N, S, F) features, END last."""
    memory = net.remember(features.to(device))
    state = torch.zeros(LAYERS, len(features), net.place.shape[1], device=device)
    reports: list[list[int]] = [[] for _ in features]
    last = torch.full((len(features), 1), START, device=device)
    for _ in range(longest):
        logits, state = net.step(last, state, memory)
        best = search.allowed(logits[:, 0].float().cpu().numpy(), reports).argmax(axis=1)
        for report, word in zip(reports, best, strict=True):
            if report[-1:] != [END]:
                report.append(int(word))
        if all(report[-1] == END for report in reports):
            break
        last = torch.from_numpy(best)[:, None].to(device)
    return reports


def _scores(net: ReportDecoder, data: Data, places: np.ndarray, choice: Choice, device: str) -> Row:
    """Micro F1 of what greedy reports say, and the mean loss of a word."""
    total, said, meant = 0.0, list[dict[str, int]](), []
    for start in range(0, len(places), _AT_ONCE):
        chosen = places[start : start + _AT_ONCE]
        batch = _batch(data, chosen)
        words, features = batch.words.to(device), batch.features.to(device)
        total += float(losses(net(words[:, :-1], features), words[:, 1:]).sum())
        for numbers in written(net, features, choice.longest, device):
            said.append(labeler.label(joined(*data.vocabulary.decode(numbers))))
        meant += [data.targets[k].labels for k in chosen]
    f1 = clinical.f1(said, meant, "absent").micro
    return {"label_f1": f1, "loss_validate": total / max(1, len(places))}


def _batch(data: Data, places: np.ndarray) -> Batch:
    reports = [data.words[k] for k in places]
    words = np.full((len(reports), max(map(len, reports))), PAD, np.int64)
    for row, report in zip(words, reports, strict=True):
        row[: len(report)] = report
    features = data.features[places].astype(np.float32)
    return Batch(torch.from_numpy(words), torch.from_numpy(features))


def _facts(data: Data, choice: Choice) -> dict[str, object]:
    """What a run must share with the one that it resumes."""
    digest = hashlib.sha256(repr(data.words).encode())
    digest.update(data.features[:: max(1, len(data.features) // 64)].tobytes())
    return {"task": "report", "choice": asdict(choice), "data": digest.hexdigest()}
