"""Reports a second of the labeler, cold and in two processes, beside negspaCy on the same texts.

    pip install negspacy
    benchmarks/labeler.py NLMCXR_reports.tgz --rounds 3

Both get findings and impression of the same reports in the same run, and the same phrases of
findings. "cold" is the first pass of a fresh process: no sentence has been seen. Start-up and
reading of the files are not counted for either. The result is the ratio.
"""

import argparse
import multiprocessing
import statistics
import tarfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from cxrkit.reports import labeler
from cxrkit.reports.lexicon import rows


def main() -> None:
    """Print reports a second of each and the ratio, the median of all rounds."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("reports", type=Path, help="NLMCXR_reports.tgz of Open-i")
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--peer-reports", type=int, default=800, help="the peer is slow")
    chosen = options.parse_args()
    texts = read(chosen.reports)
    size = sum(map(len, texts)) / len(texts)
    print(f"{len(texts)} reports, {size:.0f} characters each")
    ours, alone, theirs = [], [], []
    for _ in range(chosen.rounds):
        alone.append(len(texts) / in_processes([texts]))
        ours.append(len(texts) / in_processes([texts[::2], texts[1::2]]))
        some = texts[: chosen.peer_reports]
        theirs.append(len(some) / negspacy(some))
    for name, rates in (("cxr, 1 process", alone), ("cxr, 2 processes", ours),
                        ("negspaCy, 1 process", theirs)):  # fmt: skip
        print(f"{name:22} {statistics.median(rates):>10,.0f} reports/s")
    ratios = [a / b for a, b in zip(alone, theirs, strict=True)]
    print(f"{'ratio, 1 process each':22} {statistics.median(ratios):>10.1f}")


def read(archive: Path) -> list[str]:
    """Findings and impression of every report that has one."""
    texts = []
    with tarfile.open(archive) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name.endswith(".xml") else None
            if file is None:
                continue
            tree = ElementTree.fromstring(file.read())
            parts = [e.text or "" for e in tree.iter("AbstractText")
                     if e.get("Label") in ("FINDINGS", "IMPRESSION")]  # fmt: skip
            texts.append("\n\n".join(p for p in parts if p.strip()))
    return [text for text in texts if text.strip()]


def timed(texts: list[str]) -> float:
    """Seconds to label the texts in a fresh process; the lexicon is loaded before."""
    labeler.label("No edema.")
    started = time.perf_counter()
    for text in texts:
        labeler.label(text, "strict", "chestx-ray14")
    return time.perf_counter() - started


def in_processes(parts: list[list[str]]) -> float:
    """Seconds of the slowest of as many fresh processes as there are parts."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(len(parts), context) as pool:
        return max(pool.map(timed, parts))


def negspacy(texts: list[str]) -> float:
    """Seconds of a blank English pipeline with our phrases of findings and negspaCy's negation."""
    import spacy
    from negspacy.negation import Negex  # noqa: F401  # registers the component

    pipeline = spacy.blank("en")
    pipeline.add_pipe("sentencizer")
    ruler = pipeline.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    phrases = [p.removesuffix("*") for row in rows("findings.tsv") for p in row[2].split("|")]
    ruler.add_patterns([{"label": "FINDING", "pattern": phrase} for phrase in phrases])
    pipeline.add_pipe("negex", config={"ent_types": ["FINDING"]})
    pipeline("No edema.")
    started = time.perf_counter()
    for document in pipeline.pipe(texts):
        for entity in document.ents:
            _ = entity._.negex
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
