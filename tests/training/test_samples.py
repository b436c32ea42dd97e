"""Samples: who is in which split, what a label says, and what is refused early."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from made_up_samples import sample

from cxrkit.errors import InputRefused
from cxrkit.pipeline import assemble
from cxrkit.training import pixel_store, planes, samples, targets
from cxrkit.training.targets import Observation

DISC = (Observation("Disc"),)


def test_an_archive_gives_its_frontal_images_with_labels_and_patients(drawn_archive: Path) -> None:
    found = samples.gather(f"shenzhen:{drawn_archive}")
    assert [s.image_id for s in found] == sorted(s.image_id for s in found)
    assert len(found) == 12
    for s in found:
        _, number, ill = s.image_id.split("_")
        assert (s.patient_id, s.labels) == (number, {"Tuberculosis": int(ill)})
        assert s.image == drawn_archive / "images" / f"{s.image_id}.png"
        assert (s.split, s.mask, s.mask_convention) == ("", None, "")


def test_patients_are_split_whole_in_the_order_of_the_hash() -> None:
    listed = [sample(n, {"Disc": 1}, patient_id=f"p{n // 3}") for n in range(60)]
    found = samples.split(listed, 0.2, 0.3, 7)
    order = sorted(
        {s.patient_id for s in listed},
        key=lambda p: hashlib.sha256(f"7\0guangzhou\0{p}".encode()).hexdigest(),
    )
    # 60 images: test until 18 are taken (6 patients), validate until 30 are (4), the rest trains.
    expected = dict.fromkeys(order[:6], "test") | dict.fromkeys(order[6:10], "validate")
    assert {s.patient_id: s.split for s in found} == dict.fromkeys(order[10:], "train") | expected


def test_an_own_split_is_kept_and_validation_is_taken_from_its_patients_to_train_on() -> None:
    listed = [sample(n, {"Disc": 1}, "test" if n < 10 else "train") for n in range(40)]
    found = samples.split(listed, 0.2, 0.5, 0)
    splits = [s.split for s in found]
    assert splits[:10] == ["test"] * 10
    assert {name: splits[10:].count(name) for name in set(splits[10:])} == {
        "train": 24,
        "validate": 6,
    }
    whole = [replace(s, split="validate") if n % 3 else s for n, s in enumerate(listed)]
    assert [s.split for s in samples.split(whole, 0.2, 0.5, 0)] == [s.split for s in whole]


def test_a_patient_in_two_splits_an_image_given_twice_and_half_a_split_are_refused() -> None:
    one = sample(1, {}, "train")
    with pytest.raises(InputRefused, match=r"E109 .*1 patients are in more than one split"):
        samples.split([one, sample(2, {}, "test", patient_id="p001")], 0, 0.2, 0)
    with pytest.raises(InputRefused, match=r"E107 .*guangzhou:i001: the image is there twice"):
        samples.split([one, one], 0.2, 0.2, 0)
    with pytest.raises(InputRefused, match=r"E109 .*1 of its images have no published split"):
        samples.split([one, sample(2, {})], 0.2, 0.2, 0)


def test_no_source_is_refused(tmp_path: Path) -> None:
    for source in (str(tmp_path), f"nothing:{tmp_path}"):
        with pytest.raises(InputRefused, match="E101"):
            samples.gather(source)


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two images as `cxr build` writes them."""
    folder = tmp_path / "dataset"
    folder.mkdir()
    blank = {name: "" if kind == pl.String() else None for name, kind in assemble.SCHEMA.items()}
    rows = []
    for number, (name, split) in enumerate((("a", "train"), ("b", "test"))):
        rows.append(blank | {
            "archive": "shenzhen", "image_id": name, "patient_id": f"p{number}",
            "image": f"images/{name}.png", "segmented": f"files/{name}.jpg",
            "mask": f"masks/{name}.png", "mask_convention": "excluded", "view": "PA",
            "split": split, "sex": "F", "age": 40.0, "rows": 200, "columns": 180,
            "Pneumonia": 1, "labels": '{"Tuberculosis": 0}', "extra": '{"a": "b"}',
            "report": "Clear.",
        })  # fmt: skip
        drawn = np.zeros((224, 224), np.uint8)
        drawn[60:160, 50 : 100 + 50 * number] = 255
        for part, pixels in (("masks", drawn), ("files", drawn // 2)):
            path = folder / rows[-1]["mask" if part == "masks" else "segmented"]
            path.parent.mkdir(exist_ok=True)
            cv2.imwrite(str(path), pixels)
    pl.DataFrame(rows, schema=assemble.SCHEMA, orient="row").write_parquet(
        folder / assemble.RECORDS
    )
    (folder / "run.json").write_text(json.dumps({"tool": {"name": "cxrkit"}}))
    (folder / "SHA256SUMS.txt").write_text("")
    return folder


def test_a_dataset_brings_its_split_masks_labels_and_report(dataset: Path) -> None:
    first, second = samples.gather(str(dataset), Path("ROOT"))
    assert (first.split, second.split) == ("train", "test")
    assert first.labels == {"Tuberculosis": 0, "Pneumonia": 1}
    assert (first.report, first.extra, first.patient_id) == ("Clear.", {"a": "b"}, "p0")
    assert (first.image, first.mask) == (Path("ROOT/images/a.png"), dataset / "masks/a.png")
    assert samples.gather(str(dataset))[0].image is None
    (dataset / "SHA256SUMS.txt").unlink()
    with pytest.raises(InputRefused, match=r"E101 .*no whole dataset"):
        samples.gather(str(dataset))


def test_planes_hold_what_the_files_hold_and_are_written_once(
    dataset: Path, tmp_path: Path
) -> None:
    listed = samples.gather(str(dataset))
    seen: list[int] = []
    made = planes.make(listed, tmp_path / "p", "excluded", 1, lambda done, of: seen.append(done))
    assert (seen, made.left_out) == ([1, 2], ())
    for row, s in zip(made.pixels, made.samples, strict=True):
        assert np.array_equal(row[1], cv2.imread(str(s.mask), cv2.IMREAD_GRAYSCALE))
        assert np.array_equal(row[0], cv2.imread(str(s.lungs), cv2.IMREAD_GRAYSCALE))
    again = planes.make(listed, tmp_path / "p", "excluded", 2, lambda done, of: seen.append(done))
    assert seen == [1, 2] and np.array_equal(again.pixels, made.pixels)
    cv2.imwrite(str(dataset / "masks/a.png"), np.full((224, 224), 255, np.uint8))
    changed = planes.make(listed, tmp_path / "p", "excluded", 2, lambda d, of: seen.append(d))
    assert seen == [1, 2, 1, 2] and changed.pixels[0, 1].all()
    pixel_store.remove(tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_a_file_that_cannot_be_read_is_left_out_and_named(dataset: Path, tmp_path: Path) -> None:
    (dataset / "files/a.jpg").write_bytes(b"no image")
    made = planes.make(samples.gather(str(dataset)), tmp_path / "p", "excluded", 2)
    assert [s.image_id for s in made.samples] == ["b"] and len(made.pixels) == 1
    assert [line for _, line in made.left_out] == [
        "shenzhen:a: E212 not-an-image: a.jpg: the content is of no known kind of image "
        "(expected PNG, JPEG, TIFF or DICOM). Remedy: convert it, or remove it from the folder."
    ]


def test_a_picture_of_numbers_that_are_none_is_left_out(dataset: Path, tmp_path: Path) -> None:
    broken = np.full((224, 224), np.nan, np.float32)
    cv2.imwrite(str(tmp_path / "nan.tiff"), broken)
    first, second = samples.gather(str(dataset))
    made = planes.make(
        [replace(first, image=tmp_path / "nan.tiff"), second], tmp_path / "p", "excluded", 1
    )
    assert len(made.left_out) == 1 and "nan.tiff" in made.left_out[0][1]


def test_masks_of_two_conventions_are_refused(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"E107 .*excluded and included"):
        listed = samples.gather(str(dataset))
        other = replace(listed[1], mask=None, mask_convention="")
        planes.make([listed[0], other], tmp_path / "p", "included", 1)


def test_observations_are_names_or_two_values_of_a_column() -> None:
    assert targets.parse("Edema, Pleural Effusion") == (
        Observation("Edema"),
        Observation("Pleural Effusion"),
    )
    bacterial = Observation("Bacterial", "cause", "bacteria", "virus")
    assert targets.parse("Bacterial=extra.cause:bacteria/virus") == (bacterial,)
    for text in ("", "A,,B", "A=cause:x/y", "A=extra.cause:x", "A,A"):
        with pytest.raises(InputRefused, match="E107"):
            targets.parse(text)
    found = targets.table(
        [sample(n, {}, extra=e) for n, e in enumerate(({"cause": "virus"}, {}, {"cause": "x"}))],
        (bacterial,), "ones", "zeros",
    )  # fmt: skip
    assert found[0] == 0 and np.isnan(found[1:]).all()


@pytest.mark.parametrize(
    ("uncertain", "not_mentioned", "expected"),
    [
        ("ones", "zeros", [1, 0, 1, 0]),
        ("zeros", "ignore", [1, 0, 0, None]),
        ("ignore", "zeros", [1, 0, None, 0]),
    ],
)
def test_uncertain_and_absent_labels_teach_what_is_asked(
    uncertain: str, not_mentioned: str, expected: list[int | None]
) -> None:
    listed = [sample(n, x) for n, x in enumerate(({"Disc": 1}, {"Disc": 0}, {"Disc": -1}, {}))]
    found = targets.table(listed, DISC, uncertain, not_mentioned)[:, 0]  # type: ignore[arg-type]
    assert [None if np.isnan(x) else int(x) for x in found] == expected


def test_an_archive_that_never_names_an_observation_says_nothing_of_it() -> None:
    listed = [sample(1, {"Disc": 1}), sample(2, {"Edema": 1}, archive="shenzhen")]
    found = targets.table(listed, DISC, "ignore", "zeros")[:, 0]
    assert found[0] == 1 and np.isnan(found[1])


def test_bad_labels_and_splits_are_refused_by_name() -> None:
    both = [sample(n, {"Disc": n % 2}, split) for split in ("train", "validate", "test")
            for n in range(len(split) * 10, len(split) * 10 + 2)]  # fmt: skip
    values = targets.table(both, DISC, "ignore", "zeros")
    targets.require_known(both, DISC)
    targets.require_splits(both)
    targets.require_both(both, values, DISC)
    with pytest.raises(InputRefused, match=r"E107 .*no image has the observation Edema .*Disc"):
        targets.require_known(both, (Observation("Edema"),))
    with pytest.raises(InputRefused, match=r"E108 .*guangzhou:i001: the label Disc is 2"):
        targets.require_known([*both, sample(1, {"Disc": 2})], DISC)
    with pytest.raises(InputRefused, match=r"E109 .*validate: no image"):
        targets.require_splits([s for s in both if s.split != "validate"])
    with pytest.raises(InputRefused, match=r"E109 .*1 patient"):
        targets.require_splits([replace(s, patient_id="p") for s in both])
    with pytest.raises(InputRefused, match=r"E108 .*Disc, test: 0 images with it, 2 without"):
        targets.require_both(both, np.where(np.arange(6)[:, None] < 4, values, 0), DISC)
