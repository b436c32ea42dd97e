"""Labels of many reports: read, label in processes, write a table; in the order of the reports."""

import csv
import io
import itertools
import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from cxrkit.errors import one_line
from cxrkit.imaging import processes
from cxrkit.labelling.texts import Text
from cxrkit.pipeline import durable, quarantine
from cxrkit.reports import labeler, sections
from cxrkit.reports.labeler import Mode, Vocabulary

Part = Literal["findings-impression", "mimic", "whole"]
_CHUNK = 2_000  # reports that a process labels at a time
_WORTH = 20_000  # reports: below, starting processes takes longer than labelling
_AHEAD = 4  # chunks per process that are read before they are labelled: memory stays bounded

Labels = dict[str, int]


@dataclass(frozen=True)
class Options:
    """How reports are read; `workers` leaves no trace in the labels."""

    mode: Mode = "strict"
    vocabulary: Vocabulary = "chexpert"
    part: Part = "findings-impression"
    workers: int = 1


@dataclass(frozen=True)
class Summary:
    """What became of the reports: labelled + blank + quarantined are all."""

    labelled: int
    blank: int
    quarantined: int
    out: Path


def text_of(part: Part, identity: str, text: str) -> str:
    """The part of a report that is labelled."""
    if part == "whole":
        return text
    if part == "mimic":
        return sections.mimic_text(identity, text)
    return sections.tolerant_text(text)


def label(
    texts: Iterable[Text], out: Path, options: Options, progress: Callable[[int], None]
) -> Summary:
    """Write the labels of all reports to the CSV `out`, faults beside it in `*.quarantine.csv`.

    A cell is 1, 0, -1 or empty. `progress` hears the number of reports done. A file from before is
    replaced when the new one is whole.

    Raises:
        InputRefused, ResourceExhausted: as `outputs.writing`.
    """
    names = labeler.names(options.vocabulary)
    faults = quarantine.beside(out)
    counts = {"labelled": 0, "blank": 0, "quarantined": 0}
    with durable.replacing(out) as scratch:
        with scratch.open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(("id", *names))
            bad: list[tuple[str, ...]] = []
            for texts_done, labels_done in _labelled(texts, options):
                for text, labels in zip(texts_done, labels_done, strict=True):
                    if text.fault is not None:
                        bad.append(_fault_row(text))
                        counts["quarantined"] += 1
                        continue
                    counts["labelled" if labels else "blank"] += 1
                    table.writerow((text.id, *(labels.get(name, "") for name in names)))
                progress(sum(counts.values()))
        if bad:
            rows = _csv([("id", "code", "message", "remedy"), *bad])
            durable.replace(faults, rows.encode("utf-8"))
        else:
            durable.remove(faults)
    return Summary(out=out, **counts)


def _fault_row(text: Text) -> tuple[str, ...]:
    fault = text.fault
    assert fault is not None
    message = f"{fault.observed} (expected {fault.expected})"
    return (one_line(text.id), fault.code, one_line(message), one_line(fault.remedy))


def _csv(rows: Iterable[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _labelled(texts: Iterable[Text], options: Options) -> Iterator[tuple[list[Text], list[Labels]]]:
    """Chunks of reports with their labels, in order."""
    stream = iter(texts)
    first = list(itertools.islice(stream, _WORTH)) if options.workers > 1 else []
    if options.workers <= 1 or len(first) < _WORTH:
        for chunk in _chunks(itertools.chain(first, stream)):
            yield chunk, _labels(chunk, options)
        return
    # Ctrl-C is the parent's business.
    ignored = (signal.SIGINT, signal.SIG_IGN)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.workers, context, signal.signal, ignored) as pool:
        waiting: list[tuple[list[Text], Future[list[Labels]]]] = []
        for chunk in _chunks(itertools.chain(first, stream)):
            with processes.without_interrupts():  # this may start a process
                waiting.append((chunk, pool.submit(_labels, chunk, options)))
            if len(waiting) > _AHEAD * options.workers:
                done, future = waiting.pop(0)
                yield done, future.result()
        for done, future in waiting:
            yield done, future.result()


def _chunks(texts: Iterator[Text]) -> Iterator[list[Text]]:
    while chunk := list(itertools.islice(texts, _CHUNK)):
        yield chunk


def _labels(chunk: list[Text], options: Options) -> list[Labels]:
    return [
        {}
        if text.fault is not None
        else labeler.label(
            text_of(options.part, text.id, text.text), options.mode, options.vocabulary
        )
        for text in chunk
    ]
