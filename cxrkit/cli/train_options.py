"""Options that several commands of training have, and what they say of themselves in --help."""

import os
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.terms import MaskConvention as Convention

# What is trained, from what, to where.
Sources = Annotated[list[str], typer.Argument(help="ARCHIVE:ROOT, once or more.")]
Out = Annotated[Path, typer.Argument(help="The run's folder; give it again to resume.")]
Masks = Annotated[Path | None, typer.Option(help="Masks (255 lung, 127 ignore) by file stem.")]
MasksConvention = Annotated[str, typer.Option(help="The convention of --masks.")]
Repeat = Annotated[list[str], typer.Option(help="ARCHIVE=N: draw its images N times an epoch.")]
MaskConvention = Annotated[
    Convention, typer.Option(help="Of the lung masks: the lung behind the heart or not.")
]
PublishedSplit = Annotated[bool, typer.Option(help="Keep the split that the archive published.")]
Validate = Annotated[float, typer.Option(min=0, max=0.5, help="Share to validate on.")]
Test = Annotated[float, typer.Option(min=0, max=0.5, help="Share to test on.")]

# The network and its recipe; None stands for the task's own.
Architecture = Annotated[str, typer.Option(help="sa-unet, unet, unet++ or attention-unet.")]
Width = Annotated[int, typer.Option(min=2, help="Channels of the first level.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the images.")]
CoarseEpochs = Annotated[
    int, typer.Option(min=0, help="First epochs at 160 x 160, at half the cost.")
]
Batch = Annotated[int | None, typer.Option(min=1, help="Images per step.")]
LearningRate = Annotated[float | None, typer.Option(help="Highest of the schedule.")]
Accumulate = Annotated[int, typer.Option(min=1, help="Parts of a batch, one by one.")]
Average = Annotated[
    float | None, typer.Option(min=0, max=0.9999, help="Decay of averaged weights; 0: none.")
]
Patience = Annotated[
    int, typer.Option(min=0, help="Epochs without a better score before it stops; 0: never.")
]
Seed = Annotated[int, typer.Option(min=0, help="Of split, order, weights and changes.")]

# The machine and what is shown.
Workers = Annotated[
    int, typer.Option(min=1, help="Threads that read images.", show_default="one for each core")
]
CORES = os.cpu_count() or 1
Pictures = Annotated[bool, typer.Option(help="Show restricted radiographs in report.html too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")]
