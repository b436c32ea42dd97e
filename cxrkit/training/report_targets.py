"""What a report generator learns to write: findings and impression of each study's report."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from cxrkit.errors import InputRefused
from cxrkit.report_writing.report import joined
from cxrkit.reports import labeler, sections
from cxrkit.terms import OBSERVATIONS
from cxrkit.training.samples import Sample

NO_REPORT = "no report"
NO_SECTION = "neither findings nor impression"
_ITEM = re.compile(r"^\s*\d{1,2}[.)]\s+", re.MULTILINE)  # "1. " at the start of a line


@dataclass(frozen=True)
class Target:
    """A sample with the text that its radiograph should lead to, and what that text says."""

    sample: Sample
    findings: str
    impression: str
    labels: Mapping[str, int]  # as the labeler reads the text

    @property
    def said(self) -> tuple[Mapping[str, int] | None, Mapping[str, int] | None]:
        """What findings and impression say, each for itself; None for a section that is missing."""
        first, second = (
            labeler.label(part) if part else None for part in (self.findings, self.impression)
        )
        return first, second

    @property
    def text(self) -> str:
        """Both sections as paragraphs: what written reports are compared with."""
        return joined(self.findings, self.impression)


def targets(samples: Sequence[Sample]) -> tuple[list[Target], list[tuple[Sample, str]]]:
    """The samples whose report has findings or an impression, and the others with the reason.

    Raises:
        InputRefused: E108, not one report has either.
    """
    kept, left = list[Target](), list[tuple[Sample, str]]()
    for sample in samples:
        found = sections_of(sample.report)
        if any(found):
            kept.append(Target(sample, *found, labeler.label(joined(*found))))
        else:
            left.append((sample, NO_SECTION if sample.report.strip() else NO_REPORT))
    if not kept:
        blank = sum(why == NO_REPORT for _, why in left)
        raise InputRefused(
            "E108", "reports",
            f"of {len(left)} images {blank} have no report, {len(left) - blank} one without "
            "findings and impression", "reports with one of the two",
            "put the reports where the archive has them; see cxr archives",
        )  # fmt: skip
    return kept, left


def sections_of(report: str) -> tuple[str, str]:
    """The text of findings and impression, in one line each, without numbers of items."""
    texts = {"findings": list[str](), "impression": list[str]()}
    for section in sections.tolerant(report):
        if section.name in texts:
            text = _ITEM.sub(" ", report[section.start : section.end])
            texts[section.name].append(" ".join(text.split()))
    findings, impression = (" ".join(t for t in parts if t) for parts in texts.values())
    return findings, impression


def labelled(target: Target) -> Sample:
    """The sample with labels to learn from: the archive's, else those of its report's text."""
    if any(name in OBSERVATIONS for name in target.sample.labels):
        return target.sample
    return replace(target.sample, labels=dict(target.labels))


def part(found: Sequence[Target], split: str) -> list[Target]:
    """The targets of one split."""
    return [t for t in found if cast(str, t.sample.split) == split]
