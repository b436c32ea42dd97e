"""What is written of the images that were learnt from, and that the shipped lists are theirs."""

import json
from pathlib import Path

import pytest
from made_up_samples import sample

from cxrkit.quality import trained_on
from cxrkit.quality.estimate import CALIBRATION
from cxrkit.segmentation import SHIPPED
from cxrkit.training import cases, learnt


def test_train_and_validate_are_listed_and_test_is_not(tmp_path: Path) -> None:
    listed = [sample(n, {}, split) for n, split in enumerate(("train", "validate", "test"))]
    listed.append(sample(3, {}, "train", patient_id="image:i003"))  # no patient is known
    entry = learnt.write(tmp_path, learnt.seen(listed))
    (tmp_path / "card.json").write_text(json.dumps({"task": "classification"} | entry))
    known = trained_on.read(tmp_path)
    assert entry["trained_on"]["images"] == len(known.images) == 3
    assert len(known.patients) == 2


@pytest.mark.parametrize(
    ("folder", "splits"),
    [*((SHIPPED[name], ("train", "validate")) for name in SHIPPED), (CALIBRATION, ("train",))],
)
def test_the_shipped_lists_follow_from_the_documented_split(
    real_data: Path, folder: Path, splits: tuple[str, ...], tmp_path: Path
) -> None:
    """docs/model.md: 5 % to validate on, 15 % to test on, whole patients, seed 0."""
    masks = {"guangzhou": real_data / "guangzhou/v7_masks"}
    listed = [
        case
        for archive in ("shenzhen", "v7", "guangzhou")
        for case in cases.gather(archive, real_data / archive, masks.get(archive), "included")
    ]
    split = cases.assign_splits(listed, 0.05, 0.15, 0)
    card = json.loads((folder / "card.json").read_text())
    assert cases.split_hash(split) == card["split_sha256"]
    entry = learnt.write(tmp_path, [case for case in split if case.split in splits])
    assert entry["trained_on"] == card["trained_on"]
    assert (tmp_path / trained_on.FILE).read_bytes() == (folder / trained_on.FILE).read_bytes()
