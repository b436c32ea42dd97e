"""Inference without torch: what the network sees, what its logits mean, foreign folders."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from scipy.special import expit

from cxrkit import classification
from cxrkit.classification import Calibration, Input, channels, classify, load
from cxrkit.errors import InputRefused, IntegrityFailure
from cxrkit.imaging.contrast import clahe

HEAD = np.array([[2.0, -1.0], [-1.0, 1.0]], np.float32)


def model(inputs: int) -> bytes:
    """A network by hand: two features, the mean of each 32 x 32 box and one minus it."""
    kernel = np.zeros((2, inputs, 32, 32), np.float32)
    kernel[0, 0], kernel[1, 0] = 1 / 1024, -1 / 1024
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["image", "kernel", "bias"], ["features"], strides=[32, 32]),
            helper.make_node("GlobalAveragePool", ["features"], ["pooled"]),
            helper.make_node("Flatten", ["pooled"], ["flat"]),
            helper.make_node("Gemm", ["flat", "head"], ["logits"], transB=1),
        ],
        "by hand",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, inputs, 224, 224])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, 2]),
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 2, 7, 7]),
        ],
        [
            numpy_helper.from_array(kernel, "kernel"),
            numpy_helper.from_array(np.array([0, 1], np.float32), "bias"),
            numpy_helper.from_array(HEAD, "head"),
        ],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made)
    return bytes(made.SerializeToString())


def write(folder: Path, kind: Input) -> Path:
    """The folder of a model that finds "Bright" and "Dark"."""
    folder.mkdir()
    (folder / "model.onnx").write_bytes(model(2 if kind == "both" else 1))
    np.save(folder / "head.npy", HEAD)
    files = {}
    for key, name in (("float32", "model.onnx"), ("head", "head.npy")):
        digest = hashlib.sha256((folder / name).read_bytes()).hexdigest()
        files[key] = {"file": name, "sha256": digest}
    card = {
        "task": "classification", "observations": ["Bright", "Dark"], "files": files,
        "input": {"kind": kind}, "mask_convention": "excluded",
        "calibration": {
            "Bright": {"shift": 0.5, "temperature": 2.0, "threshold": 0.4},
            "Dark": {"shift": 0.0, "temperature": 1.0, "threshold": 0.9},
        },
    }  # fmt: skip
    (folder / "card.json").write_text(json.dumps(card))
    return folder


@pytest.fixture
def picture() -> np.ndarray:
    ramp = np.linspace(20, 230, 224).astype(np.uint8)
    return np.tile(ramp, (224, 1))


@pytest.fixture
def lungs() -> np.ndarray:
    mask = np.zeros((224, 224), bool)
    mask[50:170, 30:90] = mask[50:170, 130:190] = True
    return mask


def test_channels_by_hand(picture: np.ndarray, lungs: np.ndarray) -> None:
    image = channels(picture, None, "image")
    assert image.shape == (1, 224, 224) and image.dtype == np.float32
    assert np.array_equal(image[0], clahe(picture).astype(np.float32) / 255)
    both = channels(picture, lungs, "both")
    assert np.array_equal(both[0], image[0]) and np.array_equal(both[1] == 1, lungs)
    assert set(np.unique(both[1])) == {0, 1}
    seen = channels(picture, lungs, "lungs")
    assert seen.shape == (1, 224, 224) and (seen[0][~lungs] == 0).all() and seen[0][lungs].any()


def test_nothing_outside_the_lungs_has_a_say(picture: np.ndarray, lungs: np.ndarray) -> None:
    other = np.where(lungs, picture, 255 - picture).astype(np.uint8)
    assert np.array_equal(channels(picture, lungs, "lungs"), channels(other, lungs, "lungs"))


def test_a_network_that_sees_lungs_needs_a_mask(picture: np.ndarray) -> None:
    for kind in ("lungs", "both"):
        with pytest.raises(InputRefused, match=r"E107 .*mask: none is given"):
            channels(picture, None, kind)  # type: ignore[arg-type]


def test_findings_by_hand(tmp_path: Path, picture: np.ndarray) -> None:
    found = classify(picture, None, load(write(tmp_path / "m", "image")))
    image = channels(picture, None, "image")[0].astype(np.float64)
    boxes = image.reshape(7, 32, 7, 32).mean((1, 3))
    features = np.stack([boxes, 1 - boxes])
    logits = HEAD @ features.mean((1, 2))
    assert found.probability["Bright"] == pytest.approx(expit((logits[0] - 0.5) / 2), abs=1e-5)
    assert found.probability["Dark"] == pytest.approx(expit(logits[1]), abs=1e-5)
    assert found.positive == {
        "Bright": found.probability["Bright"] >= 0.4,
        "Dark": found.probability["Dark"] >= 0.9,
    }
    maps = np.maximum(np.tensordot(HEAD, features, 1) / 49, 0)
    for place, name in enumerate(("Bright", "Dark")):
        attribution = found.attribution[name]
        assert attribution.shape == (224, 224) and attribution.min() >= 0
        assert np.allclose(attribution[16::32, 16::32], maps[place], atol=2e-3)


def test_size_and_mask_of_the_source_do_not_matter(
    tmp_path: Path, picture: np.ndarray, lungs: np.ndarray
) -> None:
    model = load(write(tmp_path / "m", "both"))
    twice = classify(
        np.kron(picture, np.ones((2, 2), np.uint8)), np.kron(lungs, np.ones((2, 2), bool)), model
    )
    assert twice.probability == pytest.approx(classify(picture, lungs, model).probability, abs=1e-3)


@pytest.mark.parametrize("logit", [-800.0, -3.0, 0.0, 2.5, 800.0])
def test_probabilities_are_those_of_another_library(logit: float) -> None:
    calibration = Calibration(0.7, 1.5, 0.5)
    assert classification.probability(logit, calibration) == pytest.approx(
        expit((logit - 0.7) / 1.5)
    )


def test_folders_that_are_no_model_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", "image")
    with pytest.raises(InputRefused, match=r"E102 .*nothing.card\.json"):
        load(tmp_path / "nothing")
    cut = tmp_path / "cut"
    shutil.copytree(folder, cut)
    (cut / "model.onnx").write_bytes((folder / "model.onnx").read_bytes()[:-5])
    with pytest.raises(IntegrityFailure, match=r"E503 .*model\.onnx"):
        load(cut)
    (cut / "model.onnx").unlink()
    with pytest.raises(InputRefused, match=r"E102 .*model\.onnx"):
        load(cut)
    card = json.loads((folder / "card.json").read_text())
    for task in ("segmentation", "report", None):
        (folder / "card.json").write_text(json.dumps(card | {"task": task}))
        with pytest.raises(InputRefused, match=r"E506 .*cxr train classification"):
            load(folder)
    (folder / "card.json").write_text(json.dumps({k: card[k] for k in ("task", "files")}))
    with pytest.raises(IntegrityFailure, match="E501"):
        load(folder)
    (folder / "card.json").write_text("{")
    with pytest.raises(IntegrityFailure, match="E501"):
        load(folder)


def test_no_torch_is_loaded(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", "image")
    code = (
        "import sys, numpy as np\nfrom pathlib import Path\nfrom cxrkit import classification\n"
        f"model = classification.load(Path({str(folder)!r}))\n"
        "classification.classify(np.eye(224, dtype=np.uint8), None, model)\n"
        "import cxrkit.cli.predict_classification\n"
        "print([m for m in ('torch', 'monai', 'scipy', 'onnx') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
