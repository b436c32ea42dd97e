"""An archive as an audit sees it: what is recorded, and the copy on disk where there is one."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import polars as pl

from cxrkit import archives, claims
from cxrkit.archives import Archive, Card
from cxrkit.cards import audit_facts
from cxrkit.cards.audit_facts import Facts
from cxrkit.cards.audit_words import HARMLESS, SPLIT, UNIT, singular, word_set, words
from cxrkit.claims import Claim
from cxrkit.records import EXTRA, LABEL
from cxrkit.terms import FRONTAL_VIEWS

_STRICT = word_set(
    "with without showing having have has had positive negative diagnosed labelled labeled "
    "marked containing contain contains contained show shows carry no not normal abnormal"
)
_SEXES = {
    **dict.fromkeys(("m", "male", "males", "men"), "M"),
    **dict.fromkeys(("f", "female", "females", "women"), "F"),
}
_VIEWS = {"frontal": "frontal", "frontal-view": "frontal", "lateral": "lateral", "pa": "PA",
          "ap": "AP", "posteroanterior": "PA", "anteroposterior": "AP"}  # fmt: skip
_SAME_WORD = {
    **dict.fromkeys(("tb", "tuberculous"), "tuberculosis"),
    **dict.fromkeys(("healthy", "control", "unaffected"), "normal"),
    "bacterial": "bacteria",
    "viral": "virus",
}
_ARTICLES = frozenset({"a", "an", "any", "the"})
_NO = frozenset({"no", "non", "without", "not", "negative"})
_KINDS = 20  # an extra column with more values than this names no class


@dataclass(frozen=True)
class Quantity:
    """What is counted: a unit under conditions. `known` is whether every word was understood."""

    unit: str
    split: str = ""
    labels: tuple[tuple[str, int], ...] = ()  # (observation, state)
    view: str = ""
    sex: str = ""
    extras: tuple[tuple[str, str], ...] = ()  # (column, value)
    known: bool = True


@dataclass(frozen=True)
class Source:
    """An archive by its records; without a copy `table` is None and only the record speaks.

    `table` has the records without a fault, which a card counts too. Of a row that is `damaged`
    nothing is known but that it lists an image.
    """

    name: str
    card: Card
    facts: Facts
    root: Path | None = None
    table: pl.DataFrame | None = None
    damaged: int = 0
    annotations: pl.DataFrame | None = None
    described: bool = False  # the card gives the number of images of this copy
    sizes: pl.DataFrame | None = None  # see `imaging.sizes.measure`; None where not measured

    @cached_property
    def vocabulary(self) -> list[tuple[tuple[str, ...], str]]:
        """The observations as words, longest first, with their names as published."""
        names = list(self.card.observations)
        if self.table is not None:
            names += [c.removeprefix(LABEL) for c in self.table.columns if c.startswith(LABEL)]
        named = {n: tuple(singular(w) for w in words(n)) for n in dict.fromkeys(names)}
        return sorted(((w, n) for n, w in named.items()), key=lambda pair: -len(pair[0]))

    @cached_property
    def kinds(self) -> dict[str, tuple[str, str]]:
        """Values of extra columns that name a class, in lower case: (column, value)."""
        found: dict[str, tuple[str, str]] = {}
        for column in self.table.columns if self.table is not None else []:
            if column.startswith(EXTRA) and self.table is not None:
                values = self.table[column].drop_nulls().unique().sort()
                if values.len() <= _KINDS:
                    found |= {v.lower(): (column, v) for v in values if len(words(v)) == 1}
        return found

    @cached_property
    def published(self) -> list[tuple[Quantity, Claim]]:
        """The claims whose words name a quantity."""
        named = [(self._claimed(claim.what), claim) for claim in self.card.claims]
        return [(quantity, claim) for quantity, claim in named if quantity.known]

    @cached_property
    def total(self) -> int | None:
        """The published number of images."""
        return self.recorded(Quantity("images"))

    @cached_property
    def partial(self) -> bool:
        """The copy has other numbers of images than were published."""
        asked = {Quantity("images"): self.total} if self.total is not None else {
            q: c.value for q, c in self.published if q.unit == "images" and not c.erratum
        }  # fmt: skip
        return any(self.counts(q) and number not in self.counts(q) for q, number in asked.items())

    def _claimed(self, what: str) -> Quantity:
        """The quantity of a claim; not known where any word or number may restrict it further."""
        state = re.search(r"\s(1|0|-1)$", what)
        said = words(what.removesuffix(state[0]) if state else what)
        units = {UNIT[w] for w in said if UNIT.get(w, "categories") != "categories"}
        quantity = self.quantity(said, (), units.pop() if units else "images")
        other = {"labelled", "labeled", "label", "of"}  # "images with a label" are not all images
        plain = not units and not other & set(said) and "," not in what
        if re.search(r"\d", what.removesuffix(state[0]) if state else what) or not plain:
            return replace(quantity, known=False)
        if state:
            one = len(quantity.labels) == 1
            labels = ((quantity.labels[0][0], int(state[1])),) if one else ()
            return replace(quantity, labels=labels, known=quantity.known and one)
        return quantity

    def recorded(self, quantity: Quantity) -> int | None:
        """The published number that is not known to be wrong."""
        quantity = self._of_reports(quantity)
        fine = [(q, c) for q, c in self.published if not c.erratum]
        found = next((c.value for q, c in fine if q == quantity), None)
        if found is None and quantity.view == "frontal":
            parts = [self.recorded(replace(quantity, view=view)) for view in ("PA", "AP")]
            return sum(p for p in parts if p) if None not in parts else None
        if found is None and quantity == Quantity("images"):
            named = ("images with a label", "labelled images")
            return next((c.value for c in self.card.claims if c.what in named), None)
        return found

    def errata(self, quantity: Quantity) -> list[Claim]:
        """Claims about the quantity that are known to be wrong."""
        quantity = self._of_reports(quantity)
        return [c for q, c in self.published if c.erratum and q == quantity]

    def _of_reports(self, quantity: Quantity) -> Quantity:
        """Where no claim is about reports there is one for each study."""
        if quantity.unit != "reports" or any(q.unit == "reports" for q, _ in self.published):
            return quantity
        return replace(quantity, unit="studies")

    def count(self, quantity: Quantity) -> int | None:
        """How many this copy has, damaged rows apart; None where it cannot tell."""
        if self.table is None:
            return None
        for known, claim in self.published:
            if known == quantity and not claim.erratum:
                table = self.table if claim.table == "records" else self.annotations
                found = None if table is None else claims.count(claim, table)
                if found is not None:
                    return found
        return self._counted(quantity, self.table)

    def counts(self, quantity: Quantity) -> tuple[int, ...]:
        """The numbers that can be said of this copy: usable images, and with the damaged rows.

        Of everything but all images there is one number; none where the copy cannot tell.
        """
        found = self.count(quantity)
        if found is None:
            return ()
        listed = quantity == Quantity("images") and self.damaged
        return (found, found + self.damaged) if listed else (found,)

    def shown(self, quantity: Quantity) -> str:
        """The counts in words: "5", or "4 (5 with 1 damaged row)"; blank where there is none."""
        numbers = [f"{number:,}" for number in self.counts(quantity)]
        if len(numbers) < 2:
            return "".join(numbers)
        rows = "row" if self.damaged == 1 else "rows"
        return f"{numbers[0]} ({numbers[1]} with {self.damaged:,} damaged {rows})"

    def images(self, quantity: Quantity) -> pl.Series:
        """The paths of the images that meet the conditions; empty without a copy."""
        if self.table is None:
            return pl.Series([], dtype=pl.String)
        return self.table.filter(self._condition(quantity, self.table))["image"]

    def _counted(self, quantity: Quantity, table: pl.DataFrame) -> int | None:
        rows = table.filter(self._condition(quantity, table))
        if any(LABEL + o not in rows.columns for o, _ in quantity.labels):
            return None
        asked = {"split": quantity.split, "sex": quantity.sex}
        asked["view"] = "" if self.card.blank_view_is_frontal else quantity.view
        if any(said and not (table[column] != "").any() for column, said in asked.items()):
            return None
        if quantity.unit in ("images", "items", "cases"):
            return rows.height
        if quantity.unit == "masks":
            return rows.filter(pl.col("mask") != "").height if self.card.mask_of else None
        columns = {"patients": "patient_id", "studies": "study_id", "reports": "study_id"}
        column = columns.get(quantity.unit)
        if column is None or not (table[column] != "").any():
            return None
        return rows.filter(pl.col(column) != "")[column].n_unique()

    def _condition(self, quantity: Quantity, table: pl.DataFrame) -> pl.Expr:
        condition = pl.lit(True)
        for observation, state in quantity.labels:
            if LABEL + observation in table.columns:
                condition &= (pl.col(LABEL + observation) == state).fill_null(False)
        for column, value in quantity.extras:
            condition &= (pl.col(column) == value).fill_null(False)
        if quantity.split:
            condition &= pl.col("split") == quantity.split
        if quantity.sex:
            condition &= pl.col("sex") == quantity.sex
        if quantity.view == "frontal":
            blank = ("",) if self.card.blank_view_is_frontal else ()
            condition &= pl.col("view").is_in([*FRONTAL_VIEWS, *blank])
        elif quantity.view == "lateral":
            condition &= pl.col("view").is_in(["LATERAL", "LL", "RL"])
        elif quantity.view:
            condition &= pl.col("view") == quantity.view
        return condition

    def quantity(self, subject: Sequence[str], after: Sequence[str], unit: str) -> Quantity:
        """What the words count in this archive.

        Args:
            subject: the words up to the noun, and the noun.
            after: the words behind it; they restrict it only where they begin with "with" and the
                like, or name a split.
            unit: of `audit_words.UNIT`.
        """
        said = _plain(subject)
        bare = not subject  # "and 326 without": all words are behind
        behind = _plain(after)
        if behind[:1] and behind[0] in ("are", "is", "were", "was"):  # "images are of women"
            said += [w for w in behind if w in _SEXES or w in _VIEWS]
        if behind[:1] and behind[0] in ("are", "is", "were", "was") and behind[1:2]:
            behind = behind[1:] if behind[1] in _STRICT else behind
        if bare or (behind and behind[0] in _STRICT) or any(w in _NO for w in behind[:2]):
            said += behind
        else:
            splits = {SPLIT[w] for w in behind if w in SPLIT}
            said += [w for w in behind if w in SPLIT] if len(splits) == 1 else []
        return self._read(said, unit)

    def _read(self, said: list[str], unit: str) -> Quantity:
        rest = [w if w in _NO else singular(w) for w in said if w not in _ARTICLES]
        labels: list[tuple[str, int]] = []
        for named, observation in self.vocabulary:
            at = next((i for i in range(len(rest)) if tuple(rest[i : i + len(named)]) == named), -1)
            if at >= 0 and named:
                before, behind = rest[max(0, at - 1) : at], rest[at + len(named) :][:1]
                absent = bool(_NO.intersection(before)) or behind in (["negative"], ["absent"])
                state = -1 if "uncertain" in (*before, *behind) else 0 if absent else 1
                labels.append((observation, state))
                cut = at - 1 if state < 1 and before and before[0] in (*_NO, "uncertain") else at
                rest = rest[:cut] + rest[at + len(named) :]
        extras = [self.kinds[w] for w in rest if w in self.kinds and w != "normal"]
        rest = [w for w in rest if w not in self.kinds or w == "normal"]
        splits = list(dict.fromkeys(SPLIT[w] for w in rest if w in SPLIT))
        sexes = [_SEXES[w] for w in rest if w in _SEXES]
        views = [_VIEWS[w] for w in rest if w in _VIEWS]
        known = len(splits) < 2 and len(sexes) < 2 and len(views) < 2
        states = {"absent": 0, "uncertain": -1, "negative": 0}
        for word in [w for w in rest if w in states and len(labels) == 1]:
            labels = [(labels[0][0], states[word])]
        left = []
        for at, word in enumerate(rest):
            alone = _state_alone(word, at == len(rest) - 1)
            if alone is not None and not labels:
                labels += self._alone(alone)
                known &= bool(labels)
            elif not _means_nothing(word):
                left.append(word)
        if "mask" in (singular(w) for w in said) and unit in ("images", "items", "cases", "masks"):
            unit = "masks"
            labels = [label for label in labels if label[0].lower() != self.card.mask_of]
        of_lungs = {"lung", "lungs"} & set(said) and self.card.mask_of == "lungs"
        if unit in ("cases", "items") and of_lungs:
            unit = "masks"
        return Quantity(
            unit, splits[0] if splits else "", tuple(sorted(labels)), views[0] if views else "",
            sexes[0] if sexes else "", tuple(sorted(extras)), known and not left,
        )  # fmt: skip

    def _alone(self, state: int) -> list[tuple[str, int]]:
        """What "normal" and "positive" mean by themselves: the one label, or No Finding."""
        if len(self.card.observations) == 1:
            return [(self.card.observations[0], state)]
        if state == 0 and "No Finding" in self.card.observations:
            return [("No Finding", 1)]
        return []


def _plain(said: Sequence[str]) -> list[str]:
    """The words with one name for each thing: "TB-positive" is tuberculosis, positive."""
    parted = [part for word in said for part in re.split(r"-(?=(?:positive|negative)$)", word)]
    return [_SAME_WORD.get(word, word) for word in parted]


def _means_nothing(word: str) -> bool:
    plural = f"{word}s"
    return (
        word in HARMLESS or plural in HARMLESS or word in UNIT or plural in UNIT
        or word in SPLIT or word in _SEXES or word in _VIEWS
        or word in ("with", "for", "in", "and", "absent", "present", "uncertain", "negative",
                    "positive")
    )  # fmt: skip


def _state_alone(word: str, last: bool) -> int | None:
    """What a word says of the label that nobody names: "normal", "and 326 without"."""
    if word in ("normal", "negative") or (last and word == "without"):
        return 0
    named = word in ("abnormal", "positive", "diseased", "infected", "sick")
    return 1 if named or (last and word == "with") else None


def opened(archive: Archive, root: Path) -> Source:
    """The archive with the copy at `root`; header sizes are not measured.

    Raises:
        InputRefused: as the adapter's `records`.
    """
    name = archives.name_of(archive)
    table = archives.table(archive, root)
    usable = table.filter(pl.col("fault") == "")
    return Source(
        name, _with_labels(name, archive.CARD), audit_facts.of(name), root, usable,
        table.height - usable.height, archives.annotations(archive, root),
    )  # fmt: skip


def unopened(name: str) -> Source | None:
    """What is recorded about an archive, without a copy; None where it has no adapter."""
    if name not in archives.names():
        return None
    return Source(name, _with_labels(name, archives.load(name).CARD), audit_facts.of(name))


def _with_labels(name: str, card: Card) -> Card:
    """The card; where labels are in a second release of the same images, with their names."""
    same = audit_facts.SAME.get(name, "")
    if card.observations or same not in archives.names():
        return card
    return replace(card, observations=archives.load(same).CARD.observations)
