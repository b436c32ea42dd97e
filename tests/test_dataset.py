"""records.parquet is read as it was written, or refused in one line."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from cxrkit import sources
from cxrkit.cards import dataset as card
from cxrkit.dataset import LATER, QUALITY, RECORDS, SCHEMA, read
from cxrkit.errors import IntegrityFailure
from cxrkit.training import samples


@pytest.fixture
def folder(phantom_dataset: Path, tmp_path: Path) -> Path:
    """A copy of its own, to be spoilt; its name is no pattern."""
    return Path(shutil.copytree(phantom_dataset, tmp_path / "data[1]"))


def rewrite(folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    change(pl.read_parquet(folder / RECORDS, glob=False)).write_parquet(folder / RECORDS)


def test_the_columns_asked_for_are_read_in_their_order(folder: Path) -> None:
    whole = pl.read_parquet(folder / RECORDS, glob=False)
    assert read(folder, [*SCHEMA]).equals(whole)
    assert read(folder, ["mask", "age"]).equals(whole.select("mask", "age"))


@pytest.mark.parametrize("group", LATER)
def test_a_dataset_of_an_earlier_version_lacks_whole_groups(
    folder: Path, group: tuple[str, ...]
) -> None:
    rewrite(folder, lambda table: table.drop(group))
    assert {*read(folder, [*SCHEMA]).columns} == {*SCHEMA} - {*group}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop("extra"), "no column extra"),
        (lambda t: t.drop(t.columns[:5]), "and 2 more"),
        (lambda t: t.drop(QUALITY[-1]), "no column quality_flags"),
        (lambda t: t.with_columns(age=pl.lit("old")), "the column age holds String, not Float64"),
        (lambda t: t.with_columns(quality_flags=pl.lit("")), "row 1 has no JSON object"),
        (lambda t: t.with_columns(labels=pl.lit(None, pl.String)), "in the column labels"),
        (lambda t: t.with_columns(extra=pl.lit("[]")), "in the column extra"),
    ],
)  # fmt: skip
def test_what_is_not_as_it_was_built_is_said_in_one_line(
    folder: Path, change: Callable[[pl.DataFrame], pl.DataFrame], said: str
) -> None:
    rewrite(folder, change)
    with pytest.raises(IntegrityFailure, match=r"E501 ") as failure:
        read(folder, [*SCHEMA])
    assert said in str(failure.value) and str(folder / RECORDS) in str(failure.value)
    assert read(folder, ["image_id", "mask"] if "2 more" not in said else ["mask"]).height == 6


def test_any_damage_to_the_file_is_refused_or_harmless(folder: Path) -> None:
    """Polars panics over some, and what it panics with is no Exception."""
    whole = (folder / RECORDS).read_bytes()
    for seed in range(40):
        chance = random.Random(seed)
        data = bytearray(whole)
        for _ in range(20):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (folder / RECORDS).write_bytes(data if seed % 4 else data[: chance.randrange(len(data))])
        try:
            assert read(folder, [*SCHEMA]).height == 6
        except IntegrityFailure as failure:
            assert failure.code == "E501" and "\n" not in str(failure)


@pytest.mark.parametrize(
    "look",
    [
        lambda folder: sources.read(str(folder)),
        lambda folder: samples.gather(str(folder)),
        lambda folder: card.of_dataset(folder, 1),
    ],
    ids=["sources", "samples", "card"],
)
def test_whoever_reads_a_damaged_dataset_says_so(
    folder: Path, look: Callable[[Path], object]
) -> None:
    look(folder)
    rewrite(folder, lambda table: table.with_columns(labels=pl.lit("{")))
    with pytest.raises(IntegrityFailure, match="E501"):
        look(folder)
    (folder / RECORDS).write_bytes((folder / RECORDS).read_bytes()[:1000])
    with pytest.raises(IntegrityFailure, match="E501"):
        look(folder)
