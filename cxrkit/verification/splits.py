"""Patients whose images a split has torn apart, and ids that contradict each other."""

import polars as pl

PATIENTS = {"patient_id": pl.String, "splits": pl.String, "images": pl.UInt32}
CONFLICTS = {"what": pl.String, "id": pl.String, "values": pl.String, "images": pl.UInt32}

# One value of the first column has one of the second: what it is called where it has more.
_ONE_OF = (
    ("study_id", "patient_id", "study with several patients"),
    ("patient_id", "sex", "patient with several sexes"),
    ("image", "image_id", "file with several records"),
)


def patients_across(table: pl.DataFrame) -> pl.DataFrame:
    """Patients with images in more than one split, one row each, sorted by `patient_id`.

    `splits` are their names, sorted and joined by a space; `images` counts all of the patient's
    images that are in a split. Images without a patient or a split are left out.

    Args:
        table: a records table, see `records.frame`.
    """
    known = table.filter((pl.col("patient_id") != "") & (pl.col("split") != ""))
    found = _several(known, "patient_id", "split")
    return found.select(
        pl.col("key").alias("patient_id"), pl.col("values").alias("splits"), "images"
    )


def ids_that_disagree(table: pl.DataFrame) -> pl.DataFrame:
    """Ids that contradict each other, one row each with the columns `CONFLICTS`, sorted.

    A study of two patients, a patient of two sexes, a file of two records. `values` are what the
    id is said to have, sorted and joined by a space; unknown values contradict nothing.

    Args:
        table: a records table, see `records.frame`.
    """
    found = [
        _several(
            table.filter((pl.col(key) != "") & (pl.col(value) != "") & (pl.col("fault") == "")),
            key,
            value,
        ).select(pl.lit(what).alias("what"), pl.col("key").alias("id"), "values", "images")
        for key, value, what in _ONE_OF
    ]
    return pl.concat(found).sort("what", "id")


def _several(table: pl.DataFrame, key: str, value: str) -> pl.DataFrame:
    """The values of `key` that have more than one of `value`: key, values, images."""
    # Keys are counted before their values are joined, which only few rows need.
    torn = table.group_by(key).agg(pl.col(value).n_unique().alias("n")).filter(pl.col("n") > 1)
    return (
        table.join(torn, on=key, how="semi")
        .group_by(pl.col(key).alias("key"))
        .agg(
            pl.col(value).unique().sort().str.join(" ").alias("values"),
            pl.len().alias("images"),
        )
        .sort("key")
    )
