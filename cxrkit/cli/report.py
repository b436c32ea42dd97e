"""`cxr report`: a draft report of one radiograph, with what stands behind each sentence."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from cxrkit.imaging import radiograph
from cxrkit.report_writing import seen, writers
from cxrkit.report_writing.report import Sentence, as_json
from cxrkit.segmentation import SIZE

STATES = {1: "present", 0: "absent", -1: "uncertain"}


def report(
    image: Annotated[Path, typer.Argument(help="A frontal chest radiograph, of any format.")],
    model: Annotated[Path, typer.Option(help="A folder of cxr train report.")],
    beam: Annotated[
        int | None, typer.Option(help="Candidates of a decoder's search; 1: greedy.")
    ] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Write findings and impression, with the observations behind each sentence.

    The number beside an observation is the classifier's probability that it is present. A draft
    may be false: no radiologist has read it.

    Example: cxr report CHEST.png --model REPORTER
    """
    writer = writers.load(model, beam)
    see = seen.looking(writer.classifier)
    draft = writer.write(see(radiograph.read(image, smallest=SIZE).pixels))
    if as_json_:
        print(json.dumps({"model": writer.kind, **as_json(draft)}))
        return
    for name, part in (("FINDINGS", draft.findings), ("IMPRESSION", draft.impression)):
        if part:
            print(f"{name}:")
            print("\n".join(_lines(part)))


def _lines(sentences: Sequence[Sentence]) -> Iterator[str]:
    for sentence in sentences:
        yield f"  {sentence.text}"
        said = (
            f"{s.observation} {STATES[s.state]}"
            + ("" if s.probability is None else f" {s.probability:.2f}")
            for s in sentence.statements
        )
        if listed := ", ".join(said):
            yield f"      [{listed}]"
