"""Masks of datasets and archives: as the build found them, and looked at anew."""

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest

from cxrkit import sources
from cxrkit.dataset import QUALITY
from cxrkit.errors import InputRefused
from cxrkit.phantom import v7
from cxrkit.quality import queue, survey
from cxrkit.quality.assess import Quality
from cxrkit.quality.queue import Item


def silent(*_: object) -> None:
    """No progress."""


@pytest.fixture
def dataset(phantom_dataset: Path, tmp_path: Path) -> Path:
    """A copy of its own, to be spoilt."""
    return Path(shutil.copytree(phantom_dataset, tmp_path / "dataset"))


def anew(dataset: Path, phantoms: Path) -> dict[str, Quality]:
    listed, corrupt = survey.listed(sources.read(str(dataset)), phantoms)
    items, unread = survey.looked_at("", listed, "onnxruntime", 1, silent)
    assert corrupt == unread == []
    return {item.image_id: item.quality for item in items}


def test_looked_at_anew_a_mask_is_what_the_build_found_it(phantoms: Path, dataset: Path) -> None:
    items, unread = survey.recorded(sources.read(str(dataset)), silent)
    recorded = {i.image_id: i.quality for i in items}
    assert unread == []
    found = anew(dataset, phantoms)
    assert recorded.keys() == found.keys() and len(found) == 6
    for name, quality in recorded.items():
        assert quality.estimate == pytest.approx(found[name].estimate, abs=1e-6) or (
            quality.estimate == found[name].estimate
        )
        assert quality.flags == found[name].flags


def test_masks_given_to_each_other_are_noticed(phantoms: Path, dataset: Path) -> None:
    """In the dataset alone by their sums; on the radiographs by what they do not fit."""
    table = pl.read_parquet(dataset / "records.parquet")
    first, second = (dataset / name for name in table["mask"][:2])
    one, two = first.read_bytes(), second.read_bytes()
    first.write_bytes(two)
    second.write_bytes(one)
    swapped = set(table["image_id"][:2])
    items, _ = survey.recorded(sources.read(str(dataset)), silent)
    changed = {i.image_id for i in items if "changed" in {f.name for f in i.quality.flags}}
    assert changed == swapped
    found = anew(dataset, phantoms)
    before = dict(table.select("image_id", "estimated_dice").iter_rows())
    for name, quality in found.items():
        assert (quality.estimate.dice < before[name] - 0.02) == (name in swapped)


def test_a_readable_mask_is_changed_and_one_that_is_not_is_named(
    phantoms: Path, dataset: Path
) -> None:
    """Both from what the build found and on the radiographs."""
    table = pl.read_parquet(dataset / "records.parquet")
    drawn, gone, blank, cut = (dataset / name for name in table["mask"][:4])
    cv2.imwrite(str(drawn), np.zeros((224, 224), np.uint8))
    gone.unlink()
    blank.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:60])
    source = sources.read(str(dataset))
    recorded, named = survey.recorded(source, silent)
    flags = {i.image_id: [f.name for f in i.quality.flags] for i in recorded}
    assert "changed" in flags.pop(table["image_id"][0])
    assert all("changed" not in names for names in flags.values())
    listed, _ = survey.listed(source, phantoms)
    items, unread = survey.looked_at(source.name, listed, "onnxruntime", 1, silent)
    expected = zip(table["image_id"][1:4], ("E202", "E210", "E214"), strict=True)
    assert {(u.image_id, u.code) for u in named} == {*expected}
    assert sorted(named, key=lambda u: u.image) == unread
    assert {u.stage for u in unread} == {"mask"} and len(recorded) == len(items) == 3
    empty = next(i for i in items if i.image_id == table["image_id"][0])
    assert empty.quality.verdict == "reject"
    assert [f.name for f in empty.quality.flags] == ["empty"]


def test_corrupt_rows_are_named_beside_the_masks(tmp_path: Path) -> None:
    """Two rows with one identifier: neither can be trusted, and both may have had a mask."""
    v7.write_release(tmp_path, 4, 3, 256)
    pairs = tmp_path / "pairs.csv"
    lines = pairs.read_text(encoding="utf-8").splitlines()
    pairs.write_text("\n".join([*lines, lines[-1]]) + "\n", encoding="utf-8")
    source = sources.read(f"v7:{tmp_path}")
    listed, corrupt = survey.listed(source, None)
    assert [(u.stage, u.code) for u in corrupt] == [("list", "E103")] * 2
    assert all("pairs.csv, row" in u.message for u in corrupt)
    assert {m.image_id for m in listed}.isdisjoint(u.image_id for u in corrupt)
    assert len(listed) + len(corrupt) == source.table.height


def test_what_was_unreadable_is_said_as_image_or_mask(phantoms: Path, dataset: Path) -> None:
    few = dataset / "radiographs"
    shutil.copytree(phantoms, few)
    source = sources.read(str(dataset))
    listed, _ = survey.listed(source, few)
    listed[0].radiograph.unlink()
    _, (unread,) = survey.looked_at(source.name, listed, "onnxruntime", 1, silent)
    assert (unread.source, unread.image_id) == (source.name, listed[0].image_id)
    assert (unread.stage, unread.code) == ("read", "E202")


def test_an_archives_own_masks_are_looked_at(phantoms: Path) -> None:
    source = sources.read(f"shenzhen:{phantoms}")
    listed, corrupt = survey.listed(source, None)
    items, unread = survey.looked_at(source.name, listed, "onnxruntime", 2, silent)
    assert corrupt == unread == []
    assert len(items) == source.table.filter(pl.col("mask") != "").height > 0
    assert np.mean([i.quality.estimate.dice for i in items]) > 0.9
    assert [i.image_id for i in items] == [m.image_id for m in listed]


def test_what_cannot_be_looked_at_is_refused(phantoms: Path, dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"E107 .*--images"):
        survey.listed(sources.read(str(dataset)), None)
    with pytest.raises(InputRefused, match=r"E101 .*nowhere: there is no such folder"):
        survey.listed(sources.read(str(dataset)), tmp_path / "nowhere")
    shutil.copytree(phantoms / "ChinaSet_AllFiles/CXR_png", tmp_path / "pictures")
    with pytest.raises(InputRefused, match=r"E101 .*no lung mask"):
        survey.listed(sources.read(str(tmp_path / "pictures")), None)
    older = pl.read_parquet(dataset / "records.parquet").drop(QUALITY)
    older.write_parquet(dataset / "records.parquet")
    with pytest.raises(InputRefused, match=r"E103 .*build it again"):
        survey.recorded(sources.read(str(dataset)), silent)


def test_nine_of_ten_deranged_masks_are_found_among_a_hundred(real_data: Path) -> None:
    """Drawn masks of patients that were held back, ten of them on another patient's radiograph."""
    from cxrkit import segmentation
    from cxrkit.quality import estimate
    from cxrkit.quality.assess import assess
    from cxrkit.training import cases

    by = estimate.load()
    listed = [
        *cases.gather("v7", real_data / "v7", None, "included"),
        *cases.gather(
            "guangzhou", real_data / "guangzhou", real_data / "guangzhou/v7_masks", "included"
        ),
    ]
    held = [c for c in cases.assign_splits(listed, 0.05, 0.15, 0) if c.split != "train"]
    rng = np.random.default_rng(12)
    chosen = [held[i] for i in rng.permutation(len(held))[:100]]
    read = [cases.read_for_test(c) for c in chosen]
    masks = [lung for _, lung, _ in read]
    for place in range(10):  # each of the first ten gets the mask of one of the same archive
        others = [
            i for i, c in enumerate(chosen)
            if i >= 10 and c.archive == chosen[place].archive
        ]  # fmt: skip
        masks[place] = masks[int(rng.choice(others))]
    segmenter = segmentation.load("included", "onnxruntime")
    items = []
    for case, (image, _, _), mask in zip(chosen, read, masks, strict=True):
        probability = segmenter.infer(segmentation.preprocess(image))
        quality = assess(image, *segmentation.tell_apart(mask), probability, "included", by)
        items.append(Item(case.image_id, case.patient_id, "", "", quality))
    table = queue.queue(items)
    low = set(table.filter(pl.col("estimated_dice") < estimate.GOOD)["image_id"])
    deranged = {c.image_id for c in chosen[:10]}
    assert len(low & deranged) >= 9
    assert len(low - deranged) <= 2


def test_flags_of_the_build_are_json_by_name(dataset: Path) -> None:
    table = pl.read_parquet(dataset / "records.parquet")
    for text, verdict in table.select("quality_flags", "verdict").iter_rows():
        found = json.loads(text)
        assert verdict in ("accept", "review", "reject")
        assert all(isinstance(reason, str) and reason for reason in found.values())
