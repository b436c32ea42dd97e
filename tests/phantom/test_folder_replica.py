"""The hospital's folder against pydicom, Pillow and the adapter."""

from collections import Counter
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image as Picture

from cxrkit.archives import folder as adapter
from cxrkit.imaging import radiograph
from cxrkit.phantom import release
from cxrkit.phantom.folder import EXPORTS, plan, write_release

STUDIES, SEED, SIZE = 20, 7, 80


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("replica") / "folder"
    assert write_release(place, STUDIES, SEED, SIZE) == len(plan(STUDIES, SEED, SIZE))
    return place


def test_the_adapter_finds_the_images_and_leaves_out_the_rest(root: Path) -> None:
    planned = {image.path: image for image in plan(STUDIES, SEED, SIZE)}
    records = list(adapter.records(root))
    assert {r.image for r in records} == set(planned)
    assert {r.image_id for r in records} == {image.image_id for image in planned.values()}
    assert adapter.others(root) == STUDIES + 2  # reports, DICOMDIR and README.TXT


def test_names_repeat_in_many_folders(root: Path) -> None:
    names = Counter(path.name for path in root.rglob("*") if path.is_file())
    assert names["IM0001"] > 1 and names["IM0001.dcm"] > 1 and names["chest 1.png"] > 1


def test_every_kind_occurs_and_is_what_it_says(root: Path) -> None:
    planned = plan(STUDIES, SEED, SIZE)
    assert {(i.kind, i.bits, i.photometric) for i in planned} == set(EXPORTS)
    syntaxes = set()
    for image in planned:
        if image.kind in ("png", "jpeg", "tiff"):
            with Picture.open(root / image.path) as picture:
                assert picture.size == (image.columns, image.rows)
                assert picture.mode == ("L" if image.bits == 8 else "I;16")
            continue
        dataset = pydicom.dcmread(root / image.path)
        syntaxes.add(dataset.file_meta.TransferSyntaxUID.name)
        assert dataset.BitsStored == image.bits and dataset.Rows == image.rows
        assert dataset.PhotometricInterpretation == image.photometric
        assert int(dataset.pixel_array.max()) < 2**image.bits
    assert syntaxes == {"Explicit VR Little Endian", "Deflated Explicit VR Little Endian"}


def test_every_file_shows_its_phantom(root: Path) -> None:
    """Whatever the file, air is dark and the picture is the one that was computed."""
    for image in plan(STUDIES, SEED, SIZE):
        phantom = release.picture(image.exam, image.number, image.rows, image.columns, SEED)
        seen = radiograph.read(root / image.path).pixels
        shown = phantom.radiograph
        assert np.corrcoef(seen.ravel(), shown.ravel())[0, 1] > 0.995
