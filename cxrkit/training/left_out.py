"""The radiographs of an archive that a run could not use: each is named, and the rest goes on."""

import csv
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from cxrkit.pipeline import durable

FILE = "left_out.csv"


def say(lines: Sequence[str]) -> None:
    """A line on stderr for each, by the first process of torchrun alone."""
    if os.environ.get("RANK", "0") == "0":
        for line in lines:
            print(f"left out: {line}", file=sys.stderr, flush=True)


def write(folder: Path, lines: Sequence[str]) -> None:
    """left_out.csv with a row for each: image and reason; no file where there is none."""
    if not lines:
        durable.remove(folder / FILE)
        return
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("image_and_reason",), *((x,) for x in lines)])
    durable.write(folder / FILE, text.getvalue().encode("utf-8"))
