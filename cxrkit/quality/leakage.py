"""What two sets of images share that one learnt from and one tests: patients, copies, lineage.

A finding is about one kind of link between two sets. It counts the images of the second set, the
one that is tested on, that anything in the first leads to. What could not be looked at is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from cxrkit.quality import groups, lineage, trained_on
from cxrkit.quality.sets import Sets
from cxrkit.quality.trained_on import TrainedOn

SHARED = {
    "kind": pl.String, "first": pl.String, "second": pl.String, "archive": pl.String,
    "image_id": pl.String, "patient_id": pl.String, "key": pl.String,
}  # fmt: skip
MODEL_KINDS = {"trained-image": "image", "trained-patient": "patient"}


@dataclass(frozen=True)
class Finding:
    """What of one kind the second set shares with the first."""

    kind: str  # of `groups.KINDS` or MODEL_KINDS
    first: str
    second: str
    keys: int  # shared patients, studies, groups of copies, ...
    images: int  # of the second set that share one
    of: int  # images of the second set
    unexamined: str = ""  # why nothing of this kind could be looked at
    note: str = ""  # what of it could not be looked at

    @property
    def share(self) -> float:
        """Of the second set's images, 0-1."""
        return self.images / self.of

    @property
    def verdict(self) -> str:
        """LEAK, none or not examined."""
        return "LEAK" if self.images else "not examined" if self.unexamined else "none"


def between(
    found: pl.DataFrame, linked: pl.DataFrame, sets: Sets, listed: bool
) -> tuple[list[Finding], pl.DataFrame]:
    """A finding for each kind and pair of sets, in order, and the shared images, `SHARED`.

    Args:
        found: as `groups.images` gives them.
        linked: as `groups.links` gives them.
        sets: rows of `found`.
        listed: whether `linked` holds a list of duplicates.
    """
    who = linked.filter(pl.col("kind") == "image").select("row", pl.col("key").alias("who"))
    known = linked.join(who, on="row")
    by_kind = {kind: known.filter(pl.col("kind") == kind).drop("kind") for kind in groups.KINDS}
    findings, shared = [], [pl.DataFrame(schema=SHARED)]
    for first, second in combinations(sets.rows, 2):
        pair = [found[sets.rows[name]] for name in (first, second)]
        for kind, rows in by_kind.items():
            hits = _first_keys(_hits(rows, pair, kind in groups.SAME_IMAGE))
            why = "" if hits.height else _unexamined(kind, rows, pair, (first, second), listed)
            note = "" if why else _note(kind, rows, pair, (first, second))
            findings.append(_finding(kind, first, second, hits, pair[1], why, note))
            shared.append(_listed(hits, found, kind, first, second))
    return findings, pl.concat(shared)


def with_model(
    found: pl.DataFrame, sets: Sets, name: str, model: TrainedOn
) -> tuple[list[Finding], pl.DataFrame]:
    """As `between`, of what a model was trained on, as first set, and each of the sets."""
    findings, shared = [], [pl.DataFrame(schema=SHARED)]
    known = {"image": model.images, "patient": model.patients}
    for second, rows in sets.rows.items():
        own = found[rows]
        digests = trained_on.hashes(own)
        pairs = lineage.unmapped(model.homes, own["home"].unique())
        for kind, what in MODEL_KINDS.items():
            column = "image_id" if what == "image" else "patient_id"
            seen = pl.Series(trained_on.seen(digests[what], known[what]), dtype=pl.Boolean)
            key = pl.col("archive") + " " + pl.col(column)
            hits = own.filter(seen).select("row", key.alias("key"))
            why = _model_unexamined(what, own, known[what], pairs, second)
            why = why if hits.is_empty() else ""
            findings.append(_finding(kind, name, second, hits, own, why))
            shared.append(_listed(hits, found, kind, name, second))
    return findings, pl.concat(shared)


def _finding(
    kind: str,
    first: str,
    second: str,
    hits: pl.DataFrame,
    of: pl.DataFrame,
    why: str,
    note: str = "",
) -> Finding:
    return Finding(kind, first, second, hits["key"].n_unique(), hits.height, of.height, why, note)


def _first_keys(hits: pl.DataFrame) -> pl.DataFrame:
    """Each image once: a patient has a key of the archive and one at home."""
    return hits.group_by("row").agg(pl.col("key").min())


def _hits(rows: pl.DataFrame, pair: Sequence[pl.DataFrame], other: bool) -> pl.DataFrame:
    """`row` and `key` of the links of the second set that the first has too.

    With `other`, a link of an image with itself, which both sets hold, is none.
    """
    a, b = (rows.join(of.select("row"), on="row", how="semi") for of in pair)
    ends = a.group_by("key").agg(
        pl.col("who").min().alias("least"), pl.col("who").max().alias("most")
    )
    hits = b.join(ends, on="key")
    if other:
        hits = hits.filter((pl.col("least") != pl.col("who")) | (pl.col("most") != pl.col("who")))
    return hits.select("row", "key")


def _listed(
    hits: pl.DataFrame, found: pl.DataFrame, kind: str, first: str, second: str
) -> pl.DataFrame:
    """The shared images as rows of `SHARED`, sorted."""
    return hits.join(found, on="row").sort("row").select(
        pl.lit(kind).alias("kind"), pl.lit(first).alias("first"), pl.lit(second).alias("second"),
        "archive", "image_id", "patient_id", "key",
    )  # fmt: skip


def _without(rows: pl.DataFrame, of: pl.DataFrame) -> int:
    """How many images of a set have no link of a kind."""
    return of.join(rows, on="row", how="anti").height


def _unexamined(
    kind: str,
    rows: pl.DataFrame,
    pair: Sequence[pl.DataFrame],
    names: tuple[str, str],
    listed: bool,
) -> str:
    if kind == "duplicate":
        return "" if listed else "no list: cxr duplicates makes one, --duplicates FILE reads it"
    if kind == "augmented":
        known = all((of["patient_id"] != "").all() for of in pair)
        return "the patients are known, so names mean no copies" if known else ""
    folders = [n for n, of in zip(names, pair, strict=True) if (of["archive"] == "folder").all()]
    if kind in ("image", "lineage"):
        apart = set(pair[0]["source"]).isdisjoint(pair[1]["source"])
        if folders and apart:
            return f"{folders[0]} is a folder, whose file names are no ids"
        if kind == "lineage" and (pairs := _pairs(pair)):
            return _new_ids(pairs)
        return ""
    for name, of in zip(names, pair, strict=True):
        if _without(rows, of) == of.height:
            return {
                "patient": f"no image of {name} names its patient",
                "study": f"no image of {name} names its study",
                "bytes": f"no file of {name} was read: a dataset of cxr build knows their sums",
            }[kind]
    return ""


def _note(
    kind: str, rows: pl.DataFrame, pair: Sequence[pl.DataFrame], names: tuple[str, str]
) -> str:
    if kind == "lineage":
        return _new_ids(pairs) if (pairs := _pairs(pair)) else ""
    if kind == "duplicate":
        number = [of.height - _without(rows, of) for of in pair]
        return f"the list names {number[0]} images of {names[0]} and {number[1]} of {names[1]}"
    if kind == "augmented":
        return "by file names alone"
    if kind not in ("patient", "study", "bytes"):
        return ""
    lacking = [
        f"{n} of {of.height} images of {name}"
        for name, of in zip(names, pair, strict=True)
        if (n := _without(rows, of))
    ]
    return f"without a known {kind}: {', '.join(lacking)}" if lacking else ""


def _pairs(pair: Sequence[pl.DataFrame]) -> list[tuple[str, str]]:
    return lineage.unmapped(*(of["home"].unique() for of in pair))


def _new_ids(pairs: Sequence[tuple[str, str]]) -> str:
    told = " and ".join(f"{a} and {b}" for a, b in pairs)
    return f"{told} share images under ids that cannot be compared"


def _model_unexamined(
    what: str,
    own: pl.DataFrame,
    known: frozenset[str],
    pairs: Sequence[tuple[str, str]],
    second: str,
) -> str:
    if pairs:
        return _new_ids(pairs)
    if what == "patient" and not known:
        return "the model's images name no patient"
    if what == "patient" and not (own["patient_id"] != "").any():
        return f"no image of {second} names its patient"
    if (own["archive"] == "folder").all():
        return f"{second} is a folder, whose file names are no ids"
    return ""
