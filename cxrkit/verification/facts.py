"""What the tables of a copy say, beside what is published: counts, ids and splits."""

from collections.abc import Iterator, Sequence

import polars as pl

from cxrkit import claims
from cxrkit.claims import Claim
from cxrkit.verification import splits
from cxrkit.verification.report import BadFile, Check, named, of_files


def faulty_rows(table: pl.DataFrame) -> list[BadFile]:
    """The rows of the archive's tables that are corrupt, by their place."""
    faults = table.filter(pl.col("fault") != "")["fault"].to_list()
    return [BadFile(place, "E103", why) for place, _, why in (f.partition(": ") for f in faults)]


def tables_check(table: pl.DataFrame, as_published: bool) -> Check:
    """Every row of the archive's tables can be used.

    Args:
        table: the records table.
        as_published: the tables have the published checksums.
    """
    bad = faulty_rows(table)
    published = {row.path for row in bad} if as_published else ()
    return of_files("tables", "records", table.height, bad, "the archive's tables", published)


def claim_checks(
    published: Sequence[Claim], table: pl.DataFrame, annotations: pl.DataFrame | None
) -> list[Check]:
    """One check for each published count, in their order.

    Args:
        published: `CARD.claims`.
        table: the records table.
        annotations: what readers marked; None where the archive or this form of it has none.
    """
    tables = {"records": table, "annotations": annotations}
    return [_claim(claim, tables[claim.table]) for claim in published]


def _claim(claim: Claim, table: pl.DataFrame | None) -> Check:
    found = None if table is None else claims.count(claim, table)
    about = ("claims", claim.what)
    if found is None:
        note = f"this copy cannot tell; {claim.why}" if claim.why else "this copy cannot tell"
        return Check(*about, "unverifiable", claim.value, None, claim.source, note)
    if claim.erratum and found == claim.value:
        note = f"this copy has the number that is known to be wrong: {claim.erratum}"
        return Check(*about, "failed", claim.value, found, claim.source, note)
    if claim.erratum:
        return Check(*about, "false", claim.value, found, claim.source, claim.erratum)
    if found != claim.value:
        why = claim.why or "no reason is known why a whole copy would differ"
        return Check(*about, "differs", claim.value, found, claim.source, why)
    return Check(*about, "holds", claim.value, found, claim.source)


def counts_hold(checks: Sequence[Check]) -> bool:
    """The published counts were looked at, and those that this copy can tell are all as published.

    Then the tables are the published ones, and what contradicts itself in them did so from the
    start.
    """
    statuses = {check.status for check in checks if check.group == "claims"}
    return "holds" in statuses and not statuses & {"differs", "failed"}


def id_checks(table: pl.DataFrame, as_published: bool) -> Iterator[Check]:
    """Ids that contradict each other: one check."""
    found = splits.ids_that_disagree(table)
    examples = [f"{what} {key}: {values}" for what, key, values, _ in found.iter_rows()]
    yield _torn("ids", "ids that contradict each other", examples, as_published)


def split_checks(table: pl.DataFrame, as_published: bool) -> Iterator[Check]:
    """Patients in more than one split: one check."""
    what = "patients in more than one split"
    for column, note in (
        ("split", "the archive publishes no split"),
        ("patient_id", "the archive does not say whose images they are"),
    ):
        if not (table[column] != "").any():
            yield Check("splits", what, "unverifiable", None, None, "", note)
            return
    found = splits.patients_across(table)
    examples = [f"{patient}: {names}" for patient, names, _ in found.iter_rows()]
    yield _torn("splits", what, examples, as_published)


def _torn(group: str, what: str, examples: Sequence[str], as_published: bool) -> Check:
    if not examples:
        return Check(group, what, "holds", 0, 0, "counted")
    note = named(examples)
    if as_published:
        note += "; the tables are those published, so the release itself is so"
        note += ": its own split leaks" if group == "splits" else ""
        return Check(group, what, "false", 0, len(examples), "counted", note)
    return Check(group, what, "failed", 0, len(examples), "counted", note)
