"""Who is imaged, from which side, and what is wrong with them?"""

from dataclasses import dataclass

import numpy as np

FINDINGS: tuple[str, ...] = (
    "effusion",
    "pneumothorax",
    "consolidation",
    "cardiomegaly",
    "nodule",
    "edema",
    "fracture",
    "tube",
    "line",
    "atelectasis",
    "opacity",
    "pneumonia",
    "mediastinum",
    "pleura",
    "nasogastric",
    "drain",
    "pacemaker",
    "port",
    "wires",
)
DEVICES = ("tube", "line", "nasogastric", "drain", "pacemaker", "port", "wires")


@dataclass(frozen=True)
class Subject:
    """One person before one detector. The same `seed` is the same person in every view and study.

    `findings` are names of `FINDINGS`; all of one study share `side` and `extent`.
    """

    age: str = "adult"  # or "child"
    sex: str = "F"  # or "M"
    view: str = "PA"  # or "AP", "LATERAL"
    girth: float = 0.4  # 0 thin, 1 obese
    stature: float = 1.0  # of an adult's mean size
    inspiration: float = 0.8  # 0 breathed out, 1 fully in
    rotation: float = 0.0  # degrees about the long axis, on top of the usual few
    findings: tuple[str, ...] = ()
    side: str = "right"  # or "left": where one-sided findings are, the patient's side
    extent: float = 0.5  # 0-1, small to large
    seed: int = 0

    @property
    def sign(self) -> int:
        """-1 where `side` is the patient's right, at smaller x; +1 where it is the left."""
        return -1 if self.side == "right" else 1


def draw_subject(rng: np.random.Generator) -> Subject:
    """Anybody without findings: one in eight a child, seen AP; adults PA or, less often, AP."""
    child = bool(rng.random() < 0.125)
    return Subject(
        age="child" if child else "adult",
        sex="F" if rng.random() < 0.5 else "M",
        view="AP" if child or rng.random() < 0.4 else "PA",
        girth=float(rng.beta(2, 2.6)),
        stature=float(rng.uniform(0.5, 0.8) if child else np.clip(rng.normal(1, 0.05), 0.88, 1.12)),
        inspiration=float(np.clip(rng.normal(0.75, 0.2), 0, 1)),
        seed=int(rng.integers(2**31)),
    )
