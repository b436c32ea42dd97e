"""Is this picture an upright, unmirrored frontal chest radiograph with air dark?

One function per check; what each measures, its limit and how often it errs: docs/pictures.md.
Turns, polarity and side are reported of pictures that are one chest; a blank picture is only blank.
"""

from collections.abc import Sequence

import numpy as np

from cxrkit.quality import lettering, picture_grays, picture_kind
from cxrkit.quality.flags import Flag
from cxrkit.quality.picture_kind import Network, Seen

LIMIT = {
    "lateral": 0.9,
    "collage": 0.9,
    "not_a_chest": 0.9,
    "rotated": 0.9,
    "inverted": 0.9,
    "mirrored": 0.9,
}
CHECKS = (
    "blank", "not_a_chest", "collage", "lateral", "rotated", "inverted", "mirrored",
    "wide_border", "clipped_exposure", "burned_in_text", "colour_marks",
)  # fmt: skip
FOREIGN = ("not_a_chest", "collage", "lateral")  # no single frontal chest


def flags(pixels: np.ndarray, network: Network, reading: Sequence[str] = ()) -> tuple[Flag, ...]:
    """What a person should look at in a picture, in the order of `CHECKS`; mostly nothing.

    Args:
        pixels: (H, W) uint8, air dark as far as the file says; a shorter side of 224 or more.
        network: from `picture_kind.load`.
        reading: the flags of the reading, `Radiograph.flags`.
    """
    picture = picture_grays.working(pixels)
    if found := picture_grays.blank(picture):
        return (found,)
    seen = _seen(picture_kind.see(picture, network))
    # A body from the side or a limb stands in much air, which is no border.
    chest = not any(flag and flag.name in FOREIGN for flag in seen)
    checked = (
        *seen,
        picture_grays.wide_border(picture) if chest else None,
        picture_grays.clipped_exposure(picture),
        lettering.burned_in_text(picture),
        lettering.colour_marks(reading),
    )
    return tuple(flag for flag in checked if flag)


def _seen(seen: Seen) -> tuple[Flag | None, ...]:
    """What the network's verdict gives: turn and polarity of one chest, side of a frontal one."""
    if found := not_a_chest(seen) or collage(seen):
        return (found,)
    side, turned = lateral(seen), rotated(seen)
    return (side, turned, inverted(seen), None if side or turned else mirrored(seen))


def not_a_chest(seen: Seen) -> Flag | None:
    """A photograph, a page, noise, another part of the body."""
    return _flag("not_a_chest", seen.kinds["other"], "it does not look like a chest radiograph")


def collage(seen: Seen) -> Flag | None:
    """Two or more radiographs in one picture."""
    return _flag("collage", seen.kinds["collage"], "it looks like several pictures in one")


def lateral(seen: Seen) -> Flag | None:
    """A chest from the side."""
    return _flag("lateral", seen.kinds["lateral"], "it looks like a lateral view")


def rotated(seen: Seen) -> Flag | None:
    """Turned by one to three quarter turns."""
    turn = max(picture_kind.TURNS[1:], key=lambda degrees: seen.turns[degrees])
    return _flag("rotated", seen.turns[turn], f"it looks turned by {turn} degrees clockwise")


def inverted(seen: Seen) -> Flag | None:
    """Air is bright."""
    return _flag("inverted", seen.inverted, "it looks like a negative: air bright, bone dark")


def mirrored(seen: Seen) -> Flag | None:
    """The heart lies on the wrong side."""
    words = "heart or markers are on the wrong side: mirrored, unless the patient has dextrocardia"
    return _flag("mirrored", seen.mirrored, words)


def _flag(name: str, probability: float, words: str) -> Flag | None:
    limit = LIMIT[name]
    if probability < limit:
        return None
    return Flag(name, f"{words} (probability {probability:.3f}, limit {limit})")
