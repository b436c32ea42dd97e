"""Statements in prose: what `audit_phrases` counts, and sizes, dates, addresses, rules, paths."""

import re
from collections.abc import Iterator
from itertools import zip_longest

from cxrkit.cards import audit_about, audit_numbers, audit_phrases
from cxrkit.cards.audit_about import made, shortened
from cxrkit.cards.audit_markdown import Code, Sentence
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_words import IMAGE_FORMATS, MAKING, OTHER_FORMATS, is_quoted, words

_IMAGES = r"(?:images?|radiographs?|x-?rays?|cxrs?|scans?|films?|cases?)"
_MASKS = r"(?:masks?|segmentations?|contours?|contoured|outlined?s?|delineat\w+)"
_EACH = re.compile(
    rf"\b(?:each|every|all|100\s?%)(?: of)?(?: the| these)?(?: \w[\w-]*){{0,3}} {_IMAGES}\b", re.I
)
_EACH_MASK = re.compile(rf"\b{_MASKS}\b", re.IGNORECASE)
_NOT = re.compile(r"\bnot (?:each|every|all)\b|\bno\b", re.IGNORECASE)
# That no patient is in two splits: a sentence with all of these and nothing that doubts it.
_NO_OVERLAP = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?:patients?|subjects?|persons?|individuals?)\b",
        r"\boverlap|\bleak|\bshar(?:e|es|ed|ing)\b|\bdisjoint|\bexclusive|\bmore than one of\b|"
        r"\b(?:more than one|several|both|two|different|multiple) (?:of the |of these )?(?:\w+ )?"
        r"(?:splits?|sets?|parts?|partitions?)\b",
        r"\b(?:no|not|never|neither|without|free|zero|disjoint|exclusive|prevents?|avoids?)\b",
        r"split|\btrain|\btest|\bsets?\b|partition",
    )
)
_DOUBT = re.compile(
    r"\b(?:may|might|could|whether|unknown|unclear|"
    r"not (?:ensured?|guaranteed?|checked|known|stated))\b",
    re.I,
)
_SOURCE = {
    "official": re.compile(
        r"^(?:official (?:website|site|page)|home ?page|website|home)\s*:", re.I
    ),
    "download": re.compile(r"^(?:download(?: (?:link|address|page))?|data link)\s*:", re.I),
    "article": re.compile(r"^(?:article(?: (?:address|link))?|paper|publication)\s*:", re.I),
}
_DATE = re.compile(
    r"^(?:\w+ ){0,2}(?:publication|release|published|released)(?: date| on)?\s*:"
    r"|\b(?:published|released|publication date|release date)\s+(?:on|in|is|was)\b",
    re.I,
)
_BITS = re.compile(r"\b(8|10|12|14|15|16)[- ]?bits?\b", re.IGNORECASE)
_FORMAT = re.compile(
    rf"\b(?:in|as|to)\s+(?:the\s+)?\.?((?<=\.)[a-z]{{2,5}}|{'|'.join(IMAGE_FORMATS)})\b"
    r"(?:\s+\w+)?\s+(?:format|files?|images?)\b",
    re.IGNORECASE,
)
_URL = re.compile(r"(?:https?://|\bwww\.)[^\s<>,;]+[^\s<>,;.)]")
_STEP = r"[\w{}<>#*.-]"
_PATH = re.compile(
    rf"(?<![\w/.:])(?:{_STEP}+/)+{_STEP}+\.(?:jpe?g|png|dcm|dicom|tiff?)(?![\w/])", re.IGNORECASE
)
_FILE = re.compile(r"(?<![\w./-])([\w.-]+\.(?:csv|tsv|txt|json|xlsx?)(?:\.gz)?)(?![\w/])", re.I)
_DESCRIBES = re.compile(
    r"\s*(?:[:\u2013(-]|(?:is|contains?|holds?|has|lists?|provides?|includes?|describes?)\b)"
)
_SIZE_OF_DATA = re.compile(
    r"\b(?:resolution|size|sizes|sized|pixels?|px|dimensions?|"
    r"(?:small|large)st (?:image|radiograph))\b",
    re.IGNORECASE,
)
_OF_A_MODEL = re.compile(
    r"\b(?:resiz\w*|rescal\w*|crop\w*|pad(?:ded|ding)|squashed|input|model|network|downsampl\w*)\b",
    re.I,
)
_STATISTICS = {
    "min": r"min(?:imum|imal)?|smallest|lowest",
    "max": r"max(?:imum|imal)?|largest|biggest|highest",
    "median": r"median",
    "mean": r"mean|average",
}
_AHEAD = {s: re.compile(rf"\b(?:{p})\b[^\d]*$", re.I) for s, p in _STATISTICS.items()}
_NAMED = {s: re.compile(rf"\b(?:{p})\b", re.I) for s, p in _STATISTICS.items()}
_BEHIND = {
    s: re.compile(rf"^[\])]?\s*(?:px|pixels)?\s*\(\s*(?:{p})\b", re.I)
    for s, p in _STATISTICS.items()
}
_RANGE = re.compile(r"\b(?:between|from|rang\w+)\b[^\d]*$", re.IGNORECASE)
_RANGE_END = re.compile(r"^[\])\s]*(?:px|pixels)?\s*(?:and|to|-|\u2013)\s*[\[(]?\s*$")
_GOES_ON = re.compile(r"(?:It|They|These|This|Then|The (?:data|dataset|images))\b")
_NAMELY = re.compile(r"(?:\bnamely\b,?|\bincluding\b|:|\bsuch as\b)\s*", re.IGNORECASE)


def in_sentences(sentences: tuple[Sentence, ...]) -> list[Statement]:
    """Every statement of the prose, in the order of the lines."""
    found: list[Statement] = []
    described: dict[str, list[Sentence]] = {}
    for sentence, following in zip_longest(sentences, sentences[1:]):
        found += audit_phrases.in_sentence(sentence)
        found += _making(sentence, following)
        for read in (_rules, _sizes, _sources, _formats, _paths, _labels):
            found += read(sentence)
        opened = _FILE.match(sentence.text)
        # "name.csv: what it holds": the file is described here, not merely mentioned.
        if opened and _DESCRIBES.match(sentence.text[opened.end() :]):
            described.setdefault(opened[1], []).append(sentence)
    for name, places in described.items():
        lines = tuple(float(s.line()) for s in places)
        shown = f"{name} is described{f' {len(lines)} times' if len(lines) > 1 else ''}"
        found.append(made(places[0], "file", 0, 0, shown, words=(name,), values=lines))
    return found


def in_code(blocks: tuple[Code, ...]) -> list[Statement]:
    """The image paths of the trees and listings in code blocks; citations are left out."""
    found: list[Statement] = []
    for block in blocks:
        if any(line.lstrip().startswith("@") for _, line in block.lines):
            continue
        for number, path in tree(block):
            about = audit_about.about_section(block.section)
            section = " / ".join(block.section)
            found.append(
                Statement(number, section, shortened(path), "path", words=(path,), about=about,
                          unit="tree", context=path)
            )  # fmt: skip
    return found


def tree(block: Code) -> list[tuple[int, str]]:
    """The image files of a drawn tree as whole paths, with their lines; of a listing its paths."""
    found: list[tuple[int, str]] = []
    above: list[tuple[int, str]] = []
    for number, line in block.lines:
        name = re.sub(r"^[\s\u2500-\u257f|+`\\-]*", "", line)
        depth = len(line) - len(name)
        name = re.sub(r"\s+(?:#|<-|\(|//).*$", "", name).strip()
        if not name or set(name) <= set(". \u2026:"):
            continue
        above = [(d, n) for d, n in above if d < depth]
        is_image = re.search(r"\.(?:jpe?g|png|dcm|dicom|tiff?)$", name, re.IGNORECASE)
        path = "/".join([*(n.strip("/") for _, n in above), name])
        if is_image and "http" not in path:
            found.append((number, path))
        elif not is_image:
            above.append((depth, name))
    return found


def _rules(sentence: Sentence) -> Iterator[Statement]:
    """That every image has a mask, that no patient is in two splits."""
    text = sentence.text
    each, mask = _EACH.search(text), _EACH_MASK.search(text)
    restricted = each and re.match(r"\s+(?:with|without|that|whose|which)\b", text[each.end() :])
    if each and mask and not restricted and not _NOT.search(text):
        start, end = min(each.start(), mask.start()), max(each.end(), mask.end())
        if end - start < 140:
            yield made(sentence, "each", start, end, unit="masks")
    if not _DOUBT.search(text) and all(p.search(text) for p in _NO_OVERLAP):
        yield made(sentence, "overlap", 0, len(text), shortened(text))


def _making(sentence: Sentence, following: Sentence | None) -> Iterator[Statement]:
    """How something was made; "It was then split" goes on with the sentence before."""
    text = sentence.text
    making = MAKING.search(text)
    if making is None:
        return
    names, _ = audit_about.about(sentence, making.start(), making.end())
    rate = audit_numbers.rate(text) if "rate" in text.lower() else None
    if rate is not None:
        yield made(sentence, "rate", *making.span(), f"learning rate {rate:g}", values=(rate,))
    same = following is not None and following.section == sentence.section
    goes_on = same and following is not None and _GOES_ON.match(following.text)
    context = f"{text} {following.text}" if goes_on and following is not None else text
    yield Statement(
        sentence.line(making.start()), " / ".join(sentence.section), shortened(text),
        "making", about=names, context=context, quoted=is_quoted(text, sentence.section),
    )  # fmt: skip


def _sizes(sentence: Sentence) -> Iterator[Statement]:
    text = sentence.text
    found = audit_numbers.pairs(text) if _SIZE_OF_DATA.search(text) else []
    of_model = _OF_A_MODEL.search(text)
    ahead = text[: found[0][2]] if found else ""
    named = sorted((m.start(), s) for s, p in _NAMED.items() for m in p.finditer(ahead))
    if len(named) == len(found) > 1:  # "min / max size: 384x127 / 2916x2583"
        for (first, second, start, end), (_, unit) in zip(found, named, strict=True):
            yield made(
                sentence, "size", start, end, values=(float(first), float(second)), unit=unit
            )
        found = []
    last, unit = 0, ""
    for first, second, start, end in found:
        between = text[last:start]
        ends_range = unit == "min" and _RANGE_END.match(between)
        unit = next((s for s, p in _BEHIND.items() if p.match(text[end:])), "")
        unit = unit or next((s for s, p in _AHEAD.items() if p.search(between)), "")
        if not unit:
            unit = "max" if ends_range else "min" if _RANGE.search(between) else "every"
        if unit == "every" and of_model:
            unit = "model"
        last = end
        yield made(sentence, "size", start, end, values=(float(first), float(second)), unit=unit)
    for bits in _BITS.finditer(text):
        yield made(sentence, "bits", *bits.span(), values=(float(bits[1]),))


def _sources(sentence: Sentence) -> Iterator[Statement]:
    text = sentence.text
    if key := _DATE.search(text):
        if date := audit_numbers.date(text[key.end() :]):
            yield made(sentence, "date", 0, len(text), shortened(text), words=(date,))
        return
    unit = next((u for u, p in _SOURCE.items() if p.match(text)), None)
    for url in dict.fromkeys(_URL.findall(text)) if unit else ():
        shown = shortened(f"{unit}: {url}")
        yield made(sentence, "source", 0, len(text), shown, words=(url,), unit=str(unit))


def _formats(sentence: Sentence) -> Iterator[Statement]:
    for match in _FORMAT.finditer(sentence.text):
        yield made(sentence, "format", *match.span(), words=(match[1].lower(),), unit="prose")
    key = re.match(r"^(?:file )?formats?\s*:\s*(.+)$", sentence.text, re.IGNORECASE)
    for word in words(key[1]) if key else ():
        if word in IMAGE_FORMATS or word in OTHER_FORMATS:
            yield made(sentence, "format", 0, len(sentence.text), word, words=(word,), unit="cell")


def _paths(sentence: Sentence) -> Iterator[Statement]:
    text = _URL.sub(lambda m: " " * len(m[0]), sentence.text)
    for match in _PATH.finditer(text):
        yield made(sentence, "path", *match.span(), words=(match[0],), unit="pattern")


def _labels(sentence: Sentence) -> Iterator[Statement]:
    """A list of at least four names behind "namely" or a colon."""
    text = sentence.text
    for start in reversed(list(_NAMELY.finditer(text))):
        names = [
            re.sub(r"^and\s+", "", n).strip(" .\"'")
            for n in re.split(r",|;|\band\b(?=[^,;]*$)", text[start.end() :])
        ]
        names = [n for n in names if n and len(n.split()) <= 4 and not re.search(r"\d|<|https?", n)]
        if len(names) >= 4:
            yield made(
                sentence, "labels", start.end(), len(text), shortened(", ".join(names)),
                words=tuple(names), unit="list",
            )  # fmt: skip
            return
