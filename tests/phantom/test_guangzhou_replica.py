"""The miniature Guangzhou set against its plan, the published names and the adapter."""

import re
from pathlib import Path

import pytest

from cxrkit import claims
from cxrkit.archives import guangzhou as adapter
from cxrkit.archives import table
from cxrkit.phantom.guangzhou import plan, write_release

STUDIES, SEED, SIZE = 40, 1, 64
NAMES = (
    r"person\d+_(bacteria|virus)_\d+\.jpeg",
    r"IM-\d{4}-0001\.jpeg",
    r"IM-\d{4}-0001-\d{4}\.jpeg",
    r"NORMAL2-IM-\d{4}-0001\.jpeg",
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "guangzhou"
    assert write_release(folder, STUDIES, SEED, SIZE) == STUDIES
    return folder


def test_names_are_like_the_published_ones_and_each_kind_occurs(root: Path) -> None:
    names = [p.name for p in root.rglob("*.jpeg")]
    assert len(names) == STUDIES == len([p for p in root.rglob("*") if p.is_file()])
    for kind in NAMES:
        assert any(re.fullmatch(kind, name) for name in names), kind
    known = "|".join((*NAMES, r"NORMAL2-IM-\d{4}-0001-\d{4}\.jpeg"))
    assert all(re.fullmatch(known, name) for name in names)


def test_every_folder_has_images_and_val_few(root: Path) -> None:
    counts = {
        p.relative_to(root / "chest_xray").as_posix(): len(list(p.iterdir()))
        for p in (root / "chest_xray").glob("*/*")
    }
    assert set(counts) == {f"{s}/{c}" for s in ("train", "val", "test")
                           for c in ("NORMAL", "PNEUMONIA")}  # fmt: skip
    assert counts["val/NORMAL"] < counts["train/NORMAL"]
    assert counts["val/PNEUMONIA"] < counts["train/PNEUMONIA"]


def test_the_adapter_reads_what_was_planned(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED, SIZE)}
    records = list(adapter.records(root))
    for record in records:
        image = planned[record.image_id]
        assert record.image == f"chest_xray/{image.folder}/{image.stem}.jpeg"
        assert record.patient_id == image.person
        assert record.labels == {"Pneumonia": int("consolidation" in image.exam.subject.findings)}
        assert image.exam.subject.age == "child" and 1 <= image.exam.years <= 5
    splits: dict[str, set[str]] = {}
    for record in records:
        splits.setdefault(record.patient_id, set()).add(record.split)
    assert all(len(found) == 1 for found in splits.values())


def test_claims_count_persons_and_causes_as_the_plan_has_them(root: Path) -> None:
    found = table(adapter, root)
    counted = {c.what: claims.count(c, found) for c in adapter.CARD.claims if not c.erratum}
    ill = [i for i in plan(STUDIES, SEED, SIZE) if i.folder == "train/PNEUMONIA"]
    causes: dict[str, list[str]] = {}
    for image in ill:
        causes.setdefault(image.person, []).append(image.stem.split("_")[1])
    both = sum(len(set(found)) == 2 for found in causes.values())
    assert counted["train persons with pneumonia"] == len(causes)
    assert counted["train persons with a bacteria and a virus image"] == both > 0
    once = sum(len(found) == 1 for found in causes.values())
    assert counted["train persons with one pneumonia image"] == once > 0
    assert counted["train bacteria"] == sum("bacteria" in i.stem for i in ill)
    assert counted["NORMAL"] + counted["PNEUMONIA"] == counted["images"] == STUDIES
    normal = counted["train images named IM-"] + counted["train images named NORMAL2-IM-"]
    assert normal == counted["train NORMAL"] and counted["train images named NORMAL2-IM-"] > 0
