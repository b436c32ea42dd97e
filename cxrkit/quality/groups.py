"""Which images belong together: of one patient or study, copies, or one image under two ids.

What two images share is a link: a kind and a key. A split deals whole groups, the images that any
chain of links joins; a leak is a link between two sets.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import tables
from cxrkit.errors import InputRefused
from cxrkit.quality import copies, lineage
from cxrkit.records import FIELDS, LABEL
from cxrkit.sources import Source

# What can join two images, in the order in which it is reported.
KINDS = {
    "image": "the same image by its archive and id",
    "patient": "one patient",
    "study": "one study",
    "lineage": "one published image under two ids",
    "bytes": "files with the same bytes",
    "duplicate": "pictures of one group of the list of duplicates",
    "augmented": "copies of one image by their names",
}
SAME_IMAGE = ("lineage", "bytes", "duplicate", "augmented")  # need another id to mean anything
DUPLICATES = ("group", "archive", "image_id", "source")  # of what `cxr duplicates` writes
LINK = {"row": pl.UInt32, "kind": pl.String, "key": pl.String}


def images(sources: Sequence[Source]) -> pl.DataFrame:
    """One row per image of all sources, sorted by archive and id, with `row` counting them.

    The fields and labels of a records table, `source`, `published` (the archive's own split, which
    a dataset keeps beside the split that it was built with), `sha256` of the original file where a
    dataset knows it, and `lineage.HOME`. Corrupt rows of an archive are left out.

    Raises:
        InputRefused: E101, no row is sound.
    """
    found = pl.concat([_of(source) for source in sources], how="diagonal")
    if found.is_empty():
        raise InputRefused(
            "E101", ", ".join(s.name for s in sources), "no sound row", "one image or more",
            "cxr records says what is wrong with each row",
        )  # fmt: skip
    return found.sort("archive", "image_id", "source").with_row_index("row")


def require_once(found: pl.DataFrame) -> None:
    """Check that no image is there twice under the same archive and id.

    Raises:
        InputRefused: E107, one is.
    """
    twice = found.filter(pl.struct("archive", "image_id").is_duplicated())
    if twice.is_empty():
        return
    name = f"{twice['archive'][0]}:{twice['image_id'][0]}"
    number = twice.select("archive", "image_id").n_unique()
    folder = twice["archive"][0] == "folder"
    raise InputRefused(
        "E107", name, f"{number} images are there more than once", "each image once",
        "give the folder above them, once" if folder else
        "name no archive twice, neither itself nor as a dataset",
    )  # fmt: skip


def read_duplicates(path: Path, found: pl.DataFrame) -> tuple[pl.DataFrame, int]:
    """The links of the list of duplicates, and how many of its rows name no image of `found`.

    A folder's ids are its paths: its rows count where `source` is written as it is now.

    Raises:
        InputRefused: E102, there is no such file; E103, it is no list of `cxr duplicates`.
    """
    listed = tables.read(path.parent, path.name, DUPLICATES, least=0).select(*DUPLICATES)
    named = found.select("row", "archive", "image_id", pl.col("source").alias("own"))
    known = listed.join(named, on=("archive", "image_id")).filter(
        (pl.col("archive") != "folder") | (pl.col("source") == pl.col("own"))
    )
    strange = listed.join(known, on=DUPLICATES, how="anti").height
    return _link(known, "duplicate", pl.col("group")), strange


def unjoined(found: pl.DataFrame, duplicates: pl.DataFrame | None) -> list[tuple[str, str]]:
    """Pairs of homes that share images under other ids and that the list of duplicates never joins.

    Args:
        found: as `images` gives them.
        duplicates: as `read_duplicates` gives them; None, where there is no list.

    Raises:
        InputRefused: E109, there are such pairs and no list.
    """
    pairs = lineage.unmapped_within(found["home"].unique())
    if pairs and duplicates is None:
        raise InputRefused(
            "E109", " and ".join(pairs[0]), "they share images under ids that cannot be compared",
            "a list of duplicates, so that one image is not in two splits",
            "run cxr duplicates over both and give its CSV with --duplicates, or split them apart",
        )  # fmt: skip
    if not pairs or duplicates is None:
        return []
    homes = duplicates.join(found.select("row", "home"), on="row").group_by("key").agg("home")
    joined = [set(of) for of in homes["home"]]
    return [pair for pair in pairs if not any(of.issuperset(pair) for of in joined)]


def links(found: pl.DataFrame, duplicates: pl.DataFrame | None = None) -> pl.DataFrame:
    """What each image can share with another: `LINK`, at most one row of a kind and key for each.

    Args:
        found: as `images` gives them.
        duplicates: as `read_duplicates` gives them.
    """
    # A folder's ids are its paths: in another folder they mean another image.
    inside = pl.col("archive") == "folder"
    place = pl.when(inside).then(" " + pl.col("source")).otherwise(pl.lit(""))
    own = pl.col("archive") + place + " "
    home = pl.col("home") + place + " "
    copied = found.join(copies.bases(found), on="row")
    of = {c: found.filter(pl.col(c) != "") for c in ("patient_id", "home_patient", "study_id")}
    parts = [
        _link(found, "image", own + pl.col("image_id")),
        _link(of["patient_id"], "patient", own + pl.col("patient_id")),
        _link(of["home_patient"], "patient", home + pl.col("home_patient")),
        _link(of["study_id"], "study", home + pl.col("study_id")),
        _link(found, "lineage", home + pl.col("home_image")),
        _link(found.filter(pl.col("sha256") != ""), "bytes", pl.col("sha256")),
        _link(copied, "augmented", pl.col("base")),
        *([] if duplicates is None else [duplicates]),
    ]
    return pl.concat(parts).unique(maintain_order=True)


def of(found: pl.DataFrame, linked: pl.DataFrame) -> np.ndarray:
    """The group of each image, (rows,) int64: the row of its first image, which it is named after.

    Args:
        found: as `images` gives them.
        linked: as `links` gives them.
    """
    first = linked.select("row", pl.col("row").min().over("kind", "key").alias("first"))
    apart = first.filter(pl.col("row") != pl.col("first"))
    return components(
        apart["row"].to_numpy().astype(np.int64),
        apart["first"].to_numpy().astype(np.int64),
        found.height,
    )


def components(first: np.ndarray, second: np.ndarray, count: int) -> np.ndarray:
    """The smallest node that each of `count` nodes is joined to by edges, itself at most.

    In each round every root with a smaller neighbour is hung below one, then all paths are cut
    short (Shiloach and Vishkin 1982, doi:10.1016/0196-6774(82)90008-6).

    Args:
        first: (edges,) int64, one end of each edge.
        second: (edges,) int64, the other.
        count: of nodes.
    """
    root = np.arange(count)
    while first.size:
        a, b = root[first], root[second]
        np.minimum.at(root, np.maximum(a, b), np.minimum(a, b))
        while (above := root[root]).tobytes() != root.tobytes():
            root = above
        apart = root[first] != root[second]
        first, second = first[apart], second[apart]
    return root


def _of(source: Source) -> pl.DataFrame:
    table = source.table.filter(pl.col("fault") == "")
    extra = [c for c in lineage.NEEDED if c in table.columns]
    found = table.select(*FIELDS, pl.selectors.starts_with(LABEL), *extra)
    published, sha256 = pl.col("split"), pl.lit("")
    if source.built is not None:
        own = source.built.filter(source.table["fault"] == "")
        of_archive = lineage.NEEDED if own["archive"].is_in(("v7", "chexmask")).any() else ()
        found = found.with_columns(
            own["published_split"],
            own["source_sha256"],
            *(own["extra"].str.json_path_match(f"$.{c.partition('.')[2]}").alias(c)
              for c in of_archive),
        )  # fmt: skip
        published, sha256 = pl.col("published_split"), pl.col("source_sha256")
    return found.with_columns(
        published.fill_null("").alias("published"),
        sha256.fill_null("").alias("sha256"),
        pl.lit(source.name).alias("source"),
        *lineage.homes(found).iter_columns(),
    ).drop("published_split", "source_sha256", *lineage.NEEDED, strict=False)


def _link(rows: pl.DataFrame, kind: str, key: pl.Expr) -> pl.DataFrame:
    return rows.select(pl.col("row").cast(pl.UInt32), pl.lit(kind).alias("kind"), key.alias("key"))
