"""Laws of the phantom: what a radiograph and its truth must satisfy whoever is imaged."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from cxrkit.phantom.anatomy import FINDINGS, Phantom, Subject, draw_subject, render

SUBJECTS = {
    "thin man": Subject(sex="M", girth=0.1, seed=1),
    "woman": Subject(sex="F", girth=0.5, seed=2),
    "obese portable": Subject(sex="M", girth=0.95, view="AP", seed=3),
    "child": Subject(age="child", view="AP", stature=0.65, seed=4),
}
ROWS, COLUMNS = 320, 272
BRIGHTNESS = {
    "effusion": 1, "consolidation": 1, "edema": 1, "pneumothorax": -1, "pneumonia": 1,
    "opacity": 1, "atelectasis": 1, "pleura": 1, "mediastinum": 1, "pacemaker": 1, "wires": 1,
}  # fmt: skip


def picture(subject: Subject, seed: int = 0) -> Phantom:
    return render(subject, ROWS, COLUMNS, np.random.default_rng(seed))


@pytest.fixture(scope="module", params=SUBJECTS)
def phantom(request: pytest.FixtureRequest) -> Phantom:
    return picture(SUBJECTS[request.param])


def test_shapes_and_types(phantom: Phantom) -> None:
    assert phantom.radiograph.dtype == np.uint8
    masks = (phantom.right_lung, phantom.left_lung_with_heart)
    assert all(m.dtype == bool and m.shape == (ROWS, COLUMNS) for m in masks)
    assert phantom.radiograph.shape == (ROWS, COLUMNS)


def test_lungs_lie_apart_and_the_right_one_at_smaller_x(phantom: Phantom) -> None:
    assert not (phantom.right_lung_with_heart & phantom.left_lung_with_heart).any()
    right, left = (np.nonzero(m)[1] for m in (phantom.right_lung, phantom.left_lung))
    assert np.median(right) < np.median(left)
    assert right.max() < left.min()


def test_the_lung_without_heart_is_part_of_the_lung_with_it(phantom: Phantom) -> None:
    for part, whole in (
        (phantom.right_lung, phantom.right_lung_with_heart),
        (phantom.left_lung, phantom.left_lung_with_heart),
    ):
        assert not (part & ~whole).any()
        assert part.sum() < whole.sum()


def test_each_lung_is_one_piece(phantom: Phantom) -> None:
    for mask in (phantom.right_lung, phantom.left_lung_with_heart):
        assert cv2.connectedComponents(mask.astype(np.uint8))[0] == 2


def test_lungs_are_darker_than_the_mediastinum_and_brighter_than_air(phantom: Phantom) -> None:
    shot = phantom.radiograph
    lungs = phantom.right_lung | phantom.left_lung
    both = phantom.right_lung_with_heart | phantom.left_lung_with_heart
    right, left = (np.nonzero(m) for m in (phantom.right_lung, phantom.left_lung))
    rows = slice(int(np.median(right[0])), int(right[0].max()))
    middle = (right[1].max() + left[1].min()) // 2
    mediastinum = shot[rows, middle - 6 : middle + 6]
    behind_heart = both & ~lungs
    assert np.median(shot[lungs]) + 40 < np.median(mediastinum)
    assert np.median(shot[lungs]) + 15 < np.median(shot[behind_heart])
    assert np.percentile(shot, 1) + 40 < np.median(shot[lungs])


def test_same_seed_same_bytes_other_seed_other_bytes() -> None:
    subject = replace(SUBJECTS["woman"], findings=("edema", "line"))
    first, again, other = picture(subject, 5), picture(subject, 5), picture(subject, 6)
    assert first.radiograph.tobytes() == again.radiograph.tobytes()
    assert all((first.findings[n] == again.findings[n]).all() for n in subject.findings)
    assert first.radiograph.tobytes() != other.radiograph.tobytes()


def test_the_picture_does_not_depend_on_threads() -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        one = picture(SUBJECTS["woman"])
        cv2.setNumThreads(4)
        four = picture(SUBJECTS["woman"])
    finally:
        cv2.setNumThreads(threads)
    assert (one.radiograph == four.radiograph).all()


@pytest.mark.parametrize("name", FINDINGS)
@pytest.mark.parametrize("view", ["PA", "AP"])
def test_a_finding_changes_the_picture_where_its_mask_says(name: str, view: str) -> None:
    healthy = replace(SUBJECTS["thin man"], view=view, extent=0.7, side="left")
    without, ill = picture(healthy), picture(replace(healthy, findings=(name,)))
    mask = ill.findings[name]
    change = np.abs(ill.radiograph.astype(int) - without.radiograph)
    near = cv2.dilate(mask.astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    assert mask.any() and not mask.all()
    assert change[mask].mean() > 2.0
    assert change[mask].mean() > 4 * change[~near].mean()


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(
    "name",
    [
        "effusion",
        "pneumothorax",
        "consolidation",
        "nodule",
        "fracture",
        "atelectasis",
        "opacity",
        "pneumonia",
        "pleura",
        "drain",
    ],
)
def test_a_one_sided_finding_lies_on_its_side(name: str, side: str) -> None:
    ill = picture(replace(SUBJECTS["thin man"], findings=(name,), side=side))
    right = np.nonzero(ill.right_lung_with_heart)[1].mean()
    left = np.nonzero(ill.left_lung_with_heart)[1].mean()
    at = np.nonzero(ill.findings[name])[1].mean()
    assert (abs(at - right) < abs(at - left)) == (side == "right")


def test_fluid_is_brighter_and_free_air_darker() -> None:
    healthy = replace(SUBJECTS["woman"], extent=0.8)
    base = picture(healthy).radiograph.astype(int)
    for name, sign in BRIGHTNESS.items():
        ill = picture(replace(healthy, findings=(name,)))
        assert sign * (ill.radiograph - base)[ill.findings[name]].mean() > 3


def test_cardiomegaly_takes_lung_only_where_the_heart_is_left_out() -> None:
    healthy = SUBJECTS["woman"]
    base, ill = picture(healthy), picture(replace(healthy, findings=("cardiomegaly",)))
    assert ill.left_lung.sum() < 0.95 * base.left_lung.sum()
    assert (ill.left_lung_with_heart == base.left_lung_with_heart).all()


def test_a_wide_mediastinum_is_wider_on_both_sides_above_the_heart() -> None:
    healthy = SUBJECTS["woman"]
    base, ill = picture(healthy), picture(replace(healthy, findings=("mediastinum",)))
    mask, height = ill.findings["mediastinum"], np.nonzero(base.right_lung_with_heart)[0]
    rows, columns = np.nonzero(mask)
    middle = height.min() + 0.55 * np.ptp(height)
    assert rows.max() < middle
    assert (columns < COLUMNS / 2).mean() > 0.3 and (columns > COLUMNS / 2).mean() > 0.3
    assert not (ill.right_lung & mask)[: int(middle)].sum() > 0.1 * mask.sum()
    assert (ill.left_lung.sum(), ill.right_lung.sum()) < (
        base.left_lung.sum(),
        base.right_lung.sum(),
    )


@pytest.mark.parametrize("extent", [0.1, 1.0])
@pytest.mark.parametrize("name", FINDINGS)
def test_no_finding_is_too_small_for_a_picture_of_224(name: str, extent: float) -> None:
    """At the least as at the most a mask holds pixels and the picture changes in them."""
    healthy = replace(SUBJECTS["obese portable"], extent=extent)
    without, ill = (
        render(replace(healthy, findings=found), 224, 224, np.random.default_rng(2))
        for found in ((), (name,))
    )
    mask = ill.findings[name]
    change = np.abs(ill.radiograph.astype(int) - without.radiograph)
    assert 15 < mask.sum() < 0.4 * mask.size
    assert np.percentile(change[mask], 75) >= 5


def test_the_heart_is_wider_in_a_child_and_in_an_ap_view() -> None:
    def share(subject: Subject) -> float:
        out = [picture(replace(subject, seed=s)) for s in range(4)]
        lost = sum(int(p.left_lung_with_heart.sum() - p.left_lung.sum()) for p in out)
        return lost / sum(int(p.left_lung_with_heart.sum()) for p in out)

    adult = SUBJECTS["thin man"]
    assert share(replace(adult, view="AP")) > share(adult)
    assert share(SUBJECTS["child"]) > share(adult)


def test_a_lateral_view_has_no_separate_lungs_but_its_findings() -> None:
    subject = replace(SUBJECTS["woman"], view="LATERAL", findings=("effusion", "pneumothorax"))
    lateral = picture(subject)
    assert not lateral.right_lung_with_heart.any() and not lateral.left_lung.any()
    assert lateral.findings["effusion"].any() and not lateral.findings["pneumothorax"].any()
    assert lateral.radiograph.std() > 30


@pytest.mark.parametrize("rows, columns", [(224, 224), (360, 520), (700, 560)])
def test_masks_keep_their_place_at_any_size(rows: int, columns: int) -> None:
    small = render(SUBJECTS["woman"], rows, columns, np.random.default_rng(0))
    double = render(SUBJECTS["woman"], 2 * rows, 2 * columns, np.random.default_rng(0))
    halved = double.left_lung[::2, ::2]
    both = 2 * (halved & small.left_lung).sum() / (halved.sum() + small.left_lung.sum())
    assert both > 0.985


def test_lungs_take_the_share_of_the_picture_that_real_ones_take(real_data) -> None:
    real = [
        (cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127).mean()
        for path in sorted((real_data / "shenzhen" / "masks").glob("*.png"))
    ]
    low, high = np.percentile(real, [1, 99])
    rng = np.random.default_rng(11)
    drawn = [replace(draw_subject(rng), age="adult", stature=1.0) for _ in range(24)]
    share = []
    for k, subject in enumerate(drawn):
        p = render(subject, 256, 240, np.random.default_rng(k))
        share.append((p.right_lung | p.left_lung).mean())
    assert np.mean((np.array(share) > low) & (np.array(share) < high)) > 0.95
    assert abs(np.median(share) - np.median(real)) < 0.05


def test_grey_levels_are_those_of_real_radiographs(real_data) -> None:
    """Medians of the lungs, over people, lie within the range of the real ones."""
    real = []
    for path in sorted((real_data / "shenzhen" / "images").glob("*.png"))[:30]:
        mask = cv2.imread(str(real_data / "shenzhen" / "masks" / f"{path.stem}_mask.png"), 0) > 127
        real.append(np.median(cv2.imread(str(path), 0)[mask]))
    rng = np.random.default_rng(3)
    ours = []
    for k in range(12):
        p = render(draw_subject(rng), 256, 240, np.random.default_rng(k))
        ours.append(np.median(p.radiograph[p.right_lung | p.left_lung]))
    assert min(real) - 5 < np.median(ours) < max(real) + 5
