"""Which archives hold each other's images, and under which ids: whose image a row really is.

The facts are `Card.contains` and `Card.part_of` of the adapters. An image's home is the archive
that published it first. Where ids or file names lead there, its id at home is known:

    mimic-cxr-jpg, cxlseg   the ids of MIMIC-CXR
    chexmask                the ids of its five sources
    v7                      the file names of Guangzhou and of the covid-chestxray-dataset

SIIM-ACR and RSNA gave the images of ChestX-ray14 new ids: only a comparison of pictures finds them.
"""

from collections.abc import Iterable
from functools import cache
from itertools import combinations
from pathlib import PurePosixPath

import polars as pl

from cxrkit import archives
from cxrkit.archives import guangzhou
from cxrkit.records import EXTRA

HOME = {"home": pl.String, "home_image": pl.String, "home_patient": pl.String}
SOURCE, FILE = EXTRA + "source", EXTRA + "original_filename"  # of chexmask; of v7
NEEDED = (SOURCE, FILE)  # columns of an archive's own that `homes` reads
_MIMIC = ("mimic-cxr", "mimic-cxr-jpg", "cxlseg")
_MIMIC_IMAGE = "^[0-9a-f]{8}(-[0-9a-f]{8}){4}$"
_COVID = "covid-chestxray-dataset"  # the part of V7 that is not Guangzhou's; no adapter
# An image_id of `guangzhou` where several of its folders hold one file name.
_FOLDERS = r"^(?:train|val|test)-(?:NORMAL|PNEUMONIA)-(.+)\.[A-Za-z]+$"


@cache
def origins(archive: str) -> frozenset[str]:
    """The archive and all others that images of it were taken from, however far back."""
    if archive not in archives.names():
        return frozenset((archive,))
    card = archives.load(archive).CARD
    above = (origins(other) for other in (*card.contains, *card.part_of))
    return frozenset((archive,)).union(*above)


def unmapped(homes: Iterable[str], others: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of homes, one of each side, that share images under ids that cannot be compared.

    Sorted, each pair once and in the order of its names.
    """
    pairs = {(min(a, b), max(a, b)) for a in set(homes) for b in set(others) if a != b}
    return sorted(pair for pair in pairs if origins(pair[0]) & origins(pair[1]))


def unmapped_within(homes: Iterable[str]) -> list[tuple[str, str]]:
    """As `unmapped`, of the homes among themselves."""
    return [p for a, b in combinations(sorted(set(homes)), 2) for p in unmapped((a,), (b,))]


def homes(table: pl.DataFrame) -> pl.DataFrame:
    """The columns `HOME` for each row: the archive of first publication, its image and patient ids.

    A row that cannot be led home is at home in its own archive. `home_patient` is empty where the
    patient is unknown.

    Args:
        table: `archive`, `image_id`, `patient_id` and, where the archive has them, `NEEDED`.
    """
    blank = (pl.lit("").alias(c) for c in NEEDED if c not in table.columns)
    named = table.with_columns(*blank).with_columns(pl.col(*NEEDED).fill_null(""))
    files = _files(named.filter(pl.col("archive") == "v7")[FILE].unique())
    named = named.join(files, on=FILE, how="left", maintain_order="left")
    archive, image = pl.col("archive"), pl.col("image_id")
    masked = (archive == "chexmask") & (pl.col(SOURCE) != "")
    source = pl.when(masked).then(pl.col(SOURCE)).otherwise(archive)
    mimic = source.is_in(_MIMIC) & image.str.contains(_MIMIC_IMAGE)
    v7 = (archive == "v7") & pl.col("file_home").is_not_null()
    stem = image.str.extract(_FOLDERS).fill_null(image)
    return named.select(
        pl.when(mimic).then(pl.lit(_MIMIC[0]))
        .when(v7).then(pl.col("file_home"))
        .otherwise(source).alias("home"),
        pl.when(v7).then(pl.col("file_stem"))
        .when(archive == "guangzhou").then(stem)
        .otherwise(image).alias("home_image"),
        pl.when(v7 & (pl.col("file_patient") != "")).then(pl.col("file_patient"))
        .otherwise(pl.col("patient_id")).alias("home_patient"),
    )  # fmt: skip


def _files(names: Iterable[str]) -> pl.DataFrame:
    """Home, id and, for Guangzhou, patient of each file name that V7 says it took an image from."""
    rows = []
    for name in names:
        stem = PurePosixPath(name.replace("\\", "/")).stem
        if stem:
            patient = guangzhou.patient(stem)
            rows.append((name, "guangzhou" if patient else _COVID, stem, patient))
    schema = dict.fromkeys((FILE, "file_home", "file_stem", "file_patient"), pl.String)
    return pl.DataFrame(rows, schema, orient="row")
