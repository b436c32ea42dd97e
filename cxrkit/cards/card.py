"""The facts of an archive on disk that its page shows: counted in its tables and read from files.

`of_archive` reads the disk; `gathered` turns what was read into `Facts`, which hold no count that a
restricted archive's page may not show.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import polars as pl

from cxrkit import archives, claims
from cxrkit.archives import Archive, Card
from cxrkit.cards import counts, disclosure, extent, tree, unprinted
from cxrkit.cards.counts import IMAGES, Count, Key, Tally
from cxrkit.cards.facts import Checked, Facts, Fault, Found, Names
from cxrkit.claims import Claim
from cxrkit.errors import NAMES
from cxrkit.imaging.sizes import measure
from cxrkit.records import LABEL
from cxrkit.verification import duplicates

_LISTED = 20  # files of one kind of damage that are named
_NOTHING = Tally()


def of_archive(
    name: str, root: Path, workers: int, say: Callable[[str], None] = lambda text: None
) -> tuple[Facts, pl.DataFrame]:
    """The facts of the archive at `root`, and the records whose image has a sound header.

    `say` gets a line for the user before each step that reads every file.

    Raises:
        InputRefused: as the adapter.
    """
    archive = archives.load(name)
    table = archives.table(archive, root)
    usable = table.filter(pl.col("fault") == "")
    say(f"reading the headers of {usable.height:,} images")
    measured = measure(root, usable["image"].to_list(), workers)
    say("comparing files of equal length")
    whole = measured.filter(pl.col("fault") == "")["image"].to_list()
    found = Found(
        table,
        measured,
        archives.annotations(archive, root),
        duplicates.exact(root, whole, workers),
        _missing_masks(archive, root, usable),
    )
    about = paragraphs(str(archive.__doc__ or ""))
    readable = usable.filter(measured["fault"] == "")
    return gathered(name, archive.CARD, about, archive.LAYOUT, found), readable


def gathered(
    name: str, card: Card, about: Names, layout: str, found: Found, more: Tally = _NOTHING
) -> Facts:
    """The facts in what was read; `more` are counts of the caller's, protected with the others."""
    restricted = card.licence != "open"
    usable = found.table.filter(pl.col("fault") == "")
    patient = usable["patient_id"] != ""
    table, tally, images = _counted(usable, found.measured, restricted)
    observations = _observed(table)
    tally += counts.labels(table, observations, tally)
    tally += _regions(table, found.annotations)
    tally += _identical(table, found.identical)
    damaged = found.table.filter(pl.col("fault") != "")["fault"].to_list()
    tally += Tally({("rows", "damaged"): Count(len(damaged), len(damaged))})
    tally += Tally(
        {("masks", "missing"): Count(len(found.missing_masks), len(found.missing_masks))}
    )
    tally += more
    shown = dict(tally.counts)
    if restricted:
        tally += unprinted.not_present(table, observations, tally)
        shown = disclosure.protected(tally.counts, tally.lines)
    shown = {key: count for key, count in shown.items() if key[0] != unprinted.UNPRINTED}
    return Facts(
        name=name,
        title=card.title,
        card=card,
        about=about,
        layout=layout,
        restricted=restricted,
        patients="all" if patient.all() else "some" if patient.any() else "none",
        observations=tuple(observations),
        tally=Tally(shown, tally.lines),
        categories=_categories(table, observations),
        kinds=_kinds(found.measured),
        sizes=extent.sizes(table, restricted),
        ages=extent.spread(table, "age", restricted),
        images_per_patient=extent.spread(images, "images", restricted),
        claims=_claims(card.claims, found, tally.counts, shown, restricted),
        faults=_faults(found, damaged, shown, restricted),
        identical=() if restricted else tuple(found.identical),
        identical_groups=_shown_number(shown, ("identical", "files"), len(found.identical)),
        # A hospital's folders can be called by the names of its patients.
        files="" if restricted else tree.drawn([*usable["image"], *_mask_files(usable)]),
        part_of=card.part_of,
        contains=card.contains,
        contained_in=_contained_in(name),
    )


def paragraphs(text: str) -> Names:
    """The paragraphs of a text, each on one line."""
    return tuple(" ".join(part.split()) for part in text.split("\n\n") if part.strip())


def _counted(
    usable: pl.DataFrame, measured: pl.DataFrame, restricted: bool
) -> tuple[pl.DataFrame, Tally, pl.DataFrame]:
    """The table with what is counted in it, its general tally, and images by patient."""
    table = usable.drop("rows", "columns").with_columns(
        measured["rows"], measured["columns"], _file_kind(measured).alias("file")
    )
    with_person = table.with_columns(counts.person().alias("person"))
    ages = extent.bands(with_person, "age", extent.AGE_BANDS, restricted)
    table = counts.prepared(table, ages)
    tally = counts.general(table, ages) + counts.grouped(table, "file", ("file",), IMAGES)
    images = (
        table.filter(pl.col("patient_id") != "")
        .group_by("person")
        .agg(pl.len().alias("images"))
        .sort("person")
    )
    bands = extent.bands(images, "images", extent.IMAGE_BANDS, restricted)
    rows = (
        images.group_by(counts.banded("images", bands).alias("band"))
        .agg(pl.col("images").sum(), pl.len())
        .rows()
    )
    found = {name: Count(int(number), people) for name, number, people in rows}
    per: dict[Key, Count] = {("images per patient", n): found.get(n, Count(0, 0)) for n in bands}
    return table, tally + Tally(per), images


def _mask_files(usable: pl.DataFrame) -> list[str]:
    """The files that hold masks, each once."""
    return sorted(set(usable["mask"]) - {"", *usable["image"]})


def _observed(table: pl.DataFrame) -> list[str]:
    """The observations that at least one image has, in the table's order."""
    columns = [c for c in table.columns if c.startswith(LABEL)]
    return [c.removeprefix(LABEL) for c in columns if table[c].null_count() < table.height]


def _categories(table: pl.DataFrame, observations: Sequence[str]) -> int:
    """Classes that a classifier would learn: a single observation that is also absent makes two."""
    if len(observations) == 1:
        return int(table[LABEL + observations[0]].drop_nulls().n_unique())
    return len(observations)


def _file_kind(measured: pl.DataFrame) -> pl.Expr:
    """ "PNG, 8 bits", or what is wrong with the file."""
    kind = pl.col("kind").replace({k: _kind(k) for k in measured["kind"].unique()})
    fine = pl.format("{}, {} bits", kind, pl.col("bits"))
    faults = measured["fault"].to_list()
    kinds = measured.select(fine.fill_null("").alias("k"))["k"].to_list()
    words = [_reason(f[:4]) if f else kind for f, kind in zip(faults, kinds, strict=True)]
    return pl.lit(pl.Series("file", words, pl.String))


def _reason(code: str) -> str:
    return f"{code} {NAMES.get(code, '')}".strip()


def _kinds(measured: pl.DataFrame) -> Names:
    fine = measured.filter(pl.col("fault") == "")
    found = fine.group_by("kind").len().sort(["len", "kind"], descending=[True, False])
    return tuple(_kind(kind) for kind in found["kind"])


def _kind(kind: str) -> str:
    """The name of a kind of file: an abbreviation but for the files without a header."""
    return kind if kind == "headerless" else kind.upper()


def _regions(table: pl.DataFrame, annotations: pl.DataFrame | None) -> Tally:
    """Statements, boxes and readers by observation; a statement counts like an image."""
    if annotations is None:
        return Tally()
    whose = table.select("image_id", "person")
    rows = annotations.join(whose, on="image_id", how="inner")
    has_region = pl.col("x_min").is_not_null() | (pl.col("rle").fill_null("") != "")
    tally = unprinted.without_region(rows, has_region)
    for what, part in (("statements", rows), ("regions", rows.filter(has_region))):
        tally += Tally({(what,): Count(part.height, part["person"].n_unique())})
        tally += counts.grouped(part, "observation", (what, "of"), (what,))
    missing = set(tally.names("statements", "of")) - set(tally.names("regions", "of"))
    return tally + Tally({("regions", "of", name): Count(0, 0) for name in sorted(missing)})


def _identical(table: pl.DataFrame, groups: Sequence[Names]) -> Tally:
    """Files that have a twin, and those whose twin is another patient's or in another split."""
    rows = [(image, number) for number, group in enumerate(groups) for image in group]
    twins = pl.DataFrame(rows, {"image": pl.String, "group": pl.Int64}, orient="row")
    twins = twins.join(table.select("image", "person", "split"), on="image", how="inner")
    tally: dict[Key, Count] = {
        ("identical", "files"): Count(twins.height, twins["person"].n_unique())
    }
    for what, column in (("patients", "person"), ("splits", "split")):
        torn = twins.filter(pl.col(column).n_unique().over("group") > 1)
        tally["identical", f"across {what}"] = Count(torn.height, torn["person"].n_unique())
    return Tally(tally)


def _missing_masks(archive: Archive, root: Path, usable: pl.DataFrame) -> Names:
    """Masks that the archive lists and that are no files; where masks are files of their own."""
    if hasattr(archive, "mask"):
        return ()
    listed = usable.filter(pl.col("mask") != "")["mask"].to_list()
    return tuple(mask for mask in listed if not (root / mask).is_file())


def _claims(
    published: Sequence[Claim],
    found: Found,
    true: Mapping[Key, Count],
    shown: Mapping[Key, Count],
    restricted: bool,
) -> tuple[Checked, ...]:
    """Each claim against this copy.

    A restricted archive's number is shown where the page shows the same number elsewhere, or where
    it is the published one; never where it is that of a withheld count.
    """
    records = found.table.filter(pl.col("fault") == "")
    withheld = {
        n for k, c in true.items() if k in shown and shown[k].mark for n in (c.images, c.people)
    }
    open_numbers = {n for c in shown.values() for n in (c.images, c.people)}
    checked = []
    for claim in published:
        table = found.annotations if claim.table == "annotations" else records
        number = None if table is None else claims.count(claim, table)
        tells = number in open_numbers or (
            number == claim.value and claim.value >= disclosure.LEAST
        )
        hidden = restricted and number is not None and (number in withheld or not tells)
        note = f"false: {claim.erratum}" if claim.erratum else claim.why
        checked.append(
            Checked(
                claim.what,
                claim.value,
                None if hidden else number,
                "withheld" if hidden else _verdict(claim, number),
                claim.source,
                note,
            )
        )
    return tuple(checked)


def _verdict(claim: Claim, number: int | None) -> str:
    if number is None:
        return "cannot tell"
    if number == claim.value:
        return "agrees"
    return "known error" if claim.erratum else "differs"


def _faults(
    found: Found, damaged: Sequence[str], shown: Mapping[Key, Count], restricted: bool
) -> tuple[Fault, ...]:
    """What cannot be used, by reason: rows, images, masks."""
    images: dict[str, list[str]] = {}
    for image, fault in found.measured.select("image", "fault").iter_rows():
        if fault:
            images.setdefault(fault[:4], []).append(image)
    kinds = [("E103", "row of a table", ("rows", "damaged"), list(damaged))]
    kinds += [(c, "image", ("file", _reason(c)), names) for c, names in sorted(images.items())]
    kinds += [("E202", "mask", ("masks", "missing"), list(found.missing_masks))]
    return tuple(
        Fault(code, what, shown[key], () if restricted else tuple(names[:_LISTED]))
        for code, what, key, names in kinds
        if names
    )


def _shown_number(shown: Mapping[Key, Count], key: Key, number: int) -> int | None:
    return None if shown[key].mark else number


def _contained_in(name: str) -> Names:
    """The archives whose cards say that they contain this one."""
    others = (other for other in archives.names() if other != name)
    return tuple(o for o in others if name in archives.load(o).CARD.contains)
