"""Balance and time of `cxr split` beside scikit-learn's StratifiedGroupKFold, in the same run.

    python benchmarks/split_balance.py chestx-ray14:NIH [--folds 5] [--label "No Finding"]

scikit-learn stratifies one label; every label and view is then measured in both. "worst points" is
the largest difference of a share from that of all images, "worst of itself" the same by the share.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
import polars as pl
from sklearn.model_selection import StratifiedGroupKFold

from cxrkit import sources
from cxrkit.quality import balance, groups, splits
from cxrkit.records import LABEL


def theirs(found: pl.DataFrame, group: np.ndarray, label: str, folds: int) -> pl.Series:
    """The fold of each image, as text."""
    ill = (found[LABEL + label] == 1).fill_null(False).to_numpy()
    of = np.zeros(found.height, np.int64)
    for fold, (_, test) in enumerate(StratifiedGroupKFold(folds).split(ill, ill, group)):
        of[test] = fold
    return pl.Series("split", of).cast(pl.String)


def main() -> None:
    """Print a row for each, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="ARCHIVE:ROOT or a dataset")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--label", default="No Finding")
    options = parser.parse_args()
    found = groups.images([sources.read(options.source)])
    group = groups.of(found, groups.links(found))
    ways: dict[str, Callable[[], pl.Series]] = {
        "cxr split": lambda: splits.by_shares(found, group, splits.folds(options.folds), 0),
        "scikit-learn": lambda: theirs(found, group, options.label, options.folds),
    }
    print(f"{'':14}{'seconds':>9}{'worst points':>14}{'worst of itself':>17}  images of a fold")
    rows = []
    for name, way in ways.items():
        began = time.process_time()
        even = balance.of(found, group, way())
        seconds = time.process_time() - began
        rows.append((seconds, even.absolute, even.relative))
        sizes = f"{min(even.images.values()):,} to {max(even.images.values()):,}"
        worst = f"{100 * even.absolute:14.3f}{100 * even.relative:16.1f}%"
        print(f"{name:14}{seconds:9.1f}{worst}  {sizes}")
    ratios = [b / a if a else float("inf") for a, b in zip(*rows, strict=True)]
    print(f"{'ratio':14}{ratios[0]:9.1f}{ratios[1]:14.0f}{ratios[2]:17.0f}")


if __name__ == "__main__":
    main()
