"""Verdicts on words: dates, addresses, anatomy, names of labels, how something was made."""

import difflib
import re

import polars as pl

from cxrkit.cards.audit_copy import Source
from cxrkit.cards.audit_statement import Statement
from cxrkit.cards.audit_verdict import RECORD, Finding, false, true, unverifiable
from cxrkit.cards.audit_words import AREAS, STRUCTURES, singular, words
from cxrkit.records import LABEL
from cxrkit.terms import OBSERVATIONS

# Places where anybody can put a copy: the same host is not the same publisher.
_SHARED_HOSTS = ("kaggle.com", "github.com", "huggingface.co", "zenodo.org", "drive.google.com")
_DISEASES = frozenset(
    {*(o.lower() for o in OBSERVATIONS), "tuberculosis", "covid-19", "covid", "cancer", "tumor",
     "tumour", "nodule", "lung cancer", "effusion", "mass", "fibrosis", "infiltration", "lesion"}
)  # fmt: skip


def date(statement: Statement, source: Source) -> Finding:
    """The date of publication, as exact as it is recorded."""
    said = statement.words[0]
    recorded = tuple(dict.fromkeys((*source.facts.dates, source.card.published_on)))
    recorded = tuple(d for d in recorded if d)
    shown = " or ".join(recorded)
    if not recorded:
        return unverifiable("no date is recorded")
    if any(known.startswith(said) for known in recorded):
        return true(RECORD, shown)
    if any(said.startswith(known) for known in recorded):
        return unverifiable("the year agrees; month and day are not recorded", shown, RECORD)
    return false(RECORD, shown)


def address(statement: Statement, source: Source) -> Finding:
    """Whose page an address is. Only of the official one another publisher's page is false."""
    said = _bare(statement.words[0])
    known = [_bare(a) for a in (*source.facts.addresses, source.card.homepage, source.card.article)]
    known = [a for a in known if "." in a.split("/")[0]]
    home = _host(_bare(source.card.homepage))
    if any(_within(said, a) for a in known):
        return true(RECORD, _host(said))
    if _host(said) not in _SHARED_HOSTS and any(_host(said) == _host(a) for a in known):
        return true(RECORD, _host(said))
    if not home:
        return unverifiable("no address is recorded")
    if statement.unit == "official" and all(_host(said) != _host(a) for a in known):
        return false(RECORD, home, f"the release is at {source.card.homepage}")
    return unverifiable(f"a page that is not recorded; the release is at {source.card.homepage}")


def structure(statement: Statement, source: Source) -> Finding:
    """An anatomical structure: an organ, not a disease."""
    word = statement.words[0].strip().lower()
    last = singular(word.split()[-1]) if word else ""
    if last in STRUCTURES:
        return true(RECORD, word)
    named = {o.lower() for o in source.card.observations}
    if word in _DISEASES | named:
        return false(RECORD, "Lung", "a disease is no anatomical structure")
    if last in AREAS:
        return unverifiable("an area of the body rather than a structure")
    return unverifiable("not in the list of structures")


def area(statement: Statement, source: Source) -> Finding:
    """An anatomical area: of a chest radiograph the chest."""
    last = singular(statement.words[0].split()[-1])
    if last in ("chest", "thorax"):
        return true(RECORD, "Chest")
    if last in STRUCTURES:
        return false(RECORD, "Chest", "an organ is no area of the body")
    if last in AREAS:
        return false(RECORD, "Chest", "the archive holds chest radiographs")
    return unverifiable("not in the list of areas")


def labels(statement: Statement, source: Source) -> Finding | None:
    """Names of labels as a list or as rows; None where they are of something else."""
    named = {_name(o): o for o in source.card.observations}
    said = [_name(w) for w in statement.words]
    hit = [s for s in said if s in named]
    # Two classes that are one label and its absence are no list of labels.
    if len(named) < 4 or len(hit) < 3 or len(hit) < 0.7 * len(said):
        return None
    odd = [w for w in statement.words if _name(w) not in named]
    if odd:
        nearest = [
            named[n] for w in odd for n in difflib.get_close_matches(_name(w), list(named), 1, 0.5)
        ]
        return false(RECORD, ", ".join(nearest), f"no label of the release: {', '.join(odd)}")
    missing = [o for n, o in named.items() if n not in said and n != "no finding"]
    few = len(missing) <= 0.3 * len(named)
    if source.table is not None:
        columns = source.table.columns
        missing = [o for o in missing if LABEL + o in columns and _occurs(source.table[LABEL + o])]
    if missing and (statement.unit == "table" or "such as" not in statement.context):
        if not few:
            return unverifiable("a part of the labels may be meant", f"{len(named)} labels")
        return false(
            RECORD, f"{', '.join(missing)} missing", f"the release has {len(named)} labels"
        )
    return true(RECORD, f"{len(hit)} of {len(named)} labels")


def _occurs(column: pl.Series) -> bool:
    return column.null_count() < column.len()


def making(statement: Statement, source: Source) -> Finding:
    """How something was made or will be: against the recorded corrections."""
    for known in source.facts.corrections:
        if known.meets(statement.context):
            authority = f"{RECORD}: {known.source}"
            if known.false:
                return false(authority, known.found, known.why)
            return unverifiable(known.why, known.found, authority)
    return unverifiable("nothing is recorded about this")


def rate(statement: Statement, source: Source) -> Finding:
    """A learning rate, against that of the published code."""
    recorded = source.facts.rate
    if recorded is None:
        return unverifiable("nothing is recorded about this")
    answer = true if abs(statement.values[0] - recorded) < 1e-9 else false
    return answer(f"{RECORD}: published code", f"{recorded:g}", "in the published code")


def _name(text: str) -> str:
    return " ".join(singular(w) for w in words(text.replace("_", " ")))


def _bare(url: str) -> str:
    """The address without protocol and www; a bare DOI is one of doi.org."""
    text = re.sub(r"^(?:https?://)?(?:www\.)?", "", url.strip().lower()).rstrip("/")
    text = re.sub(r"^arxiv:", "arxiv.org/abs/", text)
    return f"doi.org/{text}" if text.startswith("10.") else text


def _host(bare: str) -> str:
    return bare.split("/")[0]


def _within(said: str, known: str) -> bool:
    if "/" not in known:
        return _host(said) == known or _host(said).endswith(f".{known}")
    return said.startswith(known) or known.startswith(said)
