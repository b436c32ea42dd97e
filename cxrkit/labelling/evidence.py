"""Why a report got its labels: every mention with its sentence, cue and rule, as CSV and HTML."""

import csv
import html
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cxrkit.labelling.run import Options, text_of
from cxrkit.labelling.texts import Text
from cxrkit.reports import labeler

COLUMNS = (
    "id", "observation", "state", "rule", "mention", "cue", "start", "end", "cue_start", "cue_end",
    "sentence",
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """One mention; places are characters of the labelled text, (-1, -1) where there is no cue."""

    observation: str
    state: str
    rule: str
    start: int
    end: int
    cue_start: int
    cue_end: int
    sentence: str
    sentence_start: int


def of(text: str, options: Options) -> list[Evidence]:
    """The mentions of one report that count for an observation, in order."""
    return [
        Evidence(
            name, event.state, event.rule, start + event.start, start + event.end,
            start + event.cue_start if event.cue_start >= 0 else -1,
            start + event.cue_end if event.cue_start >= 0 else -1,
            text[start:end], start,
        )
        for start, end, event, name in labeler.mentions(text, options.mode, options.vocabulary)
    ]  # fmt: skip


def rows(texts: Iterable[Text], options: Options) -> Iterator[tuple[object, ...]]:
    """A row of `COLUMNS` per mention."""
    for text in texts:
        part = text_of(options.part, text.id, text.text)
        for e in of(part, options):
            yield (
                text.id, e.observation, e.state, e.rule, part[e.start : e.end],
                part[e.cue_start : e.cue_end] if e.cue_start >= 0 else "",
                e.start, e.end, e.cue_start, e.cue_end, " ".join(e.sentence.split()),
            )  # fmt: skip


def csv_line(row: Iterable[object]) -> str:
    """One line of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(list(row))
    return text.getvalue()


HEAD = """<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Evidence of labels</title><style>
:root { color-scheme: light dark; --line: #8884; --present: #c2410c; --absent: #15803d;
  --uncertain: #a16207; --other: #64748b; }
@media (prefers-color-scheme: dark) { :root { --present: #fb923c; --absent: #4ade80;
  --uncertain: #facc15; --other: #94a3b8; } }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
article { border-top: 1px solid var(--line); padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; font-variant-numeric: tabular-nums; }
pre { white-space: pre-line; font: inherit; margin: .5rem 0; }
mark { background: none; color: inherit; border-bottom: 2px solid var(--c); padding-bottom: 1px; }
.present { --c: var(--present); } .absent { --c: var(--absent); }
.uncertain { --c: var(--uncertain); }
.historical, .explained, .unchanged { --c: var(--other); }
i { font-style: normal; border-bottom: 2px dotted var(--other); }
.tag { display: inline-block; border: 1px solid var(--c); border-radius: 1rem; font-size: .85rem;
  padding: 0 .6rem; margin: 0 .3rem .3rem 0; color: var(--c); }
</style></head><body>
<h1>Evidence of labels</h1>
<p>A line under a word is a mention: <mark class="present">present</mark>,
<mark class="absent">absent</mark>, <mark class="uncertain">uncertain</mark>,
<mark class="historical">historical, explained or unchanged</mark>; dots are under the cue that
decided. Point at a mention for its observation and rule.</p>
"""
TAIL = "</body></html>\n"


def article(text: Text, options: Options) -> str:
    """One report as HTML: its labels, and its text with mentions and cues marked."""
    part = text_of(options.part, text.id, text.text)
    labels = labeler.label(part, options.mode, options.vocabulary)
    words = {1: "present", 0: "absent", -1: "uncertain"}
    tags = "".join(
        f'<span class="tag {words[v]}">{html.escape(n)} {v}</span>' for n, v in labels.items()
    )
    body = _marked(part, of(part, options))
    return f"<article><h2>{html.escape(text.id)}</h2>{tags}<pre>{body}</pre></article>\n"


def _marked(text: str, found: list[Evidence]) -> str:
    """The text with a mark around each mention and its cue; where two overlap, the first."""
    spans: list[tuple[int, int, str, str]] = []
    for e in found:
        spans.append((e.start, e.end, "mark", f"{e.observation}: {e.state} ({e.rule})|{e.state}"))
        if e.cue_start >= 0:
            spans.append((e.cue_start, e.cue_end, "i", ""))
    out, place = [], 0
    for start, end, tag, note in sorted(set(spans)):
        if start < place:
            continue
        title, _, state = note.partition("|")
        opening = f'<mark class="{state}" title="{html.escape(title)}">' if tag == "mark" else "<i>"
        out += [html.escape(text[place:start]), opening, html.escape(text[start:end]), f"</{tag}>"]
        place = end
    return "".join([*out, html.escape(text[place:])])
