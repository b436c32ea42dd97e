"""Findings at the radiograph's own size: decision, parts, run lengths, and models that are refused.

The networks are ONNX graphs of one operation, so that every expected mask is known beforehand.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cxrkit import finding_masks
from cxrkit.errors import CxrkitError
from cxrkit.finding_masks import Box, Decision, Finder, Found
from cxrkit.imaging.radiograph import Radiograph


def network(operation: str, size: int) -> bytes:
    """An ONNX file whose probability is one operation on its image."""
    shape = [1, 1, size, size]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape)
            for n in ("image", "probability")]  # fmt: skip
    node = helper.make_node(operation, ["image"], ["probability"])
    graph = helper.make_graph([node], "one", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17)]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    data: bytes = made.SerializeToString()
    return data


def model(folder: Path, size: int = 224, **changes: Any) -> Path:
    """A model's folder: a network that finds what is bright, and what its card says of it."""
    folder.mkdir()
    files = {}
    for precision in ("float32", "int8"):
        data = network("Identity", size)
        (folder / f"{precision}.onnx").write_bytes(data)
        sha256 = hashlib.sha256(data).hexdigest()
        files[precision] = {"file": f"{precision}.onnx", "sha256": sha256}
    card = {
        "task": "finding",
        "finding": "pneumothorax",
        "input": {"shape": [1, 1, size, size]},
        "decision": {
            "float32": {"threshold": 0.5, "smallest_share": 0.01},
            "int8": {"threshold": 0.75, "smallest_share": 0.0},
        },
        "files": files,
    }
    (folder / "card.json").write_text(json.dumps(card | changes))
    return folder


def radiograph(pixels: np.ndarray, rows: int, columns: int) -> Radiograph:
    return Radiograph(pixels, rows, columns, "png", (), ())


def test_a_mask_is_written_as_gaps_and_lengths_down_its_columns() -> None:
    mask = np.array([[0, 1, 1, 0], [0, 1, 0, 0], [0, 0, 0, 0]], bool)
    assert Found(mask, (), 1.0).rle == "3 2 1 1"
    assert Found(np.zeros((3, 4), bool), (), 0.1).rle == "-1"


def test_parts_below_the_smallest_share_are_dropped_and_those_at_it_stay() -> None:
    probability = np.zeros((10, 20), np.float32)  # 200 pixels, 1 % of them are 2
    probability[0, 0] = 0.9
    probability[5, 5:7] = 0.9
    probability[8, 15:18] = 0.5  # at the threshold is not above it
    kept = finding_masks.decide(probability, Decision(0.5, 0.01))
    assert np.argwhere(kept).tolist() == [[5, 5], [5, 6]]
    assert finding_masks.decide(probability, Decision(0.5, 0.0)).sum() == 3
    assert not finding_masks.decide(probability, Decision(0.95, 0.0)).any()
    assert finding_masks.decide(np.ones((4, 4), np.float32), Decision(0.5, 0.1)).all()


def test_boxes_hold_the_parts_from_the_left_with_their_largest_probability() -> None:
    mask, probability = np.zeros((8, 9), bool), np.full((8, 9), 0.2, np.float32)
    mask[1:3, 6:8] = True
    mask[4, 1] = mask[5, 2] = True  # they touch at a corner: one part
    probability[2, 7], probability[5, 2], probability[0, 0] = 0.7, 0.9, 1.0
    found = finding_masks.boxes(mask, probability)
    assert found == (
        Box(1, 4, 3, 6, pytest.approx(0.9)),
        Box(6, 1, 8, 3, pytest.approx(0.7)),
    )
    assert finding_masks.boxes(np.zeros((3, 3), bool), np.ones((3, 3), np.float32)) == ()


def test_a_radiograph_is_squashed_by_its_area_means() -> None:
    pixels = np.array([[0, 100, 8, 8], [100, 200, 8, 8], [1, 1, 0, 0], [1, 1, 40, 40]], np.uint8)
    assert finding_masks.squash(pixels, 2).tolist() == [[100, 8], [1, 20]]


def test_the_mask_has_the_size_of_the_radiograph_and_not_that_of_the_network() -> None:
    """A network that finds the left half: the left half of 60 x 40 is found."""
    half = np.zeros((32, 32), np.float32)
    half[:, :16] = 0.9
    finder = Finder("pneumothorax", 32, Decision(0.45, 0.0), "", lambda image: half)
    pixels = np.arange(60 * 40, dtype=np.uint16).reshape(60, 40).astype(np.uint8)
    found = finding_masks.find(radiograph(pixels, 60, 40), finder)
    assert found.mask.shape == (60, 40)
    assert found.mask[:, :20].all()
    assert not found.mask[:, 20:].any()
    assert found.probability == pytest.approx(0.9)
    assert [(b.x_min, b.y_min, b.x_max, b.y_max) for b in found.boxes] == [(0, 0, 20, 60)]
    # A copy that was read at half its size is found at its whole size all the same.
    assert finding_masks.find(radiograph(pixels[::2, ::2], 60, 40), finder).mask.shape == (60, 40)


def test_a_probability_that_is_no_number_stops_everything() -> None:
    bad = np.full((32, 32), np.nan, np.float32)
    finder = Finder("pneumothorax", 32, Decision(0.5, 0.0), "", lambda image: bad)
    with pytest.raises(CxrkitError, match="E901"):
        finding_masks.find(radiograph(np.eye(32, dtype=np.uint8), 32, 32), finder)


def test_each_file_of_a_model_has_its_own_decision(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", 64)
    float32, int8 = (finding_masks.load(folder, p) for p in ("float32", "int8"))
    assert (float32.size, float32.finding) == (64, "pneumothorax")
    assert float32.decision == Decision(0.5, 0.01)
    assert int8.decision == Decision(0.75, 0.0)
    image = np.random.default_rng(0).random((64, 64), np.float32)
    assert np.array_equal(float32.infer(image), image)
    onnx.checker.check_model(onnx.load(folder / "float32.onnx"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"task": "segmentation"}, "E506"),
        ({"decision": {}}, "E501"),
        ({"files": {"float32": {"file": "float32.onnx", "sha256": "0"}}}, "E503"),
        ({"files": {"float32": {"file": "gone.onnx", "sha256": "0"}}}, "E102"),
        ({"input": {"shape": []}}, "E501"),
    ],
)
def test_a_model_that_is_not_whole_is_refused(
    change: dict[str, Any], code: str, tmp_path: Path
) -> None:
    folder = model(tmp_path / "m", 64, **change)
    with pytest.raises(CxrkitError) as refused:
        finding_masks.load(folder)
    assert refused.value.code == code
    assert "\n" not in str(refused.value)


def test_no_model_no_card_and_no_such_precision_are_refused(tmp_path: Path) -> None:
    folder = model(tmp_path / "m", 64)
    for place, precision, code in ((tmp_path, "float32", "E102"), (folder, "int4", "E107")):
        with pytest.raises(CxrkitError, match=code):
            finding_masks.load(place, precision)
    (folder / "card.json").write_text("{")
    with pytest.raises(CxrkitError, match="E501"):
        finding_masks.load(folder)
