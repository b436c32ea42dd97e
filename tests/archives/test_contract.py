"""What every adapter owes: facts, a layout, sorted records with unique ids that are text."""

import dataclasses
import importlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import get_args

import cv2
import numpy as np
import polars as pl
import pytest

from cxrkit import archives, claims, records
from cxrkit.errors import InputRefused
from cxrkit.imaging import masks, radiograph
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS, PUBLISHED_CONVENTIONS, SPLITS, LicenceClass

NAMES = archives.names()


@pytest.fixture(scope="session")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The imitated archive of that name, small; written once, so that no adapter can lack one."""
    written: dict[str, Path] = {}

    def written_once(name: str) -> Path:
        if name not in written:
            module = importlib.import_module(f"cxrkit.phantom.{name.replace('-', '_')}")
            written[name] = tmp_path_factory.mktemp("replicas") / name
            module.write_release(written[name], studies=8, seed=1, size=64)
        return written[name]

    return written_once


def faults(
    records: list[Record], name: str, observations: Sequence[str] = OBSERVATIONS
) -> list[str]:
    """Which promises these records break."""
    ids = [r.image_id for r in records]
    paths = [r.image for r in records]
    texts = [(r.image_id, r.patient_id, r.study_id, r.view, r.split, r.sex) for r in records]
    broken = {
        "empty": not records,
        "archive": any(r.archive != name for r in records),
        "order": paths != sorted(paths),
        "unique ids": len(set(ids)) < len(ids),
        "unique paths": len(set(paths)) < len(paths),
        "blank id": "" in ids,
        "id is a file name": any("/" in i or i.startswith(".") for i in ids),
        "text": not all(isinstance(value, str) for row in texts for value in row),
        "path": any(p.startswith(("/", ".")) or "\\" in p or ".." in p for p in paths),
        "split": any(r.split not in ("", *SPLITS) for r in records),
        "sex": any(r.sex not in ("", "M", "F", "O") for r in records),
        "observation": bool(observations)
        and any(o not in observations for r in records for o in r.labels),
        "label": any(v not in (1, 0, -1) for r in records for v in r.labels.values()),
        "extra": not all(isinstance(v, str) for r in records for v in r.extra.values()),
    }
    return [promise for promise, is_broken in broken.items() if is_broken]


def test_the_five_archives_are_there() -> None:
    assert {"folder", "guangzhou", "mimic-cxr-jpg", "shenzhen", "v7"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_records_keep_the_contract(name: str, replica: Callable[[str], Path]) -> None:
    archive = archives.load(name)
    assert faults(list(archive.records(replica(name))), name, archive.CARD.observations) == []


@pytest.mark.parametrize("name", NAMES)
def test_records_are_the_same_twice(name: str, replica: Callable[[str], Path]) -> None:
    root = replica(name)
    assert list(archives.load(name).records(root)) == list(archives.load(name).records(root))


def test_broken_records_are_seen() -> None:
    good = Record("x", "a", "a.png")
    assert faults([good], "x") == []
    bad = {
        "archive": {"archive": "y"},
        "id is a file name": {"image_id": "a/b"},
        "path": {"image": "/a.png"},
        "split": {"split": "val"},
        "sex": {"sex": "male"},
        "observation": {"labels": {"Covid": 1}},
        "label": {"labels": {"Edema": 2}},
        "text": {"patient_id": 7},
        "extra": {"extra": {"age": 7}},
    }
    for promise, change in bad.items():
        assert faults([dataclasses.replace(good, **change)], "x") == [promise]
    assert faults([good, good], "x") == ["unique ids", "unique paths"]
    assert faults([Record("x", "b", "b.png"), good], "x") == ["order"]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_complete(name: str) -> None:
    module = importlib.import_module(f"cxrkit.archives.{name.replace('-', '_')}")
    card = module.CARD
    assert len(module.__doc__) > 200 and "lacks" in module.__doc__
    assert card.title and card.terms and module.LAYOUT and "\n" not in module.LAYOUT
    assert card.licence in get_args(LicenceClass)
    assert card.mask_convention in (None, *PUBLISHED_CONVENTIONS)
    assert (card.mask_of == "lungs") == (card.mask_convention is not None)
    assert not card.mask_of or hasattr(module, "MASK_VALUES") or hasattr(module, "mask")
    assert card.patients and card.reads
    if name == "folder":  # nobody published it
        return
    assert card.homepage.startswith("https://")
    assert card.citation.startswith("@") and card.citation.count("{") == card.citation.count("}")
    assert card.authors and card.published_on and card.tasks
    assert card.claims and all(c.value > 0 and c.source for c in card.claims)
    assert set(card.contains + card.part_of).isdisjoint({name})


@pytest.mark.parametrize("name", NAMES)
def test_an_absent_layout_is_refused_at_the_call(name: str, tmp_path: Path) -> None:
    root = tmp_path / "absent" if name == "folder" else tmp_path
    archive = archives.load(name)
    with pytest.raises(InputRefused) as caught:
        archive.records(root)
    assert caught.value.code == "E101"
    assert archive.LAYOUT in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_no_pixel_is_read(
    name: str, replica: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every image of the trees is an empty file, and none of them is opened."""
    root = replica(name)
    opened: list[str] = []
    open_ = Path.open

    def note(path: Path, *args: str, **options: str) -> object:
        opened.append(path.name)
        return open_(path, *args, **options)

    monkeypatch.setattr(Path, "open", note)
    assert list(archives.load(name).records(root))
    suffixes = (".png", ".jpg", ".jpeg", ".tiff")
    assert not [o for o in opened if o.lower().endswith(suffixes)]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_and_the_records_are_one(name: str, replica: Callable[[str], Path]) -> None:
    archive, root = archives.load(name), replica(name)
    table = archives.table(archive, root)
    assert list(records.from_frame(table)) == list(archive.records(root))
    observed = [c.removeprefix("labels.") for c in table.columns if c.startswith("labels.")]
    assert observed[: len(archive.CARD.observations)] == list(archive.CARD.observations)


@pytest.mark.parametrize("name", NAMES)
def test_every_claim_can_be_counted_or_says_that_it_cannot(
    name: str, replica: Callable[[str], Path]
) -> None:
    archive, root = archives.load(name), replica(name)
    tables = {"records": archives.table(archive, root), "annotations": None}
    tables["annotations"] = archives.annotations(archive, root)
    for claim in archive.CARD.claims:
        table = tables[claim.table]
        assert table is not None
        found = claims.count(claim, table)
        assert found is None or found >= 0


@pytest.mark.parametrize("name", NAMES)
def test_annotations_keep_their_columns(name: str, replica: Callable[[str], Path]) -> None:
    archive, root = archives.load(name), replica(name)
    marked = archives.annotations(archive, root)
    if marked is None:
        return
    assert dict(marked.schema) == archives.ANNOTATIONS
    assert set(marked["value"]) <= {1, 0, -1}
    assert set(marked["image_id"]) <= {r.image_id for r in archive.records(root)}


@pytest.mark.parametrize("name", NAMES)
def test_a_file_name_that_is_not_utf_8_spares_the_other_files(
    name: str, replica: Callable[[str], Path], tmp_path: Path
) -> None:
    archive, root = archives.load(name), tmp_path / name
    shutil.copytree(replica(name), root)
    before = archives.table(archive, root)
    folders = sorted({path.parent for path in root.rglob("*") if path.is_file()})
    for number, folder in enumerate(folders):
        file = min(path for path in folder.iterdir() if path.is_file())
        shutil.copy(file, folder / os.fsdecode(b"%d\xff%s" % (number, file.suffix.encode())))
    after = archives.table(archive, root)
    added = after.filter(~pl.col("image").is_in(before["image"].to_list()))
    assert after.height - added.height == before.height
    assert added["fault"].str.contains("the name is not UTF-8").all()
    archives.annotations(archive, root)


@pytest.mark.parametrize("name", NAMES)
def test_own_masks_fit_their_images(name: str, replica: Callable[[str], Path]) -> None:
    archive, root = archives.load(name), replica(name)
    masked = [r for r in archive.records(root) if r.mask]
    assert bool(masked) == bool(archive.CARD.mask_of)
    for record in masked[:4]:
        mask, ignore = archives.read_mask(archive, root, record)
        picture = radiograph.read(root / record.image)
        assert mask.dtype == ignore.dtype == bool
        assert mask.shape == ignore.shape == (picture.rows, picture.columns)


@pytest.mark.parametrize("name", ["shenzhen", "v7"])
def test_real_masks_are_read_with_the_stated_gray_values(name: str, real_data: Path) -> None:
    """Against the plain file: lung is the bright half, ignored is V7's middle gray."""
    module, root = importlib.import_module(f"cxrkit.archives.{name}"), real_data / name
    for record in list(module.records(root))[::5]:
        lung, ignore = masks.read_mask(root / record.mask, **module.MASK_VALUES)
        plain = cv2.imread(str(root / record.mask), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(lung, plain > 127)
        assert np.array_equal(ignore, (plain == 127) & (name == "v7"))


def test_a_published_mask_without_interpolation_has_two_values(real_data: Path) -> None:
    """Grays are in some Shenzhen copies, so the range is needed, and not in all of them."""
    folder = real_data / "shenzhen" / "masks"
    values = {p.name: np.unique(cv2.imread(str(p), -1)).size for p in sorted(folder.iterdir())}
    assert sum(n > 2 for n in values.values()) == 8
    assert sum(n == 2 for n in values.values()) == 51


def test_an_archive_without_one_image_is_refused(tmp_path: Path) -> None:
    """A wrong folder must not end in a whole dataset of nothing."""
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputRefused, match=r"E101 missing-archive: .*not one image is listed"):
        archives.table(archives.load("folder"), tmp_path)
