"""What is written for one image, against the published recipe and a second decoder."""

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import radiographs
from PIL import Image

from cxrkit import archives, segmentation
from cxrkit.errors import ItemFault
from cxrkit.imaging import radiograph, runlength
from cxrkit.pipeline import assemble, block, durable, plan
from cxrkit.pipeline.block import Setting
from cxrkit.pipeline.segmented import Segmentation
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS


@pytest.fixture
def setting(tmp_path, stand_ins):
    radiographs.write_folder(tmp_path / "in", 3)
    for name in ("tmp", "blocks"):
        durable.make_folder(tmp_path / "out" / "runs" / name)
    task = Segmentation("excluded", "auto", segmentation.Recipe(), False)
    return Setting("folder", tmp_path / "in", tmp_path / "out", task)


def compute(setting: Setting, archive=None) -> list[dict]:
    archive = archive or archives.load("folder")
    first = next(plan.blocks(archive, setting.root, plan.survey(archive, setting.root), 0))
    make, _ = setting.task.load(archive, setting.root)
    entered: list[int] = []
    result = block.compute(first, setting.out, make, entered.append)
    assert entered == list(range(len(first.items) + 1))
    assert not list((setting.out / "runs/tmp").iterdir())
    return block.rows(setting.out, 0, result.sha256)


def test_files_follow_the_published_recipe(setting):
    for line in compute(setting):
        row = line["row"]
        source = cv2.imread(str(setting.root / row["image"]), cv2.IMREAD_GRAYSCALE)
        squashed = cv2.resize(source, (224, 224), interpolation=cv2.INTER_LINEAR)
        with Image.open(setting.out / row["mask"]) as png:
            assert (png.format, png.mode, png.size) == ("PNG", "L", (224, 224))
            mask = np.asarray(png)
        assert set(np.unique(mask)) == {0, 255}
        with Image.open(setting.out / row["segmented"]) as jpeg:
            assert (jpeg.format, jpeg.mode, jpeg.size) == ("JPEG", "RGB", (224, 224))
            tables = jpeg.quantization
            red, green, blue = (np.asarray(band) for band in jpeg.split())
        assert (red == green).all() and (red == blue).all()
        expected = io.BytesIO()
        Image.new("L", (8, 8)).save(expected, "JPEG", quality=95)
        with Image.open(expected) as reference:
            assert tables[0] == reference.quantization[0]  # libjpeg's quality 95
        inside = mask == 255
        error = np.abs(red.astype(int) - np.where(inside, squashed, 0))
        assert (
            error.mean() < 1
            and red[cv2.erode((~inside).astype(np.uint8), np.ones((17, 17))) == 1].max() == 0
        )
        with Image.open(setting.out / row["mask_jpeg"]) as jpeg:
            assert (jpeg.format, jpeg.mode, jpeg.size) == ("JPEG", "L", (224, 224))
            assert ((np.asarray(jpeg) > 127) == inside).all()


def test_a_row_describes_its_files(setting):
    for line in compute(setting):
        row = line["row"]
        assert set(row) == set(assemble.SCHEMA)
        for path, sha256, size in assemble.outputs(row):
            data = (setting.out / path).read_bytes()
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (sha256, size)
        source = (setting.root / row["image"]).read_bytes()
        assert row["source_sha256"] == hashlib.sha256(source).hexdigest()
        assert (row["rows"], row["columns"]) == (60, 50)
        mask = cv2.imread(str(setting.out / row["mask"]), cv2.IMREAD_GRAYSCALE) > 0
        large = runlength.decode(row["mask_rle"], (60, 50), "coco")
        nearest = cv2.resize(mask.astype(np.uint8), (50, 60), interpolation=cv2.INTER_NEAREST_EXACT)
        assert (large == nearest.astype(bool)).mean() > 0.99
        assert row["lung_share"] == pytest.approx(mask.mean())
        assert row["right_share"] + row["left_share"] == pytest.approx(mask.mean())
        assert row["right_share"] == pytest.approx(mask[:, :112].mean() / 2)
        assert row["certainty"] == pytest.approx(0.8)  # |2 * 0.9 - 1|
        assert json.loads(row["trace"])


def test_a_missing_report_is_a_rule_but_a_missing_image_a_fault(setting, monkeypatch):
    records = [Record("made", str(n), f"a/image00{n}.jpg") for n in (1, 5)]
    records.append(Record("made", "0", "b/image000.png"))
    archive = radiographs.fake_archive(records)
    texts = {"0": "Clear lungs.\nNo effusion."}
    archive.report = lambda root, record: texts.get(record.image_id)
    reported = replace(setting, task=replace(setting.task, reports=True))
    lines = compute(reported, archive)
    assert [(li["outcome"], li["why"]) for li in lines] == [
        ("skipped", "report-missing"),
        ("quarantined", "E202"),
        ("built", ""),
    ]
    assert lines[2]["row"]["report"] == "Clear lungs.\nNo effusion."


def test_a_view_found_in_the_file_is_judged_by_the_rule(setting, monkeypatch):
    decode = radiograph.decode
    views = iter(["LATERAL", "PA", "Jane"])

    def viewed(*arguments):
        picture = decode(*arguments)
        return type(picture)(**{**vars(picture), "view": next(views)})

    monkeypatch.setattr(radiograph, "decode", viewed)
    lines = compute(setting)
    assert [line["why"] for line in lines] == [
        "view-not-frontal:LATERAL",
        "",
        "view-not-frontal:other",
    ]
    assert lines[1]["row"]["view"] == "PA"


def test_labels_are_kept_by_name_and_blank_where_not_mentioned(setting):
    labels = {"Edema": 1, "Fracture": 0, "Pneumonia": -1}
    record = Record("made", "0", "b/image000.png", labels=labels)
    row = compute(setting, radiographs.fake_archive([record]))[0]["row"]
    assert {name: row[name] for name in OBSERVATIONS if row[name] is not None} == labels


def test_a_name_that_is_not_utf8_is_quarantined(setting):
    name = b"b/\xff.png".decode("utf-8", "surrogateescape")
    (setting.root / name).write_bytes((setting.root / "b/image000.png").read_bytes())
    lines = compute(setting)
    bad = [line["row"] for line in lines if line["outcome"] == "quarantined"]
    assert len(lines) == 4 and len(bad) == 1
    assert bad[0]["code"] == "E201" and bad[0]["relpath"] == "b/\\udcff.png"


def test_a_file_that_changes_while_it_is_read_is_quarantined(setting, monkeypatch):
    read = radiograph.file_bytes

    def slow(path: Path) -> bytes:
        data = read(path)
        if path.name == "image001.jpg":
            path.write_bytes(data + b"more")
        return data

    monkeypatch.setattr(radiograph, "file_bytes", slow)
    assert sorted(line["why"] for line in compute(setting)) == ["", "", "E207"]


def test_no_lung_is_a_fault_with_the_images_name(setting, monkeypatch):
    def none(*_: object) -> None:
        raise ItemFault("E240", "image", "no lung", "a chest", "look")

    monkeypatch.setattr(segmentation, "segment", none)
    rows = [line["row"] for line in compute(setting)]
    assert {row["code"] for row in rows} == {"E240"} and {r["stage"] for r in rows} == {"segment"}
    assert not radiographs.tree(setting.out)
