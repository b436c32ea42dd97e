"""Sources of made-up records: archives as their adapters list them, and datasets built of them."""

from pathlib import Path

import numpy as np
import polars as pl

from cxrkit import records
from cxrkit.quality import groups
from cxrkit.records import Record
from cxrkit.sources import Source


def record(archive: str, image_id: str, patient: str = "", **facts: object) -> Record:
    """A record without a file."""
    return Record(archive, image_id, f"{image_id}.png", patient, **facts)  # type: ignore[arg-type]


def source(*listed: Record, name: str = "a") -> Source:
    """An archive with these records."""
    return Source(name, Path(name), records.frame(listed).sort("image"))


def dataset(*listed: Record, sums: dict[str, str], name: str = "d") -> Source:
    """A dataset with these records and the SHA-256 of the file of each image."""
    table = records.frame(listed).sort("image")
    built = table.select("archive", "image_id").with_columns(
        pl.lit("").alias("published_split"),
        pl.col("image_id").replace_strict(sums).alias("source_sha256"),
        pl.lit("{}").alias("extra"),
    )
    return Source(name, Path(name), table, built)


def archive_of_patients(count: int, seed: int, name: str = "chestx-ray14") -> Source:
    """Patients with 1 to 20 images; labels of several frequencies that patients keep."""
    rng = np.random.default_rng(seed)
    listed = []
    for patient in range(count):
        ill = {
            o: rng.random() < share for o, share in (("Edema", 0.3), ("Mass", 0.1), ("Cyst", 0.02))
        }
        for number in range(int(min(rng.geometric(0.3), 20))):
            labels = {o: 1 for o, is_ill in ill.items() if is_ill and rng.random() < 0.8}
            listed.append(
                record(name, f"{patient:05}_{number:03}", str(patient),
                       labels=labels or {"No Finding": 1}, view=str(rng.choice(["AP", "PA"])))
            )  # fmt: skip
    return source(*listed)


def joined(*sources: Source, duplicates: pl.DataFrame | None = None) -> list[set[str]]:
    """The groups as sets of image ids."""
    found = groups.images(sources)
    group = groups.of(found, groups.links(found, duplicates))
    by_group: dict[int, set[str]] = {}
    for place, image in zip(group.tolist(), found["image_id"], strict=True):
        by_group.setdefault(place, set()).add(image)
    return sorted(by_group.values(), key=min)
