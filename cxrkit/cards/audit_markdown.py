"""The parts of a Markdown page that can state something: tables, sentences and code, with lines."""

import re
from dataclasses import dataclass
from itertools import pairwise

Section = tuple[str, ...]  # the headings above, outermost first


@dataclass(frozen=True)
class Table:
    """A pipe table. Each row is its line and its cells, as many as the header has."""

    line: int
    section: Section
    header: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Sentence:
    """One sentence of prose, of a list item or of a `Key: value` line, without its markup.

    `starts` are (offset in `text`, line) pairs: a sentence can run over several lines. `whole` is
    whether it is all of its paragraph or list item.
    """

    section: Section
    text: str
    starts: tuple[tuple[int, int], ...]
    whole: bool = False

    def line(self, offset: int = 0) -> int:
        """The line, counted from 1, that holds the character at this offset."""
        return max((line for start, line in self.starts if start <= offset), default=0)


@dataclass(frozen=True)
class Code:
    """A fenced block: its lines with their numbers."""

    section: Section
    lines: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Page:
    """A whole page."""

    tables: tuple[Table, ...]
    sentences: tuple[Sentence, ...]
    code: tuple[Code, ...]


_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)")
_HEADING = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?")
_KEY = re.compile(
    r"^\s*(?:\*\*|__)?[A-Z][\w/-]*(?: [\w/()-]+){0,3}(?:\*\*|__)?\s*:(?:\*\*|__)?(?:\s|$)"
)
_TAG = re.compile(r"<(?!https?:)/?[a-zA-Z][a-zA-Z0-9]*(?:\s[^<>]*)?/?>|<!--.*?-->")
_VALUE = re.compile(r"^(?:\*\*|__)?[~<>]?\s?\d[\d,. ]*%?(?:\*\*|__)?$")
_UNDERLINE = re.compile(r"^\s{0,3}(=+|-+)\s*$")
# A full stop, then a word that can begin a sentence.
_STOP = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_SHORT = re.compile(
    r"(?:\b(?:e\.g|i\.e|etc|vs|al|approx|ca|cf|no|nos|fig|dr|st|jan|feb|mar|apr|jun|jul|aug|sep|"
    r"sept|oct|nov|dec)|\b[A-Z])\.$",
    re.IGNORECASE,
)


def page(markdown: str) -> Page:
    """The tables, sentences and code blocks of a page, each list in the order of its lines."""
    tables: list[Table] = []
    sentences: list[Sentence] = []
    code: list[Code] = []
    section: list[tuple[int, str]] = []
    lines = _without_front_matter(markdown.splitlines())
    at = 0
    while at < len(lines):
        here = tuple(title for _, title in section)
        line = lines[at]
        if fence := _FENCE.match(line):
            end = _closing(lines, at, fence[1])
            inside = tuple((n + 1, lines[n]) for n in range(at + 1, min(end, len(lines))))
            code.append(Code(here, inside))
            at = end + 1
        elif heading := _HEADING.match(line):
            section = _below(section, len(heading[1]), plain(heading[2]))
            at += 1
        elif _is_table(lines, at):
            end = at + 2
            while end < len(lines) and "|" in lines[end] and lines[end].strip():
                end += 1
            tables.append(_table(lines, at, end, here))
            at = end
        elif not line.strip():
            at += 1
        else:
            end = _end_of_paragraph(lines, at)
            if end < len(lines) and (under := _UNDERLINE.match(lines[end])) and end == at + 1:
                section = _below(section, 1 if under[1][0] == "=" else 2, plain(line))
                at = end + 1
                continue
            sentences += _sentences(lines, at, end, here)
            at = end
    return Page(tuple(tables), tuple(sentences), tuple(code))


def plain(text: str) -> str:
    """The text without tags, emphasis and backticks; of a link its words, then `<address>`."""
    parts = re.split(r"(`[^`]*`)", text)  # <subject_id> in code is no tag
    text = "".join(p if p[:1] == "`" else _TAG.sub(" ", p) for p in parts)
    text = re.sub(r"!\[[^\]]*\]\([^)]*\)", " ", text)
    text = re.sub(r"\[([^\]]*)\]\((\S+?)(?:\s+\"[^\"]*\")?\)", r"\1 <\2>", text)
    text = re.sub(r"\*\*|__(?=\S)|(?<=\S)__|`", "", text)
    # A star between numbers is a times sign, not emphasis.
    text = re.sub(r"(?<![\w*])\*(?!\s)([^*\n]+?)(?<!\s)\*(?![\w*])", r"\1", text)
    text = text.replace("&nbsp;", " ").replace("&amp;", "&").replace("\\_", "_")
    return re.sub(r"[ \t\u00a0]+", " ", text).strip()


def _without_front_matter(lines: list[str]) -> list[str]:
    """The lines, those of a YAML block at the top blank, so that the others keep their numbers."""
    if lines and lines[0].strip() == "---":
        for end, line in enumerate(lines[1:], 1):
            if line.strip() in ("---", "..."):
                return [""] * (end + 1) + lines[end + 1 :]
    return lines


def _closing(lines: list[str], at: int, fence: str) -> int:
    for end in range(at + 1, len(lines)):
        if lines[end].strip().startswith(fence[:3]) and set(lines[end].strip()) == {fence[0]}:
            return end
    return len(lines)


def _below(section: list[tuple[int, str]], depth: int, title: str) -> list[tuple[int, str]]:
    return [(d, t) for d, t in section if d < depth] + [(depth, title)]


def _is_table(lines: list[str], at: int) -> bool:
    if "|" not in lines[at] or at + 1 >= len(lines):
        return False
    return "|" in lines[at + 1] and bool(_RULE.match(lines[at + 1]))


def _table(lines: list[str], at: int, end: int, section: Section) -> Table:
    header = _cells(lines[at])
    rows = []
    # Of two columns with a number on top the heading is a row: the table has none.
    headless = len(header) == 2 and bool(_VALUE.match(header[1]))
    if headless:
        rows.append((at + 1, tuple(header)))
        header = ["", ""]
    for number in range(at + 2, end):
        cells = _cells(lines[number])
        padded = (*cells, *[""] * (len(header) - len(cells)))[: len(header)]
        rows.append((number + 1, tuple(padded)))
    return Table(at + 1, section, tuple(header), tuple(rows))


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [plain(cell.replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inner)]


def _end_of_paragraph(lines: list[str], at: int) -> int:
    """The first line that is not of the paragraph, list item or `Key: value` line at `at`."""
    for end in range(at + 1, len(lines)):
        line = lines[end]
        new = not line.strip() or any(p.match(line) for p in (_FENCE, _HEADING, _ITEM, _KEY))
        # A short "Key: value" line ends where the next one begins a sentence of its own.
        new |= bool(end == at + 1 and _KEY.match(lines[at]) and line[:1].isupper()
                    and lines[at].rstrip()[-1:] not in ",-")  # fmt: skip
        if new or _is_table(lines, end) or _UNDERLINE.match(line):
            return end
    return len(lines)


def _sentences(lines: list[str], at: int, end: int, section: Section) -> list[Sentence]:
    text, starts = "", []
    for number in range(at, end):
        words = plain(_ITEM.sub("", lines[number], count=1) if number == at else lines[number])
        starts.append((len(text), number + 1))
        text += f"{words} "
    cuts = [0]
    for stop in _STOP.finditer(text):
        if not _SHORT.search(text[: stop.start()]):
            cuts.append(stop.end())
    found = []
    for start, stop_at in pairwise([*cuts, len(text)]):
        part = text[start:stop_at].rstrip()
        if part:
            inside = tuple((max(0, o - start), n) for o, n in starts if o < stop_at)
            found.append(Sentence(section, part, inside, len(cuts) == 1))
    return found
