"""Records as a torch data set: pixels, labels, faults, workers."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from cxrkit.errors import ItemFault
from cxrkit.records import Record
from cxrkit.terms import OBSERVATIONS
from cxrkit.torch import Images


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    (tmp_path / "a").mkdir()
    for number in range(4):
        pixels = rng.integers(0, 256, (60 + number, 80), np.uint8)
        cv2.imwrite(str(tmp_path / "a" / f"{number}.png"), pixels)
    return tmp_path


def record(number: int, **labels: int) -> Record:
    names = {name.replace("_", " "): value for name, value in labels.items()}
    return Record("folder", str(number), f"a/{number}.png", labels=names)


def test_an_image_is_the_squashed_radiograph_in_0_to_1(root: Path) -> None:
    image, _ = Images(root, [record(0)], size=40)[0]
    assert image.shape == (1, 40, 40) and image.dtype == torch.float32
    pixels = np.asarray(Image.open(root / "a" / "0.png"))
    expected = cv2.resize(pixels, (40, 40), interpolation=cv2.INTER_LINEAR) / 255
    np.testing.assert_allclose(image[0].numpy(), expected, atol=1e-6)


def test_labels_keep_what_is_absent_uncertain_and_not_mentioned_apart(root: Path) -> None:
    labels = Images(root, [record(0, Edema=1, Pneumonia=0, Fracture=-1)])[0][1]
    assert labels.shape == (14,) and labels.dtype == torch.float32
    found = dict(zip(OBSERVATIONS, labels.tolist(), strict=True))
    assert (found["Edema"], found["Pneumonia"], found["Fracture"]) == (1, 0, -1)
    assert labels.isnan().sum() == 11


def test_an_observation_is_found_under_the_archives_name_and_its_own(root: Path) -> None:
    records = [record(0, Effusion=1, Infiltration=0)]
    names = ("Infiltration", "Pleural Effusion", "Effusion", "Mass")
    labels = Images(root, records, observations=names)[0][1]
    assert labels[:3].tolist() == [0, 1, 1] and labels[3].isnan()


def test_a_file_that_cannot_be_read_is_named_with_its_path(root: Path) -> None:
    (root / "a" / "0.png").write_bytes(b"no image")
    images = Images(root, [record(0), record(9)])
    with pytest.raises(ItemFault, match=r"E212 not-an-image: a/0\.png"):
        images[0]
    with pytest.raises(ItemFault, match=r"E202 missing-file: a/9\.png"):
        images[1]


def test_pixels_that_are_not_finite_are_refused(root: Path) -> None:
    pixels = np.random.default_rng(0).random((40, 40)).astype(np.float32)
    pixels[3, 4] = np.nan
    Image.fromarray(pixels).save(root / "nan.tif")
    with pytest.raises(ItemFault, match=r"E213 .*nan\.tif"):
        Images(root, [Record("folder", "nan", "nan.tif")])[0]


def test_a_corrupt_row_of_a_table_is_refused(root: Path) -> None:
    broken = Record("folder", "t-row-3", "t-row-3", fault="t.csv, row 3: column Edema: x")
    with pytest.raises(ItemFault, match=r"E103 .*column Edema"):
        Images(root, [broken])[0]


def test_a_worker_gives_what_the_process_itself_gives(root: Path) -> None:
    images = Images(root, (record(n, Edema=n % 2) for n in range(4)), size=32)
    assert len(images) == 4
    alone = [images[n] for n in range(4)]
    loader = DataLoader(images, batch_size=2, num_workers=1, multiprocessing_context="spawn")
    pixels, labels = (torch.cat(parts) for parts in zip(*loader, strict=True))
    assert torch.equal(pixels, torch.stack([image for image, _ in alone]))
    assert torch.equal(labels.nan_to_num(7), torch.stack([x for _, x in alone]).nan_to_num(7))


def test_a_worker_passes_the_fault_on(root: Path) -> None:
    (root / "a" / "1.png").write_bytes(b"")
    loader = DataLoader(Images(root, [record(1)]), num_workers=1, multiprocessing_context="fork")
    with pytest.raises(RuntimeError, match=r"E210 empty-file: a/1\.png"):
        list(loader)
