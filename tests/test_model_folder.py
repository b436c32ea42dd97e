"""A model's folder: what is missing, damaged, foreign or for another task is said in one line."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from cxrkit import model_folder, segmentation
from cxrkit.errors import InputRefused, IntegrityFailure


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose card names one file."""
    (tmp_path / "a.onnx").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    card = {"task": "finding", "files": {"float32": {"file": "a.onnx", "sha256": digest}}}
    (tmp_path / "card.json").write_text(json.dumps(card))
    return tmp_path


def entry(folder: Path) -> dict[str, str]:
    found: dict[str, str] = model_folder.card(folder, "finding")["files"]["float32"]
    return found


def test_a_whole_folder_is_read(folder: Path) -> None:
    assert model_folder.file(folder, entry(folder), "finding") == b"weights"


def test_another_tasks_model_is_refused_by_name(folder: Path) -> None:
    with pytest.raises(InputRefused, match=r"E506 .*a model for finding \(expected report\)"):
        model_folder.card(folder, "report")


@pytest.mark.parametrize("name", ["model.pt", "model.ckpt", "model.pkl"])
def test_a_pickle_is_refused_and_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n")
    with pytest.raises(InputRefused, match="E505"):
        model_folder.card(tmp_path / name, "finding")


@pytest.mark.parametrize("path", ["", "missing", "a.onnx"])
def test_a_folder_without_card_is_refused(folder: Path, path: str) -> None:
    (folder / "card.json").unlink()
    with pytest.raises(InputRefused, match="E102"):
        model_folder.card(folder / path, "finding")


@pytest.mark.parametrize("text", ["", "{", "[]", '"card"'])
def test_a_damaged_card_is_no_card(folder: Path, text: str) -> None:
    (folder / "card.json").write_text(text)
    with pytest.raises((InputRefused, IntegrityFailure), match=r"E50[16]"):
        model_folder.card(folder, "finding")


def test_a_changed_or_cut_file_is_seen(folder: Path) -> None:
    named = entry(folder)
    for data in (b"weightz", b"weig", b""):
        (folder / "a.onnx").write_bytes(data)
        with pytest.raises(IntegrityFailure, match="E503"):
            model_folder.file(folder, named, "finding")
    (folder / "a.onnx").unlink()
    with pytest.raises(InputRefused, match="E102"):
        model_folder.file(folder, named, "finding")


def test_a_session_gives_the_outputs_by_name() -> None:
    card = model_folder.card(segmentation.WEIGHTS, "segmentation")
    data = model_folder.file(segmentation.WEIGHTS, card["files"]["int8"], "segmentation")
    run = model_folder.session(data, ["probability"])
    found = run({"image": np.zeros((1, 1, 224, 224), np.float32)})
    assert found[0].shape == (1, 2, 224, 224)
