"""Claims: the estimated Dice of lung masks is close to the true one, and costs little.

On radiographs of patients that neither the network nor the trees learnt from, intervals by the
errors on other such patients: own masks and spoilt ones, with reverse classification accuracy (RCA,
Valindria 2017, arXiv:1702.03407) in the same run as the peer; then pairs of radiograph and drawn
mask of which one in ten are deranged.

    python benchmarks/quality.py shenzhen:SZ-CXR v7:V7 guangzhou:KERMANY --masks V7_MASKS
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from sklearn.metrics import roc_auc_score

from cxrkit import segmentation
from cxrkit.cli import gathered
from cxrkit.quality import estimate
from cxrkit.quality.assess import assess
from cxrkit.quality.estimate import Calibration
from cxrkit.quality.measures import measure
from cxrkit.quality.signals import signals
from cxrkit.segmentation import Recipe, Segmenter, clean, preprocess, segment, tell_apart
from cxrkit.terms import MASK_CONVENTIONS, MaskConvention
from cxrkit.training import cases, quality
from cxrkit.training.augment import generator
from cxrkit.training.cases import Case
from cxrkit.training.damage import damaged
from cxrkit.training.quality_rows import Row, dice

SEED = 1
REFERENCES = 12  # drawn radiographs of each convention that RCA has
TUNED = 60  # radiographs whose masks tell how far off RCA is
SPOILT = 2  # damages of each own mask
PAIRS, DERANGED, ROUNDS = 100, 10, 20
GOOD = estimate.GOOD
NOTHING: Any = None  # for OpenCV, whose types know no missing array


class Rca:
    """Plain RCA: the mask, moved onto drawn radiographs by dense registration; the best Dice."""

    def __init__(self, drawn: Sequence[tuple[np.ndarray, np.ndarray]]) -> None:
        self.drawn = [(preprocessed(image), lung) for image, lung in drawn]
        self.flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)

    def maps(self, image: np.ndarray) -> list[np.ndarray]:
        """Where each pixel of each reference lies in the image, (224, 224, 2) float32."""
        own = preprocessed(image)
        grid = np.dstack(np.meshgrid(np.arange(224), np.arange(224))).astype(np.float32)
        return [grid + self.flow.calc(reference, own, NOTHING) for reference, _ in self.drawn]

    def score(self, mask: np.ndarray, maps: Sequence[np.ndarray]) -> float:
        """The best Dice that the moved mask has with a drawn one."""
        white = mask.astype(np.uint8) * 255
        moved = (cv2.remap(white, m, NOTHING, cv2.INTER_LINEAR) > 127 for m in maps)
        return max(dice(a, lung) for a, (_, lung) in zip(moved, self.drawn, strict=True))


def preprocessed(image: np.ndarray) -> np.ndarray:
    """What both registration partners are: contrast-enhanced, uint8."""
    return np.asarray(np.rint(preprocess(image) * 255), np.uint8)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sources", nargs="+", help="ARCHIVE:ROOT")
    parser.add_argument("--masks", type=Path)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    listed, _ = gathered.cases(options.sources, options.masks, "included", None)
    split = cases.assign_splits(listed, 0.05, 0.15, 0)  # the split of the shipped network
    held = [c for c in split if c.split != "train"]
    learnt = [c for c in split if c.split == "train"]
    segmenters = {c: segmentation.load(c, "onnxruntime") for c in MASK_CONVENTIONS}
    by = estimate.load()
    rng = np.random.default_rng(SEED)

    peers = {c: Rca(references(learnt, c, rng)) for c in MASK_CONVENTIONS}
    tuned = [learnt[i] for i in rng.permutation(len(learnt))[:TUNED]]
    print(f"{len(held)} radiographs held back; RCA has {REFERENCES} drawn ones of each convention")
    off = np.array([row.dice - plain for row, plain in masks(tuned, segmenters, by, peers)])
    both = list(masks(held, segmenters, by, peers))
    rows, plain = [row for row, _ in both], np.array([plain for _, plain in both])
    found = quality.estimates(rows, by)
    truth = np.array([row.dice for row in rows])
    middle, low, high = (np.array([getattr(f, n) for f in found]) for n in ("dice", "low", "high"))
    ends = [plain + q for q in np.percentile(off, (5, 95))]
    own = np.array([row.kind == "own" for row in rows])
    for name, here in (("own masks", own), ("own and spoilt masks", own | True)):
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


def masks(
    listed: Sequence[Case],
    segmenters: Mapping[MaskConvention, Segmenter],
    by: Calibration,
    peers: Mapping[MaskConvention, Rca],
) -> Iterator[tuple[Row, float]]:
    """The own mask of each radiograph and SPOILT damages of it, each with the Dice of RCA."""
    read = {(c.archive, c.image_id): cases.read_for_test(c) for c in listed}
    for case in listed:
        image, lung, ignore = read[case.archive, case.image_id]
        others = [mask for (archive, _), (_, mask, _) in read.items() if archive == case.archive]
        probability = segmenters[case.convention].infer(preprocess(image))
        own = clean(probability > Recipe().threshold, Recipe())
        if not own.any():
            continue
        rng = generator(SEED, 7, 0, case.image_id)
        maps = peers[case.convention].maps(image)
        for number in range(1 + SPOILT):
            mask = damaged(own, others, rng) if number else own
            right, left = tell_apart(mask)
            measured = measure(image, right, left, by.shapes[case.convention])
            row = Row(
                case,
                "spoilt" if number else "own",
                signals(right, left, probability, measured),
                dice(mask & ~ignore, lung & ~ignore),
            )
            yield row, peers[case.convention].score(mask, maps)


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


def deranged(
    held: Sequence[Case],
    segmenters: Mapping[MaskConvention, Segmenter],
    by: Calibration,
    rng: np.random.Generator,
) -> None:
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
                others = [
                    place
                    for place, (c, _, _) in enumerate(read)
                    if c.archive == case.archive and c.patient_id != case.patient_id
                ]
                mask = read[int(rng.choice(others))][2]
            right, left = tell_apart(mask)
            got = assess(image, right, left, probability[at], case.convention, by)
            noticed = got.verdict != "accept"
            (found if at in wrong else false)[turn] += noticed
    print(
        f"{PAIRS} pairs, {DERANGED} deranged, {ROUNDS} times: noticed {found.mean():.2f} "
        f"(least {found.min():.0f}), false {false.mean():.2f} (most {false.max():.0f})"
    )


def cost(
    held: Sequence[Case],
    segmenters: Mapping[MaskConvention, Segmenter],
    by: Calibration,
    peers: Mapping[MaskConvention, Rca],
) -> None:
    """Processor time of a mask's quality against that of the mask itself."""
    case, image = held[0], cases.read_for_test(held[0])[0]
    segmenter = segmenters[case.convention]
    lungs = segment(image, segmenter, Recipe())
    parts: dict[str, Callable[[], object]] = {
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
