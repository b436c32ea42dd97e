"""Dealing groups: whole, balanced, the same whatever the order, and refused where it cannot be."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from made_up_images import archive_of_patients, record, source
from sklearn.model_selection import StratifiedGroupKFold

from cxrkit import sources
from cxrkit.errors import InputRefused
from cxrkit.quality import balance, dealing, groups, splits
from cxrkit.records import LABEL
from cxrkit.sources import Source


def dealt(
    made: list[Source], shares: dict[str, float], seed: int = 0, stratified: bool = True
) -> tuple[pl.DataFrame, np.ndarray, pl.Series]:
    found = groups.images(made)
    group = groups.of(found, groups.links(found))
    return found, group, splits.by_shares(found, group, shares, seed, stratified)


@pytest.mark.parametrize("shares", [splits.ratios("80:10:10"), splits.ratios("7:2:1"),
                                    splits.ratios("3:1"), splits.folds(5)])  # fmt: skip
@pytest.mark.parametrize("seed", range(3))
def test_no_patient_is_torn_and_every_share_is_kept(shares: dict[str, float], seed: int) -> None:
    found, group, split = dealt([archive_of_patients(1500, seed)], shares, seed)
    torn = found.with_columns(split).group_by("patient_id").agg(pl.col("split").n_unique())
    assert torn["split"].max() == 1
    assert split.len() == found.height and set(split) == set(shares)
    even = balance.of(found, group, split)
    assert even.absolute < balance.LIMIT
    assert balance.warnings(found, group, even, shares) == []
    for name, share in shares.items():
        assert abs(even.images[name] / found.height - share) < 0.01


def test_without_strata_the_shares_of_labels_are_those_of_chance() -> None:
    """The check above can fail."""
    made = [archive_of_patients(1500, 0)]
    even = [
        balance.of(*dealt(made, splits.folds(5), seed, stratified=how)).absolute
        for how in (True, False)
        for seed in range(3)
    ]
    assert max(even[:3]) < 0.01 < min(even[3:])


@pytest.mark.parametrize("seed", range(5))
def test_folds_are_as_even_as_those_of_scikit_learn(seed: int) -> None:
    """One label, which is all that scikit-learn balances."""
    rng = np.random.default_rng(seed)
    listed = [
        record("x", f"{p}-{n}", str(p), labels={"Edema": int(rng.random() < 0.3)})
        for p in range(200)
        for n in range(min(int(rng.geometric(0.3)), 20))
    ]
    found, group, split = dealt([source(*listed)], splits.folds(5), seed)
    ill = (found[LABEL + "Edema"] == 1).to_numpy()
    parts = StratifiedGroupKFold(5).split(ill, ill, group)
    theirs = np.zeros(found.height, np.int64)
    for fold, (_, test) in enumerate(parts):
        theirs[test] = fold

    def unevenness(folds: np.ndarray) -> float:
        """Of images, present and absent: squared differences from a fifth, by a fifth."""
        had = np.stack([np.bincount(folds, of, 5) for of in (ill | ~ill, ill, ~ill)])
        fifth = had.mean(axis=1, keepdims=True)
        return float(((had - fifth) ** 2 / fifth).sum())

    assert unevenness(split.cast(pl.Int64).to_numpy()) <= unevenness(theirs)
    assert balance.of(found, group, split).absolute < 5 / found.height  # an image more or less


def test_the_order_of_sources_and_rows_changes_nothing() -> None:
    listed = [record("x", f"i{n}", f"p{n // 3}", labels={"A": n % 2}) for n in range(90)]
    listed += [record("y", f"i{n}", f"p{n // 2}", labels={"B": n % 3 % 2}) for n in range(60)]
    one = [source(*listed[:90], name="x"), source(*listed[90:], name="y")]
    two = [source(*listed[:89:-1], name="y"), source(*listed[89::-1], name="x")]
    tables = []
    for made in (one, two):
        found, group, split = dealt(made, splits.ratios("8:1:1"))
        tables.append(splits.table(found, group, split, "split").write_csv())
    assert tables[0] == tables[1]
    assert tables[0].startswith("archive,image_id,patient_id,group,split\nx,i0,p0,1,")


def test_another_seed_is_another_split() -> None:
    made = [archive_of_patients(100, 0)]
    assert not dealt(made, splits.folds(5), 0)[2].equals(dealt(made, splits.folds(5), 1)[2])


def test_the_first_is_dealt_by_hand() -> None:
    """Two strata of images: the rare one first, its larger group first, each where most lacks."""
    held = np.array([[4, 0, 4], [2, 2, 0], [1, 1, 0], [3, 0, 3]])
    # Rare: group 1 to split 0 (lacks 1.5, 1.5: the first), then group 2 to split 1. Of the others
    # group 0 goes to split 1, which lacks 4 images to 3 of split 0; group 3 to split 0.
    assert dealing.deal(held, (0.5, 0.5), np.arange(4)).tolist() == [1, 0, 1, 0]


def test_mending_lessens_unevenness_and_comes_near_the_least() -> None:
    """Of ten groups all 2^10 splits are tried."""
    rng = np.random.default_rng(5)
    for _ in range(10):
        held = np.concatenate([rng.integers(1, 4, (10, 1)), rng.integers(0, 2, (10, 2))], axis=1)
        held[0, 1:] = held[0, 0]  # neither stratum is without an image
        wanted = np.outer((0.5, 0.5), held.sum(axis=0))

        def unevenness(split: np.ndarray, held: np.ndarray, wanted: np.ndarray) -> float:
            had = np.stack([held[split == s].sum(axis=0) for s in (0, 1)])
            return float(((had - wanted) ** 2 / wanted).sum())

        every = (np.array([n >> g & 1 for g in range(10)]) for n in range(1, 1023))
        best = min(unevenness(split, held, wanted) for split in every)
        first = dealing.deal(held, (0.5, 0.5), np.arange(10))
        mended = dealing.mended(held, (0.5, 0.5), first)
        assert unevenness(mended, held, wanted) <= unevenness(first, held, wanted)
        assert unevenness(mended, held, wanted) <= best + 0.3


def test_few_groups_leave_no_split_empty() -> None:
    listed = [record("x", f"i{n}", f"p{n % 3}") for n in range(9)]
    assert set(dealt([source(*listed)], splits.ratios("98:1:1"))[2]) == {*splits.ratios("8:1:1")}


def test_fewer_groups_than_splits_are_refused() -> None:
    two = source(*(record("x", f"i{n}", f"p{n % 2}") for n in range(9)))
    with pytest.raises(InputRefused, match=r"E109 .*2 groups .*at least 3"):
        dealt([two], splits.ratios("8:1:1"))
    with pytest.raises(InputRefused, match=r"E109 .*2 groups .*at least 5"):
        dealt([two], splits.folds(5))


@pytest.mark.parametrize("text", ["", "80", "80:0:20", "1:2:3:4", "a:b", "-1:2", "nan:1", "inf:1"])
def test_ratios_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InputRefused, match=r"E107 .*--ratios"):
        splits.ratios(text)


def test_ratios_are_shares_of_their_sum() -> None:
    assert splits.ratios("80:10:10") == pytest.approx({"train": 0.8, "validate": 0.1, "test": 0.1})
    assert splits.ratios("3:1") == {"train": 0.75, "test": 0.25}
    with pytest.raises(InputRefused, match="E107"):
        splits.folds(1)


def published(*names: str) -> Source:
    """Five images of an own patient for each published split."""
    return source(
        *(record("x", f"{name}{n}", f"{name}{n}", split=name) for name in names for n in range(5))
    )


def official(made: Source, validate: float = 0.4) -> pl.Series:
    found = groups.images([made])
    return splits.official(found, groups.of(found, groups.links(found)), validate, 0)


def test_the_official_split_is_kept_and_validation_comes_from_train() -> None:
    found = groups.images([published("train", "test")])
    split = official(published("train", "test"))
    assert (split.filter(found["published"] == "test") == "test").all()
    assert sorted(split.filter(found["published"] == "train")) == ["train"] * 3 + ["validate"] * 2
    whole = published("train", "validate", "test")
    assert official(whole).equals(groups.images([whole])["published"].alias("split"))
    assert "validate" not in set(official(published("train", "test"), 0))


def test_an_official_split_that_tears_a_patient_or_is_none_is_refused() -> None:
    torn = source(record("x", "a", "1", split="train"), record("x", "b", "1", split="test"))
    with pytest.raises(InputRefused, match=r"E109 .*x:a: 1 groups .*2 images.* more than one"):
        official(torn)
    with pytest.raises(InputRefused, match=r"E109 .*x: it publishes no split"):
        official(source(record("x", "a")))
    with pytest.raises(InputRefused, match=r"E109 .*1 of 2 images have no published split"):
        official(source(record("x", "a", split="test"), record("x", "b")))


def test_strata_are_what_differs_between_images() -> None:
    listed = [
        record("x", "a", labels={"A": 1, "B": 1}, view="PA"),
        record("x", "b", labels={"A": 0, "B": 1}, view="PA"),
        record("y", "c", labels={"A": -1, "B": 1}),
        record("y", "d", labels={"B": 1}),
    ]
    found = dealing.strata(groups.images([source(*listed)]))
    assert {c: found[c].to_list().index(True) for c in found.columns} == {
        "A present": 0, "A uncertain": 2, "A absent": 1, "view unknown": 2, "view PA": 0,
        "archive x": 0, "archive y": 2,
    }  # fmt: skip


def test_what_is_imperfect_is_named() -> None:
    def told(*listed: object) -> list[str]:
        found, group, split = dealt([source(*listed)], splits.ratios("1:1"))  # type: ignore[arg-type]
        even = balance.of(found, group, split)
        return balance.warnings(found, group, even, splits.ratios("1:1"))

    one = [record("x", f"i{n}", f"p{n}", labels={"A": 1}) for n in range(8)]
    assert told(*one) == ["one-class: all 8 images have A present"]
    rare = [record("x", f"i{n}", f"p{n}", labels={"A": int(n == 0)}) for n in range(8)]
    assert [line.partition(":")[0] for line in told(*rare)] == ["rare", "uneven"]
    assert "A present is in 1 group, too few for 2 splits" in told(*rare)[0]
    bare = told(*(record("x", f"i{n}") for n in range(8)))
    assert [line.partition(":")[0] for line in bare] == ["no-labels", "patients-unknown"]
    large = [record("x", f"i{n}", "p" if n else "q", labels={"A": n % 2}) for n in range(8)]
    assert {line.partition(":")[0] for line in told(*large)} == {"rare", "uneven", "size"}


def test_the_split_of_chestx_ray14_keeps_every_share_within_one_point(real_data: Path) -> None:
    made = sources.read(f"chestx-ray14:{real_data / 'chestx-ray14'}")
    shares = splits.ratios("70:10:20")
    found, group, split = dealt([made], shares)
    even = balance.of(found, group, split)
    assert even.absolute < 0.001 and even.relative < 0.02
    assert sum(even.patients.values()) == 30805
    assert balance.warnings(found, group, even, shares) == []
