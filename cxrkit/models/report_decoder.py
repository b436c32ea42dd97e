"""A small decoder of reports: two recurrent layers with attention to a classifier's feature map.

The first layer reads the words so far and the image as a whole; its state asks the feature map
where to look (Bahdanau 2015, arXiv:1409.0473; heads as in Vaswani 2017, arXiv:1706.03762); the
second layer hears the answer. In training all words of a report go through at once.
"""

import warnings

import torch
from torch import Tensor, nn

from cxrkit.models import onnx_files

HEADS = 4
LAYERS = 2


class ReportDecoder(nn.Module):
    """Logits of the next word after each word of a report.

    Args:
        words: of the vocabulary.
        channels: C of the feature map.
        places: rows x columns of the feature map, S.
        width: D of every layer; a multiple of 4.
        dropout: share of what each layer says that is dropped in training.
    """

    def __init__(
        self, words: int, channels: int, places: int, width: int = 160, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.settings = {
            "words": words, "channels": channels, "places": places, "width": width,
            "dropout": dropout,
        }  # fmt: skip
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.memory = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, width))
        self.place = nn.Parameter(torch.zeros(places, width))
        self.first = nn.GRU(2 * width, width, batch_first=True)
        self.question, self.answer = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.second = nn.GRU(2 * width, width, batch_first=True)
        self.last = nn.Sequential(nn.Linear(3 * width, width), nn.Tanh())
        self.dropout = nn.Dropout(dropout)
        self.bias = nn.Parameter(torch.zeros(words))
        nn.init.normal_(self.embedding.weight, std=width**-0.5)

    def forward(self, words: Tensor, features: Tensor) -> Tensor:
        """(N, T, V) logits of (N, T) int64 words and (N, S, C) float32 features."""
        state = torch.zeros(LAYERS, len(words), self.place.shape[1], device=words.device)
        return self.step(words, state, self.remember(features))[0]

    def remember(self, features: Tensor) -> Tensor:
        """The (N, S, D) memory of (N, S, C) features, which is the same at each word."""
        memory: Tensor = self.memory(features) + self.place
        return memory

    def step(self, words: Tensor, state: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(N, T, V) logits and the (2, N, D) state after (N, T) words.

        One image may have several candidates: then the memory is (1, S, D).
        """
        embedded = self.dropout(self.embedding(words))
        whole = memory.mean(dim=1, keepdim=True).expand_as(embedded)
        first, after_first = self.first(torch.cat([embedded, whole], 2), state[:1].contiguous())
        seen = self.dropout(self._attended(first, memory))
        second, after_second = self.second(torch.cat([first, seen], 2), state[1:].contiguous())
        said = self.last(self.dropout(torch.cat([first, seen, second], 2)))
        logits = self.dropout(said) @ self.embedding.weight.t() + self.bias
        return logits, torch.cat([after_first, after_second])

    def _attended(self, asked: Tensor, memory: Tensor) -> Tensor:
        """(N, T, D) what each of (N, T, D) states sees of the (N or 1, S, D) memory."""
        question = self.question(asked).unflatten(2, (HEADS, -1)).transpose(1, 2)  # (N, H, T, d)
        answer = self.answer(memory).unflatten(2, (2 * HEADS, -1)).transpose(1, 2)
        keys, values = answer[:, :HEADS], answer[:, HEADS:]  # (N or 1, H, S, d)
        weights = question @ keys.transpose(2, 3) / keys.shape[3] ** 0.5
        seen: Tensor = weights.softmax(dim=3) @ values
        return seen.transpose(1, 2).flatten(2)


class _OneWord(nn.Module):
    """One step of a decoder, as it is exported."""

    def __init__(self, net: ReportDecoder) -> None:
        super().__init__()
        self.net = net

    def forward(self, word: Tensor, state: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        logits, after = self.net.step(word[:, None], state, self.net.remember(features))
        return logits[:, 0], after


def onnx_file(net: ReportDecoder) -> bytes:
    """One step as an ONNX file: `word` (B,) int64, `state` (2, B, D) and `features` (1, S, C).

    The outputs are `logits` (B, V) and `next_state` (2, B, D); B is free.
    """
    width, places, channels = (int(net.settings[n]) for n in ("width", "places", "channels"))
    # Two candidates, so that the trace does not take a batch of one for granted.
    inputs = {
        "word": torch.ones(2, dtype=torch.int64),
        "state": torch.zeros(LAYERS, 2, width),
        "features": torch.zeros(1, places, channels),
    }
    free = {"word": {0: "B"}, "state": {1: "B"}, "logits": {0: "B"}, "next_state": {1: "B"}}
    with warnings.catch_warnings():
        # It warns of recurrent layers whose shapes or first state are fixed: theirs are inputs.
        warnings.simplefilter("ignore")
        return onnx_files.float32(_OneWord(net), inputs, ["logits", "next_state"], free)
