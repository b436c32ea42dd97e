"""Claims: the estimated Dice of lung masks is close to the true one, and costs little.

On radiographs of patients that neither the network nor the calibration learnt from: own masks and
spoilt ones, with reverse classification accuracy (RCA, Valindria 2017, arXiv:1702.03407) in the same
run as the peer; then pairs of radiograph and drawn mask of which one in ten are deranged.

    python benchmarks/quality.py shenzhen:SZ-CXR v7:V7 guangzhou:KERMANY --masks V7_MASKS_OF_GUANGZHOU
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from cxrkit import segmentation
from cxrkit.cli import gathered
from cxrkit.quality import estimate
from cxrkit.quality.assess import Quality, assess
from cxrkit.segmentation import Recipe, clean, preprocess, segment, tell_apart
from cxrkit.terms import MASK_CONVENTIONS
from cxrkit.training import cases
from cxrkit.training.augment import generator
from cxrkit.training.cases import Case
from cxrkit.training.damage import damaged
from cxrkit.training.quality_rows import dice

REFERENCES = 30  # drawn radiographs of the convention that RCA has
SPOILT = 2  # damages of each own mask
PAIRS, DERANGED, ROUNDS = 100, 10, 20
GOOD = estimate.GOOD


class Rca:
    """Plain RCA: the mask, moved onto drawn radiographs by dense registration; the best Dice."""

    def __init__(self, drawn: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self.drawn = [(preprocessed(image), lung) for image, lung in drawn]
        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def maps(self, image: np.ndarray) -> list[np.ndarray]:
        """Where each pixel of each reference lies in the image, (224, 224, 2) float32."""
        own = preprocessed(image)
        grid = np.dstack(np.meshgrid(np.arange(224), np.arange(224))).astype(np.float32)
        return [grid + self.flow.calc(reference, own, None) for reference, _ in self.drawn]

    def score(self, mask: np.ndarray, maps: Sequence[np.ndarray]) -> float:
        """The best Dice that the moved mask has with a drawn one."""
        white = mask.astype(np.uint8) * 255
        moved = (cv2.remap(white, m, None, cv2.INTER_LINEAR) > 127 for m in maps)
        return max(dice(a, lung) for a, (_, lung) in zip(moved, self.drawn, strict=True))


def preprocessed(image: np.ndarray) -> np.ndarray:
    """What both registration partners are: contrast-enhanced, uint8."""
    return np.rint(preprocess(image) * 255).astype(np.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", help="ARCHIVE:ROOT")
    parser.add_argument("--masks", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    listed = gathered.cases(options.sources, options.masks, "included")
    split = cases.assign_splits(listed, 0.05, 0.15, 0)  # the split of the shipped network
    held = [c for c in split if c.split != "train"]
    learnt = [c for c in split if c.split == "train"]
    segmenters = {c: segmentation.load(c, "onnxruntime") for c in MASK_CONVENTIONS}
    by = estimate.load()
    rng = np.random.default_rng(options.seed)

    peers = {c: Rca(references(learnt, c, rng)) for c in MASK_CONVENTIONS}
    tuned = rng.permutation(len(learnt))[: len(held)]
    print(f"{len(held)} radiographs held back; RCA has {REFERENCES} drawn ones of each convention")
    off = np.concatenate([
        truth - plain
        for _, _, truth, plain in rows([learnt[i] for i in tuned], segmenters, by, peers, options.seed)
    ])  # fmt: skip
    kinds, found, truth, plain = (
        np.concatenate(column)
        for column in zip(*rows(held, segmenters, by, peers, options.seed), strict=True)
    )
    middle, low, high = (np.array([getattr(f, n) for f in found]) for n in ("dice", "low", "high"))
    ends = [plain + q for q in np.percentile(off, (5, 95))]
    for name, here in (("own masks", kinds == 0), ("all masks", kinds >= 0)):
        print(f"{name}: {here.sum()}, {(truth[here] < GOOD).mean():.1%} below {GOOD}")
        say("  estimated Dice", truth[here], middle[here], low[here], high[here])
        say("  plain RCA", truth[here], plain[here], ends[0][here], ends[1][here])
    deranged(held, segmenters, by, rng)
    cost(held, segmenters, by, peers)


def references(
    learnt: Sequence[Case], convention: str, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Image and drawn mask of random patients that calibration and network learnt from."""
    own = [c for c in learnt if c.convention == convention]
    chosen = rng.permutation(len(own))[:REFERENCES]
    return [cases.read_for_test(own[i])[:2] for i in chosen]


def rows(listed, segmenters, by, peers, seed):
    """For each radiograph: kinds (0 own, 1 spoilt), estimates, true Dice, RCA's Dice."""
    masks = {(c.archive, c.image_id): cases.read_for_test(c) for c in listed}
    for case in listed:
        image, lung, ignore = masks[case.archive, case.image_id]
        others = [m[1] for key, m in masks.items() if key[0] == case.archive]
        infer = segmenters[case.convention].infer
        probability = infer(preprocess(image))
        own = clean(probability > Recipe().threshold, Recipe())
        if not own.any():
            continue
        rng = generator(seed, 7, 0, case.image_id)
        looked = [own, *(damaged(own, others, rng) for _ in range(SPOILT))]
        maps = peers[case.convention].maps(image)
        found = [quality(image, m, probability, case, by).estimate for m in looked]
        yield (
            np.array([0] + [1] * SPOILT),
            np.array(found),
            np.array([dice(m & ~ignore, lung & ~ignore) for m in looked]),
            np.array([peers[case.convention].score(m, maps) for m in looked]),
        )


def quality(image, mask, probability, case, by) -> Quality:
    """As `cxr build` and `cxr quality` ask."""
    return assess(image, *tell_apart(mask), probability, case.convention, by)


def say(name: str, truth: np.ndarray, found: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
    """The figures of one way to estimate."""
    inside = ((truth >= low) & (truth <= high)).mean()
    below = truth < GOOD
    area = roc_auc_score(below, -found) if 0 < below.sum() < len(below) else float("nan")
    print(
        f"{name:18} r {np.corrcoef(truth, found)[0, 1]:.3f}  "
        f"mean absolute error {np.abs(truth - found).mean():.4f}  "
        f"90 % interval holds {inside:.1%}, width {np.mean(high - low):.3f}  "
        f"AUROC below {GOOD} {area:.3f}"
    )


def deranged(held, segmenters, by, rng) -> None:
    """Drawn masks, one in ten given to another radiograph of the archive: how many are noticed."""
    read = [(c, *cases.read_for_test(c)[:2]) for c in held]
    probability = [segmenters[c.convention].infer(preprocess(image)) for c, image, _ in read]
    found = np.zeros(ROUNDS)
    false = np.zeros(ROUNDS)
    for turn in range(ROUNDS):
        chosen = rng.permutation(len(read))[:PAIRS]
        wrong = set(chosen[:DERANGED])
        for at in chosen:
            case, image, mask = read[at]
            if at in wrong:
                others = [o for o, (c, _, _) in enumerate(read)
                          if c.archive == case.archive and c.patient_id != case.patient_id]  # fmt: skip
                mask = read[int(rng.choice(others))][2]
            verdict = quality(image, mask, probability[at], case, by).estimate
            noticed = verdict is not None and verdict.dice < GOOD
            (found if at in wrong else false)[turn] += noticed
    print(
        f"{PAIRS} pairs, {DERANGED} deranged, {ROUNDS} times: noticed {found.mean():.2f} "
        f"(least {found.min():.0f}), false {false.mean():.2f} (most {false.max():.0f})"
    )


def cost(held, segmenters, by, peers) -> None:
    """Processor time of a mask's quality against that of the mask itself."""
    case, image = held[0], cases.read_for_test(held[0])[0]
    segmenter = segmenters[case.convention]
    lungs = segment(image, segmenter, Recipe())
    parts = {
        "segmentation": lambda: segment(image, segmenter, Recipe()),
        "quality": lambda: assess(
            image, lungs.right, lungs.left, lungs.probability, case.convention, by
        ),
        "plain RCA": lambda: peers[case.convention].score(
            lungs.mask, peers[case.convention].maps(image)
        ),
    }
    times = {}
    for name, run in parts.items():
        run()
        began, count = time.process_time(), 0
        while time.process_time() - began < 3:
            run()
            count += 1
        times[name] = 1000 * (time.process_time() - began) / count
    print(
        "ms of one core: "
        + ", ".join(
            f"{name} {ms:.1f} ({ms / times['segmentation']:.2f}x)" for name, ms in times.items()
        )
    )


if __name__ == "__main__":
    main()
