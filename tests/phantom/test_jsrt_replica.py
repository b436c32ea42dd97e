"""The miniature JSRT against numpy, Pillow and the adapter."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cxrkit.archives import jsrt as adapter
from cxrkit.imaging import radiograph
from cxrkit.phantom import release
from cxrkit.phantom.jsrt import gif, plan, write_release

STUDIES, SEED, SIZE = 12, 4, 96


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replica") / "jsrt"
    assert write_release(folder, STUDIES, SEED, SIZE) == STUDIES
    return folder


def test_names_and_folds(root: Path) -> None:
    stems = {image.stem: image for image in plan(STUDIES, SEED)}
    assert {p.name for p in root.iterdir()} == {f"{stem}.IMG" for stem in stems} | {"scratch"}
    for structure in ("left lung", "right lung", "heart"):
        for fold, odd in (("fold1", 1), ("fold2", 0)):
            found = {p.stem for p in (root / "scratch" / fold / "masks" / structure).iterdir()}
            assert found == {stem for stem in stems if int(stem[-3:]) % 2 == odd}
    for stem, image in stems.items():
        assert stem.startswith("JPCLN") == ("nodule" in image.exam.subject.findings)


def test_a_file_is_big_endian_and_dark_is_high(root: Path) -> None:
    for image in plan(STUDIES, SEED)[::4]:
        data = (root / f"{image.stem}.IMG").read_bytes()
        assert len(data) == 2 * SIZE * SIZE
        values = np.frombuffer(data, np.uint8).reshape(SIZE, SIZE, 2).astype(int) @ [256, 1]
        shown = release.picture(image.exam, 0, SIZE, SIZE, SEED).radiograph.astype(float)
        assert np.abs((4095 - values) / 4095 * 255 - shown).max() < 0.5
        seen = radiograph.read(root / f"{image.stem}.IMG").pixels
        assert np.corrcoef(seen.ravel(), shown.ravel())[0, 1] > 0.9999


def test_a_gif_is_what_pillow_sees() -> None:
    rng = np.random.default_rng(0)
    for shape in ((1, 1), (1, 2), (7, 5), (33, 65), (200, 200)):
        mask = rng.random(shape) < 0.5
        with Image.open(io.BytesIO(gif(mask))) as picture:
            assert np.array_equal(np.array(picture.convert("L")), mask * 255)


def test_the_adapter_reads_labels_and_structures(root: Path) -> None:
    planned = {image.stem: image for image in plan(STUDIES, SEED)}
    for record in adapter.records(root):
        image = planned[record.image_id]
        assert record.labels == {"Nodule": int("nodule" in image.exam.subject.findings)}
        phantom = release.picture(image.exam, 0, SIZE, SIZE, SEED)
        found = adapter.structures(root, record)
        assert set(found) == {"left lung", "right lung", "heart"}
        for name, truth in (("left lung", phantom.left_lung), ("right lung", phantom.right_lung)):
            assert (found[name] & truth).sum() / (found[name] | truth).sum() > 0.9
