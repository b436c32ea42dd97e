"""Which radiographs a finding is learnt from, what is drawn on them, and what is left out."""

import csv
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from cxrkit.errors import CxrkitError
from cxrkit.phantom import siim_acr as replica
from cxrkit.records import Record
from cxrkit.training import finding_cases, pixel_store
from cxrkit.training.cases import assign_splits
from cxrkit.training.finding_cases import FindingCase, Stored, gather, read_mask, store

STUDIES, SEED, SIZE = 20, 4, 64
FOLDER = "siim-acr-pneumothorax"


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same studies as the competition's form and as the PNG form."""
    root = tmp_path_factory.mktemp("siim")
    replica.write_release(root / "competition", STUDIES, SEED, SIZE)
    replica.write_png_release(root / "png", STUDIES, SEED, SIZE)
    return root


@pytest.fixture
def png(both: Path, tmp_path: Path) -> Path:
    """A copy of the PNG form to break."""
    return shutil.copytree(both / "png", tmp_path / "png")


def drawn(root: Path) -> dict[str, np.ndarray]:
    """The masks of the competition's table, filled in pixel by pixel."""
    found: dict[str, np.ndarray] = {}
    with (root / "train-rle.csv").open(newline="") as file:
        for image_id, text in list(csv.reader(file))[1:]:
            flat = found.setdefault(image_id, np.zeros(SIZE * SIZE, bool))
            place, numbers = 0, [int(n) for n in text.split() if n != "-1"]
            for gap, length in zip(numbers[::2], numbers[1::2], strict=True):
                flat[place + gap : place + gap + length] = True
                place += gap + length
    return {image_id: flat.reshape(SIZE, SIZE).T for image_id, flat in found.items()}


@pytest.mark.parametrize("form", ["competition", "png"])
def test_both_forms_give_the_listed_images_with_their_united_masks(form: str, both: Path) -> None:
    expected = drawn(both / "competition")
    gathered = gather("siim-acr", both / form)
    assert {c.image_id: c.positive for c in gathered.cases} == {
        image_id: bool(mask.any()) for image_id, mask in expected.items()
    }
    for case in gathered.cases:
        assert np.array_equal(read_mask(case), expected[case.image_id])
    unlisted = sum(not image.listed for image in replica.plan(STUDIES, SEED))
    assert unlisted > 0
    assert gathered.unknown == (unlisted if form == "competition" else 0)
    assert gathered.left_out == ()


def test_a_record_that_is_labelled_free_of_it_needs_no_mask(both: Path) -> None:
    case = next(c for c in gather("siim-acr", both / "png").cases if not c.positive)
    bare = replace(case, record=replace(case.record, mask=""))
    assert read_mask(bare).shape == (SIZE, SIZE)
    assert not read_mask(bare).any()


def test_a_corrupt_row_is_left_out_by_name(both: Path, tmp_path: Path) -> None:
    root = shutil.copytree(both / "competition", tmp_path / "broken")
    lines = (root / "train-rle.csv").read_text().splitlines()
    image_id = lines[1].split(",")[0]
    lines[1] = f"{image_id}, 1 2 three 4"
    (root / "train-rle.csv").write_text("\n".join(lines) + "\n")
    gathered = gather("siim-acr", root)
    assert len(gathered.left_out) >= 1
    assert "train-rle.csv, row" in gathered.left_out[0]
    assert image_id not in {c.image_id for c in gathered.cases}


def test_an_archive_without_masks_of_a_finding_is_refused(tmp_path: Path) -> None:
    for archive, own in (("shenzhen", "masks of lungs"), ("open-i", "no masks")):
        with pytest.raises(CxrkitError, match="E101") as refused:
            gather(archive, tmp_path)
        assert own in str(refused.value)
        assert "siim-acr" in str(refused.value)


def kept(stored: Stored) -> list[str]:
    return [c.image_id for c in stored.cases]


def test_what_is_stored_is_the_radiograph_and_its_mask(both: Path, tmp_path: Path) -> None:
    cases = gather("siim-acr", both / "png").cases
    stored = store(cases, tmp_path / "run", SIZE, 1)
    assert kept(stored) == [c.image_id for c in cases]
    for place, case in enumerate(cases):
        pixels, mask = stored.pair(place)
        assert np.array_equal(pixels, np.asarray(Image.open(case.image)))
        assert np.array_equal(mask, np.asarray(Image.open(case.root / case.record.mask)) > 0)
    half = store(cases, tmp_path / "half", SIZE // 2, 1)
    blocks = stored.pair(3)[0].reshape(SIZE // 2, 2, SIZE // 2, 2).astype(float).mean((1, 3))
    assert np.abs(half.pair(3)[0] - blocks).max() <= 0.5


def test_threads_change_nothing_and_a_second_run_reads_nothing_again(
    both: Path, tmp_path: Path
) -> None:
    cases = gather("siim-acr", both / "png").cases
    store(cases, tmp_path / "one", SIZE, 1)
    store(cases, tmp_path / "three", SIZE, 3)
    file = tmp_path / "one" / pixel_store.PIXELS
    assert file.read_bytes() == (tmp_path / "three" / pixel_store.PIXELS).read_bytes()
    before = file.stat().st_mtime_ns
    read: list[int] = []
    store(cases, tmp_path / "one", SIZE, 1, lambda done, of: read.append(done))
    assert (read, file.stat().st_mtime_ns) == ([], before)
    store(cases[1:], tmp_path / "one", SIZE, 1, lambda done, of: read.append(done))
    assert read == list(range(1, len(cases)))
    pixel_store.remove(tmp_path / "one")
    assert not (tmp_path / "one").exists()


def test_files_that_nothing_can_be_made_of_are_named_and_the_rest_is_kept(
    png: Path, tmp_path: Path
) -> None:
    cases = gather("siim-acr", png).cases
    sick = [c for c in cases if c.positive]
    healthy = [c for c in cases if not c.positive]
    small = np.zeros((SIZE, SIZE - 2), np.uint8)
    small[4:9, 4:9] = 255
    cv2.imwrite(str(png / sick[0].record.mask), small)  # of another size
    cv2.imwrite(str(png / sick[1].record.mask), np.zeros((SIZE, SIZE), np.uint8))
    full = np.full((SIZE, SIZE), 255, np.uint8)
    cv2.imwrite(str(png / healthy[0].record.mask), full)  # the label denies it
    healthy[1].image.write_bytes(healthy[1].image.read_bytes()[:200])
    healthy[2].image.unlink()
    stored = store(cases, tmp_path / "run", SIZE, 2)
    bad = {c.image_id for c in (*sick[:2], *healthy[:3])}
    assert kept(stored) == [c.image_id for c in cases if c.image_id not in bad]
    codes = {line.split(":")[1]: line.split()[1] for line in stored.left_out}
    assert codes == {
        sick[0].image_id: "E231", sick[1].image_id: "E231", healthy[0].image_id: "E231",
        healthy[1].image_id: "E214", healthy[2].image_id: "E202",
    }  # fmt: skip
    assert all("\n" not in line for line in stored.left_out)
    # What is kept is what stands in its place in the file.
    place = kept(stored).index(cases[-1].image_id)
    assert np.array_equal(stored.pair(place)[0], np.asarray(Image.open(cases[-1].image)))


def made_up(patient: str, positive: bool, split: str, image_id: str) -> FindingCase:
    record = Record("siim-acr", image_id, f"{image_id}.png", patient_id=patient)
    return FindingCase("siim-acr", Path(), record, positive, split)  # type: ignore[arg-type]


SPLIT = [
    made_up(f"{split}{k}", k % 2 == 0, split, f"{split}{k}")
    for split in ("train", "validate", "test")
    for k in range(4)
]


def test_a_split_with_both_kinds_of_images_everywhere_is_accepted() -> None:
    finding_cases.require_learnable(SPLIT)


@pytest.mark.parametrize("split", ["train", "validate", "test"])
@pytest.mark.parametrize("positive", [True, False])
def test_a_split_without_one_kind_of_images_is_refused(split: str, positive: bool) -> None:
    left = [c for c in SPLIT if c.split != split or c.positive is not positive]
    with pytest.raises(CxrkitError, match=f"E108 .*{split}.* 0 .*"):
        finding_cases.require_learnable(left)


def test_one_patient_an_empty_split_and_an_image_twice_are_refused() -> None:
    one = [made_up("a", k % 2 == 0, "train", str(k)) for k in range(4)]
    for cases, code in (
        (one, "E109"),
        ([c for c in SPLIT if c.split != "validate"], "E109"),
        ([*SPLIT, SPLIT[0]], "E107"),
    ):
        with pytest.raises(CxrkitError, match=code):
            finding_cases.require_learnable(cases)


def test_patients_are_never_divided() -> None:
    cases = [made_up(f"p{k // 3}", k % 2 == 0, "train", str(k)) for k in range(60)]
    split = assign_splits(cases, 0.2, 0.2, 0)
    assert {c.split for c in split} == {"train", "validate", "test"}
    for patient in {c.patient_id for c in split}:
        assert len({c.split for c in split if c.patient_id == patient}) == 1
    unnamed = made_up("", True, "train", "x")
    assert unnamed.patient_id == "image:x"


def test_radiographs_are_stored_larger_than_they_are_learnt_up_to_the_published_size() -> None:
    sides = {size: finding_cases.stored_side(size) for size in (64, 224, 512, 1024)}
    assert sides == {64: 91, 224: 320, 512: 731, 1024: 1024}
