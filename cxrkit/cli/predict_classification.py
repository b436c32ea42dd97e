"""`cxr predict classification`: observations on radiographs, with their probabilities."""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cxrkit import classification as findings
from cxrkit import inputs, segmentation
from cxrkit.classification import Classifier, Findings
from cxrkit.cli import counted, lists
from cxrkit.errors import InputRefused, ItemFault
from cxrkit.imaging import masks
from cxrkit.imaging.radiograph import Radiograph
from cxrkit.inputs import Given, Inputs
from cxrkit.records import Record
from cxrkit.segmentation import Recipe, Segmenter
from cxrkit.training import samples  # without torch

TABLE = "findings.csv"
SOURCE = counted.SOURCE.removesuffix(".") + ", or a dataset of cxr build."


def classification(
    model: Annotated[Path, typer.Argument(help="The OUT of `cxr train classification`.")],
    source: Annotated[str, typer.Argument(metavar="INPUT", help=SOURCE)],
    out: Annotated[Path, typer.Argument(help=f"Folder for {TABLE}.")],
) -> None:
    """Write the probability of each observation on each radiograph, in the order of their paths.

    Beside it stands whether it is present at the operating point of the model's card, and the share
    of what speaks for it that lies inside the lungs; blank where no lung or nothing was found. A
    file that nothing can be made of is named in quarantine.csv, and the exit status is 3.

    Example: cxr predict classification CLASSIFIER MY_IMAGES OUT
    """
    classifier = findings.load(model)
    segmenter = segmentation.load(classifier.mask_convention, "onnxruntime")
    given, drawn = _listed(source, classifier)
    counted.begin(given, out)

    def row(one: Given, picture: Radiograph) -> list[object]:
        lungs = _lungs(picture.pixels, drawn.get(one.id), segmenter, classifier)
        found = findings.classify(picture.pixels, lungs, classifier)
        return [one.id, one.record.image, *_cells(found, lungs)]

    with counted.shown(given) as progress, lists.table(out / TABLE, columns(classifier)) as put:
        for _, made in inputs.each(given, row, progress):
            put(made)
    counted.finish(given, out, TABLE)


def columns(classifier: Classifier) -> list[str]:
    """The names of the table's columns."""
    names = ["id", "image", "lungs_of_area"]
    for name in classifier.observations:
        names += [f"{name} probability", f"{name} positive", f"{name} inside_lungs"]
    return names


def _cells(found: Findings, lungs: np.ndarray | None) -> list[object]:
    cells: list[object] = ["" if lungs is None else f"{lungs.mean():.4f}"]
    for name, value in found.probability.items():
        share = None
        if lungs is not None:
            share = findings.share_inside(found.attribution[name], lungs)
        cells += [f"{value:.6f}", int(found.positive[name])]
        cells.append("" if share is None else f"{share:.4f}")
    return cells


def _lungs(
    pixels: np.ndarray, drawn: Path | None, segmenter: Segmenter, classifier: Classifier
) -> np.ndarray | None:
    """The lungs, (224, 224) bool; None where none are found and the network needs none.

    Raises:
        ItemFault: E240, none are found and the network sees them; E231, the dataset's is no mask.
    """
    if drawn is not None:
        mask, _ = masks.read_mask(drawn)
        return masks.resize_mask(mask, segmentation.SIZE, segmentation.SIZE)
    try:
        squashed = segmentation.squash(pixels)
        return segmentation.segment(squashed, segmenter, Recipe()).mask
    except ItemFault:
        if classifier.input != "image":
            raise
        return None


def _listed(source: str, classifier: Classifier) -> tuple[Inputs, dict[str, Path]]:
    """The radiographs of INPUT, and a dataset's own masks by id.

    Raises:
        InputRefused: E107, a dataset where the network sees more than lungs, or lungs of another
            convention; and as `inputs.listed`.
    """
    if not samples.is_dataset(source):
        return inputs.listed(source), {}
    given, drawn = [], {}
    for s in samples.gather(source):
        if classifier.input != "lungs" or s.mask_convention != classifier.mask_convention:
            raise InputRefused(
                "E107", source, f"lungs alone, convention {s.mask_convention}",
                f"{classifier.input}, convention {classifier.mask_convention}, as the model learnt",
                "give ARCHIVE:ROOT, or a dataset and a model that fit",
            )  # fmt: skip
        assert s.lungs is not None and s.mask is not None  # a dataset has both
        path = s.lungs.relative_to(source).as_posix()
        given.append(Given(s.image_id, s.lungs, Record(s.archive, s.image_id, path)))
        drawn[s.image_id] = s.mask
    return Inputs(len(given), given, Path(source)), drawn
