"""A tiny network that says what a picture shows and how it lies: 96 x 96 gray to ten logits."""

from torch import Tensor, nn

SIZE = 96  # pixels, both sides
OUTPUTS = 10  # kind (4), quarter turns (4), inverted, mirrored; see quality/picture_kind.py

# (channels out, stride) of each 3 x 3 convolution; the last map is 6 x 6.
_LAYERS = ((16, 2), (24, 2), (32, 1), (48, 2), (64, 1), (64, 2))
_PLACES = 24  # channels that keep their places: what turns and sides are told by


class PictureNet(nn.Module):
    """(N, 1, 96, 96) of mean 0 and deviation 1 to (N, 10) logits; 99,554 parameters.

    No pooling at its end: whether the heart lies left or right is a matter of places.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for channels, stride in _LAYERS:
            layers += [
                nn.Conv2d(before, channels, 3, stride, 1, bias=False),
                nn.BatchNorm2d(channels),
                nn.ReLU(inplace=True),
            ]
            before = channels
        self.features = nn.Sequential(*layers)
        self.places = nn.Sequential(nn.Conv2d(before, _PLACES, 1), nn.ReLU(inplace=True))
        self.head = nn.Sequential(
            nn.Flatten(), nn.Dropout(0.2), nn.Linear(_PLACES * (SIZE // 16) ** 2, OUTPUTS)
        )

    def forward(self, image: Tensor) -> Tensor:
        """(N, 10) logits."""
        logits: Tensor = self.head(self.places(self.features(image)))
        return logits
