"""Reasons to look at a lung mask again, one small function each.

Every limit lies just beyond what was measured on drawn masks: 500 of V7 and of Guangzhou with V7's
masks (`included`) and 47 of Shenzhen (`excluded`), the patients that the shipped network learnt
from. The figure in each comment is the outermost of those 547. Three of them have one lung alone
(two of Shenzhen, one of V7) and two of Shenzhen a shrunken one: those are what is looked for.
"""

from collections.abc import Callable
from types import MappingProxyType

from cxrkit.quality.flags import Flag
from cxrkit.quality.measures import Measures

SMALLEST, LARGEST = 0.09, 0.62  # share of the image; drawn .092 to .613
ABSENT = 10.0  # one lung this many times the other: the second part of a mask is no lung then
IMBALANCE = 2.0  # 99.5th percentile of the drawn included masks 1.59
BORDER = 0.20  # of the outline; drawn up to .189, children held up with their arms
HOLES = 0.02  # of the mask; drawn up to .013, tubes left out
EXTRA = 0.005  # of the mask; drawn up to .0001
JAGGED = 1.10  # drawn up to 1.088
EDGE = 0.28  # of the outline; drawn .288 and more
SHAPE = 2.3  # deviations; drawn up to 2.29
RESIDUAL = 0.20  # drawn up to .195


def empty(of: Measures) -> str:
    """There is no lung."""
    return "" if of.area else "the mask is empty"


def one_lung(of: Measures) -> str:
    """One lung is absent or a sliver: destroyed, removed, white, or not found."""
    if of.imbalance <= ABSENT:
        return ""
    side = "right" if of.right < of.left else "left"
    return f"the patient's {side} lung is absent or under a tenth of the other"


def small(of: Measures) -> str:
    """The lungs cover less of the image than any that were drawn."""
    return "" if of.area >= SMALLEST else f"covers {of.area:.1%} of the image, under {SMALLEST:.0%}"


def large(of: Measures) -> str:
    """The lungs cover more of the image than any that were drawn."""
    return "" if of.area <= LARGEST else f"covers {of.area:.1%} of the image, over {LARGEST:.0%}"


def imbalanced(of: Measures) -> str:
    """One lung is much larger than the other, which is there."""
    if not IMBALANCE < of.imbalance <= ABSENT:
        return ""
    return f"one lung has {of.imbalance:.1f} times the other's area, over {IMBALANCE}"


def touches_border(of: Measures) -> str:
    """Much of the outline is the image's border: the lungs are cut off, or it is no lung."""
    if of.border <= BORDER:
        return ""
    return f"{of.border:.0%} of the outline lies on the image's border, over {BORDER:.0%}"


def holes(of: Measures) -> str:
    """Something inside the lungs is left out."""
    return "" if of.holes <= HOLES else f"holes of {of.holes:.1%} of the mask, over {HOLES:.0%}"


def extra_parts(of: Measures) -> str:
    """There are parts beside the two lungs."""
    if of.extra <= EXTRA:
        return ""
    return f"{of.parts} parts, {of.extra:.1%} of the mask outside the two largest, over {EXTRA:.1%}"


def jagged(of: Measures) -> str:
    """The outline is rougher than a drawn one."""
    if of.jagged <= JAGGED:
        return ""
    return f"the outline is {of.jagged:.2f} times as long as a smooth one, over {JAGGED:.2f}"


def off_the_lungs(of: Measures) -> str:
    """The radiograph has no edge where the mask has one."""
    if of.edge >= EDGE:
        return ""
    return f"only {of.edge:.0%} of the outline lies on an edge of the image, under {EDGE:.0%}"


def odd_shape(of: Measures) -> str:
    """No drawn mask looks like it."""
    if of.shape <= SHAPE and of.residual <= RESIDUAL:
        return ""
    return (
        f"{of.shape:.1f} deviations from drawn lungs and {of.residual:.2f} off the nearest shape, "
        f"over {SHAPE} or {RESIDUAL:.2f}"
    )


CHECKS = MappingProxyType[str, Callable[[Measures], str]](
    {
        "empty": empty,
        "one_lung": one_lung,
        "small": small,
        "large": large,
        "imbalanced": imbalanced,
        "touches_border": touches_border,
        "holes": holes,
        "extra_parts": extra_parts,
        "jagged": jagged,
        "off_the_lungs": off_the_lungs,
        "odd_shape": odd_shape,
    }
)


def flags(of: Measures) -> tuple[Flag, ...]:
    """What the checks find, in their order; of an empty mask that alone."""
    if reason := empty(of):
        return (Flag("empty", reason),)
    found = ((name, check(of)) for name, check in CHECKS.items())
    return tuple(Flag(name, reason) for name, reason in found if reason)
