"""Masks: cleaning on drawings small enough to check by eye, sides, engines, weights."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from cxrkit import segmentation
from cxrkit.errors import InputRefused, IntegrityFailure, ItemFault
from cxrkit.segmentation import Recipe, Segmenter, clean, load, segment, squash, tell_apart


def drawing(*rectangles: tuple[int, int, int, int]) -> np.ndarray:
    """A (224, 224) bool mask of (top, left, bottom, right) rectangles."""
    mask = np.zeros((224, 224), bool)
    for top, left, bottom, right in rectangles:
        mask[top:bottom, left:right] = True
    return mask


RIGHT, LEFT = (40, 30, 180, 90), (40, 130, 180, 190)
SPECKS = (100, 5, 106, 12), (20, 150, 26, 158)  # left of the right lung, above the left one


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * int((a & b).sum()) / (int(a.sum()) + int(b.sum()))


def test_the_two_largest_parts_stay_and_the_third_goes() -> None:
    found = clean(drawing(RIGHT, LEFT, (190, 100, 220, 120)), Recipe())
    assert cv2.connectedComponents(found.astype(np.uint8))[0] == 3  # background and two lungs
    assert not found[190:].any()


def test_a_speck_is_no_second_lung() -> None:
    found = clean(drawing(RIGHT, (100, 150, 112, 162)), Recipe())
    assert not found[:, 100:].any()
    assert clean(drawing(RIGHT, (100, 150, 112, 162)), Recipe(smallest_share=0))[:, 100:].any()


def test_thin_bridges_are_cut_and_holes_filled() -> None:
    holed = drawing(RIGHT, LEFT, (100, 90, 102, 130))
    holed[90:110, 50:70] = False
    found = clean(holed, Recipe())
    assert not found[100:102, 100:120].any()
    assert found[90:110, 50:70].all()
    assert not clean(holed, Recipe(fill_holes=False))[95:105, 55:65].any()


def test_a_hole_open_to_the_border_is_not_filled() -> None:
    frame = drawing((0, 0, 224, 60))
    frame[100:120, 0:40] = False
    assert not clean(frame, Recipe())[105:115, 0:30].any()


def test_an_empty_mask_stays_empty() -> None:
    assert not clean(np.zeros((224, 224), bool), Recipe()).any()


def test_the_right_lung_is_at_smaller_x() -> None:
    right, left = tell_apart(drawing(RIGHT, LEFT))
    assert np.array_equal(right, drawing(RIGHT))
    assert np.array_equal(left, drawing(LEFT))


@pytest.mark.parametrize(
    "mask",
    [
        drawing(RIGHT, LEFT),
        drawing(RIGHT),
        drawing(LEFT),
        drawing(RIGHT, LEFT, (90, 90, 110, 130)),
        drawing(RIGHT, LEFT, *SPECKS),
        drawing(),
    ],
    ids=["two", "right only", "left only", "grown together", "with specks", "nothing"],
)
def test_sides_are_disjoint_and_whole(mask: np.ndarray) -> None:
    right, left = tell_apart(mask)
    assert not (right & left).any()
    assert np.array_equal(right | left, mask)


def test_lungs_grown_together_are_cut_between_them() -> None:
    right, left = tell_apart(drawing(RIGHT, LEFT, (90, 90, 110, 130)))
    assert not right[:, 131:].any()
    assert not left[:, :89].any()


def test_specks_are_no_lungs_and_go_to_the_nearer_one() -> None:
    right, left = tell_apart(drawing(RIGHT, LEFT, *SPECKS))
    assert np.array_equal(right, drawing(RIGHT, SPECKS[0]))
    assert np.array_equal(left, drawing(LEFT, SPECKS[1]))
    right, left = tell_apart(drawing(RIGHT, SPECKS[1]))
    assert np.array_equal(right, drawing(RIGHT, SPECKS[1])) and not left.any()


def test_one_lung_keeps_its_side() -> None:
    assert tell_apart(drawing(LEFT))[0].sum() == 0
    assert tell_apart(drawing(RIGHT))[1].sum() == 0


def test_squash_is_the_linear_resize_to_224() -> None:
    image = np.random.default_rng(0).integers(0, 256, (300, 500), np.uint8)
    expected = cv2.resize(image, (224, 224), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(squash(image), expected)


def test_nothing_found_is_a_fault_and_not_an_empty_mask() -> None:
    blind = Segmenter("excluded", "none", "", lambda image: np.zeros_like(image))
    with pytest.raises(ItemFault, match="E240 no-lung-found"):
        segment(np.zeros((224, 224), np.uint8), blind, Recipe())


def test_certainty_is_one_where_the_network_does_not_hesitate() -> None:
    sure = Segmenter("excluded", "none", "", lambda image: drawing(RIGHT, LEFT).astype(np.float32))
    assert segment(np.zeros((224, 224), np.uint8), sure, Recipe()).certainty == pytest.approx(1)


@pytest.mark.parametrize("option", ["convention", "engine", "precision"])
def test_unknown_choices_are_refused(option: str) -> None:
    with pytest.raises(InputRefused, match="E107"):
        load(**{"convention": "excluded", option: "other"})


def test_changed_weights_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "weights"
    shutil.copytree(segmentation.WEIGHTS, weights)
    file = weights / json.loads((weights / "card.json").read_text())["files"]["int8"]["file"]
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(IntegrityFailure, match="E503"):
        load("excluded", "onnxruntime", weights=weights)


def test_a_folder_without_weights_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"E102 .*card\.json"):
        load("excluded", "onnxruntime", weights=tmp_path)


@pytest.mark.parametrize("name", segmentation.SHIPPED)
def test_shipped_card_states_data_recipe_and_scores(name: str) -> None:
    card = json.loads((segmentation.weights_folder(name) / "card.json").read_text())
    assert {d["archive"] for d in card["data"]} == {"shenzhen", "v7", "guangzhou"}
    assert all(d["terms"] and d["citation"] for d in card["data"])
    assert card["outputs"] == ["excluded", "included"]
    for scores in card["scores"].values():
        for score in scores.values():
            low, high = score["dice_95_interval"]
            assert low <= score["dice"] <= high


def test_the_small_network_is_within_half_a_point_on_the_same_patients() -> None:
    whole, small = (
        json.loads((folder / "card.json").read_text()) for folder in segmentation.SHIPPED.values()
    )
    assert whole["split_sha256"] == small["split_sha256"]
    assert small["parameters"] < whole["parameters"]
    for archive, scores in whole["scores"]["int8"].items():
        assert small["scores"]["int8"][archive]["dice"] > scores["dice"] - 0.005


def test_a_path_is_no_name(tmp_path: Path) -> None:
    assert segmentation.weights_folder(str(tmp_path)) == tmp_path


@pytest.fixture(scope="module")
def radiographs(real_data: Path) -> list[np.ndarray]:
    files = sorted((real_data / "chestx-ray14" / "images").glob("*.png"))[:12]
    return [squash(cv2.imread(str(f), cv2.IMREAD_GRAYSCALE)) for f in files]


@pytest.mark.parametrize("convention", ["excluded", "included"])
def test_engines_agree(radiographs: list[np.ndarray], convention: str) -> None:
    pytest.importorskip("openvino")
    one, other = (load(convention, engine) for engine in ("onnxruntime", "openvino"))
    pairs = [
        (segment(r, one, Recipe()).mask, segment(r, other, Recipe()).mask) for r in radiographs
    ]
    assert min(dice(a, b) for a, b in pairs) >= 0.999


def test_heart_is_in_one_mask_and_not_in_the_other(radiographs: list[np.ndarray]) -> None:
    without, with_heart = (load(c, "onnxruntime") for c in ("excluded", "included"))
    areas = [
        (segment(r, without, Recipe()).mask.sum(), segment(r, with_heart, Recipe()).mask.sum())
        for r in radiographs
    ]
    assert np.mean([b / a for a, b in areas]) > 1.05


def test_a_signal_finds_its_stack_after_two_networks_are_gone() -> None:
    """In the order in which they came; a signal whose stack is gone ends the process with 139."""
    code = """
import os, signal
from cxrkit import segmentation
first = segmentation.load("excluded", "openvino")
second = segmentation.load("included", "openvino")
del first
del second
signal.signal(signal.SIGINT, lambda number, frame: print("came"))
os.kill(os.getpid(), signal.SIGINT)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "came\n")


def test_shipped_scores_come_out_again(real_data: Path) -> None:
    """Mean Dice over all drawn Shenzhen masks, most of them trained on: a floor, not a score."""
    masks = sorted((real_data / "shenzhen" / "masks").glob("*.png"))[:15]
    segmenter = load("excluded", "onnxruntime")
    scores = []
    for path in masks:
        image = path.parents[1] / "images" / path.name.replace("_mask", "")
        drawn = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        drawn = cv2.resize(drawn, (224, 224), interpolation=cv2.INTER_NEAREST) > 127
        pixels = squash(cv2.imread(str(image), cv2.IMREAD_GRAYSCALE))
        scores.append(dice(segment(pixels, segmenter, Recipe()).mask, drawn))
    assert np.mean(scores) > 0.95


@pytest.mark.parametrize("engine", segmentation.ENGINES)
def test_loading_and_running_an_engine_asks_nobody_on_a_network(
    engine: str, tmp_path: Path
) -> None:
    """An audit hook notes every look-up and connection, also of a process that is forked for it."""
    watched = """
import os, sys
def hook(event, arguments):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"):
        os.write(notes, event.encode())
notes = os.open("notes", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
sys.addaudithook(hook)
import numpy as np
from cxrkit import segmentation
if "{engine}" == "probe":
    import socket
    if os.fork():
        os.wait()
    else:
        socket.getaddrinfo("localhost", 80)
        os._exit(0)
else:
    segmentation.load("excluded", "{engine}").infer(np.zeros((224, 224), np.float32))
"""
    # Nothing that tells telemetry to be silent: neither a build server's variables nor an answer
    # given once and kept at home.
    paths = {k: os.environ[k] for k in ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH") if k in os.environ}
    for name, seen in ((engine, False), ("probe", True)):
        home = tmp_path / name
        home.mkdir()
        run = [sys.executable, "-c", watched.replace("{engine}", name)]
        subprocess.run(run, check=True, cwd=home, env={**paths, "HOME": str(home)})
        assert bool((home / "notes").read_bytes()) is seen
        assert [p.name for p in home.iterdir()] == ["notes"]
