"""Reports that people wrote, against labels that people coded and sentences marked by hand."""

import csv
import tarfile
import textwrap
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cxrkit.reports import assertion, labeler, sentences

Parts = dict[tuple[str, str], str]
EIGHT = (
    "Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia",
    "Pneumothorax",
)  # fmt: skip
MARKED = Path(__file__).with_name("open_i_assertions.csv")


@pytest.fixture(scope="module")
def parts(real_data: Path) -> Parts:
    """The text of every section by report and section."""
    found: Parts = {}
    with tarfile.open(real_data / "open-i/NLMCXR_reports.tgz") as archive:
        for member in archive:
            file = archive.extractfile(member)
            if file is None or not member.name.endswith(".xml"):
                continue
            tree = ElementTree.fromstring(file.read())
            identity = str(tree.find("uId").get("id"))  # type: ignore[union-attr]
            for part in tree.iter("AbstractText"):
                found[identity, str(part.get("Label"))] = part.text or ""
    return found


def text_of(parts: Parts, identity: str) -> str:
    filled = (parts.get((identity, name), "").strip() for name in ("FINDINGS", "IMPRESSION"))
    return "\n\n".join(part for part in filled if part)


def f1(counts: Counter[str]) -> float:
    return 2 * counts["both"] / (2 * counts["both"] + counts["ours"] + counts["theirs"])


@pytest.fixture(scope="module")
def agreement(real_data: Path, parts: Parts) -> dict[str, Counter[str]]:
    """By observation over distinct texts; -1 counts as absent, the reference is binary."""
    counts = {name: Counter[str]() for name in labeler.CHESTX_RAY14}
    seen: set[str] = set()
    with (real_data / "open-i/gold_labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            text = text_of(parts, row["filename"])
            if not text or text in seen:
                continue
            seen.add(text)
            found = labeler.label(text, "strict", "chestx-ray14")
            for name, counted in counts.items():
                ours, theirs = found.get(name) == 1, row[name] == "1"
                kind = {(1, 1): "both", (1, 0): "ours", (0, 1): "theirs"}.get((ours, theirs), "no")
                counted[kind] += 1
    return counts


def test_labels_agree_with_human_coding(agreement: dict[str, Counter[str]]) -> None:
    thirteen = sum((agreement[n] for n in agreement if n != "Hernia"), Counter())
    assert f1(thirteen) >= 0.88
    assert f1(sum((agreement[n] for n in EIGHT), Counter())) >= 0.885


def test_a_labeler_that_ignores_negation_would_fail(parts: Parts, real_data: Path) -> None:
    """The same words without the scope engine: the figure above is no property of the words."""
    counts: Counter[str] = Counter()
    with (real_data / "open-i/gold_labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            named = "pneumothorax" in text_of(parts, row["filename"]).lower()
            kind = {(1, 1): "both", (1, 0): "ours", (0, 1): "theirs"}
            counts[kind.get((named, row["Pneumothorax"] == "1"), "no")] += 1
    assert f1(counts) < 0.1


def test_sentences_marked_by_hand(parts: Parts) -> None:
    with MARKED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 300
    counts: Counter[tuple[str, str]] = Counter()
    for row in rows:
        text, start, end = parts[row["id"], row["section"]], int(row["start"]), int(row["end"])
        low, high = next((a, b) for a, b in sentences.spans(text) if a <= start and end <= b)
        counts[row["state"], assertion(text[low:high], start - low, end - low)] += 1
    least = {"present": 0.93, "absent": 0.95, "uncertain": 0.88, "historical": 0.8}
    for state, limit in least.items():
        both = counts[state, state]
        apart = sum(n for (a, b), n in counts.items() if (a == state) != (b == state))
        assert 2 * both / (2 * both + apart) >= limit, state


def reworded(text: str, how: str) -> str:
    """The same report in another form that says the same."""
    paragraphs = text.split("\n\n")
    return {
        "capitals": text.upper(),
        "small letters": text.lower(),
        "full stop": text.rstrip(". ") + ".",
        "no full stop": text.rstrip(". "),
        "white space": text.replace(" ", "  "),
        "other lines": "\n\n".join(textwrap.fill(p, 60) for p in paragraphs),
        "carriage returns": text.replace("\n", "\r\n"),
        "XXXX": text.replace(". ", ". XXXX "),
        "___": text.replace(". ", ". ___ "),
    }[how]


@pytest.mark.parametrize("mode", ["strict", "chexpert", "negbio"])
@pytest.mark.parametrize(
    "how",
    ["capitals", "small letters", "full stop", "no full stop", "white space", "other lines",
     "carriage returns", "XXXX", "___"],
)  # fmt: skip
def test_the_form_of_a_report_changes_no_label(parts: Parts, mode: labeler.Mode, how: str) -> None:
    ids = sorted({identity for identity, _ in parts})[::6]
    texts = [text for text in (text_of(parts, i) for i in ids) if text]
    changed = [t for t in texts if labeler.label(t, mode) != labeler.label(reworded(t, how), mode)]
    assert len(texts) > 400
    assert len(changed) == 0
