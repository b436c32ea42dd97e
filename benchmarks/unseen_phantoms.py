"""A trained classifier and report writer on phantoms of another seed, against saying what is usual.

    cxr phantom mimic-cxr-jpg UNSEEN --studies 1000 --size 256 --seed 71
    cxr predict classification CLASSIFIER mimic-cxr-jpg:UNSEEN OUT
    cxr predict report REPORTER mimic-cxr-jpg:UNSEEN OUT
    benchmarks/unseen_phantoms.py mimic-cxr-jpg:UNSEEN OUT

Prints the AUROC of each observation (uncertain left out, not mentioned is absent) and their mean,
then micro label F1 over the 14 observations of the written reports and of the best constant report.
"""

import argparse
import csv
from pathlib import Path

import numpy as np

from cxrkit.labelling import scores
from cxrkit.terms import OBSERVATIONS
from cxrkit.training import ranking, report_targets, samples
from cxrkit.training.samples import Sample


def main() -> None:
    """Print both tables."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("source", help="ARCHIVE:ROOT with labels and reports")
    options.add_argument("out", type=Path, help="folder of findings.csv and reports.csv")
    chosen = options.parse_args()
    known = {s.image_id: s for s in samples.gather(chosen.source)}
    observations(known, rows(chosen.out / "findings.csv"))
    reports(known, rows(chosen.out / "reports.csv"))


def observations(known: dict[str, Sample], found: list[dict[str, str]]) -> None:
    """Print the AUROC of each observation and the mean."""
    areas = []
    for name in OBSERVATIONS:
        pairs = [
            (float(row[f"{name} probability"]), known[row["id"]].labels.get(name, 0))
            for row in found
        ]
        sure = np.array([pair for pair in pairs if pair[1] != -1])
        areas.append(ranking.auroc(sure[:, 0], sure[:, 1]))
        print(f"{name:28} {int(sure[:, 1].sum()):5} of {len(sure)}   {areas[-1]:.3f}")
    print(f"{'mean':28} {len(found):5} images {np.mean(areas):10.3f}")


def reports(known: dict[str, Sample], found: list[dict[str, str]]) -> None:
    """Print label F1 of the written reports and of the best constant, over images with a report."""
    kept, _ = report_targets.targets([known[row["id"]] for row in found])
    meant = {target.sample.image_id: target.text for target in kept}
    written = {row["id"]: row["report"] for row in found}
    references = [meant[key] for key in sorted(meant)]
    ours = scores.score([written[key] for key in sorted(meant)], references)
    _, floor = scores.floor(references)
    print(scores.table({"written": ours, "constant": floor}))


def rows(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


if __name__ == "__main__":
    main()
