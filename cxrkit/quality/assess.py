"""Whether a lung mask can be trusted: its estimated Dice, reasons to look again, a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from cxrkit.quality import estimate, mask_checks
from cxrkit.quality.estimate import NOTHING, Calibration, Estimate
from cxrkit.quality.flags import Flag
from cxrkit.quality.measures import measure
from cxrkit.quality.signals import signals
from cxrkit.terms import MaskConvention

Verdict = Literal["accept", "review", "reject"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

# CheXmask's advice: leave out masks whose estimated Dice is lower (arXiv:2307.03293).
REJECT_BELOW = 0.7
ACCEPT_FROM = estimate.GOOD
# Nothing that a person can mend: there are no lungs to outline.
HOPELESS = ("empty", "blank", "not_a_chest")


@dataclass(frozen=True)
class Quality:
    """What is known of one mask without a drawn one."""

    estimate: Estimate | None  # None: made by a network that the calibration is not for
    flags: tuple[Flag, ...]  # of the mask, then of the image

    @property
    def verdict(self) -> Verdict:
        """Reject, review or accept, by the limits above; any flag asks for a review."""
        names = {flag.name for flag in self.flags}
        if names & set(HOPELESS):
            return "reject"
        if self.estimate is not None and self.estimate.dice < REJECT_BELOW:
            return "reject"
        if names or (self.estimate is not None and self.estimate.dice < ACCEPT_FROM):
            return "review"
        return "accept"


def assess(
    squashed: np.ndarray,
    right: np.ndarray,
    left: np.ndarray,
    probability: np.ndarray | None,
    convention: MaskConvention,
    by: Calibration,
    of_image: Sequence[Flag] = (),
) -> Quality:
    """The quality of a mask on the 224 x 224 grid.

    Args:
        squashed: (224, 224) uint8, the radiograph, air dark.
        right: (224, 224) bool, the patient's right lung, at smaller x.
        left: the same of the left one.
        probability: (224, 224) float32 in 0-1, what a network of `by.networks` says for that
            convention; None where another network was used, and there is no estimate then.
        convention: of the mask.
        by: the calibration.
        of_image: flags of the radiograph itself.
    """
    measured = measure(squashed, right, left, by.shapes[convention])
    flags = (*mask_checks.flags(measured), *of_image)
    if probability is None:
        return Quality(None, flags)
    if not measured.area:
        return Quality(NOTHING, flags)
    row = signals(right, left, probability, measured)
    return Quality(estimate.estimate(row, convention, by), flags)
