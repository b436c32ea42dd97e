"""The miniature PadChest against its plan, Pillow and the adapter."""

import ast
import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Picture

from cxrkit.archives import padchest as adapter
from cxrkit.errors import CxrkitError, InputRefused
from cxrkit.imaging import radiograph
from cxrkit.phantom import release
from cxrkit.phantom.padchest import TABLE, plan, size_of, words, write_release

STUDIES, SEED, SIZE = 16, 1, 64


def tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "bimcv"
    done: list[int] = []
    images = write_release(folder, STUDIES, SEED, SIZE, masks=folder.parent / "masks",
                           progress=done.append)  # fmt: skip
    assert images == len(list(folder.rglob("*.png")))
    assert done == list(range(1, STUDIES + 1))
    return folder


def rows(root: Path) -> list[dict[str, str]]:
    with (root / TABLE).open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_tree_and_the_columns_are_the_published_ones(root: Path) -> None:
    table = rows(root)
    assert set(tree(root)) == {TABLE} | {f"{r['ImageDir']}/{r['ImageID']}" for r in table}
    columns = list(table[0])
    assert len(columns) == 36 and columns[:4] == ["", "ImageID", "ImageDir", "StudyDate_DICOM"]
    assert columns[-6:] == [
        "MethodLabel", "Labels", "Localizations", "LabelsLocalizationsBySentence", "LabelCUIS",
        "LocalizationsCUIS",
    ]  # fmt: skip
    for row in table:
        assert isinstance(ast.literal_eval(row["Localizations"]), list)
        assert not row["Labels"] or isinstance(ast.literal_eval(row["Labels"]), list)


def test_the_adapter_reads_what_was_planned(root: Path) -> None:
    planned = {image.path: image for image in plan(STUDIES, SEED)}
    records = list(adapter.records(root))
    assert {r.image for r in records} == set(planned)
    for record in records:
        image = planned[record.image]
        entries = {entry.strip() for entry in image.labels or ()}
        assert record.labels == dict.fromkeys(entries, 1)
        assert (record.view, record.age, record.sex) == (
            image.view, image.exam.years, image.exam.subject.sex,
        )  # fmt: skip
        assert (record.patient_id, record.study_id) == (image.patient, image.study)
        assert (record.rows, record.columns) == size_of(image, SIZE)
        assert adapter.report(root, record) == words(image.exam)
        assert record.extra["Projection"] == image.projection


def test_every_quirk_is_in_fifty_studies() -> None:
    planned = plan(50, 0)
    texts = [image.labels for image in planned]
    assert None in texts and () in texts and ("exclude",) in texts
    assert any(" unchanged" in entries for entries in texts if entries)
    assert any(len(set(e)) < len(e) for e in texts if e)
    assert {image.projection for image in planned} == {"PA", "L", "AP", "AP_horizontal"}
    assert {image.bits for image in planned} == {12, 14, 15}
    assert any(" - " in image.image_id for image in planned)
    assert len({image.folder for image in planned}) > 20


def test_sixteen_bits_are_stored_and_fewer_are_used(root: Path) -> None:
    cut = 0
    for image in plan(STUDIES, SEED):
        try:
            pixels = np.asarray(Picture.open(root / image.path))
        except OSError:
            cut += 1
            with pytest.raises(CxrkitError):
                radiograph.read(root / image.path)
            continue
        assert Picture.open(root / image.path).mode.startswith("I")
        assert 2 ** (image.bits - 2) < pixels.max() < 2**image.bits
        phantom = release.picture(image.exam, image.number, *pixels.shape, SEED)
        assert np.array_equal(
            np.round(pixels * (255 / (2**image.bits - 1))).astype(np.uint8), phantom.radiograph
        )
    assert cut == 1, "one file of fifty studies is cut"


def test_masks_are_those_of_the_frontal_images(root: Path) -> None:
    frontal = {i.image_id[:-4] for i in plan(STUDIES, SEED) if i.view != "LATERAL"}
    for convention in ("excluded", "included"):
        assert {p.stem for p in (root.parent / "masks" / convention).iterdir()} == frontal
    assert frontal <= {r.image_id for r in adapter.records(root)}


def test_workers_do_not_change_a_byte_and_seeds_do(root: Path, tmp_path: Path) -> None:
    write_release(tmp_path / "two", STUDIES, SEED, SIZE, workers=2)
    assert tree(tmp_path / "two") == tree(root)
    assert plan(STUDIES, SEED) != plan(STUDIES, SEED + 1)


def test_a_filled_folder_and_masks_inside_are_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="E105"):
        write_release(root, 1, 0, 64)
    with pytest.raises(InputRefused, match="E107"):
        write_release(tmp_path / "a", 1, 0, 64, masks=tmp_path / "a" / "masks")
