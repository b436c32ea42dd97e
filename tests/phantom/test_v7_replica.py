"""The miniature V7 set: one truth as PNG masks with a table and as JSON of two versions."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit.archives import v7 as adapter
from cxrkit.phantom.v7 import plan, write_darwin_release, write_release

STUDIES, SEED, SIZE = 24, 6, 128


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "table"
    write_release(folder, STUDIES, SEED, SIZE)
    return folder


@pytest.fixture(scope="module", params=["1.0", "2.0"])
def exported(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "exported"
    write_darwin_release(folder, STUDIES, SEED, SIZE, version=request.param)
    return folder


def test_the_trees_are_the_published_ones(table: Path, exported: Path) -> None:
    items = [item for exam in plan(STUDIES, SEED, SIZE) for item in exam]
    assert {p.name for p in table.iterdir()} == {"images", "masks", "pairs.csv"}
    assert {p.name for p in exported.iterdir()} == {"images", "annotations"}
    for root in (table, exported):
        assert {p.name for p in (root / "images").iterdir()} == {item.file for item in items}
    assert {p.stem for p in (exported / "annotations").iterdir()} == {i.v7_id for i in items}
    with (table / "pairs.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["v7_image_id"] for row in rows] == [item.v7_id for item in items]
    assert list(rows[0])[:4] == ["v7_image_id", "original_filename", "source", "patient_id"]


def test_masks_of_both_forms_agree(table: Path, exported: Path) -> None:
    masked = {r.image_id: r for r in adapter.records(table) if r.mask}
    outlined = {r.image_id: r for r in adapter.records(exported) if r.mask}
    assert set(masked) == set(outlined)
    ignored = 0
    for image_id, record in masked.items():
        lung, ignore = adapter.mask(table, record)
        plain = cv2.imread(str(table / record.mask), -1)
        assert np.array_equal(lung, plain == 255) and np.array_equal(ignore, plain == 127)
        drawn, over = adapter.mask(exported, outlined[image_id])
        free = ~(ignore | over)
        assert (lung & drawn & free).sum() / ((lung | drawn) & free).sum() > 0.99
        if ignore.any():
            ignored += 1
            assert (ignore & over).sum() / (ignore | over).sum() > 0.8  # a few pixels wide
    assert ignored >= 2


def test_the_json_says_what_was_planned(exported: Path) -> None:
    items = {item.v7_id: item for exam in plan(STUDIES, SEED, SIZE) for item in exam}
    found = {record.image_id: record for record in adapter.records(exported)}
    assert set(found) == set(items) and not any(r.fault for r in found.values())
    for v7_id, record in found.items():
        item = items[v7_id]
        assert record.extra["original_filename"] == item.original
        assert set(record.labels) == {t for t in item.tags if "COVID" in t or "Pneumonia" in t}
        assert (record.rows, record.columns) == (item.rows, item.columns)
        assert bool(record.mask) == item.outlined
        if f"Age:{item.exam.years}" in item.tags:
            assert (record.age, record.sex) == (item.exam.years, item.exam.subject.sex)
        view = item.exam.views[item.number]
        assert record.view in {"LATERAL": ("LATERAL", "NO LUNG")}.get(view, (view, "", "NO LUNG"))
    assert {"NO LUNG", "LATERAL", "PA", "AP", ""} <= {r.view for r in found.values()}


def test_the_table_says_what_was_planned(table: Path) -> None:
    items = {item.v7_id: item for exam in plan(STUDIES, SEED, SIZE) for item in exam}
    for record in adapter.records(table):
        item = items[record.image_id]
        assert record.patient_id == item.row[3] and record.image == f"images/{item.file}"
        assert record.extra["finding"] == item.row[5]
        assert ("COVID-19" in record.labels) == ("COVID-19" in item.row[5])
        view = item.exam.views[item.number]
        assert record.view in ("", view) and (view != "LATERAL" or not record.frontal)


def test_one_image_is_there_twice_to_the_byte(table: Path) -> None:
    first, *_, copy = plan(STUDIES, SEED, SIZE)[0]
    assert first.v7_id != copy.v7_id and first.original != copy.original
    for folder, a, b in (
        ("images", first.file, copy.file),
        ("masks", f"{first.v7_id}.png", f"{copy.v7_id}.png"),
    ):
        assert (table / folder / a).read_bytes() == (table / folder / b).read_bytes()


def test_the_two_versions_have_the_published_keys(exported: Path) -> None:
    content = json.loads(next(iter(sorted((exported / "annotations").iterdir()))).read_text())
    shape = next(a for a in content["annotations"] if a["name"] == "Lung")
    if "image" in content:
        assert {"seq", "width", "height", "filename", "original_filename", "url", "thumbnail_url",
                "workview_url"} == set(content["image"])  # fmt: skip
        assert set(content) == {"dataset", "image", "annotated", "annotations"}
        assert set(shape["polygon"]) == {"path"}
    else:
        assert content["version"] == "2.0" and content["item"]["slots"][0]["type"] == "image"
        assert set(shape["polygon"]) == {"paths"} and set(shape["bounding_box"]) == set("xywh")
