"""Is this picture an upright, unmirrored frontal chest radiograph with air dark?

One function per check; what each measures, its limit and how often it errs: docs/pictures.md.
Turns, polarity and side are reported of pictures that are one chest; a blank picture is only blank.
"""

from collections.abc import Sequence

import numpy as np

from cxrkit.quality import lettering, picture_grays, picture_kind
from cxrkit.quality.flags import Flag
from cxrkit.quality.picture_kind import Network, Seen

# Probabilities, between what 580 radiographs of training and validation with 150 phantoms come to
# and what the same pictures come to when changed. The worst good one has .53 as not a chest, .05 as
# a collage, .0002 as a lateral, turned or inverted; of changed ones 98 in 100 lie above .5. Sides
# overlap: 5 of 357 children, their hearts in the middle or on the right, come to .99 and more.
LIMIT = {
    "not_a_chest": 0.6,
    "collage": 0.5,
    "lateral": 0.3,
    "rotated": 0.5,
    "inverted": 0.5,
    "mirrored": 0.95,
}
CHECKS = (
    "blank", "not_a_chest", "collage", "lateral", "rotated", "inverted", "mirrored",
    "wide_border", "clipped_exposure", "burned_in_text", "colour_marks",
)  # fmt: skip
FOREIGN = {"not_a_chest", "collage", "lateral"}  # no single frontal chest


def flags(pixels: np.ndarray, network: Network, reading: Sequence[str] = ()) -> tuple[Flag, ...]:
    """What a person should look at in a picture, in the order of `CHECKS`; mostly nothing.

    Args:
        pixels: (H, W) uint8, air dark as far as the file says; a shorter side of 224 or more.
        network: from `picture_kind.load`.
        reading: the flags of the reading, `Radiograph.flags`.
    """
    picture = picture_grays.working(pixels)
    if nothing := picture_grays.blank(picture):
        return (nothing,)
    seen = _seen(picture_kind.see(picture, network))
    found = {flag.name for flag in seen if flag}
    checked = (
        *seen,
        # A body from the side or a limb stands in much air, which is no border; in a negative that
        # air is white, and nothing is clipped.
        None if found & FOREIGN else picture_grays.wide_border(picture),
        None if "inverted" in found else picture_grays.clipped_exposure(picture),
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
    """A photograph, a page, noise, another part of the body: the views agree on no chest.

    They need not agree on what else it is: of cuts from photographs, which the network never saw,
    it knows that in half of the cases, and in three of four that they are no chest.
    """
    chest = max(seen.kinds[kind] for kind in ("frontal", "lateral", "collage"))
    return _flag("not_a_chest", 1 - chest, "it does not look like a chest radiograph")


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
